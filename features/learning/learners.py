"""Training an engine on a catalogue's own pictures, in a process that can be killed; see engines.Learner.

What such a run needs lies in a folder of ours, `work`: the pictures, small, in one file, and what the engine keeps
there after each epoch. A run that was stopped goes on with the pictures that it was begun with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from engines import Engine, Learner, SemblanceError
from engines.messages import Message
from engines.networks.network import squeezed
from features import files
from features.catalogue import images
from features.catalogue.folder import Catalogue, Progress
from features.errors import ImageError
from features.learning.heads import changes

HELD_OUT = 10  # one picture of so many, by its digest, is not learned from
MEASURED = 50  # pictures whose size is looked at
POLL = 0.2  # seconds between two looks at the process that trains


@dataclass(frozen=True)
class Since:
    """Pictures of a catalogue that came, and that went, since an engine was trained on it."""

    added: int
    removed: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def message(self) -> Message:
        """What has changed, for people."""
        return changes(**asdict(self))

    def __str__(self) -> str:
        return str(self.message())


def shown(catalogue: Catalogue) -> list[str]:
    """Digests of the pictures that are learned from, in an order that is the same for the same pictures."""
    return sorted(catalogue.paths.keys() - catalogue.hidden)


def since(catalogue: Catalogue, engine: Learner, refused: Collection[str]) -> Since:
    """refused: digests of pictures that can't be used."""
    now, then = set(shown(catalogue)), set(engine.pictures())
    return Since(len(now - then - set(refused)), len(then - now))


def check(catalogue: Catalogue, engine: Learner) -> None:
    """Raises SemblanceError for a catalogue that is too small to learn from."""
    number = len(shown(catalogue))
    if number < engine.least:
        raise SemblanceError("learning.too_few", name=catalogue.name, number=number, least=engine.least)


def run(
    catalogue: Catalogue,
    engine: Learner,
    read: Callable[[str], bytes],
    work: Path,
    kept: Path,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> bool:
    """Trains, on from where a run was stopped, else from what is `kept`, else anew; whether to the end.

    Then `kept` has been replaced and `work` is gone. read: of a digest, the picture's file; raises ImageError.
    Raises SemblanceError as `check`, and when the process fails.
    """
    if not engine.planned(work):
        check(catalogue, engine)
        if not _prepare(catalogue, engine, read, work, kept, progress, cancelled):
            return False
    progress(0, 0, Message("progress.preparing_network"))
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(engine.command(work), cwd=files.PACKAGES, stdout=said, stderr=said)
        try:
            while process.poll() is None:
                if cancelled():
                    return False
                progress(*engine.steps(work))
                time.sleep(POLL)
        finally:  # Ctrl-C, too
            process.kill()
            process.wait()
        if process.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise SemblanceError("learning.ended", reason=last or process.returncode)
    os.replace(work / "result.npz", kept)
    shutil.rmtree(work)
    return True


def _prepare(
    catalogue: Catalogue,
    engine: Learner,
    read: Callable[[str], bytes],
    work: Path,
    kept: Path,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> bool:
    """The pictures, squeezed into squares, in a file of which only what is used is in memory."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    digests = shown(catalogue)
    side = _side(catalogue, engine, digests)
    made = np.lib.format.open_memmap(work / "pixels.npy", "w+", np.uint8, (len(digests), side, side, 3))
    used: list[str] = []
    for number, digest in enumerate(digests):
        if cancelled():
            return False
        if number % 20 == 0:
            progress(number, len(digests), Message("progress.reading"))
        try:
            made[len(used)] = squeezed(images.decode(read(digest), side).pixels, side)
        except ImageError:  # indexing tells it
            continue
        used.append(digest)
    made.flush()
    if len(used) < engine.least:
        raise SemblanceError("learning.too_few_readable", number=len(used), least=engine.least)
    if len(used) < len(digests):
        np.save(work / "pixels.npy", np.array(made[: len(used)]))
    np.save(work / "held_out.npy", _held_out(used))
    engine.plan(work, used, side, _startable(engine, kept, side))
    return True


def _side(catalogue: Catalogue, engine: Learner, digests: Sequence[str]) -> int:
    some = digests[:: max(1, len(digests) // MEASURED)]
    longest = []
    for digest in some:
        try:
            longest.append(max(images.full_size(catalogue.file(digest))))
        except ImageError:
            continue
    return engine.side_for(int(median(longest)) if longest else images.LONGEST_SIDE)


def _held_out(digests: Sequence[str]) -> np.ndarray:
    """(N,) bool; by digest, so that a picture stays held out when others come."""
    chosen = np.array([int(digest[:8], 16) % HELD_OUT == 0 for digest in digests])
    chosen[np.array([int(digest[:8], 16) for digest in digests]).argmin()] = True  # one at least
    return chosen


def _startable(engine: Learner, kept: Path, side: int) -> Path | None:
    """What was trained before, if it can be gone on from."""
    before = restored(engine, kept)
    return kept if before is not None and before.side == side else None


def restored(engine: Learner, kept: Path) -> Engine | None:
    """What was trained before. A damaged file is set aside."""
    try:
        return engine.restored(kept)
    except FileNotFoundError:
        return None
    except Exception:  # whatever a damaged file may raise
        files.set_aside(kept)
        return None
