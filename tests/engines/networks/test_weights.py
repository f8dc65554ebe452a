"""Where weights come from, against a hub on this machine that can be made to misbehave."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engines
from app import main
from engines import Crop, NetworkChoice, WeightsError, settings
from engines.errors import WeightsUnavailable
from engines.networks import weights as module
from engines.networks.weights import Found, resolve
from tests.support import ROOT
from tests.support.hubs import CONTENT, NAME, Answer, Hub, begin, record, toy, whole
from tests.support.seeded import FILES, Files, environment

OTHER = np.random.default_rng(4).bytes(300_000)


def closes_half_way(handler: BaseHTTPRequestHandler) -> None:
    begin(handler, len(CONTENT))
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def resets_half_way(handler: BaseHTTPRequestHandler) -> None:
    closes_half_way(handler)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def promises_one_byte_more(handler: BaseHTTPRequestHandler) -> None:
    begin(handler, len(CONTENT) + 1)
    handler.wfile.write(CONTENT)


def stalls_half_way(handler: BaseHTTPRequestHandler) -> None:
    closes_half_way(handler)
    """The rest comes only to who waits too long: what stands still must be given up."""
    handler.wfile.flush()
    handler.connection.settimeout(120)
    try:
        handler.connection.recv(1)  # the other side hangs up
    except TimeoutError:
        handler.wfile.write(CONTENT[len(CONTENT) // 2 :])


def not_there(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the process had just begun: no failure is remembered, the net may be tried."""
    monkeypatch.setattr(module, "_failed", {})
    monkeypatch.setenv("SEMBLANCE_OFFLINE", "")
    monkeypatch.setenv("SEMBLANCE_RUNTIME", "keras")  # the toy nets are none that could be exported
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras/models"


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, content).hexdigest()


def counting_files(cache: Path) -> set[str]:
    """What the cache holds that could ever be taken for weights."""
    return {path.name for path in cache.rglob("*") if path.suffix == ".h5"}


CROP = Crop(np.zeros((8, 8, 3), np.uint8))


# --- a download that goes well


@pytest.mark.parametrize("algorithm", ["md5", "sha256", None])
def test_downloaded_once_then_taken_from_the_cache(hub: Hub, cache: Path, algorithm: str | None) -> None:
    wanted = record(hub.url, f"{algorithm}:{digest(CONTENT, algorithm)}" if algorithm else None)
    expected = Found(cache / NAME, digest(CONTENT), f"{NAME} (toy)")
    assert resolve(wanted, fetch=True) == expected
    assert (cache / NAME).read_bytes() == CONTENT and counting_files(cache) == {NAME}
    asked = hub.asked
    assert resolve(wanted, fetch=True) == resolve(wanted, fetch=False) == expected
    assert hub.asked == asked


def test_progress_goes_to_stderr_and_stdout_stays_empty(
    hub: Hub, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    resolve(record(hub.url), fetch=True)
    out, err = capfd.readouterr()
    assert out == "" and hub.url in err and "300000/300000" in err


def test_threads_that_ask_at_once_share_one_download(hub: Hub, cache: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: resolve(record(hub.url), fetch=True), range(6)))
    assert len(set(found)) == 1 and hub.asked == 2  # the probe and the download


def test_nothing_is_fetched_before_it_is_needed(hub: Hub, cache: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"^not downloaded yet \(0 MB, at the first use\)$"):
        resolve(record(hub.url), fetch=False)
    card = toy(record(hub.url)).describe()
    assert (card.network, card.available, card.settled) == ("installed", True, False)
    assert "not downloaded yet" in card.reason
    assert hub.asked == 0


def test_the_engine_says_whose_weights_answer(hub: Hub, cache: Path) -> None:
    engine = toy(record(hub.url))
    before = engines.fingerprint(engine)
    np.testing.assert_array_equal(engine.embed([CROP]), [[0, 1]])
    card = engine.describe()
    assert (card.network, card.dim, card.weights, card.reason) == ("toynet", 2, f"{NAME} (toy)", "")
    assert engines.fingerprint(engine) != before, "the built-in network's vectors would mix with the net's"
    assert engine.settings()["weights"] == digest(CONTENT)


# --- a download that does not


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (closes_half_way, f"the download of {NAME} broke off"),
        (resets_half_way, f"the download of {NAME} broke off"),
        (promises_one_byte_more, f"the download of {NAME} broke off"),
        (stalls_half_way, f"the download of {NAME} broke off"),
        (not_there, f"127.0.0.1 answered 404 for {NAME}"),
    ],
)
def test_a_failed_download_falls_back_in_the_open_and_is_not_tried_again(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, why: str
) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.5)
    hub.answer = answer
    engine = toy(record(hub.url))
    np.testing.assert_array_equal(engine.embed([CROP]), [[0, 0, 1]])
    card = engine.describe()
    assert (card.network, card.dim, card.available) == ("installed", 3, True)
    assert card.reason == f"no weights of toynet: {why}"
    assert card.weights == f"built-in: good for three numbers; {card.reason}"
    assert counting_files(cache) == set()

    asked = hub.asked
    hub.answer = whole(CONTENT)
    engine.embed([CROP])
    for another in (toy(record(hub.url)), toy(record(hub.url))):
        assert another.embed([CROP]).shape == (1, 3) and another.describe().reason == card.reason
    assert hub.asked == asked, "a failed download must not be tried on every query"

    monkeypatch.setattr(module, "_failed", {})  # the next process
    assert toy(record(hub.url)).embed([CROP]).shape == (1, 2)
    assert counting_files(cache) == {NAME}


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of a hub that takes a call and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/{NAME}"


@pytest.fixture
def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return f"http://127.0.0.1:{port}/{NAME}"


@pytest.fixture
def dead_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address whose look-up hangs, however short the time limit of the call."""
    end, waited_out = threading.Event(), []

    def hangs(*_: object, **__: object) -> list[object]:
        if not end.wait(120):
            waited_out.append(True)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    yield f"http://hub.invalid/{NAME}"
    end.set()
    assert not waited_out, "the look-up was waited for"


@pytest.mark.parametrize("place", ["black_hole", "closed_port", "dead_name_server"])
def test_a_hub_out_of_reach_is_tried_only_once(
    place: str,
    hub: Hub,
    cache: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = request.getfixturevalue(place)
    engine = toy(record(url))
    assert engine.embed([CROP]).shape == (1, 3)
    assert engine.describe().reason == (
        f"no weights of toynet: no connection ({urllib.parse.urlsplit(url).hostname} can't be reached)"
    )

    looked_up: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: looked_up.append(asked) or [])
    for again in (record(url), record(hub.url)):  # another hub isn't tried either: the net is away
        with pytest.raises(WeightsUnavailable, match="can't be reached"):
            resolve(again, fetch=True)
    assert looked_up == [] and hub.asked == 0


def test_offline_nothing_is_tried(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_OFFLINE", "1")
    engine = toy(record(hub.url))
    assert engine.embed([CROP]).shape == (1, 3)
    assert engine.describe().reason == "no weights of toynet: offline mode is on"
    assert hub.asked == 0


def test_offline_the_cache_still_answers(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(record(hub.url), fetch=True)
    monkeypatch.setenv("SEMBLANCE_OFFLINE", "1")
    assert toy(record(hub.url)).embed([CROP]).shape == (1, 2)


def test_a_cache_that_cannot_be_written_to_falls_back(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "a file"))
    assert toy(record(hub.url)).embed([CROP]).shape == (1, 3)


# --- a file that is not the right one


def one_sentence(error: pytest.ExceptionInfo[Exception]) -> str:
    told = str(error.value)
    assert "\n" not in told and told.endswith(".") and ". " not in told
    return told


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_wrong_checksum_stops_and_leaves_no_file(hub: Hub, cache: Path, algorithm: str) -> None:
    hub.answer = whole(OTHER)
    engine = toy(record(hub.url, f"{algorithm}:{digest(CONTENT, algorithm)}"))
    with pytest.raises(WeightsError) as refusal:
        engine.embed([CROP])
    expected, actual = digest(CONTENT, algorithm)[:12], digest(OTHER, algorithm)[:12]
    assert f"{NAME} is not the published file ({algorithm} {actual} instead of {expected})" in one_sentence(
        refusal
    )
    assert not [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size]


@pytest.mark.parametrize("checksum", ["md5", "sha256"])
def test_a_wrong_file_in_the_cache_stops(hub: Hub, cache: Path, checksum: str) -> None:
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(OTHER)
    for fetch in (True, False):
        with pytest.raises(WeightsError) as refusal:
            resolve(record(hub.url, f"{checksum}:{digest(CONTENT, checksum)}"), fetch=fetch)
        assert f"delete {cache / NAME}" in one_sentence(refusal)
    assert hub.asked == 0


def test_without_a_published_checksum_the_first_download_is_held_to(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(record(hub.url), fetch=True)
    assert (cache / f"{NAME}.sha256").read_text() == f"{digest(CONTENT)}\n"

    (cache / NAME).write_bytes(OTHER)  # changed in the cache
    with pytest.raises(WeightsError, match="is not the published file"):
        resolve(record(hub.url), fetch=True)

    (cache / NAME).unlink()  # changed at the hub
    hub.answer = whole(OTHER)
    with pytest.raises(WeightsError, match="is not the published file"):
        resolve(record(hub.url), fetch=True)
    assert counting_files(cache) == set()

    asked = hub.asked
    with pytest.raises(WeightsError, match="is not the published file"):
        resolve(record(hub.url), fetch=True)
    assert hub.asked == asked, "a wrong file must not be fetched again on every query"

    monkeypatch.setattr(module, "_failed", {})  # the next process
    hub.answer = whole(CONTENT)
    assert resolve(record(hub.url), fetch=True).sha256 == digest(CONTENT)


def test_without_a_published_checksum_the_content_is_looked_into(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(path: Path) -> None:
        if path.read_bytes() != CONTENT:
            raise WeightsError("It holds something else.")

    hub.answer = whole(b"<html>Please sign in</html>")
    with pytest.raises(WeightsError, match="something else"):
        resolve(record(hub.url), fetch=True, check=check)
    assert not [path for path in cache.rglob("*") if path.is_file() and path.stat().st_size]
    monkeypatch.setattr(module, "_failed", {})  # the next process
    hub.answer = whole(CONTENT)
    assert resolve(record(hub.url), fetch=True, check=check).sha256 == digest(CONTENT)


# --- interrupted, or at the same time as another process

RESOLVE = """if True:
    import sys
    from engines.networks.weights import Preprocessing, Weights, resolve
    wanted = Weights("toy", sys.argv[1], sys.argv[2], None, 0, "MIT", "", Preprocessing(8, "RGB", ""))
    print(resolve(wanted, fetch=True).sha256)
"""


class Gate:
    """An answer that gives half of the content, and the rest when it is opened. The probe passes."""

    def __init__(self) -> None:
        self.waiting, self.opened, self.calls = threading.Event(), threading.Event(), 0

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.calls += 1
        first = self.calls == 2
        closes_half_way(handler)
        handler.wfile.flush()
        if first:
            self.waiting.set()
            self.opened.wait(60)
        handler.wfile.write(CONTENT[len(CONTENT) // 2 :])


@pytest.fixture
def another_process(hub: Hub, cache: Path) -> Iterator[tuple[Gate, subprocess.Popen[str]]]:
    """It has got half of the file."""
    hub.answer = gate = Gate()
    process = subprocess.Popen(
        [sys.executable, "-c", RESOLVE, NAME, hub.url],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert gate.waiting.wait(60)
    yield gate, process
    gate.opened.set()
    process.kill()
    process.communicate()


def test_killed_in_the_middle_no_half_file_counts(
    another_process: tuple[Gate, subprocess.Popen[str]], hub: Hub, cache: Path
) -> None:
    _, process = another_process
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert counting_files(cache) == set()
    assert all(path.suffix in (".part", ".lock") for path in cache.rglob("*") if path.is_file())
    hub.answer = whole(CONTENT)
    assert resolve(record(hub.url), fetch=True).sha256 == digest(CONTENT)
    assert {path.name for path in cache.iterdir()} - {f"{NAME}.lock"} == {NAME, f"{NAME}.sha256"}


def test_two_processes_that_fetch_at_once_do_not_meddle(
    another_process: tuple[Gate, subprocess.Popen[str]], hub: Hub, cache: Path
) -> None:
    importlib.import_module("keras")  # so that this process is the faster one
    gate, process = another_process
    threading.Timer(1, gate.opened.set).start()
    assert resolve(record(hub.url), fetch=True).sha256 == digest(CONTENT)
    gate.opened.set()
    out, err = process.communicate(timeout=60)
    assert out.strip() == digest(CONTENT), err
    assert (cache / NAME).read_bytes() == CONTENT


# --- which networks there are to choose from


def test_an_engine_lists_its_networks(hub: Hub, cache: Path) -> None:
    wanted = replace(record(hub.url), size=16_700_000, licence="CC BY-NC 4.0", free=False)
    first, other = toy(wanted).choices()
    assert (first.name, first.builtin, first.present, first.megabytes) == ("installed", True, True, 0)
    assert first.free and not first.manual and not first.automatic
    assert other == NetworkChoice(
        "toynet",
        "CC BY-NC 4.0",
        17,
        f"Put {NAME} from {hub.url} into {cache}, or name it with --weights.",
        free=False,
        automatic=True,
    )
    resolve(wanted, fetch=True)
    assert toy(wanted).choices()[1] == replace(other, present=True)
    assert hub.asked == 2, "nothing is downloaded to list it"


def test_only_vggface_forbids_commercial_use() -> None:
    choices = [choice for name in engines.discover() for choice in engines.create(name).choices()]
    assert {choice.name for choice in choices if not choice.free} == {"resnet50", "senet50", "vgg16"}
    assert all("non-commercial" in choice.licence for choice in choices if not choice.free)
    lookalike = engines.create("lookalike").choices()
    assert [choice.automatic for choice in lookalike] == [choice.builtin for choice in lookalike]


def test_a_failed_download_is_tried_once_more_when_the_person_asks(hub: Hub, cache: Path) -> None:
    hub.answer = not_there
    with pytest.raises(WeightsUnavailable):
        resolve(record(hub.url), fetch=True)
    hub.answer = whole(CONTENT)
    with pytest.raises(WeightsUnavailable):
        resolve(record(hub.url), fetch=True)
    module.forget_failures()
    assert resolve(record(hub.url), fetch=True).sha256 == digest(CONTENT)


# --- a path that the person named


@pytest.mark.parametrize("what", ["folder", "file", "file of another name"])
def test_a_named_path_comes_first(
    what: str, hub: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(record(hub.url), fetch=True)
    asked = hub.asked
    file = tmp_path / ("mine.h5" if what == "file of another name" else NAME)
    file.write_bytes(OTHER)
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(tmp_path if what == "folder" else file))
    wanted = record(hub.url, f"sha256:{digest(CONTENT)}")  # the person vouches for another
    assert resolve(wanted, fetch=True) == Found(file, digest(OTHER), f"{file.name}, named by you")
    assert toy(wanted).settings()["weights"] == digest(OTHER)
    assert hub.asked == asked


def test_a_named_folder_without_the_file_leaves_it_to_the_cache_and_the_hub(
    hub: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(tmp_path))
    assert resolve(record(hub.url), fetch=True).path == cache / NAME


def test_a_named_path_that_is_not_there_stops(
    hub: Hub, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(tmp_path / "nothing.h5"))
    with pytest.raises(WeightsError) as refusal:
        toy(record(hub.url)).embed([CROP])
    assert f"{tmp_path / 'nothing.h5'} does not exist" in str(refusal.value)
    assert hub.asked == 0


@pytest.mark.parametrize(
    ("engine", "network", "given"),
    [
        ("product", "efficientnetb0", "vgg19"),
        ("visual", "bit-r50x1", "vgg19"),
        ("style", "vgg19", "efficientnetb0"),
        ("lookalike", "resnet50", "efficientnetb0"),
        ("product", "efficientnetb0", "no weights at all"),
        ("visual", "bit-r50x1", "no weights at all"),
        ("style", "vgg19", "no weights at all"),
        ("lookalike", "resnet50", "no weights at all"),
    ],
)
def test_a_file_of_another_architecture_is_refused_in_one_sentence(
    engine: str, network: str, given: str, weights: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = weights[given] if given in FILES else tmp_path / "page.h5"
    if given not in FILES:
        path.write_text("<html>Not found</html>")
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(path))
    asked = "auto" if engine in ("product", "visual") else network  # the others take no network unasked
    with pytest.raises(WeightsError) as refusal:
        engines.create(engine, asked).embed([CROP])  # the person named a file: nothing may stand in for it
    told = one_sentence(refusal)
    assert told.startswith(f"{path} ") and f"put {FILES[network]} from https://" in told


# --- as it is told


@pytest.fixture
def shelf(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for level in (40, 200):
        Image.new("RGB", (30, 30), (level, 10, 90)).save(pictures / f"{level}.png")
    return pictures


@pytest.mark.parametrize(
    ("engine", "network"),
    [
        ("product", "efficientnetb0"),
        ("style", "vgg19"),
        ("visual", "bit-r50x1"),
        ("lookalike", "resnet50"),
        ("lookalike", "senet50"),
    ],
)
def test_a_network_asked_for_by_name_is_never_replaced(
    engine: str, network: str, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["index", str(shelf), "--engine", engine, "--network", network, "--offline", "--json"]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"There are no weights of {network}: offline mode is on. Try --network auto.\n"
    settings.override(offline=True)
    card = engines.create(engine, network).describe()
    assert (card.network, card.available) == (network, False) and card.reason in err


@pytest.mark.parametrize(("engine", "network"), [("product", "efficientnetb0"), ("visual", "bit-r50x1")])
def test_auto_answers_with_the_built_in_network_and_every_command_says_so(
    engine: str, network: str, shelf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str | os.PathLike[str]) -> dict[str, str]:
        assert main([*map(os.fspath, arguments), "--offline", "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    (listed,) = (card for card in told("engines") if card["name"] == engine)
    assert listed["available"] and listed["reason"] == f"no weights of {network}: offline mode is on"
    answers = [
        listed,
        told("index", shelf, "-e", engine),
        told("search", shelf, shelf / "40.png", "-e", engine),
        told("recommend", shelf, "--like", shelf / "40.png", "-e", engine),
    ]
    for answer in answers:
        assert answer["network"] == "efficientnet-lite0"
        assert answer["weights"].startswith("built-in: ") and answer["weights"].endswith(listed["reason"])


def test_nobody_waits_for_a_download_but_who_needs_it(hub: Hub, cache: Path) -> None:
    hub.answer = gate = Gate()
    engine, same_weights = toy(record(hub.url)), toy(record(hub.url))
    fetching = threading.Thread(target=engine.embed, args=([CROP],))
    fetching.start()
    try:
        assert gate.waiting.wait(60)
        for asked in (engine, same_weights):
            assert "not downloaded yet" in asked.describe().reason
            assert asked.settings()["network"] == "installed"
        assert fetching.is_alive()
    finally:
        gate.opened.set()
        fetching.join()
    assert engine.describe().network == "toynet" and engine.describe().settled
