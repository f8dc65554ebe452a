"""Pictures that came over the wire: kept in a folder of our own in the home, never among the person's."""

from __future__ import annotations

import errno
import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from engines import SemblanceError
from features import files
from features.catalogue.captions import READERS
from features.catalogue.folder import Skipped
from features.catalogue.formats import is_image_name
from features.catalogue.images import MAX_BYTES

MAX_FILES = 20_000  # in one archive
MAX_UNPACKED = 4 << 30  # bytes of one archive
MAX_RATIO = 200  # unpacked to packed: pictures hardly shrink, bombs do
RATIO_MATTERS = 10 << 20  # bytes; below, a well-packed bitmap does no harm
NAME_ERRORS = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)  # what one name can cause


def receive(home: Path, name: str, uploads: Sequence[Path], label: str = "") -> tuple[Path, list[Skipped]]:
    """Adds pictures, and the pictures in zip archives, to the collection `name` of the home.

    label: a folder for them below the collection; folders inside an archive are kept below that. Returns the
    collection's folder and what was not taken. Raises SemblanceError when no picture was, or none can be kept.
    """
    folder = home / "uploads" / (plain_name(name) or "uploads")
    below = folder / plain_name(label)
    taken, skipped = 0, []
    for upload in uploads:
        if upload.suffix.lower() == ".zip":
            refusals, number = _unpack(upload, below)
            taken += number
            skipped += refusals
        elif is_image_name(upload.name):
            with upload.open("rb") as source:
                reason = _keep(source.read(MAX_BYTES + 1), below, upload.name)
            if reason:
                skipped.append(Skipped(upload.name, reason))
            else:
                taken += 1
        else:
            skipped.append(Skipped(upload.name, "Not a picture; send JPEG, PNG, WebP, or a zip of them."))
    if not taken:
        why = f" {skipped[0].path}: {skipped[0].reason}" if skipped else " Choose some first."
        raise SemblanceError(f"There was no picture to take.{why}")
    return folder, skipped


def _unpack(archive: Path, folder: Path) -> tuple[list[Skipped], int]:
    """Takes the pictures out of a zip; what was refused, and how many were taken."""
    taken, skipped = 0, []
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.filename.endswith("/")]
            if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_UNPACKED:
                reason = f"It holds more than {MAX_FILES:,} files or {MAX_UNPACKED >> 30} GB; send it in parts."
                return [Skipped(archive.name, reason)], 0
            for member in members:
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if "__MACOSX" in path.parts or path.name.startswith("."):
                    continue
                if reason := _refusal(member, path):
                    skipped.append(Skipped(f"{archive.name}/{member.filename}", reason))
                    continue
                try:
                    with opened.open(member) as source:
                        data = source.read(member.file_size)  # no more, whatever comes out of it
                except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, ValueError, zlib.error):
                    reason = "Damaged in the archive; zip it again."
                else:
                    below = folder.joinpath(*map(plain_name, path.parts[:-1]))
                    if path.name in READERS:
                        _keep_captions(data, below / path.name)
                        continue
                    reason = _keep(data, below, path.name)
                if reason:
                    skipped.append(Skipped(f"{archive.name}/{member.filename}", reason))
                else:
                    taken += 1
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        skipped.append(Skipped(archive.name, "The archive is damaged, or not a zip file; zip it again."))
    return skipped, taken


def _refusal(member: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Why this member is not taken; empty when it is."""
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        return "Its name leads out of the archive; it was not unpacked."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link, not a picture."
    if not (is_image_name(path.name) or path.name in READERS):
        return "Not a picture."
    if member.flag_bits & 1:
        return "It is locked with a password; zip it without one."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without bound
        return "It is packed in an unusual way; zip it again with an ordinary tool."
    bomb = member.file_size > max(RATIO_MATTERS, MAX_RATIO * member.compress_size)
    if bomb or member.file_size > MAX_BYTES:
        return f"It unpacks to {member.file_size >> 20:,} MB; no picture does."
    return ""


def _keep(data: bytes, folder: Path, sent_as: str) -> str:
    """Writes under this name made plain, or with a hash added where the name is taken by another picture.

    Why it can't be kept under its name; empty when it is. Raises SemblanceError when nothing can be kept there.
    """
    name = plain_name(sent_as)
    if not is_image_name(name):  # nothing was left of it
        name = f"picture{PurePosixPath(sent_as).suffix}"
    plain, digest = folder / name, hashlib.sha256(data).hexdigest()
    try:
        for target in (plain, *(plain.with_stem(f"{plain.stem}-{digest[:length]}") for length in (8, 32))):
            if not target.exists():
                files.write_atomically(target, [data])
                break
            if target.stat().st_size == len(data) and target.read_bytes() == data:
                break
    except OSError as error:
        why = error.strerror or error
        if error.errno in NAME_ERRORS:
            return f"It can't be kept under its name ({why}); rename it."
        raise _no_room(folder, error) from error
    return ""


def _keep_captions(data: bytes, target: Path) -> None:
    """Writes a metadata file; after the lines of one that came before, if both have the same columns.

    Raises SemblanceError when nothing can be kept there.
    """
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
    return SemblanceError(
        f"The pictures can't be kept in {folder} ({error.strerror or error}); "
        "see that there is room, and that we may write there."
    )


def plain_name(name: str) -> str:
    """A name that is safe as one part of a path on any system; the end of a long one, with its suffix."""
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", name).strip(" .")
    return plain.encode(errors="ignore")[-200:].decode(errors="ignore").strip(" .")  # names are bound in bytes
