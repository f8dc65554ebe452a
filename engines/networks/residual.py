"""The small residual net that both built-in encoders are (He et al. 2016): four stages, each at half the side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

STEM = 32  # channels
STAGES = ((48, 1), (96, 1), (176, 2), (320, 1))  # channels, and blocks of two convolutions


def build(size: int | None, folded: bool = False) -> keras.Model:
    """Model from (N, size, size, 3) uint8 RGB to the list of the stages' (N, s, s, channels) float32.

    s = size / 2, size / 4, ... size None takes any. folded: each normalisation is a part of its convolution; see
    `fold`.
    """
    import keras

    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    x = (keras.ops.cast(pixels, "float32") - 127.5) / 127.5
    x = keras.layers.ReLU(name="stem")(_convolution(x, STEM, 2, "stem", folded))
    stages = []
    for stage, (channels, blocks) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, channels, stride, f"stage{stage}_block{block}", folded)
        stages.append(x)
    return keras.Model(pixels, stages)


def _convolution(x: keras.KerasTensor, channels: int, stride: int, name: str, folded: bool) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=folded, name=f"{name}_conv")(x)
    return x if folded else layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)


def _block(x: keras.KerasTensor, channels: int, stride: int, name: str, folded: bool) -> keras.KerasTensor:
    from keras import layers

    straight = x
    if stride > 1 or x.shape[-1] != channels:
        straight = layers.AveragePooling2D(stride, padding="same", name=f"{name}_pool")(x) if stride > 1 else x
        straight = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_straight")(straight)
    x = layers.ReLU(name=f"{name}_first")(_convolution(x, channels, stride, f"{name}_a", folded))
    x = _convolution(x, channels, 1, f"{name}_b", folded)
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_sum")([x, straight]))


def fold(net: keras.Model) -> dict[str, np.ndarray]:
    """The weights of a trained net as the folded one wants them: "LAYER/0" its kernel, "LAYER/1" its bias."""
    arrays = {}
    for layer in net.layers:
        if not layer.name.endswith(("_conv", "_straight")):
            continue
        (kernel,) = (np.asarray(value, np.float32) for value in layer.weights)
        if layer.name.endswith("_conv"):
            norm = net.get_layer(layer.name.removesuffix("_conv") + "_norm")
            gamma, beta, mean, variance = (np.asarray(value, np.float32) for value in norm.weights)
            scale = gamma / np.sqrt(variance + norm.epsilon)
            kernel, arrays[f"{layer.name}/1"] = kernel * scale, beta - mean * scale
        arrays[f"{layer.name}/0"] = kernel
    return arrays


def load(net: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Puts the arrays of `fold` into a folded net."""
    for layer in net.layers:
        if layer.weights:
            layer.set_weights([arrays[f"{layer.name}/{place}"] for place in range(len(layer.weights))])
