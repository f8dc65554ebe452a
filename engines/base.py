"""The Engine contract: what an image means, as one unit vector per crop.

An engine is one file in this folder. Only `embed` and `describe` must be written:

    @register
    class Brightness(Engine):
        name, version = "brightness", 1
        def embed(self, crops): ...
        def describe(self): ...
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from engines.errors import SemblanceError

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are exclusive."""


@dataclass(frozen=True)
class Crop:
    """A part of an image that gets one vector.

    pixels: (H, W, 3) uint8 RGB. box: where it lies in the image it was cut from; None is the whole image.
    remarks: what makes its vector doubtful ("blurred", say), each in a word or two for people.
    """

    pixels: np.ndarray
    box: Box | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """What a person should know of an engine, and which network and weights answer at this moment."""

    title: str
    alike: str  # what "alike" means here, in one sentence
    dim: int
    network: str
    weights: str  # where the weights came from, and why the network that was preferred doesn't answer
    licence: str
    available: bool = True
    reason: str = ""  # why it is not available, or why another network answers than the preferred one
    runner: str = ""  # what runs the network, and how precisely
    settled: bool = True  # False until the first use, where that will fetch or export: another may then answer
    order: int = 50  # place of its tab, small first
    builtin: bool = False  # whether the network that answers is installed with Semblance


@dataclass(frozen=True)
class NetworkChoice:
    """A network that a person may choose for an engine.

    Attributes:
        name: As `create` takes it.
        licence: Terms of its weights.
        megabytes: Size of its download, about; 0 where it is installed with Semblance.
        manual: One sentence: how to bring its weights without a download; empty where they are installed with
            Semblance.
        free: Whether its terms allow commercial use.
        builtin: Whether it is installed with Semblance.
        present: Whether it can answer without a download.
        automatic: Whether "auto" prefers it where the person has chosen nothing.
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
    """Maps images to vectors whose cosine says how alike they are.

    Row i of `embed` must depend on crop i alone. Nothing heavy may be imported or loaded before `embed`
    or `crops` is called. Instances are made by `create`, once per network, and may be called from
    several threads.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    networks: ClassVar[tuple[str, ...]] = ()  # if any, the engine is made with the last two arguments of `create`
    side: int | None = None  # pixels: a picture whose shorter side has as many will do; None wants all there are

    def prepare(self) -> None:
        """Fetch what is needed to answer (weights, say). May take long; after it `settings` stands still.

        Raises WeightsError when a weights file is wrong.
        """

    def crops(self, image: np.ndarray) -> list[Crop]:
        """(H, W, 3) uint8 RGB -> at least one crop, the most prominent first.

        Raises NotEmbeddable, with a sentence that tells the person what to try.
        """
        return [Crop(image)]

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        """N crops -> (N, D) float32 rows of unit length; N = 0 gives (0, D)."""
        ...

    def describe(self) -> Card: ...

    def choices(self) -> Sequence[NetworkChoice]:
        """Returns the networks that a person may choose among; none where there is nothing to choose."""
        return ()

    def settings(self) -> dict[str, Any]:
        """All that moves a vector, as plain JSON values: weights' sha256, input size, layers, margin ..."""
        return {}


@runtime_checkable
class Verifier(Protocol):
    """An engine that knows how alike two pictures of the same thing are, and two of different ones."""

    def known_pairs(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Rising cosines of same pairs and of different ones, (n,) each; None where its network is unmeasured."""
        ...


@dataclass(frozen=True)
class VectorPart:
    """A stretch of an engine's vectors, of the same length in each of them.

    name: a plain word for people. dim: its numbers. share: its part in the cosine of two whole vectors, 0..1; all
    shares sum to 1. group: what it speaks of; between two groups a person may choose.
    """

    name: str
    dim: int
    share: float
    group: str


@runtime_checkable
class Parted(Protocol):
    """An engine whose vectors are made of parts, one after the other, that can be weighed anew when searching."""

    def vector_parts(self) -> Sequence[VectorPart]:
        """In their order in the vector; empty where the network that answers has none."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """An engine whose vectors are sums over the positions of a crop, so that a cosine is told place by place."""

    def explains(self) -> bool:
        """Whether the network that answers can."""
        ...

    def explain(self, crop: Crop, direction: np.ndarray) -> np.ndarray:
        """(h, w) float32: what each position adds to the product of the crop's unit vector with a (D,) direction.

        The sum is that product. With the vector of another crop as the direction, it is their cosine. Raises
        SemblanceError when the weights come in a form that can't tell.
        """
        ...


@runtime_checkable
class Classifying(Protocol):
    """An engine whose network tells things apart by name."""

    def classes(self) -> Sequence[str]:
        """Returns the names of its C classes; none where the network that answers has none."""
        ...

    def probabilities(self, crops: Sequence[Crop]) -> np.ndarray:
        """Returns (N, C) float32 for N crops, rows summing to 1; N = 0 gives (0, C)."""
        ...


@runtime_checkable
class TextSide(Protocol):
    """An engine that understands words, too."""

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """N texts -> (N, D) float32 unit rows in the space of the pictures' vectors; N = 0 gives (0, D)."""
        ...


@runtime_checkable
class Captioned(Protocol):
    """An engine whose vectors hold what a caption says, too: its own caption, or one that it is given.

    It gives one crop for each picture, and `embed` is `embed_captioned` with its own `captions`.
    """

    def captioner(self) -> str:
        """What writes its captions; another name where they may be others. Empty: captions count for nothing."""
        ...

    def captions(self, crops: Sequence[Crop]) -> list[str]: ...

    def embed_captioned(self, crops: Sequence[Crop], captions: Sequence[str]) -> np.ndarray:
        """As `embed`; row i depends on crop i and caption i alone."""
        ...

    def recaption(self, vectors: np.ndarray, captions: Sequence[str]) -> np.ndarray:
        """(N, D) rows of pictures -> the rows that they would have had with these captions."""
        ...


@runtime_checkable
class Learner(Protocol):
    """An engine that has to be trained on a collection's own pictures before it can answer.

    As it is registered it is untrained: its card says so, and `prepare` raises Untrained. What answers is another
    object, made by `restored` of what a training has left; see features/learning/learners.py.
    """

    least: int  # pictures that it takes

    def plan(self, work: Path, pictures: Sequence[str], side: int, start: Path | None) -> None:
        """Writes into a folder what a training needs besides `pixels.npy`, (N, S, S, 3) uint8 RGB, and
        `held_out.npy`, (N,) bool; last what `planned` reads.

        pictures: their N digests. start: a file of an earlier training, to go on from.
        """
        ...

    def planned(self, work: Path) -> tuple[str, ...]:
        """The pictures of a training that was begun in a folder and can be gone on with; empty where none is."""
        ...

    def command(self, work: Path) -> list[str]:
        """What trains, as a process, on from the last epoch, and leaves `result.npz`. It may be killed."""
        ...

    def steps(self, work: Path) -> tuple[int, int, str]:
        """How far that is: done, of how many, doing what."""
        ...

    def side_for(self, longest: int) -> int:
        """Pixels of the square that pictures are trained at whose longer side is so long."""
        ...

    def restored(self, file: Path) -> Engine:
        """The engine that a training has left. Raises ValueError, KeyError or OSError for a file that is none."""
        ...

    def pictures(self) -> tuple[str, ...]:
        """Digests of those that it was trained on; empty while it is untrained."""
        ...

    def figures(self) -> dict[str, float]:
        """How its training went, by names. Raises Untrained."""
        ...


@runtime_checkable
class Generative(Engine, Protocol):
    """An engine whose vectors come from latents, L numbers each, that it can draw. All raise Untrained."""

    def encode(self, crops: Sequence[Crop]) -> tuple[np.ndarray, np.ndarray]:
        """N crops -> (N, L) float32 latent means, and the logarithms of their variances."""
        ...

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """(N, L) -> (N, S, S, 3) float32 RGB, 0..1; S is its `side`."""
        ...

    def rows(self, latents: np.ndarray) -> np.ndarray:
        """(N, L) latents -> the rows, of any length, whose cosines tell how alike they are."""
        ...

    def unusual(self, crops: Sequence[Crop]) -> np.ndarray:
        """(N, 2) float32, in nats: how badly each is drawn again, and how far off its latents lie."""
        ...

    def latents(self) -> np.ndarray:
        """(M, L) float32: those of the pictures that it was trained on."""
        ...

    def directions(self) -> np.ndarray:
        """(K, L) float32: in which those differ most, the strongest first, a standard deviation long."""
        ...


def fingerprint(engine: Engine) -> str:
    """12 hex digits that change whenever a vector of this engine could. Two fingerprints never mix."""
    told = {"name": engine.name, "version": engine.version, "settings": engine.settings()}
    try:
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    except TypeError as error:
        raise SemblanceError(f"The engine {engine.name} has settings that are no plain JSON ({error}).") from error


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """(N, D) any real -> (N, D) float32 rows of length 1; a row of zeros becomes a constant row."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    safe = np.where(lengths > 0, vectors, 1.0)
    return (safe / np.linalg.norm(safe, axis=1, keepdims=True)).astype(np.float32)


E = TypeVar("E", bound=type[Engine])
_registry: dict[str, type[Engine]] = {}
_broken: dict[str, str] = {}


def register(engine: E) -> E:
    """Class decorator: makes the engine known under its name. Raises SemblanceError when it can't be one."""
    if not re.fullmatch(r"[a-z][a-z0-9_+-]*", engine.name):
        raise SemblanceError(f"{engine.name!r} is no name for an engine; use small letters, digits, _, + and -.")
    for method in ("embed", "describe"):
        if getattr(engine, method) is getattr(Engine, method):
            raise SemblanceError(f"The engine {engine.name} has no {method}(); write it.")
    other = _registry.get(engine.name)
    if other is not None and other.__module__ != engine.__module__:
        raise SemblanceError(
            f"Two engines are called {engine.name!r}: {other.__module__} and {engine.__module__}."
        )
    _registry[engine.name] = engine
    return engine


def discover() -> dict[str, type[Engine]]:
    """All engines, by name: every module in this folder is imported once. See `broken` for those that fail."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name == "base" or module.name in _broken:
            continue
        try:
            importlib.import_module(f"{__package__}.{module.name}")
        except Exception as error:  # one broken file must not take the others down
            _broken[module.name] = f"engines/{module.name}.py can't be loaded: {error}"
            half = [name for name, made in _registry.items() if made.__module__ == f"{__package__}.{module.name}"]
            for name in half:  # registered before the fault
                del _registry[name]
    return dict(sorted(_registry.items()))


def broken() -> dict[str, str]:
    """Files in this folder that `discover` could not import -> why."""
    discover()
    return dict(_broken)


def create(name: str, network: str = "auto", preferred: str = "") -> Engine:
    """Makes an engine.

    Args:
        name: The engine's.
        network: "auto", "builtin" or one of its networks.
        preferred: The network that "auto" is to prefer; empty leaves it to the engine. Ignored where the engine
            has none of that name.

    Raises:
        SemblanceError: There is no such engine or network; the message lists the choices.
    """
    engines = discover()
    if name not in engines:
        raise SemblanceError(f"There is no engine {name!r}. Choose one of: {', '.join(engines)}.")
    choices = ("auto", "builtin", *engines[name].networks)
    if network not in choices:
        raise SemblanceError(f"{name} has no network {network!r}. Choose one of: {', '.join(choices)}.")
    if not engines[name].networks:
        return engines[name]()
    return engines[name](network, preferred if preferred in choices else "")
