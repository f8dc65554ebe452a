"""What the three sample sets share: an anti-aliased canvas in its own units, noise, light, saving."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Array = NDArray[np.float32]
Points = ArrayLike
_SHIFT = 5  # sub-pixel bits that OpenCV's polygon functions take


def seeded(*key: object) -> np.random.Generator:
    """A generator that depends on `key` alone, the same in every process."""
    return np.random.default_rng(list(hashlib.sha256("/".join(map(str, key)).encode()).digest()))


@lru_cache(maxsize=512)
def _parse(code: str) -> tuple[float, float, float]:
    return tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))


def colour(code: str | Sequence[float]) -> Array:
    """'#rrggbb' (or three numbers already in 0..1) as a (3,) float32 array in 0..1."""
    return np.array(_parse(code) if isinstance(code, str) else code, np.float32)


def mix(a: str | Sequence[float], b: str | Sequence[float], t: float) -> Array:
    """The colour `t` of the way from a (0) to b (1)."""
    return colour(a) * np.float32(1 - t) + colour(b) * np.float32(t)


def smoothstep(low: float, high: float, x: Array) -> Array:
    """0 below low, 1 above high, a soft S between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def soft(image: Array, sigma: float) -> Array:
    """Gaussian blur; wide ones are done on a smaller copy, where they cost little."""
    if sigma < 0.3:
        return image
    if sigma < 6:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    h, w = image.shape[:2]
    step = sigma / 3
    small = cv2.resize(image, (max(2, round(w / step)), max(2, round(h / step))), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), (w, h), interpolation=cv2.INTER_CUBIC)


def noise(rng: np.random.Generator, h: int, w: int, cells: float, octaves: int = 3, stretch: float = 1.0) -> Array:
    """Smooth fractal noise, (h, w), about -1..1; `cells` blobs go across, and down `stretch` times as densely."""
    total = np.zeros((h, w), np.float32)
    for octave in range(octaves):
        columns = max(2, round(cells * 2**octave))
        rows = max(2, round(columns * stretch * h / w))
        layer = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        total += cv2.resize(layer, (w, h), interpolation=cv2.INTER_CUBIC) * np.float32(0.5**octave)
    return total / np.float32(1.4)


def spline(points: Points, closed: bool = False, steps: int = 10) -> Array:
    """A Catmull-Rom curve through (n, 2) points, as a finer (m, 2) polyline."""
    p = np.asarray(points, np.float32)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    q = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False, dtype=np.float32)[None, :, None]
    a, b, c, d = (q[i : len(q) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def mirrored(half: Points) -> Array:
    """Close a symmetric outline: points of the right half from top to bottom, and their mirror images back up."""
    p = np.asarray(half, np.float32)
    return np.concatenate([p, (p * [-1, 1])[::-1]])


def normals(height: Array, unit: float) -> tuple[Array, Array, Array]:
    """Unit normals (x right, y down, z to the viewer) of an (h, w) height map whose pixel is 1/unit wide."""
    gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) * np.float32(unit / 8)
    gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) * np.float32(unit / 8)
    length = np.sqrt(gx * gx + gy * gy + 1)
    return -gx / length, -gy / length, 1 / length


def unit_vector(x: float, y: float, z: float) -> tuple[float, float, float]:
    """(x, y, z) at length 1."""
    return tuple(float(v) for v in np.array([x, y, z]) / np.linalg.norm([x, y, z]))


class Canvas:
    """An RGB picture with coverage, drawn in units: (0, 0) is `centre` in pixels and one unit is `unit` pixels.

    rgb is (h, w, 3) and alpha (h, w), both float32 in 0..1; masks are (h, w) float32 in 0..1.
    x is (1, w) and y (h, 1): where the pixels lie, in units.
    """

    def __init__(self, width: int, height: int, unit: float, centre: tuple[float, float] | None = None):
        self.width, self.height, self.unit = width, height, unit
        self.centre = centre or (width / 2, height / 2)
        self.rgb = np.zeros((height, width, 3), np.float32)
        self.alpha = np.zeros((height, width), np.float32)
        self.x = ((np.arange(width, dtype=np.float32) - np.float32(self.centre[0])) / np.float32(unit))[None, :]
        self.y = ((np.arange(height, dtype=np.float32) - np.float32(self.centre[1])) / np.float32(unit))[:, None]

    def pixels(self, points: Points) -> NDArray[np.int32]:
        """Points in units as OpenCV's fixed-point pixels."""
        p = np.asarray(points, np.float32) * self.unit + np.float32(self.centre)
        return np.round(p * (1 << _SHIFT)).astype(np.int32)

    def polygon(self, *outlines: Points) -> Array:
        """The mask of straight-edged polygons (a second outline inside the first is a hole)."""
        image = np.zeros((self.height, self.width), np.uint8)
        cv2.fillPoly(image, [self.pixels(o) for o in outlines], 255, cv2.LINE_AA, _SHIFT)
        return image.astype(np.float32) / np.float32(255)

    def curve(self, points: Points) -> Array:
        """The mask inside a smooth closed curve through the points."""
        return self.polygon(spline(points, closed=True))

    def ellipse(self, x: float, y: float, rx: float, ry: float | None = None, angle: float = 0.0) -> Array:
        """The mask of an ellipse turned by `angle` degrees."""
        t = np.linspace(0, 2 * np.pi, 64, endpoint=False, dtype=np.float32)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        u, v = rx * np.cos(t), (rx if ry is None else ry) * np.sin(t)
        return self.polygon(np.stack([x + u * c - v * s, y + u * s + v * c], 1))

    def line(self, points: Points, width: float, smooth: bool = True, closed: bool = False) -> Array:
        """The mask of a line `width` units thick through the points."""
        path = spline(points, closed) if smooth else np.asarray(points, np.float32)
        image = np.zeros((self.height, self.width), np.uint8)
        thickness = width * self.unit
        cv2.polylines(image, [self.pixels(path)], closed, 255, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)
        return image.astype(np.float32) * np.float32(min(1.0, thickness) / 255)

    def taper(self, points: Points, width: float, ends: tuple[float, float] = (0.1, 0.1)) -> Array:
        """The mask of a smooth stroke, `width` thick in its middle and `ends` times that at its two ends."""
        path = spline(points)
        along = np.gradient(path, axis=0)
        across = along[:, ::-1] * [-1, 1] / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-6)
        t = np.linspace(0, 1, len(path))
        thick = np.interp(t, [0, 0.45, 0.6, 1], [ends[0], 1, 1, ends[1]])[:, None] * width / 2
        return self.polygon(np.concatenate([path + across * thick, (path - across * thick)[::-1]]))

    def soft(self, mask: Array, radius: float) -> Array:
        """`mask` blurred by `radius` units."""
        return soft(mask, radius * self.unit)

    def spot(self, x: float, y: float, rx: float, ry: float | None = None) -> Array:
        """A soft round bump: 1 at (x, y), fading like a bell with radii rx, ry."""
        return np.exp(-(((self.x - x) / rx) ** 2)) * np.exp(-(((self.y - y) / (ry or rx)) ** 2))

    def paint(self, mask: Array, paint: str | ArrayLike, opacity: float = 1.0) -> None:
        """Lay a colour, or an (h, w, 3) picture, over the canvas where the mask is."""
        x, y, w, h = cv2.boundingRect((mask > 0.002).view(np.uint8))
        if not w:
            return
        box = np.s_[y : y + h, x : x + w]
        source = colour(paint) if isinstance(paint, str) else np.asarray(paint, np.float32)
        source = np.broadcast_to(source, self.rgb.shape)[box] if source.ndim == 3 else source
        cover = mask[box] * np.float32(opacity)
        below = self.alpha[box]
        above = cover + below * (1 - cover)
        weight = (cover / np.maximum(above, 1e-6))[..., None]
        self.rgb[box] += (source - self.rgb[box]) * weight
        self.alpha[box] = above

    def tint(self, mask: Array, factor: ArrayLike) -> None:
        """Multiply the colours by `factor` (a number, RGB or an (h, w, 3) picture) in proportion to the mask."""
        x, y, w, h = cv2.boundingRect((mask > 0.002).view(np.uint8))
        box = np.s_[y : y + h, x : x + w]
        factor = np.asarray(factor, np.float32)
        factor = np.broadcast_to(factor, self.rgb.shape)[box] if factor.ndim == 3 else factor
        self.rgb[box] *= 1 + mask[box][..., None] * (factor - 1)

    def over(self, backdrop: Array) -> Array:
        """This canvas laid over an (h, w, 3) backdrop."""
        return backdrop + (self.rgb - backdrop) * self.alpha[..., None]


def inflate(mask: Array, roundness: float) -> Array:
    """A pillow-like height (in pixels) for a mask: rises from the edge over `roundness` pixels, then is flat."""
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    t = np.clip(depth / roundness, 0, 1)
    return soft(np.sqrt(1 - (1 - t) ** 2) * np.float32(roundness), roundness * 0.12 + 0.8)


def grain(rgb: Array, rng: np.random.Generator, amount: float) -> Array:
    """A little luminance noise, so that flat areas do not band."""
    return rgb + rng.standard_normal((*rgb.shape[:2], 1), np.float32) * np.float32(amount)


def save(rgb: Array, path: Path, size: tuple[int, int]) -> None:
    """Write an (h, w, 3) picture in 0..1 as a JPEG of `size` (width, height), all at once or not at all."""
    if (rgb.shape[1], rgb.shape[0]) != size:
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    pixels = (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        Image.fromarray(pixels).save(partial, "JPEG", quality=88, subsampling=0)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
