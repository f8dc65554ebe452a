"""Fine-tuning: the last blocks of a net are taught a person's labels, from where the published weights left off.

A classifier that has been learned over the net's own vectors goes on top (Kumar et al. 2022, arXiv:2202.10054: a
random one would spoil what the net knows), then both learn at a small rate. Pictures are flipped, turned, zoomed
and changed in contrast at random. After each epoch all is kept, so that a run which was killed goes on from there.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH = 32
EPOCHS = 10  # at most, unless a person asks for more
PATIENCE = 3  # epochs without a better one, after which it stops
RATE = 1e-4  # of Adam
DROPOUT = 0.2
SEED = 0


@dataclass(frozen=True)
class Pictures:
    """pixels: (N, S, S, 3) uint8 RGB, in a file or in memory. truth: (N,) numbers of their labels. weights: (N,)
    float, what each counts. held_out: (N,) bool, those that are not learned from; there need not be any.
    """

    pixels: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """losses: of each epoch, on what is held out, where there is any. best: the epoch whose weights the net has
    now, from 1. accuracy: 0..1, on what is held out; None where nothing is.
    """

    losses: tuple[float, ...]
    best: int
    accuracy: float | None


def finetune(
    trunk: keras.Model,
    head: tuple[np.ndarray, np.ndarray],
    pictures: Pictures,
    epochs: int,
    checkpoint: Path,
    progress: Callable[[int, int, str], None],
) -> Outcome:
    """Teaches those layers of the trunk that are trainable; it ends with the weights of its best epoch.

    trunk: (N, S, S, 3) float32, 0..255, -> (N, D). head: (D, C) and (C,) float32, over its unit rows. checkpoint:
    an .npz; a run goes on from the one that is there, which must be of the same trunk, head and pictures.
    """
    import keras

    model = _model(trunk, head)
    model.compile(keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)
    variables = [*model.trainable_variables, *model.optimizer.variables]
    learned = np.flatnonzero(~pictures.held_out)
    watched = np.flatnonzero(pictures.held_out) if pictures.held_out.any() else learned
    truth, steps = pictures.truth[watched], math.ceil(len(learned) / BATCH)

    losses, best = _restored(checkpoint, variables)
    while len(losses) < epochs and len(losses) - int(np.argmin(losses or 0)) <= PATIENCE:
        done = len(losses)
        order = np.random.default_rng([SEED, done]).permutation(learned)
        for step, batch in enumerate(np.array_split(order, steps)):
            progress(done * steps + step, epochs * steps, f"fine-tuning, epoch {done + 1}")
            model.train_on_batch(pictures.pixels[batch], pictures.truth[batch], pictures.weights[batch])
        chances = _chances(model, pictures.pixels, watched)[np.arange(len(truth)), truth]
        losses.append(-float(np.log(np.maximum(chances, 1e-30)).mean()))
        if int(np.argmin(losses)) == done:
            best = list(map(np.array, model.trainable_variables))
        _keep(checkpoint, variables, losses, best)
    progress(epochs * steps, epochs * steps, "fine-tuning")

    for variable, value in zip(model.trainable_variables, best, strict=True):
        variable.assign(value)
    right = _chances(model, pictures.pixels, watched).argmax(axis=1) == truth
    accuracy = float(right.mean()) if pictures.held_out.any() else None
    return Outcome(tuple(losses), int(np.argmin(losses)) + 1, accuracy)


def _model(trunk: keras.Model, head: tuple[np.ndarray, np.ndarray]) -> keras.Model:
    """(N, S, S, 3) uint8 -> (N, C) scores. Its first answers are the head's."""
    import keras
    from keras import layers

    weights, bias = head
    loud = math.sqrt(len(weights))  # entries of unit rows are tiny; layers expect about 1
    pixels = keras.Input(trunk.input_shape[1:], dtype="uint8")
    seen = keras.ops.cast(pixels, "float32")
    for change in (
        layers.RandomFlip("horizontal", seed=SEED),
        layers.RandomRotation(0.03, fill_mode="nearest", seed=SEED),
        layers.RandomZoom(0.15, fill_mode="nearest", seed=SEED),
        layers.RandomContrast(0.2, seed=SEED),
    ):
        seen = change(seen)
    rows = layers.UnitNormalization()(trunk(seen, training=False))  # BatchNorm goes by what it knows
    scores = layers.Dense(len(bias))
    model = keras.Model(pixels, scores(layers.Dropout(DROPOUT, seed=SEED)(layers.Rescaling(loud)(rows))))
    scores.set_weights([weights / loud, bias])
    return model


def _chances(model: keras.Model, pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n, C): what the model gives each label, at these places."""
    from scipy.special import softmax

    batches = np.array_split(places, math.ceil(len(places) / BATCH))
    return softmax(np.concatenate([model.predict_on_batch(pixels[batch]) for batch in batches]), axis=1)


def _keep(path: Path, variables: Sequence[Any], losses: Sequence[float], best: Sequence[np.ndarray]) -> None:
    told: dict[str, Any] = {f"now{number}": np.asarray(variable) for number, variable in enumerate(variables)}
    told |= {f"best{number}": value for number, value in enumerate(best)}
    partial = path.with_name(f"part-{path.name}")
    np.savez(partial, losses=losses, **told)
    os.replace(partial, path)


def _restored(path: Path, variables: Sequence[Any]) -> tuple[list[float], list[np.ndarray]]:
    """The losses so far, and the best weights. A damaged file counts as none."""
    try:
        with np.load(path, allow_pickle=False) as told:
            kept = {name: told[name] for name in told.files}
    except FileNotFoundError:
        return [], []
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        path.unlink()
        return [], []
    for number, variable in enumerate(variables):
        variable.assign(kept[f"now{number}"])
    best = [kept[f"best{number}"] for number in range(sum(name.startswith("best") for name in kept))]
    return kept["losses"].tolist(), best
