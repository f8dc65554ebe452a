"""Finds the pictures most like a query: `python -m examples.search_folder FOLDER QUERY`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engines import SemblanceError
from features.library import Library


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("query", type=Path)
    parser.add_argument("--engine", default="product", help="what alike means; `semblance engines` lists them")
    parser.add_argument("-k", type=int, default=5, help="how many pictures to return")
    given = parser.parse_args()

    library = Library()
    index = library.index(library.open(given.folder), library.engine(given.engine))
    index.update()  # embeds what is new
    answer = index.search(given.query, given.k)
    calibration = index.calibration()
    for match in answer.matches:
        closer = calibration.closer_than(match.score)
        print(f"{match.score:.3f}  closer than {closer:.1%} of unrelated pairs  {match.path}")


if __name__ == "__main__":
    try:
        main()
    except SemblanceError as error:
        sys.exit(str(error))
