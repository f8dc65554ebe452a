"""Approximate search: a graph (HNSW, by usearch) proposes rows, exact cosines order them.

Hierarchical navigable small worlds: Malkov and Yashunin, https://arxiv.org/abs/1603.09320. The graph holds the
vectors in bfloat16; its keys are hashes of the rows' ids, so that it can be brought up to date from any run.

usearch follows a graph's links unchecked, and a false one ends the process. So only a file that this home wrote is
read: behind the graph stand a hash of its space and a MAC (keyed BLAKE2b) by the home's secret.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from usearch.index import Index as Graph

from engines.messages import Message
from features import files
from features.index.proposals import Proposing

BREADTH = 32  # see Proposing
BATCH = 1024  # rows added at a time, between two looks at `cancelled`
SEAL = 16  # bytes of the hash, and of the MAC
CHECKSUM = 4  # bytes that stood there in earlier versions


class ApproximateIndex(Proposing):
    """See features.index.Index. graph: may hold these rows already, and they are not added again."""

    name = Message("indexes.approximate", kind="HNSW")
    breadth = BREADTH
    slack = 2.0**-8  # of bfloat16

    def __init__(self, graph: Graph | None = None) -> None:
        super().__init__()
        self._graph = graph
        self._keys = np.zeros(0, np.uint64)  # by place
        self._sorted: tuple[np.ndarray, np.ndarray] | None = None  # keys in their order, and the place of each
        self._lock = threading.Lock()  # usearch's searches share their working memory

    def upsert(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        super().upsert(ids, vectors)
        keys = _keys(ids)
        with self._lock:
            self._keys, self._sorted = np.append(self._keys, keys), None
            if self._graph is None:
                self._graph = _empty(vectors.shape[1])
            lacking = ~self._graph.contains(keys)
            if lacking.any():
                _add(self._graph, keys[lacking], vectors[lacking])

    def remove(self, ids: Collection[str]) -> None:
        known = [name for name in ids if name in self._place]
        super().remove(known)
        if known and self._graph is not None:
            with self._lock:
                self._graph.remove(_keys(known))

    def _propose(self, vector: np.ndarray, breadth: int) -> tuple[np.ndarray, np.ndarray]:
        assert self._graph is not None, "only an index with rows is asked"
        with self._lock:
            found = self._graph.search(vector, breadth, threads=1)
            return self._places(found.keys), -found.distances

    def _places(self, keys: np.ndarray) -> np.ndarray:
        if self._sorted is None:
            order = np.argsort(self._keys, kind="stable")
            self._sorted = self._keys[order], order
        ordered, order = self._sorted
        return order[np.searchsorted(ordered, keys, side="right") - 1]  # the latest, where an id was replaced


def update(
    ids: Sequence[str],
    parts: Sequence[np.ndarray],
    saved: Path,
    space: str,
    progress: Callable[[int, int, str], None],
    cancelled: Callable[[], bool],
    key: bytes = b"",
) -> bool:
    """See features.index.save. The old file is replaced at once."""
    dim = parts[0].shape[1]
    graph = load(saved, space, key, dim)
    if graph is None:
        graph = _empty(dim)
    keys, known = _keys(ids), graph.keys[:]
    gone = np.setdiff1d(known, keys)
    lacking = ~graph.contains(keys)
    total, done = int(lacking.sum()), 0
    graph.remove(gone)
    for places, vectors in _pieces(parts, lacking):
        if cancelled():
            break
        progress(done, total, Message("progress.building_index"))
        _add(graph, keys[places], vectors)
        done += len(places)
    if done or len(gone):
        data = graph.save()
        files.write_atomically(saved, [data, _seal(data, space, key)])
    return done == total


def _pieces(parts: Sequence[np.ndarray], wanted: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The wanted rows of all parts joined, some at a time: their places and their vectors."""
    first = 0
    for part in parts:
        places = np.flatnonzero(wanted[first : first + len(part)])
        for start in range(0, len(places), BATCH):
            some = places[start : start + BATCH]
            yield first + some, part[some]
        first += len(part)


def load(saved: Path, space: str, key: bytes = b"", dim: int | None = None) -> Graph | None:
    """The graph in a file; None when there is none, or it is not for this space or of an earlier version.

    dim: length of its vectors; None takes any. One that this home did not write so is set aside.
    """
    try:
        data = memoryview(saved.read_bytes())
    except IsADirectoryError:
        data = memoryview(b"")
    except OSError:
        return None
    graph, seal = data[: -2 * SEAL], data[-2 * SEAL :]
    if hmac.compare_digest(seal[SEAL:], _mac(graph, seal[:SEAL], key)):
        if seal[:SEAL] != _hash(space):
            return None
        try:
            restored = Graph.restore(graph, expansion_search=BREADTH)
            if restored is not None and dim in (None, restored.ndim):
                return restored
        except (ValueError, RuntimeError):  # of a newer usearch
            return None
    elif data[-CHECKSUM:] == _checksum(data[:-CHECKSUM], space):  # of an earlier version
        return None
    files.set_aside(saved)
    return None


def holds(graph: Graph, ids: Sequence[str]) -> bool:
    """Whether the graph is of just these rows."""
    return len(graph) == len(ids) and bool(graph.contains(_keys(ids)).all())


def _empty(dim: int) -> Graph:
    return Graph(ndim=dim, metric="cos", dtype="bf16", expansion_search=BREADTH)


def _add(graph: Graph, keys: np.ndarray, vectors: np.ndarray) -> None:
    """By one thread: with several, usearch loses rows (https://github.com/unum-cloud/USearch/pull/772)."""
    graph.add(keys, vectors, threads=1)


def _keys(ids: Sequence[str]) -> np.ndarray:
    """(N,) uint64, one for each id."""
    return np.frombuffer(b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids), "<u8")


def _seal(graph: bytes | memoryview, space: str, key: bytes) -> bytes:
    """Stands behind the graph."""
    return _hash(space) + _mac(graph, _hash(space), key)


def _hash(space: str) -> bytes:
    return hashlib.blake2b(space.encode(), digest_size=SEAL).digest()


def _mac(graph: bytes | memoryview, hashed: bytes | memoryview, key: bytes) -> bytes:
    made = hashlib.blake2b(graph, key=key, digest_size=SEAL)
    made.update(hashed)
    return made.digest()


def _checksum(graph: bytes | memoryview, space: str) -> bytes:
    """Stood behind the graph in earlier versions."""
    return zlib.crc32(graph, zlib.crc32(space.encode())).to_bytes(CHECKSUM, "little")
