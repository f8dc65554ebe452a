"""A folder of pictures: which there are, by the hash of their bytes; their labels; which are hidden."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engines import SemblanceError
from features import files
from features.images import ImageError, is_image_name, read_bytes

Progress = Callable[[int, int, str], None]
"""done, of how many, doing what."""


class CatalogueError(SemblanceError):
    """The folder can't serve as a catalogue."""


@dataclass(frozen=True)
class Skipped:
    """A picture that could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """One file as it was when it was hashed. digest is empty where it could not be read; `problem` says why."""

    size: int
    mtime: int  # nanoseconds
    digest: str
    problem: str = ""


@dataclass
class Catalogue:
    """root: the person's folder, never written to. entries: path below root, with /, -> Entry, sorted."""

    root: Path
    state: Path  # our own file about it
    entries: dict[str, Entry] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()  # digests
    version: files.Version = (0, 0)  # of our file, when this object last read or wrote it

    def __post_init__(self) -> None:
        self._paths: tuple[dict[str, Entry], dict[str, list[str]]] = {}, {}  # made from which entries, and made
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        return self.root.name or str(self.root)

    @property
    def paths(self) -> dict[str, list[str]]:
        """digest -> the files with these bytes, in order of path."""
        entries, paths = self._paths
        if entries is not self.entries:
            entries, paths = self.entries, {}
            for path, entry in entries.items():
                if entry.digest:
                    paths.setdefault(entry.digest, []).append(path)
            self._paths = entries, paths
        return paths

    @property
    def unreadable(self) -> list[Skipped]:
        return [Skipped(path, entry.problem) for path, entry in self.entries.items() if entry.problem]

    def label(self, digest: str) -> str:
        """The folder of the picture, below root; empty for one that lies in root itself."""
        return label_of(self.paths[digest][0])

    def labels(self) -> list[str]:
        return sorted({self.label(digest) for digest in self.paths} - {""})

    def file(self, digest: str) -> Path:
        return self.root / self.paths[digest][0]

    def hide(self, digest: str) -> None:
        """Out of every answer, until `restore`. A mark of ours: the file is not touched."""
        with self._lock:
            load(self)  # another process may have written
            self.hidden |= {digest}
            self.save()

    def restore(self, digest: str) -> None:
        with self._lock:
            load(self)
            self.hidden -= {digest}
            self.save()

    def save(self) -> None:
        with self._lock:
            told = {
                "root": os.fspath(self.root),
                "hidden": sorted(self.hidden),
                "entries": {path: asdict(entry) for path, entry in self.entries.items()},
            }
            files.write_atomically(self.state, [json.dumps(told).encode()])
            self.version = files.version(self.state)


def label_of(path: str) -> str:
    """Path below the root -> its folder; empty for what lies in the root itself."""
    return path.rpartition("/")[0]


def open_catalogue(root: Path, home: Path) -> Catalogue:
    """The still empty catalogue of a folder; `load` and `scan` fill it. Raises CatalogueError."""
    root = Path(os.path.abspath(Path(root).expanduser()))
    if not root.exists():
        raise CatalogueError(f"There is no folder {root}; check the path.")
    if not root.is_dir():
        raise CatalogueError(f"{root} is a file; name the folder that holds your pictures.")
    if _is_walked(home, root) or _is_walked(home.resolve(), root.resolve()):
        raise CatalogueError(f"The features' home {home} lies among the pictures; choose another with --home.")
    slug = re.sub(r"[^A-Za-z0-9]+", "-", root.name).strip("-")[:40] or "pictures"
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return Catalogue(root, home / "catalogues" / f"{slug}-{key}" / "catalogue.json")


def _is_walked(folder: Path, root: Path) -> bool:
    """Whether `scan` of root would come to this folder: it lies there, and not below a hidden one."""
    inside = folder.is_relative_to(root)
    return inside and not any(part.startswith(".") for part in folder.relative_to(root).parts)


def load(catalogue: Catalogue) -> Catalogue:
    """Fills in what was saved, unless that is known. A damaged file is set aside; only its marks are lost."""
    with catalogue._lock:
        version = files.version(catalogue.state)
        if version == catalogue.version:
            return catalogue
        try:
            told = json.loads(catalogue.state.read_bytes())
            entries = {path: Entry(**entry) for path, entry in told["entries"].items()}
            catalogue.entries, catalogue.hidden = entries, frozenset(told["hidden"])
            catalogue.version = version
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            files.set_aside(catalogue.state)
    return catalogue


def root_of(state: Path) -> Path | None:
    """The folder that a saved catalogue is about; None for a damaged file."""
    try:
        return Path(json.loads(state.read_bytes())["root"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def scan(catalogue: Catalogue, progress: Progress | None = None, *, save: bool = True) -> None:
    """Brings the entries up to date with the folder. A file is hashed unless its size and time are as they were.

    Raises CatalogueError when the folder holds no pictures.
    """
    closed: list[OSError] = []
    found = sorted(_walk(catalogue.root, closed.append))
    if not found and not closed:
        raise CatalogueError(f"No pictures in {catalogue.root}; put JPEG, PNG or WebP files there.")
    entries = {}
    for done, path in enumerate(found):
        if progress and done % 100 == 0:
            progress(done, len(found), "looking for pictures")
        entries[path] = _entry(catalogue.root / path, catalogue.entries.get(path))
    for error in closed:
        folder = Path(error.filename).relative_to(catalogue.root).as_posix()
        entries[f"{folder}/"] = Entry(-1, -1, "", f"The folder can't be read: {error.strerror}.")
    if list(entries.items()) != list(catalogue.entries.items()):
        with catalogue._lock:
            if save:
                load(catalogue)  # what another process has hidden meanwhile
            catalogue.entries = entries
            if save:
                catalogue.save()


def _entry(file: Path, known: Entry | None) -> Entry:
    size = mtime = -1
    try:
        stat = file.stat()
        size, mtime = stat.st_size, stat.st_mtime_ns
        if known and known.digest and (known.size, known.mtime) == (size, mtime):
            return known
        return Entry(size, mtime, hashlib.sha256(read_bytes(file)).hexdigest())
    except ImageError as error:
        return Entry(size, mtime, "", str(error))
    except OSError as error:
        return Entry(size, mtime, "", f"The file can't be read: {error.strerror or error}.")


def _walk(root: Path, closed: Callable[[OSError], None]) -> Iterator[str]:
    """Paths below root of all that is named like a picture. Links are followed, loops are not.

    closed: told of every folder that can't be listed.
    """
    seen: set[tuple[int, int]] = set()
    for folder, subfolders, names in os.walk(root, onerror=closed, followlinks=True):
        try:
            stat = os.stat(folder)
        except OSError as error:  # gone since it was listed
            closed(error)
            continue
        if (stat.st_dev, stat.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        kept = (name for name in subfolders if name[0] != "." and name != "__MACOSX")
        subfolders[:] = sorted(kept, key=lambda name: (os.path.islink(os.path.join(folder, name)), name))
        below = Path(folder).relative_to(root).as_posix()
        for name in names:
            if is_image_name(name):
                yield name if below == "." else f"{below}/{name}"
