"""The Engine contract: an engine turns each crop of a picture into one embedding, a vector of unit length.

An engine is one file in this folder. It has to define `embed` and `describe`; everything else has a default:

    @register
    class Brightness(Engine):
        name, version = "brightness", 1
        def embed(self, crops): ...
        def describe(self): ...

An engine may also come from another distribution, see PLUGINS.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from engines.errors import SemblanceError

PLUGINS = "semblance.engines"
"""Group of entry points by which other distributions add engines; each names a module."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are exclusive."""


@dataclass(frozen=True)
class Crop:
    """A region of a picture that gets one embedding.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        box: Position in the picture that the crop comes from; None stands for the whole picture.
        remarks: Reasons to doubt the embedding ("blurred", say), each in a word or two for people.
    """

    pixels: np.ndarray
    box: Box | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """A description of an engine for people, with the network and weights that it uses at the moment.

    Attributes:
        title: Title of its tab.
        alike: The meaning of "alike" for this engine, in one sentence.
        dim: Length of a vector.
        network: Name of the network in use.
        weights: Origin of the weights; if the preferred network is not in use, also the reason.
        licence: Terms of the weights.
        available: Whether the engine can embed pictures.
        reason: Why the engine is unavailable, or why it does not use the preferred network.
        runner: The runtime that runs the network, and its precision.
        settled: False while the first use is still to fetch or export something, which may change the network.
        order: Position of its tab; low numbers come first.
        builtin: Whether the network in use is installed with Semblance.
    """

    title: str
    alike: str
    dim: int
    network: str
    weights: str
    licence: str
    available: bool = True
    reason: str = ""
    runner: str = ""
    settled: bool = True
    order: int = 50
    builtin: bool = False


@dataclass(frozen=True)
class NetworkChoice:
    """A network that a person may choose for an engine.

    Attributes:
        name: Its name, as `create` accepts it.
        licence: Terms of its weights.
        megabytes: Approximate size of its download; 0 if it is installed with Semblance.
        manual: One sentence on how to provide its weights without a download; empty if they are installed with
            Semblance.
        free: Whether its terms allow commercial use.
        builtin: Whether it is installed with Semblance.
        present: Whether it runs without a download.
        automatic: Whether "auto" prefers it when the person has chosen no network.
    """

    name: str
    licence: str
    megabytes: int
    manual: str
    free: bool = True
    builtin: bool = False
    present: bool = False
    automatic: bool = False


class Engine(Protocol):
    """Maps pictures to vectors whose cosine measures how alike they are.

    Row i of `embed` must depend on crop i alone. An engine imports and loads nothing heavy before `embed` or
    `crops` is called. `create` makes one instance per network; several threads may call it at once.

    Attributes:
        name: Name of the engine on the command line and in files.
        version: Part of the fingerprint; raise it when the vectors or remarks change.
        networks: Networks to choose from. If there are any, `create` passes its last two arguments to the engine.
        side: Shorter side, in pixels, down to which a picture may be shrunk before `crops`; None needs the full
            size.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    networks: ClassVar[tuple[str, ...]] = ()
    if TYPE_CHECKING:

        @property
        def side(self) -> int | None: ...  # an attribute may override a property, but not the other way round
    else:
        side: int | None = None

    def prepare(self) -> None:
        """Fetches everything that embedding needs, such as weights; this may take long.

        `settings` stays constant afterwards.

        Raises:
            WeightsError: A weights file is not the published one.
        """

    def crops(self, image: np.ndarray) -> list[Crop]:
        """Returns at least one crop of a (H, W, 3) uint8 RGB picture, the most prominent first.

        Raises:
            NotEmbeddable: The picture holds nothing to embed; the message suggests what to try.
        """
        return [Crop(image)]

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        """Returns the embeddings of N crops: (N, D) float32, rows of unit length; (0, D) if N is 0.

        Raises:
            NotEmbeddable: A crop can't be embedded. Indexing then embeds each picture by itself, skips those that
                raise it, and reports them with its message.
        """
        ...

    def describe(self) -> Card:
        """Returns the engine's description for people, without a download or an export."""
        ...

    def choices(self) -> Sequence[NetworkChoice]:
        """Returns the networks that a person may choose among; empty if there is no choice."""
        return ()

    def settings(self) -> dict[str, Any]:
        """Returns everything that affects a vector as plain JSON: sha256 of the weights, input size, layers ..."""
        return {}


@runtime_checkable
class Verifier(Protocol):
    """An engine with measured cosines of matching and of non-matching pairs."""

    def known_pairs(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns ascending cosines of same pairs and of different pairs, (n,) each; None if they are unknown."""
        ...


@dataclass(frozen=True)
class VectorPart:
    """A contiguous segment of an engine's vectors, of the same length in each of them.

    Attributes:
        name: A plain word for people.
        dim: Number of entries.
        share: Weight in the cosine of two whole vectors, 0..1; all shares sum to 1.
        group: The aspect that the part describes; a person may shift weight between two groups.
    """

    name: str
    dim: int
    share: float
    group: str


@runtime_checkable
class Parted(Protocol):
    """An engine whose vectors are concatenated parts, which a search can reweight."""

    def vector_parts(self) -> Sequence[VectorPart]:
        """Returns the parts in their order in the vector; empty if the network in use has none."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """An engine whose vectors are sums over positions of a crop, so that each explains part of a cosine."""

    def explains(self) -> bool:
        """Returns whether the network in use supports `explain`."""
        ...

    def explain(self, crop: Crop, direction: np.ndarray) -> np.ndarray:
        """Splits the dot product of a crop's unit vector with a direction over the positions of the crop.

        Args:
            crop: The crop.
            direction: (D,). The vector of another crop gives the contributions to the cosine of the two.

        Returns:
            (h, w) float32, one contribution per position; they sum to the dot product.

        Raises:
            SemblanceError: The weights come in a form without positions.
        """
        ...


@runtime_checkable
class Classifying(Protocol):
    """An engine whose network classifies pictures into named classes."""

    def classes(self) -> Sequence[str]:
        """Returns the names of the C classes; empty if the network in use has no classifier."""
        ...

    def probabilities(self, crops: Sequence[Crop]) -> np.ndarray:
        """Returns the class probabilities of N crops: (N, C) float32, rows summing to 1; (0, C) if N is 0."""
        ...


@runtime_checkable
class TextSide(Protocol):
    """An engine that also embeds text."""

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds N texts in the space of the pictures: (N, D) float32, rows of unit length; (0, D) if N is 0."""
        ...


@runtime_checkable
class Captioned(Protocol):
    """An engine whose vectors also encode a caption: one that it writes itself, or a given one.

    It returns one crop per picture, and `embed` is `embed_captioned` with the engine's own `captions`.
    """

    def captioner(self) -> str:
        """Returns the captioning model's identifier, which changes when captions may; empty without captions."""
        ...

    def captions(self, crops: Sequence[Crop]) -> list[str]:
        """Returns a caption for each crop."""
        ...

    def embed_captioned(self, crops: Sequence[Crop], captions: Sequence[str]) -> np.ndarray:
        """Embeds crops with given captions, as `embed` does; row i depends on crop i and caption i alone."""
        ...

    def recaption(self, vectors: np.ndarray, captions: Sequence[str]) -> np.ndarray:
        """Returns the (N, D) embeddings of pictures with their captions replaced by these."""
        ...


@runtime_checkable
class Learner(Protocol):
    """An engine that must be trained on a collection's own pictures before it can embed any.

    The registered engine is untrained: its card says so, and `prepare` raises Untrained. `restored` makes the
    trained engine from the result of a training; see features/learning/learners.py.

    Attributes:
        name: See Engine.
        least: Smallest number of pictures that it can be trained on.
    """

    name: ClassVar[str]
    least: int

    def plan(self, work: Path, pictures: Sequence[str], side: int, start: Path | None) -> None:
        """Writes the plan of a training into a folder.

        The caller provides `pixels.npy`, (N, S, S, 3) uint8 RGB, and `held_out.npy`, (N,) bool. The file that
        `planned` reads comes last.

        Args:
            work: The folder.
            pictures: Digests of the N pictures.
            side: S, in pixels.
            start: The result of an earlier training to continue from, if any.
        """
        ...

    def planned(self, work: Path) -> tuple[str, ...]:
        """Returns the digests of a training that can be resumed in a folder; empty if there is none."""
        ...

    def command(self, work: Path) -> list[str]:
        """Returns the command that resumes training and finally writes `result.npz`; it may be killed."""
        ...

    def steps(self, work: Path) -> tuple[int, int, str]:
        """Returns the progress of that command: steps done, total steps, and the current activity in words."""
        ...

    def side_for(self, longest: int) -> int:
        """Returns the side, in pixels, of the training squares for pictures whose longer side is `longest`."""
        ...

    def restored(self, file: Path) -> Engine:
        """Returns the trained engine.

        Raises:
            ValueError, KeyError, OSError: The file is not the result of a training.
        """
        ...

    def pictures(self) -> tuple[str, ...]:
        """Returns the digests of the pictures that it was trained on; empty while it is untrained."""
        ...

    def figures(self) -> dict[str, float]:
        """Returns figures of the training, by name.

        Raises:
            Untrained: The engine has not been trained.
        """
        ...


@runtime_checkable
class Generative(Engine, Protocol):
    """An engine whose vectors derive from latents of length L that it can decode. All methods raise Untrained."""

    def encode(self, crops: Sequence[Crop]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the latent means of N crops, (N, L) float32, and the logarithms of their variances."""
        ...

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Decodes (N, L) latents into (N, S, S, 3) float32 RGB pictures, 0..1; S is the engine's `side`."""
        ...

    def rows(self, latents: np.ndarray) -> np.ndarray:
        """Maps (N, L) latents to rows of any length whose cosines measure how alike the pictures are."""
        ...

    def unusual(self, crops: Sequence[Crop]) -> np.ndarray:
        """Returns the reconstruction error and the KL divergence of each crop, in nats: (N, 2) float32."""
        ...

    def latents(self) -> np.ndarray:
        """Returns latent means of training pictures, (M, L) float32."""
        ...

    def directions(self) -> np.ndarray:
        """Returns the K directions of most variation, the strongest first: (K, L) float32, one deviation long."""
        ...


def fingerprint(engine: Engine) -> str:
    """Returns 12 hex digits that change whenever a vector of this engine may change.

    Vectors of different fingerprints must not be compared.

    Raises:
        SemblanceError: The engine's settings are not plain JSON.
    """
    told = {"name": engine.name, "version": engine.version, "settings": engine.settings()}
    try:
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    except TypeError as error:
        raise SemblanceError("errors.settings_not_json", name=engine.name, error=error) from error


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Scales (N, D) real rows to unit length, as float32; a row of zeros becomes a constant row."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    safe = np.where(lengths > 0, vectors, 1.0)
    return (safe / np.linalg.norm(safe, axis=1, keepdims=True)).astype(np.float32)


E = TypeVar("E", bound=type[Engine])
_registry: dict[str, type[Engine]] = {}
_broken: dict[str, str] = {}


def register(engine: E) -> E:
    """Registers an engine class under its name; a class decorator.

    Raises:
        SemblanceError: The name is invalid or taken, or the class lacks `embed` or `describe`.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_+-]*", engine.name):
        raise SemblanceError("errors.engine_name", name=engine.name)
    for method in ("embed", "describe"):
        if getattr(engine, method) is getattr(Engine, method):
            raise SemblanceError("errors.engine_lacks_method", name=engine.name, method=method)
    other = _registry.get(engine.name)
    if other is not None and other.__module__ != engine.__module__:
        raise SemblanceError(
            "errors.engine_twice", name=engine.name, one=other.__module__, other=engine.__module__
        )
    _registry[engine.name] = engine
    return engine


def discover() -> dict[str, type[Engine]]:
    """Imports every module in this folder and every plugin once, and returns all engines by name.

    A plugin is a module of another distribution, named by an entry point of the group PLUGINS. `broken` lists what
    fails to import.
    """
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg and module.name != "base":
            _load(f"{__package__}.{module.name}", f"engines/{module.name}.py")
    for plugin in _plugins():
        _load(plugin.module, f"The plugin {plugin.name} ({plugin.value})")
    return dict(sorted(_registry.items()))


@cache
def _plugins() -> tuple[EntryPoint, ...]:
    """Finds the plugins that are installed; once, as that reads the metadata of every distribution."""
    return tuple(entry_points(group=PLUGINS))


def _load(module: str, source: str) -> None:
    """Imports a module whose engines register themselves; one that fails must not disable the others."""
    if module in _broken:
        return
    try:
        importlib.import_module(module)
    except Exception as error:
        _broken[module] = f"{source} can't be loaded: {error}"
        for name in [name for name, made in _registry.items() if made.__module__ == module]:
            del _registry[name]  # registered before the error


def broken() -> dict[str, str]:
    """Returns the modules that `discover` could not import, each with the reason."""
    discover()
    return dict(_broken)


def create(name: str, network: str = "auto", preferred: str = "") -> Engine:
    """Makes an engine.

    Args:
        name: Name of the engine.
        network: "auto", "builtin" or the name of one of its networks.
        preferred: The network that "auto" prefers; empty leaves the choice to the engine, as does a name that the
            engine does not have.

    Raises:
        SemblanceError: There is no such engine or network; the message lists the choices.
    """
    engines = discover()
    if name not in engines:
        raise SemblanceError("errors.no_engine", name=name, choices=", ".join(engines))
    choices = ("auto", "builtin", *engines[name].networks)
    if network not in choices:
        raise SemblanceError("errors.no_engine_network", name=name, network=network, choices=", ".join(choices))
    make: Callable[..., Engine] = engines[name]
    if not engines[name].networks:
        return make()
    return make(network, preferred if preferred in choices else "")
