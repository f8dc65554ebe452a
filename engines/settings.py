"""The settings: the only reader of the variables SEMBLANCE_*, which options of the command line override."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.errors import SemblanceError

PREFIX = "SEMBLANCE_"


@dataclass(frozen=True)
class Settings:
    """Settings of a process. Each is read from SEMBLANCE_ and its name, SEMBLANCE_HOME for example.

    Attributes:
        home: The folder where features are stored; None takes one in the user's cache.
        images: The folder of pictures that `serve` opens, or its URL; empty opens the samples.
        weights: A weights file, or a folder of weights files, that goes before published weights.
        exports: The folder of exported networks; None takes one beside Keras's cache of weights.
        captions: The model that writes captions; empty takes "base" if it is available, else "off".
        index: How to search, one of features.index.CHOICES; empty takes "auto".
        runtime: "keras" runs networks without OpenVINO.
        cores: The number of cores that this process may use; None takes all.
        offline: Whether downloads are forbidden.
        webcam: Whether the app offers the browser's camera.
        metrics: Whether `serve` answers Prometheus.
        allow_host: Names that `serve` answers to behind a proxy, separated by commas or spaces.
        visitors_export: Whether visitors of the app may export vectors.
        debug: Whether a command shows where an unforeseen error was raised.
    """

    home: Path | None = None
    images: str = ""
    weights: Path | None = None
    exports: Path | None = None
    captions: str = ""
    index: str = ""
    runtime: str = ""
    cores: int | None = None
    offline: bool = False
    webcam: bool = True
    metrics: bool = False
    allow_host: str = ""
    visitors_export: bool = False
    debug: bool = False

    def changed(self) -> dict[str, Any]:
        """Returns the settings that differ from their defaults, by name."""
        defaults = vars(Settings())
        return {name: value for name, value in vars(self).items() if value != defaults[name]}


ON = {"1", "true", "t", "yes", "y", "on"}
OFF = {"0", "false", "f", "no", "n", "off"}


def _switch(text: str) -> bool:
    if text.lower() not in ON | OFF:
        raise ValueError
    return text.lower() in ON


_SWITCH = (_switch, "1 or 0")
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {  # how to read a variable, and what it may hold
    "home": (Path, "a folder"),
    "images": (str, "a folder"),
    "weights": (Path, "a file or folder"),
    "exports": (Path, "a folder"),
    "captions": (str, "a name"),
    "index": (str, "a name"),
    "runtime": (str, "a name"),
    "cores": (int, "a number"),
    "offline": _SWITCH,
    "webcam": _SWITCH,
    "metrics": _SWITCH,
    "allow_host": (str, "names"),
    "visitors_export": _SWITCH,
    "debug": _SWITCH,
}
_overrides: dict[str, Any] = {}


def current() -> Settings:
    """Returns the present settings: those that `override` set, else the environment's, else the defaults.

    An empty variable counts as unset.

    Raises:
        SemblanceError: A variable has a value that it can't have.
    """
    return Settings(**(_environment() | _overrides))


def override(**changes: Any) -> None:
    """Sets settings of this process, whatever the environment says; those that are None stay as they are."""
    _overrides.update((name, value) for name, value in changes.items() if value is not None)


def reset() -> None:
    """Takes back all that `override` has set."""
    _overrides.clear()


def _environment() -> dict[str, Any]:
    found = {}
    for name, (read, wanted) in _READERS.items():
        if text := os.environ.get(PREFIX + name.upper()):
            try:
                found[name] = read(text)
            except ValueError as error:
                variable = PREFIX + name.upper()
                raise SemblanceError("settings.wrong", variable=variable, wanted=wanted, text=text) from error
    return found
