"""Nearest neighbours: one small file per kind of index, all behind this contract."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

APPROXIMATE_FROM = 2**28  # numbers (rows x dim), a gigabyte: exact search takes 25 to 50 ms there
USEARCH = "usearch>=2.25,<3"


class Index(Protocol):
    """Finds the stored vectors with the highest cosine. One index per fingerprint; ids are any strings."""

    name: str  # for people: how it searches

    def upsert(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """N ids, each once, and (N, D) float32 unit rows; an id that is there already gets the new vector.

        The vectors are kept as they are given, not copied. Raises ValueError unless there is one for each id.
        """

    def remove(self, ids: Collection[str]) -> None:
        """Unknown ids are passed over."""

    def query(
        self, vectors: np.ndarray, k: int, allow: Collection[str] | None = None
    ) -> tuple[list[list[str]], list[list[float]]]:
        """(Q, D) float32 unit rows -> for each the ids and the cosines (-1..1) of its nearest, best first.

        Cosines are those of float64; equal ones come in order of id. At most k, fewer when fewer are stored or
        allowed. allow: only these.
        """
        ...

    def __len__(self) -> int: ...


def over(ids: Sequence[str], parts: Sequence[np.ndarray], saved: Path, space: str) -> Index:
    """An index of these rows: ids[i] is of row i of the (n, D) float32 parts, one after the other.

    It is exact below APPROXIMATE_FROM; above, approximate, as soon as `save` has been run over the same rows. Its
    name says which. saved, space: as for `save`.
    """
    index = _choose(ids, parts, saved, space)
    first = 0
    for part in parts:
        index.upsert(ids[first : first + len(part)], part)
        first += len(part)
    return index


def save(
    ids: Sequence[str],
    parts: Sequence[np.ndarray],
    saved: Path,
    space: str,
    progress: Callable[[int, int, str], None],
    cancelled: Callable[[], bool],
) -> bool:
    """Brings the file of the approximate index up to date, where there are rows enough to want one.

    Takes about 0.6 ms for each new row of 512 numbers. space: changes whenever a vector could while its id stays
    the same. False when cancelled: what was done is kept, and until the rest is, exact search answers.
    """
    if not large(parts):
        saved.unlink(missing_ok=True)
        return True
    approximate = _approximate()
    return approximate is None or approximate.update(ids, parts, saved, space, progress, cancelled)


def _choose(ids: Sequence[str], parts: Sequence[np.ndarray], saved: Path, space: str) -> Index:
    from features.index.exact import ExactIndex

    if not large(parts):
        return ExactIndex()
    approximate = _approximate()
    if approximate is None:
        return ExactIndex(f'exact search (for a quicker one: pip install "{USEARCH}")')
    graph = approximate.load(saved, space)
    if graph is None or not approximate.holds(graph, ids):
        return ExactIndex("exact search (for a quicker one: index again)")
    return approximate.ApproximateIndex(graph)


def _approximate() -> Any:
    """features.index.approximate; None where usearch is not installed."""
    try:
        from features.index import approximate
    except ImportError:
        return None
    return approximate


def large(parts: Sequence[np.ndarray]) -> bool:
    """Whether so many numbers, in (n, D) parts, want an approximate index."""
    return sum(part.size for part in parts) >= APPROXIMATE_FROM
