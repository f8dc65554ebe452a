"""A convolutional variational autoencoder, small enough to train on a person's own pictures on two cores.

Source: Kingma and Welling, Auto-Encoding Variational Bayes, 2013 (arXiv:1312.6114). The decoder's noise variance
is its maximum likelihood estimate (Rybkin, Daniilidis and Levine, sigma-VAE, 2021, arXiv:2006.13202): the loss is
D/2 log MSE + beta KL over the D numbers of a picture, so that nothing has to be tuned to a collection. beta rises
from 0 to 1 in the first epochs, so that the latents are in use before the KL term regularises them.

This file has the networks, what is kept of them, and the mathematics of their latents; vae_training.py trains them
in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.networks import runtime

if TYPE_CHECKING:
    import keras

SIDES = (16, 32, 64)  # pixels: sides of the training squares; the smallest that holds most pictures is chosen
LATENT = 64  # length of the latent vector
WIDTH = 16  # channels of the finest layer; each coarser one has twice as many
BATCH = 64
STEPS = 2000  # approximate number of training steps
EPOCHS = (6, 150)  # fewest and most
PER_EPOCH = 10_000  # most pictures in an epoch
AGAIN = 1 / 3  # share of the epochs if training continues from an earlier result
ACTIVE = 0.01  # variance of a latent mean above which its unit is active (Burda, Grosse and Salakhutdinov 2016)
DIRECTIONS = 8  # strongest directions to keep
SHRUNK = 0.1  # shrinkage of the covariance towards an isotropic one, because few pictures estimate it poorly
SEED = 0
VERSION = 1  # raise it when the network or its training changes; earlier results are then ignored

PLAN, PIXELS, HELD_OUT, START = "plan.json", "pixels.npy", "held_out.npy", "start.npz"
CHECKPOINT, PROGRESS, SHOWN, RESULT = "checkpoint.npz", "progress.json", "samples.npy", "result.npz"


@dataclass(frozen=True)
class Shape:
    """The architecture of a network.

    Attributes:
        side: Side of its square pictures, in pixels.
        latent: Length of the latent vector.
        width: Channels of the finest layer.
    """

    side: int
    latent: int = LATENT
    width: int = WIDTH


@dataclass(frozen=True)
class Plan:
    """A planned training. `pictures` holds the digests of the pictures in `pixels.npy`, in order."""

    shape: Shape
    epochs: int
    pictures: tuple[str, ...]
    version: int = VERSION


@dataclass(frozen=True)
class Epoch:
    """Figures of an epoch.

    Attributes:
        train: Mean squared error of pixels in 0..1 on the training pictures, with noise in the latents.
        held_out: Mean squared error on held-out pictures, without noise.
        kl: KL divergence on held-out pictures, in nats.
        beta: Weight of the KL term at the end of the epoch.
        seconds: Duration.
    """

    train: float
    held_out: float
    kl: float
    beta: float
    seconds: float


@dataclass(frozen=True)
class Course:
    """Progress of a training.

    Attributes:
        epochs: Number of planned epochs.
        done: Finished epochs.
        step: Steps done in the current epoch.
        steps: Steps in an epoch.
        samples: (2, n, S, S, 3) uint8, held-out pictures and their reconstructions; None before the first epoch.
    """

    epochs: int
    done: tuple[Epoch, ...]
    step: int
    steps: int
    samples: np.ndarray | None


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        plan: The plan that it was trained by.
        weights: Weights of the encoder and of the decoder, in Keras's order.
        mean: (latent,), mean of the latent means of all training pictures.
        variance: (latent,), variance of these latent means.
        means: (n, latent), a sample of them.
        metric: (latent, latent), see `halfway_white`.
        directions: (k, latent), see `strongest`.
        error: Mean squared error on held-out pictures.
        course: How the training went.
        sha256: Hash of the file.
    """

    plan: Plan
    weights: tuple[list[np.ndarray], list[np.ndarray]]
    mean: np.ndarray
    variance: np.ndarray
    means: np.ndarray
    metric: np.ndarray
    directions: np.ndarray
    error: float
    course: Course
    sha256: str

    @property
    def active(self) -> int:
        """The number of latent units in use."""
        return int((self.variance > ACTIVE).sum())

    @property
    def encoder(self) -> runtime.Net:
        """The encoder for the runtime; see `build_encoder`."""
        return self._exported("encoder", 0, partial(runtime.photos, self.plan.shape.side))

    @property
    def decoder(self) -> runtime.Net:
        """The decoder for the runtime; see `build_decoder`."""
        return self._exported("decoder", 1, lambda: _noise(12, self.plan.shape.latent))

    def _exported(self, part: str, number: int, example: Callable[[], np.ndarray]) -> runtime.Net:
        def build() -> keras.Model:
            model = (build_encoder, build_decoder)[number](self.plan.shape)
            model.set_weights(self.weights[number])
            return model

        return runtime.Net(f"vae-{part}-{self.sha256[:12]}", build, example, exact=True)


def build_encoder(shape: Shape) -> keras.Model:
    """Builds the model from (N, S, S, 3) uint8 RGB to (N, latent) means and logarithms of variances."""
    import keras
    from keras import layers

    pixels = keras.Input((shape.side, shape.side, 3), dtype="uint8")
    seen = layers.Rescaling(2 / 255, offset=-1.0)(keras.ops.cast(pixels, "float32"))
    for channels in _channels(shape):
        seen = layers.Conv2D(channels, 3, strides=2, padding="same", activation="swish")(seen)
    flat = layers.Flatten()(seen)
    means = layers.Dense(shape.latent)(flat)
    return keras.Model(pixels, [means, layers.Dense(shape.latent, kernel_initializer="zeros")(flat)])


def build_decoder(shape: Shape) -> keras.Model:
    """Builds the model from (N, latent) float32 to (N, S, S, 3) float32, 0..1."""
    import keras
    from keras import layers

    channels = _channels(shape)[::-1]
    least = shape.side >> len(channels)
    latent = keras.Input((shape.latent,))
    made = layers.Dense(least * least * channels[0], activation="swish")(latent)
    made = layers.Reshape((least, least, channels[0]))(made)
    for number in channels[1:]:
        made = layers.Conv2DTranspose(number, 4, strides=2, padding="same", activation="swish")(made)
    return keras.Model(latent, layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="sigmoid")(made))


def _channels(shape: Shape) -> list[int]:
    """Returns the channels of each layer, from fine to coarse; the coarsest has 4 x 4 positions."""
    return [shape.width << level for level in range(int(math.log2(shape.side)) - 2)]


def epochs_of(pictures: int) -> int:
    """Returns the number of epochs that make about STEPS steps, whatever the size of the collection."""
    return int(np.clip(round(STEPS / math.ceil(min(pictures, PER_EPOCH) / BATCH)), *EPOCHS))


def course(work: Path) -> Course | None:
    """Returns the progress of the training in a folder; None if there is none yet."""
    try:
        told = json.loads((work / PROGRESS).read_text())
        done = tuple(Epoch(*epoch) for epoch in told["done"])
        shown = work / SHOWN
        samples = np.load(shown) if done and shown.exists() else None
        return Course(told["epochs"], done, told["step"], told["steps"], samples)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def restore(file: Path) -> Trained:
    """Loads the result of a training.

    Raises:
        ValueError, KeyError, OSError: The file is not a result, or one of another version.
    """
    data = file.read_bytes()
    with np.load(file, allow_pickle=False) as kept:
        told = json.loads(str(kept["told"]))
        plan = Plan(Shape(**told["plan"].pop("shape")), **told["plan"])
        if plan.version != VERSION:
            raise ValueError(f"{file} was trained by another version")
        parts = [[kept[f"{part}{i}"] for i in range(told[part])] for part in ("encoder", "decoder")]
        history = tuple(Epoch(*epoch) for epoch in told["done"])
        return Trained(
            plan=replace(plan, pictures=tuple(plan.pictures)),
            weights=(parts[0], parts[1]),
            mean=kept["mean"],
            variance=kept["variance"],
            means=kept["means"],
            metric=kept["metric"],
            directions=kept["directions"],
            error=told["error"],
            course=Course(len(history), history, 0, 0, kept["samples"]),
            sha256=hashlib.sha256(data).hexdigest(),
        )


def prepare(work: Path, plan: Plan, start: Path | None) -> None:
    """Writes the input of a training except its pictures; the plan comes last and makes the folder ready.

    Args:
        work: The folder.
        plan: The plan.
        start: The result of an earlier training of this shape to continue from, if any.
    """
    if start:
        trained = restore(start)
        save(work / START, {f"{i}": w for i, w in enumerate(trained.weights[0] + trained.weights[1])})
    write(work / PLAN, json.dumps(asdict(plan)))


def planned(work: Path) -> Plan | None:
    """Returns the plan of a folder; None if there is none of this version."""
    try:
        told = json.loads((work / PLAN).read_text())
        plan = Plan(Shape(**told.pop("shape")), **told)
        return replace(plan, pictures=tuple(plan.pictures)) if plan.version == VERSION else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def divergence(means: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Returns the KL divergence from a standard normal distribution, (N,) in nats.

    Both arguments are (N, L): the means, and the logarithms of the variances.
    """
    return (np.square(means) + np.exp(spread) - spread - 1).sum(axis=1) / 2


def halfway_white(means: np.ndarray) -> np.ndarray:
    """Returns a matrix to multiply centred latents with before comparing them: (L, L) float32.

    It reduces directions of large variance by half the exponent of whitening, which retrieves more of the same
    folder than either no whitening or full whitening (docs/decisions/0015-autoencoder.md).

    Args:
        means: (N, L) latent means.
    """
    values, axes = np.linalg.eigh(np.cov(means.T))
    values = (1 - SHRUNK) * np.maximum(values, 0) + SHRUNK * values.mean() + 1e-9
    return (axes * values**-0.25).astype(np.float32)


def strongest(means: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Returns the latent directions along which pictures differ most, one standard deviation long: (k, L) float32.

    They are the principal directions of a linear regression of the pictures on their latents.

    Args:
        means: (N, L) latent means.
        pictures: (N, D) pixels.
    """
    centred = means - means.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(centred.T) + 1e-6 * np.eye(means.shape[1]))
    root = axes * np.sqrt(np.maximum(values, 1e-6))  # maps whitened coordinates to latents
    white = np.linalg.solve(root, centred.T).T
    follows = white.T @ (pictures - pictures.mean(axis=0)) / len(means)  # (L, D)
    strength, found = np.linalg.eigh(follows @ follows.T)
    return (root @ found[:, np.argsort(-strength)[:DIRECTIONS]]).T.astype(np.float32)


def as_pixels(made: np.ndarray) -> np.ndarray:
    """Converts pixels in 0..1 to uint8."""
    return np.round(np.clip(made, 0, 1) * 255).astype(np.uint8)


def _noise(number: int, latent: int) -> np.ndarray:
    return np.random.default_rng(SEED).standard_normal((number, latent)).astype(np.float32)


def write(path: Path, text: str) -> None:
    """Writes a whole file or nothing."""
    part = path.with_name(f"part-{path.name}")
    part.write_text(text)
    os.replace(part, path)


def save(path: Path, arrays: dict[str, np.ndarray], **more: np.ndarray) -> None:
    """Writes a whole file of arrays or nothing."""
    part = path.with_name(f"part-{path.name}")
    together: dict[str, Any] = arrays | more
    np.savez(part, **together)  # the name of `part` ends in .npz, which savez would otherwise append
    os.replace(part, path)
