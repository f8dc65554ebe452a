"""Style: the same brush, found, mapped and painted with. Alone: `python -m demos.style [FOLDER]`."""

from __future__ import annotations

from functools import partial

from demos.components.page import Page
from demos.views import find_kinds
from demos.views.common import views
from demos.views.find import draw_find
from demos.views.style_transfer import draw_transfer


def tab(page: Page, name: str = "style") -> None:
    """The common views, and Paint."""
    views(page, name, find=partial(draw_find, kind=find_kinds.SEVERAL), more=[("paint.title", draw_transfer)])
