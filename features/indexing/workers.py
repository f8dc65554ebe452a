"""Who reads and embeds the pictures of an index run: this process, or a cluster's workers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path

from engines import Engine, SemblanceError
from features.catalogue.folder import Hashed, hashed
from features.catalogue.urls import INSTALL
from features.indexing.embedding import NONE, Captions, embed_files
from features.indexing.store import Features
from features.retrieval.results import Share

RAY = "ray"


class Crew:
    """This process, for an engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def hashed(self, files: Sequence[Path]) -> Iterator[Hashed]:
        """In any order."""
        return hashed(files)

    def embedded(
        self, files: Iterable[tuple[str, Path]], batch: int, known: Captions = NONE
    ) -> Generator[Features, None, None]:
        """See `embed_files`; the batches may come in any order."""
        return embed_files(self.engine, files, batch, known)

    def shares(self) -> list[Share]:
        """What each worker has embedded by now; of this process alone nothing is told."""
        return []

    def pace(self) -> str:
        """How fast each worker is, for a person who watches; empty for this process."""
        return ""


def crew(on: str, engine: Engine) -> AbstractContextManager[Crew]:
    """on: empty for this process, or ray[://ADDRESS]. Nothing is connected to before there is work.

    Raises SemblanceError when that can't be had here.
    """
    if not on:
        return nullcontext(Crew(engine))
    if on != RAY and not on.startswith(f"{RAY}://"):
        raise SemblanceError(f"Nothing can be indexed on {on!r}; say ray, or ray://HOST:PORT.")
    if find_spec("ray") is None:
        raise SemblanceError(f"To index on Ray it has to be installed; run: {INSTALL}.")
    from features.indexing.ray_cluster import Cluster

    return Cluster(on, engine)
