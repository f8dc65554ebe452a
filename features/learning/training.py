"""Learning from a person's folders: a classifier over stored vectors, or a space of 256 numbers with one.

Dropout and Dense softmax in Keras, over any engine's vectors; for a space, Dropout, Dense 256, unit rows and
Dropout before. Of each label a fifth of the pictures is held out, chosen by their digests, which are as good as
dice: learning stops when these are told no better, the temperature (Guo, Pleiss, Sun and Weinberger, On
Calibration of Modern Neural Networks, 2017) and the level of "not sure" are set on them, and the head is
examined on them. Only a label's only picture is never held out.
"""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from engines import SemblanceError, unit_rows
from engines.messages import Message
from engines.networks.quiet import quietly
from features.catalogue.folder import Progress
from features.errors import Stopped
from features.evaluation.classification import calibration_error, examine
from features.learning.heads import Head, Space, softmax
from features.retrieval.searchable import Searchable

HELD_OUT = 0.2  # of each label's pictures
SCALE = 4.0  # length of a space's rows as its classifier sees them: shorter ones pull each label closer together
BATCH = 128
LEAST_ROWS = 1024  # of an epoch: a small collection is gone over several times
EPOCHS = 100  # at most
LEAST_GAIN = 0.001  # of the loss, to count as better
PATIENCE = 5  # epochs without a better one, after which learning stops
WRONG_COSTS = 2.0  # a wrong answer costs as much as so many right ones bring; see `_level`
SEED = 0


@dataclass(frozen=True)
class Recipe:
    """size: numbers of the space; None for a classifier alone. rate: of Adam. decay: of the weights' squares.

    Chosen by cross-validation; see docs/decisions/0009-learning-from-folders.md.
    """

    size: int | None
    dropout: float
    rate: float
    decay: float


HEAD = Recipe(None, dropout=0.2, rate=0.001, decay=0.03)
SPACE = Recipe(256, dropout=0.5, rate=0.001, decay=0.0)

Layer = tuple[np.ndarray, np.ndarray]
"""(D, S) weights and (S,) bias, float32, of raw vectors."""


@dataclass(frozen=True)
class Lesson:
    """vectors: (N, D) float32 unit rows. labels: digest -> label of their pictures, in this order; "" for none."""

    vectors: np.ndarray
    labels: Mapping[str, str]

    @cached_property
    def taught(self) -> dict[str, str]:
        """Of those that have a label, in order of digest, so that any order of the rows teaches the same."""
        return {digest: str(label) for digest, label in sorted(self.labels.items()) if label}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Raises SemblanceError when there are not two."""
        names = tuple(sorted(set(self.taught.values())))
        if len(names) < 2:
            raise SemblanceError("classes.needs_folders")
        return names

    @cached_property
    def held_out(self) -> frozenset[str]:
        of: dict[str, list[str]] = {}
        for digest, label in self.taught.items():
            of.setdefault(label, []).append(digest)
        numbers = {label: min(max(round(HELD_OUT * len(all_)), 1), len(all_) - 1) for label, all_ in of.items()}
        return frozenset(digest for label, number in numbers.items() for digest in of[label][:number])

    def part(self, held_out: bool) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Returns n digests, (n, D) vectors and (n,) label numbers of the held-out pictures, or of the others."""
        place = {digest: i for i, digest in enumerate(self.labels)}
        number = {name: i for i, name in enumerate(self.names)}
        digests = [digest for digest in self.taught if (digest in self.held_out) == held_out]
        truth = np.array([number[self.taught[digest]] for digest in digests], int)
        return digests, self.vectors[[place[digest] for digest in digests]], truth


def lesson(stored: Searchable) -> Lesson:
    """Returns what a collection teaches: each picture that is shown, by its most prominent part."""
    return Lesson(stored.features.take(list(stored.first_row.values())), stored.labels)


def learn(
    lesson: Lesson,
    progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Head:
    """A classifier over the lesson's vectors. The same pictures, in any order, teach the same on one machine.

    Raises SemblanceError when there are not two labels, and Stopped.
    """
    (layer,) = _fit(lesson, HEAD, progress, cancelled)
    return _head(lesson, layer)


def tune(
    lesson: Lesson,
    progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Space:
    """A space of 256 numbers, with a classifier over its rows. As `learn`."""
    (weights, bias), layer = _fit(lesson, SPACE, progress, cancelled)
    within = dataclasses.replace(lesson, vectors=unit_rows(lesson.vectors @ weights + bias))
    return Space(weights, bias, _head(within, layer), _precision(lesson), _precision(within))


def balance(truth: np.ndarray) -> np.ndarray:
    """(n,) numbers of labels -> (n,) what each counts in learning, 1 on average.

    Between none, by which large labels swallow small ones, and full weights, which make large ones too unsure.
    """
    weights = 1 / np.sqrt(np.bincount(truth))[truth]
    return weights / weights.mean()


def save_keras(space: Space, path: Path) -> None:
    """A Keras model, (N, D) unit rows -> (N, S) unit rows and (N, C) probabilities, for people to take away."""
    with quietly():
        import keras

        vectors = keras.Input((len(space.weights),), name="vectors")
        wide = keras.layers.Dense(len(space.bias), name="wide")
        unit = keras.layers.UnitNormalization(name="space")
        kinds = keras.layers.Dense(len(space.head.labels), activation="softmax", name="probabilities")
        rows = unit(wide(vectors))
        model = keras.Model(vectors, [rows, kinds(rows)])
        wide.set_weights([space.weights, space.bias])
        kinds.set_weights([space.head.weights / space.head.temperature, space.head.bias / space.head.temperature])
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=path.name) as scratch:
            model.save(Path(scratch) / path.name)
            os.replace(Path(scratch) / path.name, path)


def _fit(lesson: Lesson, recipe: Recipe, progress: Progress, cancelled: Callable[[], bool]) -> list[Layer]:
    """The layers of the classifier, after those of the space if there is to be one."""
    count = len(lesson.names)
    progress(0, EPOCHS, Message("progress.starting_tensorflow"))
    with quietly():
        import keras

    _, rows, truth = lesson.part(held_out=False)
    _, watched, answers = lesson.part(held_out=True) if lesson.held_out else ([], rows, truth)
    middle = rows.mean(axis=0)
    scale = max(float((rows - middle).std()), 1e-9)  # unit rows have tiny entries; layers expect about 1
    rows, watched = (rows - middle) / scale, (watched - middle) / scale

    inputs = keras.Input(rows.shape[1:])
    sizes = [count] if recipe.size is None else [recipe.size, count]
    start, decay = keras.initializers.GlorotUniform(SEED), keras.regularizers.L2(recipe.decay)
    dense = [keras.layers.Dense(n, kernel_initializer=start, kernel_regularizer=decay) for n in sizes]
    inner = inputs
    for layer in dense:
        inner = layer(keras.layers.Dropout(recipe.dropout, seed=SEED)(inner))
        if layer is not dense[-1]:
            inner = keras.layers.Rescaling(SCALE)(keras.layers.UnitNormalization()(inner))
    model = keras.Model(inputs, inner)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)  # of the softmax
    model.compile(keras.optimizers.Adam(recipe.rate), loss)

    weights = balance(truth)
    random = np.random.default_rng(SEED)
    best, best_epoch, kept = math.inf, 0, model.get_weights()
    for epoch in range(EPOCHS):
        if cancelled():
            raise Stopped("learning.stopped")
        progress(epoch, EPOCHS, Message("progress.learning"))
        order = np.concatenate([random.permutation(len(rows)) for _ in range(math.ceil(LEAST_ROWS / len(rows)))])
        for batch in np.array_split(order, math.ceil(len(order) / BATCH)):
            model.train_on_batch(rows[batch], truth[batch], sample_weight=weights[batch])
        loss_now = _loss(np.asarray(model.predict_on_batch(watched)), answers)
        if loss_now < best - LEAST_GAIN:
            best, best_epoch, kept = loss_now, epoch, model.get_weights()
        elif epoch - best_epoch >= PATIENCE:
            break
    progress(EPOCHS, EPOCHS, Message("progress.learning"))
    model.set_weights(kept)

    layers = [tuple(layer.get_weights()) for layer in dense]
    first, bias = layers[0][0] / scale, layers[0][1]
    layers[0] = first, bias - middle @ first
    if recipe.size is not None:
        layers[1] = layers[1][0] * SCALE, layers[1][1]
    return layers


def _head(lesson: Lesson, layer: Layer) -> Head:
    """Calibrated and examined on what was held out of the lesson, whose vectors the layer takes."""
    head = Head(
        labels=lesson.names,
        weights=layer[0],
        bias=layer[1],
        temperature=1.0,
        sure_from=_level(np.zeros(0), np.zeros(0, bool)),
        taught=lesson.taught,
        held_out=lesson.held_out,
        unlabelled=len(lesson.labels) - len(lesson.taught),
        examination=None,
    )
    if not lesson.held_out:
        return head
    digests, rows, truth = lesson.part(held_out=True)
    scores = head.scores(rows)
    head = dataclasses.replace(head, temperature=_temperature(scores, truth))
    probabilities = head.probabilities(rows)
    level = _level(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth)
    told = examine(head.labels, truth, probabilities, softmax(scores), digests, level)
    told = dataclasses.replace(told, ece=_crossed_error(scores, truth))
    return dataclasses.replace(head, sure_from=level, examination=told)


def _temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    """(n, C) and (n,) true numbers -> what the scores are to be divided by for a low loss; 1 for n = 0.

    In doubt the less sure one: a standard error above the best, unless 1 does better than that. One more
    picture, which is a little of every label, is added to the n, as Platt 1999 does for two labels: else a few
    pictures, all told rightly, would make every answer certain.
    """
    from scipy.optimize import minimize_scalar

    if not len(truth):
        return 1.0

    def loss(log: float) -> float:
        chances = np.log(np.maximum(softmax(scores / math.exp(log)), 1e-30))
        return -float(chances[np.arange(len(truth)), truth].sum() + chances.mean())

    best, step = minimize_scalar(loss, bounds=(-3, 3), method="bounded").x, 0.05
    curvature = (loss(best + step) - 2 * loss(best) + loss(best - step)) / step**2
    log = min(best + 1 / math.sqrt(max(curvature, 1e-9)), 3.0)
    return math.exp(log) if loss(log) <= loss(0) else 1.0


def _crossed_error(scores: np.ndarray, truth: np.ndarray) -> float:
    """The calibration error, each half of the pictures by the temperature of the other."""
    odd = np.arange(len(truth)) % 2 == 1
    crossed = np.zeros_like(scores)
    for half in (odd, ~odd):
        crossed[half] = scores[half] / _temperature(scores[~half], truth[~half])
    return calibration_error(softmax(crossed), truth)


def _level(top: np.ndarray, right: np.ndarray) -> float:
    """(n,) highest probabilities, and whether these answers were right -> from where on to answer.

    Chow 1970, On optimum recognition error and reject tradeoff: the level that would have won most, when a right
    answer brings 1, a wrong one costs WRONG_COSTS, and "not sure" nothing. So answers at the level are right in
    two of three cases; where several levels would have won as much, it is the one nearest to a probability of
    2/3.
    """
    order = np.argsort(-top, kind="stable")
    won = np.cumsum([0, *np.where(right[order], 1, -WRONG_COSTS)])
    answered = len(top) - int(np.argmax(won[::-1]))
    levels = [1.0, *top[order], 0.0]
    high, low = levels[answered], (levels[answered] + levels[answered + 1]) / 2
    return float(np.clip(WRONG_COSTS / (1 + WRONG_COSTS), low, high))


def _precision(lesson: Lesson) -> float | None:
    """precision@1 of what is held out among what is learned from; None where nothing is held out."""
    _, queries, truth = lesson.part(held_out=True)
    _, gallery, labels = lesson.part(held_out=False)
    if not len(truth):
        return None
    pieces = np.array_split(queries, math.ceil(len(queries) / BATCH))
    nearest = np.concatenate([np.argmax(piece @ gallery.T, axis=1) for piece in pieces])
    return float(np.mean(labels[nearest] == truth))


def _loss(scores: np.ndarray, truth: np.ndarray) -> float:
    chances = softmax(scores)[np.arange(len(truth)), truth]
    return -float(np.log(np.maximum(chances, 1e-30)).mean())
