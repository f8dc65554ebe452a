"""Small matters of files: atomic writes, setting a damaged file aside, and pickles that can run nothing."""

from __future__ import annotations

import contextlib
import os
import pickle
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, NoReturn

PACKAGES = Path(__file__).parent.parent  # the folder of our packages, where other processes of ours start


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a feature file")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("persistent ids have no place in a feature file")


def load_plain(file: IO[bytes]) -> Any:
    """One pickle of plain builtins. Raises pickle.UnpicklingError, or another exception, for all else."""
    return _Unpickler(file).load()


def write_atomically(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Another process sees the old file or the new one, never a part; so does the next run after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


Version = tuple[int, int]


def version(path: Path) -> Version:
    """Changes whenever the file does: when it was written (nanoseconds) and its size; zeros when there is none."""
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


def set_aside(path: Path) -> Path:
    """Renames a damaged file to NAME.damaged, so that nothing is lost and a new one can be made."""
    aside = path.with_name(path.name + ".damaged")
    os.replace(path, aside)
    return aside


def readable(text: str) -> str:
    r"""Returns a text that every format can hold: bytes of a file's name that are no UTF-8 become \udcNN."""
    return text.encode("utf-8", "backslashreplace").decode()
