"""One recommendation from 20 likes, of 10,000 pictures with vectors of 512 numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import material
from benchmarks.measure import Series, say, seconds
from benchmarks.report import Bar, Row
from engines import Card, Crop, Engine
from features.library import Library
from features.retrieval.results import Liked

STORED = 10_000
DIM = 512
CENTRES = 100
LIKES = 20
K = 12
TURNS = 50
DIVERSITIES = {"the best": 0.0, "diverse": 0.5}


class Given(Engine):
    """Vectors that were made beforehand: a picture's colour is the number of its own."""

    name, version = "given", 1

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        colours = np.array([crop.pixels[0, 0] for crop in crops], int).reshape(-1, 3)
        return self.vectors[colours @ [1, 256, 256**2]]

    def describe(self) -> Card:
        return Card("Given", "near in made-up vectors", self.vectors.shape[1], "none", "none needed", "MIT")


def rows(scratch: Path) -> Iterator[Row]:
    say(f"  indexing {STORED:,} pictures")
    folder = scratch / "pictures" / "numbered"
    folder.mkdir(parents=True)
    for number in range(STORED):
        colour = (number % 256, number // 256 % 256, number // 256**2)
        Image.new("RGB", (1, 1), colour).save(folder / f"{number}.png")
    vectors, _ = material.clustered(STORED, 0, DIM, CENTRES)
    engine, library = Given(vectors), Library(scratch / "homes" / "recommending")
    catalogue = library.open(folder)
    library.index(catalogue, engine).update()
    random, digests = np.random.default_rng(material.SEED), sorted(catalogue.paths)

    def recommend(diversity: float) -> Callable[[], object]:
        likes = [Liked(digests[i]) for i in random.choice(STORED, LIKES, replace=False)]
        return lambda: library.index(catalogue, engine).recommend(likes, k=K, diversity=diversity)

    recommend(0)()  # what is read once is read
    for name, diversity in DIVERSITIES.items():
        taken = Series(tuple(1000 * seconds(recommend(diversity)) for _ in range(TURNS)), "ms")
        what = f"{K} recommendations, {name}: {LIKES} likes, {STORED:,} x {DIM}"
        yield Row(what, "", taken, Bar("at most", 50), note="other likes each time")
