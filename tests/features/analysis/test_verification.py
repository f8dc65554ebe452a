"""The same or not: thresholds, verdicts, and the protocol of Labeled Faces in the Wild."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app import main
from engines import SemblanceError, create
from features.analysis import verification
from features.analysis.verification import (
    KnownPairs,
    Pair,
    Verdict,
    best_threshold,
    cross_validated,
    known_pairs,
    read_pairs,
)
from features.indexing.embedding import embed_query
from features.library import Library
from tests.support.toy import Toy, hue, is_one_sentence, paint

SAME, DIFFERENT = np.linspace(0.3, 1, 1001), np.linspace(-0.5, 0.5, 1001)


# --- verdicts


@pytest.mark.parametrize(
    ("cosine", "verdict"),
    [(0.9, "same"), (0.4995, "same"), (0.49, "unsure"), (0.31, "unsure"), (0.3, "different")],
)
def test_what_both_kinds_have_is_unsure(cosine: float, verdict: str) -> None:
    assert KnownPairs(SAME, DIFFERENT, "").verdict(cosine) == verdict


def test_where_no_two_are_alike_nothing_is_unsure() -> None:
    apart = KnownPairs(np.linspace(0.8, 1, 100), np.linspace(0, 0.2, 100), "")
    assert [apart.verdict(cosine) for cosine in (0.1, 0.5, 0.9)] == ["different", "different", "same"]
    assert 0.2 < apart.threshold < 0.8


@pytest.mark.parametrize(
    ("cosine", "remarks", "word", "withheld"),
    [
        (0.1, ((), ()), "different", False),
        (0.1, (("small",), ()), "unsure", True),
        (0.1, ((), ("turned away", "blurred")), "unsure", True),
        (0.4, ((), ("blurred",)), "unsure", False),
        (0.9, ((), ()), "same", False),
        (0.9, (("small",), ()), "same", False),
        (0.9, (("small",), ("small",)), "unsure", True),
    ],
)
def test_a_doubtful_face_is_never_called_another_person(cosine, remarks, word: str, withheld: bool) -> None:
    """And of two such faces nothing is said."""
    verdict = Verdict(cosine, KnownPairs(SAME, DIFFERENT, ""), remarks)
    assert (verdict.word, verdict.withheld) == (word, withheld)


@pytest.mark.parametrize("remarks", [((), ()), (("small",), ())])
def test_without_known_pairs_there_is_no_verdict(remarks) -> None:
    verdict = Verdict(0.9, None, remarks)
    assert verdict.word is None and not verdict.withheld


def test_shares_tell_where_a_pair_stands() -> None:
    less, more = KnownPairs(SAME, DIFFERENT, "").shares(0.44)
    assert less == pytest.approx(0.2, abs=0.01) and more == pytest.approx(0.06, abs=0.01)


@pytest.mark.parametrize(
    ("same", "different", "least", "most"),
    [([0.9], [0.1], 0.1, 0.9), ([0.4, 0.8], [0.1, 0.5], 0.1, 0.8), ([0.5], [0.5], 0.5, 0.5)],
)
def test_the_threshold_makes_the_fewest_errors(same, different, least: float, most: float) -> None:
    assert least <= best_threshold(np.array(same), np.array(different)) <= most


def test_pairs_come_from_labels() -> None:
    angles = np.radians(np.repeat([0, 90, 180], 40) + np.tile(np.arange(40) / 10, 3))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    pairs = known_pairs(vectors, ["a"] * 40 + ["b"] * 40 + ["c"] * 40, "here")
    assert pairs and pairs.source == "here" and len(pairs.same) == 3 * 40 * 39 / 2
    assert pairs.same.min() > 0.99 and pairs.different.max() < 0.1
    assert (np.diff(pairs.same) >= 0).all() and (np.diff(pairs.different) >= 0).all()


def test_many_pairs_are_drawn_from_and_each_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST_PAIRS", 300)
    angles = np.radians(np.arange(60))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    pairs = known_pairs(vectors, ["a", "b"] * 30, "")
    assert pairs and len(pairs.same) == len(pairs.different) == 300
    odd = np.cos(np.radians(np.arange(1, 60, 2)))
    assert all(np.abs(odd - cosine).min() < 1e-5 for cosine in pairs.different), "an odd number of degrees apart"
    assert len(known_pairs(vectors[:42], ["a", "b"] * 21, "").same) == 300


@pytest.mark.parametrize(
    "labels", [[], ["a"], ["a", "a"], ["a"] * 40 + ["b"], [str(number) for number in range(30)], ["a"] * 30]
)
def test_too_few_pairs_teach_nothing(labels: list[str]) -> None:
    assert known_pairs(np.ones((len(labels), 1), np.float32), labels, "") is None


def test_the_builtin_network_brings_its_own_pairs(library: Library, pictures: Path) -> None:
    engine, catalogue = create("lookalike", "builtin"), library.open(pictures)
    pairs = library.index(catalogue, engine).known_pairs()
    assert pairs and pairs.source == "pairs that dlib-face was measured on"
    assert len(pairs.same) == len(pairs.different) == 1001
    assert (np.diff(pairs.same) >= 0).all() and (np.diff(pairs.different) >= 0).all()
    assert 0.98 < 1 - sum(pairs.shares(pairs.threshold)) / 2 < 1
    assert pairs.surely_different <= pairs.threshold < pairs.surely_same


def test_any_other_learns_from_the_catalogue(library: Library, pictures: Path) -> None:
    toy = Toy()
    for kind in range(8):
        for number in range(9):
            paint(pictures / str(kind) / f"{number}.png", hue(11 * kind + number / 3), size=(8, 8 + number))
    catalogue = library.open(pictures)
    library.index(catalogue, toy).update()
    pairs = library.index(catalogue, toy).known_pairs()
    assert pairs and pictures.name in pairs.source
    one, near, far = (embed_query(toy, pictures / name) for name in ("0/0.png", "0/1.png", "5/1.png"))
    assert pairs.verdict(float(one @ near)) == "same" and pairs.verdict(float(one @ far)) == "different"
    assert library.index(catalogue, toy).known_pairs() is pairs, "made once"


# --- the protocol


def test_a_threshold_is_learned_on_the_other_folds() -> None:
    """The last fold's pairs are far more alike: its own threshold would tell all of them rightly."""
    cosines = [np.array([0.9, 0.1])] * 2 + [np.array([0.95, 0.8])]
    same = [np.array([True, False])] * 3
    right, thresholds = cross_validated(cosines, same)
    assert right[2] == 0.5 and thresholds[2] == pytest.approx(0.5)


def test_one_fold_is_its_own() -> None:
    right, thresholds = cross_validated([np.array([0.9, 0.1])], [np.array([True, False])])
    assert right.tolist() == [1] and thresholds[0] == pytest.approx(0.5)


def test_pairs_are_read_as_lfw_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("2\t1\nAnn_Lee\t1\t12\nAnn_Lee\t1\tBo\t2\nBo\t1\t2\nBo\t3\tAnn_Lee\t4\n")
    assert read_pairs(path) == [
        [
            Pair("Ann_Lee/Ann_Lee_0001", "Ann_Lee/Ann_Lee_0012", True),
            Pair("Ann_Lee/Ann_Lee_0001", "Bo/Bo_0002", False),
        ],
        [Pair("Bo/Bo_0001", "Bo/Bo_0002", True), Pair("Bo/Bo_0003", "Ann_Lee/Ann_Lee_0004", False)],
    ]
    path.write_text("1\nBo\t1\t2\nBo\t3\tAnn\t4\n")  # as pairsDevTest.txt
    assert [len(fold) for fold in read_pairs(path)] == [2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "does not begin"),
        ("Ann 1 2", "does not begin"),
        ("1 1\nAnn 1 2\nAnn 1", "Line 3"),
        ("1 1\nAnn one 2\nAnn 1 Bo 2", "Line 2"),
        ("1 2\nAnn 1 2\nAnn 1 Bo 2", "has not 1 times 2"),
        ("1 1\nAnn 1 2\nAnn 1 3", "has not 1 times 1"),
        ("1 0\n", "has not 1 times 0"),
    ],
)
def test_what_is_no_list_of_pairs_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(SemblanceError, match=told) as caught:
        read_pairs(path)
    assert is_one_sentence(str(caught.value))


def test_a_file_of_pairs_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SemblanceError, match="can't be read"):
        read_pairs(tmp_path / "pairs.txt")


@pytest.fixture
def people(pictures: Path) -> Path:
    for name, degrees in (("Ann", 0), ("Bo", 40), ("Cy", 80)):
        for number in (1, 2):
            paint(pictures / name / f"{name}_000{number}.png", hue(degrees + 3 * number))
    return pictures


def folds() -> list[list[Pair]]:
    names = [("Ann", "Bo"), ("Bo", "Cy"), ("Cy", "Ann")]
    return [
        [Pair(f"{a}/{a}_0001", f"{a}/{a}_0002", True), Pair(f"{a}/{a}_0001", f"{b}/{b}_0001", False)]
        for a, b in names
    ]


def test_the_protocol_is_run_over_a_catalogue(library: Library, people: Path) -> None:
    catalogue, toy = library.open(people), Toy()
    library.index(catalogue, toy).update()
    told = library.index(catalogue, toy).evaluation.pairs(folds())
    assert (told.pairs, told.folds, told.missing) == (6, 3, 0)
    assert told.accuracy == 1 and told.deviation == told.standard_error == 0
    assert np.cos(np.radians(40)) < told.threshold < np.cos(np.radians(3))


def test_a_photo_without_a_vector_counts_as_different(library: Library, people: Path) -> None:
    (people / "Ann/Ann_0002.png").write_bytes(b"no picture")
    catalogue, toy = library.open(people), Toy()
    library.index(catalogue, toy).update()
    told = library.index(catalogue, toy).evaluation.pairs(folds())
    assert told.missing == 1 and told.accuracy == pytest.approx((0.5 + 1 + 1) / 3)
    assert told.standard_error == pytest.approx(told.deviation / 3**0.5)


def test_a_photo_that_is_not_there_is_named(library: Library, people: Path) -> None:
    (people / "Bo/Bo_0002.png").unlink()
    catalogue, toy = library.open(people), Toy()
    library.index(catalogue, toy).update()
    with pytest.raises(SemblanceError, match="Bo/Bo_0002") as caught:
        library.index(catalogue, toy).evaluation.pairs(folds())
    assert is_one_sentence(str(caught.value))


def test_the_command_prints_accuracy_with_its_deviation(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("3 1\n" + "Ann 1 2\nAnn 1 Bo 1\nBo 1 2\nBo 1 Cy 1\nCy 1 2\nCy 1 Ann 1\n")
    assert main(["evaluate", str(people), "--engine", "colour", "--pairs", str(path), "--json"]) == 0
    told = capsys.readouterr().out
    assert '"accuracy": 1.0' in told and '"deviation": 0.0' in told and '"folds": 3' in told
    assert main(["evaluate", str(people), "--engine", "colour", "--pairs", str(tmp_path / "none.txt")]) == 1
    assert main(["evaluate", str(people), "--queries", str(people), "--pairs", str(path)]) == 2
