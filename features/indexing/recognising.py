"""A collection that was moved, renamed, or is reached in another way is recognised by what it holds."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from features.catalogue import folder as folders
from features.catalogue.folder import Catalogue
from features.catalogue.urls import Url
from features.home import Home

SHARE = 0.5  # of the pictures of the smaller collection, that both must hold
BY_PICTURE = (
    "marks.json",
    "metadata.json",
    "*.features",
    "*.journal",
)  # of pictures, wherever they lie
LEFT = {"catalogue.json", ".lock", ".tmp", ".damaged", ".filled"}  # names or endings of what stays behind


def recognise(home: Home, catalogue: Catalogue) -> None:
    """Takes over what is kept of another collection, if a catalogue that is new is that one in another place.

    It is, if it holds the same pictures and the folder of the other has gone, or the one lies in the other (a link
    may lead there). Two collections that merely share pictures stay strangers to each other.
    """
    if isinstance(catalogue.root, Url):
        return
    best, shared = None, 0
    for state in home.path.glob("catalogues/*/catalogue.json"):
        root = folders.root_of(state)
        if state == catalogue.state or root is None or isinstance(root, Url):
            continue
        other = folders.load(Catalogue(root, state))
        both = len(catalogue.paths.keys() & other.paths.keys())
        enough = both >= SHARE * min(len(catalogue.paths), len(other.paths))
        if both > shared and enough and (_gone(root) or _nested(root, catalogue.root)):
            best, shared = other, both
    if best is None:
        return
    whole = _gone(best.root) or best.root.resolve() == catalogue.root.resolve()
    for pattern in ("*",) if whole else BY_PICTURE:
        for source in best.state.parent.glob(pattern):
            if source.is_file() and source.name not in LEFT and source.suffix not in LEFT:
                _copy(source, catalogue.state.with_name(source.name))
    catalogue.recognised = os.fspath(best.root)


def _gone(root: Path) -> bool:
    try:
        return not root.is_dir()
    except OSError:  # it can't be said
        return False


def _nested(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _copy(source: Path, target: Path) -> None:
    """A feature file may be large, and is only ever replaced: a second name for it will do."""
    if target.exists():
        return
    if source.suffix == ".features":
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
