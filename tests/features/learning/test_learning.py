"""What is learned from a person's folders: a classifier, how well it answers, and a tuned space."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engines
from engines import SemblanceError, unit_rows
from features.errors import Stopped
from features.evaluation.classification import calibration_error, examine
from features.indexing.embedding import embed_query
from features.learning import training
from features.learning.heads import Head, Space, softmax
from features.learning.training import Lesson, learn, tune
from features.learning.tuned import Tuned
from features.library import Library, labelled_files
from tests.support import ROOT
from tests.support.toy import BLUE, ORANGE, PINK, YELLOW, Halves, Toy, digest, hue, is_one_sentence, paint


def clouds(
    counts: dict[str, int], dim: int = 40, spread: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """Unit rows about one direction per label, so many of each."""
    middles = unit_rows(np.random.default_rng(42).standard_normal((len(counts), dim)))
    labels = [label for label, count in counts.items() for _ in range(count)]
    noise = np.random.default_rng(seed).standard_normal((len(labels), dim)) * spread / np.sqrt(dim)
    at = dict(zip(counts, middles, strict=True))
    return unit_rows(np.stack([at[label] for label in labels]) + noise), labels


def lesson(counts: dict[str, int], dim: int = 40, spread: float = 0.5, unlabelled: int = 0) -> Lesson:
    rows, labels = clouds(counts, dim, spread)
    rows = np.concatenate([rows, unit_rows(np.ones((unlabelled, dim)))])
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(len(rows))]
    return Lesson(rows, dict(zip(names, labels + [""] * unlabelled, strict=True)))


def right(head: Head, rows: np.ndarray, labels: list[str]) -> np.ndarray:
    best = head.probabilities(rows).argmax(axis=1)
    return np.array([head.labels[i] == label for i, label in zip(best, labels, strict=True)])


SETS = {
    "two labels": {"hat": 20, "boot": 20},
    "seven labels": {f"kind {i}": 12 for i in range(7)},
    "one picture each": {"hat": 1, "boot": 1, "scarf": 1},
    "two pictures each": {"hat": 2, "boot": 2},
    "a hundred to four": {"hat": 100, "boot": 4},
    "labels in many scripts": {"帽子": 10, "a": 10, "Ä/ß 🎩": 10, "10": 10, "9": 10},
}


@pytest.fixture(scope="module")
def heads() -> dict[str, Head]:
    return {name: learn(lesson(counts)) for name, counts in SETS.items()}


each_set = pytest.mark.parametrize("name", SETS)


@each_set
def test_what_can_be_told_apart_is_learned(heads: dict[str, Head], name: str) -> None:
    head, counts = heads[name], SETS[name]
    assert list(head.labels) == sorted(counts)
    assert right(head, *clouds(dict.fromkeys(counts, 30), seed=1)).mean() > 0.98


@each_set
def test_probabilities_sum_to_one_and_none_is_negative(heads: dict[str, Head], name: str) -> None:
    rows, _ = clouds(SETS[name])
    queries = np.concatenate([rows, -rows, unit_rows(np.ones((1, 40)))]).astype(np.float32)
    probabilities = heads[name].probabilities(queries)
    assert probabilities.shape == (len(queries), len(SETS[name])) and probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert heads[name].probabilities(queries[:0]).shape == (0, len(SETS[name]))


@each_set
def test_a_fifth_of_each_label_is_held_out_but_never_its_only_picture(heads: dict[str, Head], name: str) -> None:
    head = heads[name]
    held_out = [head.taught[held] for held in head.held_out]
    for label, count in SETS[name].items():
        expected = 0 if count == 1 else max(1, round(count / 5))
        assert held_out.count(label) == expected
    examined = head.examination.pictures if head.examination else 0
    assert examined == len(held_out) and len(head.taught) == sum(SETS[name].values())


@each_set
def test_a_kept_head_is_the_same_head(heads: dict[str, Head], name: str) -> None:
    head, (rows, _) = heads[name], clouds(SETS[name])
    kept = Head.restore(pickle.loads(pickle.dumps(head.state())), 40)
    np.testing.assert_array_equal(kept.probabilities(rows), head.probabilities(rows))
    assert kept.state() == head.state() and kept.examination == head.examination


@each_set
def test_the_state_is_plain_builtins(heads: dict[str, Head], name: str) -> None:
    def plain(value: object) -> bool:
        if type(value) is dict:
            return all(type(key) is str and plain(item) for key, item in value.items())
        if type(value) in (list, tuple):
            return all(map(plain, value))  # type: ignore[arg-type]
        return value is None or type(value) in (str, int, float, bytes)

    assert plain(heads[name].state())


@pytest.mark.parametrize("counts", [{}, {"hat": 5}])
def test_fewer_than_two_labels_are_refused_in_a_sentence(counts: dict[str, int]) -> None:
    for teach in (learn, tune):
        with pytest.raises(SemblanceError) as refusal:
            teach(lesson(counts) if counts else Lesson(np.zeros((0, 40), np.float32), {}))
        assert str(refusal.value) == (
            "A classifier needs pictures in at least two folders; put each kind into a folder of its own."
        )


def test_the_unlabelled_are_left_out_and_counted() -> None:
    head = learn(lesson({"hat": 10, "boot": 10}, unlabelled=7))
    assert (head.unlabelled, len(head.taught), head.labels) == (7, 20, ("boot", "hat"))


def test_the_same_pictures_teach_the_same_in_any_order() -> None:
    taught = lesson(SETS["seven labels"], spread=2)
    mixed = np.random.default_rng(0).permutation(len(taught.vectors))
    names = list(taught.labels)
    other = Lesson(taught.vectors[mixed], {names[i]: taught.labels[names[i]] for i in mixed})
    assert learn(taught).state() == learn(other).state()


def test_a_label_with_few_pictures_is_not_swallowed() -> None:
    head = learn(lesson({"many": 300, "few": 8}, spread=2))
    fresh, answers = clouds({"many": 100, "few": 100}, spread=2, seed=1)
    found = right(head, fresh, answers)
    assert found[100:].mean() > 0.7, "the few"
    assert found.mean() > 0.8


def test_five_hundred_labels_are_learned() -> None:
    counts = {f"kind {i}": 2 + i % 3 for i in range(500)}
    head = learn(lesson(counts, dim=128))
    assert right(head, *clouds(dict.fromkeys(counts, 2), dim=128, seed=1)).mean() > 0.95
    assert len(head.examination.confusion) == 500
    assert Head.restore(head.state(), 128).state() == head.state()


# Calibration


@pytest.fixture(scope="module")
def doubtful() -> Head:
    """Of kinds that can't be told apart always."""
    return learn(lesson({f"kind {i}": 800 for i in range(6)}, spread=4))


FRESH = clouds({f"kind {i}": 400 for i in range(6)}, spread=4, seed=1)


def test_what_is_said_to_be_sure_at_80_percent_is_right_in_80_percent(doubtful: Head) -> None:
    rows, labels = FRESH
    truth = np.array([doubtful.labels.index(label) for label in labels])
    assert 0.5 < right(doubtful, rows, labels).mean() < 0.95
    before, after = softmax(doubtful.scores(rows)), doubtful.probabilities(rows)
    assert calibration_error(after, truth) < min(0.06, calibration_error(before, truth) / 2)


def test_the_temperature_lowers_the_loss_of_what_was_held_out() -> None:
    taught = lesson({f"kind {i}": 250 for i in range(6)}, spread=4)
    head = learn(taught)
    _, rows, truth = taught.part(held_out=True)

    def loss(rows: np.ndarray) -> float:
        return -float(np.log(rows[np.arange(len(truth)), truth]).mean())

    assert head.temperature != 1
    assert loss(head.probabilities(rows)) < loss(softmax(head.scores(rows)))
    assert head.examination.ece <= head.examination.ece_before


def test_few_pictures_all_told_rightly_make_no_answer_certain(heads: dict[str, Head]) -> None:
    top = heads["two pictures each"].probabilities(clouds({"hat": 5, "boot": 5}, seed=1)[0]).max(axis=1)
    assert top.max() < 0.999


def test_below_the_level_answers_are_wrong_too_often(doubtful: Head) -> None:
    """At it they are right in two of three cases."""
    rows, labels = FRESH
    top, correct = doubtful.probabilities(rows).max(axis=1), right(doubtful, rows, labels)
    below = top < doubtful.sure_from
    assert below.any() and correct[below].mean() < 2 / 3 < correct[~below].mean()
    near = np.abs(top - doubtful.sure_from) < 0.1
    assert correct[near].mean() == pytest.approx(2 / 3, abs=0.12)


def test_where_nothing_was_held_out_two_of_three_is_believed(heads: dict[str, Head]) -> None:
    head = heads["one picture each"]
    assert (head.sure_from, head.temperature, head.examination) == (pytest.approx(2 / 3), 1.0, None)


# The examination


def test_the_figures_of_an_examination_by_hand() -> None:
    p = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.3, 0.7, 0], [0.2, 0.8, 0]], np.float32)
    told = examine(("a", "b", "c"), np.array([0, 0, 0, 1]), p, p, ("w", "x", "y", "z"), 0.65)
    assert (told.pictures, told.accuracy) == (4, 0.75)
    assert told.confusion == ((2, 1, 0), (0, 1, 0), (0, 0, 0))
    figures = [(kind.label, kind.pictures, kind.precision, round(kind.recall, 3)) for kind in told.kinds]
    assert figures == [("a", 3, 1, 0.667), ("b", 1, 0.5, 1), ("c", 0, 0, 0)]
    assert told.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2), "of the labels that occur"
    assert [dataclasses.astuple(mistake) for mistake in told.mistakes] == [("y", "a", "b", 0.7)]
    assert told.ece == told.ece_before == pytest.approx((0.1 + 0.4 + 0.7 + 0.2) / 4, abs=1e-6)
    assert (told.unsure, told.sure_right) == (0.25, pytest.approx(2 / 3))
    assert 0 <= told.accuracy_interval[0] < 0.75 < told.accuracy_interval[1] <= 1
    assert told.macro_f1_interval[0] < told.macro_f1 < told.macro_f1_interval[1]


def test_a_sure_classifier_that_is_half_wrong_is_badly_calibrated() -> None:
    p = np.array([[1, 0], [1, 0]])
    assert calibration_error(p, np.array([0, 1])) == pytest.approx(0.5)
    assert calibration_error(p, np.array([0, 0])) == 0


def test_the_examination_tells_of_no_picture_that_was_learned_from() -> None:
    """Of labels that say nothing, those learned by heart are known, and only those."""
    rows, digests = clouds({"": 120}, dim=200, spread=9)[0], list(lesson({"": 120}).labels)
    kinds = np.random.default_rng(0).integers(0, 4, 120)
    taught = Lesson(rows, {name: f"kind {kind}" for name, kind in zip(digests, kinds, strict=True)})
    head = learn(taught)
    names, vectors, truth = taught.part(held_out=False)
    assert (head.probabilities(vectors).argmax(axis=1) == truth).mean() > 0.6
    assert head.examination.accuracy < 0.5
    assert head.held_out.isdisjoint(names) and head.examination.pictures == len(head.held_out)
    mistakes = head.examination.mistakes
    assert mistakes and {mistake.picture for mistake in mistakes} <= head.held_out
    assert all(head.taught[mistake.picture] == mistake.label != mistake.given for mistake in mistakes)


# A tuned space


@pytest.fixture(scope="module")
def hard() -> Lesson:
    """The label is in a few of many directions; the others are the same for all, and louder."""
    rows, labels = clouds({f"kind {i}": 60 for i in range(5)}, dim=20, spread=1.5)
    noise = np.random.default_rng(7).standard_normal((len(rows), 60)) * 0.25
    return Lesson(
        unit_rows(np.hstack([rows, noise])), lesson({label: labels.count(label) for label in labels}).labels
    )


@pytest.fixture(scope="module")
def space(hard: Lesson) -> Space:
    return tune(hard)


def test_in_a_tuned_space_more_of_the_held_out_find_their_folder(space: Space) -> None:
    assert space.tuned > space.raw + 0.05


def test_its_rows_are_unit_rows_of_256_each_by_itself(space: Space, hard: Lesson) -> None:
    rows = space.rows(hard.vectors)
    assert rows.shape == (300, 256) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(space.rows(hard.vectors[3:4])[0], rows[3], atol=1e-6)
    assert space.rows(hard.vectors[:0]).shape == (0, 256)


def test_its_classifier_takes_its_rows(space: Space, hard: Lesson) -> None:
    digests, vectors, truth = hard.part(held_out=True)
    found = space.head.probabilities(space.rows(vectors)).argmax(axis=1)
    assert float((found == truth).mean()) == space.head.examination.accuracy > 0.7
    assert set(digests) == space.head.held_out


def test_a_kept_space_is_the_same_space(space: Space, hard: Lesson) -> None:
    kept = Space.restore(pickle.loads(pickle.dumps(space.state())), hard.vectors.shape[1])
    assert kept.state() == space.state() and kept.sha256 == space.sha256
    np.testing.assert_array_equal(kept.rows(hard.vectors), space.rows(hard.vectors))


def test_the_keras_file_gives_the_same(space: Space, hard: Lesson, tmp_path: Path) -> None:
    import keras

    training.save_keras(space, tmp_path / "space.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["space.keras"]
    rows, probabilities = keras.models.load_model(tmp_path / "space.keras").predict(hard.vectors, verbose=0)
    np.testing.assert_allclose(rows, space.rows(hard.vectors), atol=1e-5)
    np.testing.assert_allclose(probabilities, space.head.probabilities(rows), atol=1e-5)


# Cancelling


@pytest.mark.parametrize("teach", [learn, tune])
def test_progress_is_told_and_it_stops_when_asked(teach: Callable[..., Any]) -> None:
    told: list[tuple[int, int, str]] = []
    teach(lesson(SETS["two labels"]), lambda *step: told.append(step))
    done = [step[0] for step in told]
    assert done == sorted(done) and told[-1][0] == told[-1][1] and len(done) > 5
    told.clear()
    with pytest.raises(Stopped) as refusal:
        teach(lesson(SETS["two labels"]), lambda *step: told.append(step), lambda: len(told) > 3)
    assert len(told) == 4 and is_one_sentence(str(refusal.value))


# In the library


@pytest.fixture
def folder(pictures: Path) -> Path:
    """Two kinds of colour, eight of each."""
    for i in range(8):
        paint(pictures / f"warm/{i}.png", hue(2 * i))
        paint(pictures / f"green/{i}.png", hue(90 - 2 * i))
    return pictures


def opened(library: Library, folder: Path, engine: engines.Engine) -> Any:
    catalogue = library.open(folder)
    library.index(catalogue, engine).update()
    return catalogue


def test_any_engine_can_be_taught_and_is_at_first_use(library: Library, folder: Path) -> None:
    for engine in (Toy(), engines.create("colour"), engines.create("product", "builtin")):
        catalogue = opened(library, folder, engine)
        assert library.index(catalogue, engine).classifier.head() is None
        rows = library.index(catalogue, engine).classifier.classify(
            [folder / "warm/3.png", folder / "green/3.png"]
        )
        assert [row[0][0] for row in rows] == ["warm", "green"]
        for row in rows:
            assert sum(p for _, p in row) == pytest.approx(1, abs=1e-5)
            assert [p for _, p in row] == sorted((p for _, p in row), reverse=True)
        assert set(library.index(catalogue, engine).classifier.head().labels) == {"warm", "green"}


def test_a_picture_teaches_by_its_most_prominent_part(library: Library, folder: Path) -> None:
    halves = Halves()
    head = library.index(opened(library, folder, halves), halves).classifier.teach()
    assert len(head.taught) == 16


def test_a_head_outlives_a_restart_and_answers_as_it_is_until_taught_anew(library: Library, folder: Path) -> None:
    toy, query = Toy(), [folder / "warm/3.png"]
    opened(library, folder, toy)
    first = library.index(library.open(folder), toy).classifier.classify(query)
    steps = [
        (lambda: None, "no change", (0, 0, 0)),
        (lambda: paint(folder / "warm/new.png", PINK), "1 added since", (1, 0, 0)),
        (
            lambda: (folder / "warm/1.png").rename(folder / "green/1b.png"),
            "1 added and 1 changed since",
            (1, 1, 0),
        ),
        (lambda: (folder / "green/2.png").unlink(), "1 added, 1 changed and 1 removed since", (1, 1, 1)),
        (lambda: paint(folder / "unlabelled.png", YELLOW), "1 added, 1 changed and 1 removed since", (1, 1, 1)),
    ]
    for step, words, counts in steps:
        step()
        fresh = Library(library.home)
        catalogue = opened(fresh, folder, toy)
        assert fresh.index(catalogue, toy).classifier.classify(query) == first
        changes = fresh.index(catalogue, toy).classifier.changes(fresh.index(catalogue, toy).classifier.head())
        assert str(changes) == words and dataclasses.astuple(changes) == counts and bool(changes) == any(counts)
    catalogue = fresh.open(folder)
    catalogue.hide([digest(folder / "warm/5.png")])
    assert (
        fresh.index(catalogue, toy).classifier.changes(fresh.index(catalogue, toy).classifier.head()).removed == 2
    ), "hidden"
    head = fresh.index(catalogue, toy).classifier.teach()
    assert (len(head.taught), head.unlabelled) == (15, 1)
    assert not fresh.index(catalogue, toy).classifier.changes(head)
    assert fresh.index(catalogue, toy).classifier.classify(query) != first
    again = Library(library.home)
    assert again.index(again.open(folder), toy).classifier.head().state() == head.state()


def test_a_head_never_answers_for_another_fingerprint(library: Library, folder: Path) -> None:
    one, other = Toy("one"), Toy("other")
    catalogue = opened(library, folder, one)
    library.index(catalogue, other).update()
    library.index(catalogue, one).classifier.teach()
    library.index(catalogue, one).tuning.tune()
    assert (
        library.index(catalogue, other).classifier.head() is None
        and library.index(catalogue, other).tuning.tuned() is None
    )
    for suffix in (".head", ".tuned"):
        (file,) = library.home.rglob(f"*{suffix}")
        renamed = file.with_name(f"toy-{engines.fingerprint(other)}{suffix}")
        renamed.write_bytes(file.read_bytes())
    fresh = Library(library.home)
    assert (
        fresh.index(catalogue, other).classifier.head() is None
        and fresh.index(catalogue, other).tuning.tuned() is None
    )
    assert len(list(library.home.rglob("*.damaged"))) == 2


def test_a_space_is_not_used_when_its_engine_answers_otherwise(library: Library, folder: Path) -> None:
    toy = Toy("one")
    tuned = library.index(opened(library, folder, toy), toy).tuning.tune()
    toy.taste = "other"
    with pytest.raises(SemblanceError, match="train it anew") as refusal:
        library.index(library.open(folder), tuned).update()
    assert is_one_sentence(str(refusal.value))


@pytest.mark.parametrize("tuned", [False, True])
def test_stopped_learning_keeps_the_earlier_head(library: Library, folder: Path, tuned: bool) -> None:
    toy = Toy()
    catalogue = opened(library, folder, toy)
    index = library.index(catalogue, toy)
    known, teach = (
        (index.tuning.tuned, index.tuning.tune) if tuned else (index.classifier.head, index.classifier.teach)
    )
    with pytest.raises(Stopped):
        teach(cancelled=lambda: True)
    assert known() is None and not list(library.home.rglob("*.head"))
    teach()
    files = {path: path.read_bytes() for path in library.home.rglob("toy*")}
    paint(folder / "blue/0.png", BLUE)
    library.index(catalogue, toy).update()
    for path in list(files):
        if path.suffix in (".features", ".journal"):
            del files[path]
    with pytest.raises(Stopped):
        teach(cancelled=lambda: True)
    assert {path: path.read_bytes() for path in files} == files


def test_one_folder_teaches_nothing(library: Library, folder: Path) -> None:
    toy = Toy()
    catalogue = opened(library, folder / "warm", toy)
    index = library.index(catalogue, toy)
    for ask in (
        index.classifier.teach,
        index.tuning.tune,
        lambda: index.classifier.classify([folder / "warm/0.png"]),
    ):
        with pytest.raises(SemblanceError) as refusal:
            ask()
        assert is_one_sentence(str(refusal.value)) and "a folder of its own" in str(refusal.value)
    assert not [path for path in library.home.rglob("*") if path.suffix in (".head", ".tuned", ".keras")]


def test_the_head_is_examined_on_files_that_it_never_saw(library: Library, folder: Path, tmp_path: Path) -> None:
    toy, queries = Toy(), tmp_path / "queries"
    paint(queries / "warm/a.png", ORANGE)
    paint(queries / "green/b.png", (5, 250, 0))
    paint(queries / "green/false.png", (250, 5, 0))
    paint(queries / "blue/c.png", BLUE)
    paint(queries / "bare.png", YELLOW)
    (queries / "warm/text.png").write_text("no picture")
    catalogue = opened(library, folder, toy)
    head = library.index(catalogue, toy).classifier.teach()
    learned_from = min(path for path in folder.rglob("*.png") if digest(path) not in head.held_out)
    (queries / "warm/known.png").write_bytes(learned_from.read_bytes())
    told, skipped = library.index(catalogue, toy).classifier.examine(labelled_files(queries, library.home))
    assert told.pictures == 3 and told.accuracy == pytest.approx(2 / 3)
    assert [mistake.picture for mistake in told.mistakes] == [str(queries / "green/false.png")]
    assert sorted(Path(skip.path).name for skip in skipped) == ["bare.png", "c.png", "known.png", "text.png"]
    assert all(is_one_sentence(skip.reason) for skip in skipped)
    with pytest.raises(SemblanceError, match="Nothing to examine"):
        library.index(catalogue, toy).classifier.examine(labelled_files(queries / "blue", library.home))


# A tuned space as an engine


def test_a_tuned_engine_is_derived_from_stored_rows(library: Library, folder: Path) -> None:
    toy = Toy()
    catalogue = opened(library, folder, toy)
    (folder / "warm/broken.png").write_text("no picture")
    tuned = library.index(catalogue, toy).tuning.tune()
    toy.batches.clear()
    report = library.index(catalogue, tuned).update()
    assert toy.embedded == 0, "no picture is looked at again"
    assert (report.engine, report.rows, report.images) == ("toy+tuned", 16, 17) and len(report.skipped) == 1
    assert library.index(catalogue, tuned).update().new == 0
    for path in folder.rglob("[0-7].png"):
        best = library.index(catalogue, tuned).search(path, 1).matches[0]
        assert best.digest == digest(path) or best.score > 0.999
        assert best.score == pytest.approx(1, abs=1e-4)
    paint(folder / "warm/new.png", PINK)
    assert library.index(catalogue, tuned).update().new == 1 and toy.embedded == 16 + 1 + 0, (
        "queries, and the new one"
    )
    assert library.index(catalogue, toy).status().rows == library.index(catalogue, tuned).status().rows == 17


def test_a_tuned_engine_keeps_the_contract(library: Library, folder: Path) -> None:
    halves = Halves()
    catalogue = opened(library, folder, halves)
    tuned = library.index(catalogue, halves).tuning.tune()
    assert library.index(catalogue, tuned).update().rows == 32, "of every part"
    card = tuned.describe()
    assert (tuned.name, card.title, card.dim, card.network) == ("halves+tuned", "Toy, tuned", 256, "toynet + 256")
    assert "tuned on 16 pictures in 2 folders" in card.weights and "raw)" in card.weights
    assert tuned.embed([]).shape == (0, 256)
    assert engines.fingerprint(tuned) != engines.fingerprint(halves)
    again = library.index(catalogue, halves).tuning.tuned()
    assert engines.fingerprint(again) == engines.fingerprint(tuned), "after a restart, too"
    row = embed_query(tuned, folder / "warm/0.png")
    assert library.index(catalogue, tuned).rank(row).groups[0].label == "warm"
    assert library.index(catalogue, halves).tuning.keras_file().exists()


def test_its_own_classifier_answers_for_a_tuned_engine(library: Library, folder: Path) -> None:
    toy = Toy()
    catalogue = opened(library, folder, toy)
    tuned = library.index(catalogue, toy).tuning.tune()
    library.index(catalogue, tuned).update()
    ((best, *_),) = library.index(catalogue, tuned).classifier.classify([folder / "green/1.png"])
    assert best[0] == "green" and library.index(catalogue, tuned).classifier.head() is tuned.space.head
    assert not list(library.home.rglob("*.head"))


def test_a_tuned_engine_is_measured_only_on_what_it_has_not_learned_from(library: Library, folder: Path) -> None:
    toy = Toy()
    catalogue = opened(library, folder, toy)
    tuned = library.index(catalogue, toy).tuning.tune()
    library.index(catalogue, tuned).update()
    result, _ = library.index(catalogue, tuned).evaluation.retrieval()
    assert (result.queries, result.gallery) == (len(tuned.space.head.held_out), 16) == (4, 16)


def test_tuning_anew_leaves_nothing_of_the_earlier_space(library: Library, folder: Path) -> None:
    toy = Toy()
    catalogue = opened(library, folder, toy)
    first = library.index(catalogue, toy).tuning.tune()
    library.index(catalogue, first).update()
    paint(folder / "blue/0.png", BLUE)
    paint(folder / "blue/1.png", (0, 10, 250))
    library.index(catalogue, toy).update()
    second = library.index(catalogue, first).classifier.teach()
    assert second.labels == ("blue", "green", "warm")
    assert not list(library.home.rglob(f"*{engines.fingerprint(first)}*"))
    now = library.index(catalogue, toy).tuning.tuned()
    assert isinstance(now, Tuned) and library.index(catalogue, now).update().rows == 18


def test_what_was_learned_answers_without_tensorflow(library: Library, folder: Path) -> None:
    engine = library.engine("product", "builtin")
    catalogue = opened(library, folder, engine)
    library.index(catalogue, engine).classifier.teach()
    library.index(catalogue, library.index(catalogue, engine).tuning.tune()).update()
    code = f"""
import sys
from pathlib import Path
from features.library import Library
library, folder = Library(Path({str(library.home)!r})), Path({str(folder)!r})
engine = library.engine("product", "builtin")
catalogue = library.open(folder)
index = library.index(catalogue, engine)
print(index.classifier.classify([folder / "warm/3.png"])[0][0][0])
tuned = index.tuning.tuned()
library.index(catalogue, tuned).update()
print(library.index(catalogue, tuned).search(folder / "warm/3.png").matches[0].label)
print(*({{"tensorflow", "keras", "torch"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.stdout.split() == ["warm", "warm"], done.stderr
