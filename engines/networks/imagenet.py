"""Names of ImageNet's 1,000 classes, from WordNet's synonyms."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("imagenet.tsv")


@cache
def words() -> tuple[tuple[str, ...], ...]:
    """Returns the synonyms of each class, the most common first."""
    lines = _FILE.read_text("utf-8").splitlines()
    return tuple(tuple(line.split("\t")[1].split(", ")) for line in lines if not line.startswith("#"))


def names() -> tuple[str, ...]:
    """Returns one name per class. Two pairs of classes share a name (crane, maillot)."""
    return tuple(synonyms[0] for synonyms in words())
