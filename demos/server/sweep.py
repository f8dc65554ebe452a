"""Files that outlive their use: uploads that broke off, links to a page, the collections of earlier runs."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from features.catalogue.folder import root_of
from features.limits import LIMITS


def sweep(folder: Path, older: float = LIMITS.incoming_seconds) -> None:
    """Deletes what was last written or moved there so many seconds ago, and folders that are empty."""
    end = time.time() - older
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before it
        with contextlib.suppress(OSError):  # another process may be at it; a folder may hold newer files
            told = path.lstat()
            if max(told.st_mtime, told.st_ctime) < end:  # a copy keeps the time of its original
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def keep_swept(folder: Path, every: float = LIMITS.sweep_seconds) -> threading.Event:
    """Sweeps a folder again and again in the background; until the event is set."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.wait(every):
            sweep(folder)

    threading.Thread(target=work, name="sweep", daemon=True).start()
    return stopped


def settle(folder: Path) -> FileLock:
    """Makes the folder of a run, its own until this process ends; deletes those of runs that have ended."""
    held = _lock(folder)
    held.acquire()
    folder.mkdir()
    for other in folder.parent.iterdir():
        if other.is_dir() and other != folder:
            with contextlib.suppress(Timeout, OSError), _lock(other):
                shutil.rmtree(other, ignore_errors=True)
    return held


def _lock(folder: Path) -> FileLock:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0)


def forget_visitors(home: Path) -> None:
    """Deletes the features of visitors' collections that have gone. The home's own are kept, whatever happens."""
    for state in home.glob("catalogues/*/catalogue.json"):
        root = root_of(state)
        if root and root.is_relative_to(home / "visitors") and not root.exists():
            shutil.rmtree(state.parent, ignore_errors=True)
