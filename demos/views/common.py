"""The views that the tab of every engine has: to find, to look around, to compare. Another is one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gradio as gr

from demos.components.page import Page
from demos.i18n.language import fixed
from demos.views.find import draw_find
from demos.views.map import draw_map
from demos.views.outliers import draw_odd
from demos.views.similarity import draw_kinds
from engines.messages import Message

View = Callable[[Page, str], object]
"""Draws itself into the current Blocks, for the engine of this name."""

COMMON: Sequence[tuple[str, View]] = (
    ("views.map", draw_map),
    ("views.kinds", draw_kinds),
    ("views.outliers", draw_odd),
)


def views(page: Page, name: str, find: View = draw_find, more: Sequence[tuple[str, View]] = ()) -> None:
    """Draws the tab of an engine. find: its first view. more: views of its own, after the common ones."""
    with gr.Tabs(elem_classes="views", overflow_behavior="wrap"):
        for title, view in (("common.find", find), *COMMON, *more):
            with gr.Tab(fixed(title), id=Message(title).split()[0].lower()):
                view(page, name)
