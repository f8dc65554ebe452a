"""Recommends pictures of a folder: `python -m examples.recommend FOLDER --like A --like B --unlike C`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engines import SemblanceError
from features.library import Library
from features.retrieval.results import Liked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", type=Path, action="append", required=True)
    parser.add_argument("--unlike", type=Path, action="append", default=[])
    parser.add_argument("--engine", default="product", help="what alike means; `semblance engines` lists them")
    parser.add_argument("--diversity", type=float, default=0.3, help="0 for the closest, 1 for the most varied")
    given = parser.parse_args()

    library = Library()
    index = library.index(library.open(given.folder), library.engine(given.engine))
    index.update()
    likes, dislikes = list(map(Liked, given.like)), list(map(Liked, given.unlike))
    answer = index.recommend(likes, dislikes, k=5, diversity=given.diversity)
    for match, number in zip(answer.matches, answer.because, strict=True):
        print(f"{match.score:.3f}  {match.path}  because of {given.like[number].name}")


if __name__ == "__main__":
    try:
        main()
    except SemblanceError as error:
        sys.exit(str(error))
