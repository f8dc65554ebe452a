"""What else is kept: killed before any step of it, the next run goes on, and no half of a file is ever read."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines import Crop
from engines.networks.finetuning import Outcome
from features import transfer
from features.errors import Busy
from features.learning import finetuning, learners, training
from features.learning.heads import Head, Space
from features.library import Library
from tests.features.learning.test_learners import Pupil
from tests.support.toy import Toy, hue, is_one_sentence, paint, snapshot, wheel

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

FILE_EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.mkdir"}
STARTS = "subprocess.Popen"
Act = Callable[[Path], object]
"""What is done in a home."""


def killed_before_step(step: int, act: Act, home: Path) -> bool:
    """Whether a process of its own was killed before it touched a file below the home so often."""
    child = os.fork()
    if child == 0:
        try:
            touched = 0

            def watch(event: str, arguments: tuple[Any, ...]) -> None:
                nonlocal touched
                ours = event in FILE_EVENTS and str(arguments[0]).startswith(str(home))
                if ours or event == STARTS:
                    touched += 1
                    if touched == step:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(watch)
            act(home)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def folder_of(home: Path) -> Path:
    return home.parent / "pictures"


def opened(home: Path) -> tuple[Library, Any]:
    library = Library(home)
    return library, library.open(folder_of(home))


def find_duplicates(home: Path) -> object:
    library, catalogue = opened(home)
    return library.find_duplicates(catalogue)


def duplicates_found(home: Path) -> object:
    library, catalogue = opened(home)
    found = library.duplicates(catalogue)
    return found and sorted(len(group.members) for group in found.groups)


def index(home: Path) -> object:
    library, catalogue = opened(home)
    return library.index(catalogue, Toy()).update()


def tune(home: Path) -> object:
    library, catalogue = opened(home)
    return library.index(catalogue, Toy()).tuning.tune()


def tuned(home: Path) -> object:
    library, catalogue = opened(home)
    found = library.index(catalogue, Toy()).tuning.tuned()
    return found and found.settings()


def paint_over(home: Path) -> object:
    home.mkdir(exist_ok=True)
    return transfer.save(np.full((64, 64, 3), 200, np.uint8), home / "out.png")


def painted(home: Path) -> object:
    out = home / "out.png"
    return np.asarray(Image.open(out)).tolist() if out.exists() else None


def finetune(home: Path) -> object:
    library, catalogue = opened(home)
    return library.index(catalogue, Toy()).tuning.finetune(home / "mine.h5", 1, 2)


def finetuned(home: Path) -> object:
    out = home / "mine.h5"
    return out.read_bytes() if out.exists() else None


LEARN = """if True:
    import os, sys
    work = sys.argv[1]
    with open(work + "/plan", "rb") as plan, open(work + "/part", "wb") as part:
        part.write(plan.read())
    os.replace(work + "/part", work + "/result.npz")
"""


class Quick(Pupil):
    """Learns as the autoencoder does, but in a process that imports nothing, so that it can be killed often."""

    def command(self, work: Path) -> list[str]:
        return [sys.executable, "-S", "-c", LEARN, str(work)]


def learn(home: Path) -> object:
    library, catalogue = opened(home)
    return library.index(catalogue, Quick()).training.train()


def learned(home: Path) -> object:
    library, catalogue = opened(home)
    found = library.index(catalogue, Quick()).training.trained()
    return found and sorted(found.pictures())


ACTS: dict[str, tuple[Act, Act]] = {
    "duplicates": (find_duplicates, duplicates_found),
    "tune": (tune, tuned),
    "transfer": (paint_over, painted),
    "finetune": (finetune, finetuned),
    "autoencoder": (learn, learned),
}
"""What is killed, once the pictures are indexed, and how its result is read."""
SLOW = {"autoencoder": pytest.mark.slow}


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that learn nothing, because it is the files that are tested. Each writes what the real one does."""
    labels = ("cold", "warm")
    weights, taught = np.eye(3, 2, dtype=np.float32), {"a": "cold", "b": "warm"}
    head = Head(labels, weights, np.zeros(2, np.float32), 1.0, 0.5, taught, frozenset(), 0, None)
    space = Space(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), head, None, None)

    def checkpoint(trunk: Any, head: Any, pictures: Any, epochs: int, path: Path, progress: Any) -> Outcome:
        assert len(pictures.pixels) == len(pictures.truth), "of a whole file"
        if not path.exists():
            path.with_name("part.npz").write_bytes(b"weights")
            os.replace(path.with_name("part.npz"), path)
        return Outcome((1.0, 0.5), 2, 1.0)

    trainable = SimpleNamespace(
        trunk=lambda path, blocks: None, save=lambda trunk, path, out: out.write_bytes(b"weights" * 100)
    )
    found = SimpleNamespace(sha256="0" * 64, path=Path("weights.h5"))
    monkeypatch.setattr(Toy, "side", 16)
    monkeypatch.setattr(learners, "POLL", 0.01)
    monkeypatch.setattr(training, "tune", lambda *args: space)
    monkeypatch.setattr(training, "save_keras", lambda space, path: path.write_bytes(b"a model"))
    monkeypatch.setattr(training, "learn", lambda *args: head)
    monkeypatch.setattr(finetuning, "check", lambda engine, out: (trainable, found))
    monkeypatch.setattr(finetuning, "finetune", checkpoint)


@pytest.mark.parametrize(
    ("act", "result"),
    [
        pytest.param(*acts, id=name, marks=[pytest.mark.slow] * (name == "autoencoder"))
        for name, acts in ACTS.items()
    ],
)
def test_killed_before_any_step_the_next_run_ends_as_if_undisturbed(
    tmp_path: Path, stand_ins: None, act: Act, result: Act
) -> None:
    pictures = folder_of(tmp_path / "home")
    for number in range(3):
        paint(pictures / "warm" / f"{number}.png", hue(10 * number), size=(32, 24))
    (pictures / "cold").mkdir()
    noise = np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for side in (160, 320):  # one picture, twice
        Image.fromarray(noise).resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(
            pictures / f"cold/{side}.png"
        )
    mine = snapshot(pictures)
    index(tmp_path / "home")
    shutil.copytree(tmp_path / "home", tmp_path / "undisturbed")
    act(tmp_path / "undisturbed")
    whole = result(tmp_path / "undisturbed")
    assert whole
    for step in range(1, 500):
        home = shutil.copytree(tmp_path / "home", tmp_path / f"home {step}")
        if not killed_before_step(step, act, home):
            break
        assert result(home) in (None, whole), f"killed before step {step}: half a result"
        act(home)
        assert result(home) == whole, f"killed before step {step}"
        assert not list(home.rglob("*.damaged*")), f"killed before step {step}"
    assert step > (2 if act is paint_over else 6), "too few steps; the test would prove nothing"
    assert snapshot(pictures) == mine


# --- two at once


class Waiting(Toy):
    """Embeds its first batch when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let = threading.Event(), threading.Event()

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        self.begun.set()
        assert self.let.wait(60)
        return super().embed(crops)


def test_of_two_indexers_at_once_the_second_is_told_to_wait(home: Path, pictures: Path) -> None:
    wheel(pictures, 40)
    slow, reports = Waiting(), []
    library = Library(home)
    asked = library.index(library.open(pictures), slow)
    first = threading.Thread(target=lambda: reports.append(asked.update()))
    first.start()
    assert slow.begun.wait(60)
    other, toy = Library(home), Toy()
    with pytest.raises(Busy) as refused:
        other.index(other.open(pictures), toy).update()
    slow.let.set()
    first.join(60)
    assert is_one_sentence(str(refused.value)) and toy.embedded == 0
    assert reports[0].rows == 40
    assert other.index(other.open(pictures), toy).update().kept == 40


def test_two_processes_that_index_at_once_embed_each_picture_once(home: Path, pictures: Path) -> None:
    wheel(pictures, 80)
    told = [home.parent / f"report {number}" for number in range(2)]
    children = []
    for path in told:
        child = os.fork()
        if child == 0:
            try:
                library, toy = Library(home), Toy()
                report = library.index(library.open(pictures), toy).update(wait=60)
                path.write_text(json.dumps([toy.embedded, report.rows]))
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    reports = [json.loads(path.read_text()) for path in told]
    assert sorted(reports) == [[0, 80], [80, 80]]
    assert not list(home.rglob("*.damaged*")) and not list(home.rglob("*.tmp"))
