"""What is right is known by the labels: retrieval, pairs and a head are measured on it."""

from __future__ import annotations

import hashlib
import os
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import engines
from engines import Engine, SemblanceError
from engines.messages import Message
from features.analysis.verification import Pair, PairsEvaluation, cross_validated
from features.catalogue import images
from features.catalogue.folder import Catalogue, Skipped
from features.evaluation.classification import Examination, examine
from features.learning.heads import Head, softmax
from features.learning.tuned import Tuned
from features.retrieval import part_weights
from features.retrieval.part_weights import Mix
from features.retrieval.searchable import Searchable

DEPTH = 10
NOTHING = Message("comparison.nothing_to_measure")

Embed = Callable[[Path], np.ndarray]
"""A picture's file -> its (D,) float32 unit vector. Raises SemblanceError for one that can't be used."""


@dataclass(frozen=True)
class Evaluation:
    """An answer is right when its label (folder) is the query's.

    precision_at_k: share of right ones among the first k, mean over queries. map_at_10: mean over queries of the
    average precision over the right ones among the first ten, 0 for a query that has none there.
    """

    engine: str
    network: str
    fingerprint: str
    queries: int
    gallery: int
    precision_at_1: float
    precision_at_5: float
    map_at_10: float
    seconds_per_query: float


def retrieval_each(labels: Sequence[str], answers: Sequence[Sequence[str]]) -> np.ndarray:
    """(n, 3) float64: precision@1, precision@5 and the average precision at 10 of each of n queries.

    answers: the labels of what was found for each, best first. Missing answers count as wrong.
    """
    right = np.zeros((len(labels), DEPTH), bool)
    for row, label, found in zip(right, labels, answers, strict=True):
        row[: len(found)] = [other == label for other in found[:DEPTH]]
    precision = np.cumsum(right, axis=1) / np.arange(1, DEPTH + 1)
    average = (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)
    return np.column_stack([right[:, 0], right[:, :5].mean(axis=1), average])


def retrieval_scores(labels: Sequence[str], answers: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """precision@1, precision@5 and mAP@10: the means of `retrieval_each`."""
    first, five, average = retrieval_each(labels, answers).mean(axis=0).tolist()
    return first, five, average


def labels_found(
    stored: Searchable, own: Sequence[str], vectors: np.ndarray, mix: Mix | None = None
) -> list[list[str]]:
    """For each query the labels of its DEPTH nearest pictures or more, best first. own: its digest, left out."""
    return [
        [match.label for match in matches if match.digest != digest]
        for digest, matches in zip(own, stored.nearest(vectors, DEPTH + 1, mix), strict=True)
    ]


def of_retrieval(
    stored: Searchable,
    engine: Engine,
    embed: Embed,
    queries: Sequence[tuple[Path, str]] | None,
    mix: Mix | None,
) -> tuple[Evaluation, list[Skipped]]:
    """See Library.evaluate."""
    labels = stored.labels
    many = Counter(labels.values())
    started = time.perf_counter()
    skipped: list[Skipped] = []
    asked: list[tuple[str, str, np.ndarray]] = []  # own digest, label, vector
    if queries is None:
        learned = lesson_of(engine)
        able = [digest for digest, label in labels.items() if many[label] > 1 and digest not in learned]
        vectors = stored.features.take([stored.first_row[digest] for digest in able])
        asked = [(digest, labels[digest], vector) for digest, vector in zip(able, vectors, strict=True)]
    for path, label in queries or ():
        try:
            asked.append(("", label, embed(path)))
        except SemblanceError as error:
            skipped.append(Skipped(os.fspath(path), error.message))
    asked = [query for query in asked if query[1] and many[query[1]]]
    if not asked:
        raise SemblanceError(NOTHING)
    answers = labels_found(stored, [own for own, *_ in asked], np.stack([vector for *_, vector in asked]), mix)
    scores = retrieval_scores([label for _, label, _ in asked], answers)
    seconds = (time.perf_counter() - started) / len(asked)
    network, key = engine.describe().network, engines.fingerprint(engine)
    key = key if mix is None else part_weights.fingerprint(key, mix)
    return Evaluation(engine.name, network, key, len(asked), len(labels), *scores, seconds), skipped


def lesson_of(engine: Engine) -> set[str]:
    """Digests of the pictures by which an engine was made."""
    return engine.space.head.taught.keys() - engine.space.head.held_out if isinstance(engine, Tuned) else set()


def of_pairs(
    catalogue: Catalogue, stored: Searchable, engine: Engine, folds: Sequence[Sequence[Pair]]
) -> PairsEvaluation:
    """See Library.evaluate_pairs."""
    digests = {
        _written(os.path.splitext(path)[0]): digest for digest, paths in stored.paths.items() for path in paths
    }
    cosines, same = [], []
    missing = 0
    for fold in folds:
        pairs = [[digests.get(_written(name), "") for name in (pair.one, pair.other)] for pair in fold]
        lost = next((pair for pair, found in zip(fold, pairs, strict=True) if not all(found)), None)
        if lost:
            raise SemblanceError("errors.pair_missing", name=catalogue.name, one=lost.one, other=lost.other)
        there = np.array([all(digest in stored.first_row for digest in pair) for pair in pairs])
        rows = [[stored.first_row[digest] for digest in pairs[number]] for number in np.flatnonzero(there)]
        one, other = (stored.features.take(column) for column in np.array(rows, int).reshape(-1, 2).T)
        found = np.full(len(fold), -1.0)
        found[there] = np.einsum("ij,ij->i", one, other)
        cosines.append(found)
        same.append(np.array([pair.same for pair in fold]))
        missing += int((~there).sum())
    right, thresholds = cross_validated(cosines, same)
    deviation = float(np.std(right, ddof=1)) if len(right) > 1 else 0.0
    return PairsEvaluation(
        engine=engine.name,
        network=engine.describe().network,
        fingerprint=engines.fingerprint(engine),
        pairs=sum(map(len, folds)),
        missing=missing,
        folds=len(folds),
        accuracy=float(right.mean()),
        deviation=deviation,
        standard_error=deviation / len(right) ** 0.5,
        threshold=float(thresholds.mean()),
    )


def _written(name: str) -> str:
    """A name of a file in the one form that a text has it in, whichever the disk has: é in one letter."""
    return unicodedata.normalize("NFC", name)


def of_head(head: Head, embed: Embed, queries: Sequence[tuple[Path, str]]) -> tuple[Examination, list[Skipped]]:
    """See Library.examine."""
    learned_from = head.taught.keys() - head.held_out
    skipped: list[Skipped] = []
    asked: list[tuple[str, int, np.ndarray]] = []  # path, number of its label, vector
    for path, label in queries:
        try:
            if label not in head.labels:
                raise SemblanceError("errors.unknown_folder")
            if hashlib.sha256(images.read_bytes(path)).hexdigest() in learned_from:
                raise SemblanceError("errors.picture_learned")
            asked.append((os.fspath(path), head.labels.index(label), embed(path)))
        except SemblanceError as error:
            skipped.append(Skipped(os.fspath(path), error.message))
    if not asked:
        raise SemblanceError("errors.nothing_to_examine")
    vectors, truth = np.stack([vector for *_, vector in asked]), np.array([number for _, number, _ in asked])
    before, paths = softmax(head.scores(vectors)), [path for path, *_ in asked]
    told = examine(head.labels, truth, head.probabilities(vectors), before, paths, head.sure_from)
    return told, skipped
