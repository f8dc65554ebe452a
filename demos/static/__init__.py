"""What goes to the browser as it is: scripts and the style sheet."""

from pathlib import Path


def read(name: str) -> str:
    """The text of the file of this name here."""
    return (Path(__file__).parent / name).read_text("utf-8")
