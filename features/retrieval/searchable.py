"""Searchable: what is stored of a catalogue by an engine, ready to be searched and compared."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from engines import Card, SemblanceError, VectorPart, unit_rows
from engines.messages import Message
from features import files, index
from features.analysis.outliers import Outliers, outliers
from features.analysis.similarity import Kinds, compare
from features.analysis.verification import KnownPairs, known_pairs
from features.catalogue import folder as folders
from features.catalogue.folder import Catalogue, Progress
from features.index.database import Payload, Remote, mark, update
from features.indexing.store import GRAPH_FORMAT, Features, FeatureStore, Row
from features.retrieval import part_weights
from features.retrieval.calibration import Calibration, calibrate
from features.retrieval.part_weights import Mix
from features.retrieval.results import Answer, Group, Match, Ranking

NEAR = 500  # pictures whose labels are ranked
MIXES = 8  # calibrations of mixes that are kept
SHOWN = 12  # pictures of a label that are given


@dataclass(frozen=True)
class Searchable:
    """Stored features with an index over those rows of them that are shown.

    version, paths, hidden: of the files and of the catalogue, when this was made.
    """

    version: tuple[files.Version, ...]
    root: Path
    paths: dict[str, list[str]]
    hidden: frozenset[str]
    features: Features
    first_row: dict[str, int]  # of each picture that is shown; its others follow
    index: index.Index
    crowd: int  # rows of the picture that has most
    parts: Sequence[VectorPart]  # of the vectors
    mixes: dict[str, Calibration] = field(default_factory=dict)  # by fingerprint, made when asked for

    def is_of(self, version: tuple[files.Version, ...], catalogue: Catalogue) -> bool:
        same = self.paths is catalogue.paths and self.hidden is catalogue.hidden
        return same and self.version == version

    def file(self, digest: str) -> Path:
        return self.root / self.paths[digest][0]

    def label(self, digest: str) -> str:
        return folders.label_of(self.paths[digest][0])

    def match(self, place: int, cosine: float) -> Match:
        """Of a row of the features."""
        row = self.features.rows[place]
        file, label, part = self.file(row.digest), self.label(row.digest), place - self.first_row[row.digest]
        return Match(row.digest, file, label, cosine, row.box, row.remarks, part)

    def place(self, digest: str, part: int) -> int | None:
        """Of the row of a picture's crop, or of its most prominent where it has not as many; None if not shown."""
        first = self.first_row.get(digest)
        if first is None:
            return None
        own = self.features.rows[first + part : first + part + 1]
        return first + part if own and own[0].digest == digest else first

    def vectors(self, matches: Sequence[Match]) -> np.ndarray:
        """(n, D) float32: the rows that matched."""
        return self.features.take([self.first_row[match.digest] + match.part for match in matches])

    @cached_property
    def labels(self) -> dict[str, str]:
        """Of each picture that is shown, in order of first_row; empty where it has none."""
        return {digest: self.label(digest) for digest in self.first_row}

    @cached_property
    def rows_of(self) -> dict[str, list[int]]:
        """Places of the rows of each label; of each digest, where it has no label."""
        found: dict[str, list[int]] = {}
        for place, row in enumerate(self.features.rows):
            if row.digest in self.first_row:
                found.setdefault(self.label(row.digest) or row.digest, []).append(place)
        return found

    @cached_property
    def known_pairs(self) -> KnownPairs | None:
        """Of the pictures that have a label, each by its most prominent part."""
        rows = self.features.take([self.first_row[digest] for digest, label in self.labels.items() if label])
        return known_pairs(
            rows,
            [label for label in self.labels.values() if label],
            Message("pairs.of_collection", name=self.root.name),
        )

    @cached_property
    def pictures_of(self) -> dict[str, list[int]]:
        """Places of the first row of each picture that has a label, by label."""
        found: dict[str, list[int]] = {}
        for digest, place in self.first_row.items():
            if label := self.label(digest):
                found.setdefault(label, []).append(place)
        return found

    @cached_property
    def kinds(self) -> Kinds:
        places = [(place, label) for label, pictures in self.pictures_of.items() for place in pictures]
        return compare(self.features.take([place for place, _ in places]), [label for _, label in places])

    @cached_property
    def outliers(self) -> Outliers:
        """Of each picture by its most prominent part."""
        return outliers(self.features.take([*self.first_row.values()]), [*self.labels], [*self.labels.values()])

    @cached_property
    def calibration(self) -> Calibration:
        return self._calibrate(self.features.take)

    @cached_property
    def of_parts(self) -> dict[str, Calibration]:
        """Of each part of the vectors alone."""
        places = part_weights.places(self.parts)
        return {name: self._calibrate(partial(self._rows_of_part, place)) for name, place in places.items()}

    def _rows_of_part(self, part: slice, places: np.ndarray) -> np.ndarray:
        return unit_rows(self.features.take(places)[:, part])

    def scale(self, mix: Mix) -> np.ndarray:
        """See part_weights.scale."""
        return part_weights.scale(self.parts, mix, {name: of.spread for name, of in self.of_parts.items()})

    def stretch(self, mix: Mix | None) -> np.ndarray | float:
        """Rows times this are unit rows whose cosines are those of the mix."""
        return 1.0 if mix is None else np.sqrt(self.scale(mix))

    def mixed(self, mix: Mix) -> Calibration:
        key = part_weights.fingerprint("", mix)
        found = self.mixes.get(key)
        if found is None:
            stretch = self.stretch(mix)
            found = self.mixes[key] = self._calibrate(lambda rows: self.features.take(rows) * stretch)
            for old in list(self.mixes)[:-MIXES]:
                self.mixes.pop(old, None)
        return found

    def agreement(self, match: Match, vector: np.ndarray) -> dict[str, float]:
        """See Match. vector: what was asked with."""
        row = self.vectors([match])[0]
        cosines = {
            name: float(unit_rows(vector[None, place])[0] @ unit_rows(row[None, place])[0])
            for name, place in part_weights.places(self.parts).items()
        }
        return {name: self.of_parts[name].closer_than(cosine) for name, cosine in cosines.items()}

    def nearest(self, vectors: np.ndarray, k: int, mix: Mix | None = None) -> list[list[Match]]:
        """For each query the k nearest pictures, each by its best row."""
        lengths = np.ones(len(vectors))
        if mix is not None:  # rows are of unit length, so that the product with one is cosine times length
            vectors = vectors * self.scale(mix)
            lengths = np.linalg.norm(vectors, axis=1)
        ids, scores = self.index.query(vectors, k * self.crowd)
        answers = []
        for names, cosines, length in zip(ids, scores, lengths.tolist(), strict=True):
            best: dict[str, Match] = {}
            for name, cosine in zip(names, cosines, strict=True):
                digest, _, number = name.partition("/")
                if digest not in best and digest in self.first_row:  # a database may be ahead of us, or behind
                    best[digest] = self.match(self.first_row[digest] + int(number), cosine * length)
            answers.append(list(best.values())[:k])
        return answers

    def rank(self, vector: np.ndarray, k: int, without: str) -> Ranking:
        """See ImageIndex.rank."""
        (near,) = self.nearest(vector[None], NEAR)
        names = list(dict.fromkeys(match.label or match.digest for match in near if match.digest != without))
        ranked = []
        for name in names[: 4 * k]:
            pictures = self._best_rows(self.rows_of[name], vector, without)
            if pictures:
                mean = sum(cosine for cosine, _ in pictures) / len(pictures)
                ranked.append(((pictures[0][0] + mean) / 2, name, pictures[:SHOWN]))
        ranked.sort(key=lambda entry: (-entry[0], entry[1]))
        groups = []
        for score, _, pictures in ranked[:k]:
            matches = [self.match(place, cosine) for cosine, place in pictures]
            groups.append(Group(matches[0].label, score, matches))
        return Ranking(groups, sum(len(places) for places in self.rows_of.values()), self.index.name)

    def most_alike(self, one: str, other: str, k: int) -> tuple[list[str], list[str]]:
        """See Library.most_alike."""
        places = [self.pictures_of.get(label, []) for label in (one, other)]
        rows = [self.features.take(pictures) for pictures in places]
        found: list[list[str]] = []
        for pictures, own, others in zip(places, rows, reversed(rows), strict=True):
            best: Sequence[int] = []
            if len(others):
                best = np.argsort(-(own @ others.sum(axis=0)), kind="stable")[:k].tolist()
            found.append([self.features.rows[pictures[i]].digest for i in best])
        return found[0], found[1]

    def answer(
        self,
        card: Card,
        matches: list[Match],
        vector: np.ndarray,
        started: float,
        because: tuple[int, ...] = (),
    ) -> Answer:
        """card: of the engine. vector: what was asked with. started: when, by time.perf_counter."""
        if self.parts:
            matches = [replace(match, agreement=self.agreement(match, vector)) for match in matches]
        seconds = time.perf_counter() - started
        return Answer(matches, card.network, card.weights, self.index.name, len(self.first_row), seconds, because)

    def _best_rows(self, places: Sequence[int], vector: np.ndarray, without: str) -> list[tuple[float, int]]:
        """Rows of some pictures -> of each picture its row nearest to the vector: (cosine, place), best first."""
        cosines = self.features.take(places) @ vector
        best: dict[str, tuple[float, int]] = {}
        for number in np.argsort(-cosines, kind="stable"):
            digest = self.features.rows[places[number]].digest
            if digest != without:
                best.setdefault(digest, (float(cosines[number]), places[number]))
        return list(best.values())

    def _calibrate(self, take: Callable[[np.ndarray], np.ndarray]) -> Calibration:
        kinds = [(place, kind) for kind, places in self.rows_of.items() for place in places]
        return calibrate(take, [place for place, _ in kinds], [kind for _, kind in kinds])


def searchable(
    catalogue: Catalogue,
    store: FeatureStore,
    parts: Sequence[VectorPart],
    version: tuple[files.Version, ...],
    searched_by: str,
) -> Searchable:
    """What is stored, less what has gone from the folder or is hidden. version: of before it is read here.

    Raises SemblanceError where a database has to answer, and can't.
    """
    paths, hidden, stored = catalogue.paths, catalogue.hidden, store.read()
    shown = paths.keys() - hidden
    ids = _row_ids(stored.rows)
    unseen = [ids[i] for i, row in enumerate(stored.rows) if row.digest not in shown]
    searched: index.Index
    if index.in_database(searched_by):
        searched = remote(store, searched_by)
        _mark(searched, catalogue, store, stored, ids, unseen)
    else:
        key = _key(store, stored, searched_by)
        searched = index.over(ids, stored.parts, graph(store), GRAPH_FORMAT, searched_by, key)
        searched.remove(unseen)
    rows = Counter(row.digest for row in stored.rows if row.digest in shown)
    crowd = max(rows.values(), default=1)
    first_row: dict[str, int] = {}
    for i, row in enumerate(stored.rows):
        if row.digest in rows:
            first_row.setdefault(row.digest, i)
    return Searchable(version, catalogue.root, paths, hidden, stored, first_row, searched, crowd, parts)


def _mark(
    searched: Remote,
    catalogue: Catalogue,
    store: FeatureStore,
    stored: Features,
    ids: Sequence[str],
    unseen: Sequence[str],
) -> None:
    """What was hidden there, by whichever process, becomes what is hidden here: the files are the truth."""
    there = searched.count()
    if ids and not there:
        raise SemblanceError("errors.database_empty", name=catalogue.name, engine=store.engine)
    searched.missing = max(0, len(ids) - there)
    mark(searched, ids, unseen, _told(catalogue, stored.rows), stored.take)


def save_index(
    catalogue: Catalogue,
    store: FeatureStore,
    stored: Features,
    searched_by: str,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> bool:
    """Keeps the index of what is stored, where it is one that is kept. False where it was cancelled."""
    if index.in_database(searched_by):
        return _update(catalogue, store, stored, searched_by, progress, cancelled)
    ids = _row_ids(stored.rows) if index.keeps_file(stored.parts, searched_by) else []
    key = _key(store, stored, searched_by)
    return index.save(ids, stored.parts, graph(store), GRAPH_FORMAT, progress, cancelled, searched_by, key)


def _key(store: FeatureStore, stored: Features, searched_by: str) -> bytes:
    """The secret of the home in which a feature file lies, where the index is in a file; see files.key."""
    return files.key(store.path.parents[2]) if index.keeps_file(stored.parts, searched_by) else b""


def _update(
    catalogue: Catalogue,
    store: FeatureStore,
    stored: Features,
    searched_by: str,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> bool:
    """Compares all rows in the database with those stored, unless there are as many and no file has changed."""
    database, note = remote(store, searched_by), store.path.with_suffix(".filled")
    state = hashlib.sha256(repr((searched_by, store.version(), catalogue.version)).encode()).hexdigest().encode()
    if note.exists() and note.read_bytes() == state and database.count() == len(stored.rows):
        return True
    ids, told = _row_ids(stored.rows), _told(catalogue, stored.rows)
    complete = update(database, ids, told, stored.take, progress, cancelled)
    if complete:
        files.write_atomically(note, [state])
    return complete


def add_to_index(catalogue: Catalogue, store: FeatureStore, batch: Features, searched_by: str) -> None:
    """Where the index is in a database: all rows of some pictures that were just stored."""
    if index.in_database(searched_by):
        places, told = range(len(batch.rows)), _told(catalogue, batch.rows)
        remote(store, searched_by).upsert(_row_ids(batch.rows), batch.take(places), [*map(told, places)])


def remote(store: FeatureStore, searched_by: str) -> Remote:
    """The index of a feature file in a database."""
    return index.remote(searched_by, f"{store.path.parent.name}_{store.path.stem}")


def _told(catalogue: Catalogue, rows: Sequence[Row]) -> Callable[[int], Payload]:
    """Of the row at a place. What is gone from the folder is hidden, too."""
    paths, hidden = catalogue.paths, catalogue.hidden

    def told(place: int) -> Payload:
        row = rows[place]
        path = paths.get(row.digest, [""])[0].encode(errors="backslashreplace").decode()  # it need not be Unicode
        caption = hashlib.sha256(row.caption.encode(errors="replace")).hexdigest() if row.caption else ""
        return Payload(row.digest, folders.label_of(path), path, caption, not path or row.digest in hidden)

    return told


def version_of(store: FeatureStore) -> tuple[files.Version, ...]:
    """Of the files that `searchable` reads."""
    return (*store.version(), files.version(graph(store)))


def graph(store: FeatureStore) -> Path:
    """Where the approximate index of a feature file is kept."""
    return store.path.with_suffix(".hnsw")


def _row_ids(rows: Sequence[Row]) -> list[str]:
    """DIGEST/NUMBER: the same row's id stays the same wherever it is stored."""
    ids = []
    seen: Counter[str] = Counter()
    for row in rows:
        ids.append(f"{row.digest}/{seen[row.digest]}")
        seen[row.digest] += 1
    return ids
