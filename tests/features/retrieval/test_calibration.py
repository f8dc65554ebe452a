"""What a cosine is worth: shares of strangers, by pictures whose angles can be read by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from features.indexing.store import Features, Row
from features.library import Library
from features.retrieval import calibration
from features.retrieval.calibration import Calibration, calibrate
from tests.support.toy import Toy, hue, paint


def circle(degrees: Sequence[float]) -> Features:
    """Rows at these angles: the cosine of two is that of the angle between them."""
    angles = np.radians(np.asarray(degrees, float))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32).reshape(-1, 2)
    return Features([Row(str(number), None) for number in range(len(degrees))], [vectors])


def of(degrees: Sequence[float], kinds: Sequence[str]) -> Calibration:
    return calibrate(circle(degrees).take, range(len(degrees)), kinds)


def angles(cosines: np.ndarray) -> list[int]:
    return sorted(round(float(angle)) for angle in np.degrees(np.arccos(np.clip(cosines, -1, 1))))


def test_strangers_are_those_of_another_kind() -> None:
    told = of([0, 10, 50, 90], ["a", "a", "b", "b"])
    assert angles(told.strangers) == [40, 40, 50, 50, 80, 80, 90, 90], "each pair from both sides"
    assert angles(told.closest) == [40, 40, 50, 80]


@pytest.mark.parametrize(
    ("degrees", "closer", "chance"), [(0, 1, 0), (45, 0.75, 0.5), (60, 0.5, 0.75), (85, 0.25, 1), (120, 0, 1)]
)
def test_shares_are_counted(degrees: float, closer: float, chance: float) -> None:
    told = of([0, 10, 50, 90], ["a", "a", "b", "b"])
    score = float(np.cos(np.radians(degrees)))
    assert told.closer_than(score) == closer and told.by_chance(score) == chance


@pytest.mark.parametrize(("degrees", "kinds"), [([], []), ([3], ["a"]), ([3, 9], ["a", "a"])])
def test_where_there_are_no_strangers_there_is_nothing_to_tell(degrees: list[float], kinds: list[str]) -> None:
    told = of(degrees, kinds)
    assert len(told.strangers) == len(told.closest) == 0
    assert told.closer_than(0.5) == 0 and told.by_chance(0.5) == 1


def test_only_the_places_that_are_named_count() -> None:
    features = circle([0, 1, 2, 90])
    told = calibrate(features.take, [0, 3], ["a", "b"])
    assert angles(told.strangers) == [90, 90]


def test_a_sample_tells_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    degrees, kinds = random.uniform(0, 180, 400), [str(number % 40) for number in range(400)]
    whole = of(degrees, kinds)
    monkeypatch.setattr(calibration, "SAMPLE", 100)
    monkeypatch.setattr(calibration, "PAIRS", 10_000)
    monkeypatch.setattr(calibration, "PIECE", 64)
    part = of(degrees, kinds)
    assert len(part.closest) == 100 and len(part.strangers) < 12_000
    for score in (-0.5, 0, 0.5, 0.9):
        assert part.closer_than(score) == pytest.approx(whole.closer_than(score), abs=0.05)


def test_a_catalogues_follows_its_pictures(library: Library, pictures: Path) -> None:
    toy = Toy()
    for name, degrees in (("a/1", 0), ("a/2", 10), ("b/1", 50), ("b/2", 90)):
        paint(pictures / f"{name}.png", hue(degrees))
    catalogue = library.open(pictures)
    library.index(catalogue, toy).update()
    told = library.index(catalogue, toy).calibration()
    assert angles(told.closest) == [40, 40, 50, 80]
    assert library.index(catalogue, toy).calibration() is told, "made once"
    (pictures / "a/2.png").rename(pictures / "b/3.png")
    library.index(catalogue, toy).update()
    assert angles(library.index(catalogue, toy).calibration().closest) == [10, 10, 50, 90]


def test_pictures_without_a_label_are_all_strangers(library: Library, pictures: Path) -> None:
    for degrees in (0, 20, 60):
        paint(pictures / f"{degrees}.png", hue(degrees))
    catalogue, toy = library.open(pictures), Toy()
    library.index(catalogue, toy).update()
    assert angles(library.index(catalogue, toy).calibration().closest) == [20, 20, 40]
