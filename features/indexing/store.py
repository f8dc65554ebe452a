"""One pickled feature file per catalogue and fingerprint, and the journal of what has been added to it.

A feature file is one pickle of plain builtins (`checksum`, `format`, `engine`, `fingerprint`, `rows`, `dim`,
`bytes`, `digests`, `boxes`, `remarks`, `refused`, and `captions` where there are any), then zeros up to a multiple
of 64, then the vectors: rows x dim little-endian float32, in order of digest, which are memory-mapped. It is read
by an unpickler that refuses every class, so a hostile file can run nothing, and every length that goes beyond its
end, so that it can't ask for absurd memory. The checksum is the CRC-32 of the whole file, taken while the eight
letters of the checksum are zeros; files of earlier versions have none.

Each finished batch is appended to a journal beside it: length, CRC-32, and the like of a feature file. A torn
record at the end is dropped. At the end of a run the two are merged into a new file that replaces the old one in
one step, unless the journal is so small beside the file that it may wait: a few pictures more are then a few
kilobytes to write, however large the file. After a merge the same pictures give the same bytes, however often the
work was interrupted.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import mmap
import os
import pickle
import struct
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from engines import Box
from engines.messages import packed, unpacked
from features import files
from features.errors import DamagedStore
from features.index.rows import take

DECODER = 3  # raise it when features.catalogue.images gives other pixels for the same file
FORMAT = f"semblance-features-2, decoder {DECODER}"
EARLIER = f"semblance-features-2, decoder {DECODER - 1}"  # read too; see images.decodes_anew and `redecode`
GRAPH_FORMAT = "semblance-features-2, decoder 2"  # of the index beside it, which knows rows by their digests alone
JOURNAL_SHARE = 1 / 20  # of the feature file: how long a journal may wait. Each merge writes the whole file anew
_ALIGN = 64
_FRAME = struct.Struct("<II")
_UNKNOWN = "0" * 8  # in place of a checksum, while it is taken
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Row:
    """What one vector stands for. box: in pixels of the upright full-size picture; None is the whole picture.

    remarks: see engines.Crop. caption: that the vector was made with; see engines.Captioned.
    """

    digest: str
    box: Box | None
    remarks: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class Features:
    """rows, with their vectors in `parts`: (n, D) float32 arrays of unit rows, which joined are in order of rows.

    Parts that were read from a file are mapped, not loaded, and can't be written to. refused: digest -> why it has
    no row.
    """

    rows: list[Row]
    parts: list[np.ndarray]
    refused: dict[str, str] = field(default_factory=dict)

    @cached_property
    def digests(self) -> set[str]:
        """All pictures that have been looked at, embedded or refused."""
        return {row.digest for row in self.rows} | self.refused.keys()

    def take(self, places: Sequence[int] | np.ndarray) -> np.ndarray:
        """The vectors of rows[place], in this order: a new (len(places), D) float32 array."""
        return take(self.parts, np.asarray(places, np.intp))


@dataclass(frozen=True, kw_only=True)
class _Block(Features):
    """The feature file, or one record of the journal.

    start: the byte of its file at which its one part begins. earlier: made with the decoder before this one.
    """

    path: Path
    start: int
    earlier: bool = False


@dataclass
class FeatureStore:
    """The feature file of one catalogue for one fingerprint. dim: length of a vector.

    What was read is remembered until its file changes.
    """

    path: Path
    engine: str
    fingerprint: str
    dim: int
    _known: dict[Path, tuple[files.Version, list[_Block]]] = field(default_factory=dict, init=False, repr=False)
    _read: tuple[Any, Features | None] = field(default=(None, None), init=False, repr=False)

    @property
    def journal(self) -> Path:
        return self.path.with_suffix(".journal")

    def version(self) -> tuple[files.Version, files.Version]:
        """Changes whenever `read` would give something new; cheap."""
        return files.version(self.path), files.version(self.journal)

    def read(self) -> Features:
        """What is stored, the journal's rows last. A damaged file is set aside and counts as none."""
        version, (known, features) = self.version(), self._read
        if features is None or known != version:
            features = self._joined()
            self._read = version, features
        return features

    def _joined(self) -> Features:
        rows: list[Row] = []
        parts: list[np.ndarray] = []
        refused: dict[str, str] = {}
        for block, fresh in self._stored():
            rows.extend(block.rows[i] for i in fresh)
            parts += block.parts if len(fresh) == len(block.rows) else [block.take(fresh)]
            refused.update(block.refused)
        return Features(rows, parts or [np.zeros((0, self.dim), np.float32)], refused)

    def append(self, batch: Features) -> None:
        """Keeps a finished batch at once. Appends in one piece, so a kill tears at most this record."""
        vectors = (np.ascontiguousarray(part, "<f4").tobytes() for part in batch.parts)
        payload = b"".join([self._head(batch.rows, batch.refused), *vectors])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.journal.open("ab") as file:
            file.write(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)

    def repair(self) -> None:
        """Drops what a kill left behind, so that appending can go on: records that are torn, or merged already."""
        merged = {digest for block in self._blocks(self.path) for digest in block.digests}
        waiting = [block for block in self._blocks(self.journal) if not block.digests <= merged]
        good = max((block.start + block.parts[0].nbytes for block in waiting), default=0)
        if not good:
            self.journal.unlink(missing_ok=True)
        elif good < self.journal.stat().st_size:
            with self.journal.open("r+b") as file:
                file.truncate(good)
        if self.path.parent.is_dir():
            files.sweep(self.path)

    def earlier(self) -> Features:
        """What was made with the decoder before this one, without the vectors."""
        blocks = [block for path in (self.path, self.journal) for block in self._blocks(path) if block.earlier]
        refused = {digest: why for block in blocks for digest, why in block.refused.items()}
        return Features([row for block in blocks for row in block.rows], [], refused)

    def redecode(self, changed: Set[str]) -> None:
        """Drops what the decoder gives other pixels for; all else counts as made with this decoder from now on."""
        self._rewrite(self.read().digests - changed)

    def commit(self, wanted: Set[str]) -> None:
        """Makes the file anew, of the wanted digests, if others are stored or the journal outgrew its share."""
        short = files.version(self.journal)[1] <= JOURNAL_SHARE * files.version(self.path)[1]
        if not (short and self.read().digests <= wanted):
            self._rewrite(wanted)

    def _rewrite(self, wanted: Set[str]) -> None:
        """Vectors are copied one by one: all of them might not fit into memory."""
        refused: dict[str, str] = {}
        kept: list[tuple[Row, Path, int]] = []  # and where its vector lies
        for block, fresh in self._stored():
            refused |= {digest: why for digest, why in block.refused.items() if digest in wanted}
            kept += [
                (block.rows[i], block.path, block.start + 4 * self.dim * i)
                for i in fresh
                if block.rows[i].digest in wanted
            ]
        kept.sort(key=lambda place: place[0].digest)
        head = self._head([row for row, *_ in kept], dict(sorted(refused.items())), _UNKNOWN)
        checksum = zlib.crc32(head)
        for vector in self._copied(kept):  # read twice: in memory they might not fit
            checksum = zlib.crc32(vector, checksum)
        head = head.replace(_UNKNOWN.encode(), f"{checksum:08x}".encode(), 1)
        files.write_atomically(self.path, itertools.chain([head], self._copied(kept)))
        self.journal.unlink(missing_ok=True)
        self._known.clear()
        self._read = None, None

    def _stored(self) -> Iterator[tuple[_Block, Sequence[int]]]:
        """The file, then the records of the journal, each with the numbers of its rows that count.

        A run that was killed between merging and dropping the journal leaves rows in both.
        """
        merged: set[str] = set()
        for block in self._blocks(self.path):
            merged = {row.digest for row in block.rows}
            yield block, range(len(block.rows))
        for block in self._blocks(self.journal):
            yield block, [i for i, row in enumerate(block.rows) if row.digest not in merged]

    def _blocks(self, path: Path) -> list[_Block]:
        version, known = files.version(path), self._known.get(path)
        if known is None or known[0] != version:
            known = self._known[path] = version, self._whole() if path == self.path else self._records()
        return known[1]

    def _whole(self) -> list[_Block]:
        """The feature file, if there is one, and it is sound."""
        try:
            with self.path.open("rb") as file:
                return [self._load(file, self.path, 0, _mapped(file))]
        except FileNotFoundError:
            pass
        except (DamagedStore, IsADirectoryError):
            files.set_aside(self.path)
        return []

    def _records(self) -> list[_Block]:
        """The whole records of the journal, up to the first that is not."""
        blocks: list[_Block] = []
        if self.journal.is_dir():
            files.set_aside(self.journal)
        with contextlib.suppress(FileNotFoundError, DamagedStore), self.journal.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            mapped = _mapped(file)
            while len(frame := file.read(_FRAME.size)) == _FRAME.size:
                length, checksum = _FRAME.unpack(frame)
                begin = file.tell()
                if length > size - begin:  # torn; a false length may be gigabytes
                    break
                payload = file.read(length)
                if len(payload) < length or zlib.crc32(payload) != checksum:
                    break
                blocks.append(self._load(io.BytesIO(payload), self.journal, begin, mapped))
        return blocks

    def _load(self, file: IO[bytes], path: Path, begin: int, mapped: np.ndarray) -> _Block:
        """A head and its vectors. file: just these bytes; in path, which is mapped, they lie from `begin` on.

        Raises DamagedStore unless all that is told fits together, and this store.
        """
        try:
            told, end = _plain(file)
            if type(told["rows"]) is not int or sum(map(len, told["remarks"])) > end:
                raise ValueError("of wrong types, or repeating itself")
            expected = (self.engine, self.fingerprint, self.dim, 4 * self.dim * told["rows"])
            found = told["engine"], told["fingerprint"], told["dim"], told["bytes"]
            if found != expected or told["format"] not in (FORMAT, EARLIER):
                raise ValueError("made for something else")
            captions = told.get("captions") or [""] * len(told["digests"])
            columns = (told["digests"], told["boxes"], told["remarks"], captions)
            rows = [
                Row(
                    sys.intern(digest), tuple(box) if box else None, tuple(remarks), caption
                )  # the catalogue's string
                for digest, box, remarks, caption in zip(*columns, strict=True)
            ]
            refused = dict(told["refused"])
            remarks = (remark for row in rows for remark in row.remarks)
            texts = (*(row.digest for row in rows), *refused, *refused.values(), *remarks, *captions)
            if not all(isinstance(text, str) for text in texts) or not all(_is_box(row.box) for row in rows):
                raise ValueError("of wrong types")
            start = end + -end % _ALIGN
            checksum = told.get("checksum")
            file.seek(0)
            seen = zlib.crc32(file.read(start).replace(str(checksum).encode(), _UNKNOWN.encode(), 1))
            while piece := file.read(_PIECE):  # not through the map: what it has touched stays in memory
                seen = zlib.crc32(piece, seen)
                if not np.isfinite(np.frombuffer(piece, "<f4").sum()):
                    raise ValueError("not numbers")
            if checksum not in (None, f"{seen:08x}"):
                raise ValueError("not as it was written")
            if file.tell() - start != told["bytes"] or len(rows) != told["rows"]:
                raise ValueError("cut short")
            vectors = mapped[(begin + start) // 4 :][: len(rows) * self.dim].reshape(-1, self.dim)
            earlier = told["format"] == EARLIER
            reasons = {digest: unpacked(why) for digest, why in refused.items()}
            return _Block(rows, [vectors], reasons, path=path, start=begin + start, earlier=earlier)
        except (OSError, MemoryError):  # no fault of the file
            raise
        except Exception as error:  # whatever a damaged or hostile pickle may raise
            raise DamagedStore(str(error)) from error

    def _head(self, rows: Sequence[Row], refused: Mapping[str, str], checksum: str | None = None) -> bytes:
        """All but the vectors. checksum: comes first, so that its letters are the first of their kind."""
        captions = [row.caption for row in rows]
        same: dict[str, str] = {}  # pickle writes a string object once: equal reasons must be one object
        reasons = [(digest, packed(why)) for digest, why in refused.items()]
        told = {
            **({"checksum": checksum} if checksum else {}),
            "format": FORMAT,
            "engine": self.engine,
            "fingerprint": self.fingerprint,
            "rows": len(rows),
            "dim": self.dim,
            "bytes": 4 * self.dim * len(rows),
            "digests": [row.digest for row in rows],
            "boxes": [list(row.box) if row.box else None for row in rows],
            "remarks": [list(row.remarks) for row in rows],
            **({"captions": captions} if any(captions) else {}),
            "refused": {digest: same.setdefault(text, text) for digest, text in reasons},
        }
        head = pickle.dumps(told, protocol=5)
        return head + bytes(-len(head) % _ALIGN)

    def _copied(self, places: Sequence[tuple[Row, Path, int]]) -> Iterator[bytes]:
        """The vectors that lie at these bytes. The files are closed after the last: Windows replaces none open."""
        with contextlib.ExitStack() as opened:
            sources = {path: opened.enter_context(path.open("rb")) for path in {path for _, path, _ in places}}
            for _, path, start in places:
                sources[path].seek(start)
                yield sources[path].read(4 * self.dim)


def _plain(file: IO[bytes]) -> tuple[Any, int]:
    """The pickle that a file begins with, and where it ends."""
    if isinstance(file, io.BytesIO):
        return files.load_plain(file.getvalue())
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return files.load_plain(mapped)


def _mapped(file: IO[bytes]) -> np.ndarray:
    """All of a file as float32, read-only, mapped; on Windows, where a mapped file can't be replaced, loaded."""
    size = os.fstat(file.fileno()).st_size // 4
    load = os.name == "nt" or not size  # nor can nothing be mapped
    floats = np.fromfile(file, "<f4", size) if load else np.memmap(file, "<f4", "r", shape=(size,))
    file.seek(0)
    return floats


def _is_box(box: Any) -> bool:
    return box is None or (len(box) == 4 and all(type(number) is int for number in box))
