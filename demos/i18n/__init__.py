"""The languages of the app, and their tables."""
