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
    return embed(engine, _crops(engine, images.open_image(query).pixels)[:1])[0]


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
            for crop in _crops(engine, picture.pixels):
                rows.append(Row(digest, picture.full_box(crop.box)))
                crops.append(crop)
        except (ImageError, NotEmbeddable) as error:
            refused[digest] = str(error)
    return Features(rows, embed(engine, crops), refused)


def _crops(engine: Engine, pixels: np.ndarray) -> list[Crop]:
    """engine.crops, at least one. An engine that fails on a picture must not take the others with it."""
    try:
        crops = engine.crops(pixels)
    except SemblanceError:
        raise
    except Exception as error:
        raise NotEmbeddable(f"The engine {engine.name} failed on this picture ({error!r}).") from error
    if not crops:
        raise NotEmbeddable(f"The engine {engine.name} found nothing in this picture.")
    return crops


def embed(engine: Engine, crops: Sequence[Crop]) -> np.ndarray:
    """engine.embed, held to its contract: (N, dim) float32, finite, unit rows. Raises SemblanceError."""
    dim = engine.describe().dim
    if not crops:
        return np.zeros((0, dim), np.float32)
    vectors = engine.embed(crops)
    kind, shape = getattr(vectors, "dtype", type(vectors).__name__), np.shape(vectors)
    if kind != np.float32 or shape != (len(crops), dim):
        raise SemblanceError(
            f"The engine {engine.name} gave {kind} {shape} instead of "
            f"float32 {(len(crops), dim)}; mend its embed()."
        )
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):  # also false for NaN
        raise SemblanceError(f"The engine {engine.name} gave rows that are not of unit length; mend its embed().")
    return vectors
