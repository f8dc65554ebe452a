"""Runs a command of app.py in this process, then prints the most memory that it held, in MB, as the last line."""

from __future__ import annotations

import sys
from pathlib import Path

import app


def peak() -> float:
    """MB held in memory at most, since this program's start."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux; there getrusage would count the parent's memory, too
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1000
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


if __name__ == "__main__":
    if code := app.main(sys.argv[1:]):
        sys.exit(code)
    print(peak())
