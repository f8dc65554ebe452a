"""What approximate indexes share: something proposes rows, exact cosines order them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from features.index.exact import scan
from features.index.rows import PIECE, Rows, near, take

NUMBERS_EACH = 1_500_000  # one more row is proposed for so many of all numbers: exact search slows with them too


class Proposing(Rows):
    """Exact search answers where fewer than k of those proposed are there and allowed.

    breadth: rows that are proposed, at least: recall against time. slack: by how much their cosines may be off.
    """

    breadth: int
    slack: float

    def _candidates(self, vectors: np.ndarray, k: int, shown: np.ndarray) -> Iterator[np.ndarray]:
        breadth = max(self.breadth, 2 * k, len(self) * vectors.shape[1] // NUMBERS_EACH)
        for vector in vectors:
            places, scores = self._propose(vector, breadth)
            allowed = shown[places]
            if np.count_nonzero(allowed) < k:
                yield from scan(self._blocks, vector[None], k, shown)
            else:
                yield places[allowed][near(scores[allowed], k, 2 * self.slack)]

    def _propose(self, vector: np.ndarray, breadth: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of so many rows, or fewer, and for each its cosine, or that and the same number for all."""
        raise NotImplementedError


class Rebuilt(Proposing):
    """What proposes can't lose rows: the first query after a change builds it anew, in memory; others wait."""

    def __init__(self) -> None:
        super().__init__()
        self._built: tuple[Any, np.ndarray] | None = None  # what proposes, and the place of each of its rows
        self._lock = threading.Lock()

    def upsert(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        super().upsert(ids, vectors)
        self._built = None

    def remove(self, ids: Collection[str]) -> None:
        super().remove(ids)
        self._built = None

    def _propose(self, vector: np.ndarray, breadth: int) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            if self._built is None:
                places = np.flatnonzero(self._there)
                pieces = (take(self._blocks, places[i : i + PIECE]) for i in range(0, len(places), PIECE))
                self._built = self._build(pieces, len(vector)), places
            built, places = self._built
        numbers, cosines = self._ask(built, vector, min(breadth, len(places)))
        return places[numbers], cosines

    def _build(self, pieces: Iterable[np.ndarray], dim: int) -> Any:
        """From (n, dim) float32 unit rows, numbered from 0 as they come."""
        raise NotImplementedError

    def _ask(self, built: Any, vector: np.ndarray, breadth: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of rows, at most so many, and their cosines. Several threads may ask at once."""
        raise NotImplementedError
