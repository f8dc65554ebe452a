"""The figures, kept in results.json, and RESULTS.md, which is drawn from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks import PARTS
from benchmarks.machine import Machine
from benchmarks.measure import Series, quantity

COLUMNS = ("what", "against", "result", "bar", "met", "ours", "the other")
HEAD = """# Results

Written by `make bench` (`python -m benchmarks`), which measures everything anew; the command under each heading
measures that part alone. The two sides of a ratio take turns in one run; each figure is the median, with the
quartiles and the number of runs in brackets. Every single value is in `results.json`.
"""


@dataclass(frozen=True)
class Bar:
    """What a result must reach; set before it was measured."""

    kind: Literal["at least", "at most"]
    limit: float

    def met(self, value: float) -> bool:
        return value >= self.limit if self.kind == "at least" else value <= self.limit


@dataclass(frozen=True)
class Row:
    """One result. against: what a person would do otherwise. ours, other: what a ratio was taken of."""

    what: str
    against: str
    result: Series
    bar: Bar | None = None
    ours: Series | None = None
    other: Series | None = None
    note: str = ""

    @property
    def met(self) -> str:
        if self.bar is None:
            return ""
        return "yes" if self.bar.met(self.result.median) else "NO"

    def __str__(self) -> str:
        against = f" against {self.against}" if self.against else ""
        bar = f"; bar {_bar(self)}, met: {self.met}" if self.bar else ""
        return f"{self.what}{against}: {self.result}{bar}"


@dataclass(frozen=True)
class Measured:
    """A part that has been run. date: ISO. seconds: how long it took in all."""

    title: str
    date: str
    seconds: float
    machine: Machine
    rows: list[Row]


def load(path: Path) -> dict[str, Measured]:
    """Part -> its last run; empty when there is no file yet."""
    if not path.exists():
        return {}
    return {name: _measured(told) for name, told in json.loads(path.read_text("utf-8")).items()}


def save(path: Path, results: Mapping[str, Measured]) -> None:
    told = {name: asdict(results[name]) for name in PARTS if name in results}
    path.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def render(results: Mapping[str, Measured]) -> str:
    """RESULTS.md: how many bars are met, the machine, then a table for each part."""
    rows = [row for name in PARTS if name in results for row in results[name].rows if row.bar]
    missed = [
        f"- {row.what}: {quantity(row.result.median, row.result.unit)}, bar {_bar(row)}"
        for row in rows
        if row.met == "NO"
    ]
    lines = [HEAD, f"**{len(rows) - len(missed)} of {len(rows)} bars are met.**"]
    lines += ["Not met:", "", *missed] if missed else []
    if absent := [name for name in PARTS if name not in results]:
        lines += ["", f"Not measured yet: {', '.join(absent)}."]
    lines += ["", "## Machine", ""]
    machines = list(dict.fromkeys(str(results[name].machine) for name in PARTS if name in results))
    for machine in machines:
        on_it = [name for name in PARTS if name in results and str(results[name].machine) == machine]
        lines.append(f"- {machine}" + (f" ({', '.join(on_it)})" if len(machines) > 1 else ""))
    for name in PARTS:
        if name in results:
            lines += ["", *_section(name, results[name])]
    return "\n".join(lines) + "\n"


def _section(name: str, part: Measured) -> list[str]:
    table = [COLUMNS, ("---",) * len(COLUMNS), *(_cells(row) for row in part.rows)]
    notes = dict.fromkeys(f"- {row.what}: {row.note}" for row in part.rows if row.note)
    return [
        f"## {part.title}",
        "",
        f"`python -m benchmarks {name}`, {part.date}, {part.seconds / 60:.1f} minutes.",
        "",
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in table),
        *([""] if notes else []),
        *notes,
    ]


def _cells(row: Row) -> tuple[str, ...]:
    ours, other = ("" if series is None else str(series) for series in (row.ours, row.other))
    return row.what, row.against, str(row.result), _bar(row), row.met, ours, other


def _bar(row: Row) -> str:
    return f"{row.bar.kind} {quantity(row.bar.limit, row.result.unit)}" if row.bar else ""


def _measured(told: dict[str, Any]) -> Measured:
    return Measured(**told | {"machine": Machine(**told["machine"]), "rows": [_row(row) for row in told["rows"]]})


def _row(told: dict[str, Any]) -> Row:
    series = {
        key: told[key] and Series(tuple(told[key]["values"]), told[key]["unit"])
        for key in ("result", "ours", "other")
    }
    return Row(**told | series | {"bar": told["bar"] and Bar(**told["bar"])})
