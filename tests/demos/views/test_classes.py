"""What was learned from the folders, in the tab: learned, told, asked, tuned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demos.components.options import How
from demos.components.queries import Asked, Query
from demos.server.state import Shelf
from demos.views import classes
from features.evaluation.classification import Examination, Kind, Mistake
from features.library import Library
from samples import products
from tests.support.browsing import opened, visit
from tests.support.toy import Toy, hue, paint

NAMES = ("warm", "cold & <b>wet</b>")


@pytest.fixture
def shelf(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Two folders of ten colours each, indexed by a toy."""
    for number in range(10):
        paint(tmp_path / "own" / NAMES[0] / f"{number}.png", hue(3 * number))
        paint(tmp_path / "own" / NAMES[1] / f"{number}.png", hue(60 + 3 * number))
    shelf = Shelf(library, tmp_path / "own", local=True)
    toy = Toy()
    monkeypatch.setattr(shelf, "engine", lambda key, name: toy)
    monkeypatch.setattr(shelf, "unready", lambda key, name: False)
    library.index(shelf.catalogue(shelf.first, "toy"), toy).update()
    return shelf


def query(shelf: Shelf, path: Path) -> Query:
    catalogue, engine = shelf.catalogue(shelf.first, "toy"), shelf.engine(shelf.first, "toy")
    return Query(shelf.library, catalogue, engine, path, Asked(), 3, How())


def test_the_opinion_learns_first_and_then_answers(shelf: Shelf, tmp_path: Path) -> None:
    *before, last = classes.opinion(shelf, "toy")(query(shelf, paint(tmp_path / "q.png", hue(5))))
    assert all('role="status"' in html for html in before), "progress"
    assert last.index("warm") < last.index("cold") and "Learned from 20 pictures." in last
    assert "<b>wet</b>" not in last
    (again,) = classes.opinion(shelf, "toy")(query(shelf, tmp_path / "q.png"))
    assert again == last


def test_the_opinion_says_how_stale_it_is(shelf: Shelf, tmp_path: Path) -> None:
    list(classes.opinion(shelf, "toy")(query(shelf, paint(tmp_path / "q.png", hue(5)))))
    catalogue, engine = shelf.catalogue(shelf.first, "toy"), shelf.engine(shelf.first, "toy")
    paint(catalogue.root / "warm" / "new.png", hue(1))
    shelf.library.index(catalogue, engine).update()
    (html,) = classes.opinion(shelf, "toy")(query(shelf, tmp_path / "q.png"))
    assert "Learned from 20 pictures; 1 added since." in html
    facts, report, _, _ = classes._show(shelf, shelf.first, "toy")
    assert "Learn anew" in facts and "held out" in report


def test_of_one_folder_nothing_is_learned(library: Library, tmp_path: Path) -> None:
    paint(tmp_path / "own" / "only" / "1.png", hue(1))
    shelf, toy = Shelf(library, tmp_path / "own", local=True), Toy()
    shelf.engine = lambda key, name: toy  # type: ignore[method-assign]
    shelf.unready = lambda key, name: False  # type: ignore[method-assign]
    library.index(shelf.catalogue(shelf.first, "toy"), toy).update()
    assert list(classes.opinion(shelf, "toy")(query(shelf, tmp_path / "own/only/1.png"))) == [""]
    assert "at least two folders" in classes._show(shelf, shelf.first, "toy")[1]


def test_nothing_is_learned_of_what_was_not_looked_at(library: Library, tmp_path: Path) -> None:
    paint(tmp_path / "own" / "a" / "1.png", hue(1))
    shelf = Shelf(library, tmp_path / "own", local=True)
    assert "Nothing to learn from yet" in classes._show(shelf, shelf.first, "colour")[1]


@pytest.mark.parametrize("count", [2, 500])
def test_a_report_stays_readable(library: Library, tmp_path: Path, count: int) -> None:
    names = [f"<i>{number}" for number in range(count)]
    confusion = np.eye(count, dtype=int) * 3
    confusion[0, 1] = 7
    told = Examination(
        pictures=10,
        accuracy=0.5,
        accuracy_interval=(0.2, 0.8),
        macro_f1=0.4,
        macro_f1_interval=(0.1, 0.7),
        ece_before=0.2,
        ece=0.1,
        unsure=0.25,
        sure_right=0.75,
        kinds=tuple(Kind(name, 3, 1.0, 0.3, 0.46) for name in names),
        confusion=tuple(map(tuple, confusion.tolist())),
        mistakes=(Mistake("f" * 64, names[0], names[1], 0.99),),
    )
    catalogue = library.open(paint(tmp_path / "own" / "a" / "1.png", hue(1)).parent)
    html = classes._report(catalogue, SimpleNamespace(examination=told, taught={}), {})  # type: ignore[arg-type]
    assert "<i>" not in html.replace("<i style", "") and "&lt;i&gt;1" in html
    assert "Right in 50% of 10 pictures held out" in html and "Between 20% and 80%" in html
    assert ('class="confusion"' in html) == (count == 2) and ">7</td>" in html
    assert "f" * 64 not in html, "a picture that has gone since"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("drawn")
    for kind in list(products.KINDS)[:3]:
        (folder / kind).mkdir()
        for number in range(1, 6):
            products.draw(kind, number, folder / kind / f"{number}.jpg")
    shelf = Shelf(Library(tmp_path_factory.mktemp("home")), folder, local=True)
    with opened(shelf, only=["product"]) as address:
        yield address


@pytest.mark.browser
@pytest.mark.slow
def test_folders_are_learned_asked_and_reported(browser: Any, address: str) -> None:
    with visit(browser, address) as page:
        page.locator("[role=tab][data-tab-id=product]").click()
        panel = page.locator("[role=tabpanel]:visible").first
        page.locator("[role=tab][data-tab-id=classes]:visible").click()
        page.locator(".examined:visible", has_text="Nothing to learn from yet").first.wait_for()
        page.locator("[role=tab][data-tab-id=find]:visible").click()
        panel.locator("[data-do=index]").click()
        panel.locator(".examples button").first.click()
        panel.locator(".card").first.wait_for()
        panel.locator(".opinion", has_text="Learned from").first.wait_for()
        panel.locator(".opinion .bars li").nth(1).wait_for()

        page.locator("[role=tab][data-tab-id=classes]:visible").click()
        page.locator(".examined h3:visible", has_text="held out").wait_for()
        page.locator(".confusion tbody tr").nth(1).wait_for()
        page.locator(".figures img").first.wait_for()
        page.locator("button.learn:visible").click()
        page.locator(".examined h3:visible", has_text="held out").wait_for()
        page.locator("button.tune:visible").click()
        page.get_by_text("The tuned search is").wait_for()
        with page.expect_download() as download:
            page.get_by_role("button", name="Keras model").click()
        assert download.value.suggested_filename == "semblance-product.keras"

        page.locator("[role=tab][data-tab-id=find]:visible").click()
        panel.get_by_label("Search as tuned to the folders").check()
        panel.locator(".facts", has_text="Products, tuned").wait_for()
