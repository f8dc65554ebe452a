"""How well a classifier answers on pictures that it has not learned from: its figures, and where it goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 15  # of the calibration error: Guo et al. 2017
DRAWS = 1000  # of the bootstrap
COVERED = 0.95  # by an interval
WORST = 30  # mistakes that are told

Interval = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """How well one label is predicted.

    `pictures` counts those with the label. Precision, recall and f1 are 0..1, and 0 where no pictures define them.
    """

    label: str
    pictures: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Mistake:
    """A picture (its digest, or the path of a query) that was given a wrong label, with its probability."""

    picture: str
    label: str
    given: str
    p: float


@dataclass(frozen=True)
class Examination:
    """pictures: examined. macro_f1: mean of f1 over the labels that they bear. Intervals: bootstrap, 95%.

    ece: expected calibration error, 0..1, of the highest probabilities, in 15 bins (Guo et al. 2017);
    ece_before: without the temperature. unsure: share of pictures answered "not sure"; sure_right: of the
    others, the share that is right. kinds: in order of label. confusion[i][j]: pictures of label i that were
    given label j, in that order. mistakes: the surest first, at most 30.
    """

    pictures: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    ece_before: float
    ece: float
    unsure: float
    sure_right: float
    kinds: tuple[Kind, ...]
    confusion: tuple[tuple[int, ...], ...]
    mistakes: tuple[Mistake, ...]

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Examination:
        """Of dataclasses.asdict. Raises KeyError, TypeError or ValueError for what is not one."""
        kinds = tuple(Kind(**kind) for kind in state["kinds"])
        mistakes = tuple(Mistake(**mistake) for mistake in state["mistakes"])
        made = cls(**{**state, "kinds": kinds, "mistakes": mistakes})
        shares = (made.accuracy, made.macro_f1, made.ece_before, made.ece, made.unsure, made.sure_right)
        if np.shape(made.confusion) != (len(kinds), len(kinds)) or not all(0 <= share <= 1 for share in shares):
            raise ValueError("of a wrong shape or out of range")
        return made


def examine(
    labels: Sequence[str],
    truth: np.ndarray,
    probabilities: np.ndarray,
    before: np.ndarray,
    pictures: Sequence[str],
    sure_from: float,
) -> Examination:
    """C labels; of n >= 1 pictures the true label's number, (n, C) probabilities, those without temperature."""
    count = len(labels)
    given, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right, sure = given == truth, top >= sure_from
    confusion = np.bincount(truth * count + given, minlength=count * count).reshape(count, count)
    draws = np.random.default_rng(0).integers(0, len(truth), (DRAWS, len(truth)))
    wrong = np.flatnonzero(~right)
    worst = wrong[np.argsort(-top[wrong], kind="stable")][:WORST]
    bear, get, hit = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
    f1 = _f1(truth, given, count)
    return Examination(
        pictures=len(truth),
        accuracy=float(right.mean()),
        accuracy_interval=_interval(right[draws].mean(axis=1)),
        macro_f1=float(f1[bear > 0].mean()),
        macro_f1_interval=_interval(np.array([_macro_f1(truth[draw], given[draw], count) for draw in draws])),
        ece_before=calibration_error(before, truth),
        ece=calibration_error(probabilities, truth),
        unsure=float(1 - sure.mean()),
        sure_right=float(right[sure].mean()) if sure.any() else 0.0,
        kinds=tuple(
            Kind(
                label, int(bear[i]), float(hit[i] / max(get[i], 1)), float(hit[i] / max(bear[i], 1)), float(f1[i])
            )
            for i, label in enumerate(labels)
        ),
        confusion=tuple(map(tuple, confusion.tolist())),
        mistakes=tuple(
            Mistake(pictures[i], labels[truth[i]], labels[given[i]], round(float(top[i]), 6)) for i in worst
        ),
    )


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Returns the expected calibration error (Guo, Pleiss, Sun and Weinberger 2017), 0..1.

    It is the gap between the highest probability and the share of correct answers in BINS equal bins, averaged
    over pictures.

    Args:
        probabilities: (n, C), rows summing to 1.
        truth: (n,) numbers of the true labels.
    """
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((top * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, right - top, BINS)).sum() / len(truth))


def _f1(truth: np.ndarray, given: np.ndarray, count: int) -> np.ndarray:
    """(count,) of each label; 0 where nothing bears it or is given it."""
    hit, bear, get = (np.bincount(of, minlength=count) for of in (truth[truth == given], truth, given))
    return 2 * hit / np.maximum(bear + get, 1)


def _macro_f1(truth: np.ndarray, given: np.ndarray, count: int) -> float:
    return float(_f1(truth, given, count)[np.unique(truth)].mean())


def _interval(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return float(low), float(high)
