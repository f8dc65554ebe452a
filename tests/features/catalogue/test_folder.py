"""A folder of pictures: known by the hash of their bytes, brought up to date by doing just what has changed."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from features.errors import CatalogueError
from features.library import Library
from tests.support.toy import BLUE, GREEN, ORANGE, RED, YELLOW, Toy, digest, is_one_sentence, paint, snapshot

LONG_AGO = 1_000_000_000


def three(folder: Path) -> None:
    """In a format in which all are of one size."""
    for path, colour in (("a/one.bmp", RED), ("a/two.bmp", GREEN), ("b/one.bmp", BLUE)):
        os.utime(paint(folder / path, colour), (LONG_AGO, LONG_AGO))


def nothing(folder: Path) -> None:
    pass


def add(folder: Path) -> None:
    paint(folder / "c/one.bmp", ORANGE)


def add_two_alike(folder: Path) -> None:
    paint(folder / "c/one.bmp", ORANGE)
    paint(folder / "d/two.bmp", ORANGE)


def copy(folder: Path) -> None:
    shutil.copy(folder / "a/one.bmp", folder / "b/copy.bmp")


def replace(folder: Path) -> None:
    paint(folder / "a/one.bmp", YELLOW)


def replace_by_another_of_them(folder: Path) -> None:
    paint(folder / "a/one.bmp", BLUE)


def touch(folder: Path) -> None:
    os.utime(folder / "a/one.bmp")


def rename(folder: Path) -> None:
    (folder / "a/one.bmp").rename(folder / "a/other.bmp")


def rename_the_folder(folder: Path) -> None:
    (folder / "a").rename(folder / "z")


def swap_names(folder: Path) -> None:
    (folder / "a/one.bmp").rename(folder / "x.bmp")
    (folder / "a/two.bmp").rename(folder / "a/one.bmp")
    (folder / "x.bmp").rename(folder / "a/two.bmp")


def remove(folder: Path) -> None:
    (folder / "a/one.bmp").unlink()


def remove_a_folder(folder: Path) -> None:
    shutil.rmtree(folder / "a")


def all_at_once(folder: Path) -> None:
    add(folder)
    rename_the_folder(folder)
    (folder / "b/one.bmp").unlink()


CHANGES = [  # what was done; then new, kept, removed
    (nothing, 0, 3, 0),
    (add, 1, 3, 0),
    (add_two_alike, 1, 3, 0),
    (copy, 0, 3, 0),
    (replace, 1, 2, 1),
    (replace_by_another_of_them, 0, 2, 1),
    (touch, 0, 3, 0),
    (rename, 0, 3, 0),
    (rename_the_folder, 0, 3, 0),
    (swap_names, 0, 3, 0),
    (remove, 0, 2, 1),
    (remove_a_folder, 0, 1, 2),
    (all_at_once, 1, 2, 1),
]


@pytest.mark.parametrize(("change", "new", "kept", "removed"), CHANGES, ids=[case[0].__name__ for case in CHANGES])
def test_only_what_has_changed_is_done(
    home: Path, pictures: Path, change: Callable[[Path], None], new: int, kept: int, removed: int
) -> None:
    three(pictures)
    library = Library(home)
    first = library.index(library.open(pictures), Toy()).update()
    assert (first.images, first.rows, first.new, first.kept, first.removed) == (3, 3, 3, 0, 0)
    change(pictures)
    library, toy = Library(home), Toy()
    report = library.index(library.open(pictures), toy).update()
    assert (report.new, report.kept, report.removed) == (new, kept, removed)
    assert toy.embedded == new
    assert report.images == report.rows == new + kept
    matches = library.index(library.open(pictures), toy).search(paint(home / "query.png", RED), 100).matches
    files = set(pictures.rglob("*.bmp"))
    assert {match.path for match in matches} <= files
    assert {match.digest for match in matches} == {digest(path) for path in files}


def test_an_unchanged_folder_is_not_even_read(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(pictures)
    toy = Toy()
    library.index(library.open(pictures), toy).update()
    stored = snapshot(library.home)

    def read(path: Path) -> bytes:
        assert pictures not in path.parents, f"{path} was read again"
        return path.open("rb").read()

    monkeypatch.setattr(Path, "read_bytes", read)
    library = Library(library.home)
    library.index(library.open(pictures), toy).update()
    assert toy.batches == [3]
    monkeypatch.undo()
    now = snapshot(library.home)
    assert {k: v for k, v in now.items() if not k.endswith(".lock")}.items() <= stored.items()


def test_equal_bytes_are_one_picture(library: Library, pictures: Path) -> None:
    paint(pictures / "b/first.png", RED)
    paint(pictures / "a/second.png", RED)
    catalogue, toy = library.open(pictures), Toy()
    assert library.index(catalogue, toy).update().rows == toy.embedded == 1
    (match,) = library.index(catalogue, toy).search(pictures / "b/first.png").matches
    assert match.path == pictures / "a/second.png" and match.label == "a"


def test_equal_names_are_not_equal_pictures(library: Library, pictures: Path) -> None:
    colours = {"a": RED, "b": GREEN, "c": BLUE, "d": ORANGE}
    for label, colour in colours.items():
        paint(pictures / label / "IMG_0001.png", colour)
    catalogue, toy = library.open(pictures), Toy()
    assert library.index(catalogue, toy).update().rows == 4
    for label in colours:
        best = library.index(catalogue, toy).search(pictures / label / "IMG_0001.png", 1).matches[0]
        assert (best.label, best.score > 0.999) == (label, True)


def test_a_label_is_the_folder_below_the_root(library: Library, pictures: Path) -> None:
    for path, colour in (("top.png", RED), ("a/in.png", GREEN), ("a/b/deep.png", BLUE)):
        paint(pictures / path, colour)
    catalogue, toy = library.open(pictures), Toy()
    library.index(catalogue, toy).update()
    found = {
        match.path.name: match.label
        for match in library.index(catalogue, toy).search(pictures / "top.png").matches
    }
    assert found == {"top.png": "", "in.png": "a", "deep.png": "a/b"}
    assert catalogue.labels() == ["a", "a/b"]


NAMES = {
    "spaces": b" two  words .png",
    "newline": b"two\nlines.png",
    "carriage return and tab": b"a\r\tb.png",
    "unicode": "żółć 写真 🎨.png".encode(),
    "composed": "é.png".encode(),
    "decomposed": "e\u0301.png".encode(),
    "not utf-8": b"caf\xe9.png",
    "dash": b"--home.png",
    "quotes": b'"it\'s".png',
    "percent and backslash": b"%s\\n.png",
    "markup": b"<b>[red]&amp;.png",
    "long": b"x" * 251 + b".png",
    "loud suffix": b"RED.PNG",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_is_taken_as_it_is(library: Library, pictures: Path, name: bytes) -> None:
    folder = pictures / os.fsdecode(name)[:60]
    red = paint(pictures / "red.png", RED)
    folder.mkdir()
    (folder / os.fsdecode(name)).write_bytes(red.read_bytes())
    red.unlink()
    paint(pictures / "z/green.png", GREEN)
    library.index(library.open(pictures), Toy()).update()
    library = Library(library.home)
    catalogue = library.open(pictures)
    best = library.index(catalogue, Toy()).search(folder / os.fsdecode(name), 1).matches[0]
    assert best.path == folder / os.fsdecode(name) and best.path.exists()
    assert best.label == folder.name
    assert library.index(catalogue, toy := Toy()).update().kept == 2 and toy.embedded == 0
    assert library.thumbnail(catalogue, best.digest).exists()
    assert library.known()[0].root == pictures


def test_names_that_only_look_equal_stay_apart(library: Library, pictures: Path) -> None:
    paint(pictures / "é.png", RED)
    paint(pictures / "e\u0301.png", GREEN)
    assert library.index(library.open(pictures), Toy()).update().rows == 2


def test_a_folder_of_any_name_is_a_catalogue(library: Library, tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"two\nlines", b"...", "写真".encode()):
        folder = tmp_path / os.fsdecode(name)
        paint(folder / "red.png", RED)
        assert library.index(library.open(folder), Toy()).update().rows == 1
    assert len(library.known()) == 4


def test_what_is_no_picture_is_passed_over(library: Library, pictures: Path) -> None:
    paint(pictures / "red.png", RED)
    for name in ("notes.txt", "film.mp4", ".hidden.png", ".git/red.png", "__MACOSX/._red.png", "png", "no suffix"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).write_bytes(b"anything")
    report = library.index(library.open(pictures), Toy()).update()
    assert (report.images, report.skipped) == (1, [])


def test_loops_of_links_end(library: Library, pictures: Path) -> None:
    paint(pictures / "a/red.png", RED)
    (pictures / "a/up").symlink_to(pictures)
    (pictures / "a/here").symlink_to(pictures / "a")
    (pictures / "self").symlink_to(pictures / "self")
    report = library.index(library.open(pictures), Toy()).update()
    assert (report.images, report.skipped) == (1, [])
    assert library.open(pictures).labels() == ["a"]


def test_links_are_followed(library: Library, pictures: Path, tmp_path: Path) -> None:
    paint(tmp_path / "elsewhere/green.png", GREEN)
    paint(tmp_path / "alone.png", BLUE)
    (pictures / "b").symlink_to(tmp_path / "elsewhere")
    (pictures / "blue.png").symlink_to(tmp_path / "alone.png")
    (pictures / "dead.png").symlink_to(tmp_path / "nowhere.png")
    (pictures / "round.png").symlink_to(pictures / "round.png")
    report = library.index(library.open(pictures), Toy()).update()
    assert report.images == 2 and library.open(pictures).labels() == ["b"]
    assert [skip.path for skip in report.skipped] == ["dead.png", "round.png"]
    assert all(is_one_sentence(skip.reason) for skip in report.skipped)


def test_a_folder_that_can_not_be_listed_is_told_and_the_rest_goes_on(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(pictures)
    library.index(library.open(pictures), Toy()).update()
    listed = os.scandir

    def closed(folder: str = ".") -> Iterator[os.DirEntry[str]]:  # as for anyone but root after chmod 0
        if os.fspath(folder) == str(pictures / "b"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
        return listed(folder)

    monkeypatch.setattr(os, "scandir", closed)
    report = library.index(library.open(pictures), Toy()).update()
    assert (report.images, report.kept, [skip.path for skip in report.skipped]) == (2, 2, ["b/"])
    assert is_one_sentence(report.skipped[0].reason)
    monkeypatch.undo()
    assert library.index(library.open(pictures), Toy()).update().images == 3


def missing(folder: Path, home: Path) -> Path:
    return folder / "nowhere"


def a_file(folder: Path, home: Path) -> Path:
    return paint(folder / "red.png", RED)


def empty(folder: Path, home: Path) -> Path:
    return folder


def without_pictures(folder: Path, home: Path) -> Path:
    (folder / "notes.txt").write_text("none")
    return folder


def home_inside(folder: Path, home: Path) -> Path:
    paint(home.parent / "red.png", RED)
    return home.parent


def home_itself(folder: Path, home: Path) -> Path:
    paint(home / "red.png", RED)
    return home


def home_inside_by_a_link(folder: Path, home: Path) -> Path:
    paint(home.parent / "red.png", RED)
    (folder / "link").symlink_to(home.parent)
    return folder / "link"


WRONG_FOLDERS = [
    (missing, "There is no folder", "check the path."),
    (a_file, "is a file", "name the folder that holds your pictures."),
    (empty, "No pictures in", "put JPEG, PNG or WebP files there."),
    (without_pictures, "No pictures in", "put JPEG, PNG or WebP files there."),
    (home_inside, "lies among the pictures", "choose another with --home."),
    (home_itself, "lies among the pictures", "choose another with --home."),
    (home_inside_by_a_link, "lies among the pictures", "choose another with --home."),
]


@pytest.mark.parametrize(
    ("make", "what", "advice"), WRONG_FOLDERS, ids=[case[0].__name__ for case in WRONG_FOLDERS]
)
def test_a_wrong_folder_gets_one_sentence(
    home: Path, pictures: Path, make: Callable[[Path, Path], Path], what: str, advice: str
) -> None:
    folder = make(pictures, home)
    before, toy, library = snapshot(pictures), Toy(), Library(home)
    with pytest.raises(CatalogueError) as refusal:
        library.index(library.open(folder), toy).update()
    sentence = str(refusal.value)
    assert is_one_sentence(sentence) and what in sentence and sentence.endswith(advice)
    assert snapshot(pictures) == before and toy.prepared == 0


def test_a_file_that_changes_while_it_is_read_is_said_so(library: Library, pictures: Path) -> None:
    """Scanned as one picture, gone or another by the time it is embedded: never stored under a wrong identity."""
    three(pictures)

    def meddle(done: int, total: int, what: str) -> None:
        if what == "embedding":
            paint(pictures / "a/one.bmp", YELLOW)
            (pictures / "a/two.bmp").unlink(missing_ok=True)

    toy = Toy()
    report = library.index(library.open(pictures), toy).update(meddle)
    assert (report.rows, toy.embedded) == (1, 1)
    assert [skip.path for skip in report.skipped] == ["a/one.bmp", "a/two.bmp"]
    assert all(skip.reason == "The file changed while it was read; index again." for skip in report.skipped)
    again = library.index(library.open(pictures), toy).update()
    assert (again.images, again.rows, again.new, again.skipped) == (2, 2, 1, [])


DAMAGED_STATES = {
    "empty": b"",
    "cut": b'{"root": "/pictures", "hid',
    "not text": b"\xff\xfe\x00",
    "a list": b"[]",
    "a number": b"7",
    "no entries": b'{"root": "/pictures", "hidden": []}',
    "entries of a wrong kind": b'{"root": "/pictures", "hidden": [], "entries": {"a.png": 7}}',
    "entries with a key too many": b'{"root": "/", "hidden": [], "entries": {"a.png": {"size": 1, "evil": 1}}}',
    "hidden of a wrong kind": b'{"root": "/pictures", "hidden": 7, "entries": {}}',
    "too deep": b"[" * 200_000,
}


@pytest.mark.parametrize("content", DAMAGED_STATES.values(), ids=DAMAGED_STATES)
def test_a_damaged_catalogue_is_set_aside_and_made_anew(home: Path, pictures: Path, content: bytes) -> None:
    three(pictures)
    library = Library(home)
    library.index(library.open(pictures), Toy()).update()
    (state,) = home.glob("catalogues/*/catalogue.json")
    state.write_bytes(content)
    library, toy = Library(home), Toy()
    library.known()
    report = library.index(library.open(pictures), toy).update()
    assert (report.kept, toy.embedded) == (3, 0)
    assert state.with_name("catalogue.json.damaged").read_bytes() == content
    assert [catalogue.root for catalogue in Library(home).known()] == [pictures]


def test_known_are_the_folders_that_are_still_there(library: Library, tmp_path: Path) -> None:
    for name in ("one", "two"):
        paint(tmp_path / name / "red.png", RED)
        library.index(library.open(tmp_path / name), Toy()).update()
    assert {catalogue.name for catalogue in Library(library.home).known()} == {"one", "two"}
    shutil.rmtree(tmp_path / "one")
    assert [catalogue.name for catalogue in Library(library.home).known()] == ["two"]


def test_two_folders_of_one_name_are_two_catalogues(library: Library, tmp_path: Path) -> None:
    paint(tmp_path / "x/photos/red.png", RED)
    paint(tmp_path / "y/photos/green.png", GREEN)
    for parent in "xy":
        library.index(library.open(tmp_path / parent / "photos"), Toy()).update()
    answer = library.index(library.open(tmp_path / "x/photos"), Toy()).search(tmp_path / "y/photos/green.png")
    assert [match.path.name for match in answer.matches] == ["red.png"]
