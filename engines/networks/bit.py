"""BiT-M-R50x1, "Big Transfer" (Kolesnikov et al. 2020, arXiv:1912.11370): an embedding of 2,048 numbers.

The network is a ResNet-50 v2 (He et al. 2016) with group normalisation (Wu and He 2018) and weight standardisation
(Qiao et al. 2019), trained on ImageNet-21k, without its classifier. The input has 224 pixels a side, as in
training; the authors fine-tune at up to 480, which costs 4.6 times as much.

Weight standardisation depends on the weights alone. It is applied when they are loaded, which leaves plain
convolutions that every runtime runs fast.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.messages import Message
from engines.networks.network import Network, of_unit_sum
from engines.networks.weights import Preprocessing, Weights

if TYPE_CHECKING:
    import keras

SIZE = 224
DIM = 2048
BLOCKS = (3, 4, 6, 3)  # units in each block

WEIGHTS = Weights(
    name="Google's BiT-M R50x1, ImageNet-21k",
    file="BiT-M-R50x1.npz",
    url="https://storage.googleapis.com/bit_models/BiT-M-R50x1.npz",
    checksum=None,
    size=273_000_000,  # 68,256,659 parameters, including the classifier's
    licence="Apache-2.0",
    source="Kolesnikov et al., Big Transfer (BiT): General Visual Representation Learning, ECCV 2020",
    preprocessing=Preprocessing(SIZE, "RGB", "-1..1"),
    saved_model="bit_m-r50x1_1",
)


def build(path: Path | None, size: int = SIZE) -> keras.Model:
    """Builds the network.

    Args:
        path: The published file, or the folder of TensorFlow Hub's SavedModel; None leaves random weights. A
            SavedModel is a program that runs as it is, so the person must trust it.
        size: Side of the input, in pixels.

    Returns:
        A model from (N, size, size, 3) uint8 RGB to (N, 2048) float32.

    Raises:
        WeightsError: The path holds neither; the message is one sentence.
    """
    from keras import Model, layers

    if path and path.is_dir():
        return _saved_model(path, size)
    net = _filled(path, size)
    return Model(net.inputs, layers.GlobalAveragePooling2D()(net.output))


def maps(path: Path | None, size: int = SIZE) -> keras.Model:
    """Builds the network up to the contribution of each position to the unit vector.

    Returns:
        A model from (N, size, size, 3) uint8 RGB to (N, size / 32, size / 32, 2048) float32.

    Raises:
        WeightsError: The path is not the published file. A SavedModel does not expose its feature maps.
    """
    from keras import Model

    if path and path.is_dir():
        raise WeightsError("bit.whole_vectors_only", path=path, file=WEIGHTS.file)
    net = _filled(path, size)
    return Model(net.inputs, of_unit_sum(net.output))


def check(path: Path) -> None:
    """Checks that `build` can use a file.

    Raises:
        WeightsError: It can't; the message is one sentence.
    """
    build(path)


def _filled(path: Path | None, size: int) -> keras.Model:
    """Builds `_net` with the weights of a file, or with random ones."""
    if path is None:
        return _net(size)
    arrays = _read(path)
    net = _net(size)
    _fill(net, arrays, path)
    return net


def _net(size: int) -> keras.Model:
    """Builds the network before pooling, whose output is (N, size / 32, size / 32, 2048).

    Layers have the names of the published file, with "." in place of "/", which Keras forbids.
    """
    from keras import Input, Model, layers, ops

    class GroupNorm(layers.GroupNormalization):
        """Keras's layer in steps that OpenVINO fuses into one (MVN), which halves the run time."""

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
            x = layers.ZeroPadding2D(side // 2)(x)  # symmetric, unlike "same" at a stride of 2
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
    """Reads the float32 arrays of the network, without pickle and without the classifier."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith("resnet/") and "/head/" not in name]
            return {name: np.asarray(file[name], np.float32) for name in names}
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _refusal(path, Message("bit.not_npz")) from error


def _fill(model: keras.Model, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Fills a model from exactly the arrays that it takes.

    Extra arrays are refused, because the file of a deeper network contains all of these, too.
    """
    weights = {f"{layer.name}.{w.name}".replace(".", "/"): w for layer in model.layers for w in layer.weights}
    for name in sorted(weights.keys() | arrays.keys()):
        wanted, found = (tuple(held[name].shape) if name in held else "nothing" for held in (weights, arrays))
        if found != wanted:
            raise _refusal(path, Message("bit.wrong_shape", found=found, name=name, wanted=wanted))
    for name, array in arrays.items():
        weights[name].assign(_standardised(array) if name.endswith("kernel") else array)


def _refusal(path: Path, problem: str) -> WeightsError:
    return WeightsError("bit.cannot_load", path=path, problem=problem, file=WEIGHTS.file, url=WEIGHTS.url)


def _standardised(kernel: np.ndarray) -> np.ndarray:
    """Standardises a (h, w, in, out) float32 kernel to mean 0 and deviation 1 for each output channel."""
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
        problem = Message("bit.wrong_output", found=found, wanted=(1, DIM)) if found != (1, DIM) else ""
    except Exception:  # TensorFlow and Keras raise many kinds
        problem = Message("bit.not_keras")
    if problem:
        raise WeightsError("bit.not_bit", folder=folder, problem=problem, file=WEIGHTS.saved_model)
    return model


R50X1 = Network("bit-r50x1", dim=DIM, size=SIZE, build=build, weights=WEIGHTS, check=check, maps=maps)
