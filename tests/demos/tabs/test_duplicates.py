"""The tab Duplicates: what it shows of groups, and what is hidden by its buttons; no file is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demos import suite
from demos.server.state import Shelf
from demos.tabs import duplicates
from engines import SemblanceError
from features.analysis.duplicates import DuplicateGroup, Duplicates, Member
from features.catalogue.folder import Catalogue
from features.library import Library
from tests.features.analysis.test_duplicates import cloudy
from tests.support.browsing import SECONDS, launched
from tests.support.toy import digest, snapshot

HOSTILE = "<img src=x onerror=alert(1)> ${1}"


@pytest.fixture
def folder(pictures: Path) -> Path:
    """a and b are one picture in two sizes, c and d are another; e lies there twice."""
    for large, small, seed in (("a", "b", 1), ("c", "d", 2)):
        image = Image.open(cloudy(pictures / HOSTILE / f"{large}.png", seed))
        image.resize((120, 90)).save(pictures / HOSTILE / f"{small}.png")
    (pictures / "again.png").write_bytes(cloudy(pictures / "e.png", 3).read_bytes())
    return pictures


@pytest.fixture
def shelf(library: Library, folder: Path) -> Shelf:
    return Shelf(library, folder, local=True)


def searched(shelf: Shelf) -> Catalogue:
    job = duplicates.start(shelf, shelf.first)
    assert job.ended.wait(60) and not job.error
    return shelf.catalogue(shelf.first, duplicates.NAME)


def drawn(shelf: Shelf, local: bool = True, place: int = 0) -> str:
    catalogue = shelf.catalogue(shelf.first, duplicates.NAME)
    return duplicates.draw_found(catalogue, shelf.library.duplicates(catalogue), place, local)


def hidden(catalogue: Catalogue) -> set[str]:
    return {catalogue.file(one).name for one in catalogue.hidden}


def test_groups_are_shown_with_sizes_and_paths_and_nothing_of_them_is_run(shelf: Shelf) -> None:
    assert "Not looked for yet" in drawn(shelf)
    catalogue = searched(shelf)
    html = drawn(shelf)
    assert html.count('class="twin near"') == 2 and html.count('class="twin exact"') == 1
    assert "The same bytes in 2 files" in html and "again.png" in html and "240 × 180" in html
    assert "smaller · " in html and html.count("Keep this one</button>") == 4
    assert "<img src=x" not in html and "&lt;img src=x" in html
    assert str(catalogue.root) not in html, "visitors may see it"


def test_visitors_see_groups_and_no_buttons(shelf: Shelf) -> None:
    searched(shelf)
    html = drawn(shelf, local=False)
    assert html.count('class="twin near"') == 2 and 'data-do="keep"' not in html


def test_a_page_of_many_groups(shelf: Shelf) -> None:
    catalogue = searched(shelf)
    (near, *_) = shelf.library.duplicates(catalogue).groups[-1:]
    many = Duplicates((near,) * (duplicates.PAGE + 1), 5, 0, ())
    first, last = (duplicates.draw_found(catalogue, many, place) for place in (0, 1))
    assert first.count("<section") == duplicates.PAGE and "1 of 2" in first
    assert last.count("<section") == 1 and "2 of 2" in last
    assert duplicates.draw_found(catalogue, many, 10**6) == last
    paths = tuple(f"{number}.png" for number in range(50))
    exact = DuplicateGroup("exact", (Member(near.keep.digest, paths, 1, 1, 5_300_000),))
    html = duplicates.draw_found(catalogue, Duplicates((exact,), 1, 0, ()))
    assert f"and {50 - duplicates.LISTED} more" in html and "5 MB" in html


def test_what_is_not_there_is_told(shelf: Shelf, folder: Path) -> None:
    catalogue = searched(shelf)
    none = Duplicates((), 3, 0, ())
    assert "No duplicates" in duplicates.draw_found(catalogue, none)
    assert "2 pictures came later" in duplicates.draw_found(catalogue, Duplicates((), 3, 2, ()))
    assert "It was cancelled." in duplicates.draw_found(catalogue, None, failure="It was cancelled.")
    with pytest.raises(SemblanceError):
        duplicates.start(shelf, "no such collection")


def test_one_is_kept_or_the_largest_of_all_and_it_is_taken_back(shelf: Shelf, folder: Path) -> None:
    before = snapshot(folder)
    catalogue = searched(shelf)
    duplicates._keep(shelf, shelf.first, digest(folder / HOSTILE / "b.png"))
    assert hidden(catalogue) == {"a.png"} and drawn(shelf).count('class="twin near"') == 1
    duplicates._keep(shelf, shelf.first)
    assert hidden(catalogue) == {"a.png", "d.png"} and 'class="twin near"' not in drawn(shelf)
    catalogue.undo()
    catalogue.undo()
    assert not catalogue.hidden and drawn(shelf).count('class="twin near"') == 2
    for odd in ("../x", "f" * 64, digest(folder / "e.png")):
        duplicates._keep(shelf, shelf.first, odd)
    assert not catalogue.hidden, "of what is in no such group nothing is hidden"
    assert snapshot(folder) == before


@pytest.mark.browser
def test_duplicates_are_looked_for_hidden_and_brought_back(browser: Any, shelf: Shelf) -> None:
    page_of = suite.draw_page(shelf, only=["duplicates"])
    with launched(page_of, shelf) as address:
        page = browser.new_page(viewport={"width": 390, "height": 900})
        page.set_default_timeout(SECONDS)
        page.on("dialog", lambda dialog: pytest.fail("a folder's name was run as code"))
        page.goto(address)
        page.locator(".twins [data-do=look]").click()
        groups = page.locator(".twin.near")
        groups.nth(1).wait_for()
        page.locator(".twin.exact").wait_for()
        page.wait_for_function("() => document.querySelector('.twin img').naturalWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

        groups.first.get_by_role("button", name="Keep this one").nth(1).click()
        groups.nth(1).wait_for(state="detached")
        assert hidden(shelf.catalogue(shelf.first, duplicates.NAME)) <= {"a.png", "c.png"}
        page.get_by_role("button", name="Keep the largest of every group").click()
        groups.first.wait_for(state="detached")
        for number in (1, 2):
            page.locator(".take-back").click()
            groups.nth(number - 1).wait_for()
        page.locator(".take-back").wait_for(state="hidden")
        assert not shelf.catalogue(shelf.first, duplicates.NAME).hidden
        page.close()
