"""Tuning to a collection's folders: a space of its own over stored vectors, or the network itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import engines
from engines.messages import Message
from features.catalogue.folder import Progress
from features.home import unchanged
from features.learning import finetuning, training
from features.learning.heads import Space
from features.learning.tuned import Tuned
from features.retrieval.stored_index import StoredIndex


class Tuning(StoredIndex):
    """Makes engines that follow the folders."""

    def tuned(self) -> Tuned | None:
        """Returns the space that was last tuned for this fingerprint, as an engine; None before."""
        space = self.kept(".tuned", lambda state: Space.restore(state, self.store.dim))
        return Tuned(self.engine, space) if space else None

    def tune(
        self,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Tuned:
        """Tunes a space and keeps it. Returns it as an engine that has yet to be indexed, which runs no network.

        A Keras model of the same, for people, is written beside it; see `keras_file`. What was derived for the
        earlier space is deleted. Raises as `Classifier.teach`.
        """
        space = training.tune(training.lesson(self.ready()), progress, cancelled)
        earlier, tuned = self.tuned(), Tuned(self.engine, space)
        training.save_keras(space, self.keras_file())
        self.keep(".tuned", space.state())
        if earlier and engines.fingerprint(earlier) != engines.fingerprint(tuned):
            self.home.forget(self.catalogue, earlier)
        return tuned

    def keras_file(self) -> Path:
        """Returns where `tune` writes a Keras model, from the engine's vectors to tuned ones and probabilities.

        Semblance never reads it.
        """
        return self.store.path.with_suffix(".keras")

    def finetune(
        self,
        out: Path,
        blocks: int,
        epochs: int,
        progress: Progress = lambda done, total, what: None,
    ) -> finetuning.Finetuned:
        """Teaches the last blocks of the engine's network the folders, and writes weights for SEMBLANCE_WEIGHTS.

        Hidden pictures teach nothing. A run that was stopped goes on after its last epoch.

        Raises:
            NotIndexed: Nothing is indexed yet.
            Busy: Another process does the same.
            SemblanceError: There are fewer than two labels, the network can't be fine-tuned, or `out` can't be
                written.
        """
        work = self.store.path.with_suffix(".finetuning")
        busy = Message("finetuning.being_tuned", name=self.catalogue.name)
        with self.home.alone(work.with_suffix(".finetuning-lock"), busy):
            lesson, read = training.lesson(self.ready()), partial(unchanged, self.catalogue)
            return finetuning.run(self.engine, lesson, read, out, work, blocks, epochs, progress)
