"""The fold-out Network of a tab, in a browser, with a network that is downloaded from a hub on this machine."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import engines
from demos.components import networks
from demos.i18n import language
from demos.server.state import Shelf
from demos.suite import draw_page
from engines.messages import PORTUGUESE, Message
from engines.networks import weights
from features import preferences
from features.library import Library
from tests.support.browsing import opened, visit
from tests.support.hubs import CONTENT, NAME, Hub, begin, record, toy_class

MB = 16_700_000  # what the record says; the file is smaller
AUTO, INSTALLED, TOYNET = "Automatic (installed)", "installed (MIT): installed, no download", "toynet ("


class Gate:
    """An answer that waits halfway until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        begin(handler, len(CONTENT))
        handler.wfile.write(CONTENT[: len(CONTENT) // 2])
        handler.wfile.flush()
        self.opened.wait(60)
        handler.wfile.write(CONTENT[len(CONTENT) // 2 :])


@pytest.fixture
def shelf(hub: Hub, library: Library, rainbow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A toy whose second network is for research only, so that it is never downloaded unasked; and Colour."""
    monkeypatch.setattr(weights, "_failed", {})
    monkeypatch.setenv("SEMBLANCE_OFFLINE", "")
    monkeypatch.setenv("SEMBLANCE_RUNTIME", "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "")
    toy = toy_class(replace(record(hub.url), licence=Message("licences.non_commercial"), free=False, size=MB))
    toy.upgrade = None
    registry = {"colour": engines.discover()["colour"], "toy": toy}
    monkeypatch.setattr(engines.base, "_registry", registry)
    shelf = Shelf(library, rainbow, local=True)
    assert shelf.index(shelf.first, "toy").ended.wait(60)
    return shelf


def _open(page: Any) -> Any:
    page.locator("[role=tab][data-tab-id=toy]").click()
    fold = page.locator(".networks:visible")
    fold.locator("button.label-wrap").click()
    fold.locator("dl").wait_for()
    return fold


def _answers(fold: Any, network: str) -> None:
    fold.locator("dd", has_text=network).first.wait_for()


def _ask(page: Any, network: str) -> None:
    """Searches; the answer is this network's."""
    page.locator(".examples:visible button").first.click()
    page.locator(".facts:visible", has_text=f"network {network}").wait_for()
    page.locator(".card:visible").first.wait_for()


@pytest.mark.browser
def test_a_network_is_downloaded_on_the_persons_word_and_then_answers(
    shelf: Shelf, hub: Hub, browser: Any
) -> None:
    hub.answer = gate = Gate()
    with opened(shelf, ["toy"]) as address, visit(browser, address) as page:
        fold = _open(page)
        assert fold.get_by_role("radio", name=AUTO).is_checked()
        assert fold.get_by_role("button", name="In use").is_disabled()
        assert "nothing is downloaded" in fold.inner_text()
        _ask(page, "installed")

        fold.get_by_role("radio", name=TOYNET).check()
        fold.locator(".note.warn", has_text="toynet is for non-commercial research only").wait_for()
        use = fold.get_by_role("button", name="Download 17 MB and use it")
        use.wait_for()
        label = fold.locator("label", has_text=TOYNET).inner_text()
        assert label.strip() == "toynet (non-commercial research only): 17 MB to download"
        assert hub.asked == 0 and shelf.library.preferred("toy") == "auto", "to look at it starts nothing"

        use.click()
        page.locator(".aside:visible", has_text="Another network for Toy").wait_for()
        _ask(page, "installed")
        gate.opened.set()
        page.locator(".facts:visible", has_text="network toynet").wait_for()
        _answers(fold, "toynet")
        fold.locator("label", has_text="toynet (non-commercial research only): downloaded").wait_for()
        fold.get_by_role("button", name="In use").wait_for()
        assert shelf.library.preferred("toy") == "toynet"

        fold.get_by_role("radio", name=INSTALLED).check()
        fold.get_by_role("button", name="Use this network").click()
        page.locator(".facts:visible", has_text="network installed").wait_for()
        _answers(fold, "installed")

    again = Shelf(Library(shelf.library.home), shelf.catalogue(shelf.first, "toy").root, local=True)
    with opened(again, ["toy"]) as address, visit(browser, address) as page:
        fold = _open(page)
        fold.get_by_role("radio", name=INSTALLED).and_(page.locator(":checked")).wait_for()
        assert (shelf.library.home / preferences.FILE).is_file()


@pytest.mark.browser
def test_what_can_not_be_downloaded_is_told_with_what_to_do(shelf: Shelf, hub: Hub, browser: Any) -> None:
    there = hub.answer
    hub.answer = lambda handler: handler.send_error(404)
    with opened(shelf, ["toy"]) as address, visit(browser, address) as page:
        fold = _open(page)
        _ask(page, "installed")
        fold.get_by_role("radio", name=TOYNET).check()
        fold.get_by_role("button", name="Download 17 MB and use it").click()
        told = fold.locator(".note", has_text=f"answered 404 for {NAME}")
        told.wait_for()
        assert f"Put {NAME} from {hub.url} into" in told.inner_text() and "--weights" in told.inner_text()
        _answers(fold, "installed")
        _ask(page, "installed")
        assert "404" not in page.locator(".status:visible").first.inner_text(), (
            "the reason is a matter of the fold-out"
        )

        hub.answer = there  # another press is another try
        fold.get_by_role("button", name="Download 17 MB and use it").click()
        page.locator(".facts:visible", has_text="network toynet").wait_for()


@pytest.mark.browser
def test_it_can_be_chosen_by_keyboard_alone(shelf: Shelf, browser: Any) -> None:
    with opened(shelf, ["toy"]) as address, visit(browser, address) as page:
        page.locator("[role=tab][data-tab-id=toy]").click()
        fold = page.locator(".networks:visible")
        fold.locator("button.label-wrap").press("Enter")
        fold.get_by_role("radio", name=AUTO).focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        use = fold.get_by_role("button", name="Download 17 MB and use it")
        use.wait_for()
        assert shelf.library.preferred("toy") == "auto", "to walk past a choice takes nothing"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Space")
        fold.get_by_role("button", name="Use this network").press("Enter")
        page.wait_for_function("document.querySelector('.networks .use').disabled")
        assert shelf.library.preferred("toy") == "installed"


@pytest.mark.browser
def test_a_visitor_sees_which_network_answers_and_can_not_change_it(shelf: Shelf, browser: Any) -> None:
    shelf.local = False
    with opened(shelf, ["toy"]) as address, visit(browser, address) as page:
        fold = _open(page)
        _answers(fold, "installed")
        fold.get_by_text("Only who runs this app can change it.").wait_for()
        assert not fold.get_by_role("radio").count() and not fold.locator(".use").count()


def test_no_event_of_a_visitors_page_changes_a_network(shelf: Shelf) -> None:
    def named(page: Any) -> list[str]:
        return [function.name for function in page.fns.values() if function.name == "chosen_network"]

    assert named(draw_page(shelf, ["toy"])) == ["chosen_network"]
    shelf.local = False
    assert named(draw_page(shelf, ["toy"])) == []


def test_an_engine_without_networks_has_no_fold_out(shelf: Shelf) -> None:
    drawn = json.dumps(draw_page(shelf, ["colour"]).config["components"], default=str)
    assert "answering" not in drawn
    assert "answering" in json.dumps(draw_page(shelf, ["toy"]).config["components"], default=str)


def test_what_is_told_is_told_in_portuguese_too(shelf: Shelf) -> None:
    choices = shelf.library.choices("toy")
    with language.speaking(PORTUGUESE):
        labels = [networks._label(choices, value) for value in networks._values(choices)]
        notice, button = networks._offer(shelf, shelf.first, "toy", "toynet")
    assert labels == [
        "Automática (installed)",
        "installed (MIT): instalada, nada a baixar",
        "toynet (só para pesquisa não comercial): 17 MB a baixar",
    ]
    assert "pesquisa não comercial" in notice and button["value"] == "Baixar 17 MB e usar"


def test_made_up_values_choose_nothing(shelf: Shelf) -> None:
    page = draw_page(shelf, ["toy"])
    (chosen,) = [function.fn for function in page.fns.values() if function.name == "chosen_network"]
    problem, _ = chosen(shelf.first, "../../etc")
    assert "has no network" in problem and shelf.library.preferred("toy") == "auto"
