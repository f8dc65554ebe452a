"""Visual: the same subject or scene, whatever its position and colours, by EfficientNet-Lite0 or BiT."""

from __future__ import annotations

from engines.base import register
from engines.messages import Message
from engines.networks import bit, composed
from engines.networks.network import NetworkEngine


@register
class Visual(NetworkEngine):
    """Finds the same subject or scene, whatever its position and colours."""

    name = "visual"
    version = 1
    title = Message("titles.visual")
    alike = Message("alike.visual")
    order = 35
    nets = (bit.R50X1,)
    upgrade = bit.R50X1
    builtin = composed.VISUALS
