"""A folder of pictures: which there are, by the hash of their bytes; their labels; what is marked in it.

The folder lies on this machine, or behind a URL; see features/catalogue/urls.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from engines import SemblanceError
from engines.messages import Message, unpacked
from features import files, keeping
from features.catalogue.exif import NONE, Details, as_json, from_json
from features.catalogue.exif import details as details_of
from features.catalogue.formats import is_image_name, is_video_name
from features.catalogue.images import read_bytes
from features.catalogue.marks import Marks, Tags
from features.catalogue.urls import Url, place
from features.errors import CatalogueError, ImageError

Progress = Callable[[int, int, str], None]
"""done, of how many, doing what."""

Hashed = tuple[Path, str, str, Details]
"""A file, its digest, where it has none why not, and what its tags say."""

HASHED = 256  # files that are hashed at a time
STAYS_AWAY = 30 * 24 * 3600.0  # seconds after which a folder that has vanished counts as deleted
REAL, LINK, ALIAS = range(3)  # a file; a link to one elsewhere; another name of a file that is here


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
    changed: int = 0  # nanoseconds; ctime, which nobody can set back. 0 where it is not known
    inode: int = 0
    link: int = REAL

    def is_as(self, before: Entry) -> bool:
        """Whether nothing tells that the file is another than it was before."""
        same = self[:2] == before[:2]
        return same and (not before.changed or (self.changed, self.inode) == (before.changed, before.inode))


class Away(NamedTuple):
    """A picture whose folder has vanished. since: seconds since 1970."""

    path: str
    since: float


class _Item(NamedTuple):
    """What was found at a path. entry: None for a video. device: of the file; link: whether a link leads there."""

    path: str
    entry: Entry | None
    device: int = 0
    link: bool = False


@dataclass
class Catalogue:
    """Which pictures a folder holds.

    Attributes:
        root: The person's folder, never written to.
        state: Our own file about it.
        entries: Path below root, with /, -> Entry, sorted.
        details: Digest -> what the tags of a photo say, where they say anything.
        away: Digest -> a picture whose folder has vanished; its vectors are kept for a while.
        videos: How many there are; they are not indexed.
        recognised: The collection whose vectors and marks it took over, as the same pictures; empty where none.
    """

    root: Path
    state: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    details: dict[str, Details] | None = None  # None where nobody has read them yet
    away: dict[str, Away] = field(default_factory=dict)
    videos: int = 0
    recognised: str = ""
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
        """digest -> the files with these bytes, in order of path, links last; a file under two names is one."""
        entries, paths = self._paths
        if entries is not self.entries:
            entries, paths = self.entries, {}
            for path, entry in sorted(entries.items(), key=lambda item: item[1].link):
                if entry.digest and entry.link != ALIAS:
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

    @property
    def unsure(self) -> bool:
        """Whether pictures that were hidden may be shown, because the marks were damaged; until `confirm`."""
        return self.marks.unsure

    def confirm(self) -> None:
        """Notes that a person has seen that all is hidden that should be."""
        self.marks.confirm()

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
                "entries": {path: entry[:4] for path, entry in self.entries.items()},
                "stamps": {
                    path: entry[4:] for path, entry in self.entries.items() if entry[4:] != Entry(0, 0)[4:]
                },
                "details": {digest: as_json(one) for digest, one in (self.details or {}).items()},
                "away": self.away,
                "videos": self.videos,
            }
            keeping.keep(self.state, told)
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
    try:
        if not root.exists():
            raise CatalogueError("folders.missing", folder=root)
        if not root.is_dir():
            raise CatalogueError("folders.is_a_file", folder=root)
    except OSError as error:
        raise _unreadable(root, error) from error
    if _is_walked(home, root) or _is_walked(home.resolve(), root.resolve()):
        raise CatalogueError("folders.home_inside", home=home)
    return root


def _unreadable(root: Path, error: OSError) -> CatalogueError:
    return CatalogueError("errors.not_readable", path=root, reason=error.strerror)


def _is_walked(folder: Path, root: Path) -> bool:
    """Whether `scan` of root would come to this folder: it lies there, and not below a hidden one."""
    inside = folder.is_relative_to(root)
    return inside and not any(part.startswith(".") for part in folder.relative_to(root).parts)


def load(catalogue: Catalogue) -> Catalogue:
    """Fills in what was saved, unless that is known.

    Of a damaged file the copy counts; where that is damaged too, every picture is hashed again by the next scan.
    """
    with catalogue._lock:
        version = files.version(catalogue.state)
        if version == catalogue.version:
            return catalogue
        if found := keeping.kept(catalogue.state, _restored):
            if found.hidden and not catalogue.marks.path.exists():
                catalogue.marks.hide(found.hidden)
            catalogue.entries, catalogue.version = found.entries, files.version(catalogue.state)
            catalogue.details, catalogue.away, catalogue.videos = found.details, found.away, found.videos
    return catalogue


class _Restored(NamedTuple):
    """What `save` wrote. hidden: as it was written at first, before marks had a file of their own."""

    entries: dict[str, Entry]
    details: dict[str, Details] | None
    away: dict[str, Away]
    videos: int
    hidden: frozenset[str]


def _restored(told: Any) -> _Restored:
    stamps = told.get("stamps", {})
    return _Restored(
        entries={path: _entry(entry, stamps.get(path, ())) for path, entry in told["entries"].items()},
        details={digest: from_json(one) for digest, one in told["details"].items()} if "details" in told else None,
        away={digest: Away(str(one[0]), float(one[1])) for digest, one in told.get("away", {}).items()},
        videos=int(told.get("videos", 0)),
        hidden=frozenset(told.get("hidden", ())),
    )


def _entry(told: list[Any] | dict[str, Any], stamp: Sequence[Any]) -> Entry:
    entry = Entry(**told) if isinstance(told, dict) else Entry(*told)  # dict: as it was written at first
    return Entry(*entry[:4], *map(int, stamp))


def root_of(state: Path) -> Path | None:
    """The folder that a saved catalogue is about; None for a damaged file without a sound copy."""
    for path in (state, keeping.copy_of(state)):
        with contextlib.suppress(OSError, SemblanceError, *keeping.DAMAGE):
            return place(keeping.opened(path.read_bytes())["root"])
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
    verify: bool = False,
    prune: bool = False,
) -> None:
    """Brings the entries up to date with the folder. A file is hashed unless size, times and inode are as before.

    Args:
        save: Whether to keep what was found.
        hashing: What hashes files, in any order.
        verify: Hash every file.
        prune: Forget the pictures whose folder has vanished at once.

    Raises:
        CatalogueError: The folder holds no pictures, or can't be listed.
    """
    items = list(_walk(catalogue.root))
    found = _linked(items)
    if not found:
        raise CatalogueError("folders.no_pictures", folder=catalogue.root)
    new = {}  # file -> path
    for path in sorted(found):
        entry, before = found[path], catalogue.entries.get(path)
        if before and before.digest and entry.is_as(before) and not verify:
            found[path] = entry._replace(digest=before.digest)
        elif not entry.problem:
            new[catalogue.root / path] = path
    tell = progress or (lambda done, total, what: None)
    known = len(found) - len(new)
    details = dict(_details_of_known(catalogue, found) if catalogue.details is None else catalogue.details)
    tell(known, len(found), Message("progress.scanning"))
    for done, (file, digest, problem, told) in enumerate(hashing([*new]), 1):
        if done % 100 == 0:
            tell(known + done, len(found), Message("progress.scanning"))
        path = new[file]
        found[path] = found[path]._replace(digest=sys.intern(digest), problem=problem)
        if told != NONE:
            details[digest] = told
    entries = dict(sorted(found.items()))
    there = {entry.digest for entry in entries.values()}
    away = {} if prune else _away(catalogue, entries, there)
    details = {digest: one for digest, one in details.items() if digest in there or digest in away}
    videos = sum(item.entry is None for item in items)
    after = entries, details, away, videos
    if after != (catalogue.entries, catalogue.details, catalogue.away, catalogue.videos):
        with catalogue._lock:
            if entries != catalogue.entries:
                catalogue.entries = entries  # the same object otherwise: much is kept by it
            catalogue.details, catalogue.away, catalogue.videos = details, away, videos
            if save:
                catalogue.save()


def doubt(catalogue: Catalogue, digests: Collection[str]) -> None:
    """The next scan reads the files of these pictures again: they hold something else than was hashed."""
    with catalogue._lock:
        catalogue.entries = {
            path: entry._replace(mtime=-1) if entry.digest in digests else entry
            for path, entry in catalogue.entries.items()
        }
        catalogue.save()


def _linked(items: Iterable[_Item]) -> dict[str, Entry]:
    """The pictures by path. Of several names of one file, the first that is no link counts, or else the first."""
    found = {}
    first: dict[tuple[int, int], str] = {}
    for item in sorted(items, key=lambda item: (item.link, item.path)):
        if item.entry is None:
            continue
        file = item.device, item.entry.inode
        alias = bool(item.entry.inode) and first.setdefault(file, item.path) != item.path
        found[item.path] = item.entry._replace(link=ALIAS if alias else LINK if item.link else REAL)
    return found


def _away(catalogue: Catalogue, entries: Mapping[str, Entry], there: Collection[str]) -> dict[str, Away]:
    """Pictures whose whole folder has vanished, or is empty, since not too long: a disk may have been away."""
    now = time.time()
    folders = {""}
    for path, entry in entries.items():
        folder = label_of(path)
        while entry.digest and folder not in folders:
            folders.add(folder)
            folder = label_of(folder)
    gone = {
        entry.digest: Away(path, now)
        for path, entry in catalogue.entries.items()
        if entry.digest and path not in entries and label_of(path) not in folders
    }
    gone |= catalogue.away
    return {digest: one for digest, one in gone.items() if digest not in there and now - one.since < STAYS_AWAY}


def _details_of_known(catalogue: Catalogue, found: Mapping[str, Entry]) -> dict[str, Details]:
    """Of pictures that were hashed before their tags were kept. Behind a URL they would all have to be fetched."""
    if isinstance(catalogue.root, Url):
        return {}
    known = {entry.digest: catalogue.root / path for path, entry in found.items() if entry.digest}
    with ThreadPoolExecutor(8) as pool:
        told = dict(zip(known, pool.map(_details, known.values()), strict=True))
    return {digest: one for digest, one in told.items() if one != NONE}


def _details(file: Path) -> Details:
    try:
        return details_of(read_bytes(file))
    except ImageError:
        return NONE


def _hashed(file: Path) -> Hashed:
    try:
        data = read_bytes(file)
    except ImageError as error:
        return file, "", error.message, NONE
    return file, hashlib.sha256(data).hexdigest(), "", details_of(data)


def _walk(root: Path) -> Iterator[_Item]:
    """All below root that is named like a picture, not hashed yet, or like a video; and folders we can't list.

    Links are followed, loops are not.
    """
    if isinstance(root, Url):
        yield from _listed(root)
        return
    seen: set[tuple[int, int]] = set()
    folders = [(os.fspath(root), "", False)]
    while folders:
        folder, below, link = folders.pop()
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
                        yield _unhashed(item, below, link)
                    elif is_video_name(item.name):
                        yield _Item(below + item.name, None)
        except OSError as error:
            if not below:
                raise _unreadable(root, error) from error
            yield _Item(below, Entry(-1, -1, problem=Message("folders.not_readable", reason=error.strerror)))
            continue
        subfolders.sort(key=lambda item: (item.is_symlink(), item.name), reverse=True)  # links are popped last
        folders += [(item.path, f"{below}{item.name}/", link or item.is_symlink()) for item in subfolders]


def _listed(root: Url) -> Iterator[_Item]:
    """The same of a URL. Raises CatalogueError."""
    try:
        for path, size, version in root.listed():
            *folders, name = path.split("/")
            if any(part[:1] == "." or part == "__MACOSX" for part in folders):
                continue
            if is_image_name(name):
                yield _Item(path, Entry(size, version))
            elif is_video_name(name):
                yield _Item(path, None)
    except OSError as error:
        raise CatalogueError("folders.not_listed", folder=root, reason=str(error).rstrip(".")) from error


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link to itself, say
        return False


def _unhashed(item: os.DirEntry[str], below: str, link: bool) -> _Item:
    path = below + item.name
    try:
        stat = item.stat()
    except OSError as error:
        return _Item(path, Entry(-1, -1, problem=Message("images.read_error", reason=error.strerror or error)))
    entry = Entry(stat.st_size, stat.st_mtime_ns, changed=stat.st_ctime_ns, inode=stat.st_ino)
    return _Item(path, entry, stat.st_dev, link or item.is_symlink())
