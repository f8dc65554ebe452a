"""From files to checked vectors: the same open, crop and embed for the catalogue and for a query."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from engines import Box, Captioned, Crop, Engine, NotEmbeddable, SemblanceError, unit_rows
from engines.networks.runtime import cores
from features.catalogue import images
from features.catalogue.images import Picture
from features.errors import ImageError
from features.indexing.store import Features, Row
from features.retrieval.results import Part

Captions = Mapping[str, str]
"""digest -> a picture's caption, where it is known. The others' are made by the engine, if it wants any."""

NONE: Captions = {}
MOST_THREADS = 8  # a scan may take 0.4 GB while it is decoded


def cut_query(engine: Engine, query: Path, box: Box | None = None) -> tuple[Picture, list[Crop]]:
    """The picture, and its crops, the most prominent first, with their boxes in `pixels` of the picture.

    box: only that part of it, in pixels of the upright full-size picture. Raises ImageError, NotEmbeddable and
    WeightsError.
    """
    return cut(engine, images.read_bytes(query), box)


def cut(engine: Engine, data: bytes, box: Box | None = None) -> tuple[Picture, list[Crop]]:
    """The same of a file's bytes."""
    engine.prepare()  # until then another network, which wants another side, may seem to answer
    picture = images.decode(data, engine.side, box)
    return picture, _crops(engine, picture.pixels)


def parts_of(engine: Engine, query: Path) -> list[Part]:
    """Returns what can be searched for in a picture (its faces, say), the most prominent first.

    Raises ImageError and NotEmbeddable.
    """
    picture, crops = cut_query(engine, query)
    return [Part(picture.full_box(crop.box), crop.pixels, crop.remarks) for crop in crops]


def captioner(engine: Engine) -> str:
    """See engines.Captioned; empty for an engine that wants no captions. The engine must be prepared."""
    return engine.captioner() if isinstance(engine, Captioned) else ""


def embed_query(
    engine: Engine, query: Path, part: int = 0, caption: str | None = None, box: Box | None = None
) -> np.ndarray:
    """(D,) float32 unit vector of one crop of the query, or of the most prominent where there are not as many.

    caption: None has the engine make one, if it wants any. Raises as `cut_query`.
    """
    _, crops = cut_query(engine, query, box)
    return _embedded(engine, crops[part : part + 1] or crops[:1], [caption])[0][0]


def embed_files(
    engine: Engine, files: Iterable[tuple[str, Path]], batch: int, known: Captions = NONE
) -> Generator[Features, None, None]:
    """(digest, file) pairs -> features of so many files at a time, in this order; the engine must be prepared.

    One row per crop; what can't be opened or embedded is refused, with the reason. A file that is no longer the
    one that was hashed is in neither: the next run will see to it. While a batch is embedded, threads open and
    crop the pictures of the next; no more than these two are in memory. Close it, should you stop before its end.
    """
    pool = ThreadPoolExecutor(min(cores(), MOST_THREADS))
    waiting = iter(files)

    def ahead() -> list[Future[_Cut]]:
        return [pool.submit(_cut, engine, digest, file) for digest, file in islice(waiting, batch)]

    try:
        cutting = ahead()
        while cutting:
            following = ahead()
            yield _joined(engine, [job.result() for job in cutting], known)
            cutting = following
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Cut:
    """What one file is to become: rows, with a crop each. Or why there are none."""

    rows: list[Row] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def _cut(engine: Engine, digest: str, file: Path) -> _Cut:
    try:
        data = images.read_bytes(file)
    except ImageError:
        return _Cut()
    if hashlib.sha256(data).hexdigest() != digest:
        return _Cut()
    try:
        picture = images.decode(data, engine.side)
        crops = _crops(engine, picture.pixels)
    except (ImageError, NotEmbeddable) as error:
        return _Cut(refused={digest: error.message})

    def remarks(crop: Crop) -> tuple[str, ...]:
        return tuple(
            sys.intern(str(remark)) for remark in crop.remarks
        )  # plain: the feature file knows no classes

    return _Cut([Row(digest, picture.full_box(crop.box), remarks(crop)) for crop in crops], crops)


def _joined(engine: Engine, cuts: Sequence[_Cut], known: Captions) -> Features:
    rows = [row for cut in cuts for row in cut.rows]
    crops = [crop for cut in cuts for crop in cut.crops]
    refused = {digest: why for cut in cuts for digest, why in cut.refused.items()}
    try:
        vectors, captions = _embedded(engine, crops, [known.get(row.digest) for row in rows])
    except NotEmbeddable as error:
        if len(cuts) == 1:
            return Features([], [np.zeros((0, engine.describe().dim), np.float32)], {rows[0].digest: str(error)})
        alone = [_joined(engine, [cut], known) for cut in cuts]  # shows which pictures it was
        return Features(
            [row for one in alone for row in one.rows],
            [part for one in alone for part in one.parts],
            {digest: why for one in alone for digest, why in one.refused.items()},
        )
    return Features(
        [replace(row, caption=caption) for row, caption in zip(rows, captions, strict=True)], [vectors], refused
    )


def _embedded(
    engine: Engine, crops: Sequence[Crop], known: Sequence[str | None]
) -> tuple[np.ndarray, Sequence[str]]:
    """(N, D) rows of the crops, and the captions that they were made with; empty ones where those don't count."""
    if not (isinstance(engine, Captioned) and captioner(engine)):
        return embed(engine, crops), [""] * len(crops)
    lacking = [place for place, caption in enumerate(known) if caption is None]
    made = dict(zip(lacking, engine.captions([crops[place] for place in lacking]), strict=True))
    captions = [made.get(place, caption or "") for place, caption in enumerate(known)]
    return embed(engine, crops, captions), captions


def _crops(engine: Engine, pixels: np.ndarray) -> list[Crop]:
    """engine.crops, at least one. An engine that fails on a picture must not take the others with it."""
    try:
        crops = engine.crops(pixels)
    except SemblanceError:
        raise
    except Exception as error:
        raise NotEmbeddable("embedding.failed", name=engine.name, error=repr(error)) from error
    if not crops:
        raise NotEmbeddable("embedding.nothing_found", name=engine.name)
    return crops


def embed(engine: Engine, crops: Sequence[Crop], captions: Sequence[str] | None = None) -> np.ndarray:
    """engine.embed, or embed_captioned, held to its contract: (N, dim) float32, finite, unit rows.

    Raises SemblanceError.
    """
    dim = engine.describe().dim
    if not crops:
        return np.zeros((0, dim), np.float32)
    if captions is None:
        vectors = engine.embed(crops)
    else:
        assert isinstance(engine, Captioned), "captions are for an engine that takes them"
        vectors = engine.embed_captioned(crops, captions)
    kind, shape = getattr(vectors, "dtype", type(vectors).__name__), np.shape(vectors)
    if kind != np.float32 or shape != (len(crops), dim):
        raise SemblanceError(
            "embedding.wrong_shape", name=engine.name, kind=kind, shape=shape, wanted=(len(crops), dim)
        )
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):  # also false for NaN
        raise SemblanceError("embedding.not_unit", name=engine.name)
    return unit_rows(vectors)
