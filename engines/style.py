"""Style: alike in brush, grain and composition of colour. VGG19 -> Gram matrices -> a compact style vector.

Gram matrices of five layers (Gatys, Ecker and Bethge 2016), each of unit length so that no layer drowns the
others, are 610,304 numbers. A count sketch (Charikar 2002; Weinberger 2009) adds them up, with random signs, in
2,100 heaps of equal size: inner products are kept in expectation. One sketch of all layers errs less than one
for each, since an error counts by how much its layer tells the pictures apart.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.base import register
from engines.networks import builtin, vgg19
from engines.networks.network import Network, NetworkEngine

if TYPE_CHECKING:
    import keras

LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
SKETCH = 2100  # numbers: 1/290 of the Gram matrices
SEED = 19


def gram(features: keras.KerasTensor | np.ndarray) -> keras.KerasTensor:
    """(N, h, w, C) -> (N, C * C) float32: each Gram matrix, unit length."""
    from keras import ops

    _, h, w, channels = features.shape
    first = ops.transpose(features, (0, 3, 1, 2))  # channels first, as OpenVINO has them anyway
    flat = ops.reshape(first, (-1, channels, h * w))
    full = ops.matmul(flat, ops.transpose(flat, (0, 2, 1)))
    return ops.normalize(ops.reshape(full, (-1, channels * channels)), axis=-1)


def sketch(rows: keras.KerasTensor | np.ndarray) -> keras.KerasTensor:
    """(N, L) -> (N, SKETCH) float32: a count sketch; inner products are kept in expectation."""
    from keras import ops

    order, signs = _heaps(rows.shape[1])
    heaps = ops.take(ops.pad(rows, ((0, 0), (0, len(order) - rows.shape[1]))), order, axis=1) * signs
    return ops.sum(ops.reshape(heaps, (-1, SKETCH, len(order) // SKETCH)), axis=2)


@cache
def _heaps(length: int) -> tuple[np.ndarray, np.ndarray]:
    """The entries in order of their heaps, filled up so that all heaps are of one size, and their signs."""
    generator = np.random.Generator(np.random.PCG64([SEED, length]))
    filled = -(-length // SKETCH) * SKETCH
    signs = generator.choice(np.array([-1, 1], np.float32), filled)
    return generator.permutation(filled).astype(np.int32), signs


def _build(path: Path | None) -> keras.Model:
    import keras

    parts = vgg19.build(path, LAYERS)
    grams = keras.ops.concatenate([gram(layer) for layer in parts.outputs], axis=1)
    return keras.Model(parts.inputs, sketch(grams))


VGG19 = Network(
    "vgg19",
    dim=SKETCH,
    size=224,
    build=_build,
    weights=vgg19.WEIGHTS,
    settings={"layers": list(LAYERS), "sketch": SKETCH, "seed": SEED},
)


@register
class Style(NetworkEngine):
    name = "style"
    version = 2
    title = "Style"
    alike = "the same brush: colour, grain and pattern, whatever the subject"
    order = 20
    nets = (VGG19,)
    stand_in = builtin.STYLES
