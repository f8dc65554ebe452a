"""VGG19 of keras.applications (Simonyan and Zisserman 2015), with the outputs of chosen layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.networks.weights import Preprocessing, Weights

if TYPE_CHECKING:
    import keras

WEIGHTS = Weights(
    name="keras.applications, ImageNet",
    file="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    url="https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
    "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    checksum="md5:253f8cb515780f3b799900260a226db6",
    size=80_134_624,
    licence="CC BY 4.0 (VGG, University of Oxford)",
    source="Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015",
    preprocessing=Preprocessing(224, "BGR", "minus the ImageNet means"),
)
_MEANS_BGR = np.array([103.939, 116.779, 123.68], np.float32)


def preprocess(pixels: keras.KerasTensor | np.ndarray) -> keras.KerasTensor:
    """Converts (N, H, W, 3) uint8 RGB to float32 BGR minus the ImageNet means."""
    from keras import ops

    return ops.flip(ops.cast(pixels, "float32"), axis=-1) - _MEANS_BGR


def build(path: Path | None, layers: Sequence[str], size: int | None = 224) -> keras.Model:
    """Builds the network.

    Args:
        path: The weights file; None leaves random weights.
        layers: Names of the output layers.
        size: Side of the input, in pixels; None accepts any size.

    Returns:
        A model from (N, size, size, 3) uint8 RGB to the outputs of the layers, (N, h, w, c) float32 each.

    Raises:
        WeightsError: The file does not hold this network.
    """
    import keras

    pixels = keras.Input((size, size, 3), dtype="uint8")
    net = keras.applications.VGG19(include_top=False, weights=None, input_shape=(size, size, 3))
    if path is not None:
        try:
            net.load_weights(path)
        except Exception as error:
            raise WeightsError("vgg19.wrong_weights", path=path, file=WEIGHTS.file, url=WEIGHTS.url) from error
    parts = keras.Model(net.input, [net.get_layer(name).output for name in layers])
    return keras.Model(pixels, parts(preprocess(pixels)))
