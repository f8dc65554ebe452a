"""The simulated indexing agrees with arithmetic where that is exact, and shows what it leaves out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.simulation import Plan, expected, plans, simulate

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
