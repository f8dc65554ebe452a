"""The one way any image is opened, for catalogues and for queries alike."""

from __future__ import annotations

import contextlib
import math
import re
import threading
import unicodedata
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageCms import ImageCmsTransform

from engines import Box
from features.catalogue import colour, jpeg
from features.catalogue.formats import Opened, check_kind, opened, too_large
from features.errors import ImageError
from features.limits import LIMITS, MB

LONGEST_SIDE = 1600  # pixels; larger pictures are shrunk to it
TURNS = {  # EXIF's Orientation -> what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = [TURNS[number] for number in (5, 6, 7, 8)]
warnings.filterwarnings(
    "ignore", module=r"PIL|pillow_jxl|features\."
)  # odd metadata and the like: the pixels count
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


def read_bytes(path: Path) -> bytes:
    """Raises ImageError for what is missing, unreadable, empty, too large, or of a kind that we don't read."""
    check_kind(path.name)
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):  # a pipe would be waited for, a device read without end
            raise ImageError("images.not_a_file")
        if stat.st_size > LIMITS.picture:
            raise ImageError("images.too_many_bytes", megabytes=LIMITS.picture // MB)
        data = path.read_bytes()
    except FileNotFoundError as error:
        if (other := _written_otherwise(path)) is not None:
            return read_bytes(other)
        if re.match(r"(https?|ftp|s3|gs):/", str(path)):
            raise ImageError("images.web_address") from error
        raise ImageError("images.missing") from error
    except PermissionError as error:
        raise ImageError("images.no_permission") from error
    except OSError as error:
        raise ImageError("images.read_error", reason=error.strerror or error) from error
    if not data:
        raise ImageError("images.empty")
    return data


def _written_otherwise(path: Path) -> Path | None:
    """The file beside it whose name only looks the same: é is one letter, or two."""
    if path.name.isascii():
        return None
    name = unicodedata.normalize("NFC", path.name)
    with contextlib.suppress(OSError):
        for other in path.parent.iterdir():
            if other.name != path.name and unicodedata.normalize("NFC", other.name) == name:
                return other
    return None


def decode(data: bytes, side: int | None = None, box: Box | None = None, longest: int = LONGEST_SIDE) -> Picture:
    """Bytes of a picture file -> upright RGB; the first frame of an animation; transparency on white.

    Colours are converted to sRGB where the file has a profile of others. Of a RAW file the embedded preview is
    decoded. A JPEG that lacks its end mark is taken where no pixel is missing.

    side: pixels that are enough for the shorter side, where the picture may be made smaller at once: a JPEG is
    decoded at a fraction, what is then still larger is averaged over whole blocks. box: only that part of it, in
    pixels of the upright picture at its full size; `side` is then of the part. longest: pixels of the longer side
    above which it is shrunk. Raises ImageError.
    """
    if jpeg.ends_in_zeros(data) and not jpeg.completed(data):
        raise ImageError("images.damaged")
    try:
        return _decoded(data, side, box, longest)
    except UnidentifiedImageError as error:
        raise ImageError("images.no_picture") from error
    except ImageError:
        raise
    except Exception as error:  # whatever a decoder may raise for bytes that make no sense
        whole = jpeg.completed(data)
        if whole:
            return decode(whole, side, box, longest)
        raise ImageError("images.damaged") from error


def _decoded(data: bytes, side: int | None, box: Box | None, longest: int) -> Picture:
    file = opened(data, LIMITS.other_pixels)
    with file.image as image, _queued(image):
        _check_pixels(image)
        turn = _turn(file)
        width, height = _upright_size(image, turn)
        left, top, right, bottom = box or (0, 0, width, height)
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise ImageError(
                "images.box_outside", left=left, top=top, right=right, bottom=bottom, width=width, height=height
            )
        part = min(width, height) / min(right - left, bottom - top)
        least = math.ceil((side or longest) * part)
        enough = least, least
        if width * height > LIMITS.other_pixels:  # a long strip too must be decoded at a fraction
            across, down = (max(1, pixels * longest // max(image.size)) for pixels in image.size)
            enough = min(least, across), min(least, down)
        image.draft("RGB", enough)  # JPEG only: decodes at 1/2, 1/4 or 1/8
        image.load()
        upright, transform = _flattened(image)
        if side and (times := int(min(upright.size) / part) // side) > 1:
            upright = upright.reduce(times)
        if turn is not None:
            upright = upright.transpose(turn)
        if box:
            wide, high = upright.size  # edges outwards, in whole numbers
            corner = left * wide // width, top * high // height
            upright = upright.crop((*corner, -(-right * wide // width), -(-bottom * high // height)))
        upright.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
        if transform:
            upright = colour.applied(upright, transform)
        pixels = np.asarray(upright)
    return Picture(pixels, right - left, bottom - top, left, top)


def _check_pixels(image: Image.Image) -> None:
    """Raises ImageError for a picture that takes too much memory to decode."""
    kind = "progressive JPEG" if image.info.get("progressive") else str(image.format)
    known = [LIMITS.pixels[one] for one in (kind, image.mode) if one in LIMITS.pixels]
    limit = min(known, default=LIMITS.other_pixels)
    if image.width * image.height > limit:
        raise too_large(image.width, image.height, limit)


def _queued(image: Image.Image) -> AbstractContextManager[Any]:
    """Large pictures are decoded one at a time."""
    scaled = image.format in ("JPEG", "MPO") and not image.info.get("progressive")  # in the decoder
    return nullcontext() if scaled or image.width * image.height <= LIMITS.large else _one_large


def open_image(
    path: Path, side: int | None = None, box: Box | None = None, longest: int = LONGEST_SIDE
) -> Picture:
    """See `decode`. Raises ImageError."""
    return decode(read_bytes(Path(path)), side, box, longest)


def transparency(path: Path) -> np.ndarray | None:
    """How opaque an upright picture is, (H, W) uint8 at its full size; None without transparency.

    Raises ImageError.
    """
    try:
        file = opened(read_bytes(path), LIMITS.other_pixels)
        with file.image as image, _queued(image):
            _check_pixels(image)
            if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
                return None
            turn = _turn(file)
            alpha = image.convert("RGBA").getchannel("A")
            return np.asarray(alpha if turn is None else alpha.transpose(turn))
    except ImageError:
        raise
    except Exception as error:  # as above
        raise ImageError("images.damaged") from error


def full_size(path: Path) -> tuple[int, int]:
    """Width and height of the upright picture; only its head is decoded. Raises ImageError."""
    try:
        file = opened(read_bytes(path), LIMITS.other_pixels)
        with file.image as image:
            return _upright_size(image, _turn(file))
    except ImageError:
        raise
    except Exception as error:  # as above
        raise ImageError("images.no_picture") from error


def decodes_anew(data: bytes) -> bool:
    """Whether a picture may have other pixels than the decoder before this one gave; only its head is decoded.

    That one knew neither colour profiles nor greys of fewer than 16 bits.
    """
    try:
        with opened(data, LIMITS.other_pixels).image as image:
            if image.mode.startswith("I") or image.mode == "F":
                return True
            mode = image.mode if image.mode in ("L", "LA", "CMYK") else "RGB"
            return colour.converter(image.info.get("icc_profile"), mode) is not None
    except Exception:  # it had no pixels before, and has none now
        return False


def _turn(file: Opened) -> Image.Transpose | None:
    """What makes the picture upright, by its tags. A TIFF is turned by Pillow."""
    return None if file.image.format == "TIFF" else TURNS.get(file.exif().get(0x0112, 1))


def _upright_size(image: Image.Image, turn: Image.Transpose | None) -> tuple[int, int]:
    return (image.height, image.width) if turn in SIDEWAYS else image.size


def _flattened(image: Image.Image) -> tuple[Image.Image, ImageCmsTransform | None]:
    """Any Pillow mode -> RGB, transparency on white; no copy is made without need.

    A colour profile is left for the caller to apply, with the picture in its own mode: a smaller one costs less.
    """
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = colour.eight_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
        if transform := colour.converter(profile, image.mode):
            image = colour.applied(image, transform)
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image)
        return white, None
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    transform = colour.converter(profile, image.mode)
    return (image if transform or image.mode == "RGB" else image.convert("RGB")), transform
