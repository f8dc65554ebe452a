"""Workers read and embed the pictures of an index run; these are this process's own."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path

from engines import Engine
from features.catalogue.folder import Hashed, hashed
from features.indexing.embedding import NONE, Captions, embed_files
from features.indexing.store import Features
from features.retrieval.results import Share

RAY = "ray"


class Workers:
    """This process, for an engine. ray_cluster.py has those of other machines."""

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
        """Returns how much each worker of a cluster has embedded by now; nothing for this process."""
        return []

    def pace(self) -> str:
        """Returns how fast each worker is, for people; empty for this process."""
        return ""
