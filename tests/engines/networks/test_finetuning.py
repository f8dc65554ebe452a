"""Fine-tuning: only the last blocks learn, a run that was stopped goes on, and the file is one for --weights."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

import app
import engines
from engines.networks import finetuning
from engines.networks.finetuning import PATIENCE, Outcome, Pictures
from tests.cli.test_cli import Run, run  # noqa: F401
from tests.support.seeded import Files
from tests.support.toy import BLUE, RED, is_one_sentence, paint, snapshot

EACH = 5  # pictures of a folder


def draw(folder: Path) -> Path:
    """Two folders of pictures, reddish and bluish; one that is broken."""
    random = np.random.default_rng(5)
    for name, colour in (("warm", (220, 80, 40)), ("cold", (40, 80, 220))):
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            grain = random.integers(-40, 40, (32, 32, 3)) + colour
            Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")
    (folder / "warm/broken.jpg").write_text("no picture")
    return folder


@dataclass(frozen=True)
class Ran:
    """The command as it was run twice, stopped in the second epoch at first. seen: what its progress told."""

    folder: Path
    source: Path
    out: Path
    stopped: str
    untouched: bool
    seen: frozenset[str]
    told: dict[str, Any]
    err: str
    left: list[str]


@pytest.fixture(scope="module")
def ran(weights: Files, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    place, source = tmp_path_factory.mktemp("finetuning"), weights["efficientnetb0"]
    folder, home, out = draw(place / "pictures"), place / "home", place / "mine.h5"
    before = snapshot(folder)
    words: set[str] = set()

    def main(stop_at: str) -> tuple[int, str, str]:
        @contextlib.contextmanager
        def watched() -> Iterator[Any]:
            def progress(done: int, total: int, what: str) -> None:
                words.add(what)
                if what == stop_at:
                    raise KeyboardInterrupt

            yield progress

        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(io.StringIO()) as lines,
            contextlib.redirect_stderr(io.StringIO()) as errors,
        ):
            patch.setenv("SEMBLANCE_WEIGHTS", "")
            patch.setenv("SEMBLANCE_OFFLINE", "1")
            patch.setattr("cli.catalogues.progress_bar", watched)
            patch.setattr("cli.learning.progress_bar", watched)
            command = ["finetune", folder, "-o", out, "--weights", source, "--home", home, "--offline", "--json"]
            code = app.main([*map(str, command), "--blocks", "1", "--epochs", "2"])
        return code, lines.getvalue(), errors.getvalue()

    code, lines, stopped = main(stop_at="fine-tuning, epoch 2")
    assert (code, lines) == (1, "") and not out.exists()
    words.clear()
    code, lines, errors = main(stop_at="")
    assert code == 0, errors
    left = [path.name for path in home.rglob("*") if path.suffix in (".npy", ".npz")]
    untouched = snapshot(folder) == before
    return Ran(folder, source, out, stopped, untouched, frozenset(words), json.loads(lines), errors, left)


def arrays(path: Path) -> list[tuple[str, str, np.ndarray]]:
    """Layer, weight, values, in the order of the file."""
    with h5py.File(path) as file:
        return [
            (layer, name.split("/")[-1], file[layer][name][()])
            for layer in np.char.decode(np.array(file.attrs["layer_names"], "S"))
            for name in map(bytes.decode, file[layer].attrs["weight_names"])
        ]


@pytest.mark.slow
def test_a_run_that_was_stopped_says_so_and_goes_on_from_its_last_epoch(ran: Ran) -> None:
    assert ran.stopped.endswith("goes on from there.\n")
    assert "fine-tuning, epoch 2" in ran.seen
    assert not ran.seen & {"fine-tuning, epoch 1", "reading pictures"}, "they are kept"
    assert ran.told["epochs"] == 2 and ran.left == [], "and tidied away at the end"


@pytest.mark.slow
def test_what_was_done_is_told(ran: Ran) -> None:
    told = ran.told
    assert told.keys() >= {"engine", "network", "weights", "output", "blocks", "seconds", "best_epoch"}
    assert (told["labels"], told["pictures"], told["held_out"]) == (["cold", "warm"], 2 * EACH - 2, 2)
    assert 0 <= told["accuracy"] <= 1 and 0 <= told["pretrained"] <= 1
    assert told["better"] == (told["accuracy"] > told["pretrained"])
    assert "1 files were skipped" in ran.err and ran.untouched, "the person's folder is as it was"


@pytest.mark.slow
def test_only_the_last_blocks_have_changed_and_no_batch_norm(ran: Ran) -> None:
    before, after = arrays(ran.source), arrays(ran.out)
    assert [(name, of.shape) for _, name, of in before] == [(name, of.shape) for _, name, of in after]
    changed = {
        (layer, name)
        for (layer, name, old), (_, _, new) in zip(before, after, strict=True)
        if not np.array_equal(old, new)
    }
    last = {
        (layer, name) for layer, name, _ in before if layer.startswith(("block7a", "top")) and "bn" not in layer
    }
    assert len(last) == 8 and changed == last


@pytest.mark.slow
def test_the_file_is_one_for_weights(ran: Ran, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("SEMBLANCE_RUNTIME", "keras")  # what an export takes is shown elsewhere
    found = run("search", ran.folder, ran.folder / "warm/0.png", "--weights", ran.out, "--json").json
    assert found["network"] == "efficientnetb0" and found["weights"] == "mine.h5, named by you"
    assert found["results"][0]["matches"][0]["score"] > 0.999
    fingerprints = set()
    for path in (ran.source, ran.out):
        monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(path))
        fingerprints.add(engines.fingerprint(engines.create("product")))
    assert len(fingerprints) == 2


@pytest.mark.slow
def test_one_folder_teaches_nothing(ran: Ran, run: Run, tmp_path: Path) -> None:  # noqa: F811
    told = run("finetune", ran.folder / "warm", "-o", tmp_path / "mine.h5", "--weights", ran.source)
    assert (told.code, told.out) == (1, "") and "put each kind into a folder of its own." in told.err
    told = run("finetune", ran.folder, "-o", ran.source, "--weights", ran.source)
    assert (told.code, told.out) == (1, "") and "holds the weights to start from" in told.err


CANT = {
    "another suffix": (["-o", "mine.keras"], "let it end in .h5"),
    "a suffix of another layout": (["-o", "mine.weights.h5"], "but not in .weights.h5."),
    "a place that is not there": (["-o", "none/mine.h5"], "name a file in a folder that is there"),
    "a folder": (["-o", "folder.h5"], "name a file in a folder that is there"),
    "the built-in encoder": (["-o", "mine.h5"], "or name it with --weights."),
    "an engine without such a network": (["-o", "mine.h5", "-e", "style"], "use --engine product."),
    "an engine without a network": (["-o", "mine.h5", "-e", "colour"], "use --engine product."),
}


@pytest.mark.parametrize(("arguments", "sentence"), CANT.values(), ids=CANT)
def test_what_can_not_be_done_is_told_before_any_work(
    run: Run,  # noqa: F811
    home: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    paint(pictures / "warm/red.png", RED)
    paint(pictures / "cold/blue.png", BLUE)
    (tmp_path / "folder.h5").mkdir()
    monkeypatch.chdir(tmp_path)
    told = run("finetune", pictures, *arguments)
    assert (told.code, told.out) == (1, "") and sentence in told.err
    assert is_one_sentence(told.err.removesuffix("\n")) and not home.exists()


def small(held_out: bool = True) -> tuple[Any, tuple[np.ndarray, np.ndarray], Pictures]:
    """A net of one layer, a classifier that knows nothing, and pictures of two colours."""
    import keras

    seen = keras.Input((8, 8, 3))
    rows = keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.GlorotUniform(1))(seen / 255)
    trunk = keras.Model(seen, keras.layers.GlobalAveragePooling2D()(rows))
    pixels = np.zeros((40, 8, 8, 3), np.uint8)
    truth = np.arange(40) % 2
    pixels[truth == 1, ..., 0] = pixels[truth == 0, ..., 2] = 200
    kept = np.arange(40) < (8 if held_out else 0)
    return (
        trunk,
        (np.zeros((4, 2), np.float32), np.zeros(2, np.float32)),
        Pictures(pixels, truth, np.ones(40), kept),
    )


def taught(
    checkpoint: Path, epochs: int, held_out: bool = True, stop_at: int = 0
) -> tuple[Outcome | None, list[str]]:
    seen: list[str] = []

    def progress(done: int, total: int, what: str) -> None:
        seen.append(what)
        if what.endswith(f"epoch {stop_at}"):
            raise KeyboardInterrupt

    trunk, head, pictures = small(held_out)
    try:
        return finetuning.finetune(trunk, head, pictures, epochs, checkpoint, progress), seen
    except KeyboardInterrupt:
        return None, seen


def test_each_epoch_learns_and_is_kept(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    assert taught(checkpoint, 3, stop_at=3)[0] is None
    outcome, seen = taught(checkpoint, 3)
    assert outcome and len(outcome.losses) == 3 and outcome.best == 3
    assert list(outcome.losses) == sorted(outcome.losses, reverse=True), "it goes on learning where it stopped"
    assert set(seen) == {"fine-tuning, epoch 3", "fine-tuning"}
    again, seen = taught(checkpoint, 3)
    assert again == outcome and set(seen) == {"fine-tuning"}


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_damaged_checkpoint_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(damage)
    outcome, _ = taught(tmp_path / "checkpoint.npz", 1)
    assert outcome and len(outcome.losses) == 1


def test_without_pictures_held_out_there_is_no_accuracy(tmp_path: Path) -> None:
    outcome, _ = taught(tmp_path / "checkpoint.npz", 1, held_out=False)
    assert outcome and outcome.accuracy is None and len(outcome.losses) == 1


def test_it_stops_when_it_gets_no_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning, "RATE", 0.0)
    outcome, _ = taught(tmp_path / "checkpoint.npz", 50)
    assert outcome and outcome.best == 1 and len(outcome.losses) == 1 + PATIENCE
