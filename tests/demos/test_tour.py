"""The tour names every tab and view of the app, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from demos.suite import build
from docs.make_tour import PHONE, SCREENS, SHOTS, WIDTH
from features.library import Library
from tests.support import ROOT
from tests.support.browsing import in_english

DOCS = ROOT / "docs"
TOUR = (DOCS / "tour.md").read_text("utf-8")
NAMED = re.findall(r"!\[(.*)\]\(screens/(.+)\.jpg\)", TOUR)


def _titles(library: Library, folder: Path) -> list[str]:
    page = build(library, folder, local=True)
    return [in_english(block.label) for block in page.blocks.values() if isinstance(block, gr.Tab) and block.label]


def test_every_tab_and_view_has_a_place_in_it(library: Library, pictures: Path) -> None:
    """But for engines that docs/engines.md does not list: a new one is a file, and its documentation follows."""
    documented = re.findall(r"^\| `(\w+)` \|", (DOCS / "engines.md").read_text("utf-8"), re.M)
    new = {card.title for name, card in library.cards().items() if name not in documented}
    titles = [title for title in _titles(library, pictures) if title not in new]
    assert {"Look-alike", "Odd ones", "Catalogue", "Which suits my pictures?"} <= set(titles)
    assert [title for title in titles if f"\n## {title}\n" not in TOUR and f"**{title}**" not in TOUR] == []


def test_it_names_every_picture_that_is_taken_once_and_no_other() -> None:
    assert sorted(name for _, name in NAMED) == sorted(SHOTS)
    assert {path.stem for path in SCREENS.iterdir()} == set(SHOTS)
    assert all(told for told, _ in NAMED), "for those who don't see it"


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_is_there_of_its_size_and_light(name: str) -> None:
    path = SCREENS / f"{name}.jpg"
    with Image.open(path) as picture:
        assert picture.format == "JPEG" and picture.width == (PHONE[0] if name == "phone" else WIDTH)
    assert path.stat().st_size < 150_000


def test_together_they_are_light() -> None:
    assert sum(path.stat().st_size for path in SCREENS.iterdir()) < 2_000_000
