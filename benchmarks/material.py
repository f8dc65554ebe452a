"""What is measured on: development pictures, drawn pictures, vectors, and nets with seeded random weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import cv2
import numpy as np
from PIL import Image

from engines.networks import efficientnet, vgg19, vggface
from engines.networks.quiet import quietly

if TYPE_CHECKING:
    import keras

SEED = 11


class Unavailable(Exception):
    """This part can't be measured here; the message says why."""


def development(folder: str, count: int | None = None) -> list[Path]:
    """Pictures below SEMBLANCE_DATA/folder: all in order of path, or `count` drawn by lot. Raises Unavailable."""
    root = os.environ.get("SEMBLANCE_DATA")
    if not root:
        raise Unavailable("SEMBLANCE_DATA names no folder of development pictures")
    found = sorted((Path(root) / folder).rglob("*.jpg"))
    if not found or (count and len(found) < count):
        raise Unavailable(f"SEMBLANCE_DATA/{folder} holds {len(found)} JPEGs, fewer than are needed")
    if count is None:
        return found
    drawn = np.random.default_rng(SEED).permutation(len(found))[:count]
    return [found[i] for i in sorted(drawn)]


def copied(files: list[Path], target: Path, side: int | None = None) -> Path:
    """A folder to index, with these pictures in it. side: pixels; squeezes each to a square first."""
    target.mkdir(parents=True)
    for i, file in enumerate(files):
        place = target / f"{i:05}.jpg"
        if side is None:
            place.write_bytes(file.read_bytes())
        else:
            Image.open(file).convert("RGB").resize((side, side)).save(place, quality=95)
    return target


def draw(target: Path, count: int, first: int = 0) -> list[Path]:
    """JPEGs of 256 x 192 pixels with coloured clouds, no two alike: numbers first .. first + count."""
    target.mkdir(parents=True, exist_ok=True)
    made = []
    for i in range(first, first + count):
        clouds = np.random.default_rng([SEED, i]).integers(0, 256, (6, 8, 3), np.uint8)
        made.append(target / f"{i:05}.jpg")
        cv2.imwrite(str(made[-1]), cv2.resize(clouds, (256, 192), interpolation=cv2.INTER_CUBIC))
    return made


def clustered(count: int, queries: int, dim: int, centres: int) -> tuple[np.ndarray, np.ndarray]:
    """Stored vectors (count, dim) and other vectors to ask with (queries, dim): float32 unit rows around centres.

    The noise is as long as the centre, so that two vectors of one cluster have a cosine of about 0.5.
    """
    random = np.random.default_rng(SEED)
    middles = random.standard_normal((centres, dim), np.float32)
    vectors = middles[random.integers(0, centres, count + queries)]
    vectors += random.standard_normal(vectors.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[:count], vectors[count:]


@contextmanager
def seeded_weights(net: str, scratch: Path) -> Iterator[Path]:
    """Meanwhile a net finds a weights file with seeded random values. For timing only: they know nothing."""
    folder = scratch / "weights"
    path = folder / Path(_FILES[net]).name
    if not path.exists():
        folder.mkdir(exist_ok=True)
        _write(path, _NETS[net])
    with patch.dict(os.environ, {"SEMBLANCE_WEIGHTS": str(folder)}):
        yield path


def _efficientnet() -> keras.Model:
    import keras

    return keras.applications.EfficientNetB0(include_top=False, weights=None)


def _vgg19() -> keras.Model:
    import keras

    return keras.applications.VGG19(include_top=False, weights=None)


def _resnet50() -> keras.Model:
    return vggface.build("resnet50", None)


_NETS = {"efficientnetb0": _efficientnet, "vgg19": _vgg19, "resnet50": _resnet50}
_FILES = {
    "efficientnetb0": efficientnet.WEIGHTS.file,
    "vgg19": vgg19.WEIGHTS.file,
    "resnet50": vggface.WEIGHTS["resnet50"].file,
}


def _write(path: Path, build: Callable[[], keras.Model]) -> None:
    """The layout of the published files: a group per layer, in order, and in it the layer's weights, in order."""
    with quietly():
        import h5py
        import keras

        keras.utils.set_random_seed(SEED)
        model = build()
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}" for weight in layer.weights]
            group.attrs["weight_names"] = names or np.zeros(0, "S1")
            for name, weight in zip(names, layer.weights, strict=True):
                group[name] = np.asarray(weight)
