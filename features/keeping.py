"""Kept files: each carries a checksum, and one that could not be computed again has a second copy beside it.

JSON ends with a key `checksum`, the CRC-32 of all before it. NAME.copy is written before NAME, so it is never
older: where NAME is damaged, the copy takes its place and nothing is lost. A pickle has its checksum behind its
end, where an unpickler doesn't look. Files of earlier versions have no checksum, and are read as they are.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from engines.messages import Message
from features import files

DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, IsADirectoryError)
"""What reading a damaged file may raise."""
_CHECKSUM = "checksum"
_BEFORE = f', "{_CHECKSUM}": '.encode()
_TRAILER = b"crc32 "

T = TypeVar("T")


def keep(path: Path, told: Mapping[str, Any]) -> None:
    """Writes a mapping as JSON, which must not be empty, to the copy and to the file."""
    body = json.dumps(told).encode()[:-1]
    sealed = body + _BEFORE + f'"{zlib.crc32(body):08x}"}}'.encode()
    for place in (copy_of(path), path):
        files.write_atomically(place, [sealed])


def kept(path: Path, restore: Callable[[Any], T]) -> T | None:
    """Returns what `keep` wrote, restored; from the copy where the file is damaged or gone.

    Args:
        restore: Called with the JSON; raises one of DAMAGE where it is not what it should be.

    Returns:
        None where there is nothing. What is damaged is set aside, and said.
    """
    try:
        return restore(opened(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        damaged = False
    except DAMAGE:
        damaged = True
    found = None
    try:
        data = copy_of(path).read_bytes()
        found = restore(opened(data))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except DAMAGE:
        files.set_aside(copy_of(path))
    if damaged:
        files.set_aside(path, silently=found is not None)
    if found is not None:
        files.say_once(Message("damage.copy_used", path=path))
        with contextlib.suppress(OSError):  # a home that can only be read
            files.write_atomically(path, [data])
    return found


def copy_of(path: Path) -> Path:
    """Returns where the second copy of a file is."""
    return path.with_name(path.name + ".copy")


def opened(data: bytes) -> Any:
    """Returns the JSON of a kept file, less its checksum. Raises one of DAMAGE where that doesn't fit."""
    told = json.loads(data)
    if isinstance(told, dict) and _CHECKSUM in told:
        checksum = f"{zlib.crc32(data.rpartition(_BEFORE)[0]):08x}"
        if told.pop(_CHECKSUM) != checksum:
            raise ValueError("the checksum does not fit")
    return told


def keep_plain(path: Path, told: Any) -> None:
    """Writes a pickle of plain builtins."""
    made = pickle.dumps(told, protocol=5)
    files.write_atomically(path, [made, _TRAILER, f"{zlib.crc32(made):08x}".encode()])


def kept_plain(path: Path) -> Any:
    """Returns what `keep_plain` wrote. Raises FileNotFoundError, and anything for a damaged or hostile file."""
    data = path.read_bytes()
    told, end = files.load_plain(data)
    if data[end:] not in (b"", _TRAILER + f"{zlib.crc32(data[:end]):08x}".encode()):
        raise ValueError("the checksum does not fit")
    return told
