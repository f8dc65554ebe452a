"""Fine-tuning an engine's network on a person's folders; how it is done is in engines/networks/finetuning.py."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines import Engine, SemblanceError
from engines.messages import Message
from engines.networks.finetuning import EPOCHS, Pictures, finetune
from engines.networks.network import NetworkEngine, Trainable, squeezed
from engines.networks.quiet import quietly
from engines.networks.weights import Found
from features.catalogue.folder import Progress
from features.indexing.embedding import cut
from features.learning import training
from features.learning.training import Lesson

__all__ = ["EPOCHS", "Finetuned", "check", "run"]

CHECKPOINTS = 1  # raise it when another model is trained: earlier checkpoints are then deleted


@dataclass(frozen=True)
class Finetuned:
    """The outcome of fine-tuning.

    Attributes:
        pictures: How many pictures it learned from.
        pretrained: Accuracy on held-out pictures, 0..1, of a classifier over the original network; None where none
            were held out.
        accuracy: The same of the fine-tuned network with its own classifier.
        best_epoch: The epoch whose weights are kept, from 1.
    """

    labels: tuple[str, ...]
    pictures: int
    held_out: int
    pretrained: float | None
    accuracy: float | None
    epochs: int
    best_epoch: int

    @property
    def better(self) -> bool:
        return self.accuracy is not None and self.pretrained is not None and self.accuracy > self.pretrained


def check(engine: Engine, out: Path) -> tuple[Trainable, Found]:
    """Before the work: raises SemblanceError when the network can't be fine-tuned, or `out` can't be written."""
    if out.suffix != ".h5" or out.name.endswith(".weights.h5"):  # which Keras reads as another layout
        raise SemblanceError("finetuning.bad_name", out=out)
    if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise SemblanceError("finetuning.not_writable", out=out)
    if not isinstance(engine, NetworkEngine):
        raise SemblanceError("finetuning.not_tunable", name=engine.name)
    trainable, found = engine.trainable()
    if out.exists() and out.samefile(found.path):
        raise SemblanceError("finetuning.same_file", out=out)
    return trainable, found


def run(
    engine: Engine,
    lesson: Lesson,
    read: Callable[[str], bytes],
    out: Path,
    work: Path,
    blocks: int,
    epochs: int,
    progress: Progress,
) -> Finetuned:
    """Fine-tunes, and writes `out`, whole or not at all.

    `read` gives the picture file of a digest. `work` is a folder of our own, from which a killed run continues;
    it is deleted at the end.

    Raises:
        SemblanceError: As `check`, and when there are not two labels.
    """
    trainable, found = check(engine, out)
    head = training.learn(lesson, progress)
    place = work / _key(found.sha256, lesson.taught, blocks)
    for other in work.glob("*"):
        if other != place:
            shutil.rmtree(other)
    place.mkdir(parents=True, exist_ok=True)
    truth = np.array([head.labels.index(label) for label in lesson.taught.values()])
    held_out = np.array([digest in lesson.held_out for digest in lesson.taught])
    pixels = _pixels(engine, [*lesson.taught], read, place, progress)
    pictures = Pictures(pixels, truth, training.balance(truth), held_out)
    progress(0, 0, Message("progress.preparing_network"))
    with quietly():
        trunk = trainable.trunk(found.path, blocks)
    done = finetune(trunk, (head.weights, head.bias), pictures, epochs, place / "checkpoint.npz", progress)
    partial = out.with_name(f"{out.name}.part")
    try:
        trainable.save(trunk, found.path, partial)
        os.replace(partial, out)
    except OSError as error:
        raise SemblanceError("export.not_writable", out=out, reason=error.strerror or error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    shutil.rmtree(work)
    return Finetuned(
        labels=head.labels,
        pictures=int((~held_out).sum()),
        held_out=int(held_out.sum()),
        pretrained=head.examination.accuracy if head.examination else None,
        accuracy=done.accuracy,
        epochs=len(done.losses),
        best_epoch=done.best,
    )


def _key(sha256: str, taught: Mapping[str, str], blocks: int) -> str:
    told = json.dumps([CHECKPOINTS, sha256, blocks, dict(taught)])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _pixels(
    engine: Engine, digests: list[str], read: Callable[[str], bytes], place: Path, progress: Progress
) -> np.ndarray:
    """(N, S, S, 3) uint8: the most prominent part of each picture, as the network sees it.

    Kept in a file, of which only what is used is in memory; a run that goes on finds it there.
    """
    path = place / "pixels.npy"
    if not path.exists():
        side = engine.side
        assert side
        partial = place / "part-pixels.npy"
        made = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(digests), side, side, 3))
        for number, digest in enumerate(digests):
            progress(number, len(digests), Message("progress.reading"))
            _, crops = cut(engine, read(digest))
            made[number] = squeezed(crops[0].pixels, side)
        made.flush()
        os.replace(partial, path)
    return np.load(path, mmap_mode="r")
