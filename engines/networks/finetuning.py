"""Fine-tuning of a network's last blocks on a person's labels, starting from the published weights.

A classifier that was trained on the network's own vectors goes on top, because a random one would distort the
features (Kumar et al. 2022, arXiv:2202.10054); then both learn at a small rate. Augmentation flips, rotates and
zooms pictures and changes their contrast. A checkpoint after each epoch lets a killed run resume.
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

from engines.messages import Message

if TYPE_CHECKING:
    import keras

BATCH = 32
EPOCHS = 10  # default limit
PATIENCE = 3  # epochs without improvement before it stops
RATE = 1e-4  # learning rate of Adam
DROPOUT = 0.2
SEED = 0


@dataclass(frozen=True)
class Pictures:
    """A labelled data set.

    Attributes:
        pixels: (N, S, S, 3) uint8 RGB, in memory or memory-mapped.
        truth: (N,) label numbers.
        weights: (N,) float, sample weights.
        held_out: (N,) bool, samples for validation; there may be none.
    """

    pixels: np.ndarray
    truth: np.ndarray
    weights: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """The result of fine-tuning.

    Attributes:
        losses: Cross-entropy of each epoch on the held-out pictures, or on the training pictures if there are
            none.
        best: The epoch whose weights the network has now, from 1.
        accuracy: Accuracy on the held-out pictures, 0..1; None if there are none.
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
    """Trains the trainable layers of a trunk, which ends with the weights of its best epoch.

    Args:
        trunk: A model from (N, S, S, 3) float32, 0..255, to (N, D).
        head: Weights and biases of the initial classifier over the unit rows, (D, C) and (C,) float32.
        pictures: The data set.
        epochs: Largest number of epochs.
        checkpoint: An .npz file. If it exists, training resumes from it; it must belong to the same trunk, head
            and pictures.
        progress: Receives the steps done, the total steps, and the activity in words.

    Returns:
        The losses, the best epoch and its accuracy.
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
            progress(done * steps + step, epochs * steps, Message("progress.fine_tuning_epoch", n=done + 1))
            model.train_on_batch(pictures.pixels[batch], pictures.truth[batch], pictures.weights[batch])
        chances = _chances(model, pictures.pixels, watched)[np.arange(len(truth)), truth]
        losses.append(-float(np.log(np.maximum(chances, 1e-30)).mean()))
        if int(np.argmin(losses)) == done:
            best = list(map(np.array, model.trainable_variables))
        _keep(checkpoint, variables, losses, best)
    progress(epochs * steps, epochs * steps, Message("progress.fine_tuning"))

    for variable, value in zip(model.trainable_variables, best, strict=True):
        variable.assign(value)
    right = _chances(model, pictures.pixels, watched).argmax(axis=1) == truth
    accuracy = float(right.mean()) if pictures.held_out.any() else None
    return Outcome(tuple(losses), int(np.argmin(losses)) + 1, accuracy)


def _model(trunk: keras.Model, head: tuple[np.ndarray, np.ndarray]) -> keras.Model:
    """Builds the model from (N, S, S, 3) uint8 to (N, C) logits, which at first are the head's."""
    import keras
    from keras import layers

    weights, bias = head
    loud = math.sqrt(len(weights))  # scales the small entries of unit rows to about 1
    pixels = keras.Input(trunk.input_shape[1:], dtype="uint8")
    seen = keras.ops.cast(pixels, "float32")
    for change in (
        layers.RandomFlip("horizontal", seed=SEED),
        layers.RandomRotation(0.03, fill_mode="nearest", seed=SEED),
        layers.RandomZoom(0.15, fill_mode="nearest", seed=SEED),
        layers.RandomContrast(0.2, seed=SEED),
    ):
        seen = change(seen)
    rows = layers.UnitNormalization()(trunk(seen, training=False))  # BatchNorm keeps its statistics
    scores = layers.Dense(len(bias))
    model = keras.Model(pixels, scores(layers.Dropout(DROPOUT, seed=SEED)(layers.Rescaling(loud)(rows))))
    scores.set_weights([weights / loud, bias])
    return model


def _chances(model: keras.Model, pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns the label probabilities of the pictures at n places: (n, C)."""
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
    """Restores the variables; returns the losses so far and the best weights. A damaged file counts as none."""
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
