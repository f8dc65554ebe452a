"""Small matters of files: atomic writes, damaged and left-over files, and pickles that can run nothing."""

from __future__ import annotations

import contextlib
import io
import logging
import mmap
import os
import pickle
import re
import secrets
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from engines.messages import Message

PACKAGES = Path(__file__).parent.parent  # the folder of our packages, where other processes of ours start
STALE = 3600  # seconds after which a temporary file belongs to no running process
KEY = "key"  # file of the home
_KEY_BYTES = 32

# Opcodes of plain builtins whose arguments have a fixed length; most strings of ours are digests of 64 letters.
_FIXED = re.compile(
    rb"(?:[()0-2N\]}adelstu\x85-\x89\x8f-\x91\x94]|[Khq\x80].|M..|[Jj]....|G.{8}|\x8c@.{64}){1,4096}", re.DOTALL
)
_COUNTED = {0x8C: 1, 0x8A: 1, ord("C"): 1, ord("U"): 1, ord("X"): 4, ord("B"): 4, 0x8D: 8, 0x8E: 8}
"""Opcode -> how many bytes tell the length of its argument."""
_FRAME, _STOP = 0x95, ord(".")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a feature file")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("persistent ids have no place in a feature file")


def load_plain(data: bytes | memoryview | mmap.mmap) -> tuple[Any, int]:
    """Reads one pickle of plain builtins.

    Nothing is unpickled, and no memory is asked for, before every opcode up to its end has been found to be one of
    plain builtins, and every length to fit into `data`.

    Returns:
        The object, and the place in `data` where its pickle ends.

    Raises:
        pickle.UnpicklingError, or another exception, for all else.
    """
    end = _end_of_pickle(data)
    return _Unpickler(io.BytesIO(data[:end])).load(), end


def _end_of_pickle(data: bytes | memoryview | mmap.mmap) -> int:
    place, size = 0, len(data)
    while place < size:
        if fixed := _FIXED.match(data, place):
            place = fixed.end()
            continue
        opcode = data[place]
        if opcode == _STOP:
            return place + 1
        width = 8 if opcode == _FRAME else _COUNTED.get(opcode)
        if width is None:
            raise pickle.UnpicklingError(f"opcode {opcode:#x} has no place in a feature file")
        place += 1 + width
        length = int.from_bytes(data[place - width : place], "little")
        if length > size - place:
            raise pickle.UnpicklingError("a length that goes beyond the end of the file")
        if opcode != _FRAME:
            place += length
    raise pickle.UnpicklingError("cut short")


def write_atomically(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Another process sees the old file or the new one, never a part; so does the next run after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _replace(temporary: str, path: Path) -> None:
    try:
        os.replace(temporary, path)
    except (IsADirectoryError, PermissionError):  # Windows has the latter for a folder
        if not path.is_dir():
            raise
        set_aside(path)
        os.replace(temporary, path)


def sweep(path: Path) -> None:
    """Deletes what killed writers of a file left behind; the caller holds the lock under which it is written."""
    for left in path.parent.iterdir():
        if left.name.startswith(path.name) and left.suffix == ".tmp":
            left.unlink(missing_ok=True)


def sweep_stale(folder: Path) -> None:
    """Deletes temporary files in a folder that nobody has written to for an hour."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for left in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process swept it
                if left.suffix == ".tmp" and time.time() - left.stat().st_mtime > STALE:
                    left.unlink()


Version = tuple[int, int]


def version(path: Path) -> Version:
    """Changes whenever the file does: when it was written (nanoseconds) and its size; zeros when there is none."""
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def set_aside(path: Path, *, silently: bool = False) -> None:
    """Renames a damaged file, or a folder in its place, to NAME.damaged, so that nothing is lost; says so.

    The second one is NAME.damaged-2, and so on. In a home that can't be written to it stays where it is. silently:
    the caller has more to say.
    """
    aside = damaged_name(path)
    with contextlib.suppress(OSError):
        os.replace(path, aside)
        if not silently:
            say_once(Message("damage.set_aside", path=path, name=aside.name))


def damaged_name(path: Path) -> Path:
    """Returns the first name for a damaged file that is not taken."""
    aside, number = path.with_name(path.name + ".damaged"), 1
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    return aside


def key(home: Path) -> bytes:
    """Returns the home's secret, made at first need: files that carry a MAC by it were written by this home.

    Where none can be kept it is a new one each time, which fits no file.
    """
    path, made = home / KEY, secrets.token_bytes(_KEY_BYTES)
    with contextlib.suppress(OSError):
        if path.exists() and path.stat().st_size != _KEY_BYTES:
            set_aside(path)
        if not path.exists():
            _keep_first(path, made)
        return path.read_bytes()
    return made


def _keep_first(path: Path, content: bytes) -> None:
    """Writes a file for this user alone, whole; of several processes that do, the first one's stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


_said: dict[str, bool] = {}
"""What was said since the process began -> whether `unread` has returned it."""


def say_once(sentence: str) -> None:
    """Notes for the person that a kept file was damaged; the app and the command line show it once."""
    if sentence not in _said:
        _said[sentence] = False
        logging.getLogger(__name__).info(sentence)


def unread() -> list[str]:
    """Returns what was said and not yet shown."""
    found = [sentence for sentence, shown in _said.items() if not shown]
    _said.update(dict.fromkeys(found, True))
    return found


def readable(text: str) -> str:
    r"""Returns a text that every format can hold: bytes of a file's name that are no UTF-8 become \udcNN."""
    return text.encode("utf-8", "backslashreplace").decode()
