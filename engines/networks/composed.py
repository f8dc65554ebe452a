"""Vectors composed of EfficientNet-Lite0's layers and of features computed from the pixels.

A vector is a sequence of parts, each made of ingredients. Every ingredient is centred on its mean over a set of
pictures (engines/networks/centres.npz), brought to unit length and multiplied by its weight, so that a cosine is a
weighted mean of the ingredients' own. `benchmarks/centres.py` computed the means;
docs/decisions/0022-packaged-networks.md has what was tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.base import VectorPart
from engines.networks import efficientnet_lite as lite
from engines.networks import handmade
from engines.networks.network import Network, of_unit_sum

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

CENTRES = Path(__file__).with_name("centres.npz")
HALVES = 256  # numbers of `halves`
_CHANNELS = {"head": lite.DIM} | {f"block{number}": width for number, width in enumerate(lite.WIDTHS)}


@dataclass(frozen=True)
class Ingredient:
    """One kind of numbers.

    Attributes:
        name: "mean:LAYER" and "deviation:LAYER" are the means and standard deviations of a layer's channels over
            the positions; "halves" is how the upper half differs from the lower one in what it shows; the others
            are features of handmade.py.
        weight: Its length in the vector.
    """

    name: str
    weight: float

    @property
    def dim(self) -> int:
        if self.name == "halves":
            return HALVES
        _, _, layer = self.name.partition(":")
        return _CHANNELS[layer] if layer else handmade.LENGTHS[self.name]


@dataclass(frozen=True)
class Part:
    """A stretch of the vector. group: see engines.VectorPart; empty where it can't be weighted in a search."""

    name: str
    ingredients: tuple[Ingredient, ...]
    group: str = ""

    @property
    def dim(self) -> int:
        return sum(ingredient.dim for ingredient in self.ingredients)

    @property
    def square(self) -> float:
        return sum(ingredient.weight**2 for ingredient in self.ingredients)


@dataclass(frozen=True)
class Vector:
    """name: prefix of its centres in CENTRES."""

    name: str
    parts: tuple[Part, ...]

    @property
    def ingredients(self) -> tuple[Ingredient, ...]:
        return tuple(ingredient for part in self.parts for ingredient in part.ingredients)

    def layers(self) -> tuple[VectorPart, ...]:
        """The parts that a search may weight."""
        whole = sum(part.square for part in self.parts)
        return tuple(
            VectorPart(part.name, part.dim, part.square / whole, part.group) for part in self.parts if part.group
        )


PRODUCT = Vector(
    "product",
    (
        Part("kind", (Ingredient("deviation:head", 1.0),)),
        Part("shape", (Ingredient("halves", 0.4), Ingredient("outline", 0.3))),
        Part("colour", (Ingredient("colour", 0.25),)),
    ),
)
VISUAL = Vector(
    "visual",
    (
        Part("subject", (Ingredient("deviation:head", 1.0),)),
        Part("scene", (Ingredient("mean:block15", 0.5),)),
    ),
)
BRUSH, SUBJECT = "brush", "subject"
STYLE = Vector(
    "style",
    (
        Part("colour", (Ingredient("colour", 0.3),), BRUSH),
        Part("grain", (Ingredient("mean:block4", 0.5),), BRUSH),
        Part("strokes", (Ingredient("mean:block7", 1.0),), BRUSH),
        Part("motifs", (Ingredient("mean:block11", 0.8), Ingredient("mean:block14", 1.2)), BRUSH),
        Part("composition", (Ingredient("layout", 0.2),), BRUSH),
        Part("subject", (Ingredient("mean:block15", 0.7),), SUBJECT),
    ),
)


def ingredients(vector: Vector, path: Path | None) -> keras.Model:
    """Model from (N, 224, 224, 3) uint8 RGB to each ingredient, (N, dim) float32, neither centred nor weighted;
    and last the pooled features that the classifier takes, (N, 1280).
    """
    import keras
    from keras import ops

    pixels, layers = _layers(vector, path)
    found = handmade.describe(_halved(pixels))
    for name, layer in layers.items():
        mean = ops.mean(layer, axis=(1, 2))
        found[f"mean:{name}"] = mean
        spread = ops.mean(ops.square(layer - ops.reshape(mean, (-1, 1, 1, layer.shape[-1]))), axis=(1, 2))
        found[f"deviation:{name}"] = ops.sqrt(spread + _LEAST)
    if "halves" in [one.name for one in vector.ingredients]:  # their directions take seconds to compute
        upper, lower = (ops.sqrt(ops.mean(half, axis=(1, 2)) + _LEAST) for half in _upper_lower(layers["head"]))
        found["halves"] = ops.matmul(upper - lower, _directions(path))
    return keras.Model(pixels, [*(found[one.name] for one in vector.ingredients), found["mean:head"]])


def build(vector: Vector, path: Path | None) -> keras.Model:
    """Model from (N, 224, 224, 3) uint8 RGB to the vectors, (N, dim) float32, and the pooled features, (N, 1280).

    path: the checkpoint; None leaves random weights.
    """
    import keras

    model = ingredients(vector, path)
    *rows, pooled = model.outputs
    return keras.Model(model.inputs, [_joined(vector, rows), pooled])


def maps(vector: Vector, path: Path | None) -> keras.Model:
    """The vectors position by position: (N, 224, 224, 3) uint8 -> (N, 7, 7, dim) float32 that sum to unit vectors.

    A deviation is a sum as well: of squares, each divided by it. Centres are spread evenly. Not for "layout".
    """
    import keras
    from keras import ops

    pixels, layers = _layers(vector, path)
    found = handmade.cells(_halved(pixels))
    for name, layer in layers.items():
        found[f"mean:{name}"] = layer / (layer.shape[1] * layer.shape[2])
        squares = ops.square(layer - ops.mean(layer, axis=(1, 2), keepdims=True))
        found[f"deviation:{name}"] = handmade.rooted(squares, _LEAST)
    upper, lower = (handmade.rooted(half, _LEAST) for half in _upper_lower(layers["head"]))
    below = layers["head"].shape[1] // 2
    differences = ops.pad(upper, _rows(0, below)) - ops.pad(lower, _rows(below, 0))
    found["halves"] = ops.matmul(differences, _directions(path))
    return keras.Model(pixels, _joined(vector, [found[one.name] for one in vector.ingredients]))


_LEAST = 2**-20  # under a root, whose slope is endless at 0


def _layers(vector: Vector, path: Path | None) -> tuple[KerasTensor, dict[str, KerasTensor]]:
    """The input, and the network's layers that the vector takes; the head always."""
    import keras

    net = lite.net(path)
    names = dict.fromkeys(["head", *(one.name.partition(":")[2] for one in vector.ingredients)])
    names.pop("", None)
    pixels = keras.Input((lite.SIZE, lite.SIZE, 3), dtype="uint8")
    trunk = keras.Model(net.inputs, [net.get_layer(name).output for name in names])
    outputs = trunk(keras.ops.cast(pixels, "float32"))
    return pixels, dict(zip(names, outputs if isinstance(outputs, list) else [outputs], strict=True))


def _halved(pixels: KerasTensor) -> KerasTensor:
    """(N, S, S, 3) uint8 -> (N, S / 2, S / 2, 3) float32."""
    from keras import ops

    return ops.average_pool(ops.cast(pixels, "float32"), 2, 2)


def _upper_lower(layer: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """(N, h, w, C) -> its upper and its lower half; of an odd height both have the middle row."""
    height = layer.shape[1]
    return layer[:, : -(-height // 2)], layer[:, height // 2 :]


def _rows(above: int, below: int) -> tuple[tuple[int, int], ...]:
    return (0, 0), (above, below), (0, 0), (0, 0)


def _directions(path: Path | None) -> np.ndarray:
    """(1280, HALVES) float32: the directions in which the classifier's classes differ most, of unit length.

    The sign of each is that of its largest entry, so that every machine has the same.
    """
    weights = lite.classifier(path)[0].astype(np.float64)
    left, _, _ = np.linalg.svd(weights - weights.mean(axis=1, keepdims=True), full_matrices=False)
    left = left[:, :HALVES]
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(HALVES)])
    return (left * signs).astype(np.float32)


def _joined(vector: Vector, found: list[KerasTensor]) -> KerasTensor:
    """Centres, scales and weights the ingredients, (N, ..., dim) each, and puts them one after the other."""
    from keras import ops

    centres = _centres()
    rows = []
    for ingredient, values in zip(vector.ingredients, found, strict=True):
        positions = int(np.prod(values.shape[1:-1]))
        centre = centres.get(f"{vector.name}/{ingredient.name}", np.zeros(ingredient.dim, np.float32))
        rows.append(ingredient.weight * of_unit_sum(values - centre / positions))
    return of_unit_sum(ops.concatenate(rows, axis=-1))


@cache
def _centres() -> dict[str, np.ndarray]:
    """(dim,) float32 of each ingredient, by VECTOR/INGREDIENT."""
    with np.load(CENTRES, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def _network(vector: Vector, maps: Callable[[Path], keras.Model] | None = None) -> Network:
    return Network(
        lite.NAME,
        dim=sum(part.dim for part in vector.parts),
        size=lite.SIZE,
        build=partial(build, vector),
        weights=lite.WEIGHTS,
        settings={"vector": vector.name, "parts": _told(vector), "centres": _digest()},
        parts=vector.layers(),
        maps=maps,
        classifier=lite.classifier,
    )


def _told(vector: Vector) -> list[list[str | float]]:
    return [[one.name, one.weight] for one in vector.ingredients]


def _digest() -> str:
    return hashlib.sha256(CENTRES.read_bytes()).hexdigest()[:12]


PRODUCTS = _network(PRODUCT, partial(maps, PRODUCT))
VISUALS = _network(VISUAL, partial(maps, VISUAL))
STYLES = _network(STYLE)
