"""The benchmarks' own arithmetic and report, and that their parts can run; the figures come from `make bench`."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import numpy as np
import pytest

from benchmarks import PARTS, __main__, detection, material, report, style
from benchmarks.machine import Machine, this_machine
from benchmarks.measure import Series, in_turn, quantity, ratio
from benchmarks.report import Bar, Measured, Row
from tests.support import ROOT

MACHINE = Machine("Abacus", 2, 8, False, "Linux", {"Python": "3.11"})


def measured(*rows: Row, machine: Machine = MACHINE) -> Measured:
    return Measured("One thing", "2026-01-02", 90.0, machine, list(rows))


@pytest.mark.parametrize(
    ("values", "median", "quartiles"),
    [
        ((7.0,), 7, (7, 7)),
        ((1.0, 3.0), 2, (1.5, 2.5)),
        ((9.0, 1.0, 5.0, 3.0, 7.0), 5, (3, 7)),
        ((1.0, 1.0, 1.0, 1.0, 900.0), 1, (1, 1)),  # one run that was disturbed
    ],
)
def test_median_and_quartiles(values: tuple[float, ...], median: float, quartiles: tuple[float, float]) -> None:
    series = Series(values)
    assert (series.median, series.quartiles) == (median, quartiles)


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (12.345, "x", "12.3x"),
        (20.0, "x", "20x"),
        (290.6, "x", "291x"),
        (1234.5, "MB", "1,234 MB"),
        (0.99964, "", "0.9996"),
        (0.0123456, "s", "0.01235 s"),
        (0.0, "s", "0 s"),
    ],
)
def test_figures_have_as_many_digits_as_matter(value: float, unit: str, told: str) -> None:
    assert quantity(value, unit) == told


def test_a_series_tells_its_spread_when_it_has_one() -> None:
    assert str(Series((4.0, 5.0, 6.0), "ms")) == "5 ms (4.5 to 5.5, n = 3)"
    assert str(Series((5.0,), "ms")) == "5 ms"


def test_the_sides_take_turns() -> None:
    calls = []

    def side(name: str, figures: list[float]) -> float:
        calls.append(name)
        return figures.pop(0)

    slow, fast = [10.0, 30.0, 20.0], [1.0, 2.0, 4.0]
    old, ours = in_turn(lambda: side("old", slow), lambda: side("ours", fast), runs=3)
    assert calls == ["old", "ours"] * 3
    assert ratio(old, ours) == Series((10.0, 15.0, 5.0), "x")  # turn by turn, not of the medians


def test_no_ratio_of_different_runs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio(Series((1.0, 2.0)), Series((1.0,)))


@pytest.mark.parametrize(
    ("kind", "limit", "value", "met"),
    [
        ("at least", 10, 10.1, True),
        ("at least", 10, 10.0, True),
        ("at least", 10, 9.99, False),
        ("at most", 1.5, 1.4, True),
        ("at most", 1.5, 1.5, True),
        ("at most", 1.5, 1.51, False),
        ("at least", 0, float("nan"), False),
    ],
)
def test_bars(kind: str, limit: float, value: float, met: bool) -> None:
    assert Bar(kind, limit).met(value) is met


def test_the_report_shows_each_row_with_its_bar() -> None:
    met = Row("a | b", "the old way", Series((12.0,), "x"), Bar("at least", 10), Series((1.0,), "s"))
    missed = Row("start", "a bare one", Series((1.7,), "x"), Bar("at most", 1.5), note="a note")
    free = Row("just so", "", Series((3.0,), "s"))
    text = report.render({"search": measured(met, missed, free)})
    assert "| a \\| b | the old way | 12x | at least 10x | yes | 1 s |  |" in text
    assert "| start | a bare one | 1.7x | at most 1.5x | NO |  |  |" in text
    assert "| just so |  | 3 s |  |  |  |  |" in text
    assert "**1 of 2 bars are met.**" in text and "- start: 1.7x, bar at most 1.5x" in text
    assert "- start: a note" in text
    assert "`python -m benchmarks search`, 2026-01-02, 1.5 minutes." in text
    assert f"- {MACHINE}\n" in text and "Abacus, 2 cores, 8 GB, no bfloat16; Linux; Python 3.11" in text
    assert f"Not measured yet: {', '.join(name for name in PARTS if name != 'search')}." in text


def test_the_report_tells_machines_apart() -> None:
    other = Machine("Babbage", 16, 0, True, "Windows", {})
    text = report.render({"search": measured(), "start": measured(machine=other)})
    assert f"- {MACHINE} (search)" in text and f"- {other} (start)" in text
    assert "memory unknown, bfloat16" in text


def test_a_report_of_nothing() -> None:
    assert "**0 of 0 bars are met.**" in report.render({})


def test_what_is_kept_comes_back_whole(tmp_path: Path) -> None:
    full = Row("a", "b", Series((1.0, 2.5), "x"), Bar("at least", 2), Series((1.0,)), Series((2.0,)), "n")
    results = {"start": measured(full, Row("c", "", Series((1.0,), "s"))), "search": measured()}
    report.save(tmp_path / "results.json", results)
    assert report.load(tmp_path / "results.json") == results
    assert report.load(tmp_path / "none.json") == {}


def test_this_machine_is_told() -> None:
    machine = this_machine()
    assert machine.processor and machine.cores >= 1 and machine.versions["numpy"] == np.__version__


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_a_title_and_rows(name: str) -> None:
    part = importlib.import_module(f"benchmarks.{name}")
    assert part.__doc__.splitlines()[0].endswith(".")
    assert set(get_type_hints(part.rows)) == {"scratch", "return"}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the results go in this test; two parts have been measured before."""
    monkeypatch.setattr(__main__, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(__main__, "REPORT", tmp_path / "RESULTS.md")
    before = {name: measured(Row(f"old {name}", "", Series((1.0,)))) for name in ("search", "start")}
    report.save(tmp_path / "results.json", before)
    return tmp_path / "results.json"


def part(monkeypatch: pytest.MonkeyPatch, name: str, *rows: Row, error: Exception | None = None) -> None:
    def give(scratch: Path) -> list[Row]:
        if error:
            raise error
        return list(rows)

    module = ModuleType(f"benchmarks.{name}", "A stand-in.\n\nMore words.")
    module.rows = give
    monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)


def test_a_part_replaces_only_its_own_rows(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part(monkeypatch, "start", Row("new start", "before", Series((3.0,), "x"), Bar("at least", 2)))
    assert __main__.main(["start"]) == 0
    results = report.load(kept)
    assert [row.what for row in results["start"].rows] == ["new start"]
    assert [row.what for row in results["search"].rows] == ["old search"]
    assert results["start"].title == "A stand-in"
    assert capsys.readouterr().out == "new start against before: 3x; bar at least 2x, met: yes\n"
    assert "new start" in kept.with_name("RESULTS.md").read_text("utf-8")


@pytest.mark.parametrize(("error", "code"), [(material.Unavailable("no data"), 0), (ValueError("broken"), 1)])
def test_a_part_that_gives_nothing_stops_no_other_and_loses_nothing(
    error: Exception, code: int, kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part(monkeypatch, "search", error=error)
    part(monkeypatch, "start", Row("new start", "", Series((3.0,))))
    assert __main__.main(["search", "start"]) == code
    assert {name: done.rows[0].what for name, done in report.load(kept).items()} == {
        "search": "old search",
        "start": "new start",
    }
    assert str(error) in capsys.readouterr().err


def test_no_such_part(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["serach"]) == 2
    assert "no part 'serach'. Choose from: search" in capsys.readouterr().err


def test_parts_on_development_data_say_when_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SEMBLANCE_DATA", raising=False)
    with pytest.raises(material.Unavailable, match="SEMBLANCE_DATA"):
        material.development("paintings")
    monkeypatch.setenv("SEMBLANCE_DATA", str(tmp_path))
    with pytest.raises(material.Unavailable, match="holds 0 JPEGs"):
        material.development("paintings", 5)


def test_drawn_pictures_differ_and_come_again(tmp_path: Path) -> None:
    first = material.draw(tmp_path / "a", 3)
    again = material.draw(tmp_path / "b", 2, first=1)
    assert len({file.read_bytes() for file in first}) == 3
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in first[1:]]


def test_vectors_lie_in_clusters() -> None:
    vectors, queries = material.clustered(400, 20, 64, 4)
    assert vectors.shape == (400, 64) and queries.shape == (20, 64) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(np.concatenate([vectors, queries]), axis=1), 1, atol=1e-5)
    nearest = np.sort(queries @ vectors.T, axis=1)
    assert np.all(nearest[:, -40:] > 0.2) and np.all(np.abs(nearest[:, :100]) < 0.6)


def test_faces_agree_by_overlap() -> None:
    box, moved, elsewhere = (10, 10, 40, 40), (11, 10, 40, 40), (30, 30, 40, 40)
    assert detection.share([[box], []], [[elsewhere, moved], [box]]) == 1
    assert detection.share([[box, elsewhere], [box]], [[moved], []]) == pytest.approx(1 / 3)


def test_overlap_of_neighbours() -> None:
    vectors = np.eye(style.K + 3, dtype=np.float32)
    near = style.nearest(vectors @ vectors.T)
    assert near.shape == (style.K + 3, style.K) and not np.any(near == np.arange(style.K + 3)[:, None])
    assert style.overlap(near, near[:, ::-1]) == 1
    assert style.overlap(np.array([[1, 2], [3, 4]]), np.array([[2, 9], [8, 9]])) == 0.25


def test_a_small_search_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    part = importlib.import_module("benchmarks.search")
    for name, value in {"STORED": 2000, "DIM": 32, "CENTRES": 20, "TURNS": 5, "QUICK": 8, "SLOW": 4}.items():
        monkeypatch.setattr(part, name, value)
    monkeypatch.setattr(part, "ALTERNATING", 7)
    monkeypatch.setattr(part, "ASKED", 50)
    exact, same, approximate, alternating, recall, *extras = part.rows(tmp_path)
    assert len(exact.result.values) == len(approximate.result.values) == 5 and len(alternating.result.values) == 7
    assert exact.ours.unit == "ms" and exact.ours.median > 0
    assert same.result.median == 1 and recall.result.median > 0.9
    there = [name for name in part.EXTRAS if importlib.util.find_spec(name)]
    told = [(f"one query by `--index {name}`, 2,000 x 32", f"recall@10 of `--index {name}`") for name in there]
    assert [row.what.removesuffix(", 50 queries") for row in extras] == [what for pair in told for what in pair]
    assert all(row.result.median > 0.9 for row in extras[1::2])


def test_a_recommendation_is_quick(tmp_path: Path) -> None:
    """Ten times its bar, for machines that are busy."""
    for row in importlib.import_module("benchmarks.recommending").rows(tmp_path):
        assert row.result.unit == "ms" and row.bar.limit == 50
        assert 0 < row.result.median < 500


def test_peak_memory_of_a_command() -> None:
    """It grows with what the process held, and is no other process's."""
    if sys.platform == "win32":
        pytest.skip("Windows does not tell a program's peak memory in a simple way")
    code = "import sys; from benchmarks.peak import peak; held = b'x' * int(sys.argv[1]); del held; print(peak())"
    low, high = (
        float(
            subprocess.run(
                [sys.executable, "-c", code, str(size)], cwd=ROOT, capture_output=True, check=True
            ).stdout
        )
        for size in (0, 200_000_000)
    )
    assert 180 < high - low < 220
