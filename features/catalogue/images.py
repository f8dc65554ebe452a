"""The one way any image is opened, for catalogues and for queries alike."""

from __future__ import annotations

import io
import math
import struct
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engines import Box
from features.errors import ImageError
from features.limits import LIMITS, MB

LONGEST_SIDE = 1600  # pixels; larger pictures are shrunk to it
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif"),
)
# What Pillow may take a file for, whatever its name; it has readers that start other programs. JPEG: MPO as well.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA")  # TGA has no mark
UNSUPPORTED = {
    ".heic": "HEIC",
    ".heif": "HEIF",
    ".svg": "SVG",
    ".eps": "EPS",
    ".psd": "Photoshop",
    ".jxl": "JPEG XL",
    ".cr2": "camera raw",
    ".nef": "camera raw",
    ".arw": "camera raw",
    ".dng": "camera raw",
}
EMPTY = "The file is empty; copy it again from where it came."
NO_PICTURE = "The file holds no picture that can be read; export it as JPEG or PNG."
warnings.filterwarnings("ignore", module=r"PIL|features\.images")  # odd metadata and the like: the pixels count
_NAMED = (*SUFFIXES, *UNSUPPORTED)
Image.MAX_IMAGE_PIXELS = None  # a limit of our own is checked before a pixel is decoded
_one_large = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """pixels: (H, W, 3) uint8 RGB, upright, longest side at most LONGEST_SIDE. width, height: before shrinking.

    left, top: where it lies in the upright picture, of which it may be a part.
    """

    pixels: np.ndarray
    width: int
    height: int
    left: int = 0
    top: int = 0

    def full_box(self, box: Box | None) -> Box | None:
        """A box in `pixels` -> the same in the upright picture at its full size."""
        if box is None:
            return None
        shrunk_height, shrunk_width = self.pixels.shape[:2]
        x, y = self.width / shrunk_width, self.height / shrunk_height
        left, top = self.left, self.top
        return left + round(box[0] * x), top + round(box[1] * y), left + round(box[2] * x), top + round(box[3] * y)


def is_image_name(name: str) -> bool:
    """Whether a file of this name counts as a picture, supported or not."""
    return not name.startswith(".") and name.lower().endswith(_NAMED)


def check_head(head: bytes, name: str) -> None:
    """Raises ImageError unless the first bytes of a file are those of a picture; nothing is decoded."""
    check_kind(name)
    if not head:
        raise ImageError(EMPTY)
    Image.init()
    if not any(_is_marked(head[:16], kind) for kind in FORMATS):
        try:  # TGA has no mark
            Image.open(io.BytesIO(head), formats=("TGA",)).close()
        except Exception as error:  # whatever a decoder may raise for bytes that make no sense
            raise ImageError(NO_PICTURE) from error


def _is_marked(head: bytes, kind: str) -> bool:
    """Whether a file begins as those of this kind do, for Pillow."""
    _, accept = Image.OPEN.get(kind, (None, None))
    try:
        return accept is not None and accept(head) is True
    except (IndexError, TypeError, struct.error):  # it is shorter than any mark
        return False


def check_kind(name: str) -> None:
    """Raises ImageError for a name of a kind that is not read."""
    if kind := UNSUPPORTED.get(PurePath(name).suffix.lower()):
        raise ImageError(f"{kind} pictures are not supported; export it as JPEG or PNG.")


def read_bytes(path: Path) -> bytes:
    """Raises ImageError for what is missing, unreadable, empty, too large, or of a kind that we don't read."""
    check_kind(path.name)
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):  # a pipe would be waited for, a device read without end
            raise ImageError("It is not a file; name a picture.")
        if stat.st_size > LIMITS.picture:
            raise ImageError(f"The file is larger than {LIMITS.picture // MB} MB; save a smaller copy.")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("There is no such file; check the path.") from error
    except PermissionError as error:
        raise ImageError("The file can't be read; check its permissions.") from error
    except OSError as error:
        raise ImageError(f"The file can't be read: {error.strerror or error}.") from error
    if not data:
        raise ImageError(EMPTY)
    return data


def decode(data: bytes, side: int | None = None, box: Box | None = None) -> Picture:
    """Bytes of a picture file -> upright RGB; the first frame of an animation; transparency on white.

    side: pixels that are enough for the shorter side, where the picture may be made smaller at once: a JPEG is
    decoded at a fraction, what is then still larger is averaged over whole blocks. box: only that part of it, in
    pixels of the upright picture at its full size; `side` is then of the part. Raises ImageError.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image, _turn(image):
            _check_pixels(image)
            width, height = _upright_size(image)
            left, top, right, bottom = box or (0, 0, width, height)
            if not (0 <= left < right <= width and 0 <= top < bottom <= height):
                raise ImageError(
                    f"The box {left},{top},{right},{bottom} is no part of a picture of {width} x {height} pixels; "
                    "give LEFT,TOP,RIGHT,BOTTOM within it."
                )
            part = min(width, height) / min(right - left, bottom - top)
            least = math.ceil((side or LONGEST_SIDE) * part)
            enough = least, least
            if width * height > LIMITS.other_pixels:  # a long strip too must be decoded at a fraction
                across, down = (max(1, pixels * LONGEST_SIDE // max(image.size)) for pixels in image.size)
                enough = min(least, across), min(least, down)
            image.draft("RGB", enough)  # JPEG only: decodes at 1/2, 1/4 or 1/8
            upright = _rgb(image)
            if side and (times := int(min(upright.size) / part) // side) > 1:
                upright = upright.reduce(times)
            ImageOps.exif_transpose(upright, in_place=True)
            if box:
                wide, high = upright.size  # edges outwards, in whole numbers
                corner = left * wide // width, top * high // height
                upright = upright.crop((*corner, -(-right * wide // width), -(-bottom * high // height)))
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    except UnidentifiedImageError as error:
        raise ImageError(NO_PICTURE) from error
    except ImageError:
        raise
    except Exception as error:  # whatever a decoder may raise for bytes that make no sense
        raise ImageError("The picture is damaged or cut short; copy it again from where it came.") from error
    return Picture(np.asarray(upright), right - left, bottom - top, left, top)


def _check_pixels(image: Image.Image) -> None:
    """Raises ImageError for a picture that takes too much memory to decode."""
    kind = "progressive JPEG" if image.info.get("progressive") else str(image.format)
    known = [LIMITS.pixels[one] for one in (kind, image.mode) if one in LIMITS.pixels]
    limit = min(known, default=LIMITS.other_pixels)
    if image.width * image.height > limit:
        raise ImageError(
            f"The picture is {image.width:,} x {image.height:,} pixels, more than "
            f"{limit // 1_000_000} million; save a smaller copy."
        )


def _turn(image: Image.Image) -> AbstractContextManager[Any]:
    """Large pictures are decoded one at a time."""
    scaled = image.format in ("JPEG", "MPO") and not image.info.get("progressive")  # in the decoder
    return nullcontext() if scaled or image.width * image.height <= LIMITS.large else _one_large


def open_image(path: Path, side: int | None = None, box: Box | None = None) -> Picture:
    """See `decode`. Raises ImageError."""
    return decode(read_bytes(Path(path)), side, box)


def full_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture; only its head is decoded. Raises ImageError."""
    try:
        with Image.open(io.BytesIO(read_bytes(path)), formats=FORMATS) as image:
            return _upright_size(image)
    except ImageError:
        raise
    except Exception as error:  # as above
        raise ImageError(NO_PICTURE) from error


def _upright_size(image: Image.Image) -> tuple[int, int]:
    turned = image.format != "TIFF" and image.getexif().get(0x0112) in (5, 6, 7, 8)  # TIFF: by Pillow
    return (image.height, image.width) if turned else image.size


def _rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode -> RGB, with its EXIF orientation kept for the caller. No copy is made without need."""
    exif = image.getexif()
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        image = white
    if image.mode != "RGB":
        image = image.convert("RGB")
    image.info["exif"] = exif.tobytes() if exif else b""
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey, 32-bit integer or float -> 8-bit grey; Pillow's own conversion would clip to white."""
    values = np.asarray(image)
    grey = np.empty(values.shape, np.uint8)
    low, high = np.nanmin(values), np.nanmax(values)
    for top in range(0, len(values), 64):  # in bands: float64 of the whole would be four times the picture
        band = values[top : top + 64].astype(np.float64)
        if image.mode == "F" or high > 65535 or low < 0:
            band = (np.nan_to_num(band, nan=low) - low) * (255 / max(float(high) - float(low), 1e-9))
        elif image.mode != "I" or high > 255:
            band = band / 257
        grey[top : top + 64] = band.round().astype(np.uint8)
    return Image.fromarray(grey)
