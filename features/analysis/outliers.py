"""The odd ones of a collection: pictures more like another folder than like their own, and those like nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

NEAR = 10  # pictures of each folder, and of all, that one is held against: those nearest to it
FAINT = 1e-6  # a margin that is rounding alone
SCORES = 2**23  # cosines in memory at a time, 32 MB


@dataclass(frozen=True)
class Misplaced:
    """A picture, its folder, and the other one that it looks most like.

    cosine, other: mean cosine to its NEAR nearest of each of the two, to all where there are fewer. of_own, of: so
    many of so many pictures in folders that are nearest to it are of its own.
    """

    digest: str
    label: str
    like: str
    cosine: float
    other: float
    of_own: int
    of: int

    @property
    def margin(self) -> float:
        """By how much the other is nearer, in cosine: more than 0."""
        return self.other - self.cosine


@dataclass(frozen=True)
class Lonely:
    """A picture, its folder if it has one, and its mean cosine to the NEAR pictures nearest to it."""

    digest: str
    label: str
    cosine: float


@dataclass(frozen=True)
class Outliers:
    """Pictures that may lie in the wrong folder, and pictures that resemble no other.

    Attributes:
        misplaced: Pictures that look more like another folder than like their own, the largest margin first.
        lonely: All pictures, the least alike first; empty where there is only one.
        compared: How many pictures could be misplaced.
        alone: How many pictures are the only one of their folder, so that they can't be judged.
        folders: How many folders there are.
    """

    misplaced: Sequence[Misplaced]
    lonely: Sequence[Lonely]
    compared: int
    alone: int
    folders: int


def outliers(rows: np.ndarray, digests: Sequence[str], labels: Sequence[str]) -> Outliers:
    """(N, D) float32 unit rows, the digest and the folder of each, empty where it has none.

    Every pair is looked at, O(N N D), but not at once. Why it is measured so: docs/decisions/0014-outliers.md.
    """
    names, folder, sizes = np.unique(np.asarray(labels, object), return_inverse=True, return_counts=True)
    places = np.argsort(folder, kind="stable")  # pictures of a folder side by side, those of none first
    loose = int(len(names) > 0 and not names[0])  # 1 where there are some of none
    misplaced, lonely, compared = [], [], 0
    for turn, best, owner in _nearest(rows[places], sizes):
        means = _means(best, np.flatnonzero(np.diff(owner, prepend=-1)))
        means[:, :loose] = np.nan
        for i, row, cosines in zip(places[turn], means, best, strict=True):
            digest, label, mine = digests[i], labels[i], folder[i]
            lonely.append(Lonely(digest, label, float(_means(np.sort(cosines)[None, -NEAR:], [0])[0, 0])))
            own, row[mine] = row[mine], np.nan
            if np.isnan(own) or np.isnan(row).all():
                continue
            compared += 1
            like = int(np.nanargmax(row))
            if row[like] - own > FAINT:
                foldered = np.where(owner >= loose, cosines, -np.inf)
                near = np.argsort(foldered)[-NEAR:]
                near = near[foldered[near] > -np.inf]
                found = names[like], float(own), float(row[like]), int((owner[near] == mine).sum()), len(near)
                misplaced.append(Misplaced(digest, label, *found))
    misplaced.sort(key=lambda one: (-one.margin, one.digest))
    lonely.sort(key=lambda one: (one.cosine, one.digest))
    return Outliers(misplaced, lonely, compared, int((sizes[loose:] == 1).sum()), len(sizes[loose:]))


def _nearest(rows: np.ndarray, sizes: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yields each row's cosines to the nearest rows of each folder, a slice of the rows at a time.

    Args:
        rows: (N, D), the rows of a folder side by side.
        sizes: How many rows each folder has.

    Yields:
        A slice of n rows, and their (n, M) cosines to the NEAR nearest rows of each folder; -inf stands for the
        cosine of a row to itself.
    """
    if len(rows) < 2:
        return
    kept = np.minimum(sizes, NEAR)
    owner, few = np.repeat(np.arange(len(sizes)), kept), sizes <= NEAR
    all_kept, kept_all = np.repeat(few, sizes), np.repeat(few, kept)
    ends, ends_kept = np.cumsum(sizes), np.cumsum(kept)
    step = max(1, SCORES // len(rows))
    for begin in range(0, len(rows), step):
        turn = slice(begin, begin + step)
        cosines = np.clip(rows[turn] @ rows.T, -1, 1)
        np.fill_diagonal(cosines[:, begin:], -np.inf)
        best = np.empty((len(cosines), len(owner)), np.float32)
        best[:, kept_all] = cosines[:, all_kept]
        for i in np.flatnonzero(~few):
            folder = np.partition(cosines[:, ends[i] - sizes[i] : ends[i]], -NEAR, axis=1)
            best[:, ends_kept[i] - NEAR : ends_kept[i]] = folder[:, -NEAR:]
        yield turn, best, owner


def _means(cosines: np.ndarray, starts: Sequence[int] | np.ndarray) -> np.ndarray:
    """(n, M), in pieces that begin at the (C,) starts -> (n, C) means without -inf; NaN where nothing is left."""
    there = cosines > -np.inf
    sums = np.add.reduceat(np.where(there, cosines, 0), starts, axis=1, dtype=np.float64)
    counts = np.add.reduceat(there, starts, axis=1, dtype=np.int64)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
