"""Thirty visitors at once for a minute, each asking again as soon as it is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import samples
from benchmarks.measure import Series, say
from benchmarks.report import Bar, Row
from benchmarks.start import served
from features.library import Library

VISITORS, SECONDS, WARM = 30, 60.0, 10.0
ENGINE, SET = "product", "products"


def rows(scratch: Path) -> Iterator[Row]:
    from gradio_client import Client, handle_file

    home = scratch / "homes" / "visitors"
    say("  drawing and indexing the samples")
    samples.draw(home / "samples")
    library = Library(home)
    folder = home / "samples" / SET
    library.index(library.open(folder), library.engine(ENGINE, "builtin")).update()
    pictures = sorted(folder.rglob("*.jpg"))
    with served(["app.py", "serve", str(folder)], home) as (_, url, process):
        asked = {"collection": "", "engine": ENGINE, "k": 12}
        clients = [Client(url, verbose=False) for _ in range(VISITORS)]
        alone = []
        for picture in pictures[:10]:
            begun = time.perf_counter()
            clients[0].predict(handle_file(picture), **asked, api_name="/search")
            alone.append(time.perf_counter() - begun)
        latencies: list[float] = []
        failures: list[Exception] = []
        memory: list[int] = []
        ends = time.perf_counter() + WARM + SECONDS

        def visit(number: int, client: Client) -> None:
            turn = number
            while time.perf_counter() < ends:
                begun = time.perf_counter()
                try:
                    client.predict(handle_file(pictures[turn % len(pictures)]), **asked, api_name="/search")
                except Exception as error:
                    failures.append(error)
                if begun > ends - SECONDS:
                    latencies.append(time.perf_counter() - begun)
                turn += VISITORS

        visitors = [threading.Thread(target=visit, args=visitor) for visitor in enumerate(clients)]
        for visitor in visitors:
            visitor.start()
        time.sleep(WARM)
        while time.perf_counter() < ends:
            memory.append(_resident(process))
            time.sleep(1)
        for visitor in visitors:
            visitor.join()
    if failures:
        raise RuntimeError(f"{len(failures)} searches failed, the first with: {failures[0]!r}")
    mean, p95 = fmean(latencies), sorted(latencies)[int(0.95 * len(latencies))]
    note = f"{len(latencies):,} searches, no error; one that nobody is beside takes {fmean(alone):.2f} s"
    yield Row(
        f"{VISITORS} visitors, {SECONDS:.0f} s: the 95th of 100 waits",
        "the mean wait",
        Series((p95 / mean,), "x"),
        Bar("at most", 3),
        Series((p95,), "s"),
        Series((mean,), "s"),
        note,
    )
    early, late = fmean(memory[:10]), fmean(memory[-10:])
    yield Row(
        "memory in the last ten seconds",
        "the first ten",
        Series((late / early,), "x"),
        Bar("at most", 1.05),
        Series((late / 2**20,), "MB"),
        Series((early / 2**20,), "MB"),
    )


def _resident(process: int) -> int:
    """Bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096
