"""Which network a person chose for an engine; kept in the home, so that the app and every command agree."""

from __future__ import annotations

import json
from pathlib import Path

from features.files import write_atomically

FILE = "networks.json"


def networks(home: Path) -> dict[str, str]:
    """Returns engine -> network; empty where nobody chose, or the file is damaged."""
    try:
        kept = json.loads((home / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(network) for name, network in kept.items()} if isinstance(kept, dict) else {}


def keep(home: Path, name: str, network: str) -> None:
    """Raises OSError when the home can't be written to."""
    kept = networks(home) | {name: network}
    write_atomically(home / FILE, [json.dumps(kept, indent=1).encode()])
