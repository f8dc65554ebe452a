"""Search by words: in names, folders, captions and tags, where no engine understands text."""

from __future__ import annotations

import contextlib
import os
import time

from engines import Engine, SemblanceError, TextSide
from engines.messages import Message
from features.catalogue import folder as folders
from features.catalogue.folder import Catalogue
from features.home import Home
from features.retrieval import words
from features.retrieval.results import Answer, Match


def understands(engine: Engine, *, fetch: bool = False) -> bool:
    """Returns whether texts are held against the engine's vectors, not against words.

    fetch: try to make the engine ready.
    """
    if not isinstance(engine, TextSide):
        return False
    if fetch:
        with contextlib.suppress(SemblanceError):  # its card has the reason
            engine.prepare()
    return engine.describe().available


def search_words(home: Home, catalogue: Catalogue, text: str, unlike: str, k: int, started: float) -> Answer:
    """Returns the k shown pictures whose words fit best. started: of time.perf_counter."""
    captions = home.metadata(catalogue)
    paths, hidden, tags = catalogue.paths, catalogue.hidden, catalogue.tags
    shown = {digest: places for digest, places in paths.items() if digest not in hidden}

    def make() -> words.Words:
        written = {digest: caption.text for digest, caption in captions.captions().items()}
        return words.Words(
            {
                digest: " ".join(
                    [
                        *(os.path.splitext(place)[0] for place in places),
                        written.get(digest, ""),
                        *tags.get(digest, ()),
                    ]
                )
                for digest, places in shown.items()
            }
        )

    version = (paths, hidden, tags, captions.version())
    searched = home.remember((catalogue.state, "words"), version, make)
    matches = [
        Match(digest, catalogue.root / paths[digest][0], folders.label_of(paths[digest][0]), score, None)
        for digest, score in searched.rank(text, unlike)[:k]
    ]
    return Answer(
        matches,
        Message("cards.none"),
        Message("weights.none_needed"),
        words.NAME,
        len(shown),
        time.perf_counter() - started,
    )
