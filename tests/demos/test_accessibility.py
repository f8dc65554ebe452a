"""Everybody can use it: what axe-core finds in each view, light and dark, and a whole path by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from demos.server.state import Shelf
from features.library import Library
from tests.support.browsing import opened, visit
from tests.support.toy import Toy

axe_core = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
COLOURS = ["color-contrast"]  # all that the other theme can change

View = tuple[str, Callable[[Any], None]]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

RUN = """rules => axe.run(document, { resultTypes: ['violations'], runOnly: rules }).then((told) => told.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => [id, node.target.join(' '), node.failureSummary])))"""
STILL = "*, ::before, ::after { transition: none !important; animation: none !important; }"  # no colour half-way
FOCUS = """() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
}"""


@pytest.fixture(scope="module")
def address(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over a collection that is indexed for two tabs: Colour, and Products, where the toy answers."""
    library, toy = Library(tmp_path_factory.mktemp("home")), Toy()
    shelf = Shelf(library, collection, local=True)
    hoped = shelf.hoped
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "hoped", lambda key, name: toy if name == "product" else hoped(key, name))
        for name in ("product", "colour"):
            library.index(shelf.catalogue(shelf.first, name), shelf.engine(shelf.first, name)).update()
        with opened(shelf) as address:
            yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with visit(browser, address) as page:
        page.add_style_tag(content=STILL)
        page.evaluate(axe_core.AXE_SCRIPT)
        yield page


def found(page: Any, rules: Sequence[str] = RULES) -> list[str]:
    """What axe calls serious or critical in what is to be seen; Gradio's own is no exception."""
    return [f"{rule} {selector}: {told}" for rule, selector, told in page.evaluate(RUN, rules)]


def found_in_both(page: Any) -> list[str]:
    light = found(page)
    page.evaluate("document.body.classList.add('dark')")
    dark = found(page, COLOURS)
    page.evaluate("document.body.classList.remove('dark')")
    return light + [f"dark: {one}" for one in dark]


def open_tab(page: Any, name: str) -> Any:
    page.locator(f"[role=tab][data-tab-id={name}]:visible").click()
    return page.locator("[role=tabpanel]:visible").first


def ask(panel: Any) -> None:
    """An example's answer."""
    panel.locator(".examples button").first.click()
    panel.locator(".wall .card").first.wait_for()


def look(panel: Any) -> None:
    panel.locator(".card").first.click()
    panel.locator(".known").wait_for()
    panel.locator(".tick").first.click()


def find_words(panel: Any) -> None:
    panel.get_by_label("What they should show").fill("dress")
    panel.page.keyboard.press("Enter")
    panel.locator(".wall .card").first.wait_for()


def learn(panel: Any) -> None:
    panel.locator(".learn").click()
    panel.locator(".examined .told").wait_for()


def unfold_network(panel: Any) -> None:
    panel.locator(".networks button:visible").first.click()
    panel.locator(".networks .answering dl:visible").wait_for()


def of(selector: str) -> Callable[[Any], None]:
    return lambda panel: panel.locator(f"{selector}:visible").first.wait_for()


ON_A_PHONE = ("product", "text", "gallery", "catalogue")
FINDING: View = ("", ask)
TABS: dict[
    str, Sequence[View]
] = {  # its inner views, and what is done there; what all engines have is looked at once
    "lookalike": [("", unfold_network), ("same", of(".state")), ("mirror", of("video, button"))],
    "style": [("", of(".state")), ("paint", of(".painted"))],
    "product": [FINDING, ("classes", learn)],
    "semantic": [("", of(".state"))],
    "visual": [("", of(".state"))],
    "colour": [FINDING, ("map", of(".key button")), ("kinds", of("[role=gridcell]")), ("odd", of(".odd .card"))],
    "vae": [("", of(".state")), ("explore", of(".state")), ("train", of(".state"))],
    "text": [("", find_words)],
    "recommend": [("", of(".state"))],
    "gallery": [("", look)],
    "duplicates": [("", of(".state"))],
    "compare": [("", of(".state")), ("suits", of(".state"))],
    "catalogue": [("", of(".state"))],
}


@pytest.mark.browser
def test_axe_finds_nothing_serious_in_any_view(page: Any) -> None:
    wrong = {}
    for name, views in TABS.items():
        panel = open_tab(page, name)
        for view, show in views:
            if view:
                panel.locator(f"[role=tab][data-tab-id={view}]").click()
            show(panel)
            wrong[f"{name} {view}"] = found_in_both(page)
        if name in ON_A_PHONE:
            page.set_viewport_size(PHONE)
            wrong[f"{name} on a phone"] = found(page)
            page.set_viewport_size(DESK)
    assert {where: told for where, told in wrong.items() if told} == {}


def reach(page: Any, selector: str, key: str = "Tab") -> None:
    """Goes on, key by key, and at each stop sees where it is."""
    for _ in range(80):
        page.keyboard.press(key)
        assert page.evaluate(FOCUS), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by {key}")


@pytest.mark.browser
def test_all_of_it_goes_by_keyboard(page: Any) -> None:
    reach(page, "[role=tab][data-tab-id=colour]")
    page.keyboard.press("Enter")
    reach(page, ".examples button")
    assert not page.locator("ul.options:visible").count(), "a dropdown that was passed lies over what is below it"
    page.keyboard.press("Enter")
    panel = page.locator("[role=tabpanel]:visible").first
    panel.locator(".wall .card").first.wait_for()

    reach(page, ".tools [data-do=like]")
    page.keyboard.press("Space")
    page.locator(".liked", has_text="♥ 1").wait_for()
    panel.locator(".tools [data-do=like][aria-pressed=true]").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"

    reach(page, ".card", "Shift+Tab")
    first = panel.locator(".card").first.get_attribute("data-digest")
    page.keyboard.press("Enter")
    panel.locator(f".card[data-digest='{first}']").wait_for(state="detached")
    page.wait_for_function("() => document.activeElement.closest('.results')")  # and not the top of the page

    reach(page, "[role=tab][data-tab-id=gallery]", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".browse .card").first.wait_for()
    reach(page, ".tick")
    page.keyboard.press("Space")
    page.get_by_text("1 ticked").wait_for()
    reach(page, "[data-do=mark][data-digest=hide]", "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(".undo").wait_for()
    reach(page, "[data-digest=undo]")
    page.keyboard.press("Enter")
    page.locator(".undo").wait_for(state="detached")
