"""Which network a person chose for an engine; kept in the home, so that the app and every command agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from features import keeping

FILE = "networks.json"


def networks(home: Path) -> dict[str, str]:
    """Returns engine -> network; empty where nobody chose, or the file and its copy are damaged."""
    try:
        return keeping.kept(home / FILE, _restored) or {}
    except OSError:
        return {}


def _restored(told: Any) -> dict[str, str]:
    if not isinstance(told, dict):
        raise TypeError("no mapping")
    return {str(name): str(network) for name, network in told.items()}


def keep(home: Path, name: str, network: str) -> None:
    """Raises OSError when the home can't be written to."""
    keeping.keep(home / FILE, networks(home) | {name: network})
