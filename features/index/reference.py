"""The reference: scikit-learn's NearestNeighbors, cosine, brute force. Slow; every other index is held to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engines.messages import Message
from features.index.rows import Rows, margin, take


class ReferenceIndex(Rows):
    """See features.index.Index."""

    name = Message("indexes.exact_sklearn")

    def _candidates(self, vectors: np.ndarray, k: int, shown: np.ndarray) -> Iterator[np.ndarray]:
        from sklearn.neighbors import NearestNeighbors

        places = np.flatnonzero(shown)
        fitted = NearestNeighbors(metric="cosine", algorithm="brute").fit(take(self._blocks, places))
        for vector in vectors:
            distances, _ = fitted.kneighbors(vector[None], k)
            (near,) = fitted.radius_neighbors(
                vector[None], distances[0, -1] + margin(len(vector)), return_distance=False
            )
            yield places[near]
