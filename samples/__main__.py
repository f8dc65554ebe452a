"""`python -m samples FOLDER` draws the sample catalogue there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from samples import draw


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m samples", description="Draw the sample catalogue.")
    parser.add_argument("folder", type=Path, help="where to draw it; what is there already is kept")
    folder = parser.parse_args().folder
    try:
        draw(folder, lambda done, total: print(f"\r{done}/{total} pictures", end="", file=sys.stderr))
    except OSError as error:
        print(f"\nCould not draw into {folder}: {error}", file=sys.stderr)
        return 1
    print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
