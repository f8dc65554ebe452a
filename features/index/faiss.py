"""Approximate search by FAISS: a graph (HNSW) over float16 copies proposes rows, exact cosines order them.

The Faiss library: Douze and others, https://arxiv.org/abs/2401.08281. It takes half the vectors' memory and some
seconds to build for 100,000 rows; nothing is kept in a file. Why a graph: docs/decisions/0008-index-backends.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import faiss
import numpy as np

from engines.messages import Message
from features.index.proposals import Rebuilt

LINKS = 32  # of each row in the graph


class FaissIndex(Rebuilt):
    """See features.index.Index."""

    name = Message("indexes.rebuilt", kind="FAISS HNSW")
    breadth = 96
    slack = 2.0**-10  # of float16

    def _build(self, pieces: Iterable[np.ndarray], dim: int) -> faiss.IndexHNSWSQ:
        graph = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_fp16, LINKS, faiss.METRIC_INNER_PRODUCT)
        for piece in pieces:
            graph.add(piece)
        return graph

    def _ask(self, built: faiss.IndexHNSWSQ, vector: np.ndarray, breadth: int) -> tuple[np.ndarray, np.ndarray]:
        settings = faiss.SearchParametersHNSW(efSearch=breadth)
        (cosines,), (numbers,) = built.search(np.ascontiguousarray(vector[None]), breadth, params=settings)
        found = numbers >= 0  # it fills up with -1
        return numbers[found], cosines[found]
