"""Products: the same kind of thing, and beside them which of your folders the picture belongs to.

Run it alone with `python -m demos.product [FOLDER]`.
"""

from __future__ import annotations

import gradio as gr

from demos import search


def tab(page: search.Page, name: str = "product") -> None:
    """The generic tab with the classifier's opinion beside the similar items."""

    def label() -> gr.Label:
        return gr.Label(
            label="Which folder it belongs to", num_top_classes=6, elem_classes="opinion", min_width=200
        )

    def opinion(query: search.Query) -> dict[str, float] | None:
        if len(query.catalogue.labels()) < 2:
            return None
        (probabilities,) = query.library.classify(query.catalogue, query.engine, [query.reference])
        return dict(probabilities)

    search.tab(page, name, search.Aside(label, opinion))


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("product", sys.argv[1:])
