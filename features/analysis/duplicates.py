"""Duplicates of a collection: the same bytes in several files, and the same picture in other bytes.

The second are found without a network: by looks (`looks`, `look_matching`), and then at full detail (`detail`),
where another number on the same form tells two pictures apart. Such pairs are alike, but something differs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engines.messages import Message, packed, unpacked
from features import files, keeping
from features.analysis import detail, looks
from features.analysis.detail import Box, Opened, Places
from features.analysis.look_matching import BRIGHTER, Compared, connected
from features.analysis.looks import SIDE, Look
from features.catalogue.folder import Catalogue, Progress, Skipped
from features.errors import ImageError

VERSION = 2  # of what is found; 2 compares at full detail
THREADS = 2  # that compare at full detail
MARKED = 32  # places in a picture that are marked, at most


@dataclass(frozen=True)
class Member:
    """A picture of a group. paths: below the root, all that have its bytes. size: bytes of one of them.

    agreement: correlation of its details with those of the group's first picture, up to 1. why: what sets it apart
    from that one, in a few words; empty for the first. differs: where it is another picture than that one, or that
    one than others: left, top, right, bottom, as shares of its sides.
    """

    digest: str
    paths: tuple[str, ...]
    width: int
    height: int
    size: int
    agreement: float = 1.0
    why: str = ""
    differs: tuple[Box, ...] = ()


@dataclass(frozen=True)
class DuplicateGroup:
    """exact: one picture with several paths. near: two or more, the largest, which is to be kept, first.

    alike: different pictures, of which none is to be hidden; those after the first look like it.
    """

    kind: Literal["exact", "near", "alike"]
    members: tuple[Member, ...]

    @property
    def keep(self) -> Member:
        return self.members[0]


@dataclass(frozen=True)
class Duplicates:
    """groups: of the same picture. alike: of different ones that look alike.

    compared: how many pictures; unseen: how many are shown that have come, or come back, since.
    """

    groups: tuple[DuplicateGroup, ...]
    compared: int
    unseen: int
    skipped: tuple[Skipped, ...]
    alike: tuple[DuplicateGroup, ...] = ()


Near = tuple[tuple[str, float, str], ...]
"""A group as it is kept: (digest, agreement, why) of each, the largest first."""
Alike = tuple[tuple[str, float, str, tuple[Box, ...]], ...]
"""The same of pictures that are alike, with where they differ."""


@dataclass(frozen=True)
class Found:
    """What a run has found, as it is kept. sizes: digest -> (width, height) of all that were compared."""

    near: tuple[Near, ...] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    alike: tuple[Alike, ...] = ()

    def keep(self, path: Path) -> None:
        told = {
            "version": VERSION,
            "near": self.near,
            "sizes": self.sizes,
            "refused": {one: packed(why) for one, why in self.refused.items()},
            "alike": self.alike,
        }
        keeping.keep_plain(path, told)

    @classmethod
    def kept(cls, path: Path) -> Found | None:
        """What `keep` has kept. A damaged file is set aside."""
        told = looks.load(path, VERSION)
        try:
            near, alike = (tuple(map(tuple, told[kind])) for kind in ("near", "alike")) if told else ((), ())
            return told and cls(near, dict(told["sizes"]), dict(told["refused"]), alike)
        except (KeyError, TypeError, ValueError):
            files.set_aside(path)
            return None

    def shown(self, catalogue: Catalogue) -> Duplicates:
        """The groups of what is shown now: what is hidden or gone takes no part."""
        there = {digest: paths for digest, paths in catalogue.paths.items() if digest not in catalogue.hidden}

        def member(digest: str, agreement: float = 1.0, why: str = "", differs: tuple[Box, ...] = ()) -> Member:
            paths = there[digest]
            size = catalogue.entries[paths[0]].size
            return Member(digest, tuple(paths), *self.sizes[digest], size, agreement, why, differs)

        seen = there.keys() & self.sizes.keys()
        near, alike = (
            [tuple(member(*one) for one in group if one[0] in seen) for group in kind]
            for kind in (self.near, self.alike)
        )
        exact = [member(digest) for digest in there if len(there[digest]) > 1 and digest in seen]
        groups = [DuplicateGroup("exact", (one,)) for one in exact]
        groups += [DuplicateGroup("near", group) for group in near if len(group) > 1]
        # where the first is gone or hidden, nothing says how the others differ
        leads = {group[0][0] for group in self.alike} & seen
        others = tuple(
            DuplicateGroup("alike", group) for group in alike if len(group) > 1 and group[0].digest in leads
        )
        refused = [
            Skipped(there[digest][0], unpacked(why)) for digest, why in self.refused.items() if digest in there
        ]
        return Duplicates(tuple(groups), len(seen), len(there) - len(seen) - len(refused), tuple(refused), others)


def find(
    digests: Collection[str],
    read: Callable[[str], bytes],
    kept: Path,
    progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Found | None:
    """The groups of pictures that are the same one in other bytes; None where it was cancelled.

    read: digest -> the bytes, raises ImageError. kept: the file in which looks stay, also of a run that was
    cancelled; those of other pictures are dropped from it. Memory grows with the number of pictures. Each picture
    of a group has been compared with the group's first, the one of most pixels.
    """
    made: dict[str, Look] = {}
    refused: dict[str, str] = {}
    if not looks.gather(digests, read, kept, made, refused, progress, cancelled):
        return None
    names = sorted(made)
    sizes = {name: (made[name].width, made[name].height) for name in names}
    compared = Compared([made[name] for name in names])
    pairs = compared.candidates(progress, cancelled)
    if pairs is None or not compared.compare(pairs, progress, cancelled):
        return None
    if not compared.compare(compared.crowded(), progress, cancelled):
        return None
    close = _Close(compared, Opened(lambda number: read(names[number])))
    if not close.compare(compared.same, progress, cancelled):
        return None
    groups = (
        ((names[first], 1.0, ""), *((names[i], *compared.why(first, i)) for i in others))
        for first, *others in close.groups()
    )
    near = tuple(sorted(groups))
    alike = (
        tuple((names[i], agreement, why, differs) for i, agreement, why, differs in group)
        for group in close.alike()
    )
    return Found(near, sizes, refused, tuple(sorted(alike)))


class _Close:
    """What the pairs of one look are at full detail: (first, second) -> where they differ, in both."""

    def __init__(self, compared: Compared, opened: Opened) -> None:
        self._looks, self._opened = compared, opened
        self._differ: dict[tuple[int, int], Places] = {}
        self._lead: dict[int, int] = {}

    def compare(
        self,
        pairs: Iterable[tuple[int, int]],
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Compares those of the pairs that are new; False where it was cancelled."""
        new = sorted(set(pairs) - self._differ.keys())
        with ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(new), looks.BATCH):
                if cancelled():
                    return False
                progress(start, len(new), Message("progress.comparing_details"))
                batch = new[start : start + looks.BATCH]
                found = pool.map(self._differences, batch)
                self._differ |= {
                    pair: places for pair, places in zip(batch, found, strict=True) if places is not None
                }
        return True

    def _differences(self, pair: tuple[int, int]) -> Places | None:
        """None where one of them can't be opened any more."""
        try:
            first, second = map(self._opened.pixels, pair)
        except ImageError:
            return None
        same = self._looks.same[pair]
        scale, place = same.place[::2], same.place.copy()
        place[1::2] = (place[1::2] + (1 - scale) / 2) / SIDE  # from the middles of pixels to edges
        return detail.differences(first, second, place, abs(same.brighter) > BRIGHTER)

    def _ask(self, first: int, others: Iterable[int]) -> dict[int, Places]:
        """Where the first and others of its look differ, in both; others have no entry."""
        asked = {(min(first, i), max(first, i)): i for i in others}
        self._looks.compare([pair for pair in asked if pair not in self._looks.asked])
        known = {pair: i for low, i in asked.items() for pair in (low, low[::-1]) if pair in self._looks.same}
        self.compare(known)
        return {
            i: tuple(box if pair[0] == first else box[::-1] for box in self._differ[pair])
            for pair, i in known.items()
            if pair in self._differ
        }

    def _stars(self, pairs: Iterable[tuple[int, int]], same: bool) -> Iterator[tuple[int, dict[int, Any]]]:
        """The largest of those that are joined, and those that are the same picture, or that differ.

        Of two equally large pictures the coloured one comes first, then the one with more bytes.
        """
        sizes, coloured, size = self._looks.sizes, self._looks.coloured, self._looks.bytes
        for left in connected(pairs):
            left.sort(key=lambda i: (-sizes[i].prod(), not coloured[i], -size[i], i))
            while len(left) > 1:
                first, *others = left
                joined = {i: places for i, places in self._ask(first, others).items() if same is not bool(places)}
                if joined:
                    yield first, joined
                left = [i for i in others if i not in joined]

    def groups(self) -> list[list[int]]:
        """Pictures of each group of the same one, the largest first."""
        same = [pair for pair, places in self._differ.items() if not places]
        found = [[first, *joined] for first, joined in self._stars(same, same=True)]
        self._lead = {i: group[0] for group in found for i in group}
        return found

    def alike(self) -> Iterator[list[tuple[int, float, str, tuple[Box, ...]]]]:
        """(number, agreement, why, where it differs) of different pictures that look alike; of each group one."""
        joined = {
            (self._lead.get(one, one), self._lead.get(other, other))
            for (one, other), places in self._differ.items()
            if places
        }
        for first, others in self._stars([pair for pair in joined if pair[0] != pair[1]], same=False):
            marks = {box: None for places in others.values() for box, _ in places}
            told = [(first, 1.0, "", tuple(marks)[:MARKED])]
            for i, places in others.items():
                agreement, why = self._looks.why(first, i)
                why = ", ".join(
                    [Message("copies.differs"), *([] if why == Message("copies.saved_again") else [why])]
                )
                told.append((i, agreement, why, tuple(box for _, box in places[:MARKED])))
            yield told
