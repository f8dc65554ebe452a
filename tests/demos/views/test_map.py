"""The view in which a collection is a map: what the browser gets, what a click finds, what a selection brings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from demos.components import collection_view
from demos.components.page import Page
from demos.server.state import Shelf
from demos.views import map as atlas
from engines import SemblanceError
from features.analysis.projection import Projection
from features.errors import NotIndexed
from features.library import Library
from tests.support.browsing import expect, launched, visit
from tests.support.toy import digest, paint

NAME = "colour"


@pytest.fixture
def shelf(library: Library, tmp_path: Path) -> Shelf:
    return _painted(library, tmp_path / "painted")


def _painted(library: Library, folder: Path) -> Shelf:
    for number in range(4):
        paint(folder / "</script> ${1} {{this}}" / f"{number}.png", (255, 40 * number, 0))
        paint(folder / "blue" / f"{number}.png", (0, 40 * number, 255))
    paint(folder / "blue" / "4.png", (0, 200, 255))
    return Shelf(library, folder, local=True)


def _indexed(shelf: Shelf) -> Shelf:
    shelf.library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).update()
    return shelf


def test_the_browser_gets_places_folders_and_names(shelf: Shelf) -> None:
    catalogue = _indexed(shelf).catalogue(shelf.first, NAME)
    made = shelf.library.index(catalogue, shelf.engine(shelf.first, NAME)).projection("PCA")
    assert made
    told = atlas._board(catalogue, made, "Colour", "PCA")
    assert "<" not in told, "names come from strangers' folders"
    drawn = json.loads(told)
    assert drawn["folders"][0] == "blue", "the largest first"
    assert len(drawn["digests"]) == len(drawn["names"]) == 9 and drawn["root"] == f"thumbnail/{shelf.first}/"
    assert [drawn["folders"][number] for number in drawn["of"]].count("blue") == 5
    assert np.reshape(drawn["places"], (9, 2)) / drawn["edge"] == pytest.approx(made.positions, abs=1e-4)
    solid = shelf.library.index(catalogue, shelf.engine(shelf.first, NAME)).projection("PCA 3D")
    assert solid and json.loads(atlas._board(catalogue, solid, "Colour", "PCA 3D"))["sides"] == 3
    gone = Projection([*made.digests, "f" * 64], np.concatenate([made.positions, made.positions[:1]]))
    assert atlas._board(catalogue, gone, "Colour", "PCA") == told, "what has gone since is left out"


def test_a_digest_finds_neighbours_and_nothing_else_does(shelf: Shelf) -> None:
    catalogue = _indexed(shelf).catalogue(shelf.first, NAME)
    own = digest(catalogue.root / "blue" / "1.png")
    html = collection_view.neighbours(shelf, shelf.first, NAME, own)
    assert html.count(own) == 1 and html.count('class="card"') == 8
    for odd in ("../x", "/etc/passwd", "", "f" * 64):
        with pytest.raises(KeyError):
            collection_view.neighbours(shelf, shelf.first, NAME, odd)


def test_there_is_no_map_before_the_pictures_were_looked_at(shelf: Shelf) -> None:
    with pytest.raises(NotIndexed):
        atlas._kept(shelf, shelf.first, NAME, "PCA")
    assert atlas._kept(_indexed(shelf), shelf.first, NAME, "PCA") is None
    job = atlas._start(shelf, shelf.first, NAME, "PCA")
    assert job.ended.wait(60) and not job.error
    assert atlas._kept(shelf, shelf.first, NAME, "PCA") is not None
    with pytest.raises(SemblanceError, match="Choose one of"):
        atlas._kept(shelf, shelf.first, NAME, "../x")


def _page(shelf: Shelf) -> gr.Blocks:
    """The map, and in place of the Gallery what it is told to show."""
    with gr.Blocks(analytics_enabled=False) as page:
        picker = gr.Dropdown(shelf.choices(), value=shelf.first)
        shared = Page(page, shelf, picker, gr.State(0.0), gr.State(()), gr.State(()))
        with gr.Tabs():
            with gr.Tab("Map"):
                atlas.draw_map(shared, NAME)
            with gr.Tab("Gallery", id="gallery"):
                told = gr.HTML("none", elem_id="told")
        shared.selection.change(lambda chosen: f"{len(chosen)}: {' '.join(chosen)}", shared.selection, told)
    return page


@pytest.fixture
def heard(shelf: Shelf) -> Callable[..., Any]:
    """What an event of the map gives, by the name of what it does."""
    functions = {
        function.fn.__name__: function.fn for function in _page(_indexed(shelf)).fns.values() if function.fn
    }

    def hear(name: str, *given: Any, **event: str) -> Any:
        return functions[name](shelf.first, *given, *([gr.EventData(None, event)] if event else []))

    return hear


def test_a_selection_is_of_pictures_that_are_shown(shelf: Shelf, heard: Callable[..., Any]) -> None:
    catalogue = shelf.catalogue(shelf.first, NAME)
    one, two, hidden = (digest(catalogue.root / "blue" / f"{number}.png") for number in range(3))
    catalogue.hide([hidden])
    html, caught, _ = heard("enclose", digests=f"{two} {hidden} {one} {one} {'f' * 64} ../x /etc/passwd")
    assert caught == (one, two), "in order of path, each once, and nothing else"
    assert "2 pictures selected" in html and html.count('class="card"') == 2 and "Cosine" not in html
    assert hidden not in html and 'data-do="gallery"' in html
    assert heard("show", caught) == caught
    catalogue.hide([two])
    assert heard("show", caught) == (one,), "what was hidden meanwhile is not shown"


@pytest.mark.parametrize("nothing", [" ", "../x", "f" * 64])
def test_an_empty_selection_lets_the_gallery_go_as_well(heard: Callable[..., Any], nothing: str) -> None:
    assert heard("enclose", digests=nothing) == (atlas.HINT, (), ())


def test_of_many_selected_pictures_some_from_all_over_are_shown(
    monkeypatch: pytest.MonkeyPatch, shelf: Shelf, heard: Callable[..., Any]
) -> None:
    monkeypatch.setattr(atlas, "SHOWN", 3)
    html, caught, _ = heard("enclose", digests=" ".join(shelf.catalogue(shelf.first, NAME).paths))
    assert len(caught) == 9 and html.count('class="card"') == 3 and "3 of them" in html
    assert {caught[0], caught[3], caught[6]} == {one for one in caught if one in html}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("map")
    shelf = _indexed(_painted(Library(folder / "home"), folder / "painted"))
    for method in ("t-SNE", "PCA 3D"):
        shelf.library.index(shelf.catalogue(shelf.first, NAME), shelf.engine(shelf.first, NAME)).projection(method)
    with launched(_page(shelf), shelf) as address:
        yield address


def _open_map(page: Any) -> Any:
    """The canvas, drawn."""
    page.locator(".key button").first.wait_for()
    return page.locator(".atlas canvas")


def _seen(canvas: Any) -> str:
    """What is drawn, as soon as nothing more is loaded into it."""
    before, now = "", "?"
    while before != now:
        script = "canvas => new Promise(done => setTimeout(() => done(canvas.toDataURL()), 250))"
        before, now = now, canvas.evaluate(script)
    return now


def _drag(page: Any, *points: tuple[float, float]) -> None:
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


@pytest.mark.browser
def test_the_map_is_moved_by_dragging_and_by_two_fingers(browser: Any, app: str) -> None:
    with visit(browser, app) as page:
        canvas = _open_map(page)
        box, before = canvas.bounding_box(), _seen(canvas)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        _drag(page, (x, y), (x + 60, y + 40))
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
def test_a_map_in_space_is_turned_by_dragging_and_by_arrows(browser: Any, app: str) -> None:
    with visit(browser, app) as page:
        canvas = _open_map(page)
        page.get_by_label("PCA 3D").check()
        page.wait_for_function("document.querySelector('.atlas canvas').ariaLabel.includes('by PCA 3D')")
        box, before = canvas.bounding_box(), _seen(canvas)
        x, y = box["x"] + box["width"] / 2, box["y"] + 20
        _drag(page, (x, y), (x + 60, y))
        page.mouse.move(0, 0)
        turned = _seen(canvas)
        page.get_by_role("button", name="Show all").click()
        page.mouse.move(0, 0)
        assert turned != before and _seen(canvas) == before and not page.locator(".near .chosen").count()
        canvas.press("ArrowLeft")
        canvas.evaluate("canvas => canvas.blur()")
        assert _seen(canvas) not in (turned, before)
        canvas.press("Enter")
        page.locator(".near .chosen").wait_for()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_picture_on_the_map_finds_its_neighbours(browser: Any, app: str, width: int) -> None:
    with visit(browser, app) as page:
        page.set_viewport_size({"width": width, "height": 900})
        canvas = _open_map(page)
        assert canvas.get_attribute("aria-label").startswith("Map of")

        before = _seen(canvas)
        page.get_by_role("button", name="Zoom in").click()
        page.mouse.move(0, 0)
        assert _seen(canvas) != before
        page.get_by_role("button", name="Show all").click()

        canvas.press("Enter")
        page.locator(".near .chosen").wait_for()
        page.locator(".near .card").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_pictures_that_are_drawn_around_go_to_the_gallery(browser: Any, app: str) -> None:
    with visit(browser, app) as page:
        canvas = _open_map(page)
        box = canvas.bounding_box()
        left, top = box["x"] + 4, box["y"] + 4
        right, bottom = left + box["width"] - 8, top + box["height"] - 8
        canvas.press("s")
        select = page.get_by_role("button", name="Select", exact=True)
        assert select.get_attribute("aria-pressed") == "true"
        _drag(page, (left, top), (right, top), (right, bottom), (left, bottom))
        page.locator(".near .caught", has_text="9 pictures selected").wait_for()
        expect(page.locator(".near .card")).to_have_count(9)
        page.get_by_role("button", name="Show these in the Gallery").click()
        page.locator("#told:visible", has_text="9: ").wait_for()
        page.get_by_role("tab", name="Map").click()

        page.keyboard.down("Shift")
        _drag(page, (left, top), ((left + right) / 2, bottom))
        page.keyboard.up("Shift")
        half = page.locator(".near .caught h3", has_text="selected").filter(has_not_text="9")
        half.wait_for()
        assert 0 < int(half.inner_text().split()[0]) < 9, "a box"

        canvas.press("Escape")
        page.locator(".near .state").wait_for()
        page.get_by_role("tab", name="Gallery").click()
        page.locator("#told", has_text="0: ").wait_for()
