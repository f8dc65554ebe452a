"""The gallery: a catalogue's pictures by what is known of them besides their pixels, filtered and in order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from engines.messages import Message
from features.catalogue.captions import Caption
from features.catalogue.exif import NONE, Details
from features.catalogue.folder import Catalogue, Entry
from features.files import readable
from features.retrieval import words


class Picture(NamedTuple):
    """path: below the root, of the first file with these bytes. text: all that is looked through, made plain.

    details: what its tags say.
    """

    digest: str
    path: str
    label: str
    entry: Entry
    text: str
    details: Details = NONE

    @property
    def time(self) -> float:
        """When it was taken, else when its file was last written, in seconds since 1970."""
        taken = self.details.seconds
        return self.entry.mtime / 1e9 if taken is None else taken


@dataclass(frozen=True)
class Wish:
    """Which pictures to show.

    Attributes:
        text: Words, or parts of words, that must all occur.
        labels: A picture must have one of these, if there are any; "" is the label of pictures in no folder.
        tags: A picture must have one of these, if there are any.
        hidden: Whether to show the hidden pictures instead of the others.
        among: Digests of the pictures to choose from; empty stands for all.
    """

    text: str = ""
    labels: Sequence[str] = ()
    tags: Sequence[str] = ()
    hidden: bool = False
    order: str = Message("orders.folder")
    among: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Gallery:
    """pictures: in order of path. What it was made from stays as it was; `Library.gallery` makes another."""

    pictures: Sequence[Picture]
    tags: Mapping[str, tuple[str, ...]]
    hidden: frozenset[str]
    _ordered: dict[str, list[Picture]] = field(default_factory=dict)

    @cached_property
    def labels(self) -> dict[str, int]:
        """label -> how many pictures that are shown."""
        return dict(sorted(Counter(one.label for one in self.pictures if one.digest not in self.hidden).items()))

    @cached_property
    def tagged(self) -> dict[str, int]:
        """tag -> how many pictures that are there, hidden ones too."""
        there = {one.digest for one in self.pictures}
        return dict(
            sorted(Counter(tag for one, held in self.tags.items() if one in there for tag in held).items())
        )

    def select(self, wish: Wish) -> list[Picture]:
        """In the order of the wish; in the first one where there is no such."""
        found = self._in_order(wish.order)
        found = [one for one in found if (one.digest in self.hidden) == wish.hidden]
        if wish.among:
            found = [one for one in found if one.digest in wish.among]
        if wish.labels:
            labels = set(wish.labels)
            found = [one for one in found if one.label in labels]
        if wish.tags:
            tags = set(wish.tags)
            found = [one for one in found if tags.intersection(self.tags.get(one.digest, ()))]
        for word in words.plain(wish.text).split():
            found = [one for one in found if word in one.text]
        return found

    def _in_order(self, order: str) -> list[Picture]:
        if order not in ORDERS:
            order = next(iter(ORDERS))
        if order not in self._ordered:
            self._ordered[order] = sorted(self.pictures, key=ORDERS[order])
        return self._ordered[order]


def gallery(catalogue: Catalogue, captions: Mapping[str, Caption]) -> Gallery:
    """Returns the gallery of a catalogue's pictures; `captions` are by digest."""
    tags, hidden = catalogue.tags, catalogue.hidden
    pictures = []
    for digest, paths in catalogue.paths.items():
        caption = captions[digest].text if digest in captions else ""
        details = (catalogue.details or {}).get(digest, NONE)
        told = " ".join((*paths, caption, *tags.get(digest, ()), details.taken[:10], details.camera))
        label = readable(catalogue.label(digest))  # it is sent to a page, and comes back
        pictures.append(Picture(digest, paths[0], label, catalogue.entries[paths[0]], words.plain(told), details))
    return Gallery(pictures, tags, hidden)


def _natural(text: str) -> list[tuple[int, str]]:
    """So that 2.jpg comes before 10.jpg."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", words.plain(text))]


def _name(one: Picture) -> Any:
    return _natural(one.path.rpartition("/")[2]), one.path


ORDERS: Mapping[str, Callable[[Picture], Any]] = {
    Message("orders.folder"): lambda one: one.label,  # they come in order of path
    Message("orders.name"): _name,
    Message("orders.newest"): lambda one: (-one.time, one.path),
    Message("orders.oldest"): lambda one: (one.time, one.path),
    Message("orders.largest"): lambda one: (-one.entry.size, one.path),
}
