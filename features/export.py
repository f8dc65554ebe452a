"""Taking away: the vectors of a collection with all that belongs to them, and what a search has found.

Nothing is written among the pictures, and a file is whole or not there. Paths are told as they lie below its root.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, ImageOps

from engines import Box, SemblanceError
from engines.extras import install
from engines.messages import Message
from features.catalogue import images
from features.catalogue.folder import Progress
from features.catalogue.uploads import plain_name
from features.errors import ImageError, Stopped
from features.files import readable
from features.retrieval.results import Match

PYARROW = "pyarrow>=18,<27"
CHUNK = 2048  # vectors in memory at a time
SHEET = 8192  # pixels: the longest side of a sprite image that the Embedding Projector takes
TILE = 48  # pixels: a picture's side on it, or less where there are many
GREY = (128, 128, 128)  # in the place of a picture that can't be opened
COLUMNS = ("query", "rank", "path", "label", "score", "digest", "box")
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

Pictures = Callable[[str], Path]
"""The file to give for a digest. Raises SemblanceError, and KeyError for what has gone."""

Found = Sequence[tuple[str, Sequence[Match]]]
"""What was asked with, in words, and what was found, best first."""


@dataclass(frozen=True)
class Item:
    """What is known of one vector. box: the part of the picture, in full-size pixels; None is all of it."""

    digest: str
    path: str
    label: str
    box: Box | None
    caption: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vectors:
    """items[i] is of row i. take: the (n, dim) float32 unit rows at n places. root: of the collection."""

    items: Sequence[Item]
    take: Callable[[Sequence[int]], np.ndarray]
    dim: int
    root: Path
    engine: str
    fingerprint: str
    network: str

    def chunks(self, progress: Progress, cancelled: Callable[[], bool]) -> Iterator[tuple[range, np.ndarray]]:
        """Raises Stopped."""
        for begin in range(0, len(self.items), CHUNK):
            progress(begin, len(self.items), Message("progress.writing_vectors"))
            _unless(cancelled)
            places = range(begin, min(begin + CHUNK, len(self.items)))
            yield places, self.take(places)


def check(out: Path, root: Path, suffixes: Collection[str]) -> None:
    """Before the work: raises SemblanceError for what can't be written, and for what lies among the pictures."""
    if out.suffix.lower() not in suffixes:
        raise SemblanceError("export.unknown_suffix", out=out, choices=", ".join(suffixes))
    if out.suffix.lower() == ".parquet":
        _pyarrow()
    if out.is_dir() or not out.parent.is_dir():
        raise SemblanceError("export.no_folder", out=out)
    for place in (Path(os.path.abspath(out)), out.resolve()):
        if place.is_relative_to(root) or place.is_relative_to(root.resolve()):
            raise SemblanceError("export.among_pictures", out=out)


def save_vectors(
    vectors: Vectors,
    out: Path,
    progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Writes a file of the kind that its suffix tells, one of VECTORS, where each says what is in it.

    Raises SemblanceError; Stopped when it was cancelled.
    """
    with _written(out) as file:
        VECTORS[out.suffix.lower()](vectors, file, progress, cancelled)


def _numpy(vectors: Vectors, file: IO[bytes], progress: Progress, cancelled: Callable[[], bool]) -> None:
    """Loads with np.load(..., allow_pickle=False). vectors lie unpacked in it; boxes: -1 for the whole picture."""
    items = vectors.items
    texts: dict[str, Any] = {
        "digests": [item.digest for item in items],
        "paths": [readable(item.path) for item in items],
        "labels": [readable(item.label) for item in items],
        "captions": [readable(item.caption) for item in items],
        "tags": [readable(", ".join(item.tags)) for item in items],
        "engine": vectors.engine,
        "fingerprint": vectors.fingerprint,
        "network": vectors.network,
    }
    boxes = np.array([item.box or (-1, -1, -1, -1) for item in items], np.int32).reshape(len(items), 4)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in {
            "boxes": boxes,
            **{name: np.array(text, np.str_) for name, text in texts.items()},
        }.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
        head = {"descr": "<f4", "fortran_order": False, "shape": (len(items), vectors.dim)}
        with archive.open(zipfile.ZipInfo("vectors.npy"), "w", force_zip64=True) as entry:  # which is not packed
            np.lib.format.write_array_header_1_0(entry, head)
            for _places, rows in vectors.chunks(progress, cancelled):
                entry.write(np.ascontiguousarray(rows, "<f4").data)


def _parquet(vectors: Vectors, file: IO[bytes], progress: Progress, cancelled: Callable[[], bool]) -> None:
    """A row for each vector. box: null for the whole picture."""
    arrow, parquet = _pyarrow()
    kinds = {
        "digest": arrow.string(),
        "path": arrow.string(),
        "label": arrow.string(),
        "box": arrow.list_(arrow.int32()),
        "caption": arrow.string(),
        "tags": arrow.list_(arrow.string()),
        "engine": arrow.string(),
        "fingerprint": arrow.string(),
        "network": arrow.string(),
        "vector": arrow.list_(arrow.float32()),
    }
    schema = arrow.schema(list(kinds.items()))
    with parquet.ParquetWriter(file, schema) as writer:
        for places, rows in vectors.chunks(progress, cancelled):
            items = [vectors.items[place] for place in places]
            starts = np.arange(len(rows) + 1, dtype=np.int32) * vectors.dim
            told = {
                "digest": [item.digest for item in items],
                "path": [readable(item.path) for item in items],
                "label": [readable(item.label) for item in items],
                "box": [item.box and list(item.box) for item in items],
                "caption": [readable(item.caption) for item in items],
                "tags": [[readable(tag) for tag in item.tags] for item in items],
                "engine": [vectors.engine] * len(items),
                "fingerprint": [vectors.fingerprint] * len(items),
                "network": [vectors.network] * len(items),
            }
            columns = [arrow.array(column, kinds[name]) for name, column in told.items()]
            columns.append(arrow.ListArray.from_arrays(starts, arrow.array(rows.ravel(), arrow.float32())))
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))


def _projector(vectors: Vectors, file: IO[bytes], progress: Progress, cancelled: Callable[[], bool]) -> None:
    """For the TensorFlow Embedding Projector: its "Load" takes the two .tsv, its `?config=` all four files."""
    items = vectors.items
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        line = "\t".join(["%.9g"] * vectors.dim) + "\n"  # nine digits tell one float32 from the next
        with archive.open("vectors.tsv", "w", force_zip64=True) as entry:
            for _places, rows in vectors.chunks(progress, cancelled):
                entry.write("".join(line % tuple(row) for row in rows.tolist()).encode())
        with archive.open("metadata.tsv", "w", force_zip64=True) as entry:
            entry.write(_tsv("label", "path", "digest", "box", "caption", "tags"))
            for item in items:
                told = (item.label, item.path, item.digest, _edges(item.box), item.caption, ", ".join(item.tags))
                entry.write(_tsv(*told))
        sheet, side = _sprite(vectors, progress, cancelled)
        with archive.open(zipfile.ZipInfo("sprite.png"), "w") as entry:
            sheet.save(entry, "PNG")
        sheets = {
            "tensorName": readable(f"{vectors.root.name} by {vectors.engine}"),
            "tensorShape": [len(items), vectors.dim],
            "tensorPath": "vectors.tsv",
            "metadataPath": "metadata.tsv",
            "sprite": {"imagePath": "sprite.png", "singleImageDim": [side, side]},
        }
        archive.writestr("projector_config.json", json.dumps({"embeddings": [sheets]}, indent=2) + "\n")


VECTORS = {".npz": _numpy, ".parquet": _parquet, ".zip": _projector}
FOUND = (".csv", ".zip")


def _sprite(vectors: Vectors, progress: Progress, cancelled: Callable[[], bool]) -> tuple[Image.Image, int]:
    """All pictures in one, row by row in their order, and the side of each on it."""
    items = vectors.items
    columns = max(1, math.ceil(math.sqrt(len(items))))
    side = min(TILE, SHEET // columns)
    sheet = Image.new("RGB", (columns * side, max(1, math.ceil(len(items) / columns)) * side), GREY)
    for number, item in enumerate(items):
        if number % 100 == 0:
            progress(number, len(items), Message("progress.drawing"))
            _unless(cancelled)
        with contextlib.suppress(ImageError):
            pixels = images.open_image(vectors.root / item.path, side, item.box).pixels
            tile = ImageOps.fit(Image.fromarray(pixels), (side, side))
            sheet.paste(tile, (number % columns * side, number // columns * side))
    return sheet, side


def save_found(found: Found, out: Path, root: Path, picture: Pictures) -> None:
    """Writes what searches have found: .csv is a table of COLUMNS, .zip that table and the pictures.

    In the zip they are numbered by rank, in a folder for each query where there are several; a column `file` tells
    the name, empty for one that can't be read. root: of the collection. Raises SemblanceError.
    """
    with _written(out) as file:
        if out.suffix.lower() == ".csv":
            file.write(_table(found, root))
            return
        names: dict[tuple[int, int], str] = {}
        with zipfile.ZipFile(file, "w") as archive:  # pictures don't get smaller
            for number, (query, matches) in enumerate(found, 1):
                folder = f"{number:02} {_short(query)}/" if len(found) > 1 else ""
                for rank, match in enumerate(matches, 1):
                    with contextlib.suppress(SemblanceError, KeyError):
                        source = picture(match.digest)
                        told = _short(" ".join(filter(None, (match.label, match.path.stem))))
                        name = f"{folder}{rank:03} {told}{source.suffix.lower()}"
                        archive.writestr(name, images.read_bytes(source))
                        names[number, rank] = name
            archive.writestr("results.csv", _table(found, root, names), zipfile.ZIP_DEFLATED)


def _table(found: Found, root: Path, names: dict[tuple[int, int], str] | None = None) -> bytes:
    """UTF-8 with a byte order mark: without it, Excel reads a CSV in the machine's old code page."""
    told = io.StringIO(newline="")
    writer = csv.writer(told)
    writer.writerow([*COLUMNS, *(["file"] if names is not None else [])])
    for number, (query, matches) in enumerate(found, 1):
        for rank, match in enumerate(matches, 1):
            texts = (query, match.path.relative_to(root).as_posix(), match.label, match.digest, _edges(match.box))
            asked, path, label, digest, box = map(cell, texts)
            row = [asked, rank, path, label, f"{match.score:.6f}", digest, box]
            writer.writerow(row if names is None else [*row, cell(names.get((number, rank), ""))])
    return told.getvalue().encode("utf-8-sig")


def cell(text: str) -> str:
    """A text for a CSV file: ' before what a spreadsheet would take for a formula, which it then shows as it is.

    OWASP, CSV Injection.
    """
    text = readable(text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text[:1] in ("\t", "\r", "\n") else text


def _tsv(*values: str) -> bytes:
    r"""One line; what would begin another, or another column, becomes \n, \r or \t."""
    escaped = (
        value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r") for value in map(readable, values)
    )
    return ("\t".join(escaped) + "\n").encode()


def _edges(box: Box | None) -> str:
    """As --box takes it; empty for the whole picture."""
    return ",".join(map(str, box)) if box else ""


def _short(name: str) -> str:
    """Safe as part of a name on any system."""
    return plain_name(readable(name))[-80:].strip(" .") or "picture"


def _unless(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Stopped("export.cancelled")


def _pyarrow() -> tuple[Any, Any]:
    """pyarrow and pyarrow.parquet. Raises SemblanceError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise SemblanceError("export.no_pyarrow", command=install("export", PYARROW)) from error
    return pyarrow, pyarrow.parquet


@contextlib.contextmanager
def _written(out: Path) -> Iterator[IO[bytes]]:
    """A file that is there, in the place of an older one, once all is in it. Raises SemblanceError."""
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        try:
            with partial.open("wb") as file:
                yield file
            os.replace(partial, out)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or error
        raise SemblanceError("export.not_writable", out=out, reason=why) from error
