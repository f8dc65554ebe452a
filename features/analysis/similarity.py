"""How alike the kinds of a collection are: the mean cosine between the pictures of each two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kinds:
    """names: (C,). sizes: (C,) int, pictures of each. cosines: (C, C) float32, symmetric, -1..1.

    A cosine is the mean over all pairs of a picture of the one and a picture of the other kind; on the diagonal
    over the pairs of different pictures, and NaN for a kind of one picture.
    """

    names: Sequence[str]
    sizes: np.ndarray
    cosines: np.ndarray

    def take(self, places: Sequence[int] | np.ndarray) -> Kinds:
        """Some of them, in this order."""
        chosen = np.asarray(places, int)
        return Kinds([self.names[i] for i in chosen], self.sizes[chosen], self.cosines[np.ix_(chosen, chosen)])

    def largest(self, most: int) -> Kinds:
        """At most so many, in the order that they are in; of two of a size the first."""
        return self.take(np.sort(np.argsort(-self.sizes, kind="stable")[:most]))

    def by_likeness(self) -> Kinds:
        """Ordered so that those alike lie together: by average linkage, its leaves turned to suit each other.

        Bar-Joseph, Gifford and Jaakkola, Fast optimal leaf ordering for hierarchical clustering, 2001.
        """
        if len(self.names) < 3:
            return self
        from scipy.cluster.hierarchy import leaves_list, linkage  # comes with scikit-learn

        distances = 1 - self.cosines[np.triu_indices(len(self.names), 1)]
        return self.take(leaves_list(linkage(distances, "average", optimal_ordering=True)))

    def closest(self) -> tuple[int, int]:
        """The two most alike. Needs two kinds."""
        apart = np.where(np.eye(len(self.names), dtype=bool), -np.inf, self.cosines)
        one, other = np.unravel_index(apart.argmax(), apart.shape)
        return int(one), int(other)

    def loosest(self) -> int | None:
        """The one whose own pictures are least alike; None where each has but one picture."""
        own = self.cosines.diagonal()
        return None if np.isnan(own).all() else int(np.nanargmin(own))


def compare(rows: np.ndarray, labels: Sequence[str]) -> Kinds:
    """(N, D) float32 unit rows, the kind of each -> the kinds by name.

    The mean of all cosines is the product of the means, so no pair is looked at: O(N D + C C D).
    """
    names, kind, sizes = np.unique(np.asarray(labels, object), return_inverse=True, return_counts=True)
    if not len(names):
        return Kinds([], sizes, np.zeros((0, 0), np.float32))
    firsts = np.cumsum(sizes) - sizes
    sums = np.add.reduceat(rows[np.argsort(kind, kind="stable")], firsts, axis=0, dtype=np.float64)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    with_themselves = np.bincount(kind, np.einsum("ij,ij->i", rows, rows))
    totals = sums @ sums.T - np.diag(with_themselves)
    cosines = np.divide(totals, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    return Kinds(names.tolist(), sizes, np.clip(cosines, -1, 1).astype(np.float32))
