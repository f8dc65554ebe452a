"""The errors of collections, beside those of engines/errors.py.

SemblanceError        from engines; the root
├── ImageError        a file can't be opened as a picture
├── CatalogueError    a folder can't serve as a catalogue
├── NotIndexed        nothing is indexed for this engine yet
├── Busy              another process is indexing
└── Stopped           the person cancelled
DamagedStore          internal: a feature file is rebuilt
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from engines.errors import SemblanceError


class ImageError(SemblanceError):
    """This file can't be opened as a picture; the message says why and what to do."""


class CatalogueError(SemblanceError):
    """The folder can't serve as a catalogue."""


class NotIndexed(SemblanceError):
    """Nothing of this catalogue has been embedded with this engine yet."""


class Busy(SemblanceError):
    """Another process is indexing this catalogue for this engine."""


class Stopped(SemblanceError):
    """The work was cancelled; nothing was written."""


class DamagedStore(Exception):
    """The feature file is not one that Semblance wrote whole; it is set aside and rebuilt. Never shown."""


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_FAILS = {errno.EIO, errno.ESTALE}
_TOO_MANY = {errno.EMFILE, errno.ENFILE}
_IN_THE_WAY = {errno.EISDIR, errno.ENOTEMPTY}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG}
STORAGE = _NO_ROOM | _FAILS | _TOO_MANY | _IN_THE_WAY | _CLOSED | {errno.EFBIG, errno.ENOENT}
"""The system's errors by which a file of the home can't be used."""


def storage_failure(error: OSError, path: Path) -> SemblanceError:
    """Returns the sentence for an error of the system: which file, why, and what to do.

    Args:
        error: The error; where it names a file, the sentence does.
        path: The file or folder to name otherwise.
    """
    named, why = error.filename2 or error.filename, error.strerror or error
    file = re.sub(r"(?<=.)[a-z0-9_]{8}\.tmp$", "", str(named)) if isinstance(named, (str, Path)) else path
    ids = {errno.EFBIG: "storage.file_size", errno.ENOENT: "storage.gone"}
    for numbers, id in (
        (_NO_ROOM, "storage.no_room"),
        (_FAILS, "storage.disk"),
        (_TOO_MANY, "storage.too_many_files"),
        (_IN_THE_WAY, "storage.in_the_way"),
    ):
        ids |= dict.fromkeys(numbers, id)
    return SemblanceError(ids.get(error.errno or 0, "errors.home_not_writable"), path=file, reason=why)


_SHORT_OF_MEMORY = re.compile("cannot allocate memory|can't start new thread|bad_alloc|failed to map", re.I)
"""Words of libraries that don't raise MemoryError."""


def memory_failure(error: BaseException) -> SemblanceError | None:
    """Returns the sentence for an error that says in whatever way that memory is short; None for another."""
    short = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if short or _SHORT_OF_MEMORY.search(str(error)):
        return SemblanceError("storage.memory")
    return None
