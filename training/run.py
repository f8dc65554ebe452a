"""One run of training: batches prepared beside it, a log, and a checkpoint after each epoch to go on from."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

Batch = tuple[np.ndarray, dict[str, np.ndarray]]
"""(B, S, S, 3) uint8 pictures, and for each head its (B,) int32 labels, -1 for none."""

AHEAD = 6  # batches


def train(
    model: keras.Model,
    batch: Callable[[int, int], Batch],
    *,
    epochs: int,
    steps: int,
    work: Path,
    look: Callable[[int], dict[str, float]] = lambda epoch: {},
) -> None:
    """Trains a compiled model to its last epoch, or goes on after the last that was finished.

    batch: (epoch, step) -> that batch, the same at each call. look: after an epoch, figures for the log.
    """
    work.mkdir(parents=True, exist_ok=True)
    checkpoint, log = work / "checkpoint.npz", work / "log.csv"
    model.optimizer.build(model.trainable_variables)
    first = _restore(model, checkpoint) if checkpoint.exists() else 0
    with ThreadPoolExecutor(2) as pool:
        for epoch in range(first, epochs):
            start, losses = time.perf_counter(), []
            coming = [pool.submit(batch, epoch, step) for step in range(AHEAD)]
            for step in range(steps):
                pictures, labels = coming.pop(0).result()
                if step + AHEAD < steps:
                    coming.append(pool.submit(batch, epoch, step + AHEAD))
                losses.append(model.train_on_batch(pictures, labels, return_dict=True))
            _save(model, checkpoint, epoch + 1)
            means = {name: float(np.mean([one[name] for one in losses[-steps // 4 :]])) for name in losses[0]}
            seconds = time.perf_counter() - start
            _note(log, {"epoch": epoch + 1, "seconds": round(seconds), **means, **look(epoch)})


def _values(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _save(model: keras.Model, path: Path, epoch: int) -> None:
    partial = path.with_suffix(".part.npz")
    values = {f"v{number:04}": np.asarray(value) for number, value in enumerate(_values(model))}
    np.savez(partial, epoch=epoch, **values)
    os.replace(partial, path)


def _restore(model: keras.Model, path: Path) -> int:
    with np.load(path, allow_pickle=False) as kept:
        for number, value in enumerate(_values(model)):
            value.assign(kept[f"v{number:04}"])
        return int(kept["epoch"])


def _note(log: Path, row: dict[str, float]) -> None:
    told = {name: round(value, 4) for name, value in row.items()}
    print(" ".join(f"{name} {value}" for name, value in told.items()), flush=True)
    new = not log.exists()
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(told))
        if new:
            writer.writeheader()
        writer.writerow(told)
