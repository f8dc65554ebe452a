"""The network that a person chose for an engine: how it is kept, and what happens when something is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import engines
from app import main
from engines import SemblanceError
from engines.networks import weights
from features import preferences
from features.library import Library
from tests.support.hubs import Hub, record, toy_class
from tests.support.toy import is_one_sentence

LITE0 = "efficientnet-lite0"


def test_nobody_has_chosen(home: Path, library: Library) -> None:
    assert preferences.networks(home) == {} and library.preferred("product") == "auto"
    assert not (home / preferences.FILE).exists(), "asking writes nothing"


def test_a_choice_is_kept_beside_the_others_and_survives_a_restart(home: Path, library: Library) -> None:
    library.prefer("product", LITE0)
    library.prefer("style", "vgg19")
    library.prefer("style", "auto")
    assert preferences.networks(home) == {"product": LITE0, "style": "auto"}
    later = Library(home)
    assert later.preferred("product") == LITE0 and later.preferred("style") == "auto"
    card = later.engine("product").describe()
    assert card.network == LITE0 and card.builtin and "no weights" not in card.weights, "nothing else is wanted"


def test_a_choice_changes_what_auto_stands_for_and_nothing_else(library: Library) -> None:
    before, named = library.engine("product"), library.engine("product", "efficientnetb0")
    assert before.describe().reason == "no weights of efficientnetb0: offline mode is on"
    library.prefer("product", "builtin")
    now = library.engine("product")
    assert now is not before and now.describe().reason != before.describe().reason
    assert library.engine("product", "efficientnetb0") is named
    assert engines.fingerprint(now) == engines.fingerprint(library.engine("product", "builtin"))
    library.prefer("product", "auto")
    assert library.engine("product").describe().reason == before.describe().reason


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b'"product"', b"\xff\xfe", b'{"product": 5, "style": null, "visual": "none such"}'],
)
def test_a_damaged_file_counts_for_nothing_and_is_replaced(home: Path, library: Library, content: bytes) -> None:
    home.mkdir(exist_ok=True)
    (home / preferences.FILE).write_bytes(content)
    for name in ("product", "style", "visual"):
        assert library.engine(name).describe().available
    library.prefer("product", "builtin")
    assert preferences.networks(home)["product"] == "builtin"
    assert json.loads((home / preferences.FILE).read_text("utf-8"))["product"] == "builtin"


@pytest.mark.parametrize(
    ("name", "network", "told"),
    [
        ("nobody", "builtin", "There is no engine 'nobody'."),
        ("product", "vgg19", "product has no network 'vgg19'."),
        ("colour", "efficientnetb0", "colour has no network 'efficientnetb0'."),
    ],
)
def test_what_is_unknown_is_refused_and_not_kept(
    home: Path, library: Library, name: str, network: str, told: str
) -> None:
    with pytest.raises(SemblanceError) as refusal:
        library.prefer(name, network)
    assert str(refusal.value).startswith(told) and "Choose one of: " in str(refusal.value)
    assert not (home / preferences.FILE).exists()


def test_a_home_that_can_not_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder belongs")
    library = Library(tmp_path / "home")
    before = library.engine("product")
    with pytest.raises(SemblanceError) as refusal:
        library.prefer("product", "builtin")
    assert is_one_sentence(str(refusal.value)) and "can't be written to" in str(refusal.value)
    assert library.preferred("product") == "auto" and library.engine("product") is before


def test_commands_with_auto_follow_it(
    home: Path, library: Library, rainbow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def reason() -> str:
        assert main(["engines", "--home", str(home), "--offline", "--json"]) == 0
        cards = {card["name"]: card for card in json.loads(capsys.readouterr().out)}
        return cards["product"]["reason"]

    assert "no weights of efficientnetb0" in reason()
    library.prefer("product", LITE0)
    assert "efficientnetb0" not in reason()
    command = ["index", os.fspath(rainbow), "--home", str(home), "--network", "auto", "--offline", "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["network"], told["rows"]) == (LITE0, 5) and "no weights" not in told["weights"]
    library.prefer("product", "efficientnetb0")
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["weights"].endswith(
        "no weights of efficientnetb0: offline mode is on"
    )


def test_a_choice_asks_the_hub_again(
    hub: Hub, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that failed is not tried twice by itself, but once more for each press of the button."""
    monkeypatch.setattr(weights, "_failed", {})
    monkeypatch.setattr(engines.base, "_registry", {"toy": toy_class(record(hub.url))})
    monkeypatch.setenv("SEMBLANCE_OFFLINE", "")
    monkeypatch.setenv("SEMBLANCE_RUNTIME", "keras")
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "")
    there = hub.answer
    hub.answer = lambda handler: handler.send_error(404)
    library.prefer("toy", "toynet")
    library.engine("toy").prepare()
    assert library.engine("toy").describe().network == "installed"
    hub.answer = there
    library.engine("toy").prepare()
    assert library.engine("toy").describe().network == "installed"
    library.prefer("toy", "toynet")
    library.engine("toy").prepare()
    assert library.engine("toy").describe().network == "toynet"
