"""Pictures that lie behind a URL (s3://, gs://, http://, ...), as paths; fsspec lists and reads them."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from engines import SemblanceError
from engines.extras import install

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

VERSIONS = (  # what the stores call that which changes with a file
    *("ETag", "etag", "md5Hash", "Content-MD5", "content_settings", "LastModified", "Last-Modified"),
    *("last_modified", "updated", "mtime", "modified", "created", "generation"),
)

T = TypeVar("T")


class Url(type(Path())):  # type: ignore[misc]  # Path itself can be derived from since Python 3.12 only
    """A file or folder behind a URL. Joining it, its name and the like are Path's; only what is below reads.

    Reading raises OSError for whatever goes wrong there.
    """

    __slots__ = ()

    def __str__(self) -> str:
        told = super().__str__().replace(os.sep, "/")
        protocol, between, place = told.partition(":/")  # Path makes one / of two
        return f"{protocol}://{place}" if between else told  # it is relative to another

    def __fspath__(self) -> str:
        return str(self)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Its kind and its size; no more is known of it."""
        told = self._ask(lambda files, place: files.info(place))
        kind = stat.S_IFDIR if told["type"] == "directory" else stat.S_IFREG
        return os.stat_result((kind, 0, 0, 0, 0, 0, told.get("size") or 0, 0, 0, 0))

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        try:
            return stat.S_ISREG(self.stat().st_mode)
        except OSError:
            return False

    def read_bytes(self) -> bytes:
        return self._ask(lambda files, place: files.cat_file(place))

    def open(self, mode: str = "r", buffering: int = -1, *how: Any, **told: Any) -> IO[Any]:
        """To read alone; it is read whole."""
        if mode not in ("r", "rt", "rb"):
            raise io.UnsupportedOperation(f"{self} is only read")
        data = io.BytesIO(self.read_bytes())
        return data if mode == "rb" else io.TextIOWrapper(data, *how, **told)

    def listed(self) -> Iterator[tuple[str, int, int]]:
        """Of each file below: its path from here, its size, and a number that is another when its version is."""

        def walk(files: AbstractFileSystem, place: str) -> Iterator[tuple[str, int, int]]:
            files.invalidate_cache()  # else a process that runs for long sees the same for ever
            for _, _, found in files.walk(place, detail=True, on_error="raise"):
                for told in found.values():
                    if told.get("size") is None:  # a web server's page of links says no more
                        told = files.info(told["name"])
                    version = repr([told.get(key) for key in VERSIONS])
                    number = int(hashlib.sha256(version.encode()).hexdigest()[:12], 16)
                    yield told["name"][len(place) :].lstrip("/"), told.get("size") or 0, number

        return self._ask(lambda files, place: iter([*walk(files, place)]))

    def _ask(self, question: Callable[[AbstractFileSystem, str], T]) -> T:
        import fsspec

        try:
            return question(*fsspec.core.url_to_fs(str(self)))
        except OSError:
            raise
        except Exception as error:  # each store has its own
            raise OSError(str(error) or repr(error)) from error


def place(text: str | os.PathLike[str]) -> Path:
    """What a person names: a Url, or a path of this machine. Nothing is asked of the other side yet.

    Raises SemblanceError for a URL that can't be read here.
    """
    text = os.fspath(text)
    if "://" not in text:
        return Path(text)
    if text.startswith("file://"):
        return Path(url2pathname(urlsplit(text).path))
    try:
        import fsspec

        fsspec.get_filesystem_class(text.partition("://")[0])
    except ModuleNotFoundError as error:
        if error.name == "fsspec":
            raise SemblanceError("urls.no_fsspec", command=install("cluster")) from error
        raise SemblanceError("urls.not_readable", url=text, reason=_told(error)) from error
    except (ImportError, ValueError) as error:  # its own package is not there, or there is none
        raise SemblanceError("urls.not_readable", url=text, reason=_told(error)) from error
    return Url(text)


def _told(error: Exception) -> str:
    return str(error).strip().rstrip(".")
