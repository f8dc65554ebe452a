"""The gallery: which pictures of a catalogue are shown, in which order; and the tab that shows them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from demos.server.state import Shelf
from demos.suite import draw_page
from demos.tabs import gallery
from features.catalogue.folder import Catalogue
from features.catalogue.gallery import ORDERS, Wish
from features.library import Library
from tests.support.browsing import launched, visit
from tests.support.toy import digest, hue, paint, snapshot

NAMES = ("2.png", "shirts/10.png", "shirts/9.png", "shirts/new/Été.png", "ties/red tie.png")


@pytest.fixture
def catalogue(library: Library, pictures: Path) -> Catalogue:
    for number, name in enumerate(NAMES):
        path = paint(pictures / name, hue(10 * number), size=(8 + number, 8))
        os.utime(path, (1e9 + number, 1e9 + number))
    paint(pictures / "ties/same.png", hue(40), size=(12, 8))  # the bytes of ties/red tie.png
    catalogue = library.open(pictures)
    library.scan(catalogue)
    return catalogue


def shown(library: Library, catalogue: Catalogue, **wish: Any) -> list[str]:
    return [one.path for one in library.gallery(catalogue).select(Wish(**wish))]


def of(catalogue: Catalogue, *names: str) -> list[str]:
    return [digest(catalogue.root / name) for name in names]


TEXTS = {
    "": list(NAMES),
    "shirt": list(NAMES[1:4]),
    "TIE": ["ties/red tie.png"],
    "ete": ["shirts/new/Été.png"],
    "été": ["shirts/new/Été.png"],
    "same": ["ties/red tie.png"],
    "red tie": ["ties/red tie.png"],
    "tie  10": [],
    "wool": ["2.png"],
    "sale": ["shirts/9.png"],
    "<script>": [],
}


@pytest.mark.parametrize("text", TEXTS)
def test_all_words_have_to_be_there_or_parts_of_them(library: Library, catalogue: Catalogue, text: str) -> None:
    library.caption(catalogue, *of(catalogue, "2.png"), "A woollen scarf")
    catalogue.tag(of(catalogue, "shirts/9.png"), "Sale")
    assert shown(library, catalogue, text=text) == TEXTS[text]


def test_filters_narrow_each_other_down(library: Library, catalogue: Catalogue) -> None:
    catalogue.tag(of(catalogue, "2.png", "shirts/9.png"), "sale")
    catalogue.tag(of(catalogue, "shirts/10.png"), "best")
    assert shown(library, catalogue, labels=("shirts",)) == ["shirts/10.png", "shirts/9.png"]
    assert shown(library, catalogue, labels=("",)) == ["2.png"]
    assert shown(library, catalogue, labels=("shirts", "ties")) == ["shirts/10.png", "shirts/9.png", NAMES[4]]
    assert shown(library, catalogue, tags=("sale", "best"), labels=("shirts",)) == [
        "shirts/10.png",
        "shirts/9.png",
    ]
    assert shown(library, catalogue, tags=("sale",), text="9") == ["shirts/9.png"]
    assert shown(library, catalogue, tags=("unheard of",)) == []
    assert shown(library, catalogue, among=frozenset([*of(catalogue, "2.png"), "f" * 64])) == ["2.png"]


def test_the_hidden_are_in_the_bin_and_nowhere_else(library: Library, catalogue: Catalogue) -> None:
    assert shown(library, catalogue, hidden=True) == []
    catalogue.hide(of(catalogue, "2.png", "shirts/9.png"))
    assert shown(library, catalogue, hidden=True) == ["2.png", "shirts/9.png"]
    assert "2.png" not in shown(library, catalogue) and "" not in library.gallery(catalogue).labels
    catalogue.undo()
    assert len(shown(library, catalogue)) == 5


ORDERED = {
    "By folder": list(NAMES),
    "By name": ["2.png", "shirts/9.png", "shirts/10.png", "shirts/new/Été.png", "ties/red tie.png"],
    "Newest first": list(reversed(NAMES)),
    "Oldest first": list(NAMES),
    "made up": list(NAMES),
}


@pytest.mark.parametrize("order", ORDERED)
def test_orders(library: Library, catalogue: Catalogue, order: str) -> None:
    assert shown(library, catalogue, order=order) == ORDERED[order]


def test_the_largest_file_comes_first(library: Library, catalogue: Catalogue) -> None:
    sizes = [(catalogue.root / name).stat().st_size for name in shown(library, catalogue, order=list(ORDERS)[-1])]
    assert sizes == sorted(sizes, reverse=True)


def test_it_is_made_anew_when_something_has_changed_and_only_then(library: Library, catalogue: Catalogue) -> None:
    first = library.gallery(catalogue)
    assert library.gallery(catalogue) is first
    assert (first.labels, first.tagged) == ({"": 1, "shirts": 2, "shirts/new": 1, "ties": 1}, {})
    catalogue.tag(of(catalogue, "2.png"), "sale")
    assert library.gallery(catalogue).tagged == {"sale": 1}
    paint(catalogue.root / "new.png", hue(90))
    library.scan(catalogue)
    assert "new.png" in shown(library, catalogue)


# the tab


@pytest.fixture
def shelf(library: Library, catalogue: Catalogue) -> Shelf:
    return Shelf(library, catalogue.root, local=True)


ASKED = ("", [], [], "By folder", False, ())


def test_a_page_of_the_wall(shelf: Shelf, catalogue: Catalogue) -> None:
    found = gallery._found(shelf, 0, shelf.first, None, *ASKED)
    html = gallery._draw(found)
    assert html.count('class="card"') == 5 and "5 pictures" in html and "Pages" not in html
    for name in ("<img src=x onerror=alert(1)>.png", "${1} {{this}}.png"):
        paint(catalogue.root / "ties" / name, hue(len(name)))
    shelf.library.scan(catalogue)
    html = gallery._draw(gallery._found(shelf, 10**9, shelf.first, None, *ASKED))
    assert "<img src=x" not in html and "7 pictures" in html, "the last page where there are not as many"


@pytest.mark.parametrize("made_up", [None, 7, [], {}, "\x00", "-1"])
def test_what_a_client_makes_up_is_answered(shelf: Shelf, made_up: Any) -> None:
    asked = (made_up, made_up if isinstance(made_up, list) else [], [], made_up, made_up, ())
    assert "browse" in gallery._draw(gallery._found(shelf, 0, shelf.first, made_up, *asked))


def test_a_picture_is_told_of_and_paths_are_not_asked_for(shelf: Shelf, catalogue: Catalogue) -> None:
    own = digest(catalogue.root / "ties/red tie.png")
    told = gallery._detail(shelf, shelf.first, None, "colour", own)
    assert "ties/red tie.png; ties/same.png" in told and "12 × 8 pixels" in told and "Not indexed yet" in told
    shelf.library.index(catalogue, shelf.engine(shelf.first, "colour")).update()
    assert gallery._detail(shelf, shelf.first, None, "colour", own).count('class="card"') == 4
    for odd in ("../x", "/etc/passwd", "", "f" * 64):
        assert gallery._detail(shelf, shelf.first, None, "colour", odd) == gallery.HINT
    assert gallery._detail(shelf, shelf.first, None, "../x", own) == gallery.HINT


@pytest.mark.browser
def test_look_find_tick_tag_hide_and_undo(browser: Any, shelf: Shelf, catalogue: Catalogue) -> None:
    before = snapshot(catalogue.root)
    page_of = draw_page(shelf, only=[gallery.NAME])
    with launched(page_of, shelf) as address, visit(browser, address) as page:
        cards = page.locator(".browse .card")
        cards.nth(4).wait_for()
        page.locator(".finding-text input, .finding-text textarea").first.type("shirt")
        page.get_by_text("3 of 5 pictures").wait_for()
        page.locator(".tick").nth(0).click()
        page.locator(".tick").nth(2).click(modifiers=["Shift"])
        page.get_by_text("3 ticked").wait_for()
        page.locator(".tagging input").fill("sale")
        page.keyboard.press("Enter")
        page.get_by_text("3 pictures tagged “sale”").wait_for()
        page.locator(".browse-bar [data-digest=like]").click()
        page.get_by_text("♥ 3").wait_for()
        page.locator(".browse-bar [data-digest=hide]").click()
        page.get_by_text("No match").wait_for()
        assert len(catalogue.hidden) == 3
        page.get_by_label("Bin").check()
        page.get_by_text("3 of 5 pictures").wait_for()
        page.locator(".browse-bar [data-digest=undo]").click()
        page.get_by_text("Nothing in the bin").wait_for()
        page.get_by_label("Bin").uncheck()
        cards.nth(1).click()
        page.locator(".known").wait_for()
        assert "shirts/9.png" in page.locator(".known").inner_text()
    assert catalogue.hidden == frozenset() and len(catalogue.tags) == 3
    assert snapshot(catalogue.root) == before


@pytest.mark.browser
def test_visitors_look_but_change_nothing(browser: Any, library: Library, catalogue: Catalogue) -> None:
    shelf = Shelf(library, catalogue.root, local=False)
    with launched(draw_page(shelf, only=[gallery.NAME]), shelf) as address, visit(browser, address) as page:
        page.locator(".browse .card").first.wait_for()
        assert page.locator(".browse-bar [data-digest=hide], .tagging").count() == 0
        page.evaluate(
            "all => document.querySelector('.browse').insertAdjacentHTML('beforeend', all)",
            '<button id="sly" data-do="mark" data-digest="hide">x</button>',
        )
        page.locator(".tick").first.click()
        page.locator("#sly").click()
        page.get_by_text("Only who runs the app").wait_for()
        page.evaluate("document.querySelectorAll('.toast-body').forEach(toast => toast.remove())")
    assert catalogue.hidden == frozenset()
