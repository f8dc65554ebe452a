"""Products: the same kind of thing, and beside them which of your folders the picture belongs to.

Run it alone with `python -m demos.product [FOLDER]`.
"""

from __future__ import annotations

from functools import partial

import gradio as gr

from demos import search
from demos.views import views


def tab(page: search.Page, name: str = "product") -> None:
    """The common views, with the classifier's opinion beside the similar items."""

    def label() -> gr.Label:
        return gr.Label(
            label="Which folder it belongs to", num_top_classes=6, elem_classes="opinion", min_width=200
        )

    def opinion(query: search.Query) -> dict[str, float] | None:
        if len(query.catalogue.labels()) < 2:
            return None
        (probabilities,) = query.library.classify(query.catalogue, query.engine, [query.path])
        return dict(probabilities)

    views(page, name, find=partial(search.tab, aside=search.Aside(label, opinion)))


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("product", sys.argv[1:])
