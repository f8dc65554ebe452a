"""The classifier of a collection: taught by its folders, over the vectors that are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from features.catalogue.folder import Progress, Skipped
from features.evaluation import measures
from features.evaluation.classification import Examination
from features.learning import training
from features.learning.heads import Changes, Head
from features.learning.tuned import Tuned
from features.learning.tuning import Tuning
from features.retrieval.results import Reference
from features.retrieval.stored_index import StoredIndex


class Classifier(StoredIndex):
    """Which label a picture belongs to."""

    def head(self) -> Head | None:
        """Returns the head that was last taught for this fingerprint; None before. A tuned space has its own."""
        if isinstance(self.engine, Tuned):
            return self.engine.space.head
        return self.kept(".head", lambda state: Head.restore(state, self.store.dim))

    def teach(
        self,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Head:
        """Teaches a new head by each picture's most prominent part and its folder, and keeps it.

        Hidden pictures teach nothing. A tuned space is tuned again: `Tuning.tuned` then returns another engine.
        The earlier head answers until the new one is ready, and if this fails.

        Raises:
            NotIndexed: Nothing is indexed yet.
            Stopped: It was cancelled.
            SemblanceError: There are fewer than two labels.
        """
        if isinstance(self.engine, Tuned):
            base = Tuning(self.home, self.catalogue, self.engine.base)
            return base.tune(progress, cancelled).space.head
        head = training.learn(training.lesson(self.ready()), progress, cancelled)
        self.keep(".head", head.state())
        return head

    def changes(self, head: Head) -> Changes:
        """Returns the labelled pictures that came, went or changed since a head was taught. Raises NotIndexed."""
        labels = self.ready().labels
        return head.since({digest: label for digest, label in labels.items() if label})

    def classify(self, queries: Sequence[Path | Reference]) -> list[list[tuple[str, float]]]:
        """Returns for each query every label that the head knows with its probability, highest first.

        The head is the one that was last taught, whatever has changed since; see `changes`. The first use teaches
        it. A highest probability below head.sure_from means "not sure".

        Raises:
            ImageError, NotEmbeddable: A query can't be read, or holds nothing to embed.
            SemblanceError: As `teach`.
        """
        head = self._taught()
        references = [query if isinstance(query, Reference) else Reference(query) for query in queries]
        rows = np.stack([self.embed(one.path, box=one.box) for one in references])
        return [head.ranked(row) for row in head.probabilities(rows)]

    def probabilities(self, digests: Sequence[str]) -> list[list[tuple[str, float]]]:
        """As `classify`, of pictures of the catalogue by their stored vectors; unknown ones are left out."""
        head, stored = self._taught(), self.ready()
        rows = stored.features.take([stored.first_row[digest] for digest in digests if digest in stored.first_row])
        return [head.ranked(row) for row in head.probabilities(rows)]

    def examine(self, queries: Sequence[tuple[Path, str]]) -> tuple[Examination, list[Skipped]]:
        """Measures the head on files with their labels. Returns also those that could not be used.

        A picture that the head has learned from, wherever it lies, is not used; nor is a label that it does not
        know. Raises as `classify`.
        """
        return measures.of_head(self._taught(), self.embed, queries)

    def _taught(self) -> Head:
        self.ready()
        with self.home.teaching:  # several first callers wait for one
            return self.head() or self.teach()
