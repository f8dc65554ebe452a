"""What a cosine is worth in one catalogue: how alike those are there that have nothing to do with each other.

A raw cosine says little: it depends on the network and on the catalogue. Two distributions say more. Strangers are
pictures of different labels, or any two pictures where there are no labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SAMPLE = 500  # rows that are compared with the others ...
MOST = 200_000  # ... or with so many of them
PAIRS = 1_000_000  # cosines of strangers that are kept, about: the finest share that can be told is one of them
PIECE = 8192  # rows at a time


@dataclass(frozen=True)
class Calibration:
    """strangers: cosines of pairs of strangers. closest: of rows to their closest stranger. Both (n,), rising."""

    strangers: np.ndarray
    closest: np.ndarray

    @property
    def spread(self) -> float:
        """Standard deviation of the strangers' cosines; 1 where there is none to tell."""
        return float(self.strangers.std() if self.strangers.size else 0) or 1.0

    def closer_than(self, score: float) -> float:
        """Share of the pairs of strangers that are less alike than this, 0..1."""
        return float(np.searchsorted(self.strangers, score) / max(len(self.strangers), 1))

    def by_chance(self, score: float) -> float:
        """Share of rows whose closest stranger is as alike or more, 0..1: high is what any picture would get."""
        return float(1 - np.searchsorted(self.closest, score) / max(len(self.closest), 1))


def calibrate(
    take: Callable[[np.ndarray], np.ndarray], places: Sequence[int], kinds: Sequence[str]
) -> Calibration:
    """take: the (n, D) rows at n places. kinds[i]: rows of the same kind as places[i] are no strangers to it.

    Samples are drawn by a fixed seed. Empty where all are of one kind.
    """
    random = np.random.default_rng(0)
    order = random.permutation(len(places))
    place, kind = np.asarray(places, int)[order], np.unique(kinds, return_inverse=True)[1][order]
    asked, asked_kind = take(place[:SAMPLE]), kind[:SAMPLE]
    closest = np.full(len(asked), -np.inf, np.float32)
    kept = [np.zeros(0, np.float32)]
    share = PAIRS / max(len(asked) * min(len(place), MOST), 1)
    for begin in range(0, min(len(place), MOST), PIECE):
        piece = slice(begin, min(begin + PIECE, MOST))
        cosines = asked @ take(place[piece]).T
        strange = asked_kind[:, None] != kind[None, piece]
        closest = np.maximum(closest, np.where(strange, cosines, -np.inf).max(axis=1))
        found = cosines[strange]
        kept.append(found if share >= 1 else found[random.random(len(found)) < share])
    return Calibration(np.sort(np.concatenate(kept)), np.sort(closest[np.isfinite(closest)]))
