"""The page works under its content security policy: a browser that enforces it has nothing to complain of."""

from __future__ import annotations

from typing import Any

import pytest
from target import ENGINE, Target, png

from tests.support.browsing import SECONDS


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["local", "public"])
def test_the_policy_stops_nothing_of_our_own(browser: Any, kind: str, request: pytest.FixtureRequest) -> None:
    target: Target = request.getfixturevalue(kind)
    page = browser.new_page()
    page.set_default_timeout(SECONDS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error(`${e.violatedDirective} ${e.blockedURI}`))"
    )
    try:
        page.goto(target.address)
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
    assert complaints == []
