"""Colour: the same palette and texture, whatever the subject. It needs no weights and no training.

This is the shortest useful engine, and a template for your own.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.base import Card, Crop, Engine, register, unit_rows
from engines.messages import Message

TILES = 3  # per side; each has its own histogram of patterns


@register
class Colour(Engine):
    """Concatenates a colour histogram, a coarse layout in Lab, and histograms of local binary patterns."""

    name = "colour"
    version = 2
    side = 96

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        small = (cv2.resize(crop.pixels, (self.side, self.side), interpolation=cv2.INTER_AREA) for crop in crops)
        rows = [np.concatenate([colours(image), texture(image), 0.5 * layout(image)]) for image in small]
        return unit_rows(np.reshape(rows, (len(rows), 410)))

    def describe(self) -> Card:
        return Card(
            title=Message("titles.colour"),
            alike=Message("alike.colour"),
            dim=410,
            network="builtin",
            weights=Message("weights.none_needed"),
            licence="MIT",
            order=40,
        )


def colours(image: np.ndarray) -> np.ndarray:
    """Returns the square roots of the HSV histogram of a (S, S, 3) uint8 RGB picture: (128,), unit length."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    return _unit(np.sqrt(cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256]).ravel()))


def layout(image: np.ndarray) -> np.ndarray:
    """Returns a (S, S, 3) uint8 RGB picture shrunk to 8 x 8 pixels in Lab: (192,), unit length."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    return _unit(cv2.resize(lab, (8, 8), interpolation=cv2.INTER_AREA).ravel().astype(np.float32) - 128)


def texture(image: np.ndarray) -> np.ndarray:
    """Returns histograms of local binary patterns (Ojala 2002), one per tile.

    Args:
        image: (S, S, 3) uint8 RGB.

    Returns:
        (90,), the square roots of the counts, unit length.
    """
    from skimage.feature import local_binary_pattern

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    patterns = local_binary_pattern(grey, P=8, R=1, method="uniform").astype(np.uint8)
    step = image.shape[0] // TILES
    corners = [(y, x) for y in range(0, step * TILES, step) for x in range(0, step * TILES, step)]
    counts = [np.bincount(patterns[y : y + step, x : x + step].ravel(), minlength=10) for y, x in corners]
    return _unit(np.sqrt(np.concatenate(counts)))


def _unit(row: np.ndarray) -> np.ndarray:
    return unit_rows(row[None])[0]
