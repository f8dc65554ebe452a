"""Features of the pixels that complement those of a network: colours, layout and outlines.

All are smooth functions of the pixels, without hard bins, so that machines agree despite rounding. Outlines are
edge strengths by direction and cell (HOG: Dalal and Triggs 2005); colours are a joint histogram of hue, saturation
and lightness.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIZE = 56  # pixels: side of the picture that the features are computed from
CELLS = 7  # per side, for outlines and layout
GREY = np.array([0.299, 0.587, 0.114], np.float32)
DIRECTIONS = 9  # of edges, over half a turn
HUES, LIGHTS = 12, 5
COLOURS = (1 + 2 * HUES) * LIGHTS
LENGTHS = {"outline": DIRECTIONS * CELLS**2, "colour": COLOURS, "layout": 3 * CELLS**2}


def describe(pixels: np.ndarray, names: Sequence[str] = tuple(LENGTHS)) -> dict[str, np.ndarray]:
    """Computes features.

    Args:
        pixels: (N, S, S, 3) uint8 RGB.
        names: The features to compute.

    Returns:
        (N, LENGTHS[name]) float32, by name.
    """
    opponent = _opponent(pixels)
    return {name: _FEATURES[name](opponent).reshape(len(pixels), LENGTHS[name]) for name in names}


def cells(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Splits outline and colour into contributions of cells, (N, CELLS, CELLS, LENGTHS[name]), by name."""
    opponent = _opponent(pixels)
    kinds, lights = _shades(opponent)
    colours = (kinds[:, :, None] * lights[:, None]).reshape(-1, COLOURS, SIZE, SIZE)
    shares = _pooled(colours).transpose(0, 2, 3, 1)
    root = np.sqrt(shares.mean(axis=(1, 2), keepdims=True) + _LEAST)
    own = np.eye(CELLS**2, dtype=np.float32).reshape(CELLS, CELLS, CELLS**2, 1)
    return {
        "outline": (_outline(opponent)[:, :, :, None] * own).reshape(-1, CELLS, CELLS, LENGTHS["outline"]),
        "colour": (shares + _LEAST) / root / np.float32(CELLS**2),
    }


_LEAST = np.float32(2**-17)  # added under roots, whose slope is infinite at 0
_POOL = np.repeat(np.eye(CELLS, dtype=np.float32), SIZE // CELLS, axis=0) * np.float32(CELLS / SIZE)


def _pooled(values: np.ndarray) -> np.ndarray:
    """Averages (N, L, SIZE, SIZE) over cells: (N, L, CELLS, CELLS)."""
    return _POOL.T @ (values @ _POOL)


def _opponent(pixels: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 -> (N, 3, SIZE, SIZE) float32: grey, 0..1; red less green, yellow less blue, -1..1."""
    small = np.stack([cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for image in pixels])
    red, green, blue = small.transpose(3, 0, 1, 2).astype(np.float32) / 255
    grey = GREY[0] * red + GREY[1] * green + GREY[2] * blue
    return np.stack([grey, red - green, (red + green) / 2 - blue], axis=1)


def _circle(whole: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns cosines and sines of `count` directions, spaced evenly over `whole` radians: (count, 1, 1) each."""
    turns = (whole * np.arange(count) / count).reshape(-1, 1, 1)
    return np.cos(turns).astype(np.float32), np.sin(turns).astype(np.float32)


def _layout(opponent: np.ndarray) -> np.ndarray:
    """Returns the mean colour of each cell, (N, CELLS, CELLS, 3), of (N, 3, SIZE, SIZE) opponent colours."""
    return _pooled(opponent - np.array([0.5, 0, 0], np.float32).reshape(3, 1, 1)).transpose(0, 2, 3, 1)


def _outline(opponent: np.ndarray) -> np.ndarray:
    """Returns the edge strength by cell and direction, (N, CELLS, CELLS, DIRECTIONS), of (N, 3, SIZE, SIZE).

    Each cell is divided by the strength of its neighbourhood, then clipped at 1.
    """
    wide = np.pad(opponent[:, :1], ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    across, down = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2], wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    cosines, sines = _circle(np.pi, DIRECTIONS)
    strength = np.sqrt(across**2 + down**2 + np.float32(2**-20))
    along = across / strength * cosines + down / strength * sines
    for _ in range(3):
        along *= along  # the eighth power
    along *= strength
    edges = _pooled(along).transpose(0, 2, 3, 1)
    energy = np.square(edges).sum(axis=-1)
    around = np.stack([cv2.blur(of, (3, 3), borderType=cv2.BORDER_REPLICATE) for of in energy])[..., None]
    return np.minimum(edges / np.sqrt(around + np.float32(2**-13)), 1)


def _colour(opponent: np.ndarray) -> np.ndarray:
    """Returns the root of each colour's share of the pixels, (N, 1 + 2 HUES, LIGHTS), of (N, 3, SIZE, SIZE)."""
    kinds, lights = (shades.reshape(len(opponent), -1, SIZE**2) for shades in _shades(opponent))
    return np.sqrt(kinds @ lights.transpose(0, 2, 1) / np.float32(SIZE**2) + _LEAST)


def _shades(opponent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assigns the pixels of (N, 3, S, S) softly to chromatic classes and to levels of lightness.

    Returns:
        (N, 1 + 2 HUES, S, S), grey and then each hue pale and strong; and (N, LIGHTS, S, S). Both sum to 1 per
        pixel.
    """
    grey, warm, yellow = (opponent[:, channel, None] for channel in range(3))
    cosines, sines = _circle(2 * np.pi, HUES)
    strength = np.sqrt(warm**2 + yellow**2 + _LEAST)
    hue = np.maximum(warm / strength * cosines + yellow / strength * sines, 0)
    hue *= hue
    hue *= hue
    hue *= hue * hue  # the twelfth power
    coloured, strong = np.clip(strength * 4, 0, 1), np.clip((strength - np.float32(0.125)) * 2.5, 0, 1)
    hue *= coloured / (hue.sum(axis=1, keepdims=True) + _LEAST)
    strong = hue * strong
    kinds = np.concatenate([1 - coloured, hue - strong, strong], axis=1)
    levels = np.linspace(0, 1, LIGHTS, dtype=np.float32).reshape(-1, 1, 1)
    return kinds, np.maximum(1 - np.abs(grey - levels) * (LIGHTS - 1), 0)


_FEATURES = {"outline": _outline, "colour": _colour, "layout": _layout}
