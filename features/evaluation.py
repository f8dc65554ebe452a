"""Retrieval measured on labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DEPTH = 10


@dataclass(frozen=True)
class Evaluation:
    """An answer is right when its label (folder) is the query's.

    precision_at_k: share of right ones among the first k, mean over queries. map_at_10: mean over queries of the
    average precision over the right ones among the first ten, 0 for a query that has none there.
    """

    engine: str
    network: str
    fingerprint: str
    queries: int
    gallery: int
    precision_at_1: float
    precision_at_5: float
    map_at_10: float
    seconds_per_query: float


def retrieval_scores(labels: Sequence[str], answers: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """precision@1, precision@5 and mAP@10 of the answers' labels, best first, for queries with these labels.

    Missing answers count as wrong.
    """
    right = np.zeros((len(labels), DEPTH), bool)
    for row, label, found in zip(right, labels, answers, strict=True):
        row[: len(found)] = [other == label for other in found[:DEPTH]]
    precision = np.cumsum(right, axis=1) / np.arange(1, DEPTH + 1)
    average = (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)
    return float(right[:, 0].mean()), float(right[:, :5].mean()), float(average.mean())
