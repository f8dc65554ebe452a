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
from engines.messages import Message, joined
from features import files
from features.catalogue.folder import Skipped
from features.catalogue.images import MAX_BYTES, is_image_name

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
            skipped.append(Skipped(upload.name, Message("uploads.not_picture")))
    if not taken:
        why = joined((skipped[0].path, skipped[0].reason), ": ") if skipped else Message("uploads.choose_some")
        raise SemblanceError("uploads.no_picture", why=why)
    return folder, skipped


def _unpack(archive: Path, folder: Path) -> tuple[list[Skipped], int]:
    """Takes the pictures out of a zip; what was refused, and how many were taken."""
    taken, skipped = 0, []
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.filename.endswith("/")]
            if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_UNPACKED:
                reason: str = Message("uploads.archive_too_large", files=MAX_FILES, gigabytes=MAX_UNPACKED >> 30)
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
                    reason = Message("uploads.damaged_member")
                else:
                    reason = _keep(data, folder.joinpath(*map(plain_name, path.parts[:-1])), path.name)
                if reason:
                    skipped.append(Skipped(f"{archive.name}/{member.filename}", reason))
                else:
                    taken += 1
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        skipped.append(Skipped(archive.name, Message("uploads.damaged_archive")))
    return skipped, taken


def _refusal(member: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Why this member is not taken; empty when it is."""
    if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
        return Message("uploads.outside_archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        return Message("uploads.link")
    if not is_image_name(path.name):
        return Message("uploads.member_not_picture")
    if member.flag_bits & 1:
        return Message("uploads.password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without bound
        return Message("uploads.unusual_packing")
    bomb = member.file_size > max(RATIO_MATTERS, MAX_RATIO * member.compress_size)
    if bomb or member.file_size > MAX_BYTES:
        return Message("uploads.member_too_large", megabytes=member.file_size >> 20)
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
            return Message("uploads.bad_name", reason=why)
        raise SemblanceError("uploads.not_kept", folder=folder, reason=why) from error
    return ""


def plain_name(name: str) -> str:
    """A name that is safe as one part of a path on any system; the end of a long one, with its suffix."""
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", name).strip(" .")
    return plain.encode(errors="ignore")[-200:].decode(errors="ignore").strip(" .")  # names are bound in bytes
