"""Products: the same kind of thing, which of your folders a picture belongs to, and how well that is learned.

Run it alone with `python -m demos.product [FOLDER]`.
"""

from __future__ import annotations

from functools import partial

import gradio as gr

from demos import search
from demos.classes import draw_classes, opinion
from demos.language import later
from demos.views import views


def tab(page: search.Page, name: str = "product") -> None:
    """The common views, with the classifier's opinion beside the similar items, and Classes."""
    beside = search.Aside(
        lambda: gr.HTML(apply_default_css=False, elem_classes="opinion"), opinion(page.shelf, name)
    )
    find = partial(search.tab, aside=beside, kind=search.TUNABLE)
    views(page, name, find=find, more=[(later("Classes"), draw_classes)])


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("product", sys.argv[1:])
