"""The odd ones of a collection: the same as by every pair, however it is laid out, and what can't be told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines import unit_rows
from features.analysis import outliers as module
from features.analysis.outliers import NEAR, outliers
from features.errors import NotIndexed
from features.library import Library
from tests.support.toy import BLUE, GREEN, RED, Toy, digest, hue, paint


def _by_hand(rows: np.ndarray, labels: list[str]) -> dict[int, tuple[str, float, float, int]]:
    """Of each that can be judged: the other folder, both means, and how many of its nearest are of its own."""
    found = {}
    for i, mine in enumerate(labels):
        near = {
            name: sorted((float(rows[i] @ rows[j]) for j, its in enumerate(labels) if its == name and j != i))[
                -NEAR:
            ]
            for name in set(labels) - {""}
        }
        others = [name for name in near if name != mine]
        if not mine or not near[mine] or not others:
            continue
        like = max(sorted(others), key=lambda name: np.mean(near[name]))
        nearest = sorted((cosine, name) for name, cosines in near.items() for cosine in cosines)[-NEAR:]
        own = sum(name == mine for _, name in nearest)
        found[i] = like, float(np.mean(near[mine])), float(np.mean(near[like])), own
    return found


LAYOUTS = {
    "nothing": [],
    "one": ["a"],
    "one of no folder": [""],
    "no folders": ["", "", ""],
    "one folder": ["a"] * 5,
    "one folder and loose ones": ["a"] * 4 + [""] * 3,
    "two folders of one": ["b", "a"],
    "a folder of one, of two, of many": ["lone", "two", "two", *["many"] * 25, "", ""],
    "two small folders and loose ones": [*"aabb", *[""] * 15],
    "many folders": [f"{i % 17}" for i in range(60)],
    "ugly names": ["<b>", "a" * 300, "\udcff", "<b>", "a" * 300, "\udcff", "é"],
}


@pytest.mark.parametrize("labels", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("scores", [1, 50, 10**6], ids=["a row at a time", "a few", "all at once"])
def test_every_pair_counts(monkeypatch: pytest.MonkeyPatch, labels: list[str], scores: int) -> None:
    monkeypatch.setattr(module, "SCORES", scores)
    rows = unit_rows(np.random.default_rng(1).normal(0.3, 1, (len(labels), 6)).astype(np.float32))
    found = outliers(rows, [f"{i:03}" for i in range(len(labels))], labels)
    judged = _by_hand(rows, labels)
    wanted = {i: told for i, told in judged.items() if told[2] > told[1]}
    assert found.compared == len(judged) and {int(one.digest) for one in found.misplaced} == set(wanted)
    for one in found.misplaced:
        like, own, other, of_own = wanted[int(one.digest)]
        assert (one.label, one.like, one.of_own) == (labels[int(one.digest)], like, of_own)
        assert one.of == min(NEAR, sum(map(bool, labels)) - 1)
        assert (one.cosine, one.other) == pytest.approx((own, other), abs=1e-6) and one.margin > 0
    margins = [one.margin for one in found.misplaced]
    assert margins == sorted(margins, reverse=True)
    assert found.folders == len(set(labels) - {""})
    assert found.alone == sum(labels.count(label) == 1 for label in set(labels) - {""})

    assert len(found.lonely) == (len(labels) if len(labels) > 1 else 0)
    for one in found.lonely:
        i = int(one.digest)
        cosines = sorted(float(rows[i] @ row) for j, row in enumerate(rows) if j != i)[-NEAR:]
        assert one.label == labels[i] and one.cosine == pytest.approx(np.mean(cosines), abs=1e-6)
    assert [one.cosine for one in found.lonely] == sorted(one.cosine for one in found.lonely)


def test_equal_pictures_are_odd_in_no_way() -> None:
    rows = np.repeat(unit_rows(np.ones((1, 2048), np.float32)), 30, axis=0)
    found = outliers(rows, [f"{i}" for i in range(30)], ["a", "b"] * 15)
    assert not found.misplaced and found.compared == 30
    assert all(one.cosine == pytest.approx(1) and one.cosine <= 1 for one in found.lonely)


def test_the_odd_ones_of_a_collection_follow_it(library: Library, pictures: Path) -> None:
    painted = {
        name: paint(pictures / f"{name}.png", hue(angle))
        for name, angle in (("red/0", 0), ("red/1", 10), ("red/2", 80), ("green/0", 90), ("green/1", 78))
    }
    lonely = paint(pictures / "in no folder.png", BLUE)
    engine, catalogue = Toy(), library.open(pictures)
    with pytest.raises(NotIndexed):
        library.index(catalogue, engine).outliers()
    library.index(catalogue, engine).update()
    found = library.index(catalogue, engine).outliers()
    (one,) = found.misplaced
    assert (one.digest, one.label, one.like) == (digest(painted["red/2"]), "red", "green")
    assert (one.of_own, one.of, found.compared, found.alone) == (2, 4, 5, 0)
    assert found.lonely[0].digest == digest(lonely) and found.lonely[0].label == ""

    catalogue.hide([digest(painted["red/2"]), digest(lonely)])
    found = library.index(catalogue, engine).outliers()
    assert not found.misplaced and digest(lonely) not in {one.digest for one in found.lonely}
    for colour, name in ((RED, "green/2"), (GREEN, "red/3")):
        paint(pictures / f"{name}.png", colour, size=(9, 9))
    library.index(catalogue, engine).update()
    found = library.index(catalogue, engine).outliers()
    assert {one.digest for one in found.misplaced} >= {
        digest(pictures / "green/2.png"),
        digest(pictures / "red/3.png"),
    }
