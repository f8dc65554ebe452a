"""Style: the same brush, found, mapped and painted with. Run it alone with `python -m demos.style [FOLDER]`."""

from __future__ import annotations

from functools import partial

from demos import search
from demos.language import later
from demos.transfer import draw_transfer
from demos.views import views


def tab(page: search.Page, name: str = "style") -> None:
    """The common views, and Paint."""
    views(page, name, find=partial(search.tab, kind=search.SEVERAL), more=[(later("Paint"), draw_transfer)])


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("style", sys.argv[1:])
