"""Marks: pictures are hidden, restored and tagged, and every change can be taken back; no file is touched."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engines import SemblanceError
from features.catalogue import uploads
from features.catalogue.folder import Catalogue
from features.catalogue.marks import KEPT, LONGEST, Marks
from features.library import Library
from tests.support.toy import BLUE, GREEN, RED, Toy, digest, hue, is_one_sentence, paint, snapshot


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path / "home" / "marks.json")


def test_nothing_is_marked_at_first_and_nothing_can_be_taken_back(marks: Marks) -> None:
    assert (marks.hidden, marks.tags, marks.last, marks.undo()) == (frozenset(), {}, "", "")
    assert not marks.path.exists()


CHANGES: dict[str, tuple[Callable[[Marks], Any], str]] = {
    "hide one": (lambda marks: marks.hide(["c"]), "1 picture hidden"),
    "hide some that are hidden": (lambda marks: marks.hide(["a", "c", "d"]), "2 pictures hidden"),
    "restore": (lambda marks: marks.restore(["a", "b", "z"]), "2 pictures restored"),
    "tag": (lambda marks: marks.tag(["a", "b"], "  best   of\tall "), "1 picture tagged “best of all”"),
    "untag": (lambda marks: marks.untag(["b", "c", "z"], "sale"), "“sale” taken off 2 pictures"),
}


@pytest.mark.parametrize(("change", "told"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_told_kept_and_taken_back(marks: Marks, change: Callable[[Marks], Any], told: str) -> None:
    marks.hide(["a", "b"])
    marks.tag(["b", "c"], "sale")
    marks.tag(["b"], "best of all")
    before = marks.hidden, marks.tags, marks.last
    change(marks)
    assert marks.last == told and (marks.hidden, marks.tags) != before[:2]
    again = Marks(marks.path)
    assert (again.hidden, again.tags, again.last) == (marks.hidden, marks.tags, told), "kept"
    assert again.undo() == told
    assert (again.hidden, again.tags, again.last) == before
    assert (marks.hidden, marks.tags, marks.last) == before, "another process sees it"


NO_CHANGES: dict[str, Callable[[Marks], Any]] = {
    "hide nothing": lambda marks: marks.hide([]),
    "hide the hidden": lambda marks: marks.hide(["a"]),
    "restore what is shown": lambda marks: marks.restore(["b"]),
    "tag what has it": lambda marks: marks.tag(["a"], "sale"),
    "untag what has it not": lambda marks: marks.untag(["a", "b"], "other"),
}


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=NO_CHANGES)
def test_what_changes_nothing_is_nothing_to_take_back(marks: Marks, change: Callable[[Marks], Any]) -> None:
    marks.hide(["a"])
    marks.tag(["a"], "sale")
    change(marks)
    assert marks.last == "1 picture tagged “sale”"


@pytest.mark.parametrize("tag", ["", "  ", "x" * (LONGEST + 1), "one, two"])
def test_a_tag_that_can_not_be_is_refused(marks: Marks, tag: str) -> None:
    with pytest.raises(SemblanceError) as refused:
        marks.tag(["a"], tag)
    assert is_one_sentence(str(refused.value)) and marks.tags == {}


def test_only_so_many_changes_can_be_taken_back(marks: Marks) -> None:
    for number in range(KEPT + 3):
        marks.hide([str(number)])
    while marks.undo():
        pass
    assert marks.hidden == {"0", "1", "2"}


DAMAGED = [
    b"",
    b"[]",
    b"{}",
    b'{"hidden": 7, "tags": {}, "changes": []}',
    b'{"hidden": [], "tags": {"a": 1}}',
    b"[",
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_set_aside(marks: Marks, content: bytes) -> None:
    marks.path.parent.mkdir()
    marks.path.write_bytes(content)
    assert marks.hidden == frozenset()
    marks.hide(["a"])
    assert Marks(marks.path).hidden == {"a"}
    assert marks.path.with_name("marks.json.damaged").read_bytes() == content


def test_marks_that_can_not_be_kept_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"a file")
    with pytest.raises(SemblanceError) as refused:
        Marks(tmp_path / "home" / "marks.json").hide(["a"])
    assert is_one_sentence(str(refused.value))


def test_a_catalogue_keeps_what_was_hidden_by_an_earlier_version(library: Library, pictures: Path) -> None:
    red = digest(paint(pictures / "red.png", RED))
    library.index(library.open(pictures), Toy()).update()
    (state,) = library.home.glob("catalogues/*/catalogue.json")
    told = json.loads(state.read_text())
    del told["checksum"]
    state.write_text(json.dumps(told | {"hidden": [red]}))
    assert Library(library.home).open(pictures).hidden == {red}


def test_words_find_tags(library: Library, pictures: Path) -> None:
    red, green = (digest(paint(pictures / f"{n}.png", colour)) for n, colour in ((1, RED), (2, GREEN)))
    catalogue = library.open(pictures)
    library.scan(catalogue)
    assert library.index(catalogue, Toy()).search_text("sale").matches == []
    catalogue.tag([red, green], "Sale")
    catalogue.hide([green])
    assert [match.digest for match in library.index(catalogue, Toy()).search_text("sale").matches] == [red]


class Marking(RuleBasedStateMachine):
    """Whatever is done in whatever order, of two collections: the person's folder, and one of uploads."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        theirs = self.place / "theirs"
        for number in range(4):
            paint(theirs / "warm" / f"{number}.png", hue(10 * number))
        self.query = paint(self.place / "query.png", BLUE)
        self.seen = snapshot(theirs)
        self.library, self.toy = Library(self.place / "home"), Toy()
        ours, _ = uploads.receive(self.library.home, "Mine", [self.query])
        self.roots = {"theirs": theirs, "ours": ours}
        self.shown: dict[str, list[tuple[set[str], dict[str, set[str]]]]] = {}  # what was after each change
        for name in self.roots:
            self.library.index(self.catalogue(name), self.toy).update()
            self.shown[name] = [(set(), {})]
        self.sent = 0

    def catalogue(self, name: str) -> Catalogue:
        return self.library.open(self.roots[name])

    def chosen(self, name: str, places: set[int]) -> list[str]:
        known = sorted(self.catalogue(name).paths)
        return [known[place % len(known)] for place in places]

    def changed(self, name: str, change: Callable[[set[str], dict[str, set[str]]], None]) -> None:
        hidden, tags = copy.deepcopy(self.shown[name][-1])
        change(hidden, tags)
        tags = {one: held for one, held in tags.items() if held}
        if (hidden, tags) != self.shown[name][-1]:
            self.shown[name].append((hidden, tags))

    names = some.sampled_from(["theirs", "ours"])
    places = some.sets(some.integers(0, 9), max_size=4)
    tags = some.sampled_from(["sale", "best"])

    @rule(name=names, places=places)
    def hide(self, name: str, places: set[int]) -> None:
        digests = self.chosen(name, places)
        self.catalogue(name).hide(digests)
        self.changed(name, lambda hidden, tags: hidden.update(digests))

    @rule(name=names, places=places)
    def restore(self, name: str, places: set[int]) -> None:
        digests = self.chosen(name, places)
        self.catalogue(name).restore(digests)
        self.changed(name, lambda hidden, tags: hidden.difference_update(digests))

    @rule(name=names, places=places, tag=tags)
    def tag(self, name: str, places: set[int], tag: str) -> None:
        digests = self.chosen(name, places)
        self.catalogue(name).tag(digests, tag)
        self.changed(name, lambda hidden, tags: [tags.setdefault(one, set()).add(tag) for one in digests])

    @rule(name=names, places=places, tag=tags)
    def untag(self, name: str, places: set[int], tag: str) -> None:
        digests = self.chosen(name, places)
        self.catalogue(name).untag(digests, tag)
        self.changed(name, lambda hidden, tags: [tags.get(one, set()).discard(tag) for one in digests])

    @rule(name=names)
    def undo(self, name: str) -> None:
        told = self.catalogue(name).undo()
        assert bool(told) == (len(self.shown[name]) > 1)
        if told:
            self.shown[name].pop()

    @rule(label=some.sampled_from(["", "new", "newer"]))
    def upload(self, label: str) -> None:
        self.sent += 1
        file = paint(self.place / "sent" / f"{self.sent}.png", hue(self.sent * 7 % 90))
        uploads.receive(self.library.home, "Mine", [file], label)
        new = self.library.index(self.catalogue("ours"), self.toy).update().new
        assert new <= 1, "only what is new is embedded"

    @rule(name=names)
    def index(self, name: str) -> None:
        assert self.library.index(self.catalogue(name), self.toy).update().new == 0

    @rule()
    def restart(self) -> None:
        self.library = Library(self.place / "home")

    @invariant()
    def marks_are_what_was_done(self) -> None:
        for name, shown in self.shown.items():
            catalogue = self.catalogue(name)
            assert catalogue.hidden == shown[-1][0]
            assert {one: set(held) for one, held in catalogue.tags.items()} == shown[-1][1]

    @invariant()
    def no_file_is_touched(self) -> None:
        assert snapshot(self.roots["theirs"]) == self.seen

    @invariant()
    def answers_show_all_but_the_hidden(self) -> None:
        for name, shown in self.shown.items():
            catalogue = self.catalogue(name)
            there = catalogue.paths.keys() - shown[-1][0]
            if there:
                found = self.library.index(catalogue, self.toy).search(self.query, 99).matches
                assert {match.digest for match in found} == there

    def teardown(self) -> None:
        for name, shown in self.shown.items():
            while len(shown) > 1:
                shown.pop()
                self.catalogue(name).undo()
                self.marks_are_what_was_done()
        shutil.rmtree(self.place)


TestMarking = Marking.TestCase
TestMarking.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
