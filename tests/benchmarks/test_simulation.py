"""The arithmetic of docs/scale.md; the simulated indexing agrees with it where it is exact, and shows what it
leaves out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.simulation import Plan, expected, plans, simulate
from docs import scale

PLAN = Plan(64_000, 10, rate=50)


@pytest.mark.parametrize("workers", [1, 2, 10, 100])
def test_undisturbed_workers_add_up(workers: int) -> None:
    plan = replace(PLAN, workers=workers)
    found = simulate(plan)
    assert found.seconds == pytest.approx(64_000 / (50 * workers)) == expected(plan)
    assert (found.lost, found.waited) == (0, 0)


@pytest.mark.parametrize("writes", [10, 100, 499])
def test_a_slow_database_sets_the_pace(writes: float) -> None:
    found, free = simulate(replace(PLAN, writes=writes)), 64_000 / writes
    assert found.seconds == pytest.approx(free, rel=0.01) and found.seconds >= free
    assert found.waited == pytest.approx(1 - writes / 500, abs=0.04)


def test_a_database_that_is_quick_enough_changes_nothing() -> None:
    assert simulate(replace(PLAN, writes=50_000)).seconds == pytest.approx(expected(PLAN), rel=0.001)


def test_slow_workers_count_for_what_they_do_and_keep_the_others_waiting_at_the_end() -> None:
    plan = replace(PLAN, slow=0.5, slower=5)
    found, one_slow_batch = simulate(plan).seconds, plan.batch / (plan.rate / plan.slower)
    assert expected(plan) == pytest.approx(64_000 / (5 * 50 + 5 * 10))
    assert expected(plan) <= found <= expected(plan) + one_slow_batch


def test_more_workers_than_batches_do_not_help() -> None:
    few = Plan(320, 10, rate=50)
    assert simulate(replace(few, workers=1000)).seconds == simulate(few).seconds == few.batch / few.rate


def test_killed_workers_lose_what_arithmetic_says() -> None:
    """A batch takes 1.6 s, so that exp(1.6 / 4) - 1 of the batches of a worker are lost, in the mean."""
    plan = Plan(320_000, 10, rate=20, lifetime=4, restart=1)
    found = simulate(plan)
    assert found.seconds == pytest.approx(expected(plan), rel=0.03)
    assert found.lost == pytest.approx(10_000 * math.expm1(0.4), rel=0.05)


def test_the_same_seed_gives_the_same() -> None:
    plan = replace(PLAN, lifetime=20)
    assert simulate(plan, 3) == simulate(plan, 3) != simulate(plan, 4)


def test_what_is_shown_agrees_but_for_batches_that_are_too_large() -> None:
    far = [name for name, plan in plans() if simulate(plan).seconds > 1.1 * expected(plan)]
    assert far == ["1,024 workers, batches of 4,096 pictures"]


def test_the_page_has_the_tables_that_are_worked_out() -> None:
    page = scale.PAGE.read_text("utf-8")
    assert scale.rendered(page) == page, "run: python -m docs.scale"
    assert all(f"<!-- {name} -->" in page for name in scale.TABLES)


def test_hours_and_machines() -> None:
    embed = replace(scale.PRODUCT, value=3.6 - scale.FIND.value - scale.OPEN.value)
    assert scale.core_hours(embed, 1e6) == pytest.approx(1)
    links, spare = scale.LINKS.value, scale.SPARE.value
    assert scale.database_bytes(1, 10) == pytest.approx(10 * (4 + links) * spare)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0021, "0.0021"), (0.28, "0.28"), (4.8, "4.8"), (9.96, "10"), (238, "240"), (4766, "4,800"), (0, "0")],
)
def test_two_digits_are_told(value: float, told: str) -> None:
    assert scale.quantity(value) == told


@pytest.mark.parametrize(
    ("count", "told"), [(20_700, "21 kB"), (1.8e9, "1.8 GB"), (3e14, "300 TB"), (2e15, "2 PB")]
)
def test_sizes_are_told(count: float, told: str) -> None:
    assert scale.size(count) == told
