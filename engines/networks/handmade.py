"""Features computed from the pixels alone, beside those of a network: colours, layout and outlines.

All are smooth functions of the pixels, so that machines agree: no value falls into one bin here and into the next
one there. Outlines are edge strengths by direction and cell (Dalal and Triggs 2005, HOG); colours are a joint
histogram of hue, strength and lightness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras import KerasTensor

GREY = np.float32([0.299, 0.587, 0.114])
DIRECTIONS = 9  # of edges, over half a turn
HUES, LIGHTS = 12, 5
CELLS = 7  # across, of outlines and layout
COLOURS = (1 + 2 * HUES) * LIGHTS
LENGTHS = {"outline": DIRECTIONS * CELLS**2, "colour": COLOURS, "layout": 3 * CELLS**2}


def describe(pixels: KerasTensor) -> dict[str, KerasTensor]:
    """Computes every feature.

    Args:
        pixels: (N, S, S, 3) float32 RGB, 0..255; S is a multiple of CELLS.

    Returns:
        Feature -> (N, LENGTHS[feature]) float32.
    """
    from keras import ops

    grey, warm, yellow = _opponent(pixels)
    cell = pixels.shape[1] // CELLS
    opponent = ops.concatenate([grey - 0.5, warm, yellow], axis=-1)
    return {
        "outline": _flat(_outline(_edges(grey, cell))),
        "colour": ops.sqrt(_flat(_colours(grey, warm, yellow)) + 2**-17),
        "layout": _flat(ops.average_pool(opponent, cell, cell)),
    }


def cells(pixels: KerasTensor) -> dict[str, KerasTensor]:
    """As `describe`, cell by cell: outline, colour -> (N, CELLS, CELLS, LENGTHS[feature]) whose sum it is."""
    from keras import ops

    grey, warm, yellow = _opponent(pixels)
    cell = pixels.shape[1] // CELLS
    kinds, lights = _shades(grey, warm, yellow)
    colours = ops.reshape(
        ops.expand_dims(kinds, -1) * ops.expand_dims(lights, -2), (-1, *grey.shape[1:3], COLOURS)
    )
    return {
        "outline": _placed(_outline(_edges(grey, cell))),
        "colour": rooted(ops.average_pool(colours, cell, cell), 2**-17),
    }


def rooted(values: KerasTensor, least: float) -> KerasTensor:
    """(N, h, w, L) -> the same shape, whose sum over positions is sqrt(mean over positions + least)."""
    from keras import ops

    _, h, w, _ = values.shape
    root = ops.sqrt(ops.mean(values, axis=(1, 2), keepdims=True) + least)
    return (values + least) / root / (h * w)


def _placed(values: KerasTensor) -> KerasTensor:
    """(N, c, c, L) -> (N, c, c, c * c * L): each cell fills its own stretch, the rest is 0."""
    from keras import ops

    _, h, w, length = values.shape
    own = np.eye(h * w, dtype=np.float32).reshape(h, w, h * w, 1)
    return ops.reshape(ops.expand_dims(values, 3) * own, (-1, h, w, h * w * length))


def _opponent(pixels: KerasTensor) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """(N, S, S, 3), 0..255 -> grey, red against green, yellow against blue: (N, S, S, 1) each."""
    from keras import ops

    x = pixels / 255
    grey = ops.sum(x * GREY, axis=-1, keepdims=True)
    return grey, x[..., 0:1] - x[..., 1:2], (x[..., 0:1] + x[..., 1:2]) / 2 - x[..., 2:3]


def _circle(whole: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of `count` directions, evenly over so many radians."""
    turns = whole * np.arange(count) / count
    return np.cos(turns).astype(np.float32), np.sin(turns).astype(np.float32)


def _flat(cells: KerasTensor) -> KerasTensor:
    from keras import ops

    return ops.reshape(cells, (-1, int(np.prod(cells.shape[1:]))))


def _edges(grey: KerasTensor, cell: int) -> KerasTensor:
    """(N, S, S, 1) -> (N, S / cell, S / cell, DIRECTIONS): strength of edges of each direction."""
    from keras import ops

    wide = ops.pad(grey, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    across, down = wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2], wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]
    cosines, sines = _circle(np.pi, DIRECTIONS)
    strength = ops.sqrt(across * across + down * down + 2**-20)
    along = (across * cosines + down * sines) / strength
    return ops.average_pool(ops.square(ops.square(ops.square(along))) * strength, cell, cell)


def _outline(cells: KerasTensor) -> KerasTensor:
    """(N, c, c, d) -> the same, each cell divided by the strength of its neighbourhood and clipped at 1."""
    from keras import ops

    around = ops.average_pool(ops.sum(ops.square(cells), axis=-1, keepdims=True), 3, 1, padding="same")
    return ops.minimum(cells / ops.sqrt(around + 2**-13), 1.0)


def _colours(grey: KerasTensor, warm: KerasTensor, yellow: KerasTensor) -> KerasTensor:
    """(N, S, S, 1) each -> (N, 1 + 2 HUES, LIGHTS): the share of the pixels in each colour, sum 1."""
    from keras import ops

    pixels = grey.shape[1] * grey.shape[2]
    kinds, lights = (ops.reshape(of, (-1, pixels, of.shape[-1])) for of in _shades(grey, warm, yellow))
    return ops.matmul(ops.transpose(kinds, (0, 2, 1)), lights) / pixels


def _shades(grey: KerasTensor, warm: KerasTensor, yellow: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """(N, S, S, 1) each -> (N, S, S, 1 + 2 HUES) and (N, S, S, LIGHTS): what each pixel is, sum 1."""
    from keras import ops

    cosines, sines = _circle(2 * np.pi, HUES)
    strength = ops.sqrt(warm * warm + yellow * yellow + 2**-17)
    fourth = ops.square(ops.square(ops.maximum((warm * cosines + yellow * sines) / strength, 0.0)))
    hue = fourth * fourth * fourth
    hue = hue / (ops.sum(hue, axis=-1, keepdims=True) + 2**-17)
    coloured, strong = ops.clip(strength * 4, 0, 1), ops.clip((strength - 0.125) * 2.5, 0, 1)
    kinds = ops.concatenate([1 - coloured, hue * coloured * (1 - strong), hue * coloured * strong], axis=-1)
    levels = np.linspace(0, 1, LIGHTS, dtype=np.float32)
    return kinds, ops.maximum(1 - ops.abs(grey - levels) * (LIGHTS - 1), 0.0)
