"""The networks that engines run on, one per file, and the origin of their weights."""
