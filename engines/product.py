"""Products: the same kind of thing, by its kind, shape and colour. EfficientNet-Lite0, or EfficientNetB0."""

from __future__ import annotations

from engines.base import register
from engines.networks import composed, efficientnet
from engines.networks.network import NetworkEngine


@register
class Product(NetworkEngine):
    name = "product"
    version = 1
    title = "Products"
    alike = "the same kind of thing, in the same shape and colour"
    order = 30
    nets = (efficientnet.B0,)
    upgrade = efficientnet.B0
    builtin = composed.PRODUCTS
