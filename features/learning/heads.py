"""What has been learned from a person's folders, as plain arrays: a classifier, and a space of its own.

Both answer with numpy alone. They are kept as plain builtins and bytes; features/learning/training.py makes them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engines import unit_rows
from engines.messages import Message, listed
from features.evaluation.classification import Examination


@dataclass(frozen=True)
class Changes:
    """Pictures with a label since a head was taught: new ones, those of another label, those that have gone."""

    added: int
    changed: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def message(self) -> Message:
        """What has changed, for people."""
        return changes(**asdict(self))

    def __str__(self) -> str:
        return str(self.message())


def changes(**counts: int) -> Message:
    """Returns how many pictures were added, changed and removed, for people."""
    parts = [Message(f"changes.{what}", n=number) for what, number in counts.items() if number]
    return Message("changes.since", changes=listed(parts)) if parts else Message("changes.none")


@dataclass(frozen=True)
class Head:
    """A classifier over an engine's vectors.

    labels: C names, sorted. weights: (D, C), bias: (C,) float32. temperature: what the scores are divided by, so
    that 0.8 means that 8 of 10 are right. sure_from: an answer whose probability is lower is "not sure". taught:
    digest -> label of every picture that had one; held_out: those of them that it did not learn from, and was
    examined on. unlabelled: pictures that were left out. examination: None where no picture could be held out.
    """

    labels: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray
    temperature: float
    sure_from: float
    taught: Mapping[str, str]
    held_out: frozenset[str]
    unlabelled: int
    examination: Examination | None

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) unit rows -> (N, C) float32, before the temperature."""
        return vectors @ self.weights + self.bias

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) unit rows -> (N, C) float32, rows that sum to 1."""
        return softmax(self.scores(vectors) / np.float32(self.temperature))

    def ranked(self, probabilities: np.ndarray) -> list[tuple[str, float]]:
        """(C,) of one picture -> each label with its probability, highest first."""
        return sorted(zip(self.labels, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])

    def since(self, labels: Mapping[str, str]) -> Changes:
        """labels: digest -> label of the pictures that have one now."""
        both = self.taught.keys() & labels.keys()
        changed = sum(self.taught[digest] != labels[digest] for digest in both)
        return Changes(len(labels) - len(both), changed, len(self.taught) - len(both))

    def state(self) -> dict[str, Any]:
        """Plain builtins and bytes, of which `restore` makes an equal head."""
        return {
            "labels": list(self.labels),
            "weights": _bytes(self.weights),
            "bias": _bytes(self.bias),
            "temperature": self.temperature,
            "sure_from": self.sure_from,
            "taught": dict(self.taught),
            "held_out": sorted(self.held_out),
            "unlabelled": self.unlabelled,
            "examination": asdict(self.examination) if self.examination else None,
        }

    @classmethod
    def restore(cls, state: dict[str, Any], dim: int) -> Head:
        """Raises an exception of any kind for what is no state of a head over vectors of so many numbers."""
        labels, taught, held_out = tuple(state["labels"]), dict(state["taught"]), frozenset(state["held_out"])
        temperature, sure_from, unlabelled = state["temperature"], state["sure_from"], state["unlabelled"]
        told = state["examination"]
        if not all(isinstance(text, str) for text in (*labels, *taught, *taught.values())):
            raise TypeError("names must be text")
        if not (len(labels) > 1 and held_out <= taught.keys() and set(taught.values()) == set(labels)):
            raise ValueError("not of one lesson")
        if not (math.isfinite(temperature) and temperature > 0 and 0 <= sure_from <= 1 and unlabelled >= 0):
            raise ValueError("out of range")
        return cls(
            labels=labels,
            weights=_array(state["weights"], dim, len(labels)),
            bias=_array(state["bias"], len(labels)),
            temperature=float(temperature),
            sure_from=float(sure_from),
            taught=taught,
            held_out=held_out,
            unlabelled=int(unlabelled),
            examination=None if told is None else Examination.restore(told),
        )


@dataclass(frozen=True)
class Space:
    """A space of S numbers in which pictures of one label lie together, with a classifier over its rows.

    weights: (D, S), bias: (S,) float32. raw, tuned: precision@1 of the engine's own vectors and of these, of
    held-out pictures among those learned from; None where none could be held out.
    """

    weights: np.ndarray
    bias: np.ndarray
    head: Head
    raw: float | None
    tuned: float | None

    @property
    def sha256(self) -> str:
        """Changes whenever a row could."""
        return hashlib.sha256(_bytes(self.weights) + _bytes(self.bias)).hexdigest()

    def rows(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) unit rows -> (N, S) float32 unit rows."""
        return unit_rows(vectors @ self.weights + self.bias)

    def state(self) -> dict[str, Any]:
        arrays = {"weights": _bytes(self.weights), "bias": _bytes(self.bias)}
        return {**arrays, "head": self.head.state(), "raw": self.raw, "tuned": self.tuned}

    @classmethod
    def restore(cls, state: dict[str, Any], dim: int) -> Space:
        """Raises as Head.restore."""
        size = len(state["bias"]) // 4
        weights, bias = _array(state["weights"], dim, size), _array(state["bias"], size)
        measured = (None if state[name] is None else float(state[name]) for name in ("raw", "tuned"))
        return cls(weights, bias, Head.restore(state["head"], size), *measured)


def softmax(scores: np.ndarray) -> np.ndarray:
    """(N, C) -> rows that sum to 1."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _bytes(array: np.ndarray) -> bytes:
    return array.astype("<f4").tobytes()


def _array(data: bytes, *shape: int) -> np.ndarray:
    array = np.frombuffer(data, "<f4").reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError("not numbers")
    return array
