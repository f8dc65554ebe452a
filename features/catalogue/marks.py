"""What a person has marked in a catalogue: pictures that are hidden, and tags. Every change can be taken back.

Kept in a file of ours: `{"hidden": [digest], "tags": {digest: [tag]}, "changes": [...]}`. No picture is touched.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from engines import SemblanceError
from engines.messages import Message, packed, unpacked
from features import files

KEPT = 100  # changes that can be taken back
LONGEST = 40  # letters of a tag

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

    def after(self, change: _Change, tags: Tags) -> _State:
        """tags: digest -> all its tags, of those that are to have others."""
        merged = {digest: held for digest, held in {**self.tags, **tags}.items() if held}
        return _State(self._flipped(change), merged, (*self.changes, change)[-KEPT:])

    def before(self) -> _State:
        """Without the last change."""
        last = self.changes[-1]
        tags = {digest: held for digest, held in {**self.tags, **last.tags}.items() if held}
        return _State(self._flipped(last), tags, self.changes[:-1])

    def _flipped(self, change: _Change) -> frozenset[str]:
        """The same object where nothing changes: what is made from it is then not made anew."""
        return self.hidden ^ change.flipped if change.flipped else self.hidden


class Marks:
    """The marks of one catalogue. Safe to use from several threads, and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: tuple[files.Version, _State] = (0, 0), _State()
        self._lock = threading.RLock()

    @property
    def hidden(self) -> frozenset[str]:
        """Digests; one and the same object until it changes."""
        return self._read().hidden

    @property
    def tags(self) -> Tags:
        return self._read().tags

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
                yield
        except OSError as error:
            raise SemblanceError("marks.not_writable", path=self.path, reason=error.strerror) from error

    def _write(self, state: _State) -> None:
        told = {
            "hidden": sorted(state.hidden),
            "tags": state.tags,
            "changes": [[packed(change.told), sorted(change.flipped), change.tags] for change in state.changes],
        }
        with self._lock:
            files.write_atomically(self.path, [json.dumps(told).encode()])
            self._known = files.version(self.path), state

    def _read(self) -> _State:
        """A damaged file is set aside and counts as none."""
        with self._lock:
            version = files.version(self.path)
            if version != self._known[0]:
                state = _State()
                try:
                    told = json.loads(self.path.read_bytes())
                    changes = [
                        _Change(unpacked(str(what)), _texts(flipped), _tags(t))
                        for what, flipped, t in told["changes"]
                    ]
                    state = _State(_texts(told["hidden"]), _tags(told["tags"]), tuple(changes))
                except FileNotFoundError:
                    pass
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    files.set_aside(self.path)
                self._known = version, state
            return self._known[1]


def _texts(told: Any) -> frozenset[str]:
    if not (isinstance(told, list) and all(isinstance(text, str) for text in told)):
        raise ValueError("no texts")
    return frozenset(told)


def _tags(told: Any) -> Tags:
    return {digest: tuple(sorted(_texts(held))) for digest, held in told.items()}
