"""VGG19 of keras.applications (Simonyan & Zisserman 2015), cut open: the outputs of chosen layers."""

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
    """(N, H, W, 3) uint8 RGB -> the same shape, float32 BGR less the ImageNet means."""
    from keras import ops

    return ops.flip(ops.cast(pixels, "float32"), axis=-1) - _MEANS_BGR


def build(path: Path | None, layers: Sequence[str], size: int | None = 224) -> keras.Model:
    """Model from (N, size, size, 3) uint8 RGB to the list of the named layers' (N, h, w, c) float32 outputs.

    path None leaves random weights. Raises WeightsError when the file does not fit.
    """
    import keras

    pixels = keras.Input((size, size, 3), dtype="uint8")
    net = keras.applications.VGG19(include_top=False, weights=None, input_shape=(size, size, 3))
    if path is not None:
        try:
            net.load_weights(path)
        except Exception as error:
            raise WeightsError(
                f"{path} does not hold VGG19's weights: put {WEIGHTS.file} from {WEIGHTS.url} in its place."
            ) from error
    parts = keras.Model(net.input, [net.get_layer(name).output for name in layers])
    return keras.Model(pixels, parts(preprocess(pixels)))
