"""dlib's face network (King 2017): it embeds an aligned face in 128 numbers, which are close for one person.

It is a residual network (He et al. 2015) of 29 convolutions, half as wide as ResNet-34 and with fewer blocks,
trained with a metric loss that pulls faces of one person within a Euclidean distance of 0.6. dlib's own weights
come as a Python package; the network is rebuilt here, so that neither dlib nor a compiler is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.messages import Message
from engines.networks import dlib_file
from engines.networks.dlib_file import Layer
from engines.networks.network import Network
from engines.networks.weights import Packaged

if TYPE_CHECKING:
    import keras

SIZE = 150
DIM = 128
PAIRS = Path(__file__).with_name("dlib_face_pairs.npz")

WEIGHTS = Packaged(
    package="face_recognition_models",
    file="models/dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    requirement="face_recognition_models==0.3.0",
    licence="CC0-1.0",
    good_for=Message("good_for.faces"),
    source="Davis King, High Quality Face Recognition with Deep Metric Learning, dlib.net, 2017",
)

MEANS = (122.782, 117.001, 104.298)  # of red, green and blue
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""From the input up: channels, blocks, and whether the first block halves the resolution."""


def build(path: Path | None) -> keras.Model:
    """Builds the network.

    Args:
        path: dlib's file; None leaves random weights.

    Returns:
        A model from (N, 150, 150, 3) uint8 RGB to (N, 128) float32, which has a length of 1.2 to 1.7 for faces.

    Raises:
        WeightsError: The file does not hold this network.
    """
    from keras import Input, Model, layers, ops

    pixels = Input((SIZE, SIZE, 3), dtype="uint8")
    x = (ops.cast(pixels, "float32") - np.array(MEANS, np.float32)) / 256.0
    number = 0

    def convolve(x: keras.KerasTensor, channels: int, kernel: int, stride: int) -> keras.KerasTensor:
        """Convolves with dlib's default padding: half the kernel at a stride of 1, else none."""
        nonlocal number
        padding = "same" if stride == 1 else "valid"
        x = layers.Conv2D(channels, kernel, stride, padding=padding, name=f"conv{number}")(x)
        number += 1
        return x

    x = layers.MaxPooling2D(3, 2)(layers.ReLU()(convolve(x, 32, 7, 2)))
    for channels, blocks, halves in STAGES:
        for block in range(blocks):
            down = halves and block == 0
            inner = layers.ReLU()(convolve(x, channels, 3, 2 if down else 1))
            inner = convolve(inner, channels, 3, 1)
            x = layers.ReLU()(_added(inner, layers.AveragePooling2D(2)(x) if down else x))
    embedding = layers.Dense(DIM, use_bias=False, name="embedding")(layers.GlobalAveragePooling2D()(x))
    model = Model(pixels, embedding, name="dlib_face")
    if path is not None:
        _load(model, path)
    return model


def _added(one: keras.KerasTensor, other: keras.KerasTensor) -> keras.KerasTensor:
    """Adds two (N, h, w, C), each padded with zeros at the bottom, on the right and in the channels."""
    from keras import ops

    sides = [max(pair) for pair in zip(one.shape[1:], other.shape[1:], strict=True)]

    def filled(x: keras.KerasTensor) -> keras.KerasTensor:
        missing = [(0, side - has) for side, has in zip(sides, x.shape[1:], strict=True)]
        return ops.pad(x, [(0, 0), *missing]) if any(after for _, after in missing) else x

    return filled(one) + filled(other)


def _load(model: keras.Model, path: Path) -> None:
    """Fills the model from dlib's file, whose layers must be exactly the expected ones."""
    try:
        stored = dlib_file.read(path)
    except (OSError, dlib_file.NotANetwork) as error:
        raise _refusal(path, error) from error
    if stored.size != (SIZE, SIZE) or not np.allclose(stored.means, MEANS, atol=1e-3):
        raise _refusal(path, Message("dlib.other_input"))
    expected = list(_expected())
    if [(layer.kind, layer.numbers, layer.parameters.size) for layer in stored.layers] != expected:
        raise _refusal(path, Message("dlib.other_layers"))
    *convolutions, embedding = (layer for layer in stored.layers if layer.kind in ("con_4", "fc_2"))
    affine = [layer for layer in stored.layers if layer.kind == "affine_"]
    for number, (convolution, scaling) in enumerate(zip(convolutions, affine, strict=True)):
        model.get_layer(f"conv{number}").set_weights(_folded(convolution, scaling))
    model.get_layer("embedding").set_weights([embedding.parameters.reshape(-1, DIM)])


def _refusal(path: Path, problem: str | Exception) -> WeightsError:
    return WeightsError("dlib.cannot_load", path=path, problem=problem, requirement=WEIGHTS.requirement)


def _expected() -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Yields kind, integers and number of parameters of each layer of dlib's file, from the input up."""

    def convolution(channels: int, inputs: int, kernel: int, stride: int) -> Iterator:
        padding = kernel // 2 if stride == 1 else 0
        numbers = (channels, kernel, kernel, stride, stride, padding, padding)
        yield "con_4", numbers, channels * (inputs * kernel**2 + 1)
        yield "affine_", (0,), 2 * channels

    yield from convolution(32, 3, 7, 2)
    yield "relu_", (), 0
    yield "max_pool_2", (3, 3, 2, 2, 0, 0), 0
    inputs = 32
    for channels, blocks, halves in STAGES:
        for block in range(blocks):
            down = halves and block == 0
            yield from convolution(channels, inputs, 3, 2 if down else 1)
            yield "relu_", (), 0
            yield from convolution(channels, channels, 3, 1)
            if down:
                yield "avg_pool_2", (2, 2, 2, 2, 0, 0), 0
            yield "add_prev_", (), 0
            yield "relu_", (), 0
            inputs = channels
    yield "avg_pool_2", (0, 0, 1, 1, 0, 0), 0  # over all positions
    yield "fc_2", (DIM, inputs, 1), inputs * DIM


def _folded(convolution: Layer, scaling: Layer) -> list[np.ndarray]:
    """Folds the scale and shift of the channels into the convolution; returns its kernel and bias."""
    channels, height, width = convolution.numbers[:3]
    kernel, bias = np.split(convolution.parameters, [-channels])
    scale, shift = np.split(scaling.parameters, 2)
    kernel = kernel.reshape(channels, -1, height, width).transpose(2, 3, 1, 0)
    return [kernel * scale, bias * scale + shift]


DLIB = Network("dlib-face", dim=DIM, size=SIZE, build=build, weights=WEIGHTS, exact=True, pairs=PAIRS)
