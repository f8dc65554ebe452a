"""One query over 100,000 vectors of 512 numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import material
from benchmarks.measure import Series, in_turn, number, ratio, say, seconds
from benchmarks.report import Bar, Row
from engines import SemblanceError
from features.index import Index, create
from features.index.approximate import ApproximateIndex
from features.index.exact import ExactIndex
from features.index.reference import ReferenceIndex

STORED = 100_000
DIM = 512
CENTRES = 1_000
K = 10
TURNS = 10
SLOW, QUICK = 20, 100  # queries in a row, one at a time, in each turn
ALTERNATING = 200  # turns of one query each
ASKED = 1_000  # queries there are
EXTRAS = ("faiss", "annoy")  # indexes whose packages need not be there


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

    def by_sklearn(query: np.ndarray) -> object:
        return plain.kneighbors(query, K)

    def exactly(query: np.ndarray) -> object:
        return exact.query(query, K)

    def nearly(query: np.ndarray) -> object:
        return approximate.query(query, K)

    before, now = in_turn(
        _timed(by_sklearn, queries, SLOW), _timed(exactly, queries, SLOW), TURNS, "ms", quiet=True
    )
    what = f"one exact query, {STORED:,} x {DIM}"
    yield Row(what, "scikit-learn, cosine, brute force", ratio(before, now), Bar("at least", 7), now, before)

    truth = _found(exact, queries)
    few = queries[: TURNS * SLOW]
    same = np.mean([a == b for a, b in zip(truth[: len(few)], _found(reference, few), strict=True)])
    what = f"share of {len(few):,} exact queries with the same {K} in the same order"
    yield Row(what, "the reference index", Series((float(same),)), Bar("at least", 1))

    before, now = in_turn(_timed(exactly, queries, SLOW), _timed(nearly, queries, QUICK), TURNS, "ms", quiet=True)
    note = (
        f"each turn asks {SLOW} and {QUICK} queries in a row, one at a time; building it took {number(building)} s"
    )
    what = f"one approximate query, {STORED:,} x {DIM}"
    yield Row(what, "exact", ratio(before, now), Bar("at least", 20), now, before, note)

    before, now = in_turn(_timed(exactly, queries, 1), _timed(nearly, queries, 1), ALTERNATING, "ms", quiet=True)
    note = "an exact query before each approximate one fills the caches with what that can't use"
    yield Row(f"{what}, alternating", "exact", ratio(before, now), None, now, before, note)

    what = f"recall@{K} of the approximate index, {ASKED:,} queries"
    yield Row(what, "exact", _recall(truth, _found(approximate, queries)), Bar("at least", 0.99))
    for name in EXTRAS:
        yield from _extra(name, ids, vectors, queries, exactly, truth)


def _extra(
    name: str,
    ids: Sequence[str],
    vectors: np.ndarray,
    queries: np.ndarray,
    exactly: Callable[[np.ndarray], object],
    truth: list[list[str]],
) -> Iterator[Row]:
    """It is built by its first query."""
    try:
        index = create(name)
    except SemblanceError as reason:
        say(f"  {name} is left out: {reason}")
        return
    say(f"  building the index {name}")
    index.upsert(ids, vectors)
    building = seconds(lambda: index.query(queries[:1], K))
    before, now = in_turn(
        _timed(exactly, queries, SLOW),
        _timed(lambda query: index.query(query, K), queries, QUICK),
        TURNS,
        "ms",
        quiet=True,
    )
    what, note = f"one query by `--index {name}`", f"building it took {number(building)} s"
    yield Row(f"{what}, {STORED:,} x {DIM}", "exact", ratio(before, now), None, now, before, note)
    hits = _recall(truth, _found(index, queries))
    yield Row(f"recall@{K} of `--index {name}`, {ASKED:,} queries", "exact", hits)


def _timed(ask: Callable[[np.ndarray], object], queries: np.ndarray, in_a_row: int) -> Callable[[], float]:
    """Each call asks with so many of the next queries: their median, ms. The first is asked once beforehand."""
    ask(queries[:1])
    left = iter(queries)

    def next_ones() -> float:
        return 1000 * median(seconds(partial(ask, next(left)[None])) for _ in range(in_a_row))

    return next_ones


def _recall(truth: list[list[str]], found: list[list[str]]) -> Series:
    return Series((float(np.mean([len({*a} & {*b}) / K for a, b in zip(truth, found, strict=True)])),))


def _found(index: Index, queries: np.ndarray) -> list[list[str]]:
    return index.query(queries, K)[0]
