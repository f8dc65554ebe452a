"""A question, as a visitor puts it together in a tab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demos.components import region
from demos.components.options import How
from engines import Engine
from features.catalogue.folder import Catalogue
from features.library import Library
from features.retrieval.results import Reference

EVERY = -1  # in the place of one part's number


@dataclass(frozen=True)
class Asked:
    """What was pressed.

    Attributes:
        digest: Of the picture of the catalogue that is the query; empty when one was uploaded.
        part: Which of the query's parts (its faces, say) is searched with, or EVERY.
        box: What was drawn on it.
    """

    digest: str = ""
    part: int = 0
    box: region.Frame | None = None


@dataclass(frozen=True)
class Query:
    """A question that can be answered. k: results. asked, how: as above; what it is asked with is no answer."""

    library: Library
    catalogue: Catalogue
    engine: Engine
    path: Path
    asked: Asked
    k: int
    how: How

    @property
    def reference(self) -> Reference:
        """The question itself. Raises ImageError."""
        return Reference(self.path, box=region.pixels(self.path, self.asked.box))

    @property
    def asked_with(self) -> list[Reference]:
        """All that are averaged. The question itself may be one of those pinned. Raises ImageError."""
        pinned = [reference for pin in self.how.pins if (reference := pin.reference(self.catalogue))]
        if self.asked.box or self.path not in [reference.path for reference in pinned]:
            pinned.append(self.reference)
        return pinned

    @property
    def called(self) -> str:
        """What it is asked with, by name; never by a path of this machine. Raises ImageError."""
        root = self.catalogue.root
        paths = [reference.path for reference in self.asked_with]
        names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name for path in paths]
        return " + ".join(names)

    @property
    def own(self) -> set[str]:
        """Digests of pictures of the catalogue that are asked with."""
        return {self.asked.digest, *(pin.digest for pin in self.how.pins)} - {""}


def number(told: Any) -> int:
    """The number of a part, as a client sends it; EVERY where that is no number."""
    digits = str(told)
    return int(digits) if digits.isdecimal() and len(digits) < 5 else EVERY


def limited(k: Any, most: int) -> int:
    """How many results, as a client sends it."""
    try:
        return min(most, max(1, int(k)))
    except (TypeError, ValueError, OverflowError):  # an emptied field, or made up
        return 1
