"""What only an autoencoder can show: pictures as it draws them, walks between them, and how unusual each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines import Box, Generative, unit_rows
from engines.messages import Message
from engines.networks.network import squeezed
from engines.networks.vae import as_pixels
from features.catalogue.folder import Progress
from features.errors import ImageError
from features.indexing.embedding import cut, cut_query

BATCH = 64
MIXED = 5  # see `samples`


@dataclass(frozen=True)
class Redrawn:
    """original, drawn: (S, S, 3) uint8 RGB. nats: how unusual it is; see engines.Generative."""

    original: np.ndarray
    drawn: np.ndarray
    nats: float


@dataclass(frozen=True)
class Unusual:
    """How unusual pictures are to the net that has learned them. nats: (N, 2) float32, see engines.Generative."""

    digests: tuple[str, ...]
    nats: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """(N,) places, the most unusual first."""
        return np.argsort(-self.nats.sum(axis=1), kind="stable")

    @property
    def typical(self) -> float:
        return float(np.median(self.nats.sum(axis=1)))

    def below(self, nats: float) -> float:
        """Share of the pictures that are less unusual, 0..1."""
        return float((self.nats.sum(axis=1) < nats).mean())

    def state(self) -> dict[str, Any]:
        return {"digests": list(self.digests), "nats": self.nats.tobytes()}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Unusual:
        return cls(tuple(state["digests"]), np.frombuffer(state["nats"], np.float32).reshape(-1, 2))


def redraw(engine: Generative, picture: Path, box: Box | None = None) -> Redrawn:
    """A picture as the net draws it from its latent mean. Raises ImageError, Untrained."""
    _, crops = cut_query(engine, picture, box)
    means, _ = engine.encode(crops[:1])
    assert engine.side
    original, drawn = squeezed(crops[0].pixels, engine.side), as_pixels(engine.decode(means)[0])
    return Redrawn(original, drawn, float(engine.unusual(crops[:1]).sum()))


def latent(engine: Generative, picture: Path) -> np.ndarray:
    """(L,) float32: the latent mean of a picture. Raises ImageError, Untrained."""
    return engine.encode(cut_query(engine, picture)[1][:1])[0][0]


def walk(one: np.ndarray, other: np.ndarray, steps: int) -> np.ndarray:
    """(steps, L): from one latent to another in a straight line, both ends among them."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return (1 - share) * one + share * other


def moved(engine: Generative, start: np.ndarray, by: Sequence[float]) -> np.ndarray:
    """(L,): a latent moved along the strongest directions, by so many of the collection's standard deviations."""
    directions = engine.directions()[: len(by)]
    return (start + np.asarray(by, np.float32)[: len(directions)] @ directions).astype(np.float32)


def samples(engine: Generative, number: int, seed: int) -> np.ndarray:
    """(number, L): latents of pictures that never were, each a mixture of a real one and the MIXED nearest to it.

    Drawn from the whole of the prior they would lie where no picture does.
    """
    means, random = engine.latents(), np.random.default_rng(seed)
    some = means[random.integers(0, len(means), number)]
    far = np.square(some[:, None] - means).sum(axis=2)
    nearest = np.argsort(far, axis=1, kind="stable")[:, : MIXED + 1]
    shares = random.dirichlet(np.full(nearest.shape[1], 0.7), number)
    return np.einsum("nk,nkl->nl", shares, means[nearest]).astype(np.float32)


def drawn(engine: Generative, latents: np.ndarray) -> np.ndarray:
    """(N, L) -> (N, S, S, 3) uint8 RGB."""
    return as_pixels(engine.decode(latents))


def directions_to(engine: Generative, latents: np.ndarray) -> np.ndarray:
    """(N, L) latents -> (N, L) unit rows as the engine stores them, to find what is near."""
    return unit_rows(engine.rows(latents))


def measure(
    engine: Generative,
    known: Unusual | None,
    digests: Sequence[str],
    read: Callable[[str], bytes],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Unusual:
    """Of these pictures, as far as they can be read; what is known is not measured anew.

    read: of a digest, the picture's file; raises ImageError.
    """
    there = dict(zip(known.digests, known.nats, strict=True)) if known else {}
    if known and there.keys() == set(digests):
        return known
    found = {digest: there[digest] for digest in digests if digest in there}
    lacking = [digest for digest in digests if digest not in there]
    for first in range(0, len(lacking), BATCH):
        if cancelled():
            break
        progress(first, len(lacking), Message("progress.measuring_unusual"))
        crops = {}
        for digest in lacking[first : first + BATCH]:
            try:
                crops[digest] = cut(engine, read(digest))[1][0]
            except ImageError:  # indexing tells it
                continue
        if crops:
            found |= dict(zip(crops, engine.unusual(list(crops.values())), strict=True))
    return Unusual(tuple(found), np.array(list(found.values()), np.float32).reshape(-1, 2))
