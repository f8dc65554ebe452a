"""What is seen inside a tab, a view to a file; each draws itself into the current Blocks."""
