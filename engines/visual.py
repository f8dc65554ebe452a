"""Visual: alike as a whole, by what is seen in it. BiT's pooled features."""

from __future__ import annotations

from engines.base import register
from engines.networks import bit, builtin
from engines.networks.network import NetworkEngine


@register
class Visual(NetworkEngine):
    name = "visual"
    version = 1
    title = "Visual"
    alike = "the same kind of scene or subject, seen as a whole"
    order = 35
    nets = (bit.R50X1,)
    stand_in = builtin.PICTURES
