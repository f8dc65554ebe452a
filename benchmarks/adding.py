"""Adding ten pictures to a catalogue of 10,000."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np

from benchmarks import material
from benchmarks.measure import RUNS, Series, quantity, ratio, say
from benchmarks.report import Bar, Row
from engines import Crop
from features.indexing import store
from features.library import Library

PICTURES = 10_000
MORE = 10
ADDITIONS = 5
NETS = ("builtin", "efficientnetb0")


def rows(scratch: Path) -> Iterator[Row]:
    say(f"  drawing {PICTURES:,} pictures")
    folder, home = scratch / "pictures" / "large", scratch / "homes" / "adding"
    material.draw(folder, PICTURES)
    with material.seeded_weights("efficientnetb0", scratch):
        for net in NETS:
            turns = []
            for turn in range(1, RUNS + 1):
                turns.append(_turn(net, folder, home))
                told = ", then ".join(quantity(taken, "s") for taken in turns[-1])
                say(f"  turn {turn} of {RUNS}: {told}")
            whole, added, merged = (Series(taken, "s") for taken in zip(*turns, strict=True))
            what = f"adding {MORE} pictures to {PICTURES:,} ({net})"
            note = f"how many times faster. Each figure of ours is the median of {ADDITIONS} additions in a row"
            yield Row(what, "indexing all", ratio(whole, added), Bar("at least", 200), added, whole, note)
            note = f"as about one addition in {PICTURES // MORE // 20} does"
            what += ", when that rewrites the feature file"
            yield Row(what, "indexing all", ratio(whole, merged), None, merged, whole, note)


def _turn(net: str, folder: Path, home: Path) -> tuple[float, float, float]:
    """Seconds to index all into a new home; to add some; the same with a merge. The folder is left as it was."""
    library = Library(home)
    catalogue, engine = library.open(folder), library.engine("product", net)
    engine.prepare()
    engine.embed([Crop(np.zeros((224, 224, 3), np.uint8))])  # what loads at the first use is loaded

    def index(expected: int) -> float:
        started = time.perf_counter()
        report = library.index(catalogue, engine).update()
        taken = time.perf_counter() - started
        if report.new != expected:
            raise RuntimeError(f"{report.new} pictures were new, and not {expected}")
        return taken

    whole = index(PICTURES)
    new: list[Path] = []
    few = []
    for first in range(PICTURES, PICTURES + ADDITIONS * MORE, MORE):
        new += material.draw(folder, MORE, first)
        few.append(index(MORE))
    new += material.draw(folder, MORE, PICTURES + ADDITIONS * MORE)
    with patch.object(store, "JOURNAL_SHARE", 0):
        merged = index(MORE)
    for file in new:
        file.unlink()
    shutil.rmtree(home)
    return whole, median(few), merged
