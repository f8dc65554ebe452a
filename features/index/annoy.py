"""Approximate search by Annoy: a forest of random splits proposes rows, exact cosines order them.

https://github.com/spotify/annoy. A forest can't change once it is built. It copies the vectors, and finds less
than a graph does in the same time. Compiled on Apple's processors it may propose one row only (its issue 682):
exact search answers then.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import annoy
import numpy as np

from engines.messages import Message
from features.index.proposals import Rebuilt

TREES = 50


class AnnoyIndex(Rebuilt):
    """See features.index.Index."""

    name = Message("indexes.rebuilt", kind="Annoy")
    breadth = 128
    slack = 2.0**-12  # of float32, over thousands of numbers

    def _build(self, pieces: Iterable[np.ndarray], dim: int) -> annoy.AnnoyIndex:
        forest = annoy.AnnoyIndex(dim, "angular")
        forest.set_seed(1)
        for number, row in enumerate(chain.from_iterable(pieces)):
            forest.add_item(number, row)
        forest.build(TREES)
        return forest

    def _ask(self, built: annoy.AnnoyIndex, vector: np.ndarray, breadth: int) -> tuple[np.ndarray, np.ndarray]:
        numbers, distances = built.get_nns_by_vector(vector, breadth, include_distances=True)
        return np.array(numbers, int), 1 - np.square(distances) / 2
