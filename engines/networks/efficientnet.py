"""EfficientNetB0 of keras.applications (Tan and Le 2019), pooled to 1,280 numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import WeightsError
from engines.networks.network import Network, Trainable, of_unit_sum
from engines.networks.weights import Preprocessing, Weights

if TYPE_CHECKING:
    import keras

WEIGHTS = Weights(
    name="keras.applications, ImageNet",
    file="efficientnetb0_notop.h5",
    url="https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
    checksum="md5:50bc09e76180e00e4465e1a485ddc09d",
    size=16_705_208,
    licence="Apache-2.0",
    source="Tan and Le, EfficientNet: Rethinking Model Scaling, ICML 2019",
    preprocessing=Preprocessing(224, "RGB", "0..255, scaled inside the net"),
)
_IMAGENET_DEVIATION = (0.229, 0.224, 0.225)  # RGB, of values in 0..1


def build(path: Path | None) -> keras.Model:
    """Builds the network.

    Args:
        path: The weights file; None leaves random weights.

    Returns:
        A model from (N, 224, 224, 3) uint8 RGB to (N, 1280) float32.

    Raises:
        WeightsError: The file does not hold this network.
    """
    import keras

    net = _net(path)
    return keras.Model(net.inputs, keras.layers.GlobalAveragePooling2D()(net.output))


def maps(path: Path | None) -> keras.Model:
    """Builds the network up to the contribution of each position to the unit vector: (N, 7, 7, 1280) float32."""
    import keras

    net = _net(path)
    return keras.Model(net.inputs, of_unit_sum(net.output))


def _net(path: Path | None) -> keras.Model:
    """Builds the network before pooling, whose output is (N, 7, 7, 1280)."""
    import keras

    pixels = keras.Input((224, 224, 3), dtype="uint8")
    inputs = keras.ops.cast(pixels, "float32")
    model = _published(path)
    _scale_as_published(model)
    return keras.Model(pixels, model(inputs))


def trunk(path: Path, blocks: int) -> keras.Model:
    """Builds the network for fine-tuning.

    Args:
        path: The weights file.
        blocks: How many of the 16 blocks, counted from the output, are trainable; so is the convolution after
            them. BatchNorm layers never are.

    Returns:
        A model from (N, 224, 224, 3) float32, 0..255, to (N, 1280).
    """
    import keras

    model = _published(path)
    _scale_as_published(model)
    names = dict.fromkeys(layer.name.split("_")[0] for layer in model.layers if layer.name.startswith("block"))
    last = {"top", *[*names][-blocks:]}
    for layer in model.layers:
        frozen = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name.split("_")[0] in last and not frozen
    seen = keras.Input((224, 224, 3))
    return keras.Model(seen, keras.layers.GlobalAveragePooling2D()(model(seen)))


def save(trunk: keras.Model, path: Path, target: Path) -> None:
    """Writes the weights of a fine-tuned trunk in the layout of the published file.

    Args:
        trunk: Built by `trunk`, then trained.
        path: The file that it was built from.
        target: The file to write.
    """
    import h5py
    import keras

    (trained,) = (layer for layer in trunk.layers if isinstance(layer, keras.Model))
    published = _published(path).layers
    with h5py.File(target, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name for layer in published], "S")
        for layer, now in zip(published, trained.layers, strict=True):
            scaled = isinstance(layer, keras.layers.Normalization)  # see `_scale_as_published`
            weights = (layer if scaled else now).weights
            names = [f"{layer.name}/{weight.name}:0" for weight in weights]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = np.array(names, "S")
            for name, weight in zip(names, weights, strict=True):
                group[name] = np.asarray(weight)


def _published(path: Path | None) -> keras.Model:
    """Builds Keras's own network with the unchanged weights of a file."""
    import keras

    model = keras.applications.EfficientNetB0(include_top=False, weights=None)
    if path is not None:
        try:
            model.load_weights(path)
        except Exception as error:
            raise WeightsError(
                "efficientnet.wrong_weights", path=path, file=WEIGHTS.file, url=WEIGHTS.url
            ) from error
    return model


def _scale_as_published(model: keras.Model) -> None:
    """Divides the normalised input by the root of ImageNet's deviation once more.

    The published weights were trained with this step (tensorflow issue 49930). Keras adds it only if it downloads
    the weights itself; here it goes into the variance of the normalisation.
    """
    import keras

    (layer,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    layer.adapt_variance.assign(np.asarray(layer.adapt_variance) * np.array(_IMAGENET_DEVIATION, np.float32))
    layer.finalize_state()


B0 = Network(
    "efficientnetb0",
    dim=1280,
    size=224,
    build=build,
    weights=WEIGHTS,
    maps=maps,
    trainable=Trainable(trunk, save),
)
