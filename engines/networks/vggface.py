"""The VGGFace networks: they embed a face in 2,048 or 512 numbers, which are close for one person.

vgg16: Parkhi, Vedaldi, Zisserman, "Deep Face Recognition", BMVC 2015.
resnet50: Cao, Shen, Xie, Parkhi, Zisserman, "VGGFace2", FG 2018, arXiv:1710.08092.
senet50: the same, with the squeeze-and-excitation of Hu, Shen, Sun, CVPR 2018, arXiv:1709.01507.

Each ends below its classifier with average pooling. The weights are the files published by keras-vggface.
"""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.messages import Message
from engines.networks.weights import Preprocessing, Weights

if TYPE_CHECKING:
    import keras

SIZE = 224

_VGGFACE = np.array([93.5940, 104.7624, 129.1863], np.float32)  # means of the training sets: blue, green, red
_VGGFACE2 = np.array([91.4953, 103.8827, 131.0912], np.float32)
_MEANS = {"resnet50": _VGGFACE2, "senet50": _VGGFACE2, "vgg16": _VGGFACE}

_CAO = "Cao et al., VGGFace2, FG 2018"
_HU = "Hu et al., Squeeze-and-Excitation Networks, CVPR 2018"
_PARKHI = "Parkhi et al., Deep Face Recognition, BMVC 2015"


def _published(architecture: str, dataset: str, size: int, licence: str, source: str) -> Weights:
    file = f"rcmalli_vggface_tf_notop_{architecture}.h5"
    return Weights(
        name=f"{dataset} {architecture}",
        file=f"vggface/{file}",  # the place that keras-vggface uses
        url=f"https://github.com/rcmalli/keras-vggface/releases/download/v2.0/{file}",
        checksum=None,
        size=size,
        licence=licence,
        source=source,
        preprocessing=Preprocessing(SIZE, "BGR", f"0..255 minus the channel means of {dataset}"),
        free=False,
    )


WEIGHTS: dict[str, Weights] = {
    "resnet50": _published("resnet50", "VGGFace2", 94_694_792, Message("licences.non_commercial"), _CAO),
    "senet50": _published(
        "senet50", "VGGFace2", 105_000_000, Message("licences.non_commercial"), f"{_CAO}; {_HU}"
    ),
    "vgg16": _published("vgg16", "VGGFace", 58_900_000, Message("licences.cc_by_nc"), _PARKHI),
}
"""One record per architecture. The sizes of senet50 and vgg16 are approximate."""


def preprocess(pixels: keras.KerasTensor | np.ndarray, architecture: str) -> keras.KerasTensor:
    """Converts (N, 224, 224, 3) uint8 RGB to float32 BGR minus the means of the training set, within -132..164.

    Raises:
        KeyError: The architecture is not "resnet50", "senet50" or "vgg16".
    """
    from keras import ops

    return ops.flip(ops.cast(pixels, "float32"), axis=-1) - _MEANS[architecture]


def build(architecture: str, path: Path | None) -> keras.Model:
    """Builds a network.

    Args:
        architecture: "resnet50", "senet50" or "vgg16".
        path: The published weights file; None leaves random weights, for timing and tests.

    Returns:
        A model from (N, 224, 224, 3) uint8 RGB to (N, 2048) float32, or (N, 512) for vgg16; no value is negative.

    Raises:
        KeyError: There is no such architecture.
        WeightsError: The file does not hold exactly this network; the message is one sentence.
    """
    weights = WEIGHTS[architecture]
    model = _vgg16() if architecture == "vgg16" else _resnet50(architecture)
    problem = "" if path is None else _load(model, path)
    if problem:
        raise WeightsError(
            "vggface.cannot_load",
            path=path,
            architecture=architecture,
            problem=problem,
            file=Path(weights.file).name,
            url=weights.url,
        )
    return model


def check(architecture: str, path: Path) -> None:
    """Checks that `build` can use a file for an architecture.

    Raises:
        WeightsError: It can't; the message is one sentence.
    """
    build(architecture, path)


def _load(model: keras.Model, path: Path) -> str:
    """Fills the model from the file and returns ""; or returns the fault of the file.

    Each layer must have its position, name and weights. Keras's own `load_weights` checks positions and shapes
    only; with `by_name` it silently skips each layer whose name in the file contains a "/", which Keras 3 forbids
    (here it is "_").
    """
    import h5py

    layers = [layer for layer in model.layers if layer.weights]
    expected = [(layer.name, [(weight.name, tuple(weight.shape)) for weight in layer.weights]) for layer in layers]
    try:
        with h5py.File(path) as file:
            groups = [file[name] for name in file.attrs["layer_names"]]  # bytes in old files, str in new ones
            stored = [(group, [group[name] for name in group.attrs["weight_names"]]) for group in groups]
            stored = [(group, datasets) for group, datasets in stored if datasets]
            found = [
                (group.name[1:].replace("/", "_"), [(_last(data.name), data.shape) for data in datasets])
                for group, datasets in stored
            ]
            for want, have in zip_longest(expected, found):
                if want != have:
                    return Message("weights.wrong_shape", found=_words(have), wanted=_words(want))
            for layer, (_, datasets) in zip(layers, stored, strict=True):
                layer.set_weights([data[()] for data in datasets])
    except (OSError, KeyError, AttributeError, TypeError, ValueError):
        return Message("weights.not_hdf5")
    return ""


def _last(name: str) -> str:
    """Returns the last part of a name: "kernel" for "/conv1_1/conv1_1/kernel:0"."""
    return name.rpartition("/")[2].partition(":")[0]


def _words(layer: tuple[str, list[tuple[str, tuple[int, ...]]]] | None) -> str:
    if layer is None:
        return "nothing"
    name, weights = layer
    return f"{name} ({', '.join(f'{kind} {shape}' for kind, shape in weights)})"


def _vgg16() -> keras.Model:
    from keras import Input, Model, layers

    pixels = Input((SIZE, SIZE, 3), dtype="uint8")
    x = preprocess(pixels, "vgg16")
    for stage, (convolutions, width) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
        for i in range(1, convolutions + 1):
            x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{stage}_{i}")(x)
        x = layers.MaxPooling2D()(x)
    return Model(pixels, layers.GlobalAveragePooling2D()(x), name="vggface_vgg16")


def _resnet50(architecture: str) -> keras.Model:
    """Builds resnet50, or senet50, which adds squeeze-and-excitation."""
    from keras import Input, Model, layers

    squeeze = architecture == "senet50"
    epsilon = 1e-4 if squeeze else 1e-3

    def convolve(x: keras.KerasTensor, name: str, width: int, size: int = 1, stride: int = 1) -> keras.KerasTensor:
        x = layers.Conv2D(width, size, stride, padding="same", use_bias=False, name=name)(x)
        return layers.BatchNormalization(epsilon=epsilon, name=f"{name}_bn")(x)

    def excite(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        width = x.shape[-1]
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(width // 16, 1, activation="relu", name=f"{name}_down")(gate)
        gate = layers.Conv2D(width, 1, activation="sigmoid", name=f"{name}_up")(gate)
        return layers.Multiply()([x, gate])

    pixels = Input((SIZE, SIZE, 3), dtype="uint8")
    x = preprocess(pixels, architecture)
    x = layers.ReLU()(convolve(x, "conv1_7x7_s2", 64, 7, 2))
    x = layers.MaxPooling2D(3, 2)(x)
    for stage, (blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], 2):
        for block in range(1, blocks + 1):
            name = f"conv{stage}_{block}"
            stride = 2 if block == 1 and stage > 2 else 1
            branch = layers.ReLU()(convolve(x, f"{name}_1x1_reduce", width, 1, stride))
            branch = layers.ReLU()(convolve(branch, f"{name}_3x3", width, 3))
            branch = convolve(branch, f"{name}_1x1_increase", 4 * width)
            if squeeze:
                branch = excite(branch, f"{name}_1x1")
            shortcut = convolve(x, f"{name}_1x1_proj", 4 * width, 1, stride) if block == 1 else x
            x = layers.ReLU()(layers.Add()([branch, shortcut]))
    return Model(pixels, layers.GlobalAveragePooling2D()(x), name=f"vggface_{architecture}")
