"""The evaluation of an index: how often its results have the query's label, and how well pairs are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from features.analysis.verification import Pair, PairsEvaluation
from features.catalogue.folder import Skipped
from features.evaluation import measures
from features.evaluation.measures import Evaluation
from features.retrieval.part_weights import Mix
from features.retrieval.stored_index import StoredIndex


class IndexEvaluation(StoredIndex):
    """Measures retrieval and verification on labels."""

    def retrieval(
        self, queries: Sequence[tuple[Path, str]] | None = None, mix: Mix | None = None
    ) -> tuple[Evaluation, list[Skipped]]:
        """Measures retrieval over labelled pictures. Returns also the queries that could not be embedded.

        Args:
            queries: Files with their labels. None takes every labelled picture of the catalogue, each against all
                the others; of a tuned space only those that it has not learned from. A query whose label nobody
                else has is left out.
            mix: See `ImageIndex.search`.

        Returns:
            seconds_per_query is from file to results; when leaving one out, of the search alone.
        """
        return measures.of_retrieval(self.ready(), self.engine, self.embed, queries, mix)

    def pairs(self, folds: Sequence[Sequence[Pair]]) -> PairsEvaluation:
        """Follows the protocol of Labeled Faces in the Wild over the most prominent part of each picture.

        Raises:
            NotIndexed: Nothing is indexed yet.
            SemblanceError: A picture that is named is not in the catalogue.
        """
        return measures.of_pairs(self.catalogue, self.ready(), self.engine, folds)
