"""Files that are made for a browser to download: where they lie, and how the download begins."""

from __future__ import annotations

import secrets
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder


def place(name: str) -> Path:
    """For a file of this name: among the uploads, where it is deleted as they are."""
    path = Path(get_upload_folder()) / secrets.token_hex(16) / name
    path.parent.mkdir(parents=True)
    return path


def button(name: str) -> gr.DownloadButton:
    """Is never seen: it gets the file, and is pressed by `press`."""
    return gr.DownloadButton(visible="hidden", elem_id=f"made-{name}")


def press(name: str) -> str:
    """JavaScript for when the file is there."""
    return f"() => setTimeout(() => document.getElementById('made-{name}').click(), 50)"
