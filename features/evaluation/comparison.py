"""Which engine suits a collection: all are asked with the same pictures, and a lead must be more than luck."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import engines
from engines import Engine, SemblanceError
from engines.messages import Message, listed
from features.catalogue.folder import Catalogue, Progress
from features.errors import NotIndexed
from features.evaluation.measures import DEPTH, NOTHING, Embed, Evaluation, labels_found, lesson_of, retrieval_each
from features.home import Home
from features.retrieval.searchable import Searchable
from features.retrieval.stored_index import StoredIndex

QUERIES = 2000  # more tell hardly more: the standard error of a share is then 1.1 % at most
TURN = 100  # queries at a time, and then it may be cancelled
TIMED = 7  # queries whose way from file to answer is timed
SURE = 2.6  # standard errors that a lead must exceed: 1 in 100 by luck, for the best of several is looked for


@dataclass(frozen=True)
class Questions:
    """What every engine is asked with. labels: of their digests. pictures: from which they were drawn.

    chance: precision@1, precision@5 and mAP@10 that answers drawn by lot would have, on average.
    """

    labels: Mapping[str, str]
    pictures: int
    chance: tuple[float, float, float]

    def told(self) -> str:
        """One sentence."""
        if len(self.labels) < self.pictures:
            return Message("comparison.asked_with_some", some=len(self.labels), pictures=self.pictures)
        return Message("comparison.asked_with_each", pictures=self.pictures)


@dataclass(frozen=True)
class Rating:
    """What one engine reaches. right: digest of each query -> whether its first answer has its label.

    refused: queries that the engine can't use (without a face, say); they count as wrong. Of the evaluation
    seconds_per_query is from a file to its answer, one at a time.
    """

    title: str
    evaluation: Evaluation
    right: Mapping[str, bool]
    refused: int

    @property
    def standard_error(self) -> float:
        """Of precision_at_1."""
        share = self.evaluation.precision_at_1
        return math.sqrt(share * (1 - share) / self.evaluation.queries)

    @property
    def of_100(self) -> int:
        """Queries whose first answer is right."""
        return round(100 * self.evaluation.precision_at_1)

    def leads(self, other: Rating) -> bool:
        """Whether its first answers are right more often, by more than luck explains.

        Over the queries of both by McNemar's test with Edwards' correction (1948): if the two are equally good, of
        n queries on which just one is right either has half, give or take sqrt(n) / 2. Without a query in common,
        by the two standard errors.
        """
        both = [(self.right[digest], other.right[digest]) for digest in self.right.keys() & other.right.keys()]
        if not both:
            lead = self.evaluation.precision_at_1 - other.evaluation.precision_at_1
            return lead > SURE * math.hypot(self.standard_error, other.standard_error)
        lead = sum(one - two for one, two in both)
        return lead - 1 > SURE * math.sqrt(sum(one != two for one, two in both))


@dataclass(frozen=True)
class Comparison:
    """ratings: by precision@1, then by mAP@10, best first. unmeasured: title of an engine -> why."""

    questions: Questions
    ratings: Sequence[Rating]
    unmeasured: Mapping[str, str]

    def best(self) -> Sequence[Rating]:
        """The first, and those that can't be told apart from it."""
        return [rating for rating in self.ratings if not self.ratings[0].leads(rating)]

    def finding(self) -> str:
        """What it comes to, in a sentence or two; empty when there is no rating."""
        if not self.ratings:
            return ""
        (first, *equals), guess = self.best(), self.questions.chance[0]
        share, luck = first.evaluation.precision_at_1, math.sqrt(guess * (1 - guess) / first.evaluation.queries)
        right = Message("comparison.first_answer", n=first.of_100)
        if share - guess <= SURE * luck:
            return Message("comparison.all_guess", title=first.title, right=right)
        if len(self.ratings) == 1:
            return Message("comparison.one_engine", title=first.title, right=right, guessing=100 * guess)
        if not equals:
            second = self.ratings[1]
            return Message(
                "comparison.best", title=first.title, right=right, second=second.title, second_right=second.of_100
            )
        last = equals[-1]
        names = listed([rating.title for rating in (first, *equals)])
        if last.of_100 == first.of_100:
            return Message("comparison.equal", engines=names, right=right)
        return Message(
            "comparison.maybe_luck",
            engines=names,
            right=right,
            title=first.title,
            last=last.title,
            last_right=last.of_100,
        )


def questions(seen: Sequence[Mapping[str, str]]) -> Questions:
    """seen: for each engine the labels of the pictures that it shows, by digest; what none shows is no question.

    A picture that is alone in its folder is none either. Of many, those with the lowest digests: as good as drawn
    by lot, and the same each time. Raises SemblanceError when there is none.
    """
    labels = {digest: label for of in seen for digest, label in of.items()}
    many = Counter(labels.values())
    able = sorted(digest for digest, label in labels.items() if label and many[label] > 1)
    if not able:
        raise SemblanceError(NOTHING)
    asked = {digest: labels[digest] for digest in able[:QUERIES]}
    lots = {label: by_lot(many[label] - 1, len(labels) - 1) for label in set(asked.values())}
    chance = np.mean([lots[label] for label in asked.values()], axis=0).tolist()
    return Questions(asked, len(able), tuple(chance))


def by_lot(right: int, others: int) -> tuple[float, float, float]:
    """Expected precision@1, precision@5 and mAP@10 of answers drawn from `others` pictures, `right` of them right.

    With r right ones among the first d answers, each of these is right with chance r / d, and of the others before
    place k are right (r - 1) (k - 1) / (d - 1) on average. r is hypergeometric.
    """
    depth = min(DEPTH, others)
    average = 0.0
    for r in range(1, min(depth, right) + 1):
        chance = math.comb(right, r) * math.comb(others - right, depth - r) / math.comb(others, depth)
        among = (r - 1) / (depth - 1) if depth > 1 else 0.0
        average += chance * sum((1 + among * (k - 1)) / k for k in range(1, depth + 1)) / depth
    return right / others, right / others * min(5, others) / 5, average


def questions_for(stored: Searchable, engine: Engine, asked: Questions) -> dict[str, str]:
    """Of the labels those of queries that the engine has looked at, and that it has not learned from.

    Raises SemblanceError when none is left.
    """
    learned = lesson_of(engine)
    labels = {
        digest: label
        for digest, label in asked.labels.items()
        if digest in stored.features.digests and digest not in learned
    }
    if not labels:
        raise SemblanceError("comparison.learned_all")
    return labels


def rate(
    stored: Searchable,
    engine: Engine,
    embed: Embed,
    labels: Mapping[str, str],
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Rating | None:
    """labels: of the queries. None when it was cancelled."""
    card = engine.describe()
    able = [digest for digest in labels if digest in stored.first_row]
    answers: dict[str, list[str]] = {digest: [] for digest in labels}
    for first in range(0, len(able), TURN):
        if cancelled():
            return None
        progress(first, len(able), Message("progress.asking", title=card.title))
        turn = able[first : first + TURN]
        vectors = stored.features.take([stored.first_row[digest] for digest in turn])
        answers |= zip(turn, labels_found(stored, turn, vectors), strict=True)
    each = retrieval_each([*labels.values()], [answers[digest] for digest in labels])
    precision_at_1, precision_at_5, map_at_10 = each.mean(axis=0).tolist()
    return Rating(
        title=card.title,
        evaluation=Evaluation(
            engine.name,
            card.network,
            engines.fingerprint(engine),
            len(labels),
            len(stored.first_row),
            precision_at_1=precision_at_1,
            precision_at_5=precision_at_5,
            map_at_10=map_at_10,
            seconds_per_query=_seconds(stored, embed, able[: TIMED + 1]),
        ),
        right=dict(zip(labels, (each[:, 0] == 1).tolist(), strict=True)),
        refused=len(labels) - len(able),
    )


def _seconds(stored: Searchable, embed: Embed, digests: Sequence[str]) -> float:
    """The median. The first one, which may have to load a network, does not count; nor do files that are gone."""
    took = []
    for digest in digests:
        started = time.perf_counter()
        try:
            stored.nearest(embed(stored.file(digest))[None], DEPTH)
        except SemblanceError:
            continue
        took.append(time.perf_counter() - started)
    return float(np.median(took[1:] or took or [0.0]))


def compare(
    home: Home,
    catalogue: Catalogue,
    compared: Sequence[Engine],
    progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    kept_only: bool = False,
) -> Comparison:
    """Measures how often each engine's results have the query's label; all answer the same queries, leave one out.

    Measurements are cached until something changes. An engine whose turn had not come when it was cancelled is
    left out.

    Args:
        kept_only: Leaves out, too, an engine that would have to be measured.

    Raises:
        SemblanceError: There are no labels.
    """
    ready: list[tuple[StoredIndex, Searchable]] = []
    unmeasured = {}
    for engine in compared:
        index = StoredIndex(home, catalogue, engine)
        try:
            ready.append((index, index.ready()))
        except SemblanceError as error:
            useless = Message("comparison.nothing_usable")
            unmeasured[engine.describe().title] = useless if isinstance(error, NotIndexed) else error.message
    asked = questions([stored.labels for _, stored in ready])
    ratings = []
    for index, stored in ready:
        try:
            labels = questions_for(stored, index.engine, asked)
        except SemblanceError as error:
            unmeasured[index.engine.describe().title] = error.message
            continue
        key = (index.store.path, "rating")
        of, answered, rating = home.memory.get(key, (None, None, None))
        if of is not stored or answered != asked:
            rating = None if kept_only else rate(stored, index.engine, index.embed, labels, progress, cancelled)
        if rating:
            home.memory[key] = stored, asked, rating
            ratings.append(rating)
    ratings.sort(key=lambda rating: (-rating.evaluation.precision_at_1, -rating.evaluation.map_at_10))
    return Comparison(asked, ratings, unmeasured)
