"""Base of engines that run on a network: it chooses the network, finds its weights, and loads it at the first use.

If the preferred network is unavailable, the built-in one stands in, and the engine's card says so.
"""

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
from engines.messages import Message, joined
from engines.networks import imagenet, runtime
from engines.networks.weights import Found, Packaged, Weights, cache_folder, resolve

if TYPE_CHECKING:
    import keras

BATCH = 8  # pictures per run: more take memory without a gain in speed
SMALL_BATCH = 2  # pictures per run of a `parallel` network, so that a layer's output stays in the core's cache


@dataclass(frozen=True)
class Trainable:
    """How to fine-tune a network.

    Attributes:
        trunk: Builds a model from (N, size, size, 3) float32 to (N, dim) from a weights file; only the given
            number of blocks at its end is trainable.
        save: Writes a trained trunk as a file that `Network.build` reads. It takes the trunk, the file that the
            trunk was built from, and the target.
    """

    trunk: Callable[[Path, int], keras.Model]
    save: Callable[[keras.Model, Path, Path], None]


class Composition(Protocol):
    """Computes vectors, in NumPy, from a network's input and outputs.

    Networks that differ only in their composition share one export.
    """

    def vectors(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Returns (N, dim) float32 of (N, size, size, 3) uint8 RGB and the outputs of `Network.build`."""

    def maps(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Returns (N, h, w, dim) float32 that sum to the vectors; `outputs` are those of `Network.maps`."""


class FirstOutput:
    """The composition of a network whose first output is the vectors."""

    def vectors(self, pixels: np.ndarray, outputs: Sequence[np.ndarray]) -> np.ndarray:
        return outputs[0]

    maps = vectors


FIRST_OUTPUT = FirstOutput()


@dataclass(frozen=True)
class Network:
    """A Keras network with everything that is needed to run it.

    Attributes:
        name: Its name on the command line and in files.
        dim: Length of a vector.
        size: Side of the square input, in pixels.
        build: Builds the model from a weights file; None gives random weights.
        weights: The record of its weights.
        check: See weights.resolve.
        settings: Everything else that affects its vectors.
        exact: Whether it always runs in float32, so that all machines agree.
        parts: Parts of its vectors; see Parted.
        pairs: File with cosines of `same` and of `different` pairs; see Verifier.
        version: Raise it when `build` makes another model from the same weights; the model is then exported again.
        maps: Builds a model like `build`, whose outputs are the (N, h, w, dim) contributions to the unit vectors.
        composition: Computes the vectors from the outputs of the model.
        classifier: Reads the weights and biases, (L, C) and (C,) float32, of ImageNet's classes over the last
            output of `build` from a weights file.
        parallel: Whether the network is so small that one core per batch is faster than all cores on each batch.
        trainable: How to fine-tune it, if that is possible.
    """

    name: str
    dim: int
    size: int
    build: Callable[[Path | None], keras.Model]
    weights: Weights | Packaged
    check: Callable[[Path], None] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False
    parts: tuple[VectorPart, ...] = ()
    pairs: Path | None = None
    version: int = 1
    maps: Callable[[Path], keras.Model] | None = None
    composition: Composition = FIRST_OUTPUT
    classifier: Callable[[Path], tuple[np.ndarray, np.ndarray]] | None = None
    parallel: bool = False
    trainable: Trainable | None = None

    def exported(self, path: Path | None, sha256: str) -> runtime.Net:
        """Describes the network with the weights of a file for the runtime."""
        return self._exported(self.name, partial(self.build, path), sha256, self.exact)

    def exported_maps(self, path: Path, sha256: str) -> runtime.Net:
        """Describes `maps` for the runtime; in float32, so that the contributions add up."""
        assert self.maps
        return self._exported(f"{self.name}-maps", partial(self.maps, path), sha256, exact=True)

    def _exported(self, name: str, build: Callable[[], keras.Model], sha256: str, exact: bool) -> runtime.Net:
        settings = dict(self.settings) if self.composition is FIRST_OUTPUT else {}
        told = json.dumps([sha256, self.version, self.size, settings], sort_keys=True)
        name = f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        return runtime.Net(name, build, partial(runtime.photos, self.size), exact=exact, parallel=self.parallel)


@dataclass(frozen=True)
class Answering:
    """The network in use.

    Attributes:
        network: The network.
        found: Its weights; None if they are unavailable.
        precision: Precision that it runs in; None if that takes an export to know.
        reason: Why it is not the preferred network, or what the first use has yet to do.
        settled: See Card.
    """

    network: Network
    found: Found | None = None
    precision: str | None = None
    reason: str = ""
    settled: bool = True


class NetworkEngine(Engine):
    """Base of engines whose vectors come from one of several networks.

    A network chosen by name is used or refused, never replaced.

    Attributes:
        title: See Card.
        alike: See Card.
        order: See Card.
        builtin: The network whose weights are installed with Semblance.
        nets: Networks whose weights are downloaded.
        upgrade: The one of `nets` that "auto" downloads by default and prefers to `builtin`, if any.
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
        """Makes an engine without loading anything.

        Args:
            network: "auto", "builtin" or a network's name.
            preferred: The network that "auto" downloads instead of `upgrade`; "builtin" or its name for none.
        """
        self._asked, self._preferred = network, preferred
        self._answering: Answering | None = None
        self._forward: runtime.Runner | None = None
        self._maps: runtime.Runner | None = None
        self._settling = threading.Lock()
        self._loading = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the arguments only: another process rebuilds the engine, as runners and locks can't move."""
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
        """See Classifying.

        Raises:
            SemblanceError: The network in use has no classifier.
        """
        answering = self._answer(fetch=True)
        net = answering.network
        if not (net.classifier and answering.found):
            raise SemblanceError("weights.no_classes", name=net.name, other=self.builtin.name)
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
        """Runs the network on N > 0 crops in batches.

        Args:
            answering: The network in use.
            crops: The crops.
            wanted: Computes the result, (n, L), from the input, (n, size, size, 3) uint8, and the outputs of a
                batch.

        Returns:
            (N, L) float32.
        """
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
        with ThreadPoolExecutor(
            2 * runtime.cores()
        ) as pool:  # NumPy composes one batch while the network runs on another
            return np.concatenate(list(pool.map(rows, batches)))

    def explains(self) -> bool:
        return self._answer(fetch=False).network.maps is not None

    def explain(self, crop: Crop, direction: np.ndarray) -> np.ndarray:
        """See Explainer. The first call exports a model for it, which takes TensorFlow and up to a minute.

        The model runs in float32. If `embed` runs in bfloat16, the difference by rounding is spread evenly.
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
        """Returns how to fine-tune the network in use, and its weights.

        Raises:
            SemblanceError: It can't be fine-tuned.
        """
        able = next((net.weights for net in self.nets if net.trainable), None)
        if not isinstance(able, Weights):
            raise SemblanceError("finetuning.not_tunable", name=self.name)
        answering = self._answer(fetch=True)
        if not (answering.network.trainable and answering.found):
            raise SemblanceError("finetuning.builtin_answers", file=able.file, url=able.url, folder=cache_folder())
        return answering.network.trainable, answering.found

    def vector_parts(self) -> Sequence[VectorPart]:
        """See Parted. Empty if no network is available."""
        try:
            return self._answer(fetch=False).network.parts
        except (WeightsUnavailable, WeightsError):
            return ()

    def choices(self) -> Sequence[NetworkChoice]:
        """See Engine. Lists the built-in network, then those whose weights are downloaded."""
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
            answering = Answering(self._net(), reason=error.message)
        net = answering.network
        origin = answering.found.origin if answering.found else ""
        return Card(
            title=self.title,
            alike=self.alike,
            dim=net.dim,
            network=net.name,
            weights=joined((origin, answering.reason)),
            licence=net.weights.licence,
            available=available,
            reason=answering.reason,
            runner=runtime.RUNNERS.get(answering.precision or "", ""),
            settled=answering.settled,
            order=self.order,
            builtin=net is self.builtin,
        )

    def _net(self) -> Network:
        """Returns the preferred network."""
        named = {net.name: net for net in (self.builtin, *self.nets)} | {"builtin": self.builtin}
        upgrade = named.get(self._preferred) or self.upgrade or self.builtin
        return upgrade if self._asked == "auto" else named[self._asked]

    def _answer(self, fetch: bool) -> Answering:
        """Returns the network in use. The first call with `fetch` decides it; earlier calls return at once."""
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
            reason = Message("weights.missing", net=net.name, why=error)
            if self._asked != "auto":
                raise WeightsUnavailable("weights.try_auto", reason=reason) from error
            try:
                answering = _fitted(self.builtin, fetch)
            except WeightsUnavailable as missing:
                raise self._missing(missing) from missing
            settled = answering.settled and not isinstance(error, NotFetched)
            return replace(answering, reason=reason, settled=settled)

    def _missing(self, error: WeightsUnavailable) -> WeightsUnavailable:
        """Returns the error for a built-in network whose package is missing."""
        return WeightsUnavailable("weights.cannot_answer", title=self.title, error=error)


def _present(net: Network) -> bool:
    try:
        return bool(resolve(net.weights, fetch=False))
    except (WeightsUnavailable, WeightsError):
        return False


def _fitted(net: Network, fetch: bool) -> Answering:
    """Finds the weights of a network and the precision that it runs in, if that is known."""
    found = resolve(net.weights, fetch=fetch, check=net.check)
    exported = net.exported(found.path, found.sha256)
    precision = runtime.prepare(exported) if fetch else runtime.precision(exported)
    reason = "" if precision else Message("weights.to_be_fitted")
    return Answering(net, found, precision, reason, settled=precision is not None)


def _load(answering: Answering, exported: Callable[[Path, str], runtime.Net]) -> runtime.Runner:
    assert answering.found
    return runtime.load(exported(answering.found.path, answering.found.sha256))


def of_unit_sum(maps: keras.KerasTensor) -> keras.KerasTensor:
    """Scales (N, ..., L) so that the sum over the axes in between has unit length."""
    from keras import ops

    between = tuple(range(1, len(maps.shape) - 1))
    whole = ops.sum(maps, axis=between, keepdims=True) if between else maps
    return maps / ops.maximum(ops.norm(whole, axis=-1, keepdims=True), 1e-12)


def squeezed(pixels: np.ndarray, size: int) -> np.ndarray:
    """Squeezes a whole picture, (H, W, 3) uint8, to (size, size, 3) uint8; it averages areas to shrink."""
    if pixels.shape[:2] == (size, size):
        return pixels
    shrinks = max(pixels.shape[:2]) > size
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
