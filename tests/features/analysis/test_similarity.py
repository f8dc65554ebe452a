"""How alike the kinds of a collection are: the same figures as by every pair, and in an order that can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines import unit_rows
from features.analysis.similarity import Kinds, compare
from features.errors import NotIndexed
from features.library import Library
from tests.support.toy import BLUE, GREEN, RED, Toy, digest, hue, paint


def _rows(number: int, dim: int = 8) -> np.ndarray:
    return unit_rows(np.random.default_rng(0).normal(0.2, 1, (number, dim)).astype(np.float32))


@pytest.mark.parametrize(
    "labels",
    [[], ["a"], ["a", "a"], ["b", "a"], ["b", "a", "b", "c", "a", "b", "a"], ["", "<b>", "a" * 300] * 3],
    ids=["none", "one", "a pair", "one each", "mixed", "ugly names"],
)
def test_a_cosine_is_the_mean_over_all_pairs(labels: list[str]) -> None:
    rows = _rows(len(labels))
    made = compare(rows, labels)
    assert made.names == sorted(set(labels)) and made.sizes.tolist() == [labels.count(n) for n in made.names]
    assert made.cosines.dtype == np.float32 and made.cosines.shape == (len(made.names),) * 2
    for r, one in enumerate(made.names):
        for c, other in enumerate(made.names):
            pairs = [
                float(rows[i] @ rows[j])
                for i, mine in enumerate(labels)
                for j, its in enumerate(labels)
                if (mine, its) == (one, other) and i != j
            ]
            wanted = np.mean(pairs) if pairs else np.nan
            assert made.cosines[r, c] == pytest.approx(wanted, abs=1e-6, nan_ok=True)


def test_equal_pictures_are_no_more_than_the_same() -> None:
    made = compare(np.repeat(_rows(1, 2048), 50, axis=0), ["a"] * 20 + ["b"] * 30)
    assert (made.cosines <= 1).all() and made.cosines == pytest.approx(1, abs=1e-6)


def test_kinds_that_are_alike_lie_together() -> None:
    angles = np.radians([0, 80, 5, 85, 10, 40])
    made = compare(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), list("abcdef"))
    assert "".join(made.by_likeness().names) in ("acefbd", "dbfeca", "acefdb", "bdfeca")
    again = made.by_likeness()
    assert again.cosines[again.names.index("a"), again.names.index("d")] == made.cosines[0, 3]
    for few in (made.take([]), made.take([2]), made.take([2, 0])):
        assert few.by_likeness().names == few.names


def test_the_largest_are_kept_in_their_order() -> None:
    made = Kinds(list("abcd"), np.array([2, 9, 2, 5]), np.eye(4, dtype=np.float32))
    assert made.largest(3).names == ["a", "b", "d"] and made.largest(9).names == list("abcd")
    assert made.largest(0).names == [] and made.largest(0).cosines.shape == (0, 0)


def test_the_closest_two_and_the_loosest_one() -> None:
    cosines = np.array([[0.9, 0.2, 0.4], [0.2, np.nan, -0.1], [0.4, -0.1, 0.5]], np.float32)
    made = Kinds(list("abc"), np.array([3, 1, 2]), cosines)
    assert made.closest() == (0, 2) and made.loosest() == 2
    assert made.take([1]).loosest() is None, "one picture is not loose"


def test_the_kinds_of_a_collection_follow_it(library: Library, pictures: Path) -> None:
    painted = {name: paint(pictures / f"{name}.png", hue(angle)) for name, angle in
               (("red/0", 0), ("red/1", 10), ("red/2", 45), ("green/0", 90), ("green/1", 60))}  # fmt: skip
    paint(pictures / "in no folder.png", BLUE)
    engine, catalogue = Toy(), library.open(pictures)
    with pytest.raises(NotIndexed):
        library.index(catalogue, engine).similarity()
    library.index(catalogue, engine).update()
    made = library.index(catalogue, engine).similarity()
    assert made.names == ["green", "red"] and made.sizes.tolist() == [2, 3]
    assert made.cosines[0, 0] == pytest.approx(np.cos(np.radians(30)), abs=0.01)

    def named(one: str, other: str, k: int = 9) -> list[list[str]]:
        names = {digest(path): name for name, path in painted.items()}
        return [[names[d] for d in found] for found in library.index(catalogue, engine).most_alike(one, other, k)]

    assert named("red", "green") == [["red/2", "red/1", "red/0"], ["green/1", "green/0"]]
    assert named("red", "green", 1) == [["red/2"], ["green/1"]]
    assert named("red", "red")[0][0] == "red/1", "the most typical"
    for odd in ("", "../x", "no such folder", digest(pictures / "in no folder.png")):
        assert named("red", odd) == [[], []] and named(odd, odd) == [[], []]

    catalogue.hide([digest(painted["green/0"])])
    assert np.isnan(library.index(catalogue, engine).similarity().cosines[0, 0])
    for colour, name in ((RED, "more/0"), (GREEN, "more/1")):
        paint(pictures / f"{name}.png", colour, size=(9, 9))
    library.index(catalogue, engine).update()
    assert library.index(catalogue, engine).similarity().names == ["green", "more", "red"]
