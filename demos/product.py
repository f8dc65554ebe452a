"""Products: the same kind of thing, and beside them which of your folders the picture belongs to.

Run it alone with `python -m demos.product [FOLDER]`.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from demos import search
from engines import Engine
from features.catalogue import Catalogue
from features.library import Library


def tab(page: search.Page, name: str = "product") -> None:
    """The generic tab with the classifier's opinion beside the similar items."""

    def label() -> gr.Label:
        return gr.Label(
            label="Which folder it belongs to", num_top_classes=6, elem_classes="opinion", min_width=200
        )

    def opinion(library: Library, catalogue: Catalogue, engine: Engine, query: Path) -> dict[str, float] | None:
        if len(catalogue.labels()) < 2:
            return None
        (probabilities,) = library.classify(catalogue, engine, [query])
        return dict(probabilities)

    search.tab(page, name, (label, opinion))


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("product", sys.argv[1:])
