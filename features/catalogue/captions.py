"""What is known of a catalogue's pictures besides their pixels: captions, by hash of their bytes and by source.

Kept in a file of ours: `{"captions": {digest: {source: text}}}`. What the person has beside the pictures, in
`metadata.csv` or `metadata.jsonl` (the convention of Hugging Face's imagefolder), is only read.
"""

from __future__ import annotations

import csv
import json
import posixpath
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from engines.messages import Message, joined
from features import files, keeping
from features.catalogue.folder import Catalogue, Skipped, label_of
from features.catalogue.formats import is_image_name
from features.catalogue.urls import Url

HAND, IMPORTED = "hand", "metadata"  # sources; the others are names of captioners
COLUMNS = ("text", "caption")  # the first that is there is read
FEW = Message("metadata.name_columns")
UNCLOSED = Message("metadata.unclosed")
COMMA = Message("metadata.commas")
EXTRA = ""  # in place of a head, of a row with more cells than heads
SHOWN = 5  # lines that are named


@dataclass(frozen=True)
class Caption:
    """text: in one line. source: HAND, IMPORTED, or who made it; see engines.Captioned."""

    text: str
    source: str


@dataclass(frozen=True)
class Wrong:
    """In place of a row that can't be used: why."""

    reason: str


class Metadata:
    """The file of one catalogue. Safe to use from several threads, and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[files.Version, dict[str, dict[str, str]]] = (-1, -1), {}
        self._lock = threading.RLock()

    def version(self) -> files.Version:
        """Changes whenever a caption may have."""
        return files.version(self.path)

    def captions(self, captioner: str | None = None) -> dict[str, Caption]:
        """digest -> the caption that counts: by hand, else imported, else the captioner's own.

        captioner: None takes whoever made one; of several the last.
        """
        found = {digest: self.caption(digest, captioner) for digest in self._read()}
        return {digest: caption for digest, caption in found.items() if caption}

    def caption(self, digest: str, captioner: str | None = None) -> Caption | None:
        """Of one picture."""
        texts = self._read().get(digest, {})
        made = reversed(texts) if captioner is None else [captioner]
        source = next((source for source in (HAND, IMPORTED, *made) if source in texts), None)
        return Caption(texts[source], source) if source else None

    def keep(self, source: str, texts: Mapping[str, str], *, only: bool = False) -> None:
        """Captions of this source by digest; an empty one takes the earlier back. only: all others of it go."""
        texts = {digest: " ".join(text.split()) for digest, text in texts.items()}
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")):
                files.sweep(self.path)
                before = self._read()
                after = {digest: dict(known) for digest, known in before.items()}
                for known in after.values() if only else ():
                    known.pop(source, None)
                for digest, text in texts.items():
                    known = after.setdefault(digest, {})
                    known.pop(source, None)  # so that it comes last
                    if text:
                        known[source] = text
                after = {digest: known for digest, known in after.items() if known}
                if after != before:
                    keeping.keep(self.path, {"captions": after})

    def _read(self) -> dict[str, dict[str, str]]:
        with self._lock:
            if self.version() != self._known[0]:
                captions = keeping.kept(self.path, _restored) or {}
                self._known = self.version(), captions
            return self._known[1]


def _restored(told: Any) -> dict[str, dict[str, str]]:
    captions = {digest: dict(texts) for digest, texts in told["captions"].items()}
    if not all(isinstance(text, str) for texts in captions.values() for text in texts.values()):
        raise ValueError("no texts")
    return captions


def imported(catalogue: Catalogue) -> tuple[dict[str, str], list[Skipped]]:
    """digest -> caption, from the person's metadata files; and what could not be used of those, file by file.

    A file that lies deeper counts more, and of one folder the .jsonl. A name that no picture has as it is written
    finds the picture whose name looks the same (é in one letter, or in two).
    """
    digests = {path: entry.digest for path, entry in catalogue.entries.items() if entry.digest}
    alike = {unicodedata.normalize("NFC", path): digest for path, digest in digests.items()}
    captions: dict[str, str] = {}
    problems: list[Skipped] = []
    for folder in sorted(_folders(catalogue), key=lambda folder: (folder.count("/"), folder)):
        for name, rows in READERS.items():
            file = catalogue.root / folder / name
            place = posixpath.join(folder, name)
            try:
                if not file.is_file():
                    continue
                named, unread = _texts(rows(file))
            except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, no JSON
                problems.append(Skipped(place, _why(error)))
                continue
            unknown = 0
            for key, text in named.items():
                path = posixpath.normpath(posixpath.join(folder, key))
                digest = digests.get(path) or alike.get(unicodedata.normalize("NFC", path))
                if digest:
                    captions[digest] = text
                else:
                    unknown += 1
            if unread:
                problems.append(Skipped(place, Message("{text}.", text=unread)))
            if unknown:
                problems.append(
                    Skipped(place, Message("metadata.not_pictures", unknown=unknown, files=len(named)))
                )
    return captions, problems


def _folders(catalogue: Catalogue) -> set[str]:
    """Folders that hold pictures, and their parents, below the root.

    Behind a URL it is the root alone, because each folder would take a request of its own.
    """
    found = {""}
    if isinstance(catalogue.root, Url):
        return found
    for path in catalogue.entries:
        folder = label_of(path.rstrip("/"))  # a path with / at its end is a folder that can't be read
        while folder not in found:
            found.add(folder)
            folder = label_of(folder)
    return found


def _texts(rows: Iterator[tuple[int, Any]]) -> tuple[dict[str, str], str]:
    """Lines and what stands in them -> file names with their texts, and a sentence on the lines that have none.

    Of several columns the first that is not empty is taken; a row that leaves them all empty is passed over.
    """
    found: dict[str, str] = {}
    nameless: list[int] = []
    wrong: dict[str, list[int]] = {}
    for line, row in rows:
        if isinstance(row, Wrong):
            wrong.setdefault(row.reason, []).append(line)
            continue
        if isinstance(row, dict) and EXTRA in row:
            wrong.setdefault(COMMA, []).append(line)
        name = row.get("file_name") if isinstance(row, dict) else None
        texts = [row[column] for column in COLUMNS if isinstance(row.get(column), str)] if name else []
        if not (isinstance(name, str) and texts):
            nameless.append(line)
        elif text := next((text for text in texts if text.strip()), ""):
            found[name.strip().replace("\\", "/")] = text
    problems = [
        Message("metadata.at_lines", n=len(lines), lines=_lines(lines), problem=why)
        for why, lines in wrong.items()
    ]
    if nameless:
        few = Message("metadata.nameless", n=len(nameless), lines=_lines(nameless), hint=FEW)
        problems.insert(0, few)
    return found, joined(problems) if problems else ""


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    more = len(numbers) - SHOWN
    return Message("metadata.more_lines", lines=shown, more=more) if more > 0 else shown


def _csv(file: Path) -> Iterator[tuple[int, Any]]:
    """Rows of a table with commas between, by their lines; of a row that can't be meant so, why.

    A quote that never closes would make one cell of all that follows: no caption is made of it.
    """
    with file.open(encoding="utf-8-sig", newline="") as opened:
        lines = opened.read().splitlines(keepends=True)
    heads = _heads(lines[0] if lines else "")
    at = 1  # lines read
    while at < len(lines):
        line, read = at + 1, csv.reader(lines[at:], strict=True)
        try:
            cells = next(read, [])
        except csv.Error as error:
            if "limit" in str(error):  # a cell too large for any caption
                raise
            cells = None
        if cells is None or any(_names_pictures(cell) for cell in cells):
            at += 1
            yield line, Wrong(UNCLOSED)
            continue
        at += max(read.line_num, 1)
        if cells:
            extra = {EXTRA: True} if any(cells[len(heads) :]) else {}
            yield line, dict(zip(heads, cells, strict=False)) | extra


def _names_pictures(cell: str) -> bool:
    """Whether a cell of several lines holds what looks like rows: a picture's name, then a comma."""
    rows = [line.partition(",") for line in cell.splitlines()[1:]]
    return any(comma and is_image_name(name.strip('" ')) for name, comma, _ in rows)


def _heads(line: str) -> list[str]:
    """The names of the columns. Raises csv.Error without those that are needed."""
    heads = [head.strip() for head in next(csv.reader([line]), [])]
    if "file_name" not in heads or not set(COLUMNS) & set(heads):
        raise csv.Error(Message("metadata.no_columns", hint=FEW))
    return heads


def _jsonl(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open(encoding="utf-8-sig") as opened:
        for number, line in enumerate(opened, 1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except (ValueError, RecursionError):
                    yield number, None


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return Message("metadata.not_readable", reason=error.strerror)
    if isinstance(error, UnicodeDecodeError):
        return Message("metadata.not_utf8")
    problem = error.args[0] if error.args else ""
    return problem if isinstance(problem, Message) else Message("metadata.not_csv", problem=error)


READERS: Mapping[str, Callable[[Path], Iterator[tuple[int, Any]]]] = {
    "metadata.csv": _csv,
    "metadata.jsonl": _jsonl,
}
