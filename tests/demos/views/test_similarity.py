"""The view that compares folders: what the browser gets, what is told in words, and what a cell brings up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos.server.state import Shelf
from demos.views import similarity
from features.analysis.similarity import Kinds
from features.errors import NotIndexed
from features.library import Library
from tests.support.browsing import expect, opened, visit
from tests.support.toy import digest, paint

NAME = "colour"
HOSTILE = "<img src=x onerror=alert(1)> ${1} {{this}}"


def _kinds(number: int) -> Kinds:
    names = [f"kind {i:03}" for i in range(number)]
    cosines = np.random.default_rng(0).uniform(-0.2, 0.8, (number, number)).astype(np.float32)
    return Kinds(names, np.arange(number) + 2, (cosines + cosines.T) / 2)


def test_the_browser_gets_names_and_cosines_in_the_order_that_was_asked_for() -> None:
    made = Kinds([HOSTILE, "b", "c"], np.array([2, 1, 2]), np.full((3, 3), np.nan, np.float32))
    made.cosines[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]] = [0.1, 0.9, 0.1, 0.2, 0.9, 0.2]
    told = similarity._board(made, "By name")
    assert "<" not in told, "names come from strangers' folders"
    board = json.loads(told)
    assert board["names"] == [HOSTILE, "b", "c"] and board["cosines"][0] == [None, 0.1, 0.9]
    alike = json.loads(similarity._board(made, similarity.ORDERS[0]))["names"]
    assert abs(alike.index(HOSTILE) - alike.index("c")) == 1


def test_of_very_many_folders_the_largest_are_shown_and_that_is_told() -> None:
    board = json.loads(similarity._board(_kinds(500), similarity.ORDERS[0]))
    assert sorted(board["names"]) == [f"kind {i:03}" for i in range(500 - similarity.MOST, 500)]
    assert len(json.dumps(board)) < 50_000
    assert f"the {similarity.MOST} largest of 500 folders" in similarity._in_words(_kinds(500))
    assert "largest" not in similarity._in_words(_kinds(similarity.MOST))


def test_what_the_table_says_is_told_in_words() -> None:
    cosines = np.array([[0.9, 0.2, 0.4], [0.2, 0.7, -0.1], [0.4, -0.1, 0.5]], np.float32)
    told = similarity._in_words(Kinds(["<a>", "b", "c"], np.array([3, 4, 2]), cosines))
    assert "&lt;a&gt; and c are the two most alike (mean cosine 0.40)." in told
    assert "c is the loosest: its own pictures have a mean cosine of 0.50." in told
    cosines[[0, 1, 2], [0, 1, 2]] = np.nan
    assert "loosest" not in similarity._in_words(Kinds(list("abc"), np.array([1, 1, 1]), cosines))


@pytest.mark.parametrize(("number", "told"), [(0, "no folder of"), (1, "1 folder of"), (2, "2 folders of")])
def test_too_few_folders_are_told(number: int, told: str) -> None:
    assert told in similarity._too_few(_kinds(number))


def test_a_cell_brings_up_the_pictures_of_both_folders_and_of_nothing_else(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "painted"
    for number in range(3):
        paint(folder / HOSTILE / f"{number}.png", (255, 40 * number, 0))
        paint(folder / "blue" / f"{number}.png", (0, 40 * number, 255))
    shelf = Shelf(library, folder, local=True)
    with pytest.raises(NotIndexed):
        similarity._pair(shelf, shelf.first, NAME, "blue", HOSTILE)
    library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).update()

    html = similarity._pair(shelf, shelf.first, NAME, "blue", HOSTILE)
    assert html.count("<section") == 2 and html.count('data-do="search"') == 6
    assert "<img src=x" not in html and "blue, the most like &lt;img" in html
    one = similarity._pair(shelf, shelf.first, NAME, "blue", "blue")
    assert one.count("<section") == 1 and digest(folder / "blue" / "0.png") in one
    for odd in ("", "../x", "no such folder"):
        assert similarity._pair(shelf, shelf.first, NAME, odd, "blue") == ""


@pytest.fixture(scope="module")
def address(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    shelf = Shelf(Library(tmp_path_factory.mktemp("home")), collection, local=True)
    shelf.library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).update()
    with opened(shelf, only=[NAME]) as address:
        yield address


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_cell_opens_both_galleries_and_a_picture_of_them_searches(
    browser: Any,
    address: str,
    width: int,
) -> None:
    with visit(browser, address) as page:
        page.on("dialog", lambda dialog: pytest.fail("a folder's name was run as code"))
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("[role=tab][data-tab-id=colour]").click()
        page.locator("[role=tab][data-tab-id=kinds]:visible").click()
        cells = page.locator(".kinds [role=gridcell]")
        expect(cells).to_have_count(36)
        expect(page.locator(".finding").first).to_contain_text("are the two most alike")
        page.locator(".kinds thead", has_text=HOSTILE).first.wait_for()

        cells.nth(1).click()
        page.locator(".near .gallery").nth(1).wait_for()
        assert cells.nth(1).get_attribute("aria-label").count(" and ")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page.locator(".near .gallery")).to_have_count(1)

        page.locator(".near .gallery button").first.click()
        page.locator(".near .card").first.wait_for()
        page.locator(".near .chosen").first.wait_for()
        page.get_by_label("By name").check()
        page.wait_for_function(
            "() => { const names = [...document.querySelectorAll('.kinds thead th')].map(th => th.title);"
            " return names.length === 6 && names.join() === [...names].sort().join(); }"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
