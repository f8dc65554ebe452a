"""Milvus Lite with 200,000 vectors of 512 numbers, as a server on this machine.

Searched by the client that a cluster has. Milvus Lite goes through the ids of all rows in Python for every query;
figures of Milvus itself are others.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks import material
from benchmarks.material import Unavailable
from benchmarks.measure import Series, number, say, seconds
from benchmarks.report import Bar, Row
from engines import SemblanceError
from features import index
from features.index.database import Payload, Remote, update
from features.index.exact import ExactIndex

STORED, ASKED, DIM, CENTRES, K = 200_000, 500, 512, 1_000, 10
KINDS = 100  # labels; one is asked for
HIDDEN = 50  # one row in so many is hidden
FEW = 50  # queries that are asked with a filter of many ids
COLLECTION = "benchmark"

CLIENT = """
import sys, numpy as np
from benchmarks.peak import peak
from features import index
asked, queries = index.remote(sys.argv[1], sys.argv[2]), np.load(sys.argv[3])
asked.count(); before = peak()
for query in queries: asked.query(query[None], 10)
print(before, peak())
"""


def rows(scratch: Path) -> Iterator[Row]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    uri = f"milvus://127.0.0.1:{port}"
    try:
        asked = index.remote(uri, COLLECTION)
        versions = f"pymilvus {version('pymilvus')}, milvus-lite {version('milvus-lite')}"
    except (SemblanceError, ModuleNotFoundError) as reason:
        raise Unavailable(str(reason)) from reason
    vectors, queries = material.clustered(STORED, ASKED, DIM, CENTRES)
    ids = [f"{place:064x}/0" for place in range(STORED)]
    with _served(scratch / "milvus", port):
        say(f"  writing {STORED:,} rows")
        took = seconds(lambda: _update(asked, ids, vectors))
        note = f"{versions}; in batches of 1,000, by one client, {number(took)} s in all"
        yield Row("rows written a second", "", Series((STORED / took,), "rows/s"), note=note)
    with _served(scratch / "milvus", port):
        say("  restarting; it builds what it has not built yet")
        building = seconds(lambda: asked.query(queries[:1], K))
        say(f"  {number(building)} s")
    begun = time.perf_counter()
    with _served(scratch / "milvus", port):
        asked.query(queries[:1], K)
        note = f"until the first answer; the first restart, which built the graph, took {number(building)} s"
        yield Row("restart", "", Series((time.perf_counter() - begun,), "s"), note=note)
        yield from _queries(asked, ids, vectors, queries)
        took = seconds(lambda: _update(asked, ids, vectors))
        what = f"compared with the files, {STORED:,} rows, nothing to write"
        yield Row(what, "", Series((took,), "s"), note="as at the end of a run of `index` that changed something")
        np.save(scratch / "queries.npy", queries[:100])
        told = subprocess.run(
            [sys.executable, "-c", CLIENT, uri, COLLECTION, str(scratch / "queries.npy")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        grown, whole = float(told[1]) - float(told[0]), vectors.nbytes / 2**20
        bar = Bar("at most", 0.1)
        ours, other = Series((grown,), "MB"), Series((whole,), "MB")
        what = "memory that a searching process takes for 100 queries"
        yield Row(what, "the vectors", Series((grown / whole,), "x"), bar, ours, other)


def _queries(asked: Remote, ids: list[str], vectors: np.ndarray, queries: np.ndarray) -> Iterator[Row]:
    """One at a time. Some rows are hidden: each of these is a query with a filter."""
    exact = ExactIndex()
    shown = [place for place in range(STORED) if not _told(place).hidden]
    exact.upsert([ids[place] for place in shown], vectors[shown])
    kind = [ids[place] for place in shown if _told(place).label == "kind 7"]
    for what, allow, some in [
        (f"one query, {STORED:,} x {DIM}, 1 row in {HIDDEN} hidden", None, queries),
        (f"one query among {len(kind):,} ids", kind, queries[:FEW]),
    ]:
        asked.query(some[:1], K, allow)
        took, found = [], []
        for query in some:
            begun = time.perf_counter()
            found += asked.query(query[None], K, allow)[0]
            took.append(1000 * (time.perf_counter() - begun))
        right = exact.query(some, K, allow)[0]
        recall = float(np.mean([len({*a} & {*b}) / K for a, b in zip(found, right, strict=True)]))
        yield Row(what, "", Series(tuple(took), "ms"))
        yield Row(f"{what}: the slowest of 100", "", Series((float(np.percentile(took, 99)),), "ms"))
        yield Row(f"{what}: recall@{K}", "exact", Series((recall,)), None if allow else Bar("at least", 0.95))


def _told(place: int) -> Payload:
    return Payload(
        f"{place:064x}", f"kind {place % KINDS}", f"kind {place % KINDS}/{place}.jpg", "", place % HIDDEN == 0
    )


def _update(remote: Remote, ids: list[str], vectors: np.ndarray) -> None:
    update(remote, ids, _told, lambda places: vectors[places], lambda *step: None, lambda: False)


@contextmanager
def _served(folder: Path, port: int) -> Iterator[None]:
    """A process of its own; killed at the end."""
    code = "import sys; from milvus_lite.cmdline import main; main(sys.argv[1:])"
    where = ["--data-dir", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([sys.executable, "-c", code, "server", *where], stdout=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield
        finally:
            process.kill()
