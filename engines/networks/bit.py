"""BiT-M-R50x1, "Big Transfer" (Kolesnikov et al. 2020, arXiv:1912.11370): 2,048 numbers for a picture.

A ResNet-50 v2 (He et al. 2016) with group normalisation (Wu and He 2018) and weight standardisation (Qiao et al.
2019), trained on ImageNet-21k, below its classifier. A picture has 224 pixels, as in that training; its authors
fine-tune it at up to 480, which costs 4.6 times as much.

Weight standardisation depends on the weights alone. It is done when they are read, so that the net is one of plain
convolutions, which every runtime knows how to run fast.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.networks.network import Network, of_unit_sum
from engines.networks.weights import Preprocessing, Weights

if TYPE_CHECKING:
    import keras

SIZE = 224
DIM = 2048
BLOCKS = (3, 4, 6, 3)  # units of each

WEIGHTS = Weights(
    name="Google's BiT-M R50x1, ImageNet-21k",
    file="BiT-M-R50x1.npz",
    url="https://storage.googleapis.com/bit_models/BiT-M-R50x1.npz",
    checksum=None,
    size=273_000_000,  # 68,256,659 numbers, the classifier's among them
    licence="Apache-2.0",
    source="Kolesnikov et al., Big Transfer (BiT): General Visual Representation Learning, ECCV 2020",
    preprocessing=Preprocessing(SIZE, "RGB", "-1..1"),
    saved_model="bit_m-r50x1_1",
)


def build(path: Path | None, size: int = SIZE) -> keras.Model:
    """(N, size, size, 3) uint8 RGB -> (N, 2048) float32.

    path: the published file, or the folder of the SavedModel on TensorFlow Hub; None leaves random weights. A
    SavedModel is a program and is run as it is, so it must be one that the person trusts. Raises WeightsError, in
    one sentence, when it is neither.
    """
    from keras import Model, layers

    if path and path.is_dir():
        return _saved_model(path, size)
    net = _filled(path, size)
    return Model(net.inputs, layers.GlobalAveragePooling2D()(net.output))


def maps(path: Path | None, size: int = SIZE) -> keras.Model:
    """(N, size, size, 3) uint8 RGB -> (N, size / 32, size / 32, 2048) float32: what each position adds to the unit
    vector. Raises WeightsError for what is not the published file: a SavedModel keeps that to itself.
    """
    from keras import Model

    if path and path.is_dir():
        raise WeightsError(f"The SavedModel {path} gives whole vectors only; put {WEIGHTS.file} in its place.")
    net = _filled(path, size)
    return Model(net.inputs, of_unit_sum(net.output))


def check(path: Path) -> None:
    """Raises WeightsError, in one sentence, when `build` could not use this file."""
    build(path)


def _filled(path: Path | None, size: int) -> keras.Model:
    """See `_net`; the weights are random where there is no file."""
    if path is None:
        return _net(size)
    arrays = _read(path)
    net = _net(size)
    _fill(net, arrays, path)
    return net


def _net(size: int) -> keras.Model:
    """Before it is pooled: (N, size / 32, size / 32, 2048).

    Layers are named as in the published file, with "." for "/", which Keras forbids.
    """
    from keras import Input, Model, layers, ops

    class GroupNorm(layers.GroupNormalization):
        """Keras's, in the steps that OpenVINO knows as one (MVN): there the net takes half the time."""

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            _, height, width, channels = x.shape
            x = ops.transpose(x, (0, 3, 1, 2))
            x = ops.reshape(x, (-1, self.groups, channels // self.groups * height * width))
            centred = x - ops.mean(x, axis=(2,), keepdims=True)
            x = centred / ops.sqrt(ops.mean(ops.square(centred), axis=(2,), keepdims=True) + self.epsilon)
            x = ops.reshape(x, (-1, channels, height, width))
            x = x * ops.reshape(self.gamma, (1, -1, 1, 1)) + ops.reshape(self.beta, (1, -1, 1, 1))
            return ops.transpose(x, (0, 2, 3, 1))

    def convolve(x: keras.KerasTensor, name: str, width: int, side: int = 1, stride: int = 1) -> keras.KerasTensor:
        if side > 1:
            x = layers.ZeroPadding2D(side // 2)(x)  # on all sides, which "same" would not do at a stride of 2
        return layers.Conv2D(width, side, stride, use_bias=False, name=f"{name}.standardized_conv2d")(x)

    def normalise(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        return layers.ReLU()(GroupNorm(32, epsilon=1e-5, name=f"{name}.group_norm")(x))

    pixels = Input((size, size, 3), dtype="uint8")
    x = (ops.cast(pixels, "float32") - 127.5) / 127.5
    x = convolve(x, "resnet.root_block", 64, 7, 2)
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for block, units in enumerate(BLOCKS, 1):
        width = 32 * 2**block
        for unit in range(1, units + 1):
            name = f"resnet.block{block}.unit{unit:02d}"
            stride = 2 if unit == 1 and block > 1 else 1
            branch = normalise(x, f"{name}.a")
            shortcut = convolve(branch, f"{name}.a.proj", 4 * width, 1, stride) if unit == 1 else x
            branch = normalise(convolve(branch, f"{name}.a", width), f"{name}.b")
            branch = normalise(convolve(branch, f"{name}.b", width, 3, stride), f"{name}.c")
            x = layers.Add()([shortcut, convolve(branch, f"{name}.c", 4 * width)])
    return Model(pixels, normalise(x, "resnet"))


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the net itself, float32; the classifier is passed over. Read without pickle."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith("resnet/") and "/head/" not in name]
            return {name: np.asarray(file[name], np.float32) for name in names}
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _refusal(path, "it is not a file of NumPy's arrays (.npz)") from error


def _fill(model: keras.Model, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """There must be each array that the net takes, and no other: a deeper net's file has all of these, too."""
    weights = {f"{layer.name}.{w.name}".replace(".", "/"): w for layer in model.layers for w in layer.weights}
    for name in sorted(weights.keys() | arrays.keys()):
        wanted, found = (tuple(held[name].shape) if name in held else "nothing" for held in (weights, arrays))
        if found != wanted:
            raise _refusal(path, f"it holds {found} as {name}, where {wanted} belongs")
    for name, array in arrays.items():
        weights[name].assign(_standardised(array) if name.endswith("kernel") else array)


def _refusal(path: Path, problem: str) -> WeightsError:
    return WeightsError(
        f"{path} can't give BiT its weights, because {problem}: "
        f"put {WEIGHTS.file} from {WEIGHTS.url} in its place."
    )


def _standardised(kernel: np.ndarray) -> np.ndarray:
    """(h, w, in, out) float32 -> the same, with mean 0 and deviation 1 for each output."""
    mean, variance = (part(kernel, axis=(0, 1, 2), dtype=np.float64) for part in (np.mean, np.var))
    return ((kernel - mean) / np.sqrt(variance + 1e-10)).astype(np.float32)


def _saved_model(folder: Path, size: int) -> keras.Model:
    import keras

    try:
        layer = keras.layers.TFSMLayer(str(folder), call_endpoint="serving_default")
        pixels = keras.Input((size, size, 3), dtype="uint8")
        (vectors,) = layer(keras.ops.cast(pixels, "float32") / 255).values()
        model = keras.Model(pixels, vectors)
        found = model.predict_on_batch(np.zeros((1, size, size, 3), np.uint8)).shape
        problem = f"it gives {found} for a picture, where BiT gives {(1, DIM)}" if found != (1, DIM) else ""
    except Exception:  # whatever TensorFlow and Keras may raise
        problem = "it is not one that Keras on TensorFlow can run on pictures"
    if problem:
        raise WeightsError(f"The SavedModel {folder} can't be BiT, because {problem}: name {WEIGHTS.saved_model}.")
    return model


R50X1 = Network("bit-r50x1", dim=DIM, size=SIZE, build=build, weights=WEIGHTS, check=check, maps=maps)
