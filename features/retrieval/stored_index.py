"""StoredIndex: what is stored of one catalogue by one engine, and how a query becomes a vector beside it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engines import Box, Engine, SemblanceError, unit_rows
from engines.messages import joined
from features.catalogue import images
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.home import Home
from features.indexing.embedding import captioner, embed_query
from features.indexing.store import FeatureStore
from features.learning.tuned import Tuned
from features.retrieval.recommendation import taste
from features.retrieval.results import Liked, Reference
from features.retrieval.searchable import Searchable

T = TypeVar("T")


@dataclass(frozen=True)
class StoredIndex:
    """One catalogue as one engine sees it. Cheap to make: what is read from disk is cached in `home`.

    `engine` need not be prepared: what embeds, or reads stored vectors, goes through `prepared`.
    """

    home: Home
    catalogue: Catalogue
    engine: Engine

    @property
    def store(self) -> FeatureStore:
        """The feature file for the engine's present fingerprint."""
        return self.home.store(self.catalogue, self.engine)

    def prepared(self) -> Engine:
        """Returns the engine, ready to embed: before that, another network may seem to answer.

        Raises:
            WeightsError, Untrained
        """
        self.engine.prepare()
        return self.engine

    def ready(self) -> Searchable:
        """Returns the stored vectors, ready to be searched. Raises NotIndexed where there are none."""
        stored = self.home.searchable(self.catalogue, self.prepared())
        if not stored.first_row:
            raise NotIndexed("errors.not_indexed", name=self.catalogue.name, engine=self.engine.name)
        return stored

    def keep(self, suffix: str, state: dict[str, Any]) -> None:
        """Writes plain builtins beside the feature file."""
        self.home.keep(self.store.path.with_suffix(suffix), self.store.fingerprint, state)

    def kept(self, suffix: str, restore: Callable[[dict[str, Any]], T]) -> T | None:
        """Returns what `keep` wrote, restored; None where there is nothing."""
        return self.home.kept(self.store.path.with_suffix(suffix), self.store.fingerprint, restore)

    def embed(self, query: Path, part: int = 0, box: Box | None = None) -> np.ndarray:
        """Returns the (D,) float32 unit vector of a query; see `embed_query`.

        The whole of a picture of the catalogue has the caption that it has there.
        """
        engine = self.prepared()
        if isinstance(engine, Tuned):
            base = StoredIndex(self.home, self.catalogue, engine.base)
            return engine.space.rows(base.embed(query, part, box)[None])[0]
        known = None
        if box is None and (writer := captioner(engine)):
            digest = hashlib.sha256(images.read_bytes(query)).hexdigest()
            known = self.home.metadata(self.catalogue).caption(digest, writer)
        return embed_query(engine, query, part, known.text if known else None, box)

    def embed_all(self, references: Sequence[Reference]) -> np.ndarray:
        """Returns the (D,) float32 unit vector of several queries: their weighted mean.

        Raises:
            SemblanceError: No query, or a weight that is not above 0.
            ImageError, NotEmbeddable: The message names the query, where there are several.
        """
        if not references or not all(0 < reference.weight < np.inf for reference in references):
            raise SemblanceError("errors.bad_weights")
        if len(references) == 1:
            return self.embed(references[0].path, box=references[0].box)
        rows = []
        for reference in references:
            with _named(reference.path):
                rows.append(self.embed(reference.path, box=reference.box))
        return unit_rows(taste(np.stack(rows), [reference.weight for reference in references])[None])[0]

    def vectors_of(self, liked: Sequence[Liked]) -> tuple[dict[int, np.ndarray], set[str]]:
        """Returns number -> (D,) unit vector, of those that have one; and the digests of all."""
        stored = self.ready()
        vectors, digests = {}, set()
        for number, one in enumerate(liked):
            with _named(one.picture):
                file = one.picture if isinstance(one.picture, Path) else None
                digest = hashlib.sha256(images.read_bytes(file)).hexdigest() if file else str(one.picture)
                digests.add(digest)
                place = stored.place(digest, one.part)
                if place is not None:
                    vectors[number] = stored.features.take([place])[0]
                elif file:
                    vectors[number] = self.embed(file, one.part)
        return vectors, digests


@contextlib.contextmanager
def _named(picture: Path | str) -> Iterator[None]:
    """For one of several queries: puts the file's name before what went wrong."""
    try:
        yield
    except SemblanceError as error:
        raise type(error)(joined((Path(picture).name, error.message), ": ")) from error
