"""A home that is damaged, full or closed: nothing that was hidden is shown, and each fault is a sentence."""

from __future__ import annotations

import errno
import json
import os
import pickle
import pickletools
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import app
from cli import LEAST_MEMORY
from demos import suite
from demos.server.state import Shelf
from demos.tabs.gallery import _Events
from engines import SemblanceError
from features import files, index, keeping, preferences
from features.catalogue.folder import Catalogue
from features.catalogue.marks import Marks
from features.indexing.store import Features, FeatureStore, Row
from features.library import Library
from tests.support import ROOT
from tests.support.toy import RED, Toy, digest, is_one_sentence, paint

A, B, C = ("a" * 64, "b" * 64, "c" * 64)

Damage = Callable[[bytes], bytes | None]


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    files._said.clear()
    yield
    files._said.clear()


def flipped(content: bytes) -> bytes:
    """One digit of the first digest."""
    place = content.index(b"aaaa")
    return content[:place] + b"0" + content[place + 1 :]


DAMAGES: dict[str, Damage] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "one digit": flipped,
    "not text": lambda content: b"\xff\xfe" + content,
    "a list": lambda content: b"[]",
    "too deep": lambda content: b"[" * 200_000,
    "gone": lambda content: None,
}


def spoil(path: Path, damage: Damage) -> None:
    content = damage(path.read_bytes())
    path.unlink() if content is None else path.write_bytes(content)


# --- marks


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    """Three pictures were hidden, the last one just now."""
    marks = Marks(tmp_path / "home" / "marks.json")
    marks.hide([A, B])
    marks.tag([A], "best")
    marks.hide([C])
    return marks


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_of_damaged_marks_the_copy_takes_the_place(marks: Marks, damage: Damage) -> None:
    before = marks.path.read_bytes()
    spoil(marks.path, damage)
    bad = marks.path.read_bytes() if marks.path.exists() else None
    again = Marks(marks.path)
    assert again.hidden >= {A, B, C} and not again.unsure
    assert (again.tags, again.last) == ({A: ("best",)}, "1 picture hidden")
    assert marks.hidden >= {A, B, C}, "of a process that runs"
    (sentence,) = files.unread()
    assert is_one_sentence(sentence) and "marks.json" in sentence and files.unread() == []
    aside = marks.path.with_name("marks.json.damaged")
    assert (aside.read_bytes() if aside.exists() else None) == bad
    if damage is not flipped:
        assert marks.path.read_bytes() == before


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_where_both_are_damaged_what_can_be_read_stays_hidden(marks: Marks, damage: Damage) -> None:
    known = {"cut by a byte": {A, B, C}, "one digit": {B, C}, "not text": {A, B, C}}
    name = next(name for name, one in DAMAGES.items() if one is damage)
    for path in (marks.path, keeping.copy_of(marks.path)):
        spoil(path, damage)
    if name == "gone":  # as before the first mark: there is nothing to be unsure of
        assert not Marks(marks.path).unsure
        return
    again = Marks(marks.path)
    assert again.unsure and again.hidden >= known.get(name, set())
    (sentence,) = files.unread()
    assert is_one_sentence(sentence) and "--confirm-hidden" in sentence
    assert len(list(marks.path.parent.glob("*.damaged"))) == 2
    again.hide([A])
    again.undo()
    files._said.clear()
    assert Marks(marks.path).unsure, "until it is confirmed, by whichever process"
    assert "--confirm-hidden" in files.unread()[0], "which says so, too"
    again.hide([A, B, C])
    again.confirm()
    assert not Marks(marks.path).unsure and Marks(marks.path).hidden >= {A, B, C}


def test_marks_cut_short_without_a_copy_hide_what_they_still_name(marks: Marks) -> None:
    """As in a home of an earlier version."""
    keeping.copy_of(marks.path).unlink()
    content = marks.path.read_bytes()
    marks.path.write_bytes(content[: content.index(B.encode()) + 70])
    assert Marks(marks.path).hidden == {A, B} and Marks(marks.path).unsure


def test_marks_of_an_earlier_version_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    path.write_text(
        json.dumps({"hidden": ["x"], "tags": {"y": ["sale"]}, "changes": [["1 picture hidden", ["x"], {}]]})
    )
    marks = Marks(path)
    assert (marks.hidden, marks.tags, marks.unsure, files.unread()) == ({"x"}, {"y": ("sale",)}, False, [])
    assert marks.undo() == "1 picture hidden" and keeping.copy_of(path).exists()


def test_damaged_marks_in_a_home_that_can_only_be_read(marks: Marks, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*args: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    spoil(marks.path, DAMAGES["cut short"])
    monkeypatch.setattr(files, "write_atomically", closed)
    monkeypatch.setattr(os, "replace", closed)
    for _ in range(2):
        assert Marks(marks.path).hidden >= {A, B, C}


def test_a_folder_in_place_of_the_marks(marks: Marks) -> None:
    marks.path.unlink()
    (marks.path / "in the way").mkdir(parents=True)
    assert Marks(marks.path).hidden == {A, B, C}
    assert (marks.path.with_name("marks.json.damaged") / "in the way").is_dir() and marks.path.is_file()


@pytest.mark.parametrize("local", [False, True], ids=["a visitor", "the local user"])
def test_visitors_see_nothing_of_a_collection_while_the_marks_are_unsure(
    library: Library, pictures: Path, local: bool
) -> None:
    red = digest(paint(pictures / "red.png", RED))
    catalogue = library.open(pictures)
    library.scan(catalogue)
    catalogue.hide([red])
    for path in (catalogue.marks.path, keeping.copy_of(catalogue.marks.path)):
        path.write_bytes(b"{")
    shelf = Shelf(library, pictures, local=local)
    if local:
        assert shelf.catalogue(shelf.first, "colour").unsure and shelf.thumbnail(shelf.first, red).exists()
        return
    for ask in (lambda: shelf.catalogue(shelf.first, "colour"), lambda: shelf.thumbnail(shelf.first, red)):
        with pytest.raises(SemblanceError) as refused:
            ask()
        assert is_one_sentence(str(refused.value)) and str(library.home) not in str(refused.value)
    library.open(pictures).confirm()
    assert shelf.thumbnail(shelf.first, red).exists()


def test_the_gallery_shows_the_local_user_that_the_marks_are_unsure_and_takes_the_confirmation(
    library: Library, pictures: Path
) -> None:
    paint(pictures / "red.png", RED)
    library.scan(library.open(pictures))
    catalogue = library.open(pictures)
    catalogue.hide(catalogue.paths)
    for path in (catalogue.marks.path, keeping.copy_of(catalogue.marks.path)):
        path.write_bytes(b"{")
    shelf = Shelf(library, pictures, local=True)
    gallery, asked = _Events(shelf), (shelf.first, None, "", [], [], "By folder", False, ())
    assert 'data-digest="confirm"' in gallery.show(0, *asked)
    pressed: Any = SimpleNamespace(does="confirm", digests="", tag="")
    _, wall, _ = gallery.mark(pressed, (), 0, *asked)
    assert 'data-digest="confirm"' not in wall and not library.open(pictures).unsure


def test_the_command_line_says_once_what_was_damaged_and_takes_the_confirmation(
    library: Library, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paint(pictures / "red.png", RED)
    command = ["index", str(pictures), "-e", "colour", "--home", str(library.home)]
    assert app.main(command) == 0
    catalogue = library.open(pictures)
    catalogue.hide(catalogue.paths)
    for path in (catalogue.marks.path, keeping.copy_of(catalogue.marks.path)):
        path.write_bytes(b"{")
    capsys.readouterr()
    assert app.main([*command, "--confirm-hidden"]) == 0
    assert capsys.readouterr().err.count("--confirm-hidden") == 1
    assert not Library(library.home).open(pictures).unsure
    assert app.main(command) == 0 and capsys.readouterr().err == ""


# --- what else is kept as JSON


def indexed(home: Path, pictures: Path) -> tuple[Library, Catalogue]:
    library = Library(home)
    catalogue = library.open(pictures)
    library.index(catalogue, Toy()).update()
    return library, catalogue


def other_digest(state: Path) -> None:
    """One digit of a picture's digest, and nothing else."""
    told = json.loads(state.read_bytes())
    first = next(iter(told["entries"].values()))[2]
    state.write_bytes(
        state.read_bytes().replace(first.encode(), (("0" if first[0] != "0" else "1") + first[1:]).encode())
    )


@pytest.mark.parametrize("damaged", ["catalogue.json", "both"])
def test_a_flipped_digit_in_the_catalogue_loses_no_picture(home: Path, rainbow: Path, damaged: str) -> None:
    _, catalogue = indexed(home, rainbow)
    whole = set(catalogue.paths)
    for path in (catalogue.state, keeping.copy_of(catalogue.state))[: 1 if damaged != "both" else 2]:
        other_digest(path)
    library = Library(home)
    report = library.index(library.open(rainbow), Toy()).update()
    assert (report.new, report.kept, set(library.open(rainbow).paths)) == (0, 5, whole)


def test_a_flipped_digit_in_a_catalogue_of_an_earlier_version_is_hashed_again(home: Path, rainbow: Path) -> None:
    _, catalogue = indexed(home, rainbow)
    whole = set(catalogue.paths)
    keeping.copy_of(catalogue.state).unlink()
    told = json.loads(catalogue.state.read_bytes())
    del told["checksum"]
    catalogue.state.write_text(json.dumps(told))
    other_digest(catalogue.state)
    library = Library(home)
    first = library.index(library.open(rainbow), Toy()).update()
    assert [skip.reason for skip in first.skipped] == ["The file changed while it was read; index again."]
    library.index(library.open(rainbow), Toy()).update()
    assert set(library.open(rainbow).paths) == whole
    assert library.index(library.open(rainbow), Toy()).status().done == 5


def test_captions_and_networks_come_back_from_their_copies(home: Path, rainbow: Path) -> None:
    library, catalogue = indexed(home, rainbow)
    one = next(iter(catalogue.paths))
    library.caption(catalogue, one, "a red square")
    library.prefer("product", "builtin")
    for path in (catalogue.state.with_name("metadata.json"), home / preferences.FILE):
        path.write_bytes(path.read_bytes()[:-3])
    library = Library(home)
    assert library.captions(library.open(rainbow))[one].text == "a red square"
    assert library.preferred("product") == "builtin"
    assert len(files.unread()) == 2


def test_damaged_files_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        files.set_aside(path)
    names = [path.name + end for end in (".damaged", ".damaged-2", ".damaged-3")]
    assert [(tmp_path / name).read_bytes() for name in names] == [b"one", b"two", b"three"]
    assert all(map(is_one_sentence, files.unread()))


# --- feature files


def store_in(folder: Path) -> FeatureStore:
    return FeatureStore(folder / "toy.features", "toy", "0123456789ab", 3)


@pytest.fixture
def stored(tmp_path: Path) -> FeatureStore:
    store = store_in(tmp_path)
    rows = [Row(letter * 64, (0, 0, 8, 8)) for letter in "abc"]
    store.append(Features(rows, [np.eye(3, dtype=np.float32)], {"d" * 64: "No picture."}))
    store.commit({letter * 64 for letter in "abcd"})
    return store


def test_any_flipped_bit_of_a_feature_file_is_noticed(stored: FeatureStore) -> None:
    whole = stored.path.read_bytes()
    told = stored.read().rows, stored.read().take([0, 1, 2]).tolist(), stored.read().refused
    padding = range(pickle_end(whole), len(whole) - 36)
    for place in range(len(whole)):
        stored.path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        fresh = store_in(stored.path.parent).read()
        assert not fresh.rows or (fresh.rows, fresh.take([0, 1, 2]).tolist(), fresh.refused) == told, place
        assert not fresh.rows or place not in padding
        for left in stored.path.parent.glob("*.damaged*"):
            left.unlink()


def pickle_end(content: bytes) -> int:
    return files.load_plain(content)[1]


def test_a_feature_file_of_an_earlier_version_is_read_as_it_is(stored: FeatureStore) -> None:
    whole = stored.path.read_bytes()
    head = pickle.loads(whole)
    del head["checksum"]
    start = pickle.dumps(head, protocol=5)
    stored.path.write_bytes(start + bytes(-len(start) % 64) + whole[-36:])
    assert store_in(stored.path.parent).read().rows == stored.read().rows


GREEDY = {
    "a memo of 64 GB": b"\x80\x05]r\xff\xff\xff\xff.",
    "bytes of a terabyte": b"\x80\x05\x8e" + (1 << 40).to_bytes(8, "little") + b".",
    "a text of 4 GB": b"\x80\x05X\xff\xff\xff\xff.",
    "a bytearray of a terabyte": b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",
    "a frame of a terabyte": b"\x80\x05\x95" + (1 << 40).to_bytes(8, "little") + b"N.",
    "a number of 2 GB": b"\x80\x05\x8b\xff\xff\xff\x7f.",
}


@pytest.mark.parametrize("content", GREEDY.values(), ids=GREEDY)
def test_what_asks_for_absurd_memory_is_refused_before_it_is_unpickled(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_Unpickler", None)
    with pytest.raises(pickle.UnpicklingError):
        files.load_plain(content)


@pytest.mark.parametrize(
    "changes",
    [{"rows": "9" * 1_000_000}, {"rows": b"9" * 1_000_000}, {"remarks": [["x"] * 100_000] * 3}],
    ids=["a text of rows", "bytes of rows", "remarks that repeat"],
)
def test_a_head_that_multiplies_is_refused(stored: FeatureStore, changes: dict[str, Any]) -> None:
    head = pickle.loads(stored.path.read_bytes()) | changes
    del head["checksum"]
    start = pickle.dumps(head, protocol=5)
    stored.path.write_bytes(start + bytes(-len(start) % 64) + np.eye(3, dtype="<f4").tobytes())
    assert store_in(stored.path.parent).read().rows == []


PLAIN = {
    "nothing": None,
    "numbers": [0, -1, 255, 256, 65_536, 1 << 40, 1 << 100, 1.5, True, False],
    "texts": ["", "é" * 300, "x" * 64, "x" * 70_000],
    "bytes": [b"", b"x" * 64, b"x" * 300, b"x" * 100_000],
    "nested": {"a": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {"b": {3, 4}, "c": frozenset("d")}]},
    "many": [f"{i:064}" for i in range(20_000)],
}


@pytest.mark.parametrize("told", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_all_that_is_plain_is_read(told: Any, protocol: int) -> None:
    if protocol == 2 and told in (PLAIN["bytes"], PLAIN["nested"]):
        pytest.skip("protocol 2 needs classes for these")
    content = pickle.dumps(told, protocol)
    if b"r" in {opcode.code.encode("latin-1") for opcode, _, _ in pickletools.genops(content)}:
        pytest.skip("never written: a memo with numbers of four bytes")
    assert files.load_plain(content + b"more") == (told, len(content))


@pytest.mark.parametrize("name", ["toy.features", "toy.journal"])
def test_a_folder_in_place_of_a_feature_file_is_set_aside(home: Path, rainbow: Path, name: str) -> None:
    indexed(home, rainbow)
    (file,) = home.rglob("*.features")
    path = file.with_suffix("." + name.partition(".")[2])
    if path.exists():
        path.unlink()
    (path / "in the way").mkdir(parents=True)
    library = Library(home)
    library.index(library.open(rainbow), Toy()).update()
    assert len(library.index(library.open(rainbow), Toy()).search(rainbow / "warm/red.png").matches) == 5
    assert path.with_name(path.name + ".damaged").is_dir()


def test_any_flipped_bit_of_a_kept_pickle_is_noticed(home: Path, rainbow: Path) -> None:
    path = home / "some.head"
    keeping.keep_plain(path, {"weights": [1.5, 2.5], "labels": ["a", "b"]})
    whole, told = path.read_bytes(), keeping.kept_plain(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert keeping.kept_plain(path) == told, place
        except AssertionError:
            raise
        except Exception:
            continue
    path.write_bytes(pickle.dumps(told, protocol=5))
    assert keeping.kept_plain(path) == told, "of an earlier version"


# --- graphs


VECTORS = np.random.default_rng(5).normal(size=(100, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
IDS = [f"{number:03}/0" for number in range(100)]


def save(saved: Path, rows: np.ndarray = VECTORS, key: bytes = b"ours") -> None:
    ids = IDS[: len(rows)]
    assert index.save(ids, [rows], saved, "space", lambda *step: None, lambda: False, "hnsw", key)


def ask(saved: Path) -> str:
    found = index.over(IDS, [VECTORS], saved, "space", "hnsw", b"ours")
    assert found.query(VECTORS[:1], 1)[0] == [IDS[:1]]
    return found.name


def foreign(saved: Path) -> None:
    save(saved, key=b"theirs")


def wrong_links(saved: Path) -> None:
    """Of which usearch would crash, though the checksum of earlier versions fits."""
    graph = bytearray(saved.read_bytes()[:-32])
    graph[200:] = b"\xff" * len(graph[200:])
    saved.write_bytes(graph + zlib.crc32(bytes(graph), zlib.crc32(b"space")).to_bytes(4, "little"))


def of_other_length(saved: Path) -> None:
    saved.unlink()
    save(saved, np.ascontiguousarray(VECTORS[:, :4]))


def a_folder(saved: Path) -> None:
    saved.unlink()
    saved.mkdir()


def one_bit(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[500] ^= 1
    saved.write_bytes(content)


GRAPHS = {
    "written elsewhere": (foreign, True),
    "wrong links, right CRC": (wrong_links, False),
    "vectors of another length": (of_other_length, True),
    "a folder": (a_folder, True),
    "one bit": (one_bit, True),
}


@pytest.mark.parametrize(("damage", "aside"), GRAPHS.values(), ids=GRAPHS)
def test_a_graph_that_this_home_did_not_write_is_not_read_but_made_again(
    tmp_path: Path, damage: Callable[[Path], None], aside: bool
) -> None:
    saved = tmp_path / "toy.hnsw"
    if damage is not foreign:
        save(saved)
    damage(saved)
    assert "index again" in ask(saved)
    assert saved.with_name("toy.hnsw.damaged").exists() == aside == bool(files.unread())
    save(saved)
    assert "HNSW" in ask(saved)


def test_a_library_signs_its_graphs_with_a_key_of_the_home(home: Path, rainbow: Path) -> None:
    library = Library(home, "hnsw")
    library.index(library.open(rainbow), Toy()).update()
    assert (home / files.KEY).stat().st_mode & 0o777 == 0o600
    asked = library.index(library.open(rainbow), Toy()).search(rainbow / "warm/red.png")
    assert "HNSW" in asked.index
    (home / files.KEY).write_bytes(bytes(32))
    asked = Library(home, "hnsw").index(library.open(rainbow), Toy()).search(rainbow / "warm/red.png")
    assert "HNSW" not in asked.index and len(asked.matches) == 5


@pytest.mark.parametrize("damage", [b"", b"short"])
def test_the_key_of_a_home_stays_and_a_damaged_one_is_made_anew(home: Path, damage: bytes) -> None:
    first = files.key(home)
    assert files.key(home) == first and len(first) == 32
    (home / files.KEY).write_bytes(damage)
    second = files.key(home)
    assert len(second) == 32 and files.key(home) == second != first
    assert not list(home.glob("*.tmp"))


@pytest.mark.parametrize("local", [False, True], ids=["a visitor", "the local user"])
def test_the_app_shows_damage_once_and_a_path_only_to_the_local_user(
    library: Library,
    pictures: Path,
    local: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(suite.gr, "Warning", lambda sentence, **options: shown.append(sentence))
    paint(pictures / "red.png", RED)
    shelf = Shelf(library, pictures, local=local)
    files.say_once("A file was damaged.")
    for _ in range(2):
        suite._tell_damage(shelf)
    assert shown == ["A file was damaged."] * local
    assert caplog.text.count("A file was damaged.") == (not local)


# --- the system's errors

ERRORS = ("EFBIG", "EIO", "EMFILE", "EISDIR", "ENOENT", "EROFS", "ENOSPC", "EACCES", "ENOTDIR", "ESTALE")


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_an_error_of_the_home_is_a_sentence_with_the_file_and_what_to_do(
    home: Path, rainbow: Path, monkeypatch: pytest.MonkeyPatch, name: str, when: str
) -> None:
    number = getattr(errno, name)

    def fails(*args: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number), *args[:1] if when == "replace" else ())

    monkeypatch.setattr(os, when, fails)
    library = Library(home)
    doings: dict[str, Callable[[], object]] = {
        "index": lambda: library.index(library.open(rainbow), Toy()).update(),
        "hide": lambda: library.open(rainbow).marks.hide([A]),
        "caption": lambda: library.caption(library.open(rainbow), A, "text"),
        "prefer": lambda: library.prefer("product", "builtin"),
        "duplicates": lambda: library.find_duplicates(library.open(rainbow)),
    }
    for what, does in doings.items():
        with pytest.raises(SemblanceError) as refused:
            does()
        sentence = str(refused.value)
        assert is_one_sentence(sentence) and os.strerror(number) in sentence, what
        assert str(home) in sentence and ";" in sentence and not sentence.count(".tmp"), what
    monkeypatch.undo()
    assert library.index(library.open(rainbow), Toy()).update().rows == 5
    assert not list(home.rglob("*.tmp"))


@pytest.mark.parametrize("name", ["EIO", "EMFILE", "ENOENT"])
def test_a_feature_file_that_cant_be_read_is_a_sentence(
    home: Path, rainbow: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    indexed(home, rainbow)
    library = Library(home)
    asked = library.index(library.open(rainbow), Toy())
    number, opened = getattr(errno, name), Path.open

    def fails(path: Path, *args: Any, **options: Any) -> Any:
        if path.suffix == ".features" and name != "ENOENT":
            raise OSError(number, os.strerror(number), os.fspath(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", fails)
    if name == "ENOENT":
        shutil.rmtree(home)
    with pytest.raises(SemblanceError) as refused:
        asked.search(rainbow / "warm/red.png")
    assert is_one_sentence(str(refused.value))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_can_only_be_read_still_answers(home: Path, rainbow: Path) -> None:
    indexed(home, rainbow)
    for path in [home, *home.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        read_only(home, rainbow)
    finally:
        for path in [home, *home.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def read_only(home: Path, rainbow: Path) -> None:
    library = Library(home, "hnsw")
    asked = library.index(library.open(rainbow), Toy())
    assert len(asked.search(rainbow / "warm/red.png").matches) == 5
    for does in (asked.update, lambda: library.open(rainbow).marks.hide([A])):
        with pytest.raises(SemblanceError) as refused:
            does()
        assert is_one_sentence(str(refused.value)) and str(home) in str(refused.value)


def test_a_home_on_a_disk_that_takes_no_writes_still_answers(
    home: Path, rainbow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, for root too: every opening for writing, and every change of a folder, is refused."""
    indexed(home, rainbow)
    closed = OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(home))
    opened = os.open

    def fails(*args: Any, **options: Any) -> Any:
        raise closed

    def read(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(home)):
            raise closed
        return opened(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", read)
    for name in ("replace", "mkdir", "unlink", "truncate"):
        monkeypatch.setattr(os, name, fails)
    read_only(home, rainbow)


def test_left_over_temporary_files_are_swept(home: Path, rainbow: Path) -> None:
    library, catalogue = indexed(home, rainbow)
    folder = catalogue.state.parent
    names = ("catalogue.json", "catalogue.json.copy", "metadata.json", "marks.json")
    own = [folder / f"{name}abcd1234.tmp" for name in names]
    old, new = folder / "toy-0.headabcd1234.tmp", folder / "toy-1.headabcd1234.tmp"
    for path in (*own, old, new, home / "networks.jsonabcd1234.tmp"):
        path.write_bytes(b"half")
    for path in (old, home / "networks.jsonabcd1234.tmp"):
        os.utime(path, (time.time() - 2 * files.STALE,) * 2)
    library.index(catalogue, Toy()).update()
    catalogue.marks.hide([A])
    assert list(home.rglob("*.tmp")) == [new], "which another process may be writing"


# --- memory


SHORT = {
    "Python": MemoryError(),
    "NumPy": MemoryError("Unable to allocate 1.00 TiB for an array"),
    "the system": OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    "threads": RuntimeError("can't start new thread"),
    "a library": ImportError("libx.so: failed to map segment from shared object"),
    "C++": RuntimeError("std::bad_alloc"),
}


@pytest.mark.parametrize("error", SHORT.values(), ids=SHORT)
def test_where_memory_is_short_the_command_line_says_so(
    error: Exception, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(Library, "index", short)
    paint(pictures / "red.png", RED)
    assert app.main(["index", str(pictures), "-e", "colour"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("There is not enough memory") and is_one_sentence(told.removesuffix("\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="ulimit -v")
def test_a_limit_of_memory_that_nothing_can_run_in_is_a_sentence(pictures: Path) -> None:
    limit = f"ulimit -v {LEAST_MEMORY // 1024 - 1}; exec {sys.executable} app.py index {pictures} -e colour"
    ran = subprocess.run(["bash", "-c", limit], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (1, "") and is_one_sentence(ran.stderr.removesuffix("\n"))
    assert "ulimit -v" in ran.stderr
