"""Palette and texture: alike in colours and in pattern, whatever the subject. No weights, no training.

The shortest useful engine there is: a model to copy for one of your own.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.base import Card, Crop, Engine, register, unit_rows

TILES = 3  # across, in which patterns are counted


@register
class Colour(Engine):
    name = "colour"
    version = 2
    side = 96

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        small = (cv2.resize(crop.pixels, (self.side, self.side), interpolation=cv2.INTER_AREA) for crop in crops)
        rows = [np.concatenate([colours(image), texture(image), 0.5 * layout(image)]) for image in small]
        return unit_rows(np.reshape(rows, (len(rows), 410)))

    def describe(self) -> Card:
        return Card(
            title="Colour",
            alike="the same colours in about the same places, and the same fineness of pattern",
            dim=410,
            network="builtin",
            weights="none needed",
            licence="MIT",
            order=40,
        )


def colours(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (128,): roots of an HSV histogram, unit length."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return _unit(np.sqrt(cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()))


def layout(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (192,): the picture at 8 x 8 in Lab, unit length."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    return _unit(cv2.resize(lab, (8, 8), interpolation=cv2.INTER_AREA).ravel().astype(np.float32) - 128)


def texture(image: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 RGB -> (90,): how often each local pattern (Ojala 2002) stands in each tile, unit length."""
    from skimage.feature import local_binary_pattern

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    patterns = local_binary_pattern(grey, P=8, R=1, method="uniform").astype(np.uint8)
    step = image.shape[0] // TILES
    corners = [(y, x) for y in range(0, step * TILES, step) for x in range(0, step * TILES, step)]
    counts = [np.bincount(patterns[y : y + step, x : x + step].ravel(), minlength=10) for y, x in corners]
    return _unit(np.sqrt(np.concatenate(counts)))


def _unit(row: np.ndarray) -> np.ndarray:
    return unit_rows(row[None])[0]
