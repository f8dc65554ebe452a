"""Products: the same kind of thing. EfficientNetB0's pooled features; a classifier learned from your folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.base import register
from engines.networks import builtin, efficientnet, softmax
from engines.networks.network import NetworkEngine


@register
class Product(NetworkEngine):
    name = "product"
    version = 1
    title = "Products"
    alike = "the same kind of thing, in the same shape and colour"
    order = 30
    nets = (efficientnet.B0,)
    stand_in = builtin.PICTURES

    def train(self, vectors: np.ndarray, labels: Sequence[str]) -> softmax.SoftmaxHead:
        return softmax.train(vectors, labels)

    def restore(self, state: dict[str, Any]) -> softmax.SoftmaxHead:
        return softmax.SoftmaxHead.restore(state)
