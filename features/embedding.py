"""From files to checked vectors: the same open, crop and embed for the catalogue and for a query."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engines import Crop, Engine, NotEmbeddable, SemblanceError
from features import images
from features.images import ImageError
from features.store import Features, Row


def embed_query(engine: Engine, query: Path) -> np.ndarray:
    """(D,) float32 unit vector of the query's most prominent crop. Raises ImageError, NotEmbeddable."""
    return embed(engine, engine.crops(images.open_image(query).pixels)[:1])[0]


def embed_files(engine: Engine, files: Mapping[str, Path]) -> Features:
    """digest -> file. One row per crop; what can't be opened or embedded is refused, with the reason.

    A file that is no longer the one that was hashed is in neither: the next run will see to it.
    """
    rows: list[Row] = []
    crops: list[Crop] = []
    refused: dict[str, str] = {}
    for digest, file in files.items():
        try:
            data = images.read_bytes(file)
            if hashlib.sha256(data).hexdigest() != digest:
                continue
        except ImageError:
            continue
        try:
            picture = images.decode(data)
            for crop in engine.crops(picture.pixels):
                rows.append(Row(digest, picture.full_box(crop.box)))
                crops.append(crop)
        except (ImageError, NotEmbeddable) as error:
            refused[digest] = str(error)
    return Features(rows, embed(engine, crops), refused)


def embed(engine: Engine, crops: Sequence[Crop]) -> np.ndarray:
    """engine.embed, held to its contract: (N, dim) float32, finite, unit rows. Raises SemblanceError."""
    vectors = engine.embed(crops)
    dim = engine.describe().dim
    if vectors.shape != (len(crops), dim) or vectors.dtype != np.float32:
        raise SemblanceError(
            f"The engine {engine.name} gave {vectors.dtype} {vectors.shape} instead of "
            f"float32 {(len(crops), dim)}; mend its embed()."
        )
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):  # also false for NaN
        raise SemblanceError(f"The engine {engine.name} gave rows that are not of unit length; mend its embed().")
    return vectors
