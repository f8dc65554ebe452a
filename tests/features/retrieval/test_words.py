"""Search by words: what counts as a word, and which texts come first."""

from pathlib import Path

import pytest

from engines import SemblanceError
from features.library import Library
from features.retrieval.results import Answer
from features.retrieval.word_search import understands
from features.retrieval.words import NAME, Words, words
from tests.support.toy import BLACK, BLUE, RED, Toy, paint


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" -_.,/\n", []),
        ("Red dress", ["red", "dress"]),
        ("warm/red_dress-02", ["warm", "red", "dress", "02"]),
        ("IMG0042", ["img", "0042"]),
        ("Été à la plage", ["ete", "a", "la", "plage"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("Ёлка", ["елка"]),
        ("कमरा", ["कमरा"]),
        ("赤いドレス", ["赤", "い", "ト", "レ", "ス"]),
        ("Ａｂ①", ["ab", "1"]),
        ("😀 it's", ["it", "s"]),
    ],
)
def test_words_of_a_text(text: str, found: list[str]) -> None:
    assert words(text) == found


TEXTS = {
    "dress": "warm/dress a red dress on a beach",
    "beach": "cold/sand a beach with a dog",
    "dresses": "warm/shop two dresses",
    "soleil": "été/Plage du soleil",
    "cjk": "红色连衣裙",
}


@pytest.mark.parametrize(
    ("text", "unlike", "found"),
    [
        ("", "", []),
        ("nothing of it", "", []),
        ("dress", "", ["dress", "dresses"]),
        ("DRESSES", "", ["dresses", "dress"]),
        ("red dress", "", ["dress", "dresses"]),
        ("a beach", "", ["dress", "beach"]),
        ("beach", "dress", ["beach"]),
        ("plage ete", "", ["soleil"]),
        ("连衣裙", "", ["cjk"]),
        ("do", "", []),  # too short to begin another word
    ],
)
def test_the_best_come_first(text: str, unlike: str, found: list[str]) -> None:
    assert [key for key, _ in Words(TEXTS).rank(text, unlike)] == found


def test_scores_are_shares_of_the_words_and_rare_words_weigh_more() -> None:
    ranked = dict(Words(TEXTS).rank("a dog"))
    assert ranked["beach"] == pytest.approx(1) and 0 < ranked["dress"] < 0.5
    assert Words({}).rank("a dog") == []


# Through the library


@pytest.fixture
def holiday(pictures: Path) -> Path:
    for name, colour in {"warm/red dress": RED, "warm/shoe": BLACK, "cold/dress": BLUE}.items():
        paint(pictures / f"{name}.png", colour)
    return pictures


def stems(answer: Answer) -> list[str]:
    return [match.path.stem for match in answer.matches]


def test_an_engine_without_words_is_searched_by_names_folders_and_captions(
    library: Library, holiday: Path
) -> None:
    catalogue, toy = library.open(holiday), Toy()
    library.scan(catalogue)
    assert not understands(toy)
    answer = library.index(catalogue, toy).search_text("warm dress")
    assert stems(answer) == ["red dress", "dress", "shoe"] and answer.matches[0].score == pytest.approx(1)
    assert (answer.index, answer.network, answer.searched) == (NAME, "none", 3)
    assert (answer.matches[0].label, answer.matches[0].box) == ("warm", None)
    assert toy.embedded == toy.prepared == 0

    shoe = next(match.digest for match in answer.matches if match.path.stem == "shoe")
    library.caption(catalogue, shoe, "A black boot")
    assert stems(library.index(catalogue, toy).search_text("boot")) == ["shoe"]
    catalogue.hide([shoe])
    assert stems(library.index(catalogue, toy).search_text("boot")) == []
    assert stems(library.index(catalogue, toy).search_text("dress", unlike="cold", k=1)) == ["red dress"]


@pytest.mark.parametrize("text", ["", "  "])
def test_no_text_is_refused(library: Library, holiday: Path, text: str) -> None:
    with pytest.raises(SemblanceError, match=r"^Say in a few words what the pictures should show\.$"):
        library.index(library.open(holiday), Toy()).search_text(text)


def test_words_and_a_picture_do_not_mix(library: Library, holiday: Path) -> None:
    with pytest.raises(
        SemblanceError, match=r"^toy can't take a text with a picture here; leave one of them out\.$"
    ):
        library.index(library.open(holiday), Toy()).search_text("dress", holiday / "cold/dress.png")
