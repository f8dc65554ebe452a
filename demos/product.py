"""Products: the same kind of thing, which of your folders a picture belongs to, and how well that is learned.

Run it alone with `python -m demos.product [FOLDER]`.
"""

from __future__ import annotations

import gradio as gr

from demos import search
from demos.classes import draw_classes, opinion


def tab(page: search.Page, name: str = "product") -> None:
    """The views Find, with the classifier's opinion beside the similar items, and Classes."""
    beside = search.Aside(
        lambda: gr.HTML(apply_default_css=False, elem_classes="opinion"), opinion(page.shelf, name)
    )
    with gr.Tabs(elem_classes="views"):
        with gr.Tab("Find", id="search"):
            search.tab(page, name, beside, search.TUNABLE)
        with gr.Tab("Classes", id="classes"):
            draw_classes(page, name)


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("product", sys.argv[1:])
