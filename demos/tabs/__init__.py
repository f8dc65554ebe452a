"""The tabs: one of an engine by the engine's name, and those that belong to no single engine."""
