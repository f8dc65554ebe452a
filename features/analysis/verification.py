"""The same or not: a threshold on the cosine, learned from pairs, and the protocol of Labeled Faces in the Wild.

Huang, Ramesh, Berg and Learned-Miller 2007, Labeled Faces in the Wild, view 2: ten sets of pairs; for each, the
threshold is learned on the other nine. People: whoever shares a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines import SemblanceError

MOST_PAIRS = 20_000  # of each kind, where all would be more
LEAST_PAIRS = 200  # of each kind: fewer teach nothing
FALSE_SAME, FALSE_DIFFERENT = 0.001, 0.01
"""Share of different pairs that may be called the same, and of same pairs that may be called different."""


@dataclass(frozen=True)
class KnownPairs:
    """Cosines of pairs known to be the same, and of pairs known to differ: (n,), rising. source: for people."""

    same: np.ndarray
    different: np.ndarray
    source: str

    @property
    def surely_same(self) -> float:
        """The cosine from which on a pair is called the same."""
        return max(float(np.quantile(self.different, 1 - FALSE_SAME)), self.surely_different)

    @property
    def surely_different(self) -> float:
        """The cosine below which a pair is called different."""
        return float(np.quantile(self.same, FALSE_DIFFERENT))

    @property
    def threshold(self) -> float:
        """Where one answer has to be given: fewest errors, on as many pairs of each kind."""
        return best_threshold(self.same, self.different)

    def verdict(self, cosine: float) -> str:
        """same, different or unsure."""
        if cosine >= self.surely_same:
            return "same"
        return "different" if cosine < self.surely_different else "unsure"

    def shares(self, cosine: float) -> tuple[float, float]:
        """Share of same pairs that are less alike than this, and of different pairs that are as alike or more."""
        less = np.searchsorted(self.same, cosine) / len(self.same)
        return float(less), float(1 - np.searchsorted(self.different, cosine) / len(self.different))


@dataclass(frozen=True)
class Verdict:
    """Whether two faces are of one person, as far as it can be said.

    Attributes:
        cosine: Of their vectors.
        known: Pairs that the cosine is held to; None where there are none.
        remarks: What makes each of the two faces doubtful; see engines.Crop.
    """

    cosine: float
    known: KnownPairs | None
    remarks: tuple[tuple[str, ...], ...] = ((), ())

    @property
    def word(self) -> str | None:
        """same, different or unsure; None without known pairs.

        A face that is turned away, small or blurred is far from everybody, from its own person too: with such a
        face two photos are never called different. Two such faces, of whomever, come close to each other: of them
        nothing is said.
        """
        if self.known is None:
            return None
        word = self.known.verdict(self.cosine)
        withheld = any(self.remarks) if word == "different" else all(self.remarks)
        return "unsure" if withheld else word

    @property
    def withheld(self) -> bool:
        """Whether it is for the remarks that nothing is said."""
        return self.known is not None and self.known.verdict(self.cosine) != self.word


def best_threshold(same: np.ndarray, different: np.ndarray) -> float:
    """The cosine that parts the two with fewest errors, each kind counting the same; half-way between values."""
    values = np.unique(np.concatenate([same, different]))
    levels = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    missed = np.searchsorted(np.sort(same), levels) / len(same)
    taken = 1 - np.searchsorted(np.sort(different), levels) / len(different)
    return float(levels[np.argmin(missed + taken)])


def known_pairs(vectors: np.ndarray, labels: Sequence[str], source: str) -> KnownPairs | None:
    """(n, D) unit rows and their labels -> pairs among them, drawn by a fixed seed; None if they are too few."""
    kind = np.unique(labels, return_inverse=True)[1]
    order, counts = np.argsort(kind, kind="stable"), np.bincount(kind)
    random = np.random.default_rng(0)
    same = _drawn_within(counts, random)
    drawn = random.integers(0, max(len(kind), 1), (4 * MOST_PAIRS, 2)) if len(kind) else same
    different = np.unique(np.sort(drawn[kind[drawn[:, 0]] != kind[drawn[:, 1]]], axis=1), axis=0)
    if min(len(same), len(different)) < LEAST_PAIRS:
        return None
    pairs = order[same], random.permutation(different)[:MOST_PAIRS]
    same, different = (
        np.sort(np.einsum("ij,ij->i", vectors[a], vectors[b])) for a, b in (pair.T for pair in pairs)
    )
    return KnownPairs(same, different, source)


def _drawn_within(counts: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sizes of groups, one after the other -> at most MOST_PAIRS different (n, 2) pairs of places in one group."""
    first = np.cumsum(counts) - counts
    of = np.cumsum(counts * (counts - 1) // 2)
    total = int(of[-1]) if len(of) else 0
    numbers = random.choice(total, MOST_PAIRS, replace=False) if total > MOST_PAIRS else np.arange(total)
    group = np.searchsorted(of, numbers, side="right")
    number = numbers - (of - counts * (counts - 1) // 2)[group]
    later = ((1 + np.sqrt(1 + 8 * number)) // 2).astype(int)  # of the pairs (0, 1), (0, 2), (1, 2), (0, 3) ...
    return first[group][:, None] + np.column_stack([number - later * (later - 1) // 2, later])


@dataclass(frozen=True)
class Pair:
    """Two photos, as paths below the folder of images, without the ending."""

    one: str
    other: str
    same: bool


def read_pairs(path: Path) -> list[list[Pair]]:
    """LFW's pairs.txt -> its folds. Raises SemblanceError, which names the line.

    First line: the number of folds (1 when missing) and of pairs of each kind in one. Then, for each fold, lines
    `NAME N M` for the same person and `NAME N OTHER M` for two; the photo is NAME/NAME_000N.
    """
    try:
        lines = [line.split() for line in path.read_text("utf-8-sig").splitlines()]
        *folds, each = (int(number) for number in lines[0])
    except (OSError, UnicodeDecodeError) as error:
        raise SemblanceError("pairs.not_readable", path=path) from error
    except (IndexError, ValueError) as error:
        raise SemblanceError("pairs.wrong_start", path=path) from error
    pairs = []
    for number, line in enumerate(lines[1:], 2):
        try:
            if len(line) == 3:
                pairs.append(Pair(_photo(line[0], line[1]), _photo(line[0], line[2]), True))
            elif len(line) == 4:
                pairs.append(Pair(_photo(line[0], line[1]), _photo(line[2], line[3]), False))
            elif line:
                raise ValueError
        except ValueError as error:
            raise SemblanceError("pairs.wrong_line", number=number, path=path) from error
    count = folds[0] if folds else 1
    read = [pairs[first : first + 2 * each] for first in range(0, len(pairs), max(2 * each, 1))]
    kinds = [(sum(pair.same for pair in fold), len(fold)) for fold in read]
    if not pairs or kinds != [(each, 2 * each)] * count:
        raise SemblanceError("pairs.wrong_count", path=path, count=count, each=each)
    return read


def _photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04}"


@dataclass(frozen=True)
class PairsEvaluation:
    """How well an engine tells same pairs from different ones, by cross-validation.

    Attributes:
        accuracy: Share of pairs classified correctly, 0..1, averaged over the folds.
        deviation: Standard deviation of the accuracy between folds.
        standard_error: Standard error of the mean accuracy.
        threshold: Cosine from which a pair counts as the same, averaged over the folds.
        missing: Pairs in which a photo has no vector; they count as different.
    """

    engine: str
    network: str
    fingerprint: str
    pairs: int
    missing: int
    folds: int
    accuracy: float
    deviation: float
    standard_error: float
    threshold: float


def cross_validated(cosines: Sequence[np.ndarray], same: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """For each fold its (n,) cosines and (n,) bool -> the share told rightly, and the threshold learned elsewhere.

    A single fold's threshold is its own.
    """
    right, thresholds = [], []
    for fold in range(len(cosines)):
        others = [number for number in range(len(cosines)) if number != fold] or [fold]
        scores, truth = (np.concatenate([of[number] for number in others]) for of in (cosines, same))
        thresholds.append(best_threshold(scores[truth], scores[~truth]))
        right.append(np.mean((cosines[fold] >= thresholds[-1]) == same[fold]))
    return np.array(right), np.array(thresholds)
