"""An engine that runs on a net: choosing it, finding its weights, falling back in the open, loading it late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from engines.base import Card, Crop, Engine, WeightsError, unit_rows
from engines.networks.quiet import quietly
from engines.networks.weights import Found, NotFetched, Weights, WeightsUnavailable, resolve

Forward = Callable[[np.ndarray], np.ndarray]
"""(N, size, size, 3) uint8 RGB -> (N, dim) float32; rows need not be of unit length yet."""


@dataclass(frozen=True)
class Network:
    """A net with all that is needed to run it. Without `weights` it needs none and is always to be had."""

    name: str
    dim: int
    size: int  # side of the square input, pixels
    load: Callable[[Path | None], Forward]
    about: str = ""  # for people: what it is
    weights: Weights | None = None
    check: Callable[[Path], None] | None = None  # see weights.resolve
    settings: Mapping[str, Any] = field(default_factory=dict)  # what else moves its vectors


@dataclass(frozen=True)
class Answering:
    """The net that answers, with its file, and why it is not the one that was hoped for."""

    network: Network
    found: Found | None = None
    reason: str = ""
    settled: bool = True


class NetworkEngine(Engine):
    """Base of the engines whose vectors come from one of several nets.

    "auto" is the first of `nets`, or `stand_in` while its weights can't be had; a net asked for by name is
    used or refused, never replaced.
    """

    title: ClassVar[str]
    alike: ClassVar[str]
    order: ClassVar[int] = 50
    nets: ClassVar[tuple[Network, ...]]
    stand_in: ClassVar[Network]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.networks = tuple(net.name for net in cls.nets)

    def __init__(self, network: str = "auto") -> None:
        self._asked = network
        self._answering: Answering | None = None
        self._forward: Forward | None = None
        self._settling = threading.Lock()
        self._running = threading.Lock()

    def prepare(self) -> None:
        self._answer(fetch=True)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        answering = self._answer(fetch=True)
        net = answering.network
        if not crops:
            return np.zeros((0, net.dim), np.float32)
        pixels = np.stack([_resize(crop.pixels, net.size) for crop in crops])
        with self._running:  # the nets are not promised to be thread-safe
            if self._forward is None:
                with quietly():
                    self._forward = net.load(answering.found.path if answering.found else None)
            return unit_rows(self._forward(pixels))

    def settings(self) -> dict[str, Any]:
        answering = self._answer(fetch=False)
        net = answering.network
        sha256 = answering.found.sha256 if answering.found else None
        return {"network": net.name, "weights": sha256, "size": net.size, **net.settings}

    def describe(self) -> Card:
        available = True
        try:
            answering = self._answer(fetch=False)
        except (WeightsUnavailable, WeightsError) as error:
            available = False
            answering = Answering(self._net(), reason=str(error))
        net = answering.network
        if answering.found:
            weights = answering.found.origin
        else:
            weights = "; ".join(filter(None, (f"built-in: {net.about}" if available else "", answering.reason)))
        return Card(
            title=self.title,
            alike=self.alike,
            dim=net.dim,
            network=net.name,
            weights=weights,
            licence=net.weights.licence if net.weights else "MIT, part of Semblance",
            available=available,
            reason=answering.reason,
            settled=answering.settled,
            order=self.order,
        )

    def _net(self) -> Network:
        return next((net for net in self.nets if net.name == self._asked), self.nets[0])

    def _answer(self, fetch: bool) -> Answering:
        """Settled by the first call that may fetch; before, it tells without waiting what this machine has."""
        if self._answering:
            return self._answering
        if not fetch:
            answering = self._look(fetch)
            if answering.found or self._asked == "builtin":
                self._answering = answering
            return answering
        with self._settling:
            self._answering = self._answering or self._look(fetch)
            return self._answering

    def _look(self, fetch: bool) -> Answering:
        if self._asked == "builtin":
            return Answering(self.stand_in)
        net = self._net()
        assert net.weights is not None
        try:
            return Answering(net, resolve(net.weights, fetch=fetch, check=net.check))
        except WeightsUnavailable as error:
            reason = f"no weights of {net.name}: {error}"
            if self._asked != "auto":
                raise WeightsUnavailable(f"There are {reason}. Try --network auto.") from error
            return Answering(self.stand_in, reason=reason, settled=not isinstance(error, NotFetched))


def _resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (size, size, 3) uint8; the whole picture, squeezed; area-averaged where it shrinks."""
    if pixels.shape[:2] == (size, size):
        return pixels
    shrinks = max(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
