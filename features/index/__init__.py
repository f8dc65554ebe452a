"""Nearest neighbours: one small file per kind of index, all behind this contract."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np


class Index(Protocol):
    """Finds the stored vectors with the highest cosine. One index per fingerprint; ids are any strings."""

    def upsert(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """N ids and (N, D) float32 unit rows; an id that is there already gets the new vector."""

    def remove(self, ids: Collection[str]) -> None:
        """Unknown ids are passed over."""

    def query(
        self, vectors: np.ndarray, k: int, allow: Collection[str] | None = None
    ) -> tuple[list[list[str]], list[list[float]]]:
        """(Q, D) unit rows -> for each the ids and the cosines (-1..1) of its nearest, best first.

        At most k, fewer when fewer are stored or allowed. allow: only these.
        """
        ...

    def __len__(self) -> int: ...


def create() -> Index:
    """The exact index, which is the default and the reference."""
    from features.index.exact import ExactIndex

    return ExactIndex()
