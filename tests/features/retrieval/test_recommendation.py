"""Recommending from likes and dislikes: what is asked with, how different the answers are, and why each is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from engines import Engine, SemblanceError, unit_rows
from features.catalogue.folder import Catalogue
from features.library import Library
from features.retrieval.recommendation import diverse, nearest, taste
from features.retrieval.results import Liked
from tests.features.retrieval.test_part_weights import Twofold
from tests.support.toy import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    WHITE,
    Halves,
    Toy,
    digest,
    hue,
    is_one_sentence,
    names,
    paint,
)

X, Y = np.eye(2, dtype=np.float32)
TINY, HUGE = 5e-324, 1.7e308


def at(*degrees: float) -> np.ndarray:
    """(n, 2) float32 unit rows: 0 is X, 90 is Y."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


# --- what is asked with


@pytest.mark.parametrize(
    ("likes", "weights", "dislikes", "theirs", "expected"),
    [
        ([X], [1], [], [], [1, 0]),
        ([X], [7], [], [], [1, 0]),
        ([X, Y], [1, 1], [], [], [0.5, 0.5]),
        ([X, Y], [3, 1], [], [], [0.75, 0.25]),
        ([X, X, Y], [1, 1, 2], [], [], [0.5, 0.5]),
        ([X], [1], [Y], [1], [2, -1]),
        ([X, Y], [1, 1], [Y], [5], [1, 0]),
        ([X], [1], [X, Y], [1, 3], [1.75, -0.75]),
        ([X], [1], [X], [1], [1, 0]),
        ([X, -X], [1, 1], [], [], [0, 0]),
        ([X, Y], [HUGE, HUGE], [], [], [0.5, 0.5]),
        ([X, Y], [TINY, HUGE], [], [], [0, 1]),
    ],
)
def test_taste_is_twice_the_mean_like_less_the_mean_dislike(
    likes: list, weights: list, dislikes: list, theirs: list, expected: list
) -> None:
    np.testing.assert_allclose(taste(likes, weights, dislikes, theirs), expected, atol=1e-12)


@pytest.mark.parametrize("weights", [[0], [-1], [float("nan")], [float("inf")]])
def test_a_weight_that_cannot_be_is_told(weights: list[float]) -> None:
    for given in (([X], weights), ([X], [1], [Y], weights)):
        with pytest.raises(SemblanceError, match=r"^Give each picture a weight of more than 0\.$"):
            taste(*given)


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_pictures_changes_no_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, weights = unit_rows(random.standard_normal((30, 64))), random.lognormal(0, 3, 30)
    order, other = random.permutation(20), 20 + random.permutation(10)
    told = taste(rows[:20], weights[:20], rows[20:], weights[20:])
    assert np.array_equal(told, taste(rows[order], weights[order], rows[other], weights[other]))


# --- how different the answers are


CROWD = at(0, 1, 2, 30, 90)  # to be asked for with 0: three that are nearly one, another, and a stranger


@pytest.mark.parametrize(
    ("diversity", "k", "expected"),
    [
        (0, 3, [0, 1, 2]),
        (0, 9, [0, 1, 2, 3, 4]),
        (0.1, 3, [0, 1, 2]),
        (0.6, 3, [0, 4, 3]),
        (1, 3, [0, 4, 3]),
        (1, 9, [0, 4, 3, 2, 1]),
        (0.5, 0, []),
        (1, 1, [0]),
    ],
)
def test_what_is_like_those_before_it_has_to_wait(diversity: float, k: int, expected: list[int]) -> None:
    assert diverse(CROWD, CROWD @ X, k, diversity) == expected


@pytest.mark.parametrize("diversity", [0, 0.5, 1])
def test_few_candidates_can_be_put_in_order(diversity: float) -> None:
    assert diverse(CROWD[:0], [], 3, diversity) == []
    assert diverse(CROWD[:1], [1.0], 3, diversity) == [0]
    assert diverse(np.stack([X, X, X]), [1.0, 1.0, 1.0], 3, diversity) == [0, 1, 2], "of equals, in their order"


@pytest.mark.parametrize("seed", range(10))
def test_more_diversity_makes_answers_less_alike(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = unit_rows(random.standard_normal((100, 8)))
    rows = rows[np.argsort(-rows[:, 0])]

    def alike(diversity: float) -> float:
        chosen = rows[diverse(rows, rows[:, 0], 10, diversity)]
        return float((chosen @ chosen.T)[np.triu_indices(10, 1)].max())

    assert alike(0) > alike(0.5) > alike(1)


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_diversity_that_cannot_be_is_told(diversity: float) -> None:
    with pytest.raises(SemblanceError, match=r"^Diversity is a number from 0 to 1\.$"):
        diverse(CROWD, CROWD @ X, 3, diversity)


def test_the_nearest_like_is_named() -> None:
    assert nearest(at(0, 40, 90), at(1, 19, 21, 89, 50)) == [0, 0, 1, 2, 1]
    assert nearest(at(0), at(70, 10)) == [0, 0]
    assert nearest(at(0), at()) == []


# --- on a catalogue


@pytest.fixture
def hues(library: Library, pictures: Path) -> Catalogue:
    """Pictures named by the angle of their toy vectors, red being 0 and green 90, and a blue one far from all."""
    for degrees in range(0, 91, 10):
        paint(pictures / f"{degrees}.png", hue(degrees))
    paint(pictures / "blue.png", BLUE)
    catalogue = library.open(pictures)
    library.index(catalogue, Toy()).update()
    return catalogue


def liked(catalogue: Catalogue, *names: int | str, weights: Sequence[float] = ()) -> list[Liked]:
    digests = [digest(catalogue.root / f"{name}.png") for name in names]
    return [Liked(one, weight=weight) for one, weight in zip(digests, weights or [1.0] * len(names), strict=True)]


@pytest.mark.parametrize(
    ("like", "unlike", "expected"),
    [
        ([0], [], ["10", "20", "30"]),
        ([0, 20, 80], [], ["30", "40", "50"]),  # 32 degrees
        ([40], [0], ["70", "60", "80"]),  # 68
        ([40], [90], ["10", "20", "0"]),  # 11
        ([50], [0, 60], ["70", "80", "40"]),  # 64
        ([10, 30, 80], [90], ["0", "20", "40"]),  # 5
    ],
)
def test_likes_draw_near_and_dislikes_push_away(
    library: Library, hues: Catalogue, like: list[int], unlike: list[int], expected: list[str]
) -> None:
    assert names(library.index(hues, Toy()).recommend(liked(hues, *like), liked(hues, *unlike), k=3)) == expected


@pytest.mark.parametrize(
    ("weights", "theirs", "first"),
    [((9, 1), (), "10"), ((1, 2), (), "60"), ((1, 9), (), "80"), ((1, 1), (4, 1), "80"), ((1, 1), (1, 4), "10")],
)
def test_a_picture_may_weigh_more(
    library: Library, hues: Catalogue, weights: tuple[float, ...], theirs: tuple[float, ...], first: str
) -> None:
    likes, unlikes = liked(hues, 0, 90, weights=weights), liked(hues, 20, 70, weights=theirs) if theirs else []
    assert names(library.index(hues, Toy()).recommend(likes, unlikes, k=1)) == [first]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("diversity", [0, 0.7])
def test_the_order_of_likes_does_not_matter(
    library: Library, hues: Catalogue, seed: int, diversity: float
) -> None:
    random = np.random.default_rng(seed)
    drawn = random.permutation(np.arange(0, 91, 10))[:6]
    likes, unlikes = liked(hues, *drawn[:4], weights=(random.random(4) + 0.1).tolist()), liked(hues, *drawn[4:])
    hues.hide([digest(hues.root / "blue.png")])  # as far from every like
    told = []
    for order in (range(4), random.permutation(4)):
        answer = library.index(hues, Toy()).recommend([likes[i] for i in order], unlikes, diversity=diversity)
        reasons = [order[i] for i in answer.because]
        told.append([(match.digest, match.score) for match in answer.matches] + reasons)
    assert told[0] == told[1]


@pytest.mark.parametrize("diversity", [0, 0.5, 1])
def test_what_was_given_never_comes_back(
    library: Library, hues: Catalogue, tmp_path: Path, diversity: float
) -> None:
    """By its digest, as a file of the catalogue, as a copy from elsewhere, and where it lies there twice."""
    (hues.root / "again.png").write_bytes((hues.root / "20.png").read_bytes())
    library.index(hues, Toy()).update()
    copy = tmp_path / "copy.png"
    copy.write_bytes((hues.root / "30.png").read_bytes())
    likes = [*liked(hues, 0), Liked(hues.root / "10.png"), Liked(hues.root / "again.png"), Liked(copy)]
    answer = library.index(hues, Toy()).recommend(likes, liked(hues, "blue", 90), k=99, diversity=diversity)
    assert sorted(names(answer)) == ["40", "50", "60", "70", "80"]
    assert len(answer.because) == 5
    everything = liked(hues, *range(0, 91, 10), "blue")
    assert library.index(hues, Toy()).recommend(everything, diversity=diversity).matches == []


def test_the_like_that_is_nearest_is_the_reason(library: Library, hues: Catalogue) -> None:
    answer = library.index(hues, Toy()).recommend(liked(hues, 90, "blue", 0), k=99)
    reasons = dict(zip(names(answer), answer.because, strict=True))
    assert reasons == {"10": 2, "20": 2, "30": 2, "40": 2, "50": 0, "60": 0, "70": 0, "80": 0}


def test_diverse_answers_are_spread_out(library: Library, hues: Catalogue) -> None:
    near, spread = (library.index(hues, Toy()).recommend(liked(hues, 0), k=3, diversity=d) for d in (0, 1))
    assert names(near) == ["10", "20", "30"]
    assert names(spread) == ["10", "blue", "90"], "the best first; its score stays what it is"
    assert spread.matches[0].score == near.matches[0].score


def test_nothing_of_the_catalogue_is_embedded_anew(library: Library, hues: Catalogue, tmp_path: Path) -> None:
    toy = Toy()
    likes = [*liked(hues, 0, 10), Liked(hues.root / "20.png")]
    library.index(hues, toy).recommend(likes, [Liked(hues.root / "90.png")])
    assert toy.embedded == 0
    upload = Liked(paint(tmp_path / "upload.png", GREEN, RED))
    assert names(library.index(hues, toy).recommend([upload], k=2)) in (["40", "50"], ["50", "40"])
    assert toy.embedded == 1


def test_what_this_engine_has_no_vector_of_is_passed_over(library: Library, pictures: Path) -> None:
    """Hidden, refused, gone, never there."""
    for name, colour in (("red", RED), ("blue", BLUE), ("white", WHITE), ("black", BLACK), ("green", GREEN)):
        paint(pictures / f"{name}.png", colour)
    catalogue, halves = library.open(pictures), Halves()
    library.index(catalogue, halves).update()
    library.index(catalogue, Toy()).update()
    hidden, refused = liked(catalogue, "green", "black")
    catalogue.hide([hidden.picture])
    useless = [hidden, refused, Liked("0" * 64)]
    (red,) = liked(catalogue, "red")
    plain, with_others = (
        library.index(catalogue, halves).recommend(likes, useless) for likes in ([red], [*useless, red])
    )
    assert plain.matches == with_others.matches and {"red", "green"}.isdisjoint(names(plain))
    assert set(plain.because) == {0} and set(with_others.because) == {3}, "numbers of what was given"
    assert len(library.index(catalogue, Toy()).recommend([refused]).matches) == 3, "another engine can use it"
    with pytest.raises(
        SemblanceError, match=r"^None of the pictures that you like can be used by halves"
    ) as refusal:
        library.index(catalogue, halves).recommend(useless)
    assert is_one_sentence(str(refusal.value))


@pytest.mark.parametrize(("part", "first"), [(0, "red"), (1, "green"), (7, "red")])
@pytest.mark.parametrize("stored", [True, False])
def test_one_part_of_a_picture_may_be_liked(
    library: Library, pictures: Path, tmp_path: Path, stored: bool, part: int, first: str
) -> None:
    """One of the faces on a photo, say. 7: it was liked with an engine that sees more of them."""
    for name, colour in (("red", RED), ("green", GREEN)):
        paint(pictures / f"{name}.png", colour)
    both = paint((pictures if stored else tmp_path) / "both.png", RED, GREEN)
    catalogue = library.open(pictures)
    library.index(catalogue, Halves()).update()
    like = Liked(digest(both) if stored else both, part)
    assert names(library.index(catalogue, Halves()).recommend([like]))[0] == first


def test_pictures_that_cancel_each_other_out_are_told(library: Library, pictures: Path) -> None:
    """Red and cyan are opposite colours, and opposite vectors of this engine."""

    class Opposite(Toy):
        name = "opposite"

        def embed(self, crops: Sequence) -> np.ndarray:
            rows = super().embed(crops)
            return unit_rows(rows - rows.mean(axis=1, keepdims=True))

    for name, colour in (("red", RED), ("cyan", (0, 255, 255)), ("blue", BLUE)):
        paint(pictures / f"{name}.png", colour)
    catalogue, engine = library.open(pictures), Opposite()
    library.index(catalogue, engine).update()
    with pytest.raises(SemblanceError, match="cancel each other out") as refusal:
        library.index(catalogue, engine).recommend(liked(catalogue, "red", "cyan"))
    assert is_one_sentence(str(refusal.value))
    assert names(library.index(catalogue, engine).recommend(liked(catalogue, "red", "cyan", weights=[2, 1]))) == [
        "blue"
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda likes: {"like": [], "k": 1}, "Name at least one picture that you like."),
        (
            lambda likes: {"like": [Liked(likes[0].picture, weight=0)]},
            "Give each picture a weight of more than 0.",
        ),
        (lambda likes: {"like": likes, "diversity": 2}, "Diversity is a number from 0 to 1."),
        (
            lambda likes: {"like": likes, "mix": {"left": 1}},
            "This engine's vectors have no parts that could be weighed.",
        ),
        (lambda likes: {"like": [Liked(Path("none.png"))]}, "none.png: There is no such file; check the path."),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(
    library: Library, hues: Catalogue, change: Callable[[list[Liked]], dict], sentence: str
) -> None:
    with pytest.raises(SemblanceError) as refusal:
        library.index(hues, Toy()).recommend(**change(liked(hues, 0)))
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("mix", "expected", "reason"), [({"left": 1}, "red and blue", 0), ({"right": 1}, "blue and green", 0)]
)
def test_parts_of_the_vectors_are_weighed(
    library: Library, pictures: Path, mix: dict[str, float], expected: str, reason: int
) -> None:
    colours = {"red": RED, "green": GREEN, "blue": BLUE}
    for name in ("red and green", "red and blue", "blue and green", "blue and red"):
        left, right = (colours[word] for word in name.split(" and "))
        paint(pictures / f"{name}.png", left, right)
    catalogue, engine = library.open(pictures), Twofold()
    library.index(catalogue, engine).update()
    for diversity in (0, 0.5):
        answer = library.index(catalogue, engine).recommend(
            liked(catalogue, "red and green"), mix=mix, diversity=diversity
        )
        assert names(answer)[0] == expected and answer.because[0] == reason
        assert answer.matches[0].score == pytest.approx(1, abs=1e-5)
        assert list(answer.matches[0].agreement) == ["left", "right"]


@pytest.mark.parametrize("make", [Toy, lambda: Toy(dim=64), Halves])
def test_a_single_picture_has_nothing_to_be_recommended(
    library: Library, pictures: Path, make: Callable[[], Engine]
) -> None:
    only, engine = paint(pictures / "only.png", RED), make()
    catalogue = library.open(pictures)
    library.index(catalogue, engine).update()
    answer = library.index(catalogue, engine).recommend([Liked(only)], diversity=1)
    assert (answer.matches, answer.because, answer.searched) == ([], (), 1)
