"""The built-in encoders: training-free descriptors that need no weights and answer when no others can be had.

Pictures: shape (histograms of oriented gradients, Dalal and Triggs 2005), colour (HSV histogram and a tiny
Lab thumbnail) and texture (local binary patterns, Ojala 2002), each of unit length, joined by fixed weights.
Styles: patterns at three scales, strength of edges, and colours, none with its place: brush, not subject.
Faces: local binary patterns of the aligned crop alone; in colour and outline, light and pose would decide.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from engines.base import unit_rows
from engines.networks.network import Descriptor, Forward

_SIDE = 96  # pixels


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)


def _unit(row: np.ndarray) -> np.ndarray:
    return unit_rows(row[None])[0]


def gradients(image: np.ndarray, cell: int) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (K,): orientations of edges per block of 2 x 2 cells, unit length."""
    from skimage.feature import hog

    cells = hog(_grey(image), orientations=9, pixels_per_cell=(cell, cell), cells_per_block=(2, 2))
    return _unit(cells - cells.mean())  # the mean is alike in all pictures and would hide what differs


def colours(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (128,): roots of an HSV histogram, unit length."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return _unit(np.sqrt(cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()))


def layout(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (192,): the picture at 8 x 8 in Lab, unit length."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    return _unit(cv2.resize(lab, (8, 8), interpolation=cv2.INTER_AREA).ravel().astype(np.float32) - 128)


def texture(image: np.ndarray, tiles: int) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (10 * tiles**2,): how often each local pattern stands in each tile, unit length."""
    return _pattern_counts(image, tiles, radius=1, kind="uniform", kinds=10)


def face_texture(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (2124,): the same with oriented patterns (Ahonen 2006), of a face and its mirror."""
    sides = [_pattern_counts(side, 6, radius=3, kind="nri_uniform", kinds=59) for side in (image, image[:, ::-1])]
    return _unit(np.sum(sides, axis=0))


def _pattern_counts(image: np.ndarray, tiles: int, radius: int, kind: str, kinds: int) -> np.ndarray:
    from skimage.feature import local_binary_pattern

    patterns = local_binary_pattern(_grey(image), P=8, R=radius, method=kind).astype(np.uint8)
    step = image.shape[0] // tiles
    corners = [(y, x) for y in range(0, step * tiles, step) for x in range(0, step * tiles, step)]
    counts = [np.bincount(patterns[y : y + step, x : x + step].ravel(), minlength=kinds) for y, x in corners]
    return _unit(np.sqrt(np.concatenate(counts)))


def strokes(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (177,): local patterns at radius 1, 2 and 4 over the whole picture, unit length."""
    counts = [_pattern_counts(image, 1, radius=r, kind="nri_uniform", kinds=59) for r in (1, 2, 4)]
    return _unit(np.concatenate(counts))


def edges(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (48,): roots of histograms of edge strength at scales 1, 1/2 and 1/4, unit length."""
    counts = []
    for scale in (1, 1 / 2, 1 / 4):
        small = cv2.resize(_grey(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
        counts.append(np.histogram(np.log1p(np.hypot(across, down)), bins=16, range=(0, 7))[0])
    return _unit(np.sqrt(np.concatenate(counts)))


def tones(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (64,): roots of a histogram of saturation and lightness, unit length."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return _unit(np.sqrt(cv2.calcHist([hsv], [1, 2], None, [8, 8], [0, 256, 0, 256]).ravel()))


Part = tuple[float, Callable[[np.ndarray], np.ndarray]]
_PICTURE: tuple[Part, ...] = (
    (1.0, lambda image: gradients(image, 16)),
    (0.7, colours),
    (0.7, lambda image: texture(image, 3)),
    (0.5, layout),
)
_STYLE: tuple[Part, ...] = ((1.0, strokes), (1.0, edges), (0.7, tones), (0.5, colours))
_FACE: tuple[Part, ...] = ((1.0, face_texture),)


def _joined(parts: tuple[Part, ...]) -> Forward:
    def describe(image: np.ndarray) -> np.ndarray:
        return np.concatenate([weight * part(image) for weight, part in parts])

    def forward(pixels: np.ndarray) -> np.ndarray:
        return np.stack([describe(image) for image in pixels])

    return forward


PICTURE = Descriptor(
    "builtin",
    dim=1310,
    size=_SIDE,
    forward=_joined(_PICTURE),
    about="training-free descriptor of shape, colour and texture",
    settings={"descriptor": "picture-1"},
)
STYLE = Descriptor(
    "builtin",
    dim=417,
    size=2 * _SIDE,
    forward=_joined(_STYLE),
    about="training-free descriptor of strokes, edges and colours",
    settings={"descriptor": "style-1"},
)
FACE = Descriptor(
    "builtin",
    dim=2124,
    size=_SIDE,
    forward=_joined(_FACE),
    about="training-free texture descriptor of the aligned face",
    settings={"descriptor": "face-1"},
)
