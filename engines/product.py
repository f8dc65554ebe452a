"""Products: the same kind of thing. EfficientNetB0's pooled features."""

from __future__ import annotations

from engines.base import register
from engines.networks import builtin, efficientnet
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
