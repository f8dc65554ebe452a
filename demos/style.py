"""Style: the same brush, found and laid out as a map. Run it alone with `python -m demos.style [FOLDER]`."""

from __future__ import annotations

import gradio as gr

from demos import search
from demos.map import draw_map


def tab(page: search.Page, name: str = "style") -> None:
    """The views Find and Map."""
    with gr.Tabs(elem_classes="views"):
        with gr.Tab("Find", id="find"):
            search.tab(page, name)
        with gr.Tab("Map", id="map"):
            draw_map(page, name)


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("style", sys.argv[1:])
