"""Which files count as pictures, and how the bytes of each kind are opened."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import PurePath
from typing import NamedTuple

from PIL import Image

from engines.extras import install
from features.catalogue import raw
from features.errors import ImageError

HEIF = (".heic", ".heif", ".hif")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif", *HEIF, ".jxl", *raw.SUFFIXES),
)
# What Pillow may take a file for, whatever its name; it has readers that start other programs. JPEG: MPO as well.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")  # TGA has no mark
UNSUPPORTED = {".svg": "SVG", ".eps": "EPS", ".psd": "Photoshop"}
VIDEOS = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".mts", ".m2ts"),
    ".ogv",
)
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")  # no videos
JXL_MARKS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_NAMED = (*SUFFIXES, *UNSUPPORTED)


class Opened(NamedTuple):
    """image: only its head is read. raw: the RAW file whose preview it is; empty for any other."""

    image: Image.Image
    raw: bytes = b""

    def exif(self) -> Image.Exif:
        """Returns the tags; those of the RAW file where its preview lacks them. Of a PNG it may decode all."""
        own = self.image.getexif()
        return own if not self.raw or 0x0112 in own else raw.exif(self.raw)


def is_image_name(name: str) -> bool:
    """Whether a file of this name counts as a picture, supported or not."""
    return not name.startswith(".") and name.lower().endswith(_NAMED)


def is_video_name(name: str) -> bool:
    """Whether a file of this name counts as a video, which is not indexed."""
    return not name.startswith(".") and name.lower().endswith(VIDEOS)


def check_kind(name: str) -> None:
    """Raises ImageError for a name of a kind that is not read."""
    if kind := UNSUPPORTED.get(PurePath(name).suffix.lower()):
        raise ImageError("images.unsupported", kind=kind)


def check_head(head: bytes, name: str) -> None:
    """Raises ImageError unless the first bytes of a file are those of a picture; nothing is decoded."""
    check_kind(name)
    if not head:
        raise ImageError("images.empty")
    if head.startswith(JXL_MARKS) or (head[4:8] == b"ftyp" and head[8:12] in BRANDS) or raw.is_raw(head):
        return
    Image.init()
    if not any(_is_marked(head[:16], kind) for kind in FORMATS):
        try:  # TGA has no mark
            Image.open(io.BytesIO(head), formats=("TGA",)).close()
        except Exception as error:  # whatever a decoder may raise for bytes that make no sense
            raise ImageError("images.no_picture") from error


def _is_marked(head: bytes, kind: str) -> bool:
    """Whether a file begins as those of this kind do, for Pillow."""
    _, accept = Image.OPEN.get(kind, (None, None))
    try:
        return accept is not None and accept(head) is True
    except (IndexError, TypeError, struct.error):  # it is shorter than any mark
        return False


def opened(data: bytes, largest: int) -> Opened:
    """Opens a picture file's bytes; of a RAW file, its embedded preview.

    Args:
        data: The whole file.
        largest: Pixels that a picture may have whose plugin decodes all of it to open it.

    Raises:
        ImageError: The kind needs a plugin that is not installed, or holds no picture for us.
        Exception: Whatever Pillow raises for bytes that make no sense.
    """
    if raw.is_raw(data):
        found = raw.preview(data)
        if found:
            return Opened(Image.open(io.BytesIO(found), formats=("JPEG",)), data)
        if data[:4] not in raw.TIFF:
            raise ImageError("images.no_preview")
    return Opened(Image.open(io.BytesIO(data), formats=_formats(data, largest)))


def _formats(data: bytes, largest: int) -> tuple[str, ...]:
    """What these bytes may be. The plugins are imported at the first file that needs one."""
    if data.startswith(JXL_MARKS):
        if find_spec("pillow_jxl") is None:
            raise ImageError("images.no_jxl", command=install("jxl"))
        width, height = _jxl_size(data)
        if width * height > largest:
            raise too_large(width, height, largest)
        import pillow_jxl  # noqa: F401  # registers itself

        return ("JXL",)
    if data[4:8] == b"ftyp" and data[8:12] not in (b"avif", b"avis"):
        from pillow_heif import register_heif_opener

        register_heif_opener()
        return ("HEIF", "AVIF")
    return FORMATS


def too_large(width: int, height: int, most: int) -> ImageError:
    """Returns the error for a picture of more pixels than we decode."""
    return ImageError("images.too_many_pixels", width=width, height=height, limit=most // 10**6)


def _jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height by the SizeHeader of ISO/IEC 18181-1; the plugin decodes a picture before it tells them."""
    start = 0
    if data[:2] != JXL_MARKS[0]:
        boxes = [(data.find(name), skipped) for name, skipped in ((b"jxlc", 4), (b"jxlp", 8))]
        start = min((place + skipped for place, skipped in boxes if place >= 0), default=len(data))
    if data[start : start + 2] != JXL_MARKS[0]:
        raise ImageError("images.no_picture")
    bits = _bits(data[start + 2 : start + 18])
    small = next(bits)

    def number(count: int) -> int:
        return sum(next(bits) << place for place in range(count))

    def side() -> int:
        return 8 * (1 + number(5)) if small else 1 + number((9, 13, 18, 30)[number(2)])

    height = side()
    ratio = number(3)
    if not ratio:
        return side(), height
    wide, high = JXL_RATIOS[ratio - 1]
    return height * wide // high, height


def _bits(data: bytes) -> Iterator[int]:
    for byte in (*data, *bytes(16)):
        yield from (byte >> place & 1 for place in range(8))
