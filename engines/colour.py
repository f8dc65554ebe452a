"""Palette and texture: alike in colours and in pattern, whatever the subject. No weights, no training.

The shortest useful engine there is: a model to copy for one of your own.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.base import Card, Crop, Engine, register, unit_rows
from engines.networks.builtin import colours, layout, texture


@register
class Colour(Engine):
    name = "colour"
    version = 2
    side = 96

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        small = (cv2.resize(crop.pixels, (self.side, self.side), interpolation=cv2.INTER_AREA) for crop in crops)
        rows = [np.concatenate([colours(image), texture(image, 3), 0.5 * layout(image)]) for image in small]
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
