"""What can be said of a picture before anything is learned: outlines, grain, colours, layout and patterns.

All are smooth functions of the pixels, so that machines agree: none falls to one bin here and to the next there.
Gradients by direction and cell after Dalal and Triggs (2005, HOG); colours as a joint histogram of hue, strength
and lightness. Patterns (Ahonen et al. 2006, for faces) compare whole numbers, which come out the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras import KerasTensor

GREY = np.float16([0.299, 0.587, 0.114]).astype(np.float32)  # constants are float16's: see training.fit.ship
DIRECTIONS = 9  # of edges, over half a turn
HUES, LIGHTS = 12, 5
CELLS = 6  # of the outlines, across
TILES = 3  # of the grain
SPOTS = 6  # of the layout
RADII, QUARTERS = (2, 4), 4  # of the patterns: pixels, and parts across
KINDS = 59  # of patterns: 58 with at most two turns between dark and light around the circle, and all others
COLOURS = (1 + 2 * HUES) * LIGHTS
LENGTHS = {"outline": DIRECTIONS * CELLS**2, "colour": COLOURS, "layout": 3 * SPOTS**2}
LENGTHS["grain"] = 2 * DIRECTIONS * TILES**2
LENGTHS["patterns"] = len(RADII) * KINDS * QUARTERS**2


def describe(pixels: KerasTensor) -> dict[str, KerasTensor]:
    """(N, S, S, 3) float32 RGB, whole numbers 0..255 -> part -> (N, LENGTHS[part]); S at least 36."""
    from keras import ops

    grey, warm, yellow = _opponent(pixels)
    opponent = ops.concatenate([grey - 0.5, warm, yellow], axis=-1)
    spot = pixels.shape[1] // SPOTS
    return {
        "outline": _flat(_outline(_edges(grey, pixels.shape[1] // CELLS))),
        "colour": ops.sqrt(_flat(_colours(grey, warm, yellow)) + 2**-17),
        "layout": _flat(ops.average_pool(opponent, spot, spot)),
        "grain": ops.sqrt(_flat(_grain(grey)) + 2**-17),
        "patterns": ops.sqrt(ops.concatenate([_patterns(pixels, radius) for radius in RADII], axis=-1)),
    }


def cells(pixels: KerasTensor) -> dict[str, KerasTensor]:
    """As `describe`, cell by cell: outline, colour, grain -> (N, CELLS, CELLS, LENGTHS[part]) that sum to it."""
    from keras import ops

    grey, warm, yellow = _opponent(pixels)
    cell = pixels.shape[1] // CELLS
    kinds, lights = _shades(grey, warm, yellow)
    colours = ops.reshape(
        ops.expand_dims(kinds, -1) * ops.expand_dims(lights, -2), (-1, *grey.shape[1:3], COLOURS)
    )
    grain = ops.concatenate([_edges(grey, cell), _edges(ops.average_pool(grey, 2, 2), cell // 2)], axis=-1)
    return {
        "outline": _placed(_outline(_edges(grey, cell)), CELLS),
        "colour": rooted(ops.average_pool(colours, cell, cell), 2**-17),
        "grain": _placed(rooted(grain, 2**-17, TILES), TILES),
    }


def rooted(values: KerasTensor, least: float, across: int = 1) -> KerasTensor:
    """(N, h, w, L) -> the same, whose sum over each of across * across tiles is sqrt(mean + least) of the tile."""
    from keras import ops

    _, h, w, length = values.shape
    tiles = ops.reshape(values, (-1, across, h // across, across, w // across, length)) + least
    root = ops.sqrt(ops.mean(tiles, axis=(2, 4), keepdims=True))
    return ops.reshape(tiles / root * (across * across / (h * w)), (-1, h, w, length))


def _placed(values: KerasTensor, across: int) -> KerasTensor:
    """(N, h, w, L) -> (N, h, w, across * across * L): each position speaks for its own tile alone."""
    from keras import ops

    _, h, w, length = values.shape
    rows, columns = np.arange(h) * across // h, np.arange(w) * across // w
    own = np.eye(across * across, dtype=np.float32)[rows[:, None] * across + columns]
    return ops.reshape(ops.expand_dims(values, 3) * own[..., None], (-1, h, w, across * across * length))


def _opponent(pixels: KerasTensor) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """(N, S, S, 3), 0..255 -> grey, red against green, yellow against blue: (N, S, S, 1) each."""
    from keras import ops

    x = pixels / 255
    grey = ops.sum(x * GREY, axis=-1, keepdims=True)
    return grey, x[..., 0:1] - x[..., 1:2], (x[..., 0:1] + x[..., 1:2]) / 2 - x[..., 2:3]


def _circle(whole: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of `count` directions, evenly over so many radians."""
    turns = whole * np.arange(count) / count
    return np.cos(turns).astype(np.float16).astype(np.float32), np.sin(turns).astype(np.float16).astype(np.float32)


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
    """(N, c, c, d) -> the same: each cell as loud as those around it let it be."""
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
    along = (warm * cosines + yellow * sines) / strength
    hue = ops.power(ops.maximum(along, 0.0), 12)
    hue = hue / (ops.sum(hue, axis=-1, keepdims=True) + 2**-17)
    coloured, strong = ops.clip(strength * 4, 0, 1), ops.clip((strength - 0.125) * 2.5, 0, 1)
    kinds = ops.concatenate([1 - coloured, hue * coloured * (1 - strong), hue * coloured * strong], axis=-1)
    levels = np.linspace(0, 1, LIGHTS, dtype=np.float32)
    return kinds, ops.maximum(1 - ops.abs(grey - levels) * (LIGHTS - 1), 0.0)


def _grain(grey: KerasTensor) -> KerasTensor:
    """(N, S, S, 1) -> (N, TILES, TILES, 2 DIRECTIONS): edges at two scales, tile by tile."""
    from keras import ops

    tile = grey.shape[1] // TILES
    fine, coarse = _edges(grey, tile), _edges(ops.average_pool(grey, 2, 2), tile // 2)
    return ops.concatenate([fine, coarse], axis=-1)


def _patterns(pixels: KerasTensor, radius: int) -> KerasTensor:
    """(N, S, S, 3) -> (N, KINDS * QUARTERS**2): the share of each kind of pattern in each part of the picture."""
    from keras import ops

    side, slant = pixels.shape[1], round(radius * np.sqrt(0.5))
    grey = ops.floor(ops.sum(pixels * np.float32([77, 150, 29]), axis=-1) / 256)
    wide = ops.pad(grey, ((0, 0), (radius, radius), (radius, radius)), mode="symmetric")
    steps = [(0, radius), (slant, slant), (radius, 0), (slant, -slant)]
    circle = steps + [(-down, -right) for down, right in steps]
    code = ops.zeros_like(grey, dtype="int32")
    for bit, (down, right) in enumerate(circle):
        top, left = radius + down, radius + right
        near = wide[:, top : top + side, left : left + side]
        code = code + ops.cast(near >= grey, "int32") * (1 << bit)
    part = side // QUARTERS
    return _flat(ops.average_pool(ops.take(_kinds(), code, axis=0), part, part))


def _kinds() -> np.ndarray:
    """(256, KINDS) float32: the kind of each pattern of eight neighbours, as ones and zeros."""
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2
    kinds = np.where(uniform, np.cumsum(uniform) - 1, KINDS - 1)
    return np.eye(KINDS, dtype=np.float32)[kinds]
