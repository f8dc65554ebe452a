"""Exact search: scikit-learn's NearestNeighbors, cosine, brute force. The reference for every other index."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors


class ExactIndex:
    """See features.index.Index. Fitted again at the first query after a change."""

    def __init__(self) -> None:
        self._rows: dict[str, np.ndarray] = {}
        self._fitted: tuple[list[str], NearestNeighbors] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def upsert(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        self._rows.update(zip(ids, vectors, strict=True))
        self._fitted = None

    def remove(self, ids: Collection[str]) -> None:
        for name in ids:
            self._rows.pop(name, None)
        self._fitted = None

    def query(
        self, vectors: np.ndarray, k: int, allow: Collection[str] | None = None
    ) -> tuple[list[list[str]], list[list[float]]]:
        names = self._rows.keys() if allow is None else self._rows.keys() & set(allow)
        k = min(k, len(names))
        if k < 1 or len(vectors) == 0:
            return [[] for _ in vectors], [[] for _ in vectors]
        if allow is not None:
            order, neighbours = self._fit(names)
        else:
            self._fitted = self._fitted or self._fit(names)
            order, neighbours = self._fitted
        distances, places = neighbours.kneighbors(vectors, k)
        cosines = np.clip(1.0 - distances, -1.0, 1.0)
        return [[order[place] for place in row] for row in places], cosines.tolist()

    def _fit(self, names: Collection[str]) -> tuple[list[str], NearestNeighbors]:
        from sklearn.neighbors import NearestNeighbors

        order = sorted(names)
        rows = np.stack([self._rows[name] for name in order])
        return order, NearestNeighbors(metric="cosine", algorithm="brute").fit(rows)
