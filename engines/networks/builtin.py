"""The built-in encoders: small nets trained for Semblance and shipped with it, so that it is useful at once.

`builtin` is for pictures, `builtin-face` for aligned faces; training/ has the scripts that made them, docs/models/
what they reach and what they must not be used for. A vector is made of parts: means and deviations of the net's
stages over the picture, and hand-made features beside them, which keep what no label taught the net. Each part is
centred, brought to unit length and weighted; then they are projected, on components (PCA with damped whitening,
Jegou and Chum 2012) or on the directions that tell labels apart (linear discriminants, Fisher 1936): movements of
painting, people, or one painting from the next by its two halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.base import VectorPart
from engines.networks import handmade, residual
from engines.networks.network import Network
from engines.networks.runtime import SHIPPED
from engines.networks.weights import Shipped

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Arm:
    """A share of a vector. parts: name -> weight. dim: numbers after the projection, None where there is none.

    lesson: what the projection was learned from; empty for principal components of what the vector is fitted on.
    layer: what it is called where it may be weighed anew; see VectorPart.
    """

    parts: Mapping[str, float]
    dim: int | None = None
    weight: float = 1.0
    lesson: str = ""
    layer: str = ""


@dataclass(frozen=True)
class Vector:
    """What a vector is made of: its arms, each of unit length times its weight, one after the other.

    mirrored: the parts of the picture and of its mirror image are averaged.
    """

    name: str  # of its arrays in the weights file
    size: int  # side of the square input, pixels
    dim: int
    arms: Mapping[str, Arm]
    mirrored: bool = False


def read(path: Path) -> dict[str, np.ndarray]:
    """The float16 arrays of a weights file, as float32. Read without pickle."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def parts(vector: Vector, arrays: Arrays) -> dict[str, KerasTensor]:
    """ "pixels": the input, (N, size, size, 3) uint8 RGB; and each part of the vector, (N, length) float32."""
    import keras
    from keras import ops

    net = residual.build(vector.size, folded=True)
    residual.load(net, arrays)
    pixels = keras.Input((vector.size, vector.size, 3), dtype="uint8")
    seen = ops.concatenate([pixels, ops.flip(pixels, axis=2)]) if vector.mirrored else pixels
    found = {}
    for number, stage in enumerate(net(seen), 1):
        mean = ops.mean(stage, axis=(1, 2))
        found[f"mean{number}"] = mean
        spread = ops.mean(ops.square(stage - ops.reshape(mean, (-1, 1, 1, stage.shape[-1]))), axis=(1, 2))
        found[f"deviation{number}"] = ops.sqrt(spread + 2**-20)
    found |= handmade.describe(ops.cast(seen, "float32"))
    used = {name for arm in vector.arms.values() for name in arm.parts}
    found = {name: part for name, part in found.items() if name in used}
    if vector.mirrored:
        found = {
            name: ops.mean(ops.reshape(part, (2, -1, part.shape[-1])), axis=0) for name, part in found.items()
        }
    return {"pixels": pixels, **found}


def _half(number: float) -> float:
    """As the exported net has it."""
    return float(np.float16(number))


def joined(vector: Vector, arm: Arm, arrays: Arrays, found: Mapping[str, Any]) -> Any:
    """The parts of an arm as one (N, L): each centred, of unit length, weighted."""
    from keras import ops

    rows = [
        _half(weight) * ops.normalize(found[name] - arrays[f"{vector.name}/{name}"])
        for name, weight in arm.parts.items()
    ]
    return ops.concatenate(rows, axis=-1)


def build(vector: Vector, path: Path | None) -> keras.Model:
    """Model from (N, size, size, 3) uint8 RGB to (N, dim) float32; see Network."""
    import keras
    from keras import ops

    assert path, "a shipped net always has its weights"
    arrays = read(path)
    found = parts(vector, arrays)
    rows = []
    for name, arm in vector.arms.items():
        row = joined(vector, arm, arrays, found)
        if arm.dim:
            key = f"{vector.name}/{name}"
            row = ops.matmul(row - arrays[f"{key}/centre"], arrays[f"{key}/projection"])
        rows.append(_half(arm.weight) * ops.normalize(row))
    return keras.Model(found["pixels"], ops.concatenate(rows, axis=-1))


def layers(vector: Vector) -> tuple[VectorPart, ...]:
    """What of a vector may be weighed anew."""
    dims: dict[str, int] = {}
    squares: dict[str, float] = {}
    for arm in vector.arms.values():
        dims[arm.layer] = dims.get(arm.layer, 0) + (arm.dim or 0)
        squares[arm.layer] = squares.get(arm.layer, 0.0) + _half(arm.weight) ** 2
    whole = sum(squares.values())
    return tuple(
        VectorPart(name, dims[name], squares[name] / whole, SUBJECT if name == SUBJECT else BRUSH) for name in dims
    )


LICENCE = "research and non-commercial use (docs/models/)"


def _network(vector: Vector, file: str, good_for: str, pairs: str = "") -> Network:
    return Network(
        "builtin",
        dim=vector.dim,
        size=vector.size,
        build=partial(build, vector),
        weights=Shipped(SHIPPED / file, LICENCE, good_for),
        settings={"vector": vector.name},
        exact=True,
        parts=layers(vector) if vector is STYLE else (),
        pairs=SHIPPED / pairs if pairs else None,
    )


PICTURE = Vector(
    "picture",
    size=96,
    dim=320,
    arms={"components": Arm({"deviation4": 1.0, "outline": 0.5, "colour": 0.2, "grain": 0.4}, dim=320)},
    mirrored=True,
)
HALVES, MOVEMENTS, SUBJECTS, PEOPLE = "halves", "movements", "subjects", "people"  # lessons
BRUSH, SUBJECT = "brush", "subject"
LAYERS = {  # of a style: what each is made of, and how loud it is
    "colour": (("colour",), 1.0),
    "grain": (("grain",), 0.8),
    "strokes": (("mean3", "deviation3"), 1.2),
    "motifs": (("mean4", "deviation4"), 1.4),
    "composition": (("layout", "outline"), 0.7),
}


def _style() -> Vector:
    arms = {}
    for layer, (names, loud) in LAYERS.items():
        parts = dict.fromkeys(names, 1.0)
        arms[f"{layer}-halves"] = Arm(parts, 50, loud, HALVES, layer)
        arms[f"{layer}-movements"] = Arm(parts, 6, 0.7 * loud, MOVEMENTS, layer)
    arms[SUBJECT] = Arm({"deviation4": 1.0, "outline": 0.5}, 160, 0.66, SUBJECTS, SUBJECT)
    return Vector("style", size=144, dim=sum(arm.dim or 0 for arm in arms.values()), arms=arms)


STYLE = _style()
FACE = Vector(
    "face",
    size=80,
    dim=470,
    arms={"raw": Arm({"deviation4": 1.0}), "people": Arm({"patterns": 1.0}, dim=150, weight=0.9, lesson=PEOPLE)},
    mirrored=True,
)

PICTURES = _network(PICTURE, "builtin.npz", "clothes and everyday things, by kind, shape and colour")
STYLES = _network(STYLE, "builtin.npz", "paintings, by palette and manner")
FACES = _network(FACE, "builtin-face.npz", "faces seen from the front, in fair light", "builtin-face-pairs.npz")
