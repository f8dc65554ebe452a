"""Indexing on a Ray cluster of two machines, simulated on this one, against this one alone."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import material
from benchmarks.measure import Series, in_turn, ratio, say, seconds
from benchmarks.report import Bar, Row
from engines import Crop, Engine, fingerprint
from features.indexing.store import FeatureStore
from features.indexing.store import Row as Stored
from features.library import Library

PICTURES = 3_000
RUNS = 3


def rows(scratch: Path) -> Iterator[Row]:
    cores = os.cpu_count() or 1
    if find_spec("ray") is None:
        raise material.Unavailable("Ray is not installed: pip install -r requirements-cluster.txt")
    if cores % 2 or os.name == "nt":
        raise material.Unavailable("it takes an even number of cores, on Linux or macOS")
    say(f"  drawing {PICTURES:,} pictures")
    folder = scratch / "pictures" / "cluster"
    material.draw(folder, PICTURES)
    engine = Library(scratch / "homes" / "none").engine("product", "builtin")
    engine.prepare()
    engine.embed([Crop(np.zeros((224, 224, 3), np.uint8))])  # what loads at the first use is loaded
    homes = (scratch / "homes" / f"cluster-{i}" for i in itertools.count())
    left: list[tuple[list[Stored], np.ndarray]] = []

    def index(on: str, kill: bool = False) -> float:
        library = Library(next(homes))
        catalogue, waiting = library.open(folder), kill

        def progress(done: int, total: int, what: str) -> None:
            nonlocal waiting
            if waiting and what.startswith("embedding") and done >= total // 2:
                waiting = False
                os.kill(_a_worker(), signal.SIGKILL)

        taken = seconds(lambda: library.index(catalogue, engine).update(progress, on=on))
        left.append(_stored(library, catalogue.state.parent, engine))
        shutil.rmtree(library.home)
        return taken

    with _cluster(cores // 2):
        on, alone = in_turn(lambda: index("ray"), lambda: index(""), RUNS)
        killed = index("ray", kill=True)
    furthest = max(float(np.abs(rows - left[0][1]).max()) for _, rows in left)
    same = all(stored == left[0][0] for stored, _ in left) and len(left[0][0]) == PICTURES
    what = f"index {PICTURES:,} pictures on two machines, each half of this one (product, builtin)"
    note = "from the folder to the last row; workers start and load their nets in that time, ours is loaded"
    yield Row(what, "one process on all of it", ratio(on, alone), Bar("at most", 1.25), on, alone, note)
    difference = Series((furthest if same else float("inf"),))
    yield Row("the furthest of their rows from ours, a worker killed or not", "", difference, Bar("at most", 1e-5))
    yield Row(f"{what}, one worker killed half way", "", Series((killed,), "s"))


def _a_worker() -> int:
    """The process of one that is at work: Ray calls it after its class."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0]) for line in listed.splitlines() if " ray::Worker" in line)


def _stored(library: Library, place: Path, engine: Engine) -> tuple[list[Stored], np.ndarray]:
    (file,) = place.glob("*.features")
    features = FeatureStore(file, engine.name, fingerprint(engine), engine.describe().dim).read()
    return features.rows, features.take(range(len(features.rows)))


@contextmanager
def _cluster(cores: int) -> Iterator[None]:
    """Two machines with so many each; this process is connected to them meanwhile."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": cores, "include_dashboard": False})
    made.add_node(num_cpus=cores)
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False, logging_level="error")
    try:
        yield
    finally:
        ray.shutdown()
        made.shutdown()
