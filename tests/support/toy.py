"""A toy engine whose vectors can be read by eye, and the small things that pictures in tests are made of."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines import Card, Crop, Engine, NotEmbeddable, unit_rows
from features.retrieval.results import Answer

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
ORANGE, YELLOW, PINK, WHITE, BLACK = (255, 128, 0), (255, 255, 0), (255, 0, 128), (255, 255, 255), (0, 0, 0)

Colour = tuple[int, int, int]


class Toy(Engine):
    """The mean colour: red is (1, 0, 0), yellow (0.7, 0.7, 0). Not registered; give it to Library as it is."""

    name = "toy"
    version = 1

    def __init__(self, taste: str = "", dim: int = 3) -> None:
        self.taste, self.dim = taste, dim
        self.prepared = 0
        self.batches: list[int] = []  # sizes of the batches that were embedded

    @property
    def embedded(self) -> int:
        return sum(self.batches)

    def prepare(self) -> None:
        self.prepared += 1

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        if crops:
            self.batches.append(len(crops))
        vectors = np.zeros((len(crops), self.dim), np.float32)
        for row, crop in zip(vectors, crops, strict=True):
            row[:3] = crop.pixels.mean(axis=(0, 1))
        return unit_rows(vectors)

    def describe(self) -> Card:
        return Card("Toy", "the same mean colour", self.dim, "toynet", "none needed", "MIT")

    def settings(self) -> dict[str, Any]:
        return {"taste": self.taste}


class Halves(Toy):
    """One crop for the left half and one for the right, but none for a black half."""

    name = "halves"

    def crops(self, image: np.ndarray) -> list[Crop]:
        height, width = image.shape[:2]
        boxes = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
        found = [Crop(image[y:bottom, x:right], (x, y, right, bottom)) for x, y, right, bottom in boxes]
        found = [crop for crop in found if crop.pixels.any()]
        if not found:
            raise NotEmbeddable("Nothing but black. Try a picture with some light in it.")
        return found


def paint(path: Path, colour: Colour, right: Colour | None = None, size: tuple[int, int] = (8, 8)) -> Path:
    """A picture of one colour, or with another right half, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    if right is not None:
        image.paste(right, (size[0] // 2, 0, *size))
    image.save(path)
    return path


def hue(degrees: float) -> Colour:
    """From red (0) to green (90): the angle between two of them is the angle between their toy vectors."""
    return round(255 * math.cos(math.radians(degrees))), round(255 * math.sin(math.radians(degrees))), 0


def wheel(folder: Path, number: int) -> list[Path]:
    """So many different pictures, no two of one direction in colour."""
    return [paint(folder / f"{i:03}.png", hue(90 * i / max(number - 1, 1))) for i in range(number)]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All that can be seen of a folder from outside: names, bytes, times and permissions, its own too."""
    seen = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        stat = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        seen[os.fspath(path)] = (content, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_mode)
    return seen


def is_one_sentence(message: str) -> bool:
    """Fit to be shown: one line, no traceback, no class names, a full stop."""
    return message == message.strip() and message.endswith(".") and not set(message) & set("\n\r\t{}")


def names(answer: Answer) -> list[str]:
    """Of the files that were found, best first."""
    return [match.path.stem for match in answer.matches]
