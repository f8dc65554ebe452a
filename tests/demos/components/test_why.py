"""In a real browser: a box drawn on the question changes the answer, and a match tells why it is one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demos.server.state import Shelf
from features.library import Library
from tests.support.browsing import expect, opened, visit

KINDS = ("chair", "lamp")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of things, and beside the folder a picture that shows one of each."""
    products = importlib.import_module("samples.products")
    folder = tmp_path_factory.mktemp("why") / "pictures"
    scene = Image.new("RGB", (1000, 500), (200, 190, 180))
    for place, kind in enumerate(KINDS):
        for number in (1, 2, 3):
            path = folder / kind / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            products.draw(kind, number, path)
        scene.paste(Image.open(folder / kind / "1.jpg").resize((460, 460)), (20 + 500 * place, 20))
    scene.save(folder.parent / "scene.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def address(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    shelf = Shelf(Library(tmp_path_factory.mktemp("home")), pictures, local=True)
    with opened(shelf, only=["product", "visual", "colour"]) as address:
        yield address


def _asked(page: Any, pictures: Path, tab: str = "product") -> Any:
    page.locator(f"[role=tab][data-tab-id={tab}]").click()
    panel = page.locator("[role=tabpanel]:visible").first
    panel.locator("input[type=file]").first.set_input_files(pictures.parent / "scene.jpg")
    panel.locator(".card").first.wait_for()
    return panel


def _first_is(page: Any, kind: str) -> None:
    page.wait_for_function(
        "kind => [...document.querySelectorAll('.card')].find(card => card.checkVisibility())"
        "?.querySelector('.label').innerText === kind && !document.querySelector('.generating')",
        arg=kind,
    )


def _drag(page: Any, panel: Any, left: float, top: float, right: float, bottom: float) -> None:
    place = panel.locator(".catch").bounding_box()
    corners = [
        (place["x"] + x * place["width"], place["y"] + y * place["height"])
        for x, y in ((left, top), (right, bottom))
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    page.mouse.move(*corners[1], steps=3)
    page.mouse.up()


@pytest.mark.browser
def test_a_box_is_drawn_changed_by_keys_and_taken_away(browser: Any, address: str, pictures: Path) -> None:
    with visit(browser, address) as page:
        panel = _asked(page, pictures)
        picture = panel.locator(".drop img").bounding_box()
        panel.locator(".by-part summary").press("Enter")
        place = panel.locator(".catch").bounding_box()
        assert place["width"] == pytest.approx(2 * place["height"], rel=0.02), "it lies on the picture, 2 to 1"
        assert place["x"] >= picture["x"] - 2 and place["width"] <= picture["width"] + 4

        _drag(page, panel, 0.51, 0.03, 0.98, 0.97)
        panel.locator("[data-whole]").wait_for()
        _first_is(page, "lamp")
        for edge, value in (("Left", "0"), ("Right", "49")):
            panel.get_by_label(edge, exact=True).fill(value)
        panel.get_by_label("Right", exact=True).press("Enter")
        _first_is(page, "chair")
        panel.locator("[data-whole]").click()
        panel.locator("[data-whole]").wait_for(state="detached")
        assert float(panel.locator(".framed").get_attribute("width")) == 0

        panel.locator(".by-part summary").click()
        _drag(page, panel, 0.51, 0.03, 0.98, 0.97)
        panel.locator("[data-whole]").wait_for()
        panel.locator(".examples button").first.click()  # another question
        panel.locator("[data-whole]").wait_for(state="detached")


@pytest.mark.browser
def test_a_finger_can_draw_it_and_the_picture_can_still_be_taken_away(
    browser: Any,
    address: str,
    pictures: Path,
) -> None:
    with visit(browser, address) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        panel = _asked(page, pictures, "visual")
        panel.locator(".by-part summary").click()
        panel.locator(".catch").evaluate(
            """(catcher) => {
                catcher.setPointerCapture = () => {};
                const place = catcher.getBoundingClientRect();
                const moment = (kind, x, y) => catcher.dispatchEvent(new PointerEvent(kind, {
                    bubbles: true, pointerType: 'touch',
                    clientX: place.x + x * place.width, clientY: place.y + y * place.height }));
                moment('pointerdown', .51, .03); moment('pointermove', .7, .5); moment('pointerup', .98, .97);
            }"""
        )
        panel.locator("[data-whole]").wait_for()
        _first_is(page, "lamp")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        panel.get_by_label("Clear").or_(panel.get_by_label("Remove Image")).first.click()
        panel.locator(".by-part").wait_for(state="detached")


@pytest.mark.browser
@pytest.mark.slow  # the map of the net is exported first
def test_a_match_tells_why_it_is_one(browser: Any, address: str, pictures: Path) -> None:
    with visit(browser, address) as page:
        panel = _asked(page, pictures)
        asking = panel.locator(".ask-why").first
        asking.press("Enter")
        panel.locator(".heat").nth(1).wait_for()
        shown = panel.locator(".pair-of img")
        expect(shown).to_have_count(4)
        for image in shown.all():
            expect(image).to_be_visible()
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        over, under = (panel.locator(".pair-of figure").first.locator("img").nth(n).bounding_box() for n in (1, 0))
        assert over == pytest.approx(under, abs=1)
        assert "Cosine" in panel.locator(".explained").inner_text()
        panel.locator(".heat-of input").fill("0")
        assert panel.locator(".heat").first.evaluate("heat => getComputedStyle(heat).opacity") == "0"

        page.keyboard.press("Escape")
        panel.locator(".explained").wait_for(state="detached")
        assert asking.evaluate("button => button === document.activeElement")
        assert panel.locator(".card").first.is_visible()

        page.locator("[role=tab][data-tab-id=colour]").click()
        other = page.locator("[role=tabpanel]:visible").first
        other.locator(".examples button").first.click()
        other.locator(".card").first.wait_for()
        assert other.locator(".ask-why").count() == 0, "colours are told without places"
