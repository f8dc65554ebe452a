"""Parts of vectors weighed anew when searching, several pictures asked with at once, and why a match is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engines import Crop, SemblanceError, VectorPart, fingerprint, unit_rows
from features.catalogue.folder import Catalogue
from features.catalogue.images import open_image
from features.library import Library
from features.retrieval import part_weights
from features.retrieval.part_weights import read_mix
from features.retrieval.results import Reference
from tests.support.toy import BLACK, BLUE, GREEN, RED, YELLOW, Toy, digest, is_one_sentence, paint

PARTS = (VectorPart("left", 3, 0.75, "wings"), VectorPart("right", 3, 0.25, "tail"))


class Twofold(Toy):
    """The mean colours of the left and of the right half, the left one louder: 0.75 and 0.25 of a cosine."""

    name = "twofold"

    def __init__(self) -> None:
        super().__init__(dim=6)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        self.batches.append(len(crops))
        rows = np.zeros((len(crops), 6), np.float32)
        for row, crop in zip(rows, crops, strict=True):
            middle = crop.pixels.shape[1] // 2
            for part, half in ((slice(0, 3), crop.pixels[:, :middle]), (slice(3, 6), crop.pixels[:, middle:])):
                row[part] = unit_rows(half.mean(axis=(0, 1))[None])[0]
        return unit_rows(rows * np.repeat(np.sqrt([0.75, 0.25]), 3))

    def vector_parts(self) -> Sequence[VectorPart]:
        return PARTS


@pytest.fixture
def engine() -> Twofold:
    return Twofold()


@pytest.fixture
def catalogue(library: Library, pictures: Path, engine: Twofold) -> Catalogue:
    for name, left, right in [
        ("reds/plain", RED, RED),
        ("reds/flag", RED, GREEN),
        ("greens/plain", GREEN, GREEN),
        ("greens/flag", GREEN, RED),
        ("blues/plain", BLUE, BLUE),
    ]:
        paint(pictures / f"{name}.png", left, right)
    catalogue = library.open(pictures)
    library.index(catalogue, engine).update()
    return catalogue


def found(library: Library, catalogue: Catalogue, engine: Twofold, query: Path | list[Reference], **how) -> dict:
    matches = library.index(catalogue, engine).search(query, **how).matches
    return {match.path.relative_to(catalogue.root).with_suffix("").as_posix(): match for match in matches}


# --- weighing


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("", {}),
        ("colour", {"colour": 1}),
        ("colour=2, grain", {"colour": 2, "grain": 1}),
        ("colour=0,grain=0.5,", {"colour": 0, "grain": 0.5}),
    ],
)
def test_a_mix_is_read_from_words(text: str, mix: dict[str, float]) -> None:
    assert read_mix(text) == mix


@pytest.mark.parametrize("text", ["colour=much", "colour==1", "colour=1=2"])
def test_what_is_no_mix_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SemblanceError, match="like colour=2") as refusal:
        read_mix(text)
    assert is_one_sentence(str(refusal.value))


@pytest.mark.parametrize("mix", [{"left": 1}, {"right": 3}, {"left": 1, "right": 1}, {"left": 0.1, "right": 0.9}])
def test_the_score_is_the_weighted_mean_of_the_parts_cosines(engine: Twofold, tmp_path: Path, mix: dict) -> None:
    one, other = (paint(tmp_path / f"{left}.png", (left, 99, 0), (0, left, 50)) for left in (30, 200))
    rows = engine.embed([Crop(open_image(path).pixels) for path in (one, other)])
    cosines = {"left": unit_rows(rows[:, :3]), "right": unit_rows(rows[:, 3:])}
    expected = sum(w * float(cosines[name][0] @ cosines[name][1]) for name, w in mix.items()) / sum(mix.values())
    scale = part_weights.scale(PARTS, mix, {"left": 1, "right": 1})
    assert (rows[0] * scale) @ rows[1] == pytest.approx(expected, abs=1e-6)
    assert (rows[0] * scale) @ rows[0] == pytest.approx(1, abs=1e-6), "of a picture to itself"


def test_the_part_that_varies_most_does_not_decide() -> None:
    even = part_weights.scale(PARTS, {"left": 1, "right": 1}, {"left": 0.1, "right": 0.4})
    share = even[[0, 3]] * [0.75, 0.25]
    assert share[0] / share[1] == pytest.approx(4)


@pytest.mark.parametrize(
    ("mix", "told"),
    [
        ({"middle": 1}, "no part 'middle'"),
        ({}, "more than 0"),
        ({"left": 0}, "more than 0"),
        ({"left": -1}, "from 0 up"),
        ({"left": float("nan")}, "from 0 up"),
        ({"left": float("inf")}, "from 0 up"),
    ],
)
def test_a_mix_that_cannot_be_is_told(
    library: Library, catalogue: Catalogue, engine: Twofold, mix: dict, told: str
) -> None:
    query = catalogue.root / "reds/flag.png"
    index = library.index(catalogue, engine)
    for ask in (lambda: index.search(query, mix=mix), lambda: index.calibration(mix)):
        with pytest.raises(SemblanceError, match=told) as refusal:
            ask()
        assert is_one_sentence(str(refusal.value))


def test_an_engine_without_parts_says_so(library: Library, pictures: Path) -> None:
    query = paint(pictures / "red.png", RED)
    catalogue, toy = library.open(pictures), Toy()
    library.index(catalogue, toy).update()
    with pytest.raises(SemblanceError, match="no parts"):
        library.index(catalogue, toy).search(query, mix={"left": 1})
    assert library.index(catalogue, toy).search(query).matches[0].agreement == {}


# --- searching


@pytest.mark.parametrize(
    ("mix", "best"),
    [
        (None, ["reds/flag", "reds/plain"]),
        ({"left": 1}, ["reds/flag", "reds/plain"]),
        ({"right": 1}, ["greens/plain", "reds/flag"]),
    ],
)
def test_a_mix_turns_the_order(
    library: Library, catalogue: Catalogue, engine: Twofold, mix: dict | None, best: list[str]
) -> None:
    matches = found(library, catalogue, engine, catalogue.root / "reds/flag.png", k=2, mix=mix)
    assert sorted(matches) == best
    assert all(match.score == pytest.approx(1, abs=1e-5) for match in matches.values()) or mix is None


def test_nothing_is_embedded_anew_for_a_mix(library: Library, catalogue: Catalogue, engine: Twofold) -> None:
    before = engine.embedded
    found(library, catalogue, engine, catalogue.root / "reds/flag.png", mix={"right": 1})
    assert engine.embedded == before + 1, "the query alone"


def test_each_mix_is_a_space_of_its_own(library: Library, catalogue: Catalogue, engine: Twofold) -> None:
    told = [
        library.index(catalogue, engine).evaluation.retrieval(mix=mix)[0]
        for mix in (None, {"left": 1}, {"right": 1})
    ]
    assert len({one.fingerprint for one in told}) == 3 and told[0].fingerprint == fingerprint(engine)
    assert told[1].precision_at_1 == 1, "labels are the left halves' colours"
    assert told[2].precision_at_1 == 0
    same = [
        library.index(catalogue, engine).evaluation.retrieval(mix=mix)[0]
        for mix in ({"left": 1}, {"right": 0, "left": 1.0})
    ]
    assert same[0].fingerprint == same[1].fingerprint


def test_strangers_are_weighed_as_the_matches_are(library: Library, catalogue: Catalogue, engine: Twofold) -> None:
    left, right = (library.index(catalogue, engine).calibration({name: 1}) for name in ("left", "right"))
    assert left.strangers.max() < 0.01, "no two labels share the colour on the left"
    assert right.strangers.max() == pytest.approx(1, abs=1e-5)


def test_a_match_tells_which_parts_agree(library: Library, catalogue: Catalogue, engine: Twofold) -> None:
    matches = found(library, catalogue, engine, catalogue.root / "reds/flag.png", k=5)
    assert list(matches["reds/plain"].agreement) == ["left", "right"]
    plain, other = matches["reds/plain"].agreement, matches["greens/plain"].agreement
    assert plain["left"] == 1 and plain["left"] > other["left"]
    assert other["right"] > plain["right"], "red meets green on the right"
    assert all(0 <= share <= 1 for match in matches.values() for share in match.agreement.values())


# --- several references


def test_several_references_are_averaged_by_their_weights(
    library: Library, catalogue: Catalogue, engine: Twofold, tmp_path: Path
) -> None:
    red, green = (paint(tmp_path / f"{name}.png", colour) for name, colour in (("r", RED), ("g", GREEN)))
    paint(catalogue.root / "mixed" / "yellow.png", YELLOW)
    library.index(catalogue, engine).update()
    for weights, first in [((1, 1), "mixed/yellow"), ((9, 1), "reds/plain"), ((1, 9), "greens/plain")]:
        references = [Reference(path, weight) for path, weight in zip((red, green), weights, strict=True)]
        assert next(iter(found(library, catalogue, engine, references))) == first
        assert list(found(library, catalogue, engine, references[::-1])) == list(
            found(library, catalogue, engine, references)
        ), "their order is nothing"


@pytest.mark.parametrize("weights", [[], [0], [1, -1], [float("nan")], [float("inf")]])
def test_weights_that_cannot_be_are_told(
    library: Library, catalogue: Catalogue, engine: Twofold, weights: list[float]
) -> None:
    references = [Reference(catalogue.root / "reds/plain.png", weight) for weight in weights]
    with pytest.raises(SemblanceError, match="weight of more than 0"):
        library.index(catalogue, engine).search(references)


def test_which_of_several_references_is_broken_is_told(
    library: Library, catalogue: Catalogue, engine: Twofold, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(SemblanceError, match=r"^broken\.png: "):
        library.index(catalogue, engine).search([Reference(catalogue.root / "reds/plain.png"), Reference(broken)])


@pytest.mark.parametrize("colours", [[], [(RED, RED)], [(RED, RED), (BLACK, BLACK)]], ids=["none", "one", "black"])
def test_small_collections_can_be_weighed_too(
    library: Library, pictures: Path, engine: Twofold, tmp_path: Path, colours: list
) -> None:
    """One label, so that there are no strangers to tell a spread from."""
    query = paint(pictures / "own.png", GREEN, RED)
    for number, (left, right) in enumerate(colours):
        paint(pictures / f"{number}.png", left, right)
    catalogue = library.open(pictures)
    library.index(catalogue, engine).update()
    answer = library.index(catalogue, engine).search(query, mix={"right": 1})
    assert len(answer.matches) == len(colours) + 1
    assert digest(query) in [match.digest for match in answer.matches]
    assert all(np.isfinite(match.score) for match in answer.matches)
