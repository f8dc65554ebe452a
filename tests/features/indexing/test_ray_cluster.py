"""Indexing on a Ray cluster of two machines, which are simulated on this one: what it must leave is what one
machine leaves, whoever is killed."""

from __future__ import annotations

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import app
import engines
from engines import Crop, SemblanceError
from features.catalogue.urls import place
from features.indexing.updating import BATCH
from features.library import Library
from tests.support import ROOT
from tests.support.toy import Toy, digest, is_one_sentence

ray = pytest.importorskip("ray", reason="needs: pip install -r requirements-cluster.txt")
INSTALL = "pip install -r requirements-cluster.txt"
PICTURES = 6 * BATCH + 8

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray's test cluster runs on Linux and macOS")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of one that has two machines with one core each; this process is connected to it."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("PYTHONPATH", str(ROOT))  # the workers'
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=1)
        made.wait_for_nodes()
        ray.init(address=made.address, log_to_driver=False, logging_level="error")
        yield made.address
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Different ones, in three folders; two that are no pictures, and a copy."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(4)
    for i in range(PICTURES):
        path = folder / f"{i % 3}" / f"{i:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "copy.png").write_bytes(path.read_bytes())
    return folder


def features(home: Path) -> bytes:
    (file,) = home.glob("catalogues/*/*.features")
    return file.read_bytes()


@pytest.fixture(scope="module")
def alone(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What one machine leaves of them by the toy engine."""
    library = Library(tmp_path_factory.mktemp("alone"))
    library.index(library.open(photos), Toy()).update()
    return features(library.home)


class Slow(Toy):
    """The same, in a tenth of a second for a batch; where it has run stands in a folder."""

    def __init__(self, seen: Path) -> None:
        super().__init__()
        self.seen = seen

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        (self.seen / str(os.getpid())).touch()
        time.sleep(0.1)
        return super().embed(crops)


class Poisoned(Toy):
    """Dies of one picture."""

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        if any(crop.pixels.shape[0] == 33 for crop in crops):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(crops)


def test_the_rows_are_those_of_one_machine(
    cluster: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command line, on a real net."""
    command = ["index", str(photos), "-e", "product", "--network", "builtin", "--json", "--home"]
    assert app.main([*command, str(tmp_path / "one")]) == 0
    one = json.loads(capsys.readouterr().out)
    assert app.main([*command, str(tmp_path / "cluster"), "--on", "ray"]) == 0
    told = json.loads(capsys.readouterr().out)
    workers = told.pop("workers")
    same = {"seconds", "images_per_second"}
    assert {key: told[key] for key in told.keys() - same} == {key: one[key] for key in one.keys() - same}
    assert [skip["path"] for skip in told["skipped"]] == ["broken.jpg", "empty.jpg"]
    assert len(workers) == 2 and sum(worker["pictures"] for worker in workers) == told["new"]
    assert all(worker["pictures_per_second"] > 0 for worker in workers)
    homes = [Library(tmp_path / name) for name in ("one", "cluster")]
    stored = [
        home.index(home.open(photos), home.engine("product", "builtin")).store.read() for home in homes
    ]  # as it lies in the file
    assert stored[0].rows == stored[1].rows
    rows = [np.concatenate(of.parts) for of in stored]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)


def test_a_worker_that_is_killed_costs_its_batches(
    cluster: str, photos: Path, alone: bytes, tmp_path: Path
) -> None:
    (seen := tmp_path / "seen").mkdir()
    library = Library(tmp_path / "home")
    killed: list[int] = []
    told: list[str] = []

    def progress(done: int, total: int, what: str) -> None:
        told.append(what)
        if what.startswith("embedding") and done >= 2 * BATCH and not killed:
            killed.append(int(next(seen.iterdir()).name))
            os.kill(killed[0], signal.SIGKILL)

    report = library.index(library.open(photos), Slow(seen)).update(progress, on="ray")
    assert killed and (report.rows, report.cancelled) == (PICTURES, False)
    assert features(library.home) == alone
    assert sum(share.pictures for share in report.workers) == report.new
    assert any("(pictures a second, by worker: " in what for what in told)


def test_a_run_that_is_killed_goes_on(cluster: str, photos: Path, alone: bytes, tmp_path: Path) -> None:
    (seen := tmp_path / "seen").mkdir()
    home = tmp_path / "home"
    code = (
        "import sys; sys.path[:0] = sys.argv[1:2]; from pathlib import Path; from features.library import Library;"
        "from tests.features.indexing.test_ray_cluster import Slow; library = Library(Path(sys.argv[2]));"
        "library.index(library.open(Path(sys.argv[3])), Slow(Path(sys.argv[4]))).update(on='ray')"
    )
    command = [sys.executable, "-c", code, ROOT, home, photos, seen]
    run = subprocess.Popen(command, env=os.environ | {"RAY_ADDRESS": cluster})
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size for file in home.glob("catalogues/*/*.journal")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    run.kill()
    run.wait()
    library = Library(home)
    report = library.index(
        library.open(photos), Slow(seen)
    ).update()  # without the cluster: what it left is the same
    assert BATCH <= report.kept < PICTURES and report.new + report.kept == report.images
    assert features(home) == alone


def test_a_picture_that_kills_every_worker(
    cluster: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends the run in the open, not in a loop; the others are kept."""
    monkeypatch.setattr("features.indexing.ray_cluster.TRIES", 2)
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in sorted(photos.rglob("*.png"))[: 3 * BATCH]:
        (folder / file.name).write_bytes(file.read_bytes())
    Image.new("RGB", (33, 33)).save(folder / "poison.png")
    library = Library(tmp_path / "home")
    catalogue = library.open(folder)
    with pytest.raises(SemblanceError, match="2 workers died over the same") as told:
        library.index(catalogue, Poisoned()).update(on="ray")
    assert is_one_sentence(str(told.value))
    (folder / "poison.png").unlink()
    assert library.index(catalogue, Poisoned()).update().kept >= 2 * BATCH


def test_a_worker_with_other_weights_is_not_mixed_in(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from features.indexing.ray_cluster import Worker

    monkeypatch.setenv("SEMBLANCE_CORES", "")
    worker = Worker(Toy("sweet"), 1, {})
    file = photos / "0/000.png"
    files = [(digest(file), file)]
    assert len(worker.embedded(files, {}, engines.fingerprint(Toy("sweet"))).rows) == 1
    with pytest.raises(SemblanceError, match="vectors are not this machine's") as told:
        worker.embedded(files, {}, engines.fingerprint(Toy("sour")))
    assert is_one_sentence(str(told.value))


def test_the_workers_read_what_is_behind_a_url(cluster: str, photos: Path, alone: bytes, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason=f"needs: {INSTALL}")
    asked: list[str] = []

    class Noting(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    web = functools.partial(Noting, directory=photos)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        library = Library(tmp_path / "home")
        catalogue = library.open(place(f"http://127.0.0.1:{server.server_port}"))
        report = library.index(catalogue, Toy()).update(on="ray")
        server.shutdown()
    assert report.rows == PICTURES and features(library.home) == alone
    assert len(report.workers) == 2 and "/0/000.png" in asked


@pytest.mark.parametrize("name", [*engines.discover()])
def test_an_engine_goes_to_a_worker_as_it_is(name: str) -> None:
    import pickle

    engine = engines.create(name, "builtin")
    sent = pickle.loads(pickle.dumps(engine))
    assert type(sent) is type(engine) and engines.fingerprint(sent) == engines.fingerprint(engine)


@pytest.mark.parametrize("on", ["spark", "ray:/head", "localhost:6379"])
def test_on_something_else(library: Library, photos: Path, on: str) -> None:
    with pytest.raises(SemblanceError, match=r"say ray, or ray://HOST:PORT\.$"):
        library.index(library.open(photos), Toy()).update(on=on)


def test_without_ray(photos: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.indexing.updating.find_spec", lambda name: None)
    with pytest.raises(SemblanceError) as told:
        library.index(library.open(photos), Toy()).update(on="ray")
    assert str(told.value) == f"To index on Ray it has to be installed; run: {INSTALL}."
    assert (ROOT / "requirements-cluster.txt").exists()


def test_nothing_of_it_loads_without_need(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys, app; assert app.main(['index', sys.argv[1], '-e', 'colour', '--home', sys.argv[2]]) == 0;"
        "sys.exit(bool({'ray', 'fsspec'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, photos, tmp_path / "home"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr
