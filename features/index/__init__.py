"""Nearest neighbours: one small file per kind of index, all behind this contract."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engines import SemblanceError, settings
from engines.extras import missing
from engines.messages import Message

if TYPE_CHECKING:
    from features.index.database import Remote

APPROXIMATE_FROM = 2**28  # numbers (rows x dim), a gigabyte: exact search takes 25 to 50 ms there
USEARCH = "usearch>=2.25,<3"


@dataclass(frozen=True)
class Backend:
    """A kind of index.

    Attributes:
        module: Its file here.
        kind: The class in it.
        package: The package that it needs, for people.
        requirement: The same for pip.
        extra: The extra that installs it; empty if every installation has it.
    """

    module: str
    kind: str
    package: str = ""
    requirement: str = ""
    extra: str = ""


BACKENDS = {
    "exact": Backend("exact", "ExactIndex"),
    "sklearn": Backend("reference", "ReferenceIndex"),
    "hnsw": Backend("approximate", "ApproximateIndex", "usearch", USEARCH),
    "faiss": Backend("faiss", "FaissIndex", "FAISS", "faiss-cpu>=1.12,<2", "index"),
    "annoy": Backend("annoy", "AnnoyIndex", "Annoy", "annoy>=1.17.3,<2", "index"),
}
MILVUS = Backend("milvus", "MilvusIndex", "pymilvus", "pymilvus>=3.0,<4", "cluster")
DATABASES = {"milvus": MILVUS, "milvus+tls": MILVUS}  # by the scheme of a URI
AUTO = "auto"  # exact, or for many rows hnsw
CHOICES = (AUTO, *BACKENDS, "milvus://HOST:19530/NAME")


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


def create(name: str) -> Index:
    """An empty index of one of BACKENDS. Raises SemblanceError, which lists CHOICES or says what to install."""
    if name not in BACKENDS:
        raise SemblanceError("indexes.unknown", name=name, choices=", ".join(CHOICES))
    return _kind(BACKENDS[name])()


def _kind(backend: Backend) -> Callable[..., Any]:
    """Its class. Raises SemblanceError, which says what to install."""
    try:
        return getattr(importlib.import_module(f"features.index.{backend.module}"), backend.kind)
    except ModuleNotFoundError as error:
        if not backend.package:
            raise
        raise SemblanceError(missing(backend.package, backend.extra, backend.requirement)) from error


def in_database(choice: str) -> bool:
    """Whether a choice is the URI of a database, and so for `remote`, not for `create`, `over` and `save`."""
    return choice.partition("://")[0] in DATABASES


@cache
def remote(choice: str, collection: str) -> Remote:
    """What a database has of a collection, which is one catalogue's for one fingerprint. Nothing is connected yet.

    choice: a URI, see features/index/milvus.py. Raises SemblanceError for one that can't be, and what to install.
    """
    return _kind(DATABASES[choice.partition("://")[0]])(choice, collection)


def chosen(choice: str | None) -> str:
    """One of CHOICES that can be had: this, else SEMBLANCE_INDEX, else auto. Raises as `create` and `remote`."""
    choice = choice or settings.current().index or AUTO
    if in_database(choice):
        remote(choice, "")
    elif choice != AUTO:
        create(choice)
    return choice


def over(
    ids: Sequence[str],
    parts: Sequence[np.ndarray],
    saved: Path,
    space: str,
    choice: str = AUTO,
    key: bytes = b"",
) -> Index:
    """An index of these rows: ids[i] is of row i of the (n, D) float32 parts, one after the other.

    choice: AUTO or one of BACKENDS. "auto" is exact below APPROXIMATE_FROM; above, as "hnsw" always, approximate
    as soon as `save` has been run over the same rows. Its name says which. saved, space, key: as for `save`.
    Raises as `create`.
    """
    if keeps_file(parts, choice):
        index = _from_file(ids, saved, space, key, parts[0].shape[1])
    else:
        index = create("exact" if choice == AUTO else choice)
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
    choice: str = AUTO,
    key: bytes = b"",
) -> bool:
    """Brings the file of the index up to date, where the choice keeps one; "auto" drops one that is too small.

    Takes about 0.6 ms for each new row of 512 numbers. space: changes whenever a vector could while its id stays
    the same. key: the home's secret; a file that was written with another is not read. False when cancelled: what
    was done is kept, and until the rest is, exact search answers.
    """
    if not keeps_file(parts, choice):
        if choice == AUTO:
            saved.unlink(missing_ok=True)
        return True
    approximate = _approximate()
    return approximate is None or approximate.update(ids, parts, saved, space, progress, cancelled, key)


def keeps_file(parts: Sequence[np.ndarray], choice: str = AUTO) -> bool:
    """Whether the choice is a graph in a file, for so many numbers in (n, D) parts."""
    numbers = sum(part.size for part in parts)
    return numbers > 0 and (choice == "hnsw" or (choice == AUTO and numbers >= APPROXIMATE_FROM))


def _from_file(ids: Sequence[str], saved: Path, space: str, key: bytes, dim: int) -> Index:
    from features.index.exact import ExactIndex

    approximate = _approximate()
    if approximate is None:
        return ExactIndex(Message("indexes.exact_install", package=USEARCH))
    graph = approximate.load(saved, space, key, dim)
    if graph is None or not approximate.holds(graph, ids):
        return ExactIndex(Message("indexes.exact_index_again"))
    return approximate.ApproximateIndex(graph)


def _approximate() -> Any:
    """features.index.approximate; None where usearch is not installed."""
    try:
        from features.index import approximate
    except ImportError:
        return None
    return approximate
