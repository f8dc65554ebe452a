"""Adding ten pictures to a catalogue of 10,000."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import material
from benchmarks.measure import RUNS, Series, quantity, ratio, say
from benchmarks.report import Bar, Row
from engines import Crop
from features.library import Library

PICTURES = 10_000
MORE = 10
NETS = {"builtin": RUNS, "efficientnetb0": 1}  # how often all are indexed; a net takes minutes


def rows(scratch: Path) -> Iterator[Row]:
    say(f"  drawing {PICTURES:,} pictures")
    folder, home = scratch / "pictures" / "large", scratch / "homes" / "adding"
    material.draw(folder, PICTURES)
    with material.seeded_weights("efficientnetb0", scratch):
        for net, runs in NETS.items():
            whole, added = [], []
            for turn in range(1, runs + 1):
                all_of_them, few = _turn(net, folder, home)
                say(f"  turn {turn} of {runs}: {quantity(all_of_them, 's')}, then {quantity(few.median, 's')}")
                whole.append(all_of_them)
                added.append(few.median)
            before, now = Series(tuple(whole), "s"), Series(tuple(added), "s")
            what = f"adding {MORE} pictures to {PICTURES:,} ({net})"
            note = f"how many times faster. Each figure of ours is the median of {RUNS} additions in a row"
            yield Row(what, "indexing all", ratio(before, now), Bar("at least", 200), now, before, note)


def _turn(net: str, folder: Path, home: Path) -> tuple[float, Series]:
    """Seconds to index all into a new home, and to add some, several times over. The folder is left as it was."""
    library = Library(home)
    catalogue, engine = library.open(folder), library.engine("product", net)
    engine.prepare()
    engine.embed([Crop(np.zeros((224, 224, 3), np.uint8))])  # what loads at the first use is loaded

    def index(expected: int) -> float:
        started = time.perf_counter()
        report = library.index(catalogue, engine)
        taken = time.perf_counter() - started
        if report.new != expected:
            raise RuntimeError(f"{report.new} pictures were new, and not {expected}")
        return taken

    whole = index(PICTURES)
    new: list[Path] = []
    few = []
    for first in range(PICTURES, PICTURES + RUNS * MORE, MORE):
        new += material.draw(folder, MORE, first)
        few.append(index(MORE))
    for file in new:
        file.unlink()
    shutil.rmtree(home)
    return whole, Series(tuple(few), "s")
