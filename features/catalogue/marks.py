"""What a person has marked in a catalogue: pictures that are hidden, and tags. Every change can be taken back.

Kept in a file of ours: `{"hidden": [digest], "tags": {digest: [tag]}, "changes": [...]}`, with a second copy (see
features/keeping.py). No picture is touched.

Where neither can be read, what was hidden is not known for sure: the digests that can still be found in them stay
hidden, and the marks are `unsure` until the person has confirmed them. Visitors see nothing of the collection
meanwhile.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from engines import SemblanceError
from engines.messages import Message, packed, unpacked
from features import files, keeping
from features.errors import storage_failure

KEPT = 100  # changes that can be taken back
LONGEST = 40  # letters of a tag
DIGEST = re.compile(rb'"([0-9a-f]{64})"')

Tags = Mapping[str, tuple[str, ...]]
"""digest -> its tags, in order of the alphabet; no entry where there are none."""


@dataclass(frozen=True)
class _Change:
    """told: what was done, for people. flipped: those it hid or restored. tags: of those it changed, before."""

    told: str
    flipped: frozenset[str] = frozenset()
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class _State:
    hidden: frozenset[str] = frozenset()
    tags: Tags = field(default_factory=dict)
    changes: tuple[_Change, ...] = ()
    unsure: bool = False

    def after(self, change: _Change, tags: Tags) -> _State:
        """tags: digest -> all its tags, of those that are to have others."""
        merged = {digest: held for digest, held in {**self.tags, **tags}.items() if held}
        return _State(self._flipped(change), merged, (*self.changes, change)[-KEPT:], self.unsure)

    def before(self) -> _State:
        """Without the last change."""
        last = self.changes[-1]
        tags = {digest: held for digest, held in {**self.tags, **last.tags}.items() if held}
        return _State(self._flipped(last), tags, self.changes[:-1], self.unsure)

    def _flipped(self, change: _Change) -> frozenset[str]:
        """The same object where nothing changes: what is made from it is then not made anew."""
        return self.hidden ^ change.flipped if change.flipped else self.hidden


class Marks:
    """The marks of one catalogue. Safe to use from several threads, and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[files.Version, _State] = (-1, -1), _State()
        self._lock = threading.RLock()

    @property
    def hidden(self) -> frozenset[str]:
        """Digests; one and the same object until it changes."""
        return self._read().hidden

    @property
    def tags(self) -> Tags:
        return self._read().tags

    @property
    def unsure(self) -> bool:
        """Whether some of what was hidden may have been lost; until `confirm`."""
        return self._read().unsure

    @property
    def last(self) -> str:
        """What `undo` would take back, for people ("3 pictures hidden"); empty when there is nothing."""
        changes = self._read().changes
        return changes[-1].told if changes else ""

    def hide(self, digests: Collection[str]) -> None:
        """Out of every answer, until `restore`."""
        with self._writing():
            new = frozenset(digests) - self.hidden
            self._do(_Change(Message("marks.hidden", n=len(new)), new))

    def restore(self, digests: Collection[str]) -> None:
        with self._writing():
            back = self.hidden & frozenset(digests)
            self._do(_Change(Message("marks.restored", n=len(back)), back))

    def tag(self, digests: Collection[str], tag: str) -> None:
        """Raises SemblanceError for a tag that is empty or too long."""
        tag = " ".join(tag.split())
        if not 0 < len(tag) <= LONGEST or "," in tag:
            raise SemblanceError("marks.bad_tag", letters=LONGEST)
        with self._writing():
            held = self.tags
            lacking = [one for one in digests if tag not in held.get(one, ())]
            new = {one: tuple(sorted({*held.get(one, ()), tag})) for one in lacking}
            self._do(self._tagging(Message("marks.tagged", n=len(new), tag=tag), new), new)

    def untag(self, digests: Collection[str], tag: str) -> None:
        with self._writing():
            held = self.tags
            holders = [one for one in digests if tag in held.get(one, ())]
            new = {one: tuple(other for other in held[one] if other != tag) for one in holders}
            self._do(self._tagging(Message("marks.untagged", n=len(new), tag=tag), new), new)

    def undo(self) -> str:
        """Takes the last change back; what that was, empty when there was none."""
        with self._writing():
            told = self.last
            if told:
                self._write(self._read().before())
            return told

    def confirm(self) -> None:
        """Notes that the person has seen what is hidden, and that it is all that should be."""
        with self._writing():
            if self.unsure:
                self._write(replace(self._read(), unsure=False))

    def _tagging(self, told: str, new: Tags) -> _Change:
        return _Change(told, tags={digest: self.tags.get(digest, ()) for digest in new})

    def _do(self, change: _Change, tags: Tags | None = None) -> None:
        if change.flipped or change.tags:
            self._write(self._read().after(change, tags or {}))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Raises SemblanceError when nothing can be kept."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")):
                files.sweep(self.path)
                yield
        except OSError as error:
            raise storage_failure(error, self.path) from error

    def _write(self, state: _State) -> None:
        told = {
            "hidden": sorted(state.hidden),
            "tags": state.tags,
            "changes": [[packed(change.told), sorted(change.flipped), change.tags] for change in state.changes],
            **({"unsure": True} if state.unsure else {}),
        }
        with self._lock:
            keeping.keep(self.path, told)
            self._known = files.version(self.path), state

    def _read(self) -> _State:
        with self._lock:
            version = files.version(self.path)
            if version != self._known[0]:
                state = self._kept()
                self._known = files.version(self.path), state
            return self._known[1]

    def _kept(self) -> _State:
        """Reads the file, else its copy. Nothing that was hidden is shown because one of them is damaged."""
        contents = {path: _content(path) for path in (self.path, keeping.copy_of(self.path))}
        states = {path: _restored(content) for path, content in contents.items() if content is not None}
        damaged = {path: contents[path] or b"" for path, state in states.items() if state is None}
        first = states.get(self.path)
        if first or not states:
            return self._told(first or _State())
        found = frozenset(digest.decode() for content in damaged.values() for digest in _hidden_in(content))
        copy = states.get(keeping.copy_of(self.path))
        state = replace(copy, hidden=copy.hidden | found) if copy else _State(found, unsure=True)
        with contextlib.suppress(OSError):  # a home that can only be read; the state is found again each time
            for path, content in damaged.items():
                if path.is_file():  # copied, not renamed: a kill must not leave a place without marks
                    files.write_atomically(files.damaged_name(path), [content])
            self._write(state)
        if copy:
            files.say_once(Message("damage.copy_used", path=self.path))
        return self._told(state)

    def _told(self, state: _State) -> _State:
        """The state; that it is unsure is said in every process until it is confirmed."""
        if state.unsure:
            files.say_once(
                Message("damage.marks", path=self.path, count=Message("counts.pictures", n=len(state.hidden)))
            )
        return state


def _texts(told: Any) -> frozenset[str]:
    if not (isinstance(told, list) and all(isinstance(text, str) for text in told)):
        raise ValueError("no texts")
    return frozenset(told)


def _tags(told: Any) -> Tags:
    return {digest: tuple(sorted(_texts(held))) for digest, held in told.items()}


def _content(path: Path) -> bytes | None:
    """The bytes of a file; empty of what is none, None where there is nothing."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (IsADirectoryError, PermissionError):  # Windows has the latter for a folder
        if path.is_dir():
            return b""
        raise


def _restored(content: bytes) -> _State | None:
    """None for a damaged file."""
    try:
        told = keeping.opened(content)
        changes = [
            _Change(unpacked(str(what)), _texts(flipped), _tags(tags)) for what, flipped, tags in told["changes"]
        ]
        return _State(_texts(told["hidden"]), _tags(told["tags"]), tuple(changes), told.get("unsure") is True)
    except keeping.DAMAGE:
        return None


def _hidden_in(content: bytes) -> list[bytes]:
    """Digests that stand in a damaged file where those of hidden pictures do: before the tags."""
    return DIGEST.findall(content.partition(b'"tags"')[0])
