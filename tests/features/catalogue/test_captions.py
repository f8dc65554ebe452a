"""Captions: made by an engine, imported from the person's files, written by hand; kept, and moving vectors."""

import json
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from engines import Card, Crop, fingerprint, unit_rows
from features.catalogue.captions import HAND, IMPORTED, Caption
from features.catalogue.folder import Catalogue
from features.catalogue.uploads import receive
from features.indexing.updating import BATCH
from features.keeping import copy_of
from features.library import Library
from tests.support.toy import BLUE, GREEN, RED, YELLOW, Toy, digest, is_one_sentence, paint, snapshot, wheel

HUES = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class Narrator(Toy):
    """Half the mean colour, half the colours that the caption names; its own captions name the strongest."""

    name = "narrator"

    def __init__(self, writer: str = "narrator", taste: str = "") -> None:
        super().__init__(taste, dim=6)
        self.writer = writer
        self.told: list[int] = []  # how many captions were made at a time

    def captioner(self) -> str:
        return self.writer

    def captions(self, crops: Sequence[Crop]) -> list[str]:
        self.told.append(len(crops))
        names = list(HUES)
        return [f"something {names[int(crop.pixels.mean(axis=(0, 1)).argmax())]}" for crop in crops]

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        return self.embed_captioned(crops, self.captions(crops))

    def embed_captioned(self, crops: Sequence[Crop], captions: Sequence[str]) -> np.ndarray:
        return self.recaption(super().embed(crops), captions)

    def recaption(self, vectors: np.ndarray, captions: Sequence[str]) -> np.ndarray:
        words = [sum(np.float32(HUES.get(word, (0, 0, 0))) for word in caption.split()) for caption in captions]
        looks, said = vectors[:, :3], np.reshape(words, (len(vectors), 3))
        return unit_rows(np.concatenate([unit_rows(looks), unit_rows(said)], axis=1)) if len(vectors) else vectors

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        return self.recaption(unit_rows([np.float32(HUES[text.split()[-1]]) for text in texts]), texts)

    def describe(self) -> Card:
        return Card("Narrator", "the same colours, seen and told", 6, "toynet", "none needed", "MIT")


@pytest.fixture
def folder(pictures: Path) -> Path:
    for name, colour in {"warm/red": RED, "warm/yellow": YELLOW, "cold/blue": BLUE, "cold/green": GREEN}.items():
        paint(pictures / f"{name}.png", colour)
    return pictures


def opened(library: Library, folder: Path, engine: Narrator) -> Catalogue:
    catalogue = library.open(folder)
    library.index(catalogue, engine).update()
    return catalogue


def score(library: Library, catalogue: Catalogue, engine: Narrator, query: Path, other: Path) -> float:
    matches = library.index(catalogue, engine).search(query, 10).matches
    return next(match.score for match in matches if match.path == other)


# Made


def test_captions_are_made_once_and_kept(library: Library, folder: Path) -> None:
    engine = Narrator()
    catalogue = opened(library, folder, engine)
    told = library.captions(catalogue)
    assert told[digest(folder / "cold/blue.png")] == Caption("something blue", "narrator") and len(told) == 4
    assert engine.told == [4]
    again = Library(library.home)
    assert again.captions(again.open(folder)) == told

    other = Narrator(taste="another net, the same writer")
    assert fingerprint(other) != fingerprint(engine)
    library.index(catalogue, other).update()
    assert sum(other.told) == 0 and other.embedded == 4
    strange = Narrator("poet", "whose captions are others")
    library.index(catalogue, strange).update()
    assert sum(strange.told) == 4


def test_every_picture_finds_itself_first_with_its_own_caption(library: Library, folder: Path) -> None:
    engine = Narrator()
    catalogue = opened(library, folder, engine)
    library.caption(catalogue, digest(folder / "cold/blue.png"), "a red door", engine)
    engine.told.clear()
    for path in sorted(folder.rglob("*.png")):
        first = library.index(catalogue, engine).search(path, 1).matches[0]
        assert (first.path, first.score) == (path, pytest.approx(1, abs=1e-6))
    assert sum(engine.told) == 0


def test_what_was_captioned_before_a_stop_is_kept(library: Library, pictures: Path) -> None:
    wheel(pictures, BATCH + 5)
    engine, catalogue = Narrator(), library.open(pictures)
    stops = iter([False, True])
    assert library.index(catalogue, engine).update(cancelled=lambda: next(stops)).cancelled
    assert len(library.captions(catalogue)) == BATCH
    assert library.index(catalogue, engine).update().new == 5 and engine.told == [BATCH, 5]


def test_an_engine_that_wants_no_captions_gets_none(library: Library, folder: Path) -> None:
    engine = Narrator(writer="")
    catalogue = opened(library, folder, engine)
    assert library.captions(catalogue) == {}
    library.caption(catalogue, digest(folder / "cold/blue.png"), "green", engine)
    library.index(catalogue, engine).update()
    assert engine.embedded == 4


# By hand


def test_a_caption_by_hand_moves_the_vector_and_only_by_words(library: Library, folder: Path) -> None:
    engine, red, blue = Narrator(), folder / "warm/red.png", folder / "cold/blue.png"
    catalogue = opened(library, folder, engine)
    assert score(library, catalogue, engine, red, blue) == pytest.approx(0, abs=1e-6)
    done = engine.embedded
    library.caption(catalogue, digest(blue), "  a red\n door ", engine)
    assert engine.embedded == done
    assert library.captions(catalogue)[digest(blue)] == Caption("a red door", HAND)
    assert score(library, catalogue, engine, red, blue) == pytest.approx(0.5, abs=1e-6)
    report = library.index(catalogue, engine).update()
    assert (report.rows, report.new, report.kept) == (4, 0, 4)

    library.caption(catalogue, digest(blue), "", engine)
    assert library.captions(catalogue)[digest(blue)] == Caption("something blue", "narrator")
    assert score(library, catalogue, engine, red, blue) == pytest.approx(0, abs=1e-6)


def test_other_engines_follow_when_they_index(library: Library, folder: Path) -> None:
    engine, other, blue = Narrator(), Narrator(taste="other"), folder / "cold/blue.png"
    catalogue = opened(library, folder, engine)
    library.index(catalogue, other).update()
    library.caption(catalogue, digest(blue), "red", engine)
    done = other.embedded
    library.index(catalogue, other).update()
    assert other.embedded == done
    assert score(library, catalogue, other, folder / "warm/red.png", blue) == pytest.approx(0.5, abs=1e-6)


def test_a_caption_that_was_given_and_taken_back_is_made_at_the_next_indexing(
    library: Library, folder: Path
) -> None:
    engine, blue = Narrator(), folder / "cold/blue.png"
    catalogue = library.open(folder)
    library.scan(catalogue)
    library.caption(catalogue, digest(blue), "red")
    library.index(catalogue, engine).update()
    assert sum(engine.told) == 3
    library.caption(catalogue, digest(blue), "", engine)
    assert (library.index(catalogue, engine).update().new, sum(engine.told)) == (1, 4)
    assert library.captions(catalogue)[digest(blue)].text == "something blue"


def test_a_damaged_file_is_set_aside(library: Library, folder: Path) -> None:
    engine = Narrator()
    catalogue = opened(library, folder, engine)
    file = catalogue.state.with_name("metadata.json")
    damages = (b"{", b"[]", b'{"captions": {"x": 3}}', b'{"captions": {"x": {"hand": 3}}}', b"\xff")
    for number, damage in enumerate(damages, 1):
        copy_of(file).unlink(missing_ok=True)
        file.write_bytes(damage)
        assert library.captions(catalogue) == {}
        aside = "metadata.json.damaged" + (f"-{number}" if number > 1 else "")
        assert file.with_name(aside).read_bytes() == damage
        library.caption(catalogue, "x", "kept")
        assert library.captions(catalogue) == {"x": Caption("kept", HAND)}


# Imported


def test_captions_of_the_person_are_read_and_the_folder_is_left_alone(library: Library, folder: Path) -> None:
    (folder / "metadata.csv").write_bytes('\ufefffile_name,text\r\nwarm/red.png,"red, not green"\r\n'.encode())
    (folder / "cold/metadata.jsonl").write_text('{"file_name": "blue.png", "caption": "ein Meer"}\n\n')
    before = snapshot(folder)
    engine = Narrator()
    catalogue = library.open(folder)
    report = library.index(catalogue, engine).update()
    assert report.skipped == [] and sum(engine.told) == 2 and snapshot(folder) == before
    told = library.captions(catalogue)
    assert told[digest(folder / "warm/red.png")] == Caption("red, not green", IMPORTED)
    assert told[digest(folder / "cold/blue.png")] == Caption("ein Meer", IMPORTED)

    library.caption(catalogue, digest(folder / "cold/blue.png"), "by hand", engine)
    (folder / "metadata.csv").unlink()
    library.index(catalogue, engine).update()
    told = library.captions(catalogue)
    assert told[digest(folder / "warm/red.png")] == Caption("something red", "narrator")
    assert told[digest(folder / "cold/blue.png")] == Caption("by hand", HAND)


@pytest.mark.parametrize(
    ("content", "captions", "problem"),
    [
        ("", {}, "It has no column file_name, or none text or caption"),
        ("file_name,title\nwarm/red.png,x\n", {}, "It has no column file_name, or none text or caption"),
        ("file_name;text\nwarm/red.png;x\n", {}, "It has no column file_name, or none text or caption"),
        ("file_name,text\n", {}, ""),
        ("file_name,text\nwarm/red.png,\n", {}, ""),
        ("id,caption,file_name\n7,a dress,warm/red.png\n", {"warm/red": "a dress"}, ""),
        ("file_name,caption,text\nwarm/red.png,one,two\n", {"warm/red": "two"}, ""),
        (
            "file_name,text\n.\\warm\\red.png,x\n./cold/../warm/yellow.png,y\n",
            {"warm/red": "x", "warm/yellow": "y"},
            "",
        ),
        ("file_name,text\nwarm/red.png,x\ngone.png,y\n../up.png,z\n", {"warm/red": "x"}, "2 of the 3 files"),
        ("file_name,text\nwarm/red.png\n,x\ncold/blue.png,ok,more\n", {"cold/blue": "ok"}, "2 of its lines"),
        ('file_name,text\nwarm/red.png,"two\nlines"\n', {"warm/red": "two lines"}, ""),
        (b"file_name,text\nwarm/red.png,\xff\xfe\n", {}, "It is not in UTF-8"),
        ("file_name,text\nwarm/red.png," + "x" * 200_000, {}, "It is no CSV that can be read"),
    ],
)
def test_a_csv_is_read_as_far_as_it_makes_sense(
    library: Library, folder: Path, content: str | bytes, captions: dict[str, str], problem: str
) -> None:
    (folder / "metadata.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    catalogue = library.open(folder)
    problems = library.scan(catalogue)
    told = {digest(folder / f"{name}.png"): Caption(text, IMPORTED) for name, text in captions.items()}
    assert library.captions(catalogue) == told
    assert [found.path for found in problems] == ["metadata.csv"] * bool(problem)
    assert all(found.reason.startswith(problem) and is_one_sentence(found.reason) for found in problems)


WRONG_LINES = {  # what stands in the file; then the captions, and how the sentence begins
    'file_name,text\nwarm/red.png,x\nwarm/yellow.png,"y\ncold/blue.png,z\n': (
        {"warm/red": "x", "cold/blue": "z"},
        "Line 3: a quote that never closes",
    ),
    "file_name,text\nwarm/red.png,a red, round thing\n": ({"warm/red": "a red"}, "Line 2: more cells than heads"),
    'file_name,text\nwarm/red.png,"a" b\ncold/blue.png,z\n': ({"cold/blue": "z"}, "Line 2: a quote"),
    "file_name,text,caption\nwarm/red.png,,told\n": ({"warm/red": "told"}, ""),
}


@pytest.mark.parametrize("content", WRONG_LINES)
def test_a_wrong_line_is_named_and_spoils_no_other(library: Library, folder: Path, content: str) -> None:
    captions, problem = WRONG_LINES[content]
    (folder / "metadata.csv").write_text(content)
    catalogue = library.open(folder)
    problems = library.scan(catalogue)
    told = {digest(folder / f"{name}.png"): Caption(text, IMPORTED) for name, text in captions.items()}
    assert library.captions(catalogue) == told
    assert [found.reason.startswith(problem) for found in problems] == [True] * bool(problem)
    assert all(is_one_sentence(found.reason) for found in problems)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_is_found_in_either_form_of_unicode(library: Library, folder: Path, forms: tuple[str, str]) -> None:
    on_disk, written = (unicodedata.normalize(form, "café.png") for form in forms)
    file = paint(folder / on_disk, (1, 2, 3))
    (folder / "metadata.csv").write_text(f"file_name,text\n{written},coffee\n", "utf-8")
    catalogue = library.open(folder)
    assert library.scan(catalogue) == []
    assert library.captions(catalogue)[digest(file)].text == "coffee"


def test_captions_in_a_zip_are_taken(library: Library, tmp_path: Path) -> None:
    for number in (1, 2):
        picture = paint(tmp_path / f"{number}.png", (number, 0, 0))
        with ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.write(picture, picture.name)
            archive.writestr("metadata.csv", f"file_name,text\n{number}.png,number {number}\n")
        kept, skipped = receive(library.home, "sent", [tmp_path / f"{number}.zip"])
        assert skipped == []
    catalogue = library.open(kept)
    assert library.scan(catalogue) == []
    assert sorted(one.text for one in library.captions(catalogue).values()) == ["number 1", "number 2"]


@pytest.mark.parametrize(
    ("lines", "captions", "problem"),
    [
        ([], {}, ""),
        (['{"file_name": "warm/red.png", "text": "x", "objects": {"bbox": []}}'], {"warm/red": "x"}, ""),
        (
            ["{", "[]", '"x"', '{"file_name": 3, "text": "x"}', '{"file_name": "warm/red.png"}'],
            {},
            "5 of its lines",
        ),
        (["[" * 100_000], {}, "1 of its lines"),
    ],
)
def test_json_lines_are_read_as_far_as_they_make_sense(
    library: Library, folder: Path, lines: list[str], captions: dict[str, str], problem: str
) -> None:
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    catalogue = library.open(folder)
    problems = library.index(catalogue, Toy()).update().skipped
    told = {digest(folder / f"{name}.png"): Caption(text, IMPORTED) for name, text in captions.items()}
    assert library.captions(catalogue) == told
    assert [found.reason.startswith(problem) for found in problems] == [True] * bool(problem)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(library: Library, folder: Path) -> None:
    os.mkfifo(folder / "metadata.csv")
    assert library.scan(library.open(folder)) == []


# Text


def test_a_text_is_held_against_looks_and_captions(library: Library, folder: Path) -> None:
    engine, blue = Narrator(), folder / "cold/blue.png"
    catalogue = opened(library, folder, engine)
    library.caption(catalogue, digest(blue), "a red door", engine)
    answer = library.index(catalogue, engine).search_text("very red", k=3)
    scores = {match.path.stem: match.score for match in answer.matches}
    assert scores == pytest.approx({"red": 1, "yellow": (0.5**0.5 + 1) / 2, "blue": 0.5}, abs=1e-6)
    assert (answer.index, answer.network) == ("exact search", "toynet")


def test_a_text_with_a_picture_and_against_a_text(library: Library, folder: Path) -> None:
    engine, red = Narrator(), folder / "warm/red.png"
    catalogue = opened(library, folder, engine)
    both = library.index(catalogue, engine).search_text("blue", red).matches
    scores = {match.path.stem: match.score for match in both}
    assert scores == pytest.approx(
        {"red": 0.5**0.5, "blue": 0.5**0.5, "yellow": 0.25 + 0.125**0.5, "green": 0}, abs=1e-6
    )
    assert scores["red"] == pytest.approx(scores["blue"], abs=1e-6)
    away = library.index(catalogue, engine).search_text("blue", unlike="red").matches
    assert away[0].path.stem == "blue" and away[-1].path.stem == "red" and away[-1].score < 0


def test_what_is_kept_is_plain_json(library: Library, folder: Path) -> None:
    catalogue = opened(library, folder, Narrator())
    told = json.loads(catalogue.state.with_name("metadata.json").read_text())
    assert told["captions"][digest(folder / "warm/red.png")] == {"narrator": "something red"}


def test_a_tuned_space_follows_the_captions(library: Library, pictures: Path) -> None:
    for number in range(8):
        paint(pictures / f"warm/{number}.png", (255, 10 * number, 0))
        paint(pictures / f"cold/{number}.png", (0, 10 * number, 255))
    engine = Narrator()
    catalogue = opened(library, pictures, engine)
    tuned = library.index(catalogue, engine).tuning.tune()
    library.index(catalogue, tuned).update()
    asked = pictures / "cold/3.png"
    library.caption(catalogue, digest(asked), "green", engine)
    library.index(catalogue, tuned).update()
    first = library.index(catalogue, tuned).search(asked, 1).matches[0]
    assert (first.path, first.score) == (asked, pytest.approx(1, abs=1e-5))
