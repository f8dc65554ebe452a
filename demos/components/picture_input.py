"""The place for a picture to ask with, and the one door for a file that a client names."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from demos.i18n.language import fixed
from engines import SemblanceError, settings

RawImage = dict[str, Any] | None
"""An image as it came. Gradio's own preprocessing would decode it, and show what fails as a toast; so the events
take what came, which may be made up: `uploaded_file` refuses what was not uploaded, and the library opens the
others in the one way that all pictures are opened."""


def photo(label: str) -> gr.Image:
    """A place for a picture to ask with. label: as it stands in a page."""
    sources: list[Any] = ["upload", *["webcam"] * settings.current().webcam, "clipboard"]
    return gr.Image(
        type="filepath",
        image_mode=None,
        sources=sources,
        label=label,
        alt_text=label,
        show_label=False,
        height=280,
        placeholder=fixed("picture.drop"),
        buttons=[],
        elem_classes="drop",
    )


def uploaded_file(question: RawImage) -> Path | None:
    """The only door for what a client names. What was not uploaded gets one and the same sentence."""
    if not isinstance(question, dict) or not question.get("path"):
        return None
    with contextlib.suppress(TypeError, ValueError, OSError):
        query = Path(question["path"]).resolve()
        if query.is_relative_to(Path(get_upload_folder()).resolve()) and query.is_file():
            return query
    raise SemblanceError("picture.gone")
