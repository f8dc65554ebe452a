"""Style: alike in brush, grain and composition of colour.

EfficientNet-Lite0 answers, by the means of its layers (engines/networks/composed.py). VGG19, on request, answers
by Gram matrices (Gatys, Ecker and Bethge 2016). Over five layers these are 610,304 numbers. A count sketch of
each (Charikar 2002; Weinberger 2009) adds them up, with random signs, in 360 heaps of equal size: inner products
are kept in expectation. Each layer has unit length, so that none drowns the others, and a stretch of the vector
to itself, so that a search can weight it. Beside them lies, with a small weight, what the picture shows: the means
of the deepest layer (Babenko and Lempitsky 2015), sketched likewise.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.base import VectorPart, register
from engines.networks import composed, vgg19
from engines.networks.network import Network, NetworkEngine

if TYPE_CHECKING:
    import keras

LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
SKETCH = 360  # numbers of each layer: together 1/339 of the Gram matrices
SUBJECT = 240  # numbers of what the picture shows
SUBJECT_SHARE = 0.05  # of the cosine
SEED = 19


def gram(features: keras.KerasTensor | np.ndarray) -> keras.KerasTensor:
    """(N, h, w, C) -> (N, C * C) float32: each Gram matrix, unit length."""
    from keras import ops

    _, h, w, channels = features.shape
    first = ops.transpose(features, (0, 3, 1, 2))  # channels first, as OpenVINO has them anyway
    flat = ops.reshape(first, (-1, channels, h * w))
    full = ops.matmul(flat, ops.transpose(flat, (0, 2, 1)))
    return ops.normalize(ops.reshape(full, (-1, channels * channels)), axis=-1)


def sketch(rows: keras.KerasTensor | np.ndarray, size: int) -> keras.KerasTensor:
    """(N, L) -> (N, size) float32: a count sketch; inner products are kept in expectation."""
    from keras import ops

    order, signs = _heaps(rows.shape[1], size)
    heaps = ops.take(ops.pad(rows, ((0, 0), (0, len(order) - rows.shape[1]))), order, axis=1) * signs
    return ops.sum(ops.reshape(heaps, (-1, size, len(order) // size)), axis=2)


@cache
def _heaps(length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The entries in order of their heaps, filled up so that all heaps are of one size, and their signs."""
    generator = np.random.Generator(np.random.PCG64([SEED, length]))
    filled = -(-length // size) * size
    signs = generator.choice(np.array([-1, 1], np.float32), filled)
    return generator.permutation(filled).astype(np.int32), signs


PARTS = (
    *(
        VectorPart(name, SKETCH, (1 - SUBJECT_SHARE) / len(LAYERS), composed.BRUSH)
        for name in ("colour", "grain", "strokes", "motifs", "composition")
    ),
    VectorPart(composed.SUBJECT, SUBJECT, SUBJECT_SHARE, composed.SUBJECT),
)


def _build(path: Path | None) -> keras.Model:
    import keras
    from keras import ops

    net = vgg19.build(path, LAYERS)
    rows = [sketch(gram(layer), SKETCH) for layer in net.outputs]
    rows.append(sketch(ops.mean(net.outputs[-1], axis=(1, 2)), SUBJECT))
    loud = [part.share**0.5 * ops.normalize(row, axis=-1) for part, row in zip(PARTS, rows, strict=True)]
    return keras.Model(net.inputs, ops.concatenate(loud, axis=1))


VGG19 = Network(
    "vgg19",
    dim=sum(part.dim for part in PARTS),
    size=224,
    build=_build,
    weights=vgg19.WEIGHTS,
    settings={
        "layers": list(LAYERS),
        "parts": [[part.name, part.dim, part.share] for part in PARTS],
        "seed": SEED,
    },
    parts=PARTS,
)


@register
class Style(NetworkEngine):
    name = "style"
    version = 3
    title = "Style"
    alike = "the same brush: colour, grain and pattern, whatever the subject"
    order = 20
    nets = (VGG19,)  # on request only (docs/decisions/0022-packaged-networks.md)
    builtin = composed.STYLES
