"""A small classifier head over stored vectors: multinomial logistic regression, trained in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.base import SemblanceError


@dataclass(frozen=True)
class SoftmaxHead:
    """labels: C names. weights: (D, C) float32. bias: (C,) float32."""

    labels: list[str]
    weights: np.ndarray
    bias: np.ndarray

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """(N, D) unit rows -> (N, C) float32, rows that sum to 1."""
        scores = vectors @ self.weights + self.bias
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def state(self) -> dict[str, Any]:
        arrays = {"weights": self.weights, "bias": self.bias}
        return {"labels": self.labels, **{name: a.astype("<f4").tobytes() for name, a in arrays.items()}}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> SoftmaxHead:
        labels = list(state["labels"])
        weights = np.frombuffer(state["weights"], "<f4").reshape(-1, len(labels))
        return cls(labels, weights, np.frombuffer(state["bias"], "<f4"))


def train(vectors: np.ndarray, labels: Sequence[str]) -> SoftmaxHead:
    """(N, D) unit rows with a label each -> head. Labels weigh the same, however many pictures they have.

    Raises SemblanceError when there are not two labels.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    names = [str(name) for name in sorted(set(labels))]  # NumPy's strings are no plain builtins
    if len(names) < 2:
        raise SemblanceError(
            "A classifier needs pictures in at least two folders; put each kind into a folder of its own."
        )
    scale = 1 / max(float(vectors.std()), 1e-9)  # unit rows have tiny entries; the regulariser expects about 1
    model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=300, tol=1e-3)
    with threadpool_limits(1):  # the steps are so small that threads cost more than they save
        model.fit(vectors * scale, labels)
    weights, bias = model.coef_, model.intercept_
    if len(names) == 2:  # scikit-learn keeps one row for two classes
        weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    return SoftmaxHead(names, (weights.T * scale).astype(np.float32), bias.astype(np.float32))
