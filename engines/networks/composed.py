"""Embeddings composed of EfficientNet-Lite0's layers and of features computed from the pixels.

A vector is a sequence of parts, and each part a sequence of ingredients. An ingredient is centred on its mean over
a set of pictures (engines/networks/centres.npz), scaled to unit length and multiplied by its weight, so that the
cosine of two vectors is a weighted mean of the cosines of their ingredients. `benchmarks/centres.py` computed the
means; docs/decisions/0022-packaged-networks.md lists the alternatives that were tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.base import VectorPart
from engines.messages import Message
from engines.networks import efficientnet_lite as lite
from engines.networks import pixel_features
from engines.networks.network import Network

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

CENTRES = Path(__file__).with_name("centres.npz")
HALVES = 256  # length of "halves"
_CHANNELS = {"head": lite.DIM} | {f"block{number}": width for number, width in enumerate(lite.WIDTHS)}


@dataclass(frozen=True)
class Ingredient:
    """A feature vector that becomes a segment of a composed vector.

    Attributes:
        name: "mean:LAYER" and "deviation:LAYER" are the means and standard deviations of a layer's channels over
            the positions; "halves" is the difference in content between the upper and the lower half; all other
            names are features of pixel_features.py.
        weight: Length of the segment before the whole vector is scaled to unit length.
    """

    name: str
    weight: float

    @property
    def dim(self) -> int:
        if self.name == "halves":
            return HALVES
        _, _, layer = self.name.partition(":")
        return _CHANNELS[layer] if layer else pixel_features.LENGTHS[self.name]


@dataclass(frozen=True)
class Part:
    """A segment of the vector. `group`: see engines.VectorPart; empty if a search can't weight the part."""

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
    """The composition of an engine's vectors. Implements network.Composition.

    Attributes:
        name: Prefix of its means in CENTRES.
        parts: Its parts, in their order in the vector.
    """

    name: str
    parts: tuple[Part, ...]

    @property
    def ingredients(self) -> tuple[Ingredient, ...]:
        return tuple(ingredient for part in self.parts for ingredient in part.ingredients)

    def vectors(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Composes (N, dim) float32 unit vectors from (N, 224, 224, 3) uint8 RGB and the outputs of `build`."""
        return _joined(self, unweighted(self, pixels, outputs))

    def maps(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Composes contributions of each position, (N, 7, 7, dim), which sum to the vectors.

        The means are spread evenly over the positions. A vector with layers that `build_maps` lacks, or with
        "layout", has no maps.

        Args:
            pixels: (N, 224, 224, 3) uint8 RGB.
            outputs: The outputs of `build_maps`.
        """
        names = ("mean:block15", "deviation:head", "halves")
        return _joined(self, dict(zip(names, outputs, strict=True)) | pixel_features.cells(pixels))

    def layers(self) -> tuple[VectorPart, ...]:
        """Returns the parts that a search may weight."""
        whole = sum(part.square for part in self.parts)
        return tuple(
            VectorPart(Message(f"parts.{part.name}"), part.dim, part.square / whole, part.group)
            for part in self.parts
            if part.group
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
BRUSH, SUBJECT = Message("parts.brush"), Message("parts.subject")
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


LAYERS = ("block4", "block7", "block11", "block14", "block15")  # whose means are outputs; the head is always one


def build(path: Path | None) -> keras.Model:
    """Builds the network that all composed vectors share.

    Args:
        path: The checkpoint; None leaves random weights.

    Returns:
        A model from (N, 224, 224, 3) uint8 RGB to float32 outputs: the means of LAYERS, (N, channels) each; the
        standard deviations of the head followed by "halves", (N, 1280 + HALVES); and the pooled features that the
        classifier takes, (N, 1280).
    """
    import keras
    from keras import ops

    pixels, (*layers, head) = _layers(path, (*LAYERS, "head"))
    pooled = ops.mean(head, axis=(1, 2))
    squares = ops.square(head - ops.reshape(pooled, (-1, 1, 1, lite.DIM)))
    deviation = ops.sqrt(ops.mean(squares, axis=(1, 2)) + _LEAST)
    upper, lower = (ops.sqrt(ops.mean(half, axis=(1, 2)) + _LEAST) for half in _upper_lower(head))
    spread = ops.concatenate([deviation, ops.matmul(upper - lower, _directions(path))], axis=1)
    return keras.Model(pixels, [*(ops.mean(layer, axis=(1, 2)) for layer in layers), spread, pooled])


def build_maps(path: Path | None) -> keras.Model:
    """Builds the network up to the contributions of each position, for vectors of the head and block15 only.

    Returns:
        A model from (N, 224, 224, 3) uint8 RGB to the mean of block15, the standard deviation of the head, and
        "halves", (N, 7, 7, dim) float32 each, which sum to the outputs of `build`. A deviation is a sum, too: of
        squared differences, each divided by the deviation.
    """
    import keras
    from keras import ops

    pixels, (block, head) = _layers(path, ("block15", "head"))
    squares = ops.square(head - ops.mean(head, axis=(1, 2), keepdims=True))
    upper, lower = (_rooted(half) for half in _upper_lower(head))
    below = head.shape[1] // 2
    halves = ops.pad(upper, _rows(0, below)) - ops.pad(lower, _rows(below, 0))
    positions = block.shape[1] * block.shape[2]
    return keras.Model(pixels, [block / positions, _rooted(squares), ops.matmul(halves, _directions(path))])


_LEAST = 2**-20  # added under a root, whose slope is infinite at 0


def _layers(path: Path | None, names: Sequence[str]) -> tuple[KerasTensor, list[KerasTensor]]:
    """Returns the uint8 input and the outputs of the named layers."""
    import keras

    net = lite.net(path)
    pixels = keras.Input((lite.SIZE, lite.SIZE, 3), dtype="uint8")
    trunk = keras.Model(net.inputs, [net.get_layer(name).output for name in names])
    return pixels, trunk(keras.ops.cast(pixels, "float32"))


def _upper_lower(layer: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """Splits (N, h, w, C) into its upper and lower half; if h is odd, both contain the middle row."""
    height = layer.shape[1]
    return layer[:, : -(-height // 2)], layer[:, height // 2 :]


def _rows(above: int, below: int) -> tuple[tuple[int, int], ...]:
    return (0, 0), (above, below), (0, 0), (0, 0)


def _rooted(values: KerasTensor) -> KerasTensor:
    """Maps (N, h, w, L) to the same shape, whose sum over positions is the root of the mean over positions."""
    from keras import ops

    _, h, w, _ = values.shape
    root = ops.sqrt(ops.mean(values, axis=(1, 2), keepdims=True) + _LEAST)
    return (values + _LEAST) / root / (h * w)


def _directions(path: Path | None) -> np.ndarray:
    """Returns the unit directions in which the classifier's classes differ most: (1280, HALVES) float32.

    The largest entry of each is positive, so that all machines agree on the sign.
    """
    weights = lite.classifier(path)[0].astype(np.float64)
    left, _, _ = np.linalg.svd(weights - weights.mean(axis=1, keepdims=True), full_matrices=False)
    left = left[:, :HALVES]
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(HALVES)])
    return (left * signs).astype(np.float32)


def unweighted(vector: Vector, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Returns (N, dim) float32 by ingredient, neither centred nor weighted; `outputs` are those of `build`."""
    *means, spread, _ = outputs
    found = {f"mean:{layer}": mean for layer, mean in zip(LAYERS, means, strict=True)}
    found |= {"deviation:head": spread[:, : lite.DIM], "halves": spread[:, lite.DIM :]}
    names = [one.name for one in vector.ingredients if one.name in pixel_features.LENGTHS]
    return found | (pixel_features.describe(pixels, names) if names else {})


def _joined(vector: Vector, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Centres, scales, weights and concatenates the ingredients, (N, ..., dim) each."""
    rows = []
    for one in vector.ingredients:
        values = found[one.name]
        centre = _centres()[f"{vector.name}/{one.name}"]
        rows.append(one.weight * _of_unit_sum(values - centre / np.prod(values.shape[1:-1], dtype=np.float32)))
    return _of_unit_sum(np.concatenate(rows, axis=-1))


def _of_unit_sum(values: np.ndarray) -> np.ndarray:
    """Scales (N, ..., L) so that the sum over the axes in between has unit length."""
    whole = values.sum(axis=tuple(range(1, values.ndim - 1)), keepdims=True)
    return values / np.maximum(np.linalg.norm(whole, axis=-1, keepdims=True), np.float32(1e-12))


@cache
def _centres() -> dict[str, np.ndarray]:
    """Returns the means of the ingredients, (dim,) float32 each, by VECTOR/INGREDIENT."""
    with np.load(CENTRES, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def _network(vector: Vector, explains: bool = True) -> Network:
    return Network(
        lite.NAME,
        dim=sum(part.dim for part in vector.parts),
        size=lite.SIZE,
        build=build,
        weights=lite.WEIGHTS,
        settings={"vector": vector.name, "parts": _told(vector), "centres": _digest()},
        parts=vector.layers(),
        maps=build_maps if explains else None,
        composition=vector,
        classifier=lite.classifier,
        parallel=True,
    )


def _told(vector: Vector) -> list[list[str | float]]:
    return [[one.name, one.weight] for one in vector.ingredients]


def _digest() -> str:
    return hashlib.sha256(CENTRES.read_bytes()).hexdigest()[:12]


PRODUCTS = _network(PRODUCT)
VISUALS = _network(VISUAL)
STYLES = _network(STYLE, explains=False)
