"""Pictures that fit a text, in the tab; without a network that understands texts by words; captions by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demos.i18n.language import say
from demos.server.state import Shelf
from demos.tabs import words
from features.library import Library
from tests.support.browsing import visit
from tests.support.toy import BLUE, GREEN, RED, digest, paint

INSTALL = "pip install -r requirements-semantic.txt"


@pytest.fixture
def shelf(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """By words, whatever is installed here."""
    for module in ("demos.tabs.words", "features.image_index"):
        monkeypatch.setattr(f"{module}.understands", lambda engine, **how: False)
    for name, colour in (
        ("dress/évening red.png", RED),
        ("dress/green.png", GREEN),
        ("boots/blue & <b>.png", BLUE),
    ):
        paint(tmp_path / "own" / name, colour)
    return Shelf(library, tmp_path / "own", local=True)


def ask(shelf: Shelf, wanted: str, unlike: str = "", k: Any = 12) -> tuple[str, str]:
    return words._answer(shelf, shelf.first, wanted, unlike, None, k)


@pytest.mark.parametrize(
    ("wanted", "unlike", "first", "cards"),
    [
        ("evening dress", "", "évening red.png", 2),
        ("DRESS", "evening", "green.png", None),
        ("boots", "", "blue &amp; &lt;b&gt;.png", 1),
    ],
)
def test_words_find_pictures_by_names_and_folders(
    shelf: Shelf, wanted: str, unlike: str, first: str, cards: int | None
) -> None:
    html, told = ask(shelf, wanted, unlike)
    catalogue = shelf.catalogue(shelf.first, words._engine(shelf))
    own = {digest(catalogue.file(one)): catalogue.file(one).name for one in catalogue.paths}
    best = next(one for one in own if html.find(one) == min(html.find(two) for two in own if two in html))
    assert own[best] == first.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    assert cards is None or html.count('class="card"') == cards
    assert say(words.DOES) in html and "Search from" not in html, "that is what a press does here"
    assert "<b>.png" not in html and "words in names, folders, captions and tags" in told


@pytest.mark.parametrize(
    ("wanted", "said"), [("", "Say what"), ("   ", "Say what"), ("zebra", "No picture here fits")]
)
def test_nothing_asked_and_nothing_found_is_told(shelf: Shelf, wanted: str, said: str) -> None:
    assert said in ask(shelf, wanted)[0]


@pytest.mark.parametrize("k", [None, "x", -3, 10**9])
def test_a_made_up_number_does_no_harm(shelf: Shelf, k: Any) -> None:
    assert 'class="card"' in ask(shelf, "dress", k=k)[0]


def test_a_caption_by_hand_counts_at_once_and_can_be_taken_back(shelf: Shelf) -> None:
    ask(shelf, "dress")
    catalogue = shelf.catalogue(shelf.first, words._engine(shelf))
    own = digest(catalogue.root / "boots/blue & <b>.png")
    shelf.library.caption(catalogue, own, "zebra <i>stripes</i>")
    html, _ = ask(shelf, "zebra")
    assert html.count('class="card"') == 1 and "zebra &lt;i&gt;stripes" in html
    told, field, button, _ = words._chosen(shelf, catalogue, own)
    assert "Written by hand" in told and field["value"] == "zebra <i>stripes</i>" and button["visible"]
    shelf.library.caption(catalogue, own, "")
    assert "No picture here fits" in ask(shelf, "zebra")[0]


def test_a_visitor_from_elsewhere_writes_no_captions(library: Library, shelf: Shelf) -> None:
    public = Shelf(library, shelf.catalogue(shelf.first, "product").root, local=False)
    ask(public, "dress")
    catalogue = public.catalogue(public.first, "product")
    _, field, button, _ = words._chosen(public, catalogue, next(iter(catalogue.paths)))
    assert not button["visible"] and not field["interactive"]


@pytest.mark.parametrize("made_up", ["../x", "/etc/passwd", "", "f" * 64])
def test_only_a_picture_of_the_collection_is_chosen(shelf: Shelf, made_up: str) -> None:
    ask(shelf, "dress")
    with pytest.raises(KeyError):
        words._chosen(shelf, shelf.catalogue(shelf.first, "product"), made_up)


@pytest.mark.browser
def test_words_are_searched_and_a_caption_is_written(browser: Any, app: str, collection: Path) -> None:
    folder = sorted(path.name for path in collection.iterdir() if path.name[0].isalpha())[0]
    with visit(browser, app) as page:
        page.locator("[role=tab][data-tab-id=text]").click()
        panel = page.locator("[role=tabpanel]:visible").first
        panel.get_by_label("What they should show").fill(folder)
        page.keyboard.press("Enter")
        panel.locator(".card").first.wait_for()
        status = panel.locator(".status").first.inner_text()
        assert "searched" in status and ("words in names" in status or "Meaning" in status)
        if "not available" in status:
            assert INSTALL in status or "weights" in status.lower()

        panel.locator(".card").first.click()
        panel.get_by_label("Caption", exact=True).fill("a zebra on a bicycle")
        panel.get_by_role("button", name="Keep this caption").click()
        panel.locator(".captioning", has_text="Written by hand").wait_for()
        panel.get_by_label("What they should show").fill("zebra")
        page.keyboard.press("Enter")
        panel.locator(".caption", has_text="a zebra on a bicycle").wait_for()

        page.locator("[role=tab][data-tab-id=semantic]").click()
        page.locator("[role=tabpanel]:visible .state:visible").first.wait_for()
