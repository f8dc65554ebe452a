"""What the tabs of a page share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from demos.i18n.language import say
from demos.server.state import SAMPLES, Shelf


@dataclass(frozen=True)
class Page:
    """What the tabs share. stamp: a state that changes when a catalogue has changed. tray: holds a Tray.

    selection: holds a tuple of digests, the pictures that the Gallery is to show; empty stands for all.
    """

    demo: gr.Blocks
    shelf: Shelf
    picker: gr.Dropdown
    stamp: gr.State
    tray: gr.State
    selection: gr.State


def choices(shelf: Shelf, said: Callable[[str], str] = say) -> list[tuple[str, str]]:
    """What the shelf has to choose from, (name, key); of its own samples the name is said, and no other."""
    return [(said(name) if key == SAMPLES else name, key) for name, key in shelf.choices()]
