"""Style transfer from files to a file; how it is done is in engines/networks/transfer.py."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines import SemblanceError
from engines.messages import joined
from engines.networks import transfer as pixels
from engines.networks.transfer import LEAST, MOST, STEPS, Chosen, Frame, choose
from features.catalogue.images import open_image
from features.errors import ImageError

__all__ = ["FORMATS", "LEAST", "MOST", "STEPS", "Chosen", "Frame", "check_output", "choose", "save", "transfer"]

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def transfer(content: Path, style: Path, chosen: Chosen, **how: Any) -> Iterator[Frame]:
    """The content in the style, frame by frame. how: as in engines/networks/transfer.py.

    Raises ImageError, with the path, when one can't be opened, and SemblanceError for what is out of range.
    """
    return pixels.transfer(_opened(content), _opened(style), chosen, **how)


def check_output(out: Path, *inputs: Path) -> None:
    """Before the work: raises SemblanceError for what could not be written, or would be written over."""
    if out.suffix.lower() not in FORMATS:
        raise SemblanceError("export.unknown_suffix", out=out, choices=", ".join(FORMATS))
    if out.is_dir() or not out.parent.is_dir():
        raise SemblanceError("export.no_folder", out=out)
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise SemblanceError("paint.same_file", out=out)


def save(picture: np.ndarray, out: Path) -> None:
    """(H, W, 3) uint8 RGB -> a picture file of the kind that its suffix tells, whole or not at all."""
    made = io.BytesIO()
    Image.fromarray(picture).save(made, FORMATS[out.suffix.lower()], quality=92)
    partial = out.with_name(f"{out.name}.part")
    try:
        partial.write_bytes(made.getbuffer())
        os.replace(partial, out)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise SemblanceError("export.not_writable", out=out, reason=error.strerror) from error


def _opened(path: Path) -> np.ndarray:
    try:
        return open_image(path).pixels
    except ImageError as error:
        raise ImageError(joined((str(path), error.message), ": ")) from error
