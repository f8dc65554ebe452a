"""Engines that are trained on the collection itself (an autoencoder, say)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from engines import Engine, Generative, Learner
from engines.messages import Message
from features import files
from features.catalogue.folder import Progress
from features.home import unchanged
from features.indexing.scanning import scan
from features.learning import learners
from features.learning.autoencoder import Unusual, measure
from features.retrieval.stored_index import StoredIndex


class Trainable(StoredIndex):
    """Trains a Learner on the pictures of its catalogue. `engine` is the untrained one, but for `unusual`."""

    def trained(self) -> Engine | None:
        """Returns the engine as it was last trained here; None before. One object until it changes."""
        path = self._place().with_suffix(".learned")
        with self.home.lock:
            return self.home.remember(path, files.version(path), partial(learners.restored, self._learner(), path))

    def train(
        self,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Engine | None:
        """Trains the engine on the pictures that are shown, and keeps it; it has yet to index.

        It goes on after the last epoch of a run that was stopped; else, where it was trained before, from there.
        What was indexed with the earlier one is deleted. Returns None if cancelled.

        Raises:
            CatalogueError: The folder can't be read.
            Busy: Another process does the same.
            SemblanceError: There are too few pictures, training fails, or the home can't be written to.
        """
        place = self._place()
        busy = Message("learning.being_trained", engine=self.engine.name, name=self.catalogue.name)
        with self.home.alone(place.with_suffix(".learning-lock"), busy):
            scan(self.home, self.catalogue, progress)
            earlier, kept = self.trained(), place.with_suffix(".learned")
            read = partial(unchanged, self.catalogue)
            if not learners.run(self.catalogue, self._learner(), read, self.folder(), kept, progress, cancelled):
                return None
        if earlier:
            self.home.forget(self.catalogue, earlier)
        return self.trained()

    def since(self) -> learners.Since:
        """Returns what has changed, as of the last scan, since the trained engine was trained."""
        return learners.since(self.catalogue, self._learner(), self.store.read().refused.keys())

    def unusual(
        self,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        kept_only: bool = False,
    ) -> Unusual | None:
        """Returns how unusual each picture that is shown is to the engine; kept, so only new ones are measured.

        kept_only: None where nothing is kept. Raises Untrained and NotIndexed.
        """
        self.ready()
        known = self.kept(".unusual", Unusual.restore)
        if kept_only:
            return known
        assert isinstance(self.engine, Generative)
        read = partial(unchanged, self.catalogue)
        made = measure(self.engine, known, learners.shown(self.catalogue), read, progress, cancelled)
        if made is not known:
            self.keep(".unusual", made.state())
        return made

    def folder(self) -> Path:
        """Returns the folder of a training that goes on, or was stopped; it need not exist."""
        return self._place().with_suffix(".learning")

    def _place(self) -> Path:
        return self.catalogue.state.with_name(self.engine.name)

    def _learner(self) -> Learner:
        assert isinstance(self.engine, Learner)
        return self.engine
