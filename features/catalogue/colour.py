"""From the colours and greys that a file holds to those of sRGB, 8 bits each."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

DEPTHS = (8, 10, 12, 14, 16)  # bits that a 16-bit grey may really hold
BRIGHTEST = 0.001  # share of the pixels that may lie beyond the depth: hot ones
BAND = 64  # rows at a time: float64 of the whole would be four times the picture
SAMPLED = 1_000_000  # values from which the range of a float picture is taken
MAX_PROFILE = 8 << 20  # bytes; profiles of printers have one or two megabytes
SPACES = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}  # what a profile is of -> the mode of its pictures
STEPS = (0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255)


def converter(profile: object, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns what converts pictures of an ICC profile to sRGB, with LittleCMS and the perceptual intent.

    Args:
        profile: As it lies in the file; None where there is none.
        mode: Of the pictures. Their transparency is no matter of the profile.

    Returns:
        None where nothing has to change: without a profile, with that of sRGB, and with one that is damaged or of
        another kind of picture.
    """
    if not isinstance(profile, bytes) or not 0 < len(profile) <= MAX_PROFILE:
        return None
    return _converter(profile, mode[:-1] if mode in ("LA", "RGBA") else mode)


def applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    """Returns the picture in the colours of sRGB: in RGB, or in RGBA if it has transparency."""
    if image.mode not in ("LA", "RGBA"):
        return ImageCms.applyTransform(image, transform) or image
    colours = ImageCms.applyTransform(image.convert(image.mode[:-1]), transform) or image
    colours.putalpha(image.getchannel("A"))
    return colours


@lru_cache(64)
def _converter(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if SPACES.get(opened.profile.xcolor_space.strip()) != mode:
            return None
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(opened, srgb, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return transform if _moves(transform, mode) else None
    except Exception:  # a profile is data of others; whatever LittleCMS says of it, the picture counts
        return None


def _moves(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether any colour of a lattice moves by more than a grey level: sRGB itself comes under many names."""
    if mode == "CMYK":
        return True
    axes = np.meshgrid(*[np.array(STEPS, np.uint8)] * (3 if mode == "RGB" else 1), indexing="ij")
    lattice = np.stack([axis.ravel() for axis in axes], -1)
    colours = lattice if mode == "RGB" else lattice.repeat(3, 1)
    before = Image.fromarray(lattice[None] if mode == "RGB" else lattice[None, :, 0])
    after = ImageCms.applyTransform(before, transform)
    return bool(np.abs(np.asarray(after, int)[0] - colours).max() > 1)


def eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey, 32-bit integers or floats -> 8-bit grey, scaled by what they hold.

    A grey of 10, 12 or 14 bits in 16 is scaled as one of so many bits, which all but the brightest thousandth of
    its pixels fit into. Floats, and integers beyond 16 bits, are stretched from least to greatest value; those
    that lie far from all others are clipped, infinite ones too, and what is no number is black.
    """
    values = np.asarray(image)
    whole = values.dtype.kind in "iu" and values.size > 0 and values.min() >= 0 and values.max() <= 65535
    low, high = (0.0, _deepest(values)) if whole else _range(values)
    grey = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), BAND):
        band = values[top : top + BAND].astype(np.float64)
        band = np.nan_to_num(band, nan=low, posinf=high, neginf=low)
        grey[top : top + BAND] = ((band - low) * (255 / (high - low))).clip(0, 255).round()
    return Image.fromarray(grey)


def _deepest(values: np.ndarray) -> float:
    """The greatest value of the depth that the values, integers of 0 to 65,535, seem to have."""
    counts = np.zeros(65536, np.int64)
    for top in range(0, len(values), BAND):
        counts += np.bincount(values[top : top + BAND].ravel(), minlength=65536)
    held = np.flatnonzero(counts)
    if held[-1] > 255 and not (held % 257).any():  # 8 bits, spread over 16
        return 65535.0
    beyond = values.size - np.cumsum(counts)  # pixels above each value
    brightest = int(np.flatnonzero(beyond <= BRIGHTEST * values.size)[0])
    return float(next(2**bits - 1 for bits in DEPTHS if brightest < 2**bits))


def _range(values: np.ndarray) -> tuple[float, float]:
    """The least and the greatest finite value, but for those that lie apart.

    Those are further from the first or the last percentile than these from each other.
    """
    sample = values.ravel()[:: max(1, values.size // SAMPLED)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    first, last = np.percentile(sample, (1, 99))
    spread = (last - first) or np.inf  # nearly all are equal: nothing tells what lies apart
    low, high = np.inf, -np.inf
    for top in range(0, len(values), BAND):
        band = values[top : top + BAND].astype(np.float64)
        band = band[np.isfinite(band) & (band >= first - spread) & (band <= last + spread)]
        if band.size:
            low, high = min(low, float(band.min())), max(high, float(band.max()))
    return (low, high) if high > low else (low, low + 1.0)
