"""The parts that tabs and views are put together from."""
