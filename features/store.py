"""One pickled feature file per catalogue and fingerprint, and the journal that lets a killed run go on.

A feature file is one pickle of plain builtins (`format`, `engine`, `fingerprint`, `rows`, `dim`, `bytes`,
`digests`, `boxes`, `refused`), then zeros up to a multiple of 64, then the vectors: rows x dim little-endian
float32, so that they can be memory-mapped. It is read by an unpickler that refuses every class, so a hostile
file can run nothing.

While a run lasts, each finished batch is appended to a journal beside it: length, CRC-32, and the like of a
feature file. A torn record at the end is dropped. When the run ends, file and journal are merged in order of
digest and replace the old file in one step: the same pictures give the same bytes, however often the work was
interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from engines import Box
from features import files

DECODER = 1  # raise it when features.images gives other pixels for the same file
FORMAT = f"semblance-features-1, decoder {DECODER}"
_ALIGN = 64
_FRAME = struct.Struct("<II")


@dataclass(frozen=True)
class Row:
    """What one vector stands for. box: in pixels of the upright full-size picture; None is the whole picture."""

    digest: str
    box: Box | None


@dataclass(frozen=True)
class Features:
    """vectors: (N, D) float32 unit rows; vectors[i] is of rows[i]. refused: digest -> why it has none."""

    rows: list[Row]
    vectors: np.ndarray
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> set[str]:
        """All pictures that have been looked at, embedded or refused."""
        return {row.digest for row in self.rows} | self.refused.keys()


class DamagedStore(Exception):
    """The feature file is not one that we wrote whole; it is set aside and made anew."""


@dataclass(frozen=True)
class FeatureStore:
    """The feature file of one catalogue for one fingerprint. dim: length of a vector."""

    path: Path
    engine: str
    fingerprint: str
    dim: int

    @property
    def journal(self) -> Path:
        return self.path.with_suffix(".journal")

    def version(self) -> tuple[files.Version, files.Version]:
        """Changes whenever `read` would give something new; cheap."""
        return files.version(self.path), files.version(self.journal)

    def read(self) -> Features:
        """What is stored, and what an unfinished run has added. A damaged file is set aside and counts as none."""
        done = Features([], np.zeros((0, self.dim), np.float32))
        try:
            with self.path.open("rb") as file:
                done = self._load(file)
        except FileNotFoundError:
            pass
        except DamagedStore:
            files.set_aside(self.path)
        batches = [batch for batch, _ in self._records()]
        if not batches:
            return done
        known = done.digests  # a run that was killed between merging and dropping the journal leaves both
        rows, vectors, refused = list(done.rows), [done.vectors], dict(done.refused)
        for batch in batches:
            fresh = [i for i, row in enumerate(batch.rows) if row.digest not in known]
            rows += [batch.rows[i] for i in fresh]
            vectors.append(batch.vectors[fresh])
            refused |= batch.refused
        return Features(rows, np.concatenate(vectors), refused)

    def append(self, batch: Features) -> None:
        """Keeps a finished batch at once. Appends in one piece, so a kill tears at most this record."""
        payload = b"".join(self._dump(batch))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.journal.open("ab") as file:
            file.write(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)

    def repair(self) -> bool:
        """Cuts a torn record off the journal and drops what a kill left behind, so that appending can go on.

        Tells whether there is a journal, which an earlier run did not merge.
        """
        good = sum(length for _, length in self._records())
        if self.journal.exists() and self.journal.stat().st_size > good:
            with self.journal.open("r+b") as file:
                file.truncate(good)
        for left in self.path.parent.glob(self.path.name + "*.tmp"):
            left.unlink()
        return self.journal.exists()

    def commit(self, wanted: Collection[str]) -> Features:
        """Merges file and journal, keeps the wanted digests, in order of digest, and replaces the file at once."""
        stored = self.read()
        wanted = set(wanted)
        order = sorted(
            (i for i, row in enumerate(stored.rows) if row.digest in wanted), key=lambda i: stored.rows[i].digest
        )
        kept = Features(
            [stored.rows[i] for i in order],
            stored.vectors[order],
            {digest: why for digest, why in sorted(stored.refused.items()) if digest in wanted},
        )
        files.write_atomically(self.path, self._dump(kept))
        with contextlib.suppress(FileNotFoundError):
            self.journal.unlink()
        return kept

    def _records(self) -> Iterator[tuple[Features, int]]:
        """(batch, its length on disk) for each whole record of the journal, up to the first that is not."""
        with contextlib.suppress(FileNotFoundError, DamagedStore), self.journal.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while len(frame := file.read(_FRAME.size)) == _FRAME.size:
                length, checksum = _FRAME.unpack(frame)
                if length > size - file.tell():  # torn; a false length may be gigabytes
                    return
                payload = file.read(length)
                if len(payload) < length or zlib.crc32(payload) != checksum:
                    return
                yield self._load(io.BytesIO(payload)), _FRAME.size + length

    def _dump(self, features: Features) -> list[bytes]:
        vectors = np.ascontiguousarray(features.vectors, "<f4").tobytes()
        same: dict[str, str] = {}  # pickle writes a string object once: equal reasons must be one object
        told = {
            "format": FORMAT,
            "engine": self.engine,
            "fingerprint": self.fingerprint,
            "rows": len(features.rows),
            "dim": self.dim,
            "bytes": len(vectors),
            "digests": [row.digest for row in features.rows],
            "boxes": [list(row.box) if row.box else None for row in features.rows],
            "refused": {digest: same.setdefault(why, why) for digest, why in features.refused.items()},
        }
        head = pickle.dumps(told, protocol=5)
        return [head, bytes(-len(head) % _ALIGN), vectors]

    def _load(self, file: IO[bytes]) -> Features:
        """Raises DamagedStore unless all that is told fits together, and this store."""
        try:
            told = files.load_plain(file)
            expected = (FORMAT, self.engine, self.fingerprint, self.dim, 4 * self.dim * told["rows"])
            if (told["format"], told["engine"], told["fingerprint"], told["dim"], told["bytes"]) != expected:
                raise ValueError("made for something else")
            rows = [
                Row(digest, tuple(box) if box else None)
                for digest, box in zip(told["digests"], told["boxes"], strict=True)
            ]
            file.seek(-file.tell() % _ALIGN, io.SEEK_CUR)
            data = file.read()
            if len(data) != told["bytes"] or len(rows) != told["rows"]:
                raise ValueError("cut short")
            refused = dict(told["refused"])
            texts = (*(row.digest for row in rows), *refused, *refused.values())
            if not all(isinstance(text, str) for text in texts) or not all(_is_box(row.box) for row in rows):
                raise ValueError("of wrong types")
            vectors = np.frombuffer(data, "<f4").reshape(-1, self.dim)
            if not np.isfinite(vectors.sum()):
                raise ValueError("not numbers")
            return Features(rows, vectors, refused)
        except Exception as error:  # whatever a damaged or hostile pickle may raise
            raise DamagedStore(str(error)) from error


def _is_box(box: Any) -> bool:
    return box is None or (len(box) == 4 and all(type(number) is int for number in box))
