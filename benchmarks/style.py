"""The stored style vector, held to the full Gram matrices of five layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np

from benchmarks import material
from benchmarks.measure import Series, say
from benchmarks.report import Bar, Row
from engines import Crop
from engines.errors import WeightsUnavailable
from engines.networks.quiet import quietly
from engines.networks.vgg19 import WEIGHTS
from engines.networks.weights import resolve
from engines.style import LAYERS, Style
from features.catalogue.images import open_image

PICTURES: int | None = None  # all
SIDE = 224  # pixels
BATCH = 8
K = 10


def rows(scratch: Path) -> Iterator[Row]:
    files = material.development("paintings", PICTURES)
    say(f"  reading {len(files):,} paintings")
    pictures = np.stack([_squeezed(file) for file in files])
    real = _have_weights()
    with nullcontext() if real else material.seeded_weights("vgg19", scratch):
        weights = resolve(WEIGHTS, fetch=False)
        say("  style vectors")
        vectors = Style("vgg19").embed([Crop(pixels) for pixels in pictures])
        say("  full Gram matrices, which take some minutes")
        cosines, numbers = gram_cosines(pictures, weights.path)

    against = f"full Gram of five layers, {numbers:,} numbers"
    full, ours = Series((4 * numbers,), "bytes"), Series((vectors[0].nbytes,), "bytes")
    smaller = Series((full.median / ours.median,), "x")
    yield Row("a style vector: how many times smaller", against, smaller, Bar("at least", 290), ours, full)

    kept = overlap(nearest(cosines), nearest(vectors @ vectors.T))
    what = f"share of its top {K} that the style vectors keep, mean of {len(files):,} paintings"
    note = f"with {'pretrained' if real else 'seeded random'} weights"
    yield Row(what, against, Series((kept,)), Bar("at least", 0.9), note=note)


def gram_cosines(pictures: np.ndarray, weights: Path) -> tuple[np.ndarray, int]:
    """(N, SIDE, SIDE, 3) uint8 RGB -> (N, N) cosines, and how many numbers a picture's full matrices hold.

    Each layer's Gram matrix gets unit length before they are joined. Holds half of the numbers at once: of a
    symmetric matrix the upper triangle, with the others times the root of 2, has the same inner products.
    """
    with quietly():
        import keras

        net = keras.applications.VGG19(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
        net.load_weights(weights)
        model = keras.Model(net.input, [net.get_layer(name).output for name in LAYERS])
    channels = [output.shape[-1] for output in model.outputs]
    triangles = [np.triu_indices(width) for width in channels]
    grams = [np.empty((len(pictures), len(rows)), np.float32) for rows, _ in triangles]
    for first in range(0, len(pictures), BATCH):
        batch = keras.applications.vgg19.preprocess_input(pictures[first : first + BATCH].astype(np.float32))
        for layer, triangle, gram in zip(model.predict_on_batch(batch), triangles, grams, strict=True):
            flat = np.asarray(layer).reshape(len(layer), -1, layer.shape[-1])
            scale = np.where(triangle[0] == triangle[1], 1, np.sqrt(2)).astype(np.float32)
            gram[first : first + BATCH] = (flat.transpose(0, 2, 1) @ flat)[:, triangle[0], triangle[1]] * scale
        if first // BATCH % 50 == 0:
            say(f"  {first:,} of {len(pictures):,}")
    cosines = np.zeros((len(pictures), len(pictures)), np.float32)
    for gram in grams:
        gram /= np.linalg.norm(gram, axis=1, keepdims=True)
        cosines += gram @ gram.T / len(grams)
    return cosines, sum(width**2 for width in channels)


def nearest(cosines: np.ndarray) -> np.ndarray:
    """(N, N) -> (N, K): for each the places of its nearest, itself left out, in no order."""
    others = np.where(np.eye(len(cosines), dtype=bool), -np.inf, cosines)
    return np.argpartition(-others, K, axis=1)[:, :K]


def overlap(wanted: np.ndarray, found: np.ndarray) -> float:
    """(N, K) places each -> the share of the wanted ones that were found, 0..1."""
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(wanted, found, strict=True)]))


def _squeezed(file: Path) -> np.ndarray:
    return cv2.resize(open_image(file).pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _have_weights() -> bool:
    try:
        return bool(resolve(WEIGHTS, fetch=False))
    except WeightsUnavailable:
        return False
