"""An engine that runs on a net: choosing it, finding its weights, falling back in the open, loading it late."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import cv2
import numpy as np

from engines.base import Card, Crop, Engine, NetworkChoice, VectorPart, unit_rows
from engines.errors import NotFetched, SemblanceError, WeightsError, WeightsUnavailable
from engines.networks import imagenet, runtime
from engines.networks.weights import Found, Packaged, Weights, cache_folder, resolve

if TYPE_CHECKING:
    import keras

BATCH = 8  # pictures in a net at a time: more take memory, and win no speed
SMALL_BATCH = 2  # the same of a net that each core runs by itself: what a layer puts out stays in its cache


@dataclass(frozen=True)
class Trainable:
    """How a net is fine-tuned. trunk: of a weights file and a number of blocks -> (N, size, size, 3) float32 to
    (N, dim), with only so many of its last blocks trainable. save: that trunk, the file it was built of, and where
    to put one that `build` reads.
    """

    trunk: Callable[[Path, int], keras.Model]
    save: Callable[[keras.Model, Path, Path], None]


class Composition(Protocol):
    """How vectors are computed, in NumPy, from a network's outputs and its input, (N, size, size, 3) uint8.

    Networks that differ in nothing else share one export.
    """

    def vectors(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """(N, dim) float32, of the outputs of `Network.build`."""

    def maps(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """(N, h, w, dim) float32 that sum to the vectors, of the outputs of `Network.maps`."""


class FirstOutput:
    """The network puts out the vectors themselves."""

    def vectors(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        return outputs[0]

    maps = vectors


FIRST_OUTPUT = FirstOutput()


@dataclass(frozen=True)
class Network:
    """A Keras net with all that is needed to run it."""

    name: str
    dim: int
    size: int  # side of the square input, pixels
    build: Callable[[Path | None], keras.Model]  # of a weights file, or with random ones: see `runtime.Net`
    weights: Weights | Packaged
    check: Callable[[Path], None] | None = None  # see weights.resolve
    settings: Mapping[str, Any] = field(default_factory=dict)  # what else moves its vectors
    exact: bool = False  # float32 in any case, so that all machines agree
    parts: tuple[VectorPart, ...] = ()  # of its vectors; see Parted
    pairs: Path | None = None  # of a file with cosines of `same` and of `different` pairs; see Verifier
    version: int = 1  # raise it when `build` makes another net of the same weights: it is then exported anew
    maps: Callable[[Path], keras.Model] | None = None  # as `build`, to (N, h, w, dim) that sum to the unit vectors
    composition: Composition = FIRST_OUTPUT
    classifier: Callable[[Path], tuple[np.ndarray, np.ndarray]] | None = None
    """Of a weights file -> (L, C) and (C,) float32: ImageNet's classes over the last output of `build`."""
    parallel: bool = False  # small enough that a core for each batch beats all cores for one after the other
    trainable: Trainable | None = None

    def exported(self, path: Path | None, sha256: str) -> runtime.Net:
        """The net with the weights of a file, as the runtime wants it."""
        return self._exported(self.name, partial(self.build, path), sha256, self.exact)

    def exported_maps(self, path: Path, sha256: str) -> runtime.Net:
        """The same of `maps`; in float32, for its numbers are to add up."""
        assert self.maps
        return self._exported(f"{self.name}-maps", partial(self.maps, path), sha256, exact=True)

    def _exported(self, name: str, build: Callable[[], keras.Model], sha256: str, exact: bool) -> runtime.Net:
        settings = dict(self.settings) if self.composition is FIRST_OUTPUT else {}
        told = json.dumps([sha256, self.version, self.size, settings], sort_keys=True)
        name = f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        return runtime.Net(name, build, partial(runtime.photos, self.size), exact=exact, parallel=self.parallel)


@dataclass(frozen=True)
class Answering:
    """What answers, with its weights and its precision, and why it is not the net that was hoped for."""

    network: Network
    found: Found | None = None
    precision: str | None = None
    reason: str = ""
    settled: bool = True


class NetworkEngine(Engine):
    """Base of the engines whose vectors come from one of several networks.

    Attributes:
        title, alike, order: See Card.
        builtin: The network whose weights are installed with Semblance.
        nets: Networks whose weights are downloaded.
        upgrade: The one of `nets` that "auto" downloads unasked and prefers to `builtin`, if any.

    A network chosen by name is used or refused, never replaced.
    """

    title: ClassVar[str]
    alike: ClassVar[str]
    order: ClassVar[int] = 50
    builtin: ClassVar[Network]
    nets: ClassVar[tuple[Network, ...]]
    upgrade: ClassVar[Network | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.networks = tuple(net.name for net in (cls.builtin, *cls.nets))

    def __init__(self, network: str = "auto", preferred: str = "") -> None:
        """network: "auto", "builtin" or a network's name. preferred: the one that "auto" downloads in place of
        `upgrade`; `builtin` or its name for none.
        """
        self._asked, self._preferred = network, preferred
        self._answering: Answering | None = None
        self._forward: runtime.Runner | None = None
        self._maps: runtime.Runner | None = None
        self._settling = threading.Lock()
        self._loading = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """As it goes to another process: made anew there, for nets and locks stay here."""
        return type(self), (self._asked, self._preferred)

    @property
    def side(self) -> int | None:
        return self._answer(fetch=False).network.size

    def prepare(self) -> None:
        self._answer(fetch=True)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        answering = self._answer(fetch=True)
        net = answering.network
        if not crops:
            return np.zeros((0, net.dim), np.float32)
        return unit_rows(self._run(answering, crops, net.composition.vectors))

    def classes(self) -> Sequence[str]:
        """See Classifying."""
        return imagenet.names() if self._answer(fetch=False).network.classifier else ()

    def probabilities(self, crops: Sequence[Crop]) -> np.ndarray:
        """See Classifying. Raises SemblanceError where the network has no classes."""
        answering = self._answer(fetch=True)
        net = answering.network
        if not (net.classifier and answering.found):
            raise SemblanceError(f"The network {net.name} names no classes; use --network {self.builtin.name}.")
        if not crops:
            return np.zeros((0, len(self.classes())), np.float32)
        from scipy.special import softmax

        weights, bias = net.classifier(answering.found.path)
        return softmax(self._run(answering, crops, lambda _, outputs: outputs[-1]) @ weights + bias, axis=1)

    def _run(
        self,
        answering: Answering,
        crops: Sequence[Crop],
        wanted: Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray],
    ) -> np.ndarray:
        """(N, L) float32: what is wanted of the network's input and its outputs, for N > 0 crops."""
        net = answering.network
        with self._loading:
            forward = self._forward = self._forward or _load(answering, net.exported)

        def rows(batch: Sequence[Crop]) -> np.ndarray:
            pixels = np.stack([squeezed(crop.pixels, net.size) for crop in batch])
            return wanted(pixels, forward(pixels))

        size = SMALL_BATCH if net.parallel else BATCH
        batches = [crops[first : first + size] for first in range(0, len(crops), size)]
        if len(batches) == 1 or not net.parallel:
            return np.concatenate([rows(batch) for batch in batches])
        with ThreadPoolExecutor(2 * runtime.cores()) as pool:  # the net runs for one while NumPy does for another
            return np.concatenate(list(pool.map(rows, batches)))

    def explains(self) -> bool:
        return self._answer(fetch=False).network.maps is not None

    def explain(self, crop: Crop, direction: np.ndarray) -> np.ndarray:
        """See Explainer. At its first use a net is exported for it, which takes TensorFlow and up to a minute.

        It runs in float32. Where `embed` runs in bfloat16, what that has rounded away is spread evenly.
        """
        answering = self._answer(fetch=True)
        net = answering.network
        assert net.maps, "see `explains`"
        with self._loading:
            self._maps = self._maps or _load(answering, net.exported_maps)
        pixels = squeezed(crop.pixels, net.size)[None]
        told = net.composition.maps(pixels, self._maps(pixels))[0] @ np.asarray(direction, np.float32)
        return told + (self.embed([crop])[0] @ direction - told.sum()) / told.size

    def trainable(self) -> tuple[Trainable, Found]:
        """How the net that answers is fine-tuned, and its weights. Raises SemblanceError when it can't be."""
        able = next((net.weights for net in self.nets if net.trainable), None)
        if not isinstance(able, Weights):
            raise SemblanceError(
                f"The engine {self.name} has no network that can be fine-tuned; use --engine product."
            )
        answering = self._answer(fetch=True)
        if not (answering.network.trainable and answering.found):
            raise SemblanceError(
                "There is nothing to fine-tune, because the built-in network answers: "
                f"put {able.file} from {able.url} into {cache_folder()}, or name it with --weights."
            )
        return answering.network.trainable, answering.found

    def vector_parts(self) -> Sequence[VectorPart]:
        """See Parted. Empty where no network can answer."""
        try:
            return self._answer(fetch=False).network.parts
        except (WeightsUnavailable, WeightsError):
            return ()

    def choices(self) -> Sequence[NetworkChoice]:
        """See Engine: the built-in network, and those whose weights are downloaded."""
        automatic = self.upgrade or self.builtin
        return [
            NetworkChoice(
                name=net.name,
                licence=net.weights.licence,
                megabytes=round(net.weights.size / 1e6) if isinstance(net.weights, Weights) else 0,
                manual=net.weights.manual if isinstance(net.weights, Weights) else "",
                free=net.weights.free,
                builtin=net is self.builtin,
                present=_present(net),
                automatic=net is automatic,
            )
            for net in (self.builtin, *self.nets)
        ]

    def settings(self) -> dict[str, Any]:
        answering = self._answer(fetch=False)
        net = answering.network
        told = {"network": net.name, "size": net.size, **net.settings}
        if answering.found:
            told |= {"version": net.version, "weights": answering.found.sha256, "precision": answering.precision}
        return told

    def describe(self) -> Card:
        available = True
        try:
            answering = self._answer(fetch=False)
        except (WeightsUnavailable, WeightsError) as error:
            available = False
            answering = Answering(self._net(), reason=str(error))
        net = answering.network
        origin = answering.found.origin if answering.found else ""
        return Card(
            title=self.title,
            alike=self.alike,
            dim=net.dim,
            network=net.name,
            weights="; ".join(filter(None, (origin, answering.reason))),
            licence=net.weights.licence,
            available=available,
            reason=answering.reason,
            runner=runtime.RUNNERS.get(answering.precision or "", ""),
            settled=answering.settled,
            order=self.order,
            builtin=net is self.builtin,
        )

    def _net(self) -> Network:
        """The network that was asked for."""
        named = {net.name: net for net in (self.builtin, *self.nets)} | {"builtin": self.builtin}
        upgrade = named.get(self._preferred) or self.upgrade or self.builtin
        return upgrade if self._asked == "auto" else named[self._asked]

    def _answer(self, fetch: bool) -> Answering:
        """Settled by the first call that may fetch; before, it tells without waiting what this machine has."""
        if self._answering:
            return self._answering
        if not fetch:
            answering = self._look(fetch)
            if answering.settled and not answering.reason:
                self._answering = answering
            return answering
        with self._settling:
            self._answering = self._answering or self._look(fetch)
            return self._answering

    def _look(self, fetch: bool) -> Answering:
        net = self._net()
        try:
            return _fitted(net, fetch)
        except WeightsUnavailable as error:
            if isinstance(net.weights, Packaged):
                raise self._missing(error) from error
            reason = f"no weights of {net.name}: {error}"
            if self._asked != "auto":
                raise WeightsUnavailable(f"There are {reason}. Try --network auto.") from error
            try:
                answering = _fitted(self.builtin, fetch)
            except WeightsUnavailable as missing:
                raise self._missing(missing) from missing
            settled = answering.settled and not isinstance(error, NotFetched)
            return replace(answering, reason=reason, settled=settled)

    def _missing(self, error: WeightsUnavailable) -> WeightsUnavailable:
        """The sentence for a built-in network whose package was uninstalled."""
        return WeightsUnavailable(f"{self.title} can't answer: {error}.")


def _present(net: Network) -> bool:
    try:
        return bool(resolve(net.weights, fetch=False))
    except (WeightsUnavailable, WeightsError):
        return False


def _fitted(net: Network, fetch: bool) -> Answering:
    """The net with its weights, and with the precision that this machine runs it in, as far as that is known."""
    found = resolve(net.weights, fetch=fetch, check=net.check)
    exported = net.exported(found.path, found.sha256)
    precision = runtime.prepare(exported) if fetch else runtime.precision(exported)
    reason = "" if precision else "it has yet to be fitted to this machine, which takes some seconds"
    return Answering(net, found, precision, reason, settled=precision is not None)


def _load(answering: Answering, exported: Callable[[Path, str], runtime.Net]) -> runtime.Runner:
    assert answering.found
    return runtime.load(exported(answering.found.path, answering.found.sha256))


def of_unit_sum(maps: keras.KerasTensor) -> keras.KerasTensor:
    """(N, ..., L) -> the same, scaled so that what is summed over the axes between has unit length."""
    from keras import ops

    between = tuple(range(1, len(maps.shape) - 1))
    whole = ops.sum(maps, axis=between, keepdims=True) if between else maps
    return maps / ops.maximum(ops.norm(whole, axis=-1, keepdims=True), 1e-12)


def squeezed(pixels: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (size, size, 3) uint8; the whole picture, squeezed; area-averaged where it shrinks."""
    if pixels.shape[:2] == (size, size):
        return pixels
    shrinks = max(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
