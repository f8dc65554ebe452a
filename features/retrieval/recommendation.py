"""From pictures that a person likes, and others that they don't, to more of that kind: arithmetic on vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines import SemblanceError


def taste(
    likes: Sequence[np.ndarray] | np.ndarray,
    like_weights: Sequence[float],
    dislikes: Sequence[np.ndarray] | np.ndarray = (),
    dislike_weights: Sequence[float] = (),
) -> np.ndarray:
    """(n, D) and (m, D) unit rows, n > 0, each with its weight -> (D,) float64, of any length: what to ask with.

    2 mean(likes) - mean(dislikes), and mean(likes) where m is 0, which is Qdrant's `average_vector` strategy with
    weighted means. The order of the rows doesn't change a bit of it. It is zero, or as good as, where the pictures
    cancel each other out: then it prefers nothing. Raises SemblanceError unless weights are finite and above 0.
    """
    liked = _mean(likes, like_weights)
    return 2 * liked - _mean(dislikes, dislike_weights) if len(dislikes) else liked


def _mean(rows: Sequence[np.ndarray] | np.ndarray, weights: Sequence[float]) -> np.ndarray:
    given = np.asarray(weights, np.float64)
    if not ((given > 0) & (given < np.inf)).all():
        raise SemblanceError("recommend.bad_weights")
    shares = given / given.max()  # sums of the largest floats would be infinite
    return np.sort(shares[:, None] * np.asarray(rows), axis=0).sum(axis=0) / np.sort(shares).sum()


def diverse(rows: np.ndarray, relevance: Sequence[float], k: int, diversity: float) -> list[int]:
    """Which k of N candidates to show, in order: places in (N, D) unit rows with their (N,) relevance, best first.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) with lambda = 1 - diversity: each has the most
    (1 - diversity) x relevance - diversity x its highest cosine to those before it. The first is the most relevant
    one; diversity 0 keeps the order, 1 only asks for what is different. O(k N D). Raises SemblanceError unless
    diversity is 0..1.
    """
    if not 0 <= diversity <= 1:
        raise SemblanceError("recommend.bad_diversity")
    gain = (1 - diversity) * np.asarray(relevance, np.float64)
    closest = np.full(len(rows), -1.0)
    order: list[int] = []
    for _ in range(min(k, len(rows))):
        order.append(int((gain - diversity * closest).argmax()))
        gain[order[-1]] = -np.inf
        closest = np.maximum(closest, rows @ rows[order[-1]])
    return order


def nearest(likes: np.ndarray, rows: np.ndarray) -> list[int]:
    """(n, D) unit rows, n > 0, and (m, D) others -> for each other its nearest like, the first of equals."""
    return (rows @ likes.T).argmax(axis=1).tolist()
