"""One contract for every index: a new one is added to INDEXES and nothing else."""

from collections.abc import Callable

import numpy as np
import pytest

from engines import unit_rows
from features import index
from features.index import Index

INDEXES: dict[str, Callable[[], Index]] = {"exact": index.create}

EAST, NORTH, WEST = (1, 0), (0, 1), (-1, 0)
NORTH_EAST = (0.6, 0.8)


@pytest.fixture(params=INDEXES.values(), ids=INDEXES)
def empty(request: pytest.FixtureRequest) -> Index:
    return request.param()


def vectors(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


@pytest.fixture
def compass(empty: Index) -> Index:
    empty.upsert(["east", "north", "west"], vectors(EAST, NORTH, WEST))
    return empty


def ask(asked: Index, vector: tuple[float, float], k: int, allow: list[str] | None = None) -> dict[str, float]:
    """What is found and how near, best first."""
    ids, cosines = asked.query(vectors(vector), k, allow)
    assert len(ids) == len(cosines) == 1
    return dict(zip(ids[0], (round(cosine, 4) for cosine in cosines[0]), strict=True))


def test_an_empty_index_finds_nothing(empty: Index) -> None:
    assert len(empty) == 0
    assert empty.query(vectors(EAST, NORTH), 3) == ([[], []], [[], []])


def test_adding_nothing_adds_nothing(empty: Index) -> None:
    empty.upsert([], np.zeros((0, 2), np.float32))
    assert len(empty) == 0 and ask(empty, EAST, 1) == {}


def test_asking_nothing_answers_nothing(compass: Index) -> None:
    assert compass.query(np.zeros((0, 2), np.float32), 3) == ([], [])


def test_the_nearest_comes_first_with_its_cosine(compass: Index) -> None:
    assert list(ask(compass, NORTH_EAST, 3).items()) == [("north", 0.8), ("east", 0.6), ("west", -0.6)]


@pytest.mark.parametrize(("k", "found"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (1000, 3)])
def test_at_most_k_come(compass: Index, k: int, found: int) -> None:
    assert len(ask(compass, EAST, k)) == found


@pytest.mark.parametrize(
    ("allow", "found"),
    [
        (["west", "east"], ["east", "west"]),
        (["west"], ["west"]),
        (["west", "nobody"], ["west"]),
        (["nobody"], []),
        ([], []),
    ],
)
def test_only_the_allowed_come(compass: Index, allow: list[str], found: list[str]) -> None:
    assert list(ask(compass, EAST, 3, allow)) == found
    assert len(ask(compass, EAST, 3)) == 3, "a query must not narrow the next"


def test_a_known_id_gets_its_new_vector(compass: Index) -> None:
    ask(compass, EAST, 1)
    compass.upsert(["west", "up"], vectors(NORTH, NORTH_EAST))
    assert len(compass) == 4
    assert ask(compass, NORTH, 4) == {"north": 1, "west": 1, "up": 0.8, "east": 0}


def test_the_removed_come_no_more(compass: Index) -> None:
    ask(compass, EAST, 1)
    compass.remove(["east", "nobody"])
    assert len(compass) == 2 and list(ask(compass, EAST, 3)) == ["north", "west"]
    compass.remove(["north", "west"])
    assert len(compass) == 0 and ask(compass, EAST, 3) == {}
    compass.upsert(["east"], vectors(EAST))
    assert ask(compass, EAST, 3) == {"east": 1}


def test_ids_and_vectors_must_be_as_many(empty: Index) -> None:
    with pytest.raises(ValueError, match="argument"):
        empty.upsert(["east", "north"], vectors(EAST))


def test_ids_are_any_strings(empty: Index) -> None:
    names = ["", "10", "2", "two words", "写真", "a/b", "\n"]
    empty.upsert(names, unit_rows(np.eye(len(names))))
    for row, name in zip(np.eye(len(names), dtype=np.float32), names, strict=True):
        assert empty.query(row[None], 1)[0] == [[name]]


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    return unit_rows(np.random.default_rng(3).normal(size=(500, 16)))


def test_answers_are_those_of_brute_force(empty: Index, crowd: np.ndarray) -> None:
    empty.upsert([str(i) for i in range(500)], crowd)
    queries = unit_rows(np.random.default_rng(4).normal(size=(20, 16)))
    ids, cosines = empty.query(queries, 10)
    expected = queries @ crowd.T
    order = np.argsort(-expected, axis=1)[:, :10]
    assert ids == [[str(place) for place in row] for row in order]
    np.testing.assert_allclose(cosines, np.take_along_axis(expected, order, axis=1), atol=1e-5)


def test_each_finds_itself_with_cosine_one_at_most(empty: Index, crowd: np.ndarray) -> None:
    empty.upsert([str(i) for i in range(500)], crowd)
    ids, cosines = empty.query(crowd, 1)
    assert ids == [[str(i)] for i in range(500)]
    assert np.min(cosines) > 0.9999 and np.max(cosines) <= 1


def test_one_query_alone_answers_as_in_a_batch(empty: Index, crowd: np.ndarray) -> None:
    empty.upsert([str(i) for i in range(500)], crowd)
    together, cosines = empty.query(crowd[:8], 5)
    for i in range(8):
        (alone,), (alone_cosines,) = empty.query(crowd[i : i + 1], 5)
        assert alone == together[i]
        np.testing.assert_allclose(alone_cosines, cosines[i], atol=1e-6)
