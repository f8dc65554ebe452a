"""One query over 100,000 vectors of 512 numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import material
from benchmarks.measure import Series, in_turn, number, ratio, say, seconds
from benchmarks.report import Bar, Row
from features.index import Index
from features.index.approximate import ApproximateIndex
from features.index.exact import ExactIndex
from features.index.reference import ReferenceIndex

STORED = 100_000
DIM = 512
CENTRES = 1_000
K = 10
TIMED = 200  # queries, one at a time
ASKED = 1_000  # queries, for recall


def rows(scratch: Path) -> Iterator[Row]:
    from sklearn.neighbors import NearestNeighbors

    made, queries = material.clustered(STORED, ASKED, DIM, CENTRES)
    plain = NearestNeighbors(metric="cosine", algorithm="brute").fit(made)
    file = scratch / "vectors"
    made.tofile(file)
    vectors = np.memmap(file, np.float32, "r", shape=made.shape)  # as a feature file is read
    ids = [str(i) for i in range(STORED)]
    exact, reference, approximate = ExactIndex(), ReferenceIndex(), ApproximateIndex()
    exact.upsert(ids, vectors)
    reference.upsert(ids, vectors)
    say("  building the approximate index")
    building = seconds(lambda: approximate.upsert(ids, vectors))

    before, now = in_turn(
        _timed(lambda query: plain.kneighbors(query, K), queries),
        _timed(lambda query: exact.query(query, K), queries),
        TIMED,
        "ms",
        quiet=True,
    )
    what = f"one exact query, {STORED:,} x {DIM}"
    yield Row(what, "scikit-learn, cosine, brute force", ratio(before, now), Bar("at least", 7), now, before)

    truth = _found(exact, queries)
    same = np.mean([a == b for a, b in zip(truth[:TIMED], _found(reference, queries[:TIMED]), strict=True)])
    what = f"share of {TIMED:,} exact queries with the same {K} in the same order"
    yield Row(what, "the reference index", Series((float(same),)), Bar("at least", 1))

    before, now = in_turn(
        _timed(lambda query: exact.query(query, K), queries),
        _timed(lambda query: approximate.query(query, K), queries),
        TIMED,
        "ms",
        quiet=True,
    )
    note = f"building it took {number(building)} s. Each query finds the caches full of the exact one before it."
    what = f"one approximate query, {STORED:,} x {DIM}"
    yield Row(what, "exact", ratio(before, now), Bar("at least", 20), now, before, note)

    hits = [len(set(a) & set(b)) / K for a, b in zip(truth, _found(approximate, queries), strict=True)]
    what = f"recall@{K} of the approximate index, {ASKED:,} queries"
    yield Row(what, "exact", Series((float(np.mean(hits)),)), Bar("at least", 0.99))


def _timed(ask: Callable[[np.ndarray], object], queries: np.ndarray) -> Callable[[], float]:
    """Each call asks with the next query; milliseconds. The first query is asked once beforehand."""
    ask(queries[:1])
    left = iter(queries)

    def next_one() -> float:
        query = next(left)[None]
        return 1000 * seconds(lambda: ask(query))

    return next_one


def _found(index: Index, queries: np.ndarray) -> list[list[str]]:
    return index.query(queries, K)[0]
