"""A folder of pictures: which there are, by the hash of their bytes; their labels; what is marked in it.

The folder lies on this machine, or behind a URL; see features/catalogue/urls.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engines import SemblanceError
from engines.messages import Message, unpacked
from features import files
from features.catalogue.images import is_image_name, read_bytes
from features.catalogue.marks import Marks, Tags
from features.catalogue.urls import Url, place
from features.errors import CatalogueError, ImageError

Progress = Callable[[int, int, str], None]
"""done, of how many, doing what."""

Hashed = tuple[Path, str, str]
"""A file, its digest, and where it has none why not."""

HASHED = 256  # files that are hashed at a time


@dataclass(frozen=True)
class Skipped:
    """A picture that could not be used, and why."""

    path: str
    reason: str


class Entry(NamedTuple):
    """One file as it was when it was hashed. digest is empty where it could not be read; `problem` says why."""

    size: int
    mtime: int  # nanoseconds; behind a URL another number that changes with the file
    digest: str = ""
    problem: str = ""


@dataclass
class Catalogue:
    """root: the person's folder, never written to. entries: path below root, with /, -> Entry, sorted."""

    root: Path
    state: Path  # our own file about it
    entries: dict[str, Entry] = field(default_factory=dict)
    version: files.Version = (0, 0)  # of our file, when this object last read or wrote it

    def __post_init__(self) -> None:
        self._paths: tuple[dict[str, Entry], dict[str, list[str]]] = {}, {}  # made from which entries, and made
        self._lock = threading.RLock()
        self.marks = Marks(self.state.with_name("marks.json"))

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
        return [Skipped(path, unpacked(entry.problem)) for path, entry in self.entries.items() if entry.problem]

    def label(self, digest: str) -> str:
        """The folder of the picture, below root; empty for one that lies in root itself."""
        return label_of(self.paths[digest][0])

    def labels(self) -> list[str]:
        return sorted({self.label(digest) for digest in self.paths} - {""})

    def file(self, digest: str) -> Path:
        return self.root / self.paths[digest][0]

    @property
    def hidden(self) -> frozenset[str]:
        """Digests that are in no answer."""
        return self.marks.hidden

    @property
    def tags(self) -> Tags:
        return self.marks.tags

    def hide(self, digests: Collection[str]) -> None:
        """Out of every answer, until `restore`. No file is touched. Unknown ones are passed over."""
        self.marks.hide(self.paths.keys() & set(digests))

    def restore(self, digests: Collection[str]) -> None:
        self.marks.restore(digests)

    def tag(self, digests: Collection[str], tag: str) -> None:
        """Raises SemblanceError for a tag that is empty or too long. Unknown pictures are passed over."""
        self.marks.tag(self.paths.keys() & set(digests), tag)

    def untag(self, digests: Collection[str], tag: str) -> None:
        self.marks.untag(digests, tag)

    def undo(self) -> str:
        """Takes the last change of the marks back; what that was, for people, empty when there was none."""
        return self.marks.undo()

    @property
    def last(self) -> str:
        """What `undo` would take back; empty when there is nothing."""
        return self.marks.last

    def save(self) -> None:
        with self._lock:
            told = {
                "root": os.fspath(self.root),
                "entries": self.entries,  # each as a list
            }
            files.write_atomically(self.state, [json.dumps(told).encode()])
            self.version = files.version(self.state)


def label_of(path: str) -> str:
    """Path below the root -> its folder; empty for what lies in the root itself."""
    return path.rpartition("/")[0]


def open_catalogue(root: Path, home: Path) -> Catalogue:
    """The still empty catalogue of a folder; `load` and `scan` fill it. Raises CatalogueError."""
    root = place(root)
    if not isinstance(root, Url):  # what is behind that is asked when it is scanned
        root = _checked(Path(os.path.abspath(root.expanduser())), home)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", root.name).strip("-")[:40] or "pictures"
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    return Catalogue(root, home / "catalogues" / f"{slug}-{key}" / "catalogue.json")


def _checked(root: Path, home: Path) -> Path:
    """A folder of this machine, if it can serve. Raises CatalogueError."""
    if not root.exists():
        raise CatalogueError("folders.missing", folder=root)
    if not root.is_dir():
        raise CatalogueError("folders.is_a_file", folder=root)
    if _is_walked(home, root) or _is_walked(home.resolve(), root.resolve()):
        raise CatalogueError("folders.home_inside", home=home)
    return root


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
            entries = {path: _entry(entry) for path, entry in told["entries"].items()}
            hidden = frozenset(told.get("hidden", ()))  # as they were written at first
            if hidden and not catalogue.marks.path.exists():
                catalogue.marks.hide(hidden)
            catalogue.entries, catalogue.version = entries, version
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            files.set_aside(catalogue.state)
    return catalogue


def _entry(told: list[Any] | dict[str, Any]) -> Entry:
    return Entry(**told) if isinstance(told, dict) else Entry(*told)  # dict: as it was written at first


def root_of(state: Path) -> Path | None:
    """The folder that a saved catalogue is about; None for a damaged file."""
    try:
        return place(json.loads(state.read_bytes())["root"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SemblanceError):
        return None


def hashed(files: Sequence[Path]) -> Iterator[Hashed]:
    """Several at once: reading them waits for a disk or a network."""
    with ThreadPoolExecutor(8) as pool:
        for first in range(0, len(files), HASHED):
            yield from pool.map(_hashed, files[first : first + HASHED])


def scan(
    catalogue: Catalogue,
    progress: Progress | None = None,
    *,
    save: bool = True,
    hashing: Callable[[Sequence[Path]], Iterable[Hashed]] = hashed,
) -> None:
    """Brings the entries up to date with the folder. A file is hashed unless its size and time are as they were.

    hashing: what does that, in any order. Raises CatalogueError when the folder holds no pictures, or can't be
    listed.
    """
    found = dict(_walk(catalogue.root))
    if not found:
        raise CatalogueError("folders.no_pictures", folder=catalogue.root)
    new = {}  # file -> path
    for path in sorted(found):
        entry, before = found[path], catalogue.entries.get(path)
        if before and before.digest and before[:2] == entry[:2]:
            found[path] = before
        elif not entry.problem:
            new[catalogue.root / path] = path
    tell = progress or (lambda done, total, what: None)
    known = len(found) - len(new)
    tell(known, len(found), Message("progress.scanning"))
    for done, (file, digest, problem) in enumerate(hashing([*new]), 1):
        if done % 100 == 0:
            tell(known + done, len(found), Message("progress.scanning"))
        path = new[file]
        found[path] = found[path]._replace(digest=sys.intern(digest), problem=problem)
    entries = dict(sorted(found.items()))
    if entries != catalogue.entries:
        with catalogue._lock:
            catalogue.entries = entries
            if save:
                catalogue.save()


def _hashed(file: Path) -> Hashed:
    try:
        return file, hashlib.sha256(read_bytes(file)).hexdigest(), ""
    except ImageError as error:
        return file, "", error.message


def _walk(root: Path) -> Iterator[tuple[str, Entry]]:
    """Paths below root of all that is named like a picture, not hashed yet; and of folders that can't be listed.

    Links are followed, loops are not.
    """
    if isinstance(root, Url):
        yield from _listed(root)
        return
    seen: set[tuple[int, int]] = set()
    folders = [(os.fspath(root), "")]
    while folders:
        folder, below = folders.pop()
        try:
            stat = os.stat(folder)
            if (stat.st_dev, stat.st_ino) in seen:
                continue
            seen.add((stat.st_dev, stat.st_ino))
            subfolders = []
            with os.scandir(folder) as listed:
                for item in listed:
                    if _is_folder(item):
                        if item.name[0] != "." and item.name != "__MACOSX":
                            subfolders.append(item)
                    elif is_image_name(item.name):
                        yield below + item.name, _unhashed(item)
        except OSError as error:
            yield below or "./", Entry(-1, -1, problem=Message("folders.not_readable", reason=error.strerror))
            continue
        subfolders.sort(key=lambda item: (item.is_symlink(), item.name), reverse=True)  # links are popped last
        folders += [(item.path, f"{below}{item.name}/") for item in subfolders]


def _listed(root: Url) -> Iterator[tuple[str, Entry]]:
    """The same of a URL. Raises CatalogueError."""
    try:
        for path, size, version in root.listed():
            *folders, name = path.split("/")
            if is_image_name(name) and not any(part[:1] == "." or part == "__MACOSX" for part in folders):
                yield path, Entry(size, version)
    except OSError as error:
        raise CatalogueError("folders.not_listed", folder=root, reason=str(error).rstrip(".")) from error


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link to itself, say
        return False


def _unhashed(item: os.DirEntry[str]) -> Entry:
    try:
        stat = item.stat()
    except OSError as error:
        return Entry(-1, -1, problem=Message("images.read_error", reason=error.strerror or error))
    return Entry(stat.st_size, stat.st_mtime_ns)
