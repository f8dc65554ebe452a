"""The view in which a collection is a map: what the browser gets, and what a click finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import visit
from toy import digest, paint

from demos import board
from demos import map as atlas
from demos.shelf import Shelf
from engines import SemblanceError
from features.answers import NotIndexed
from features.library import Library
from features.projection import Projection

NAME = "colour"


@pytest.fixture
def shelf(library: Library, tmp_path: Path) -> Shelf:
    folder = tmp_path / "painted"
    for number in range(4):
        paint(folder / "</script> ${1} {{this}}" / f"{number}.png", (255, 40 * number, 0))
        paint(folder / "blue" / f"{number}.png", (0, 40 * number, 255))
    paint(folder / "blue" / "4.png", (0, 200, 255))
    return Shelf(library, folder, local=True)


def _indexed(shelf: Shelf) -> Shelf:
    shelf.library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME))
    return shelf


def test_the_browser_gets_places_folders_and_names(shelf: Shelf) -> None:
    catalogue = _indexed(shelf).catalogue(shelf.first, NAME)
    made = shelf.library.projection(catalogue, shelf.engine(shelf.first, NAME), "PCA")
    assert made
    told = atlas._board(catalogue, made, "Colour", "PCA")
    assert "<" not in told, "names come from strangers' folders"
    drawn = json.loads(told)
    assert drawn["folders"][0] == "blue", "the largest first"
    assert len(drawn["pictures"]) == 9 and drawn["root"] == f"thumbnail/{shelf.first}/"
    gone = Projection([*made.digests, "f" * 64], np.concatenate([made.positions, made.positions[:1]]))
    assert atlas._board(catalogue, gone, "Colour", "PCA") == told, "what has gone since is left out"


def test_a_digest_finds_neighbours_and_nothing_else_does(shelf: Shelf) -> None:
    catalogue = _indexed(shelf).catalogue(shelf.first, NAME)
    own = digest(catalogue.root / "blue" / "1.png")
    html = board.neighbours(shelf, shelf.first, NAME, own)
    assert html.count(own) == 1 and html.count('class="card"') == 8
    for odd in ("../x", "/etc/passwd", "", "f" * 64):
        with pytest.raises(KeyError):
            board.neighbours(shelf, shelf.first, NAME, odd)


def test_there_is_no_map_before_the_pictures_were_looked_at(shelf: Shelf) -> None:
    with pytest.raises(NotIndexed):
        atlas._kept(shelf, shelf.first, NAME, "PCA")
    assert atlas._kept(_indexed(shelf), shelf.first, NAME, "PCA") is None
    job = atlas._start(shelf, shelf.first, NAME, "PCA")
    assert job.ended.wait(60) and not job.error
    assert atlas._kept(shelf, shelf.first, NAME, "PCA") is not None
    with pytest.raises(SemblanceError, match="Choose one of"):
        atlas._kept(shelf, shelf.first, NAME, "../x")


def _open_map(page: Any) -> Any:
    """The canvas of Style's map, drawn."""
    page.locator("[role=tab][data-tab-id=style]").click()
    page.locator("[role=tab][data-tab-id=map]:visible").click()
    page.locator(".cover [data-do=index]:visible, .key button").first.wait_for()
    if page.locator(".cover [data-do=index]:visible").count():
        page.locator(".cover [data-do=index]:visible").click()
    page.locator(".key button").first.wait_for()
    return page.locator(".atlas canvas:visible")


def _seen(canvas: Any) -> str:
    """What is drawn, as soon as nothing more is loaded into it."""
    before, now = "", "?"
    while before != now:
        before, now = (
            now,
            canvas.evaluate("canvas => new Promise(done => setTimeout(() => done(canvas.toDataURL()), 700))"),
        )
    return now


@pytest.mark.browser
def test_the_map_is_moved_by_dragging_and_by_two_fingers(browser: Any, app: str) -> None:
    with visit(browser, app) as page:
        canvas = _open_map(page)
        box, before = canvas.bounding_box(), _seen(canvas)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y + 40, steps=4)
        page.mouse.up()
        page.mouse.move(0, 0)
        dragged = _seen(canvas)
        assert dragged != before and not page.locator(".near .chosen").count(), "a drag is no click"
        page.get_by_role("button", name="Show all").click()
        page.mouse.move(0, 0)
        assert _seen(canvas) == before

        touch = page.context.new_cdp_session(page)
        touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
        for apart in (40, 80, 160, None):
            points = (
                [] if apart is None else [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
            )
            kind = {40: "touchStart", None: "touchEnd"}.get(apart, "touchMove")
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert _seen(canvas) not in (before, dragged) and not page.locator(".near .chosen").count()
        assert page.evaluate("visualViewport.scale") == 1, "the map grows, and not the page"
        page.get_by_role("button", name="Show all").click()
        assert _seen(canvas) == before


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_picture_on_the_map_finds_its_neighbours(browser: Any, app: str, width: int) -> None:
    with visit(browser, app) as page:
        page.set_viewport_size({"width": width, "height": 900})
        canvas = _open_map(page)
        assert canvas.get_attribute("aria-label").startswith("Map of")

        before = canvas.evaluate("canvas => canvas.toDataURL()")
        page.get_by_role("button", name="Zoom in").click()
        page.wait_for_timeout(500)
        assert canvas.evaluate("canvas => canvas.toDataURL()") != before
        page.get_by_role("button", name="Show all").click()

        canvas.press("Enter")
        page.locator(".near .chosen").wait_for()
        assert page.locator(".near .card").count()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
