"""The most memory held while indexing."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import material
from benchmarks.measure import in_turn, ratio, say
from benchmarks.report import Bar, Row
from engines.product import Product

FEW, MANY = 2_000, 20_000
NETS = ("builtin", "efficientnetb0")


def rows(scratch: Path) -> Iterator[Row]:
    if os.name == "nt":
        raise material.Unavailable("Windows does not tell a program's peak memory in a simple way")
    say(f"  drawing {FEW + MANY:,} pictures")
    few, many = scratch / "pictures" / "few", scratch / "pictures" / "many"
    material.draw(few, FEW)
    material.draw(many, MANY)
    with material.seeded_weights("efficientnetb0", scratch):
        Product("efficientnetb0").prepare()  # the export is no part of indexing
        for net in NETS:
            homes = (scratch / "homes" / f"memory-{net}-{i}" for i in itertools.count())
            less, more = in_turn(_peak_of(few, net, homes), _peak_of(many, net, homes), unit="MB")
            what = f"peak memory, indexing {MANY:,} pictures ({net})"
            yield Row(what, f"indexing {FEW:,}", ratio(more, less), Bar("at most", 1.2), more, less)


def _peak_of(folder: Path, net: str, homes: Iterator[Path]) -> Callable[[], float]:
    """A run of `app.py index` in a process of its own, with a new home each time; MB."""

    def run() -> float:
        home = next(homes)
        options = ["--engine", "product", "--network", net, "--home", str(home), "--json"]
        command = [sys.executable, "-m", "benchmarks.peak", "index", str(folder), *options]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        shutil.rmtree(home)
        return float(told.split()[-1])

    return run
