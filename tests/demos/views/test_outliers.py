"""The view of the odd ones: what the wall says, what is told where there is none, and what a click brings up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app import main
from demos.server.state import Shelf
from demos.suite import draw_page
from demos.views import outliers
from features.errors import NotIndexed
from features.library import Library
from tests.support.browsing import SECONDS, awaited, expect, launched
from tests.support.toy import digest, paint

NAME = "colour"
HOSTILE = "<img src=x onerror=alert(1)> ${1} {{this}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "painted"
    for number in range(4):
        paint(folder / HOSTILE / f"{number}.png", (255, 30 * number, 0), size=(16, 16))
        paint(folder / "blue" / f"{number}.png", (0, 30 * number, 255), size=(16, 16))
    paint(folder / "blue" / "red.png", (250, 15, 0), size=(16, 16))
    paint(folder / "alone" / "grey.png", (90, 90, 90), size=(16, 16))
    return folder


def _shelf(library: Library, folder: Path, index: bool = True) -> Shelf:
    shelf = Shelf(library, folder, local=True)
    if index:
        library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).update()
    return shelf


def _last(shelf: Shelf, order: str) -> tuple[str, str, str]:
    """(wall, cover, words) when all has been waited for."""

    async def steps() -> list[Any]:
        return [step async for step in outliers._made(shelf, NAME, shelf.first, order)]

    value, cover, told = awaited(steps())[-1]
    return value["value"] if isinstance(value, dict) else value, cover, told


def test_the_wall_says_where_a_picture_is_and_what_it_looks_like(library: Library, folder: Path) -> None:
    with pytest.raises(NotIndexed):
        _last(_shelf(library, folder, index=False), outliers.ORDERS[0])
    shelf = _shelf(library, folder)
    wall, cover, told = _last(shelf, outliers.ORDERS[0])
    assert wall.count('class="card"') == 1 and digest(folder / "blue" / "red.png") in wall and not cover
    assert "in blue, looks like <b>&lt;img" in wall and "<img src=x" not in wall + told
    assert (
        'data-do="like"' in wall
        and "0 of the 8 nearest" not in wall
        and "of the 9 nearest are in its folder" in wall
    )
    assert "1 of 9 pictures look more like another folder" in told
    assert "1 folder of a single picture could not be judged." in told
    wall, cover, told = _last(shelf, outliers.ORDERS[1])
    assert wall.count('class="card"') == 10 and not cover and not told
    assert wall.index(digest(folder / "alone" / "grey.png")) < wall.index(digest(folder / "blue" / "0.png"))


@pytest.mark.parametrize(
    ("shades", "told"),
    [
        ({"1": 250, "2": 200}, "This collection has no folders"),
        ({"a/1": 250, "a/2": 200}, "only one folder"),
        ({"a/1": 250, "b/2": 200}, "Every folder has only one picture"),
        ({"a/1": 255, "a/2": 254, "b/1": 1, "b/2": 0}, "Every picture is more like its own folder"),
    ],
    ids=["no folders", "one", "of one picture each", "in order"],
)
def test_where_nothing_is_misplaced_it_is_told_why(
    library: Library, tmp_path: Path, shades: dict[str, int], told: str
) -> None:
    for name, shade in shades.items():
        paint(tmp_path / "few" / f"{name}.png", (shade, shade, shade), size=(8, 8))
    wall, cover, _ = _last(_shelf(library, tmp_path / "few"), outliers.ORDERS[0])
    assert wall == "" and told in cover


def test_one_picture_is_like_nothing(library: Library, tmp_path: Path) -> None:
    paint(tmp_path / "one" / "red.png", (255, 0, 0))
    _, cover, _ = _last(_shelf(library, tmp_path / "one"), outliers.ORDERS[1])
    assert "only one picture" in cover


def test_the_command_tells_both(home: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["odd", str(folder), "-e", NAME, "-k", "3", "--home", str(home)]
    assert main([*command, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["folders"], told["compared"], told["alone"], told["misplaced_in_all"]) == (3, 9, 1, 1)
    (one,) = told["misplaced"]
    assert one["path"] == str(folder / "blue" / "red.png") and (one["label"], one["like"]) == ("blue", HOSTILE)
    assert one["margin"] == pytest.approx(one["other"] - one["cosine"], abs=1e-5) and one["margin"] > 0
    assert len(told["lonely"]) == 3 and told["lonely"][0]["path"] == str(folder / "alone" / "grey.png")
    assert main(command) == 0
    assert "looks like <img" in capfd.readouterr().out


@pytest.mark.browser
def test_a_click_brings_up_what_is_nearest(
    library: Library,
    folder: Path,
    browser: Any,
) -> None:
    shelf = _shelf(library, folder)
    with launched(draw_page(shelf, only=[NAME]), shelf) as address:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.set_default_timeout(SECONDS)
        page.on("dialog", lambda dialog: pytest.fail("a folder's name was run as code"))
        page.goto(address)
        page.locator("[role=tab][data-tab-id=odd]").click()
        cards = page.locator(".odd .card")
        cards.first.wait_for()
        expect(cards).to_have_count(1)
        cards.first.click()
        page.locator(".near .card").first.wait_for()
        page.locator(".odd [data-do=like]").click()
        page.get_by_text("♥ 1").wait_for()
        page.get_by_label("Least like anything").check()
        page.wait_for_function("() => document.querySelectorAll('.odd .card').length === 10")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.close()
