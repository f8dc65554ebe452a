"""The page works under its content security policy: a browser that enforces it has nothing to complain of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from target import ENGINE, png, running

from demos.server.state import Shelf
from features.library import Library
from tests.support.browsing import SECONDS


@pytest.mark.browser
@pytest.mark.parametrize("local", [True, False], ids=["local", "public"])
def test_the_policy_stops_nothing_of_our_own(browser: Any, local: bool, attacked: Path, tmp_path: Path) -> None:
    """On an app of its own: what the attacks leave behind, such as a visitor's used-up quota, is none of this."""
    with running(Shelf(Library(tmp_path / "home"), attacked, local=local)) as target:
        assert _complaints(browser, target.address) == []


def _complaints(browser: Any, address: str) -> list[str]:
    page = browser.new_page()
    page.set_default_timeout(SECONDS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error(`${e.violatedDirective} ${e.blockedURI}`))"
    )
    try:
        page.goto(address)
        page.locator(f"[role=tab][data-tab-id={ENGINE}]").click()
        panel = page.locator("[role=tabpanel]:visible")
        panel.locator("input[type=file]").first.set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": png(64)}
        )
        page.locator(".card:visible img").first.wait_for()
        page.wait_for_function("[...document.querySelectorAll('.card img')].some(one => one.naturalWidth > 0)")
        page.locator("[role=tab][data-tab-id=gallery]").click()
        page.locator(".browse .card:visible").first.wait_for()
        page.locator(".browse .card .label", has_text="caf\\udce9.png").wait_for()
    finally:
        page.close()
    return complaints
