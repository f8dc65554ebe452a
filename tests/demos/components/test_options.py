"""What a question is asked by besides its picture: pinned references, and which parts of the vectors count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demos.components import options
from demos.components.options import Pin
from demos.server.state import Shelf
from engines import VectorPart
from features.library import Library
from tests.support.browsing import expect, opened, visit
from tests.support.toy import RED, paint

PARTS = (
    VectorPart("colour", 1, 0.45, "brush"),
    VectorPart("grain", 1, 0.45, "brush"),
    VectorPart("subject", 1, 0.1, "subject"),
)


@pytest.mark.parametrize(
    ("chosen", "balance", "mix"),
    [
        (["colour", "grain"], 0.1, None),
        ([], 0.1, None),
        (["colour"], 0, {"colour": 1, "subject": 0}),
        (["colour", "grain"], 1, {"colour": 0, "grain": 0, "subject": 1}),
        (["grain"], 0.5, {"grain": 0.5, "subject": 0.5}),
        (["made up"], 0.5, {"colour": 0.25, "grain": 0.25, "subject": 0.5}),
        (["colour"], 7, {"colour": 0, "subject": 1}),
        (["colour"], "x", {"colour": 0.9, "subject": 0.1}),
    ],
)
def test_what_was_chosen_becomes_weights(chosen: list[str], balance: Any, mix: dict[str, float] | None) -> None:
    assert options.mixed(PARTS, chosen, balance) == (mix and pytest.approx(mix))


@pytest.mark.parametrize(
    ("told", "weight"), [("2", 2), (0.5, 0.5), ("0", 0.25), (-3, 0.25), (99, 5), ("x", 1), (None, 1), ([], 1)]
)
def test_a_weight_is_kept_in_its_range(told: Any, weight: float) -> None:
    assert options.weight(told) == weight


def test_pins_are_drawn_with_their_weights_and_no_path(library: Library, pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    paint(folder / "red.png", RED)
    upload = paint(tmp_path / "secret place" / "upload.png", RED)
    catalogue = library.open(folder)
    pins = [Pin("", upload, 2.5), Pin("f" * 64, None), Pin("", tmp_path / "gone.png")]
    html = options.draw_pins(catalogue, pins, asking=True)
    assert html.count('class="pin"') == 3 and 'value="2.5"' in html and "data:image/jpeg" in html
    assert "secret place" not in html and str(tmp_path) not in html
    assert options.draw_pins(catalogue, [], asking=False) == ""
    assert [pin.reference(catalogue) is not None for pin in pins] == [True, False, False]


@pytest.mark.browser
def test_references_are_pinned_weighed_and_taken_out(browser: Any, library: Library, collection: Path) -> None:
    one, other = sorted(collection.glob("*/1.jpg"))[:2]
    shelf = Shelf(library, collection, local=True)
    with opened(shelf, only=["style"]) as address, visit(browser, address) as page:
        page.locator("[role=tab][data-tab-id=style]").click()
        panel = page.locator("[role=tabpanel]:visible").first
        panel.locator("input[type=file]").first.set_input_files(one)
        panel.locator(".card").first.wait_for()
        alone = panel.locator(".card").first.get_attribute("data-digest")
        assert panel.locator(".card .why i").count() % 6 == 0 and panel.locator(".card .why").count()

        panel.locator("[data-do=pin]").click()
        panel.locator(".pin").wait_for()
        panel.locator("input[type=file]").first.set_input_files(other)
        page.wait_for_function(
            "digest => document.querySelector('.pin') && [...document.querySelectorAll('.card')]"
            ".some(card => card.checkVisibility() && card.dataset.digest !== digest)",
            arg=alone,
        )
        panel.locator(".pin input").fill("5")
        page.locator(".pin input[value='5.0'], .pin input[value='5']").wait_for()
        expect(panel.locator(".card").first).to_have_attribute("data-digest", alone)  # it weighs most

        panel.get_by_text("What counts").click()
        panel.get_by_label("Colour", exact=True).click()
        panel.locator(".facts", has_text="strokes").wait_for()
        expect(panel.locator(".facts")).not_to_contain_text("colour")

        panel.locator("[data-do=unpin]").click()
        panel.locator(".pin").wait_for(state="detached")
