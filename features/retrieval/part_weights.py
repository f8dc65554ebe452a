"""Weighing the parts of vectors anew when searching; what is stored stays as it is.

A stored row is its parts, one after the other, each of the squared length `share` (see engines.VectorPart). So one
product with a query that is scaled part by part is any weighted mean of the parts' cosines, and one index serves
all mixes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from engines import SemblanceError, VectorPart

Mix = Mapping[str, float]
"""Part -> its weight, 0 or more; a part that is not named has none. Each part's cosines are brought to one spread
before they are weighed, or the one that varies most would decide."""


def read_mix(text: str) -> dict[str, float]:
    """'colour=2,grain' -> {'colour': 2.0, 'grain': 1.0}. Raises SemblanceError."""
    mix = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, weight = word.partition("=")
        try:
            mix[name.strip()] = float(weight or 1)
        except ValueError:
            raise SemblanceError("parts.bad_weight", word=word) from None
    return mix


def places(parts: Sequence[VectorPart]) -> dict[str, slice]:
    """Where each part lies in a vector."""
    ends = np.cumsum([part.dim for part in parts]).tolist()
    return {part.name: slice(end - part.dim, end) for part, end in zip(parts, ends, strict=True)}


def scale(parts: Sequence[VectorPart], mix: Mix, spreads: Mapping[str, float]) -> np.ndarray:
    """(D,) float32: (query * scale) @ row is the weighted mean of the cosines of a query's and a row's parts.

    spreads: of each part's cosines, positive. Raises SemblanceError, which lists the parts, for a mix of others.
    """
    names = [part.name for part in parts]
    if not names:
        raise SemblanceError("parts.none")
    if unknown := [name for name in mix if name not in names]:
        raise SemblanceError("parts.unknown", name=unknown[0], choices=", ".join(names))
    weights = np.array([mix.get(part.name, 0) / spreads[part.name] for part in parts])
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise SemblanceError("parts.bad_weights")
    shares = np.array([part.share for part in parts])
    return np.repeat(weights / weights.sum() / shares, [part.dim for part in parts]).astype(np.float32)


def fingerprint(space: str, mix: Mix) -> str:
    """12 hex digits of a space that is weighed by a mix."""
    told = repr((space, sorted((name, float(weight)) for name, weight in mix.items() if weight)))
    return hashlib.sha256(told.encode()).hexdigest()[:12]
