"""Looks: what is kept of each picture, so that copies are found without opening all of them again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from engines.messages import Message
from features import files, keeping
from features.catalogue.folder import Progress
from features.catalogue.images import decode
from features.errors import ImageError

VERSION = 1  # of what is below: what is kept of another one is made anew
SIDE, TINT = 48, 16  # pixels
SOFT = 0.5  # deviation of the blur before a picture is made small, in pixels of the small one
THREADS = 4  # that open pictures
BATCH = 256  # pictures opened, or pairs compared, between two looks at `cancelled`
KEEP = 4096  # pictures looked at between two writings of the looks


class Look(NamedTuple):
    """What is kept of a picture. size: bytes.

    grey: (SIDE, SIDE) uint8; tint: (TINT, TINT, 2) uint8, red and blue of YCrCb, 128 is none.
    """

    width: int
    height: int
    size: int
    grey: np.ndarray
    tint: np.ndarray


def load(path: Path, version: int) -> Any:
    """A kept file of a version; None where there is none. A damaged one is set aside."""
    try:
        told = keeping.kept_plain(path)
        return told if told["version"] == version else None
    except FileNotFoundError:
        return None
    except Exception:  # whatever a damaged or hostile pickle may raise
        files.set_aside(path)
        return None


def look(data: bytes) -> Look:
    """Of a picture file's bytes. Raises ImageError."""
    picture = decode(data, 3 * SIDE)
    height, width = picture.pixels.shape[:2]
    # blurred first: fine stripes would make patterns of their own, which a crop moves
    soft = cv2.GaussianBlur(
        picture.pixels, (0, 0), max(0.1, SOFT * width / SIDE), sigmaY=max(0.1, SOFT * height / SIDE)
    )
    small = cv2.resize(soft, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    parts = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
    tint = cv2.resize(parts[..., 1:], (TINT, TINT), interpolation=cv2.INTER_AREA)
    return Look(picture.width, picture.height, len(data), np.ascontiguousarray(parts[..., 0]), tint)


def gather(
    digests: Collection[str],
    read: Callable[[str], bytes],
    kept: Path,
    looks: dict[str, Look],
    refused: dict[str, str],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> bool:
    """Fills in looks and refused; False where it was cancelled."""

    def one(digest: str) -> Look | str:
        try:
            return look(read(digest))
        except ImageError as error:
            return str(error)

    looks |= {digest: made for digest, made in _kept_looks(kept).items() if digest in digests}
    pending = sorted(set(digests) - looks.keys())
    unwritten = 0
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            for first in range(0, len(pending), BATCH):
                if cancelled():
                    return False
                progress(first, len(pending), Message("progress.pictures"))
                batch = pending[first : first + BATCH]
                for digest, made in zip(batch, pool.map(one, batch), strict=True):
                    if isinstance(made, str):
                        refused[digest] = made
                    else:
                        looks[digest] = made
                unwritten += len(batch)
                if unwritten >= KEEP:
                    _keep_looks(kept, looks)
                    unwritten = 0
    finally:
        if unwritten:
            _keep_looks(kept, looks)
    return True


def _keep_looks(path: Path, looks: Mapping[str, Look]) -> None:
    """One array for each part: a pickle of so many small ones would be twice as large, and slow."""
    told = {
        "version": VERSION,
        "digests": list(looks),
        "sizes": [(made.width, made.height, made.size) for made in looks.values()],
        "greys": b"".join(made.grey.tobytes() for made in looks.values()),
        "tints": b"".join(made.tint.tobytes() for made in looks.values()),
    }
    told["sum"] = _sum(told)
    keeping.keep_plain(path, told)


def _kept_looks(path: Path) -> dict[str, Look]:
    """A damaged file is set aside."""
    told = load(path, VERSION)
    if told is None:
        return {}
    try:
        if told["sum"] != _sum(told):
            raise ValueError("damaged")
        greys = np.frombuffer(told["greys"], np.uint8).reshape(-1, SIDE, SIDE)
        tints = np.frombuffer(told["tints"], np.uint8).reshape(-1, TINT, TINT, 2)
        made = zip(told["digests"], told["sizes"], greys, tints, strict=True)
        return {
            digest: Look(width, height, size, grey, tint) for digest, (width, height, size), grey, tint in made
        }
    except (KeyError, TypeError, ValueError):
        files.set_aside(path)
        return {}


def _sum(told: Mapping[str, Any]) -> str:
    made = hashlib.sha256(repr((told["digests"], told["sizes"])).encode())
    made.update(told["greys"])
    made.update(told["tints"])
    return made.hexdigest()
