"""Painting from files to files: at once by networks/stylization.py, slowly by networks/transfer.py of engines/."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from engines import SemblanceError
from engines.messages import joined
from engines.networks import stylization
from engines.networks import transfer as pixels
from engines.networks.stylization import Look
from engines.networks.transfer import LEAST, MOST, STEPS, Chosen, Frame, choose
from features.catalogue.formats import is_image_name
from features.catalogue.images import LONGEST_SIDE, open_image, transparency
from features.errors import ImageError

__all__ = [
    "FORMATS",
    "GATYS",
    "INSTANT",
    "LEAST",
    "METHODS",
    "MOST",
    "STEPS",
    "Chosen",
    "Frame",
    "Look",
    "check_output",
    "choose",
    "paint",
    "pictures_of",
    "save",
    "transfer",
]

METHODS = INSTANT, GATYS = "instant", "gatys"

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def transfer(content: Path, style: Path, chosen: Chosen, **how: Any) -> Iterator[Frame]:
    """The content in the style, frame by frame. how: as in engines/networks/transfer.py.

    Raises ImageError, with the path, when one can't be opened, and SemblanceError for what is out of range.
    """
    return pixels.transfer(_opened(content), _opened(style), chosen, **how)


def paint(
    content: Path, styles: Sequence[Path], look: Look, weights: Sequence[float] | None = None
) -> Iterator[Frame]:
    """Paints the content in the mixed style of some pictures, at once; see stylization.paint.

    Yields:
        Frames; a photo with transparency keeps it, in (H, W, 4) uint8 RGBA.

    Raises:
        ImageError: A picture can't be opened; with its path.
        SemblanceError: An option is out of range.
    """
    photo = _opened(content, longest=stylization.MOST)
    alpha = transparency(content)
    for frame in stylization.paint(photo, [_opened(style) for style in styles], look, weights):
        if alpha is not None:
            height, width = frame.pixels.shape[:2]
            shown = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
            frame = replace(frame, pixels=np.dstack([frame.pixels, shown]))
        yield frame


def pictures_of(place: Path) -> list[Path]:
    """Returns the picture itself, or all pictures below a folder. Raises SemblanceError if there are none."""
    if not place.is_dir():
        return [place]
    found = [path for path in sorted(place.rglob("*")) if path.is_file() and is_image_name(path.name)]
    if not found:
        raise SemblanceError("paint.nothing", folder=place)
    return found


def check_output(out: Path, *inputs: Path) -> None:
    """Before the work: raises SemblanceError for what could not be written, or would be written over."""
    if out.suffix.lower() not in FORMATS:
        raise SemblanceError("export.unknown_suffix", out=out, choices=", ".join(FORMATS))
    if out.is_dir() or not out.parent.is_dir():
        raise SemblanceError("export.no_folder", out=out)
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise SemblanceError("paint.same_file", out=out)


def save(picture: np.ndarray, out: Path) -> None:
    """Writes a picture file of the kind that its suffix names, whole or not at all.

    Args:
        picture: (H, W, 3) uint8 RGB, or (H, W, 4) with transparency, which is white in a JPEG.
        out: The file.

    Raises:
        SemblanceError: It can't be written.
    """
    image, made = Image.fromarray(picture), io.BytesIO()
    if image.mode == "RGBA" and FORMATS[out.suffix.lower()] == "JPEG":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    image.save(made, FORMATS[out.suffix.lower()], quality=92)
    partial = out.with_name(f"{out.name}.part")
    try:
        partial.write_bytes(made.getbuffer())
        os.replace(partial, out)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise SemblanceError("export.not_writable", out=out, reason=error.strerror) from error


def _opened(path: Path, longest: int = LONGEST_SIDE) -> np.ndarray:
    try:
        return open_image(path, longest=longest).pixels
    except ImageError as error:
        raise ImageError(joined((str(path), error.message), ": ")) from error
