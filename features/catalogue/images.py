"""The one way any image is opened, for catalogues and for queries alike."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engines import Box
from features.errors import ImageError

LONGEST_SIDE = 1600  # pixels; larger pictures are shrunk to it
MAX_PIXELS = 64_000_000  # more is a bomb, or needs more memory than our users have
MAX_JPEG_PIXELS = 150_000_000  # decoded at a fraction of its size
MAX_BYTES = 512 * 1024 * 1024
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
warnings.filterwarnings("ignore", module=r"PIL|features\.images")  # odd metadata and the like: the pixels count
_NAMED = (*SUFFIXES, *UNSUPPORTED)
Image.MAX_IMAGE_PIXELS = None  # our own limit below is checked before a pixel is decoded


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


def read_bytes(path: Path) -> bytes:
    """Raises ImageError for what is missing, unreadable, empty, too large, or of a kind that we don't read."""
    kind = UNSUPPORTED.get(path.suffix.lower())
    if kind:
        raise ImageError("images.unsupported", kind=kind)
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):  # a pipe would be waited for, a device read without end
            raise ImageError("images.not_a_file")
        if stat.st_size > MAX_BYTES:
            raise ImageError("images.too_many_bytes", megabytes=MAX_BYTES >> 20)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("images.missing") from error
    except PermissionError as error:
        raise ImageError("images.no_permission") from error
    except OSError as error:
        raise ImageError("images.read_error", reason=error.strerror or error) from error
    if not data:
        raise ImageError("images.empty")
    return data


def decode(data: bytes, side: int | None = None, box: Box | None = None) -> Picture:
    """Bytes of a picture file -> upright RGB; the first frame of an animation; transparency on white.

    side: pixels that are enough for the shorter side, where the picture may be made smaller at once: a JPEG is
    decoded at a fraction, what is then still larger is averaged over whole blocks. box: only that part of it, in
    pixels of the upright picture at its full size; `side` is then of the part. Raises ImageError.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            limit = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_PIXELS
            if image.width * image.height > limit:
                raise ImageError(
                    "images.too_many_pixels", width=image.width, height=image.height, limit=limit // 10**6
                )
            width, height = _upright_size(image)
            left, top, right, bottom = box or (0, 0, width, height)
            if not (0 <= left < right <= width and 0 <= top < bottom <= height):
                raise ImageError(
                    "images.box_outside",
                    left=left,
                    top=top,
                    right=right,
                    bottom=bottom,
                    width=width,
                    height=height,
                )
            part = min(width, height) / min(right - left, bottom - top)
            least = math.ceil((side or LONGEST_SIDE) * part)
            enough = least, least
            if width * height > MAX_PIXELS:  # a long strip too must be decoded at a fraction
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
        raise ImageError("images.no_picture") from error
    except ImageError:
        raise
    except Exception as error:  # whatever a decoder may raise for bytes that make no sense
        raise ImageError("images.damaged") from error
    return Picture(np.asarray(upright), right - left, bottom - top, left, top)


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
        raise ImageError("images.no_picture") from error


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
