"""Timing two ways of doing one thing so that their ratio can be trusted.

The sides take turns (old, ours, old, ours ...) within one run, so that a machine whose speed drifts slows both; a
ratio is taken within each turn; what is quoted is the median, with the quartiles beside it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

RUNS = 5


@dataclass(frozen=True)
class Series:
    """One thing measured once or more, in the order of the runs. unit: "s", "ms", "MB", "x" for ratios, or ""."""

    values: tuple[float, ...]
    unit: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the values lies below the first, a quarter above the second; of one value, itself twice."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    def __str__(self) -> str:
        """12.3x (12.1 to 12.8, n = 5)"""
        told = quantity(self.median, self.unit)
        if len(self.values) == 1:
            return told
        low, high = self.quartiles
        return f"{told} ({number(low)} to {number(high)}, n = {len(self.values)})"


def number(value: float) -> str:
    """1,234 or 123 or 12.3 or 0.1234: as many digits as matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.4g}"


def quantity(value: float, unit: str) -> str:
    """12.3x, 1.23 s, 0.99"""
    return f"{number(value)}{'' if unit in ('', 'x') else ' '}{unit}"


def say(text: str) -> None:
    """How far the run is, for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(
    old: Callable[[], float], ours: Callable[[], float], runs: int = RUNS, unit: str = "s", quiet: bool = False
) -> tuple[Series, Series]:
    """Runs old, ours, old, ours ...; each gives its own figure, in this unit. quiet: tells of no turn."""
    figures: list[tuple[float, float]] = []
    for turn in range(1, runs + 1):
        figures.append((old(), ours()))
        if not quiet:
            before, now = (quantity(figure, unit) for figure in figures[-1])
            say(f"  turn {turn} of {runs}: {before}, then {now}")
    return Series(tuple(a for a, _ in figures), unit), Series(tuple(b for _, b in figures), unit)


def ratio(over: Series, under: Series) -> Series:
    """over / under, turn by turn. Raises ValueError when they are not of the same turns."""
    return Series(tuple(a / b for a, b in zip(over.values, under.values, strict=True)), "x")
