"""An index run that is killed, at whatever instant: the next one goes on and ends as if nothing had happened."""

import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import app
from engines import Crop
from features.indexing.updating import BATCH
from features.library import Library
from tests.support import ROOT
from tests.support.toy import BLACK, Halves, hue, paint, snapshot

KILLS = 10
COUNTING = """
import os, signal, sys, time
import app
from engines.colour import Colour

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background pass on to ignore it
embed = Colour.embed
tally = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
batches = 0

def counted(self, crops):
    global batches
    rows = embed(self, crops)
    os.write(tally, b"%d\\n" % len(crops))
    batches += 1
    if str(batches) == os.environ.get("WAIT_AFTER"):
        time.sleep(300)
    return rows

Colour.embed = counted
sys.exit(app.main(sys.argv[1:]))
"""  # the command line as it is, with a note of what has been embedded


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 pictures, all different, in three folders."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(1)
    for i in range(300):
        path = folder / f"{i % 3}" / f"{i:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)
    return folder


def start(photos: Path, home: Path, tally: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", COUNTING, tally, "index", photos, "-e", "colour", "--json", "--home", home]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def go_on(photos: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert app.main(["index", str(photos), "-e", "colour", "--json", "--home", str(home)]) == 0
    return json.loads(capsys.readouterr().out)


def remembered(home: Path) -> dict[str, bytes]:
    """The files of a home, but for a half-written catalogue.json that a kill left behind: it harms nobody."""
    files = (path for path in sorted(home.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in files
        if not (path.name.startswith("catalogue.json") and path.suffix == ".tmp")
    }


def wait_for(run: subprocess.Popen[bytes], tally: Path, batches: int) -> None:
    """Until it has embedded so many."""
    deadline = time.monotonic() + 120
    while not tally.exists() or tally.read_bytes().count(b"\n") < batches:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.slow
def test_killed_at_any_instant_the_command_line_goes_on(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each batch, or a little later: before the second batch from then on is stored, however slow we are."""
    mine = snapshot(photos)
    started = time.perf_counter()
    first = start(photos, tmp_path / "undisturbed", tmp_path / "tally")
    wait_for(first, tmp_path / "tally", 1)
    embedding = time.perf_counter()
    assert first.wait(120) == 0, first.stderr and first.stderr.read()
    importing, batch = embedding - started, (time.perf_counter() - embedding) / (300 / BATCH)
    whole = remembered(tmp_path / "undisturbed")
    assert sum(name.endswith(".features") for name in whole) == 1

    generator = random.Random(20)
    kept = []
    for number in range(KILLS):
        home, tally = tmp_path / f"home {number}", tmp_path / f"tally {number}"
        monkeypatch.setenv("WAIT_AFTER", str(number + 2))
        run = start(photos, home, tally)
        if number:
            wait_for(run, tally, number)
        time.sleep(generator.random() * (2 * batch if number else importing))
        run.kill()
        run.communicate()
        embedded = sum(map(int, tally.read_bytes().split())) if tally.exists() else 0
        report = go_on(photos, home, capsys)
        assert (report["images"], report["rows"], report["new"] + report["kept"]) == (300, 300, 300)
        assert embedded - report["kept"] <= BATCH, f"kill {number} lost more than a batch"
        assert remembered(home) == whole, f"kill {number}"
        kept.append(report["kept"])
    print("kept by each next run:", kept)
    assert 0 < kept[KILLS // 2] < 300, "no kill fell among the batches; the test would prove nothing"
    assert snapshot(photos) == mine


def test_stopped_by_ctrl_c_it_says_so_and_goes_on(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAIT_AFTER", "2")  # batches: however slow this process is, the other is still at work
    run = start(photos, tmp_path / "home", tmp_path / "tally")
    wait_for(run, tmp_path / "tally", 2)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert (run.returncode, told.count(b"\n")) == (1, 1) and told.startswith(b"Stopped; what was done is kept"), (
        told
    )
    report = go_on(photos, tmp_path / "home", capsys)
    assert (report["rows"], report["kept"]) == (300, BATCH)
    embedded = sum(map(int, (tmp_path / "tally").read_bytes().split()))
    assert embedded - report["kept"] <= BATCH


FILE_EVENTS = {"open", "os.rename", "os.remove", "os.truncate", "os.mkdir"}


class Counting(Halves):
    """Counts its batches where another process can see it."""

    def __init__(self, counter: mmap.mmap) -> None:
        super().__init__()
        self.counter = counter

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        rows = super().embed(crops)
        self.counter[0] += 1
        return rows


def killed_before_step(step: int, folder: Path, home: Path) -> int | None:
    """Batches embedded by a run of its own process, killed just before it touched a file in the home so often.

    None when it came to its end before that.
    """
    counter = mmap.mmap(-1, 1)
    child = os.fork()
    if child == 0:
        try:
            touched = 0

            def watch(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal touched
                if event in FILE_EVENTS and str(arguments[0]).startswith(str(home)):
                    touched += 1
                    if touched == step:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(watch)
            library = Library(home)
            library.index(library.open(folder), Counting(counter)).update()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return counter[0] if os.WIFSIGNALED(status) else None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(
    ("stay", "go", "come"),
    [(0, 0, 2 * BATCH + 8), (1, 1, 2 * BATCH + 8), (200, 0, 3), (200, 1, 3)],
    ids=["a first run", "a run after changes", "a few more", "a few more and one less"],
)
def test_killed_at_any_step_the_next_run_goes_on(
    tmp_path: Path, pictures: Path, stay: int, go: int, come: int
) -> None:
    """Before each opening, renaming and removing of a file of ours, one after another."""
    template = tmp_path / "as it was"
    template.mkdir()
    for i in range(stay + go):
        paint(pictures / f"old {i}.png", (0, 0, 255), size=(16, 8 + i))
    if stay:
        Library(template).index(Library(template).open(pictures), Halves()).update()
    for i in range(stay, stay + go):
        (pictures / f"old {i}.png").unlink()
    for i in range(1, 1 + come):  # some pictures with two rows, some that are refused
        right = hue(i + 1) if i % 3 == 0 else None
        paint(pictures / f"{i % 2}/{i}.png", BLACK if i % 7 == 0 else hue(i), right, size=(8, 8 + i))
    mine = snapshot(pictures)
    undisturbed = Library(shutil.copytree(template, tmp_path / "undisturbed"))
    todo = undisturbed.index(undisturbed.open(pictures), Halves()).update().new
    assert todo == come
    whole = remembered(undisturbed.home)
    assert any(name.endswith(".journal") for name in whole) == (stay > come and not go), "a few more wait in it"

    for step in range(1, 1000):
        home = shutil.copytree(template, tmp_path / f"home {step}")
        batches = killed_before_step(step, pictures, home)
        if batches is None:
            break
        library = Library(home)
        report = library.index(library.open(pictures), Halves()).update()
        assert report.new + report.kept == report.images, f"killed before step {step}"
        assert report.new <= todo - BATCH * (batches - 1), f"killed before step {step}: lost more than a batch"
        assert remembered(home) == whole, f"killed before step {step}"
        found = library.index(library.open(pictures), Halves()).search(pictures / "1/1.png", 1).matches
        assert found[0].path == pictures / "1/1.png" and found[0].score > 0.999
    assert step > 10, "too few steps; the test would prove nothing"
    assert snapshot(pictures) == mine
