"""Pictures that came over the wire: kept in a folder of our own in the home, never among the person's."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import io
import itertools
import os
import re
import shutil
import stat
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from engines import SemblanceError
from engines.messages import Message, joined
from features import files
from features.catalogue.captions import READERS
from features.catalogue.folder import Skipped
from features.catalogue.formats import check_head, is_image_name
from features.errors import ImageError
from features.limits import LIMITS, MB

CHUNK = 1 << 20  # bytes in memory at a time
NAME_ERRORS = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)  # what one name can cause


_one_archive = threading.Lock()  # at a time: each has its table of contents in memory


@dataclass
class Room:
    """How many more bytes may be kept. `left` is None where only the disk is the limit."""

    left: int | None = None

    def refusal(self, folder: Path, size: int) -> str:
        """Why a file of so many bytes can't be kept there; empty when it can."""
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if shutil.disk_usage(there).free - size < LIMITS.free:
            return Message("uploads.disk_full", megabytes=LIMITS.free // MB)
        if self.left is not None and size > self.left:
            return Message("uploads.no_room")
        return ""

    def take(self, size: int) -> None:
        if self.left is not None:
            self.left -= size


@dataclass(frozen=True)
class _Target:
    """folder: for what is taken. scratch: on the same disk, for what is not whole yet."""

    folder: Path
    scratch: Path
    room: Room


def size_of(folder: Path) -> int:
    """Returns the bytes of all files below a folder; 0 where there is none."""
    sizes = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it has just gone
                sizes += os.lstat(os.path.join(place, name)).st_size
    return sizes


def receive(
    home: Path, name: str, uploads: Sequence[Path], label: str = "", room: Room | None = None
) -> tuple[Path, list[Skipped]]:
    """Adds pictures, and the pictures in zip archives, to the collection `name` of the home.

    Only a file that begins as a picture does is kept. Files are copied piece by piece.

    Args:
        home: The folder below which uploads are kept.
        name: Of the collection.
        uploads: Files that came.
        label: A folder for them below the collection; folders inside an archive are kept below that.
        room: How much may be kept; by default as much as the disk holds.

    Returns:
        The collection's folder and what was not taken.

    Raises:
        SemblanceError: If no picture was taken, or none can be kept.
    """
    folder, room = home / "uploads" / (plain_name(name) or "uploads"), room or Room()
    target = _Target(folder / plain_name(label), home / "uploads", room)
    taken, skipped = 0, []
    for upload in uploads:
        if upload.suffix.lower() == ".zip":
            with _one_archive:
                refusals, number = _unpack(upload, target)
            taken += number
            skipped += refusals
        elif is_image_name(upload.name):
            with upload.open("rb") as source:
                reason = _keep(source, os.fstat(source.fileno()).st_size, upload.name, target)
            if reason:
                skipped.append(Skipped(upload.name, reason))
            else:
                taken += 1
        else:
            skipped.append(Skipped(upload.name, Message("uploads.not_picture")))
    if not taken:
        why = joined((skipped[0].path, skipped[0].reason), ": ") if skipped else Message("uploads.choose_some")
        raise SemblanceError("uploads.no_picture", why=why)
    return folder, skipped


class _Archive(io.FileIO):
    """A zip whose table of contents is not read where it would fill the memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > LIMITS.archive_directory:
            raise zipfile.BadZipFile("too large a table of contents")
        return super().read(-1 if size is None else size)


def _unpack(archive: Path, target: _Target) -> tuple[list[Skipped], int]:
    """Takes the pictures out of a zip; what was refused, and how many were taken."""
    taken, skipped = 0, []
    try:
        with _Archive(archive) as file, zipfile.ZipFile(file) as opened:
            members, refused = _sorted_out(opened)
            skipped += [Skipped(f"{archive.name}/{name}", reason) for name, reason in refused]
            if reason := _too_much(members, archive.stat().st_size):
                return [Skipped(archive.name, reason)], 0
            for member in members:
                try:
                    with opened.open(member) as source:
                        name = member.filename.replace("\\", "/")
                        if PurePosixPath(name).name in READERS:
                            _keep_captions(source.read(member.file_size), name, target)
                            continue
                        reason = _keep(source, member.file_size, name, target)
                except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, ValueError, zlib.error):
                    reason = Message("uploads.damaged_member")
                if reason:
                    skipped.append(Skipped(f"{archive.name}/{member.filename}", reason))
                else:
                    taken += 1
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        skipped.append(Skipped(archive.name, Message("uploads.damaged_archive")))
    return skipped, taken


def _sorted_out(opened: zipfile.ZipFile) -> tuple[list[zipfile.ZipInfo], list[tuple[str, str]]]:
    """The members that may be pictures, and of the others the name and why not. What macOS adds is in neither."""
    members, refused = [], []
    for member in opened.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if member.filename.endswith("/") or "__MACOSX" in path.parts or path.name.startswith("."):
            continue
        if reason := _refusal(member, path):
            refused.append((member.filename, reason))
        else:
            members.append(member)
    return members, refused


def _too_much(members: Sequence[zipfile.ZipInfo], packed: int) -> str:
    """Why an archive of so many bytes is not unpacked at all; empty when it is."""
    unpacked = sum(member.file_size for member in members)
    if len(members) > LIMITS.archive_files or unpacked > LIMITS.archive:
        return Message("uploads.archive_too_large", files=LIMITS.archive_files, gigabytes=LIMITS.archive >> 30)
    if unpacked > max(LIMITS.ratio_matters, LIMITS.ratio * packed):
        return Message("uploads.bomb", megabytes=unpacked >> 20)
    return ""


def _refusal(member: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Why this member is not taken; empty when it is."""
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        return Message("uploads.outside_archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        return Message("uploads.link")
    if not (is_image_name(path.name) or path.name in READERS):
        return Message("uploads.member_not_picture")
    if member.flag_bits & 1:
        return Message("uploads.password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without bound
        return Message("uploads.unusual_packing")
    bomb = member.file_size > max(LIMITS.ratio_matters, LIMITS.ratio * member.compress_size)
    if bomb or member.file_size > (LIMITS.captions if path.name in READERS else LIMITS.picture):
        return Message("uploads.member_too_large", megabytes=member.file_size >> 20)
    return ""


def _keep(source: IO[bytes], size: int, sent_as: str, target: _Target) -> str:
    """Copies `size` bytes under this name made plain, below the folders it names.

    A hash is added where the name is taken by another picture.

    Returns:
        Why it can't be kept; empty when it is.

    Raises:
        SemblanceError: If nothing can be kept there.
    """
    *folders, name = sent_as.split("/")
    folder = target.folder.joinpath(*filter(None, map(plain_name, folders)))
    if not is_image_name(plain_name(name)):  # nothing was left of it
        name = f"picture{PurePosixPath(name).suffix}"
    if size > LIMITS.picture:
        return Message("images.too_many_bytes", megabytes=LIMITS.picture // MB)
    if reason := target.room.refusal(target.scratch, size):
        return reason
    pieces = _pieces(source, size)
    try:
        first = next(pieces, b"")
        check_head(first, name)
        folder.mkdir(parents=True, exist_ok=True)
        size = _placed(itertools.chain([first], pieces), folder / plain_name(name), target.scratch)
        target.room.take(size)
    except ImageError as error:
        return error.message
    except OSError as error:
        why = error.strerror or error
        if error.errno in NAME_ERRORS:
            return Message("uploads.bad_name", reason=why)
        raise _no_room(folder, error) from error
    return ""


def _pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    """No more of it, whatever comes out."""
    while size > 0 and (piece := source.read(min(size, CHUNK))):
        yield piece
        size -= len(piece)


def _placed(pieces: Iterable[bytes], plain: Path, scratch: Path) -> int:
    """Writes a file, with a hash added to its name where another has it; how many bytes that added."""
    digest, size = hashlib.sha256(), 0
    handle, temporary = tempfile.mkstemp(dir=scratch, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                digest.update(piece)
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        names = (plain, *(plain.with_stem(f"{plain.stem}-{digest.hexdigest()[:length]}") for length in (8, 32)))
        for target in names:
            if not target.exists():
                os.replace(temporary, target)
                return size
            if target.stat().st_size == size and filecmp.cmp(temporary, target, shallow=False):
                break
        return 0
    finally:
        with contextlib.suppress(FileNotFoundError):  # it is in its place
            os.unlink(temporary)


def _keep_captions(data: bytes, sent_as: str, place: _Target) -> None:
    """Writes a metadata file; after the lines of one that came before, if both have the same columns.

    Raises SemblanceError when nothing can be kept there.
    """
    *folders, name = sent_as.split("/")
    target = place.folder.joinpath(*filter(None, map(plain_name, folders)), name)
    try:
        before = target.read_bytes() if target.is_file() else b""
        if target.suffix == ".csv":
            head, _, rows = data.partition(b"\n")
            same = before.partition(b"\n")[0].strip() == head.strip()
            rows, before = (rows, before) if same else (data, b"")
        else:
            rows = data
        if rows not in before:
            files.write_atomically(target, [before, b"" if before.endswith(b"\n") or not before else b"\n", rows])
    except OSError as error:
        raise _no_room(target.parent, error) from error


def _no_room(folder: Path, error: OSError) -> SemblanceError:
    return SemblanceError("uploads.not_kept", folder=folder, reason=error.strerror or error)


def plain_name(name: str) -> str:
    """A name that is safe as one part of a path on any system; the end of a long one, with its suffix."""
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", name).strip(" .")
    return plain.encode(errors="ignore")[-200:].decode(errors="ignore").strip(" .")  # names are bound in bytes
