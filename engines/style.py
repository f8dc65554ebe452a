"""Style: alike in brush, grain and composition of colour. VGG19 -> Gram matrices -> a compact style vector.

Gram matrices of five layers (Gatys, Ecker and Bethge 2016), each of unit length so that no layer drowns the
others, hold 305,888 distinct numbers. A seeded count sketch (Charikar 2002; Weinberger 2009) brings each
layer to 408 numbers and keeps inner products in expectation.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from engines.base import register, unit_rows
from engines.networks import builtin, vgg19
from engines.networks.network import Forward, Network, NetworkEngine

LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
SKETCH = 408  # numbers per layer
SEED = 19


def gram(features: np.ndarray) -> np.ndarray:
    """(N, h, w, C) -> (N, C * (C + 1) / 2): the upper triangle of each Gram matrix, unit length.

    Off-diagonal entries carry sqrt(2), so inner products equal those of the full matrices.
    """
    n, h, w, channels = features.shape
    flat = features.reshape(n, h * w, channels)
    full = np.matmul(flat.transpose(0, 2, 1), flat)
    rows, columns = np.triu_indices(channels)
    upper = full[:, rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0)).astype(np.float32)
    return unit_rows(upper)


@cache
def _hashes(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the SKETCH buckets each entry goes to, and with which sign. One table per length of Gram."""
    generator = np.random.Generator(np.random.PCG64([SEED, length]))
    return generator.integers(0, SKETCH, length), generator.choice(np.array([-1, 1], np.float32), length)


def sketch(rows: np.ndarray) -> np.ndarray:
    """(N, L) -> (N, SKETCH) float32: a count sketch; inner products are kept in expectation."""
    buckets, signs = _hashes(rows.shape[1])
    return np.stack([np.bincount(buckets, row * signs, SKETCH) for row in rows]).astype(np.float32)


def _load(path: Path | None) -> Forward:
    model = vgg19.build(path, LAYERS)

    def forward(pixels: np.ndarray) -> np.ndarray:
        layers = model.predict_on_batch(vgg19.preprocess(pixels))
        return np.concatenate([unit_rows(sketch(gram(np.asarray(layer)))) for layer in layers], axis=1)

    return forward


VGG19 = Network(
    "vgg19",
    dim=SKETCH * len(LAYERS),
    size=224,
    load=_load,
    weights=vgg19.WEIGHTS,
    settings={"layers": list(LAYERS), "sketch": SKETCH, "seed": SEED},
)


@register
class Style(NetworkEngine):
    name = "style"
    version = 1
    title = "Style"
    alike = "the same brush: colour, grain and pattern, whatever the subject"
    order = 20
    nets = (VGG19,)
    stand_in = builtin.STYLE
