"""Style: the same brushwork, grain and composition of colour.

By default the vectors are means of EfficientNet-Lite0's layers (engines/networks/composed.py). On request they are
Gram matrices of VGG19 (Gatys, Ecker and Bethge 2016). Over five layers these have 610,304 entries. A count sketch
of each (Charikar 2002; Weinberger 2009) adds them up, with random signs, in 360 bins of equal size; this preserves
inner products in expectation. Each layer is scaled to unit length, so that none dominates, and has its own segment
of the vector, so that a search can weight it. A further segment, with a small weight, describes the subject: the
sketched means of the deepest layer (Babenko and Lempitsky 2015).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.base import VectorPart, register
from engines.messages import Message
from engines.networks import composed, vgg19
from engines.networks.network import Network, NetworkEngine

if TYPE_CHECKING:
    import keras

LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
SKETCH = 360  # length of a layer's sketch; together 1/339 of the Gram matrices
SUBJECT = 240  # length of the sketch that describes the subject
SUBJECT_SHARE = 0.05  # its weight in the cosine
SEED = 19


def gram(features: keras.KerasTensor | np.ndarray) -> keras.KerasTensor:
    """Returns the Gram matrix of each of N (h, w, C) feature maps, flattened: (N, C * C) float32, unit length."""
    from keras import ops

    _, h, w, channels = features.shape
    first = ops.transpose(features, (0, 3, 1, 2))  # channels first, which is OpenVINO's own layout
    flat = ops.reshape(first, (-1, channels, h * w))
    full = ops.matmul(flat, ops.transpose(flat, (0, 2, 1)))
    return ops.normalize(ops.reshape(full, (-1, channels * channels)), axis=-1)


def sketch(rows: keras.KerasTensor | np.ndarray, size: int) -> keras.KerasTensor:
    """Returns count sketches of (N, L) rows: (N, size) float32. They preserve inner products in expectation."""
    from keras import ops

    order, signs = _heaps(rows.shape[1], size)
    heaps = ops.take(ops.pad(rows, ((0, 0), (0, len(order) - rows.shape[1]))), order, axis=1) * signs
    return ops.sum(ops.reshape(heaps, (-1, size, len(order) // size)), axis=2)


@cache
def _heaps(length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the entries in the order of their bins, padded to bins of equal size, and their signs."""
    generator = np.random.Generator(np.random.PCG64([SEED, length]))
    filled = -(-length // size) * size
    signs = generator.choice(np.array([-1, 1], np.float32), filled)
    return generator.permutation(filled).astype(np.int32), signs


PARTS = (
    *(
        VectorPart(Message(f"parts.{name}"), SKETCH, (1 - SUBJECT_SHARE) / len(LAYERS), composed.BRUSH)
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
    """Finds pictures of the same style, whatever their subject."""

    name = "style"
    version = 3
    title = Message("titles.style")
    alike = Message("alike.style")
    order = 20
    nets = (VGG19,)  # on request only (docs/decisions/0022-packaged-networks.md)
    builtin = composed.STYLES
