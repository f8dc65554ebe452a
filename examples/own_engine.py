"""An engine in one file, and a search with it: `python -m examples.own_engine FOLDER QUERY`.

To give the engine a tab and a name on the command line, move the class into a file in engines/, or into a module
that an entry point of the group `semblance.engines` names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines import Card, Crop, Engine, NotEmbeddable, SemblanceError, register, unit_rows
from features.library import Library

SIDE = 8


@register
class Layout(Engine):
    """Compares where a picture is light and where it is dark, on a grid of 8 x 8."""

    name = "layout"
    version = 1  # raise it when a picture's vector changes

    def crops(self, image: np.ndarray) -> list[Crop]:
        if min(image.shape[:2]) < SIDE:
            raise NotEmbeddable(f"The picture is smaller than {SIDE} pixels. Try a larger one.")
        return [Crop(image)]

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        rows = [self._grid(crop.pixels).ravel() for crop in crops]
        return unit_rows(np.reshape(rows, (len(crops), SIDE * SIDE)))

    def _grid(self, pixels: np.ndarray) -> np.ndarray:
        """Mean lightness of each cell less that of the whole: (SIDE, SIDE)."""
        cells = [np.array_split(band, SIDE, axis=1) for band in np.array_split(pixels.mean(axis=2), SIDE, axis=0)]
        grid = np.array([[cell.mean() for cell in band] for band in cells])
        return grid - grid.mean()

    def describe(self) -> Card:
        return Card("Layout", "where it is light and dark", SIDE * SIDE, "builtin", "none needed", "MIT")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit("Name a folder and a query picture.")
    folder, query = map(Path, sys.argv[1:])
    library = Library()
    index = library.index(library.open(folder), library.engine("layout"))
    for skipped in index.update().skipped:
        print(f"skipped {skipped.path}: {skipped.reason}", file=sys.stderr)
    for match in index.search(query).matches:
        print(f"{match.score:.3f}  {match.path}")


if __name__ == "__main__":
    try:
        main()
    except SemblanceError as error:
        sys.exit(str(error))
