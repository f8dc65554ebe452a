"""What is known of a catalogue's pictures besides their pixels: captions, by hash of their bytes and by source.

Kept in a file of ours: `{"captions": {digest: {source: text}}}`. What the person has beside the pictures, in
`metadata.csv` or `metadata.jsonl` (the convention of Hugging Face's imagefolder), is only read.
"""

from __future__ import annotations

import csv
import json
import posixpath
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from engines.messages import Message
from features import files
from features.catalogue.folder import Catalogue, Skipped, label_of
from features.catalogue.urls import Url

HAND, IMPORTED = "hand", "metadata"  # sources; the others are names of captioners
COLUMNS = ("text", "caption")  # the first that is there is read
FEW = Message("metadata.name_columns")


@dataclass(frozen=True)
class Caption:
    """text: in one line. source: HAND, IMPORTED, or who made it; see engines.Captioned."""

    text: str
    source: str


class Metadata:
    """The file of one catalogue. Safe to use from several threads, and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[files.Version, dict[str, dict[str, str]]] = (0, 0), {}
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
                    files.write_atomically(self.path, [json.dumps({"captions": after}).encode()])

    def _read(self) -> dict[str, dict[str, str]]:
        """A damaged file is set aside and counts as none."""
        with self._lock:
            version = self.version()
            if version != self._known[0]:
                captions: dict[str, dict[str, str]] = {}
                try:
                    told = json.loads(self.path.read_bytes())["captions"]
                    captions = {digest: dict(texts) for digest, texts in told.items()}
                    if not all(isinstance(text, str) for texts in captions.values() for text in texts.values()):
                        raise ValueError("no texts")
                except FileNotFoundError:
                    pass
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    captions = {}
                    files.set_aside(self.path)
                self._known = version, captions
            return self._known[1]


def imported(catalogue: Catalogue) -> tuple[dict[str, str], list[Skipped]]:
    """digest -> caption, from the person's metadata files; and what could not be used of those, file by file.

    A file that lies deeper counts more, and of one folder the .jsonl.
    """
    digests = {path: digest for digest, paths in catalogue.paths.items() for path in paths}
    captions: dict[str, str] = {}
    problems: list[Skipped] = []
    for folder in sorted(_folders(catalogue), key=lambda folder: (folder.count("/"), folder)):
        for name, rows in READERS.items():
            file = catalogue.root / folder / name
            if not file.is_file():
                continue
            place = posixpath.join(folder, name)
            try:
                named, unread = _texts(rows(file))
            except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, no JSON
                problems.append(Skipped(place, _why(error)))
                continue
            paths = {posixpath.normpath(posixpath.join(folder, key)): text for key, text in named.items()}
            captions |= {digests[path]: text for path, text in paths.items() if path in digests}
            unknown = len(paths.keys() - digests.keys())
            if unread:
                problems.append(Skipped(place, Message("metadata.wrong_lines", lines=unread, hint=FEW)))
            if unknown:
                problems.append(
                    Skipped(place, Message("metadata.not_pictures", unknown=unknown, files=len(paths)))
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
        folder = label_of(path)
        while folder not in found:
            found.add(folder)
            folder = label_of(folder)
    return found


def _texts(rows: Iterator[Any]) -> tuple[dict[str, str], int]:
    """File names with their texts, and how many lines have none. One that leaves its text empty is passed over."""
    found: dict[str, str] = {}
    unread = 0
    for row in rows:
        name = row.get("file_name") if isinstance(row, dict) else None
        text = next((row[column] for column in COLUMNS if column in row), None) if name else None
        if not (isinstance(name, str) and isinstance(text, str)):
            unread += 1
        elif text.strip():
            found[name.replace("\\", "/")] = text
    return found, unread


def _csv(file: Path) -> Iterator[Any]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = csv.DictReader(opened)
        heads = rows.fieldnames or []
        if "file_name" not in heads or not set(COLUMNS) & set(heads):
            raise csv.Error(Message("metadata.no_columns", hint=FEW))
        yield from rows


def _jsonl(file: Path) -> Iterator[Any]:
    with file.open(encoding="utf-8-sig") as opened:
        for line in opened:
            if line.strip():
                try:
                    yield json.loads(line)
                except (json.JSONDecodeError, RecursionError):
                    yield None


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return Message("metadata.not_readable", reason=error.strerror)
    if isinstance(error, UnicodeDecodeError):
        return Message("metadata.not_utf8")
    problem = error.args[0] if error.args else ""
    return problem if isinstance(problem, Message) else Message("metadata.not_csv", problem=error)


READERS: Mapping[str, Callable[[Path], Iterator[Any]]] = {"metadata.csv": _csv, "metadata.jsonl": _jsonl}
