"""What every index is made of: rows by id, and the exact order of those that may be the best."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

SMALL = 4096  # rows: blocks up to this size are joined, so that few remain however many came
PIECE = 4096  # rows whose float64 copies are in memory at a time


class Rows:
    """See features.index.Index. A kind of index says only which rows may be among the best (`_candidates`)."""

    name: str

    def __init__(self) -> None:
        self._ids: list[str] = []  # by place: row 0 of the first block has place 0
        self._blocks: list[np.ndarray] = []
        self._there: np.ndarray = np.zeros(0, bool)  # False: removed, or replaced by a later row
        self._place: dict[str, int] = {}  # of those that are there

    def __len__(self) -> int:
        return len(self._place)

    def upsert(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        check(ids, vectors)
        if not ids:
            return
        self.remove(ids)
        self._place.update(zip(ids, range(len(self._ids), len(self._ids) + len(ids)), strict=True))
        self._ids += ids
        self._there = np.append(self._there, np.ones(len(ids), bool))
        self._blocks.append(np.asarray(vectors))  # a memory-mapped array stays one
        while len(self._blocks) > 1 and len(self._blocks[-2]) <= min(len(self._blocks[-1]), SMALL):
            self._blocks[-2:] = [np.concatenate(self._blocks[-2:])]

    def remove(self, ids: Collection[str]) -> None:
        self._there[[self._place.pop(name) for name in ids if name in self._place]] = False

    def query(
        self, vectors: np.ndarray, k: int, allow: Collection[str] | None = None
    ) -> tuple[list[list[str]], list[list[float]]]:
        shown, most = self._there, len(self)
        if allow is not None:
            shown = np.zeros_like(shown)
            shown[[self._place[name] for name in allow if name in self._place]] = True
            most = int(np.count_nonzero(shown))
        k = min(k, most)
        if k < 1:
            return [[] for _ in vectors], [[] for _ in vectors]
        best = [
            self._best(vector, places, k)
            for vector, places in zip(vectors, self._candidates(vectors, k, shown), strict=True)
        ]
        return [ids for ids, _ in best], [cosines for _, cosines in best]

    def _candidates(self, vectors: np.ndarray, k: int, shown: np.ndarray) -> Iterable[np.ndarray]:
        """For each query the places of all rows that may be among its k nearest of those shown, k at least."""
        raise NotImplementedError

    def _best(self, vector: np.ndarray, places: np.ndarray, k: int) -> tuple[list[str], list[float]]:
        pieces = [places[first : first + PIECE] for first in range(0, len(places), PIECE)]
        cosines = np.concatenate([cosine(take(self._blocks, piece), vector) for piece in pieces])
        names = [self._ids[place] for place in places.tolist()]
        order = sorted(zip((-cosines).tolist(), names, strict=True))[:k]
        return [name for _, name in order], [-less for less, _ in order]


def check(ids: Sequence[str], vectors: np.ndarray) -> None:
    """Raises ValueError unless there is one vector for each id, and each id comes once."""
    if not len(set(ids)) == len(ids) == len(vectors):
        raise ValueError(f"{len(set(ids))} different ids need as many vectors, not {len(vectors)}.")


def take(blocks: Sequence[np.ndarray], places: np.ndarray) -> np.ndarray:
    """(n, D) float32 copies of the rows at these places of all blocks joined."""
    if len(blocks) == 1:
        return blocks[0][places]
    ends = np.cumsum([len(block) for block in blocks])
    owners = np.searchsorted(ends, places, side="right")
    taken = np.empty((len(places), blocks[0].shape[1]), np.float32)
    for number in np.unique(owners):
        block, here = blocks[number], owners == number
        taken[here] = block[places[here] - (ends[number] - len(block))]
    return taken


def cosine(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """(n,) float64 cosines, -1..1, of (n, D) rows and one (D,) vector, none of them zero.

    Each by NumPy's own sum over its row alone: a BLAS product may sum equal rows in different orders, and then
    duplicates would not tie.
    """
    pairs = (rows, vector), (rows, rows), (vector, vector)
    products, squares, square = (np.multiply(a, b, dtype=np.float64).sum(axis=-1) for a, b in pairs)
    return np.maximum(np.minimum(products / np.sqrt(squares * square), 1), -1)


def near(scores: np.ndarray, k: int, margin: float) -> np.ndarray:
    """Where of (n,) scores the k best are, k <= n, and those that miss this by no more than the margin."""
    return np.flatnonzero(scores >= np.partition(scores, -k)[-k] - margin)


def margin(dim: int) -> float:
    """How far apart two rows may be in exact cosine while float32 has them in the wrong order.

    A float32 product of unit rows is off by at most dim x 2^-24 whatever the order of its sum (Higham, Accuracy
    and Stability of Numerical Algorithms, 3.1); 32 more for lengths that are 1 but for their own rounding.
    """
    return 2 * (dim + 32) * 2.0**-24
