"""What is right is known by the labels: retrieval, pairs and a head are measured on it."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import engines
from engines import Engine, SemblanceError
from features import images, mixing
from features.catalogue import Catalogue, Skipped
from features.examination import Examination, examine
from features.heads import Head, softmax
from features.mixing import Mix
from features.searchable import Searchable
from features.tuned import Tuned
from features.verification import Pair, PairsEvaluation, cross_validated

DEPTH = 10

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


def retrieval_scores(labels: Sequence[str], answers: Sequence[Sequence[str]]) -> tuple[float, float, float]:
    """precision@1, precision@5 and mAP@10 of the answers' labels, best first, for queries with these labels.

    Missing answers count as wrong.
    """
    right = np.zeros((len(labels), DEPTH), bool)
    for row, label, found in zip(right, labels, answers, strict=True):
        row[: len(found)] = [other == label for other in found[:DEPTH]]
    precision = np.cumsum(right, axis=1) / np.arange(1, DEPTH + 1)
    average = (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)
    return float(right[:, 0].mean()), float(right[:, :5].mean()), float(average.mean())


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
        learned = _learned_from(engine)
        able = [digest for digest, label in labels.items() if many[label] > 1 and digest not in learned]
        vectors = stored.features.take([stored.first_row[digest] for digest in able])
        asked = [(digest, labels[digest], vector) for digest, vector in zip(able, vectors, strict=True)]
    for path, label in queries or ():
        try:
            asked.append(("", label, embed(path)))
        except SemblanceError as error:
            skipped.append(Skipped(os.fspath(path), str(error)))
    asked = [query for query in asked if query[1] and many[query[1]]]
    if not asked:
        raise SemblanceError("Nothing to measure: put the pictures into folders, two or more in each.")
    found = stored.nearest(np.stack([vector for *_, vector in asked]), DEPTH + 1, mix)
    answers = [
        [match.label for match in matches if match.digest != own]
        for (own, *_), matches in zip(asked, found, strict=True)
    ]
    scores = retrieval_scores([label for _, label, _ in asked], answers)
    seconds = (time.perf_counter() - started) / len(asked)
    network, key = engine.describe().network, engines.fingerprint(engine)
    key = key if mix is None else mixing.fingerprint(key, mix)
    return Evaluation(engine.name, network, key, len(asked), len(labels), *scores, seconds), skipped


def _learned_from(engine: Engine) -> set[str]:
    """Digests of the pictures by which an engine was made."""
    return engine.space.head.taught.keys() - engine.space.head.held_out if isinstance(engine, Tuned) else set()


def of_pairs(
    catalogue: Catalogue, stored: Searchable, engine: Engine, folds: Sequence[Sequence[Pair]]
) -> PairsEvaluation:
    """See Library.evaluate_pairs."""
    digests = {os.path.splitext(path)[0]: digest for digest, paths in stored.paths.items() for path in paths}
    cosines, same = [], []
    missing = 0
    for fold in folds:
        pairs = [[digests.get(name, "") for name in (pair.one, pair.other)] for pair in fold]
        lost = next((pair for pair, found in zip(fold, pairs, strict=True) if not all(found)), None)
        if lost:
            raise SemblanceError(f"{catalogue.name} lacks {lost.one} or {lost.other}, which the pairs name.")
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


def of_head(head: Head, embed: Embed, queries: Sequence[tuple[Path, str]]) -> tuple[Examination, list[Skipped]]:
    """See Library.examine."""
    learned_from = head.taught.keys() - head.held_out
    skipped: list[Skipped] = []
    asked: list[tuple[str, int, np.ndarray]] = []  # path, number of its label, vector
    for path, label in queries:
        try:
            if label not in head.labels:
                raise SemblanceError("The classifier knows no such folder; train it anew if it should.")
            if hashlib.sha256(images.read_bytes(path)).hexdigest() in learned_from:
                raise SemblanceError("The classifier has learned from this picture, so it would prove nothing.")
            asked.append((os.fspath(path), head.labels.index(label), embed(path)))
        except SemblanceError as error:
            skipped.append(Skipped(os.fspath(path), str(error)))
    if not asked:
        raise SemblanceError("Nothing to examine: put new pictures into folders named as those that were learned.")
    vectors, truth = np.stack([vector for *_, vector in asked]), np.array([number for _, number, _ in asked])
    before, paths = softmax(head.scores(vectors)), [path for path, *_ in asked]
    told = examine(head.labels, truth, head.probabilities(vectors), before, paths, head.sure_from)
    return told, skipped
