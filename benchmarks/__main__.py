"""Runs parts, prints their figures as they come, and writes results.json and RESULTS.md."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from unittest.mock import patch

from benchmarks import PARTS, report
from benchmarks.machine import this_machine
from benchmarks.material import Unavailable
from benchmarks.measure import say

RESULTS = Path(__file__).with_name("results.json")
REPORT = Path(__file__).with_name("RESULTS.md")


def main(names: Sequence[str]) -> int:
    """Runs the named parts, or all: 0, 1 when one of them failed, 2 when there is no such part.

    What is kept of other parts stays as it is; so does what is kept of a part that fails or can't run here.
    """
    if unknown := [name for name in names if name not in PARTS]:
        say(f"There is no part {unknown[0]!r}. Choose from: {', '.join(PARTS)}.")
        return 2
    failed = 0
    place = tempfile.TemporaryDirectory(prefix="semblance-bench-", ignore_cleanup_errors=True)
    with place as folder, patch.dict(os.environ, _environment(Path(folder))):
        for name in names or PARTS:
            try:
                measured = run(name, Path(folder))
            except Unavailable as reason:
                say(f"{name}: skipped; {reason}")
                continue
            except Exception:  # the parts after it are worth having
                traceback.print_exc()
                failed = 1
                continue
            results = report.load(RESULTS) | {name: measured}
            report.save(RESULTS, results)
            REPORT.write_text(report.render(results), "utf-8")
    return failed


def run(name: str, scratch: Path) -> report.Measured:
    """One part; its figures are printed as they come."""
    part = importlib.import_module(f"benchmarks.{name}")
    title = part.__doc__.splitlines()[0].rstrip(".")
    say(f"{title} ...")
    started, rows = time.perf_counter(), []
    for row in part.rows(scratch):
        print(row, flush=True)
        rows.append(row)
    seconds = time.perf_counter() - started
    return report.Measured(title, date.today().isoformat(), seconds, this_machine(), rows)


def _environment(scratch: Path) -> dict[str, str]:
    """Nothing of the person's is touched: homes and exports lie in the scratch folder; no download is tried."""
    return {
        "SEMBLANCE_HOME": str(scratch / "home"),
        "SEMBLANCE_EXPORTS": str(scratch / "exports"),
        "SEMBLANCE_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
