"""Optional requirements: the commands that install them."""

from __future__ import annotations

import importlib.metadata
from functools import cache

from engines.messages import Message

DISTRIBUTION = "semblance"


def install(extra: str, requirement: str = "") -> str:
    """Returns the command that installs an extra of this project.

    Args:
        extra: Its name in pyproject.toml; empty for a requirement of every installation.
        requirement: What to install where Semblance runs from its sources; empty for requirements-EXTRA.txt.
    """
    if extra and _is_installed():
        return f'pip install "{DISTRIBUTION}[{extra}]"'
    return f'pip install "{requirement}"' if requirement else f"pip install -r requirements-{extra}.txt"


def missing(package: str, extra: str, requirement: str) -> str:
    """Returns the sentence that a package is missing, with the command that installs it; see `install`."""
    return Message("extras.missing", package=package, command=install(extra, requirement))


@cache
def _is_installed() -> bool:
    """Returns whether this is an installed distribution, which has no requirements files."""
    try:
        return bool(importlib.metadata.version(DISTRIBUTION))
    except importlib.metadata.PackageNotFoundError:
        return False
