"""Which engine suits a collection: the same questions for all, what luck would give, and when a lead is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines import Card, Crop, SemblanceError, unit_rows
from features.catalogue.folder import Catalogue
from features.evaluation import comparison
from features.evaluation.comparison import Comparison, Questions, Rating, by_lot, questions
from features.evaluation.measures import Evaluation, retrieval_scores
from features.learning.heads import Head, Space
from features.learning.tuned import Tuned
from features.library import Library
from tests.support.toy import BLACK, Halves, Toy, digest, hue, is_one_sentence, paint


class Titled(Toy):
    def __init__(self, title: str) -> None:
        super().__init__(taste=title)
        self.name = title.lower()
        self.title = title

    def describe(self) -> Card:
        return replace(super().describe(), title=self.title)


class Blind(Titled):
    """Sees the bytes alone: what it finds is luck."""

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        seeds = [int(np.frombuffer(crop.pixels.tobytes()[:8], np.uint64)[0]) + crop.pixels.size for crop in crops]
        rows = [np.random.default_rng(seed).standard_normal(3) for seed in seeds]
        return unit_rows(np.reshape(rows, (len(crops), 3)).astype(np.float32))


@pytest.fixture
def kinds(pictures: Path) -> Path:
    """Three folders of twelve pictures, each folder a colour."""
    for place in range(36):
        paint(pictures / f"{'abc'[place // 12]}/{place:02}.png", hue(place // 12 * 42 + place % 12 * 0.5))
    return pictures


def indexed(library: Library, folder: Path, *compared: Toy) -> Catalogue:
    catalogue = library.open(folder)
    for engine in compared:
        library.index(catalogue, engine).update()
    return catalogue


def rating(title: str, right: Sequence[bool], refused: int = 0, first: int = 0) -> Rating:
    """first: number of its first query."""
    share = float(np.mean(right))
    told = Evaluation(title.lower(), "toynet", "0" * 12, len(right), len(right), share, share, share, 0.001)
    return Rating(title, told, {str(first + number): one for number, one in enumerate(right)}, refused)


def compared(*ratings: Rating, chance: float = 0.1) -> Comparison:
    return Comparison(Questions({"0": "a"}, 1, (chance, chance, chance)), ratings, {})


# What is asked, and what luck gives


@pytest.mark.parametrize(("right", "others"), [(1, 1), (0, 3), (2, 3), (3, 9), (5, 40), (20, 25)])
def test_luck_is_what_answers_drawn_by_lot_reach(right: int, others: int) -> None:
    random = np.random.default_rng(0)
    labels = np.array(["a"] * right + ["b"] * (others - right))
    drawn = [random.permutation(labels).tolist() for _ in range(4000)]
    assert by_lot(right, others) == pytest.approx(retrieval_scores(["a"] * len(drawn), drawn), abs=0.02)


def test_pictures_that_share_a_folder_are_asked_with_and_of_many_a_fixed_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = [{"1": "a", "2": "a", "5": ""}, {"2": "a", "3": "b", "4": "b", "6": "alone", "7": ""}]
    asked = questions(seen)
    assert dict(asked.labels) == {"1": "a", "2": "a", "3": "b", "4": "b"} and asked.pictures == 4
    assert asked.chance[0] == pytest.approx(1 / 6), "one of the six others"
    assert "each of 4 pictures" in asked.told()
    monkeypatch.setattr(comparison, "QUERIES", 3)
    part = questions(seen)
    assert list(part.labels) == ["1", "2", "3"] and part.pictures == 4 and "3 of 4 pictures, drawn" in part.told()
    for nothing in ([], [{}], [{"1": "", "2": ""}], [{"1": "a", "2": "b"}]):
        with pytest.raises(SemblanceError, match="put the pictures into folders"):
            questions(nothing)


# What it comes to

RIGHT, WRONG = [True] * 60, [False] * 60
LUCKY = [True, *[False] * 9] * 6
FINDINGS = {
    "one": (
        [rating("One", RIGHT)],
        ["One"],
        "With One the first answer is of the same folder for 100 of 100;",
    ),
    "a clear winner": ([rating("One", RIGHT), rating("Two", LUCKY)], ["One"], "One is best: the first answer"),
    "equals": ([rating("One", RIGHT), rating("Two", RIGHT)], ["One", "Two"], "One and Two can't be told apart"),
    "a lead of a few": (
        [rating("One", RIGHT), rating("Two", [*RIGHT[:-4], *WRONG[-4:]])],
        ["One", "Two"],
        "for 100 of 100 with One, for 93 with Two, and that may be luck.",
    ),
    "two equals of three": (
        [rating("One", RIGHT), rating("Two", RIGHT[:-1] + WRONG[:1]), rating("Three", LUCKY)],
        ["One", "Two"],
        "One and Two can't",
    ),
    "nothing but luck": ([rating("One", LUCKY), rating("Two", LUCKY)], ["One", "Two"], "better than guessing"),
    "a small folder": ([rating("One", [True] * 4), rating("Two", [False] * 4)], ["One", "Two"], "may be luck"),
    "no query in common": ([rating("One", RIGHT), rating("Two", LUCKY, first=99)], ["One"], "One is best"),
    "none": ([], [], ""),
}


@pytest.mark.parametrize(("ratings", "best", "finding"), FINDINGS.values(), ids=FINDINGS)
def test_a_lead_is_told_apart_from_luck(ratings: list[Rating], best: list[str], finding: str) -> None:
    told = compared(*ratings)
    assert [one.title for one in told.best()] == best
    assert finding in told.finding() and (not ratings or is_one_sentence(told.finding()))


def test_the_standard_error_is_that_of_a_share() -> None:
    assert rating("One", [True, False] * 50).standard_error == pytest.approx(0.05)
    assert rating("One", RIGHT).standard_error == 0


# Measured through the library


def test_the_engine_that_sees_the_folders_wins(library: Library, kinds: Path) -> None:
    seeing, blind = Titled("Seeing"), Blind("Blind")
    told = library.compare(indexed(library, kinds, blind, seeing), [blind, seeing])
    assert [one.title for one in told.ratings] == ["Seeing", "Blind"]
    assert [one.title for one in told.best()] == ["Seeing"] and "Seeing is best" in told.finding()
    first = told.ratings[0].evaluation
    assert (first.queries, first.gallery, first.precision_at_1, told.ratings[0].refused) == (36, 36, 1.0, 0)
    assert told.questions.chance[0] == pytest.approx(11 / 35) and first.seconds_per_query > 0
    alone = library.index(library.open(kinds), blind).evaluation.retrieval()[0]
    assert replace(told.ratings[1].evaluation, seconds_per_query=alone.seconds_per_query) == alone


def test_what_an_engine_refuses_counts_as_wrong(library: Library, kinds: Path) -> None:
    for number in range(4):
        paint(kinds / f"a/black {number}.png", BLACK, size=(8 + number, 8))
    halves, seeing = Halves(), Titled("Seeing")
    (kinds / "a/broken.png").write_text("no picture, for nobody")
    told = library.compare(indexed(library, kinds, halves, seeing), [halves, seeing])
    by_name = {one.evaluation.engine: one for one in told.ratings}
    assert told.questions.pictures == 40 and by_name["seeing"].refused == 0
    assert by_name["halves"].refused == 4 and by_name["halves"].evaluation.queries == 40
    assert by_name["halves"].evaluation.precision_at_1 == pytest.approx(36 / 40)
    assert not by_name["halves"].right[digest(kinds / "a/black 0.png")]


def test_who_can_use_nothing_is_told_and_no_folders_are_too(library: Library, kinds: Path, tmp_path: Path) -> None:
    fresh, seeing = Titled("Fresh"), Titled("Seeing")
    told = library.compare(indexed(library, kinds, seeing), [fresh, seeing])
    assert told.unmeasured == {"Fresh": "It can use none of these pictures."} and len(told.ratings) == 1
    for number in range(3):
        paint(tmp_path / "bare" / f"{number}.png", hue(number * 30))
    with pytest.raises(SemblanceError, match="put the pictures into folders"):
        library.compare(indexed(library, tmp_path / "bare", seeing), [seeing])


def space(taught: dict[str, str], held_out: set[str]) -> Space:
    """The same vectors again, said to have been learned."""
    plain, none = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    head = Head(("a", "b", "c"), plain, none, 1.0, 0.5, taught, frozenset(held_out), 0, None)
    return Space(plain, none, head, None, None)


def test_a_tuned_space_is_asked_with_what_it_has_not_learned_from(library: Library, kinds: Path) -> None:
    toy = Toy()
    catalogue = indexed(library, kinds, toy)
    labels = {digest(path): path.parent.name for path in kinds.glob("*/*.png")}
    held_out = {digest(kinds / f"{name}.png") for name in ("a/00", "b/13", "c/30")}
    tuned, all_learned = (Tuned(toy, space(labels, some)) for some in (held_out, set()))
    indexed(library, kinds, tuned)
    told = library.compare(catalogue, [toy, tuned])
    by_name = {one.evaluation.engine: one for one in told.ratings}
    assert by_name["toy+tuned"].right.keys() == held_out and by_name["toy"].evaluation.queries == 36
    assert {one.title for one in told.best()} == {"Toy", "Toy, tuned"}
    told = library.compare(catalogue, [toy, all_learned])
    assert len(told.ratings) == 1 and "learned from all these pictures" in told.unmeasured["Toy, tuned"]


def test_what_was_measured_is_remembered_until_something_changes(library: Library, kinds: Path) -> None:
    one, two = Titled("One"), Titled("Two")
    catalogue = indexed(library, kinds, one, two)
    asked: list[str] = []

    def progress(done: int, total: int, what: str) -> None:
        asked.append(what)

    assert not library.compare(catalogue, [one, two], kept_only=True).ratings
    stopped = library.compare(catalogue, [one, two], progress, lambda: "asking One" in asked)
    assert [rating.title for rating in stopped.ratings] == ["One"], "what was done is kept"
    assert [rating.title for rating in library.compare(catalogue, [one, two], kept_only=True).ratings] == ["One"]
    library.compare(catalogue, [one, two], progress)
    assert asked == ["asking One", "asking Two"]
    again = library.compare(catalogue, [two, one], progress, kept_only=True)
    assert len(again.ratings) == 2 and asked == ["asking One", "asking Two"]
    paint(kinds / "a/new.png", hue(3.3))
    library.index(catalogue, one).update()
    assert [rating.title for rating in library.compare(catalogue, [one, two], kept_only=True).ratings] == []
