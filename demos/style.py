"""Style: the same brush, found, mapped and painted with. Run it alone with `python -m demos.style [FOLDER]`."""

from __future__ import annotations

import gradio as gr

from demos import search
from demos.map import draw_map
from demos.transfer import draw_transfer


def tab(page: search.Page, name: str = "style") -> None:
    """The views Find, Map and Paint."""
    with gr.Tabs(elem_classes="views"):
        with gr.Tab("Find", id="search"):
            search.tab(page, name, kind=search.SEVERAL)
        with gr.Tab("Map", id="map"):
            draw_map(page, name)
        with gr.Tab("Paint", id="paint"):
            draw_transfer(page, name)


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("style", sys.argv[1:])
