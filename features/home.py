"""The home: the folder where everything is remembered, and what of it this process keeps in memory."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from PIL import Image

import engines
from engines import Engine, Parted, SemblanceError, settings
from features import files, keeping
from features.catalogue import images
from features.catalogue.captions import Metadata
from features.catalogue.folder import Catalogue
from features.errors import STORAGE, Busy, ImageError, storage_failure
from features.index import in_database
from features.indexing.store import FeatureStore
from features.retrieval.searchable import Searchable, remote, searchable, version_of

THUMBNAIL = 384  # longest side, pixels
FORMAT = 1  # raise it when the kept state of a head or a tuned space changes its form

T = TypeVar("T")


def default_home() -> Path:
    """Returns SEMBLANCE_HOME, else a folder in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return settings.current().home or Path(cache) / "semblance"


class Home:
    """The files below `path`, with a cache of what was read. Safe to use from several threads.

    Attributes:
        path: The folder; it need not exist yet.
        searched_by: How to search: one of features.index.CHOICES or a database's URI.
        lock: Held while a cache changes.
        memory: What else is cached, by a key of its maker's.
        teaching: Held while a classifier is taught because somebody asked for its answer.
    """

    def __init__(self, path: Path, searched_by: str) -> None:
        self.path = path
        self.searched_by = searched_by
        self.lock = threading.RLock()
        self.teaching = threading.Lock()
        self._stores: dict[Path, FeatureStore] = {}
        self._searchable: dict[Path, Searchable] = {}
        self._metadata: dict[Path, Metadata] = {}
        self.memory: dict[Hashable, Any] = {}

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Raises SemblanceError when a file can't be read or written, in the home or elsewhere."""
        try:
            yield
        except OSError as error:
            if error.errno not in STORAGE:
                raise
            if isinstance(error.filename, str | bytes | os.PathLike) and not self._holds(error.filename):
                place = os.fsdecode(error.filename)
                raise SemblanceError("errors.not_readable", path=place, reason=error.strerror) from error
            raise storage_failure(error, self.path) from error

    def _holds(self, place: str | bytes | os.PathLike[str]) -> bool:
        """Whether it lies in the home, or on the way there."""
        path = Path(os.path.abspath(os.fsdecode(place)))
        return path.is_relative_to(self.path) or self.path.is_relative_to(path)

    @contextlib.contextmanager
    def alone(self, lock: Path, busy: str, wait: float = 0) -> Iterator[None]:
        """Writes while no other process does, by a lock file. Raises Busy with that sentence."""
        try:
            with self.writing(), FileLock(lock, timeout=wait):
                yield
        except Timeout as error:
            raise Busy(busy) from error

    def metadata(self, catalogue: Catalogue) -> Metadata:
        """Returns the catalogue's captions: one object for all callers."""
        path = catalogue.state.with_name("metadata.json")
        with self.lock:
            return self._metadata.setdefault(path, Metadata(path))

    def store(self, catalogue: Catalogue, engine: Engine) -> FeatureStore:
        """Returns the feature file for the engine's fingerprint: one object for all callers."""
        key = engines.fingerprint(engine)
        path = catalogue.state.parent / f"{engine.name}-{key}.features"
        with self.lock:
            return self._stores.setdefault(path, FeatureStore(path, engine.name, key, engine.describe().dim))

    def searchable(self, catalogue: Catalogue, engine: Engine) -> Searchable:
        """Returns what is stored, less what is gone from the folder or hidden; kept until something changes."""
        store = self.store(catalogue, engine)
        version = version_of(store)
        with self.lock, self.writing():
            known = self._searchable.get(store.path)
            if known is None or not known.is_of(version, catalogue):
                parts = engine.vector_parts() if isinstance(engine, Parted) else ()
                known = searchable(catalogue, store, parts, version, self.searched_by)
                self._searchable[store.path] = known
            return known

    def remember(self, key: Hashable, version: object, make: Callable[[], T]) -> T:
        """Returns what `make` returned for this version: the same object until the version changes."""
        known = self.memory.get(key)
        if known is None or known[0] != version:
            known = self.memory[key] = version, make()
        return known[1]

    def keep(self, path: Path, fingerprint: str, state: dict[str, Any]) -> None:
        """Writes plain builtins that belong to a fingerprint."""
        kept = {"format": FORMAT, "fingerprint": fingerprint, "state": state}
        keeping.keep_plain(path, kept)

    def kept(self, path: Path, fingerprint: str, restore: Callable[[dict[str, Any]], T]) -> T | None:
        """Returns what `keep` wrote, restored; None where there is nothing. A damaged file is set aside."""

        def read() -> T | None:
            try:
                kept = keeping.kept_plain(path)
                if (kept["format"], kept["fingerprint"]) != (FORMAT, fingerprint):
                    raise ValueError("made for something else")
                return restore(kept["state"])
            except FileNotFoundError:
                return None
            except Exception:  # whatever a damaged or hostile pickle may raise
                files.set_aside(path)
                return None

        with self.lock:
            return self.remember(path, files.version(path), read)

    def forget(self, catalogue: Catalogue, engine: Engine) -> None:
        """Deletes what is stored for a fingerprint that can't come back."""
        store = self.store(catalogue, engine)
        if in_database(self.searched_by):
            with contextlib.suppress(SemblanceError):  # what an unreachable database keeps of it harms nobody
                remote(store, self.searched_by).drop()
        for left in store.path.parent.glob(f"{store.path.stem}.*"):
            left.unlink()

    def thumbnail_file(self, digest: str) -> Path:
        """Returns where the thumbnail of a picture is kept, made or not."""
        return self.path / "thumbnails" / digest[:2] / f"{digest}.jpg"

    def thumbnail(self, catalogue: Catalogue, digest: str) -> Path:
        """Returns a small JPEG of a picture of the catalogue, made once. Raises ImageError."""
        path = self.thumbnail_file(digest)
        if not path.exists():
            small = Image.fromarray(images.decode(unchanged(catalogue, digest), THUMBNAIL).pixels)
            small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            made = io.BytesIO()
            small.save(made, "JPEG", quality=88)
            with self.writing():
                files.sweep_stale(path.parent)
                files.write_atomically(path, [made.getvalue()])
        return path


def unchanged(catalogue: Catalogue, digest: str) -> bytes:
    """Returns the bytes of a picture's file. Raises ImageError where they are not those that were indexed."""
    data = images.read_bytes(catalogue.file(digest))
    if hashlib.sha256(data).hexdigest() != digest:
        raise ImageError("errors.file_changed")
    return data
