"""What a visitor of a public app can't have: paths, hidden pictures, all vectors, others' work and collections."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gradio.context import LocalContext
from target import ENGINE, Target, png, running

from demos.components import draw
from demos.server import jobs as jobs_
from demos.server import sweep
from demos.server.jobs import Jobs
from demos.server.state import Shelf
from engines import SemblanceError
from features.library import Library
from features.limits import LIMITS


def visited_by(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = SimpleNamespace(session_hash=name, cookies={}, headers={})
    monkeypatch.setattr(jobs_, "visit", lambda: name)
    LocalContext.request.set(request)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _nobody() -> Any:
    before = LocalContext.request.get(None)
    yield
    LocalContext.request.set(before)


def uploaded(told: str) -> dict[str, Any]:
    return {"path": json.loads(told)[0], "meta": {"_type": "gradio.FileData"}}


def test_no_path_of_the_machine_is_told(public: Target) -> None:
    status, told = public.upload("a.png", png())
    assert status == 200 and told.startswith('["/semblance-incoming/')
    picture = uploaded(told)
    found = public.call("search", picture, "", ENGINE, 3)
    assert "event: complete" in found and '"score": 1.0' in found.replace("0.999", "1.0")
    tried = [
        *(told, found),
        *(public.ask("GET", path)[2].decode() for path in ("/", "/config", "/gradio_api/info")),
        *(
            public.ask("GET", f"/gradio_api/file={path}")[2].decode(errors="replace")
            for path in ("/semblance-home/catalogues", "/semblance-home/../x", "/semblance-incoming/..")
        ),
    ]
    assert not any("secret" in one for one in tried)
    shelf = public.shelf
    assert all("secret" in str(place) for place in (shelf.library.home, shelf.home(shelf.first).root))


def test_what_is_hidden_is_hidden_from_visitors(public: Target, local: Target) -> None:
    for target, status in ((public, 404), (local, 200)):
        catalogue = target.shelf.catalogue(target.shelf.first, ENGINE)
        digest = list(catalogue.paths)[-1]
        address = f"/thumbnail/{target.shelf.first}/{digest}.jpg"
        assert target.ask("GET", address)[0] == 200
        catalogue.hide([digest])
        try:
            assert target.ask("GET", address)[0] == status
            assert target.shelf.shows(catalogue, digest) is target.shelf.local
            assert digest not in target.call("pictures", "", "", "", "", 50)
        finally:
            catalogue.restore([digest])


def test_vectors_are_exported_by_the_local_user_or_by_the_owners_word(
    public: Target, local: Target, attacked: Path, library: Library
) -> None:
    def offered(target: Target) -> bool:
        return "/export" in json.loads(target.ask("GET", "/gradio_api/info")[2])["named_endpoints"]

    assert offered(local) and not offered(public)
    assert "event: complete" in local.call("export", "", ENGINE, ".npz")
    assert "event: complete" not in public.call("export", "", ENGINE, ".npz")
    with running(Shelf(library, attacked, local=False, exports=True)) as allowed:
        assert offered(allowed)
        told = allowed.call("export", "", ENGINE, ".npz")
        made = json.loads(told.partition("data: ")[2].splitlines()[0])[0]
        assert made["path"].startswith("/semblance-incoming/") and str(library.home) not in told
        status, _, data = allowed.ask("GET", f"/gradio_api/file={made['path']}")
        assert (status, data[:2]) == (200, b"PK"), "it can be fetched under the name that is told"


def held(jobs: Jobs) -> tuple[Any, Callable[[], None]]:
    """A job that runs until it is let go, or cancelled."""
    go = threading.Event()

    def work(progress: Any, cancelled: Callable[[], bool]) -> None:
        while not (go.wait(0.01) or cancelled()):
            pass

    return jobs.start(uuid.uuid4(), "work", work), go.set


def test_only_who_started_it_cancels_work(
    library: Library, attacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(library, attacked, local=False)
    visited_by("one", monkeypatch)
    job, go = held(shelf.jobs)
    assert len(job.ticket) >= 16 and not job.ticket.isdecimal()
    assert job.ticket in draw.progress([job])
    for stranger in ("two", ""):
        visited_by(stranger, monkeypatch)
        shelf.cancel([job.ticket])
        assert not job.cancelled.is_set() and "data-do" not in draw.progress([job])
    visited_by("one", monkeypatch)
    shelf.cancel(["1", "2"])
    assert not job.cancelled.is_set()
    shelf.cancel([job.ticket])
    assert job.cancelled.is_set()
    go()


def test_the_local_user_cancels_all(library: Library, attacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(library, attacked, local=True)
    visited_by("one", monkeypatch)
    job, go = held(shelf.jobs)
    visited_by("two", monkeypatch)
    shelf.cancel([job.ticket])
    assert job.cancelled.is_set()
    go()


def test_two_visits_to_one_name_are_two_collections(
    library: Library, attacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(library, attacked, local=False)
    (tmp_path / "a.png").write_bytes(png())
    keys = []
    for visitor in ("one", "two", "one"):
        visited_by(visitor, monkeypatch)
        keys.append(shelf.receive("My pictures", [tmp_path / "a.png"], "")[0])
    assert keys[0] == keys[2] != keys[1]
    names = [name for name, _ in shelf.choices()]
    assert sorted(names) == ["My pictures (1)", "My pictures (2)", "pictures"]


def test_what_visitors_keep_is_bounded(
    library: Library, attacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from demos.server import state

    size = len(png())
    monkeypatch.setattr(state, "LIMITS", replace(LIMITS, visitor_kept=2 * size, kept=3 * size))
    shelf = Shelf(library, attacked, local=False)
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(png())

    def kept(visitor: str) -> int:
        visited_by(visitor, monkeypatch)
        sent = [tmp_path / f"{number}.png" for number in range(5)]
        if visitor == "three":
            with pytest.raises(SemblanceError, match="There is no room for more uploads here"):
                shelf.receive("mine", sent, "")
            return 0
        _, refused = shelf.receive("mine", sent, "")
        assert {one.reason for one in refused} == {
            "There is no room for more uploads here; what was taken before is kept."
        }
        return 5 - len(refused)

    assert [kept("one"), kept("two"), kept("three")] == [2, 1, 0]


def test_uploads_that_broke_off_and_links_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tmpabc", "hash/a.png", "deep_links/x/state.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    sweep.sweep(tmp_path)
    assert (tmp_path / "tmpabc").exists()
    later = time.time() + LIMITS.incoming_seconds + 1
    monkeypatch.setattr(time, "time", lambda: later)
    stop = sweep.keep_swept(tmp_path, every=0.01)
    try:
        end = time.monotonic() + 30
        while any(tmp_path.iterdir()) and time.monotonic() < end:
            threading.Event().wait(0.01)
        assert not any(tmp_path.iterdir())
    finally:
        stop.set()


def test_collections_of_visitors_end_with_the_run(library: Library, tmp_path: Path) -> None:
    visitors, runs = library.home / "visitors", []
    for name in ("first", "second"):
        runs.append(sweep.settle(visitors / name))
        (visitors / name / "uploads").mkdir()
    assert {path.name for path in visitors.iterdir() if path.is_dir()} == {"first", "second"}, "both still run"
    root = visitors / "first" / "uploads" / "mine"
    root.mkdir()
    (root / "a.png").write_bytes(png())
    catalogue = library.open(root)
    library.scan(catalogue)
    runs[0].release()
    third = sweep.settle(visitors / "third")
    sweep.forget_visitors(library.home)
    assert {path.name for path in visitors.iterdir() if path.is_dir()} == {"second", "third"}
    assert not catalogue.state.exists()
    runs[1].release(), third.release()
