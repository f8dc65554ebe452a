"""The engine that a tuned space is: a base engine's vectors, moved so that pictures of one folder lie together."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import engines
from engines import Card, Crop, Engine, SemblanceError
from engines.messages import Message, joined
from features.indexing.store import Features
from features.learning.heads import Space

SUFFIX = "+tuned"  # of its name


class Tuned(Engine):
    """An engine whose vectors are projected into a learned space.

    `base` embeds a picture first. `space` was learned from one catalogue's folders, for one fingerprint of `base`.
    """

    version = 1

    def __init__(self, base: Engine, space: Space) -> None:
        self.name = base.name + SUFFIX  # of the class elsewhere
        self.base, self.space = base, space
        self._of = engines.fingerprint(base)

    @property
    def side(self) -> int | None:
        return self.base.side

    def prepare(self) -> None:
        """Raises SemblanceError when the base engine now answers with another network than it was learned for."""
        self.base.prepare()
        if engines.fingerprint(self.base) != self._of:
            network = self.base.describe().network
            raise SemblanceError("learning.other_network", name=self.name, network=network)

    def crops(self, image: np.ndarray) -> list[Crop]:
        return self.base.crops(image)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        return self.space.rows(self.base.embed(crops))

    def describe(self) -> Card:
        card, space = self.base.describe(), self.space
        told: dict[str, Any] = {"pictures": len(space.head.taught), "folders": len(space.head.labels)}
        result = "weights.tuned"
        if space.raw is not None and space.tuned is not None:
            result = "weights.tuned_better" if space.tuned > space.raw else "weights.tuned_no_better"
            told |= {"tuned": space.tuned, "raw": space.raw}
        return replace(
            card,
            title=Message("titles.tuned", title=card.title),
            alike=Message("alike.tuned", alike=card.alike),
            dim=len(space.bias),
            network=f"{card.network} + {len(space.bias)}",
            weights=joined((card.weights, Message(result, **told))),
        )

    def settings(self) -> dict[str, Any]:
        return {"base": self._of, "space": self.space.sha256}

    def derived(self, stored: Features, digests: Sequence[str], batch: int) -> Generator[Features, None, None]:
        """Features of so many pictures at a time, from those that are stored of the base engine; runs no network.

        A picture of which nothing is stored is left out.
        """
        places: dict[str, list[int]] = {}
        for place, row in enumerate(stored.rows):
            places.setdefault(row.digest, []).append(place)
        for first in range(0, len(digests), batch):
            these = digests[first : first + batch]
            taken = [place for digest in these for place in places.get(digest, ())]
            refused = {digest: stored.refused[digest] for digest in these if digest in stored.refused}
            vectors = self.space.rows(stored.take(taken))
            yield Features([stored.rows[place] for place in taken], [vectors], refused)
