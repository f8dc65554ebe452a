"""The app: demos.suite is all of it, `python -m demos.style` one tab. Importing this loads nothing."""
