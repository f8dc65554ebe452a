"""An index in a database: it outlives this process, several may share it, and it is told what its rows are of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.messages import Message
from features.index import Index

BATCH = 1000  # rows written at a time, between two looks at `cancelled`


@dataclass(frozen=True)
class Payload:
    """What is kept of a row beside its vector, for the database to filter by. hidden: it is in no answer.

    path: below the catalogue's root, label: the folder there, both fit for UTF-8. caption: changes whenever the
    vector does though its id stays the same.
    """

    digest: str = ""
    label: str = ""
    path: str = ""
    caption: str = ""
    hidden: bool = False


class Remote(Index, Protocol):
    """All but the ValueError of `upsert` is a SemblanceError: the database is gone, or refuses."""

    missing: int  # rows that it should have besides; its name tells

    def upsert(self, ids: Sequence[str], vectors: np.ndarray, payloads: Sequence[Payload] | None = None) -> None:
        """As Index.upsert; with a payload for each row, else empty ones. The vectors are not kept here."""

    def stored(self, *, hidden_only: bool = False) -> Iterator[tuple[str, Payload]]:
        """All rows that are there, or those that are hidden: their ids and payloads, in any order."""
        ...

    def count(self) -> int:
        """How many rows there are, with the hidden, which `len` leaves out."""
        ...

    def settle(self) -> None:
        """After many rows were written: puts them where they are searched most quickly."""

    def drop(self) -> None:
        """Deletes all of it."""


Told = Callable[[int], Payload]
"""The payload of the row at a place in the ids."""
Take = Callable[[Sequence[int]], np.ndarray]
"""Places in the ids -> (n, D) float32 unit rows."""


def update(
    remote: Remote,
    ids: Sequence[str],
    told: Told,
    take: Take,
    progress: Callable[[int, int, str], None],
    cancelled: Callable[[], bool],
) -> bool:
    """Compares what is there with what should be, and writes what differs. False when cancelled: some still do."""
    place_of = {name: place for place, name in enumerate(ids)}
    right, gone = np.zeros(len(ids), bool), []
    for name, payload in remote.stored():
        if (place := place_of.get(name)) is None:
            gone.append(name)
        else:
            right[place] = payload == told(place)
    remote.remove(gone)
    lacking = np.flatnonzero(~right).tolist()
    for first in range(0, len(lacking), BATCH):
        if cancelled():
            return False
        progress(first, len(lacking), Message("progress.filling_database"))
        _write(remote, ids, told, take, lacking[first : first + BATCH])
    remote.settle()
    return True


def mark(remote: Remote, ids: Sequence[str], hidden: Collection[str], told: Told, take: Take) -> None:
    """Hides just these of the ids, whatever was hidden there. Raises SemblanceError."""
    wrong = {name for name, _ in remote.stored(hidden_only=True)} ^ set(hidden)
    places = [place for place, name in enumerate(ids) if name in wrong] if wrong else []
    for first in range(0, len(places), BATCH):
        _write(remote, ids, told, take, places[first : first + BATCH])


def _write(remote: Remote, ids: Sequence[str], told: Told, take: Take, places: Sequence[int]) -> None:
    remote.upsert([ids[place] for place in places], take(places), [told(place) for place in places])
