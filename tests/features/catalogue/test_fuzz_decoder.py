"""The decoder under fire: whatever becomes of a picture's bytes, it is a picture within bounds, or one sentence.

Hypothesis mutates small pictures that are made here. In the suite for a few seconds; for longer, say

    SEMBLANCE_FUZZ=100000 python -m pytest tests/test_fuzz.py

which tries so many of each format, at random, and keeps the shortest that fails in .hypothesis/.
"""

from __future__ import annotations

import io
import os
import resource
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from PIL import Image

from features.catalogue.images import LONGEST_SIDE, decode
from features.errors import ImageError
from tests.support.toy import is_one_sentence

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about odd metadata
TRIES = int(os.environ.get("SEMBLANCE_FUZZ", "0"))
MEMORY = 1 << 30  # bytes that no small file may add to what the process has taken
KINDS = {
    "baseline JPEG": ("JPEG", "RGB", {}),
    "progressive JPEG": ("JPEG", "RGB", {"progressive": True}),
    "CMYK JPEG": ("JPEG", "CMYK", {}),
    "PNG": ("PNG", "RGB", {}),
    "PNG of 16 bits": ("PNG", "I;16", {}),
    "palette PNG": ("PNG", "P", {}),
    "transparent PNG": ("PNG", "RGBA", {}),
    "GIF": ("GIF", "P", {}),
    "WebP": ("WEBP", "RGB", {}),
    "lossless WebP": ("WEBP", "RGBA", {"lossless": True}),
    "BMP": ("BMP", "RGB", {}),
    "TIFF": ("TIFF", "RGB", {}),
    "packed TIFF": ("TIFF", "L", {"compression": "tiff_lzw"}),
    "PPM": ("PPM", "RGB", {}),
    "TGA": ("TGA", "RGB", {}),
    "JPEG 2000": ("JPEG2000", "RGB", {}),
    "AVIF": ("AVIF", "RGB", {}),
}
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@cache
def seed(kind: str) -> bytes:
    """A small picture of this kind, with an orientation where the format has one."""
    name, mode, options = KINDS[kind]
    pixels = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 200) if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, name, **options, **({"exif": exif} if name in ("JPEG", "PNG", "WEBP", "TIFF") else {}))
    return file.getvalue()


@some.composite
def mutated(draw: some.DrawFn, kind: str) -> bytes:
    """What a broken disk, a careless program or an attacker makes of a picture."""
    content = bytearray(seed(kind))
    for _ in range(draw(some.integers(1, 4))):
        place = draw(some.integers(0, max(len(content) - 1, 0)))
        match draw(some.sampled_from(["flip", "number", "cut", "repeat", "insert", "drop", "other"])):
            case "flip":
                content[place : place + 1] = bytes([draw(some.integers(0, 255))])
            case "number":
                width, order = draw(some.sampled_from([1, 2, 4])), draw(some.sampled_from(["big", "little"]))
                number = draw(some.sampled_from(NUMBERS)) & (1 << 8 * width) - 1
                content[place : place + width] = number.to_bytes(width, order)
            case "cut":
                del content[place:]
            case "repeat":
                content[place:place] = content[place : place + 64] * draw(some.integers(1, 64))
            case "insert":
                content[place:place] = draw(some.binary(max_size=64))
            case "drop":
                del content[place : place + draw(some.integers(1, 64))]
            case "other":  # the end of a picture of another kind
                content[place:] = seed(draw(some.sampled_from(sorted(KINDS))))[place:]
    return bytes(content)


def test_the_seeds_are_pictures() -> None:
    for kind in KINDS:
        assert decode(seed(kind)).pixels.size, kind


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_becomes_of_a_picture_is_a_picture_or_a_sentence(kind: str) -> None:
    @settings(
        max_examples=TRIES or 40,
        derandomize=not TRIES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(kind), some.sampled_from([None, 1, 8, 224]))
    def fire(content: bytes, side: int | None) -> None:
        try:
            picture = decode(content) if side is None else decode(content, side)
        except ImageError as error:
            refusals.append(str(error))
            return
        pixels = picture.pixels
        assert (pixels.dtype, pixels.ndim, pixels.shape[2]) == (np.uint8, 3, 3) and pixels.size
        assert max(pixels.shape) <= LONGEST_SIDE and min(picture.width, picture.height) >= 1

    refusals: list[str] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fire()
    assert refusals and all(map(is_one_sentence, refusals))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY
