"""Exact search: one matrix product over all rows, then float64 for those that float32 can't tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engines.messages import Message
from features.index.rows import Rows, margin, near

SCORES = 2**23  # float32 scores in memory at a time, twice 32 MB: more queries are asked in turns


class ExactIndex(Rows):
    """See features.index.Index."""

    def __init__(self, name: str = Message("indexes.exact")) -> None:
        super().__init__()
        self.name = name

    def _candidates(self, vectors: np.ndarray, k: int, shown: np.ndarray) -> Iterator[np.ndarray]:
        return scan(self._blocks, vectors, k, shown)


def scan(blocks: Sequence[np.ndarray], vectors: np.ndarray, k: int, shown: np.ndarray) -> Iterator[np.ndarray]:
    """For each of the (Q, D) queries the places of its k nearest rows of those shown, and of all nearly as near.

    shown: (rows,) bool, True for k at least.
    """
    rows, dim = len(shown), vectors.shape[1]
    hidden = np.flatnonzero(~shown)
    turn = max(1, SCORES // rows)
    for first in range(0, len(vectors), turn):
        asked = vectors[first : first + turn]
        scores = np.empty((len(asked), rows), np.float32)
        start = 0
        for block in blocks:
            scores[:, start : start + len(block)] = asked @ block.T
            start += len(block)
        scores[:, hidden] = -np.inf
        for row in scores:
            yield near(row, k, margin(dim))
