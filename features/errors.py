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
    sentence = f"{file} can't be written to ({why}); choose another with --home or SEMBLANCE_HOME."
    if error.errno in _NO_ROOM:
        sentence = (
            f"{file} can't be written to ({why}); free some space, or choose another with --home or "
            "SEMBLANCE_HOME."
        )
    elif error.errno == errno.EFBIG:
        sentence = (
            f"{file} can't be written to ({why}); raise the limit of file sizes (ulimit -f), or choose another "
            "with --home or SEMBLANCE_HOME."
        )
    elif error.errno in _FAILS:
        sentence = (
            f"{file} can't be used ({why}); check its disk, or choose another with --home or SEMBLANCE_HOME."
        )
    elif error.errno in _TOO_MANY:
        sentence = f"{file} can't be opened ({why}); close other programs, or raise that limit (ulimit -n)."
    elif error.errno in _IN_THE_WAY:
        sentence = f"{file} can't be used ({why}); move what is in its place out of the way, then try again."
    elif error.errno == errno.ENOENT:
        sentence = f"{file} can't be used ({why}); another program may have deleted it, so try again."
    return SemblanceError(sentence)


_SHORT_OF_MEMORY = re.compile("cannot allocate memory|can't start new thread|bad_alloc|failed to map", re.I)
"""Words of libraries that don't raise MemoryError."""


def memory_failure(error: BaseException) -> SemblanceError | None:
    """Returns the sentence for an error that says in whatever way that memory is short; None for another."""
    short = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if short or _SHORT_OF_MEMORY.search(str(error)):
        return SemblanceError(
            "There is not enough memory for this; close other programs, or raise the limit (ulimit -v), then try "
            "again."
        )
    return None
