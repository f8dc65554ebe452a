"""Indexing 500 pictures, from files to stored vectors.

Against the way of a notebook: open with Pillow, `model.predict` on one picture at a time, one pickle at the end.
The weights are seeded random values: they cost the same time.
"""

from __future__ import annotations

import itertools
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import material
from benchmarks.measure import in_turn, number, ratio, say, seconds
from benchmarks.report import Bar, Row
from engines import Crop, Engine
from engines.lookalike import Lookalike
from engines.networks import vggface
from engines.networks.quiet import quietly
from engines.product import Product
from engines.style import LAYERS, Style
from features.library import Library

PICTURES = 500
FEWER = 100  # where the old way takes seconds for each
SIDE = 224  # pixels, of every net's input

Embed = Callable[[np.ndarray], np.ndarray]
"""(1, SIDE, SIDE, 3) float32 RGB, 0..255 -> the vector."""


class ReadyFaces(Lookalike):
    """For pictures that are face crops already: nothing is detected."""

    name = "ready-faces"

    def crops(self, image: np.ndarray) -> list[Crop]:
        return [Crop(image)]


def old_product(weights: Path) -> Embed:
    import keras

    model = keras.applications.EfficientNetB0(include_top=False, weights=None, pooling="avg")
    model.load_weights(weights)
    return lambda pixels: model.predict(pixels, verbose=0)[0]


def old_face(weights: Path) -> Embed:
    model = vggface.build("resnet50", weights)
    return lambda pixels: model.predict(pixels.astype(np.uint8), verbose=0)[0]


def old_style(weights: Path, layers: Sequence[str]) -> Embed:
    """Full Gram matrices of some layers. The net ends at the last of them, as Keras cuts it."""
    import keras

    net = keras.applications.VGG19(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    net.load_weights(weights)
    model = keras.Model(net.input, [net.get_layer(name).output for name in layers])

    def embed(pixels: np.ndarray) -> np.ndarray:
        layers = model.predict(keras.applications.vgg19.preprocess_input(pixels), verbose=0)
        flat = [layer.reshape(-1, layer.shape[-1]) for layer in layers]
        return np.concatenate([(rows.T @ rows / len(rows)).ravel() for rows in flat])

    return embed


@dataclass(frozen=True)
class Case:
    """pictures: a folder of the development data. ready: whether they are squeezed to SIDE beforehand."""

    what: str
    pictures: str
    count: int
    ready: bool
    net: str
    engine: Callable[[str], Engine]
    old: Callable[[Path], Embed]
    bar: float


CASES = (
    Case("EfficientNetB0", "clothing/train", PICTURES, False, "efficientnetb0", Product, old_product, 10),
    Case("VGGFace ResNet50 on ready face crops", "faces", PICTURES, True, "resnet50", ReadyFaces, old_face, 5),
    Case(
        "VGG19 style vectors of five layers, against the old demo's three (86,016 numbers)",
        "paintings",
        PICTURES,
        False,
        "vgg19",
        Style,
        partial(old_style, layers=LAYERS[:3]),
        3,
    ),
    Case(
        "VGG19 style vectors, against the same five layers (610,304 numbers)",
        "paintings",
        FEWER,
        False,
        "vgg19",
        Style,
        partial(old_style, layers=LAYERS),
        3,
    ),
)


def rows(scratch: Path) -> Iterator[Row]:
    for case in CASES:
        files = material.development(case.pictures, case.count)
        folder = material.copied(
            files, scratch / "pictures" / f"{case.net}-{case.count}", SIDE if case.ready else None
        )
        with material.seeded_weights(case.net, scratch) as weights:
            yield _row(case, folder, weights, scratch)


def _row(case: Case, folder: Path, weights: Path, scratch: Path) -> Row:
    say(f"  {case.what}: loading both sides")
    blank = np.zeros((SIDE, SIDE, 3), np.uint8)
    engine = case.engine(case.net)
    engine.prepare()  # exports the net, once ever
    loading = seconds(lambda: engine.embed([Crop(blank)]))
    with quietly():
        embed = case.old(weights)
        embed(blank[None].astype(np.float32))
    homes = (scratch / "homes" / f"{case.net}-{case.count}" / str(i) for i in itertools.count())

    def old() -> float:
        return seconds(lambda: one_at_a_time(embed, folder, scratch / "old.pickle"))

    def ours() -> float:
        home = next(homes)
        taken = seconds(lambda: index(engine, folder, home, case.count))
        shutil.rmtree(home)
        return taken

    before, now = in_turn(old, ours)
    card = engine.describe()
    note = f"both nets are loaded beforehand; ours took {number(loading)} s. It runs in {card.runner}."
    what = f"index {case.count} JPEGs: {case.what}"
    return Row(
        what,
        "PIL, `model.predict` on each, pickle",
        ratio(before, now),
        Bar("at least", case.bar),
        now,
        before,
        note,
    )


def one_at_a_time(embed: Embed, folder: Path, target: Path) -> None:
    vectors = {}
    for file in sorted(folder.iterdir()):
        picture = Image.open(file).convert("RGB").resize((SIDE, SIDE))
        vectors[file.name] = embed(np.asarray(picture, np.float32)[None])
    with target.open("wb") as out:
        pickle.dump(vectors, out)


def index(engine: Engine, folder: Path, home: Path, count: int) -> None:
    library = Library(home)
    report = library.index(library.open(folder), engine).update()
    if report.skipped or report.new != count:
        raise RuntimeError(f"indexed {report.new} of {count} pictures, skipped {report.skipped[:1]}")
