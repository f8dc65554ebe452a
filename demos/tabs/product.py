"""Products: the same kind of thing, which of your folders a picture belongs to, and how well that is learned.

Run it alone with `python -m demos.product [FOLDER]`.
"""

from __future__ import annotations

from functools import partial

import gradio as gr

from demos.components.page import Page
from demos.views import find_kinds
from demos.views.classes import draw_classes, opinion
from demos.views.common import views
from demos.views.find import draw_find


def tab(page: Page, name: str = "product") -> None:
    """The common views, with the classifier's opinion beside the similar items, and Classes."""
    beside = find_kinds.Aside(
        lambda: gr.HTML(apply_default_css=False, elem_classes="opinion"), opinion(page.shelf, name)
    )
    find = partial(draw_find, aside=beside, kind=find_kinds.TUNABLE)
    views(page, name, find=find, more=[("classes.title", draw_classes)])
