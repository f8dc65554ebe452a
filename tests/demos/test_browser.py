"""The app in a real browser: every tab answers, every state is told in words, and nothing leaves the machine."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import engines
import samples
from demos import suite
from demos.components import answers, draw, networks, theme
from demos.components.options import How
from demos.components.queries import Asked
from demos.server import sweep
from demos.server.jobs import Jobs
from demos.server.state import SAMPLES, Shelf, is_local
from demos.suite import build, draw_page
from demos.views import find_answers, find_kinds
from demos.views.common import COMMON
from engines import SemblanceError
from features.library import Library
from features.limits import LIMITS
from tests.support import ROOT
from tests.support.browsing import awaited, in_english, noise, opened, visit
from tests.support.toy import is_one_sentence

ASKED = (Asked(), 3, How(), find_kinds.PICTURES)
LOADED = ("lookalike", "style", "product", "visual", "colour")


def _open(page: Any, tab: str) -> Any:
    page.locator(f"[role=tab][data-tab-id={tab}]").click()
    return page.locator("[role=tabpanel]:visible")


def _upload(panel: Any, picture: Path) -> None:
    panel.locator("input[type=file]").first.set_input_files(picture)


@pytest.mark.browser
@pytest.mark.parametrize("tab", LOADED)
def test_every_tab_answers_an_upload_and_searches_from_a_result(page: Any, collection: Path, tab: str) -> None:
    panel = _open(page, tab)
    query = sorted(collection.glob("*/1.jpg"))[0]
    if tab == "lookalike":
        query = collection / next(iter(importlib.import_module("samples.people").KINDS)) / "1.jpg"
    _upload(panel, query)  # nothing is indexed yet: that comes first, by itself
    panel.locator(".card").first.wait_for()
    first = panel.locator(".card").first
    assert query.parent.name in first.inner_text() and "the same picture" in first.inner_text()
    assert "cosine 1.000" in first.locator(".score").get_attribute("title").lower()
    assert first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    status = panel.locator(".facts").inner_text()
    assert "network" in status and f"{'faces' if tab == 'lookalike' else 'pictures'} searched" in status
    assert "ms" in status
    note = panel.locator(".status .note").inner_text()
    assert "installed with Semblance" in note or tab == "colour"

    digest = panel.locator(".card").nth(1).get_attribute("data-digest")
    panel.locator(".card").nth(1).click()
    page.wait_for_function(
        "digest => ![...document.querySelectorAll('.card')].some(card => card.checkVisibility() && "
        "card.dataset.digest === digest) && document.querySelector('.card')",
        arg=digest,
    )  # the question itself is not among the answers
    if tab == "product":
        panel.locator(".opinion", has_text="%").first.wait_for()


@pytest.mark.browser
def test_hostile_names_are_only_text(page: Any) -> None:
    panel = _open(page, "colour")
    page.on("dialog", lambda dialog: pytest.fail("a folder's name was run as code"))
    panel.locator(".examples button").nth(2).click()  # any but the picture with that name, which sorts first
    panel.locator(".card", has_text="<img src=x onerror=alert(1)> ${1} {{this}}").wait_for()


@pytest.mark.browser
def test_what_can_not_be_searched_is_told_in_one_sentence(page: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture at all")
    panel = _open(page, "style")
    _upload(panel, broken)
    panel.locator(".state.error", has_text="The file holds no picture that can be read").wait_for()

    panel = _open(page, "lookalike")
    _upload(panel, noise(tmp_path / "noise.png", 2))
    panel.locator(".state.error", has_text="No face found. Try a larger, front-facing photo.").wait_for()
    assert "Traceback" not in page.content()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Beside Colour an engine that looks at no picture before this is set."""
    go = threading.Event()
    monkeypatch.setattr(engines.base, "_registry", {"colour": engines.discover()["colour"]})

    @engines.register
    class Held(engines.Engine):
        name, version = "held", 1

        def embed(self, crops: Any) -> np.ndarray:
            assert go.wait(60)
            return np.array([[1, 0]] * len(crops), np.float32).reshape(-1, 2)

        def describe(self) -> engines.Card:
            return engines.Card("Held", "as ever", 2, "held", "none needed", "MIT", order=1)

    return go


@pytest.mark.browser
def test_a_zip_becomes_a_collection_and_indexing_can_be_cancelled(
    browser: Any, library: Library, held: threading.Event, tmp_path: Path
) -> None:
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for i in range(40):
            path = noise(tmp_path / "many" / f"{i}.png", i)
            packed.write(path, f"{'odd' if i % 2 else 'even'}/{path.name}")
        packed.writestr("notes.txt", "not a picture")
        packed.writestr("odd/broken.png", "not a picture either")
    shelf = Shelf(library, noise(tmp_path / "own" / "a.png", 50).parent, local=True)
    with opened(shelf) as address, visit(browser, address) as page:
        panel = _open(page, "catalogue")
        panel.locator(".table table").wait_for()  # the tab is whole then
        panel.get_by_label("Collection", exact=True).last.fill("Many")
        _upload(panel, archive)
        panel.get_by_text("many.zip").first.wait_for()
        panel.locator("button.send").click()
        panel.locator("[data-do=stop]").click()
        key = dict(shelf.choices())["Many"]
        _until(lambda: all(job.cancelled.is_set() for job in shelf.work(key)))
        held.set()
        panel.locator(".results", has_text="Cancelled").first.wait_for()
        assert "broken.png" in panel.inner_text(), "what is no picture is refused at once"

        assert page.locator(".picker input").input_value() == "Many"
        panel.locator(".engine input").click()
        page.get_by_role("option", name="Colour").click()
        panel.locator("button.again").click()
        panel.locator(".told h3:text-is('Done')").wait_for()
        told = panel.locator(".told").inner_text()
        new, kept = (int(panel.locator(".told td").nth(column).inner_text()) for column in (1, 2))
        assert "Colour" in told and new + kept == 40, "some may be done before it is cancelled"
        panel = _open(page, "colour")
        _upload(panel, tmp_path / "many" / "3.png")
        panel.locator(".facts", has_text="40 pictures searched").wait_for()
        page.locator(".picker input").click()
        page.get_by_role("option").last.click()  # the same question, put to another collection
        panel.locator(".facts", has_text="40 pictures searched").wait_for(state="detached")


@pytest.mark.browser
def test_a_folder_that_is_not_there_is_told(page: Any) -> None:
    panel = _open(page, "catalogue")
    panel.get_by_placeholder("/home/me/Pictures").fill("/no/such/folder")
    panel.locator("button.take").click()
    panel.locator(".state.error", has_text="There is no folder").wait_for()


@pytest.mark.browser
def test_nothing_is_cut_off_on_a_phone(page: Any, collection: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in (*LOADED, "catalogue"):
        panel = _open(page, tab)
        if tab != "catalogue":
            _upload(panel, collection / next(iter(importlib.import_module("samples.people").KINDS)) / "1.jpg")
            panel.locator(".card").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab


@pytest.mark.browser
def test_light_and_dark_are_remembered(page: Any) -> None:
    dark = "document.body.classList.contains('dark')"
    before = page.evaluate(dark)
    page.locator(".shade").click()
    page.wait_for_function(f"{dark} === {json.dumps(not before)}")
    page.reload()
    page.wait_for_function(f"document.querySelector('.state') && {dark} === {json.dumps(not before)}")


@pytest.mark.parametrize("local", [True, False])
def test_only_a_local_user_can_name_folders(tmp_path: Path, collection: Path, local: bool) -> None:
    config = build(Library(tmp_path / "home"), collection, local=local).get_config_file()
    told = json.dumps([config["components"], config["dependencies"]], default=str)
    assert ("index_folder" in {d["api_name"] for d in config["dependencies"]}) == local
    assert ("A folder on this machine" in told) == local
    assert str(collection) not in told


@pytest.mark.parametrize(
    ("share", "env", "local"),
    [
        (False, {}, True),
        (False, {"GRADIO_SERVER_NAME": "localhost"}, True),
        (False, {"GRADIO_SERVER_NAME": "127.0.0.2"}, True),
        (False, {"GRADIO_SERVER_NAME": "::1"}, True),
        (True, {}, False),
        (False, {"SPACE_ID": "someone/semblance"}, False),
        (False, {"GRADIO_ROOT_PATH": "/semblance"}, False),
        (False, {"GRADIO_SERVER_NAME": "0.0.0.0"}, False),
        (False, {"GRADIO_SERVER_NAME": "192.168.1.5"}, False),
        (False, {"GRADIO_SERVER_NAME": "semblance.example"}, False),
    ],
)
def test_who_is_local(monkeypatch: pytest.MonkeyPatch, share: bool, env: dict[str, str], local: bool) -> None:
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_ROOT_PATH", "GRADIO_SHARE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert is_local(share) is local


def test_an_engine_gets_its_tab_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines.discover()  # first: the others are not to be forgotten with this one
    monkeypatch.setattr(engines.base, "_registry", dict(engines.base._registry))

    @engines.register
    class Brightness(engines.Engine):
        name, version = "brightness", 1

        def embed(self, crops: Any) -> np.ndarray:
            return np.array([[1, 0]] * len(crops), np.float32).reshape(-1, 2)

        def describe(self) -> engines.Card:
            return engines.Card("Brightness <b>", "as light", 2, "none", "none needed", "MIT", order=15)

    config = build(Library(tmp_path)).get_config_file()
    items = [c["props"] for c in config["components"] if c["type"] == "tabitem"]
    tabs = [
        in_english(item["label"])
        for item in items
        if item["id"] in (*engines.discover(), "recommend", "catalogue")
    ]
    assert tabs == [
        "Look-alike",
        "Brightness <b>",
        "Style",
        "Products",
        "Meaning",
        "Visual",
        "Colour",
        "Autoencoder",
        "Recommend",
        "Catalogue",
    ]
    assert "brightness" in {d["api_name"] for d in config["dependencies"]}


def test_importing_the_app_loads_no_network() -> None:
    code = "import sys, demos.suite; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "torch", "keras", "prometheus_client"} & set(done.stdout.split())


def _call(app: str, event: str, data: list[Any]) -> str:
    """What the app's own HTTP interface gives for an event."""
    address = f"{app}gradio_api/call/{event}"
    asked = urllib.request.Request(
        address, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        number = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}/{number}", timeout=60) as answer:
        return answer.read().decode()


def test_no_file_is_opened_that_was_not_uploaded(app: str, collection: Path) -> None:
    with urllib.request.urlopen(f"{app}config", timeout=60) as answer:
        components = json.load(answer)["components"]
    (key,) = (
        c["props"]["value"]
        for c in components
        if c["type"] == "dropdown" and in_english(c["props"]["label"]) == "Collection"
    )
    secret = str(next(collection.glob("*/1.jpg")))
    made_up = [secret, "/etc/passwd", "/no/such/file", "a\0b", f"{Path(secret).parent}"]
    told = {_call(app, "colour", [key, {"path": path}, "", 3, ""]) for path in made_up}
    assert len(told) == 1 and "This picture is not here" in told.pop()
    meta = {"_type": "gradio.FileData"}
    for form in ({"path": secret, "meta": meta}, secret, [secret], [{"path": secret}], {"url": secret}):
        assert 'class=\\"card' not in _call(app, "colour", [key, form, "", 3, ""])
    assert "complete" not in _call(app, "upload", [[{"path": secret}], "Stolen", "", "colour"])


def _event(page: Any, name: str) -> Any:
    """What the page does on an event, in the last tab that has it."""
    return [function.fn for function in page.fns.values() if function.name == name][-1]


def _told(steps: Any) -> list[str]:
    """The HTML of each step of an event."""

    async def collect() -> list[str]:
        return [step[0] async for step in steps if isinstance(step[0], str)]

    return awaited(collect())


def test_a_visitors_upload_shows_nothing_that_was_there_before(library: Library, tmp_path: Path) -> None:
    mine = library.home / "uploads" / "My pictures"
    noise(mine / "private.png", 3)
    shown = noise(tmp_path / "shown" / "a.png", 5).parent
    page = build(library, shown, local=False)
    sent = str(noise(tmp_path / "sent.png", 4))
    told = _told(_event(page, "upload")([sent], "My pictures", "", "colour"))
    assert "Done" in told[-1]
    found = [path.name for known in library.known() for paths in known.paths.values() for path in map(Path, paths)]
    assert "sent.png" in found and "private.png" not in found
    assert [path.name for path in mine.iterdir()] == ["private.png"]
    assert Shelf(library, shown).inbox != Shelf(library, shown).inbox
    assert Shelf(library, shown, local=True).inbox == library.home


def test_what_comes_while_a_job_runs_gets_a_job_of_its_own() -> None:
    jobs, begun, go = Jobs(), threading.Event(), threading.Event()

    def work(progress: Any, cancelled: Any) -> int:
        begun.set()
        go.wait(120)
        return 1

    first = jobs.start("key", "first", work)
    assert begun.wait(120)
    second = jobs.start("key", "second", work)
    assert second is not first and jobs.start("key", "third", work, urgent=True) is second
    assert jobs.find("key") is first
    go.set()
    assert second.ended.wait(120) and second.result == 1


def test_cancel_is_for_the_work_that_is_shown(library: Library) -> None:
    jobs, begun, go = Jobs(), threading.Event(), threading.Event()

    def work(progress: Any, cancelled: Any) -> None:
        begun.set()
        go.wait(120)

    running, waiting, other = (jobs.start(key, key, work) for key in ("running", "waiting", "other"))
    assert begun.wait(120)
    html = draw.progress([running, waiting])
    assert f'data-do="stop" data-digest="{running.ticket} {waiting.ticket}"' in html
    page = build(library)
    stops = [function for function in page.fns.values() if function.name == "stop"]
    boards = len(COMMON) * (len(LOADED) - 1)  # Look-alike has views of its own
    assert len(stops) > len(LOADED) + boards, "each search's, each board's, and those of other tabs"
    assert not any(stop.inputs for stop in stops), "not the collection chosen now"
    stops[0].fn(SimpleNamespace(digest=""))
    jobs.cancel([running.ticket, waiting.ticket])
    assert running.cancelled.is_set() and waiting.ended.wait(1) and not running.ended.is_set()
    go.set()
    assert other.ended.wait(120) and not other.cancelled.is_set()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine whose weights are not there before `prepare`."""
    monkeypatch.setattr(engines.base, "_registry", dict(engines.base._registry))

    @engines.register
    class Late(engines.Engine):
        name, version = "late", 1
        there = False

        def prepare(self) -> None:
            Late.there = True

        def embed(self, crops: Any) -> np.ndarray:
            return np.array([[1, 0]] * len(crops), np.float32).reshape(-1, 2)

        def describe(self) -> engines.Card:
            why = "" if self.there else "no weights of Late: not downloaded yet (5 MB, at the first use)"
            return engines.Card("Late", "as ever", 2, "late", "built-in", "MIT", reason=why, settled=self.there)

        def settings(self) -> dict[str, Any]:
            return {"there": self.there}

    return Late


def test_weights_are_fetched_in_a_job_and_then_indexed_with(
    library: Library, tmp_path: Path, late: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noise(tmp_path / "pictures" / "a.png", 5)
    engine, catalogue = library.engine("late"), library.open(picture.parent)
    late.prepare = lambda self: None
    library.index(catalogue, engine).update()  # by the stand-in, at another time
    late.prepare = lambda self: (time.sleep(1), setattr(late, "there", True))

    shelf = Shelf(library, picture.parent)
    assert "Made ready at the first use" in answers.weights_note(shelf.cards["late"])
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    html, _ = find_answers.answer(shelf, shelf.first, "late", {"path": str(picture)}, *ASKED)
    assert "Index now" in html and "before the answer" in html and not late.there

    page = build(library, picture.parent)
    told = _told(_event(page, "uploaded")(shelf.first, {"path": str(picture)}))
    assert any("Making the network ready" in html for html in told)
    assert late.there and library.index(catalogue, engine).status().done == 1
    html, _ = find_answers.answer(shelf, shelf.first, "late", {"path": str(picture)}, *ASKED)
    assert "card" in html


@pytest.fixture
def grand(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine whose hoped-for net takes until `arrived` to come; `missing`: it never will."""
    monkeypatch.setattr(engines.base, "_registry", dict(engines.base._registry))

    @engines.register
    class Grand(engines.Engine):
        name, version, networks = "grand", 1, ("Grandest",)
        arrived, missing, error = threading.Event(), False, None

        def __init__(self, network: str = "auto", preferred: str = "") -> None:
            self.settled = self.builtin = network == "builtin"

        def prepare(self) -> None:
            if not self.settled:
                assert self.arrived.wait(120)
                if self.error:
                    raise self.error
                self.settled, self.builtin = True, self.missing

        def embed(self, crops: Any) -> np.ndarray:
            return np.array([[1, 0]] * len(crops), np.float32).reshape(-1, 2)

        def describe(self) -> engines.Card:
            network = "builtin" if self.builtin or not self.settled else "Grandest"
            why = "" if self.settled and not self.builtin else "no weights of Grandest: not downloaded yet"
            return engines.Card("Grand", "as ever", 2, network, network, "MIT", reason=why, settled=self.settled)

        def settings(self) -> dict[str, Any]:
            return {"network": self.describe().network}

    return Grand


def _until(true: Any) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def _asked(shelf: Shelf, picture: Path) -> str:
    html, status = find_answers.answer(shelf, shelf.first, "grand", {"path": str(picture)}, *ASKED)
    assert "card" in html
    return status


def test_the_built_in_network_answers_while_the_weights_are_fetched(
    library: Library, tmp_path: Path, grand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    picture = noise(tmp_path / "pictures" / "a.png", 5)
    shelf = Shelf(library, picture.parent)
    page = draw_page(shelf, only=["grand"])
    _told(_event(page, "uploaded")(shelf.first, {"path": str(picture)}))
    status = _asked(shelf, picture)
    assert "network builtin" in status and "not downloaded yet" not in status
    assert "not downloaded yet" in networks._facts(shelf, shelf.first, "grand")
    assert [job.begun for job in shelf.work(shelf.first)] == [True]
    grand.arrived.set()
    told = _told(_event(page, "overtake")(shelf.first))
    assert told[-1] == "" and all("Another network for Grand" in html for html in told[:-1])
    _until(lambda: not shelf.work(shelf.first))
    status = _asked(shelf, picture)
    assert "network Grandest" in status and "built-in" not in status
    assert not shelf.work(shelf.first)

    other = noise(tmp_path / "others" / "b.png", 6)  # indexed by the built-in network, at another time
    library.index(library.open(other.parent), library.engine("grand", "builtin")).update()
    shelf = Shelf(library, other.parent)
    assert "Grandest has yet to index the collection" in networks._facts(shelf, shelf.first, "grand")
    assert "network builtin" in _asked(shelf, other)
    _until(lambda: not shelf.work(shelf.first))
    assert "network Grandest" in _asked(shelf, other)


@pytest.mark.parametrize("how", ["missing", "error", "cancelled"])
def test_the_built_in_network_goes_on_where_no_weights_come(
    library: Library, tmp_path: Path, grand: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    picture = noise(tmp_path / "pictures" / "a.png", 5)
    shelf = Shelf(library, picture.parent, local=True)
    assert shelf.index(shelf.first, "grand").ended.wait(120)
    _until(lambda: shelf.work(shelf.first))
    (job,) = shelf.work(shelf.first)
    grand.missing = how == "missing"
    grand.error = SemblanceError("The disk is full.") if how == "error" else None
    if how == "cancelled":
        shelf.cancel([job.ticket])
        assert "network builtin" in _asked(shelf, picture)
        assert not shelf.work(shelf.first), "nor while the cancelled work is still on its way to its end"
    grand.arrived.set()
    assert job.ended.wait(120)
    _until(lambda: not shelf.work(shelf.first))
    assert job.error == ("The disk is full." if how == "error" else "")
    assert "network builtin" in _asked(shelf, picture)
    assert not shelf.work(shelf.first)
    if how == "cancelled":  # "Bring up to date" is for another try
        assert shelf.index(shelf.first, "grand").ended.wait(120)
        _until(lambda: "network Grandest" in _asked(shelf, picture))


def test_who_cancels_the_indexing_gets_no_upgrade(library: Library, tmp_path: Path, grand: Any) -> None:
    for number in range(40):
        noise(tmp_path / "pictures" / f"{number}.png", number, 16)
    shelf = Shelf(library, tmp_path / "pictures", local=True)
    begun, go = threading.Event(), threading.Event()

    def embed(self: Any, crops: Any) -> np.ndarray:
        begun.set()
        assert go.wait(120)
        return np.array([[1, 0]] * len(crops), np.float32)

    grand.embed, was = embed, grand.embed
    job = shelf.index(shelf.first, "grand")
    assert begun.wait(120)
    shelf.cancel([job.ticket])
    go.set()
    assert job.ended.wait(120) and job.result.cancelled
    grand.embed = was
    assert not shelf.work(shelf.first)


def test_the_samples_can_be_drawn_after_all(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def never_ends(folder: Path, progress: Any, sets: Any) -> None:
        begun.set()
        while True:
            progress(1, 2)
            time.sleep(0.01)

    def at_once(folder: Path, progress: Any, sets: Any) -> None:
        for name in sets:
            noise(folder / name / "kind" / "1.png", 6)

    monkeypatch.setattr(samples, "draw", never_ends)
    shelf = Shelf(library)
    drawing = shelf.index(SAMPLES, "colour")
    assert begun.wait(120) and drawing.key == SAMPLES
    shelf.jobs.cancel([drawing.ticket])
    assert drawing.ended.wait(120)
    for html, _ in (
        find_answers.answer(shelf, SAMPLES, "colour", question, *ASKED) for question in (None, {"path": "/"})
    ):
        assert "Draw the samples" in html

    monkeypatch.setattr(samples, "draw", at_once)
    page = build(library)
    told = _told(_event(page, "index")(SAMPLES, "colour"))  # the button Bring up to date
    assert "Done" in told[-1] and "Colour" in told[-1]
    assert "Draw the samples" not in find_answers.idle(Shelf(library), SAMPLES, "colour")


def test_a_sample_set_answers_while_the_next_is_drawn(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demos.server.state.SUITS", {"colour": "products", "style": "paintings"})
    begun, go = threading.Event(), threading.Event()

    def slowly(folder: Path, progress: Any, sets: Any) -> None:
        if "paintings" in sets:
            begun.set()
            assert go.wait(60)
        for name in sets:
            noise(folder / name / "kind" / "1.png", 6)

    monkeypatch.setattr(samples, "draw", slowly)
    shelf = Shelf(library)
    drawing = shelf.index(SAMPLES, "style")
    assert begun.wait(60) and not shelf.unready(SAMPLES, "colour")
    assert shelf.job(SAMPLES, "colour") is None and shelf.job(SAMPLES, "style") is drawing
    go.set()
    assert drawing.ended.wait(60)


def test_uploads_lie_in_the_home_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "incoming"
    old = noise(folder / "old" / "a.png", 7)
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    suite._receive_into(folder)
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder) and old.exists()
    later = time.time() + LIMITS.incoming_seconds + 60
    monkeypatch.setattr(time, "time", lambda: later)
    sweep.sweep(folder)
    assert not old.parent.exists()
    assert os.name == "nt" or folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "of the user"))
    suite._receive_into(folder)
    assert os.environ["GRADIO_TEMP_DIR"] == str(tmp_path / "of the user")


@pytest.mark.parametrize("name", ["fill", "fill_dark", "fill_hover", "fill_hover_dark"])
def test_buttons_can_be_read(name: str) -> None:
    colour = getattr(theme.theme(), f"button_primary_background_{name}")
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5  # white on it


@pytest.mark.parametrize("command", [["app.py", "serve"], ["-m", "demos.style"]], ids=" ".join)
def test_a_port_that_is_no_number_is_told(tmp_path: Path, command: list[str]) -> None:
    """In a process of its own: Gradio reads it as it is imported."""
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"GRADIO_SERVER_PORT": "abc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "GRADIO_SERVER_PORT" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_port_that_is_taken_is_told(library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(library.home / "incoming"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(taken.getsockname()[1]))
        with pytest.raises(SemblanceError, match="set GRADIO_SERVER_PORT to another one") as refused:
            suite.serve(library, pictures, share=False)
    assert is_one_sentence(str(refused.value))


@pytest.mark.browser
def test_the_number_of_results_can_be_changed_by_keys(page: Any, collection: Path) -> None:
    panel = _open(page, "colour")
    _upload(panel, sorted(collection.glob("*/1.jpg"))[0])
    panel.locator(".card").nth(5).wait_for()
    panel.locator("input[type=range]").press("Home")
    page.wait_for_function("[...document.querySelectorAll('.card')].filter(c => c.checkVisibility()).length === 1")
    panel.get_by_test_id("number-input").fill("3")
    page.wait_for_function("[...document.querySelectorAll('.card')].filter(c => c.checkVisibility()).length === 3")
