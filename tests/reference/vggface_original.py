"""Runs the original keras-vggface package, so that our rebuild can be held to it.

    python tests/reference/vggface_original.py FOLDER

keras-vggface 0.6 is written for Keras 2, so it is given Keras 2 (`tf_keras`) under the names that it imports.
For each architecture this writes `<architecture>.h5`, a weights file with seeded values in the layout of the
published ones, and `<architecture>.npz`: `pixels` (2, 224, 224, 3) uint8 RGB, and the original's answers to
them, `preprocessed` and `pooled`.
"""

import os
import sys
import types
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np
import tf_keras
from tf_keras.src.applications.imagenet_utils import obtain_input_shape
from tf_keras.src.utils import data_utils, layer_utils

VERSION = {"resnet50": 2, "senet50": 2, "vgg16": 1}


def pretend_keras_2() -> None:
    """Makes every module that keras-vggface imports resolve to Keras 2, in this process only."""
    modules = {
        "keras": tf_keras,
        "keras.backend": tf_keras.backend,
        "keras.layers": tf_keras.layers,
        "keras.models": tf_keras.models,
        "keras.utils": tf_keras.utils,
        "keras.utils.data_utils": data_utils,
        "keras.utils.layer_utils": layer_utils,
        "keras.engine": types.ModuleType("keras.engine"),
        "keras.engine.topology": types.ModuleType("keras.engine.topology"),
        "keras_applications": types.ModuleType("keras_applications"),
        "keras_applications.imagenet_utils": types.ModuleType("keras_applications.imagenet_utils"),
    }
    modules["keras.engine.topology"].get_source_inputs = tf_keras.utils.get_source_inputs
    modules["keras_applications.imagenet_utils"]._obtain_input_shape = obtain_input_shape
    tf_keras.utils.layer_utils = layer_utils
    sys.modules.update(modules)


def seeded(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Values that let every path matter: no layer is neutral, and small variances let epsilon show."""
    kind = name.rpartition("/")[2].partition(":")[0]
    if kind == "kernel":
        scale = np.sqrt(2 / np.prod(shape[:-1]))  # keeps activations level through ReLU
        if shape[2] == 3:  # the first convolution sees pixels of about +-130
            scale /= 50
        values = rng.normal(0, scale, shape)
        return values - values.mean(axis=(0, 1, 2))  # what all inputs share would drown what they differ in
    if kind == "gamma":  # the end of a residual branch is quieter, or 16 sums explode
        return rng.uniform(0.2, 0.4, shape) if "increase" in name else rng.uniform(0.5, 1.0, shape)
    if kind == "moving_variance":
        return rng.uniform(0.2, 2.0, shape)
    return rng.normal(0, 0.2, shape)  # beta, moving_mean, bias


def save(model: tf_keras.Model, path: Path) -> None:
    """Keras 2's own layout, with the attributes as bytes, as the Keras of the published files wrote them."""
    model.save_weights(path, save_format="h5")
    with h5py.File(path, "r+") as file:
        for name in file.attrs["layer_names"]:
            attributes = file[name].attrs
            attributes["weight_names"] = np.array(attributes["weight_names"], "S")
        file.attrs["layer_names"] = np.array(file.attrs["layer_names"], "S")


def main(folder: Path) -> None:
    pretend_keras_2()
    from keras_vggface.utils import preprocess_input
    from keras_vggface.vggface import VGGFace

    for seed, (architecture, version) in enumerate(VERSION.items()):
        rng = np.random.default_rng(seed)
        model = VGGFace(
            model=architecture, include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg"
        )
        for layer in model.layers:
            layer.set_weights([seeded(variable.name, variable.shape, rng) for variable in layer.weights])
        save(model, folder / f"{architecture}.h5")
        coarse = rng.integers(0, 256, (2, 14, 14, 3), dtype=np.uint8)  # blocks of colour with noise on top
        noise = rng.integers(0, 64, (2, 224, 224, 3), dtype=np.uint8)
        pixels = coarse.repeat(16, axis=1).repeat(16, axis=2) // 4 * 3 + noise
        preprocessed = preprocess_input(pixels.astype("float32"), version=version)
        pooled = model.predict(preprocessed, verbose=0)
        np.savez(folder / f"{architecture}.npz", pixels=pixels, preprocessed=preprocessed, pooled=pooled)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
