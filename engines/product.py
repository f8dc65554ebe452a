"""Products: objects of the same kind, shape and colour, by EfficientNet-Lite0 or EfficientNetB0."""

from __future__ import annotations

from engines.base import register
from engines.messages import Message
from engines.networks import composed, efficientnet
from engines.networks.network import NetworkEngine


@register
class Product(NetworkEngine):
    """Finds objects of the same kind, shape and colour."""

    name = "product"
    version = 1
    title = Message("titles.product")
    alike = Message("alike.product")
    order = 30
    nets = (efficientnet.B0,)
    upgrade = efficientnet.B0
    builtin = composed.PRODUCTS
