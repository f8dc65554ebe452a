"""How the built-in encoders were made, so that anyone can make them again. See report.md."""
