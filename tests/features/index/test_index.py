"""One contract for every index: a new one in BACKENDS joins by itself. Then what is special to each."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engines import SemblanceError, unit_rows
from features import index
from features.index import Index, approximate, exact
from features.index.approximate import ApproximateIndex
from features.index.exact import ExactIndex
from features.index.reference import ReferenceIndex
from tests.support import ROOT, database

EAST, NORTH, WEST = (1, 0), (0, 1), (-1, 0)
NORTH_EAST = (0.6, 0.8)


def made_of(name: str) -> Index:
    """An empty index; skips where its package is not installed."""
    try:
        return database.empty() if name == "milvus" else index.create(name)
    except SemblanceError as error:
        pytest.skip(str(error))


@pytest.fixture(params=[*index.BACKENDS, "milvus"])
def empty(request: pytest.FixtureRequest) -> Index:
    return made_of(request.param)


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
    assert ask(compass, WEST, 4, ["west", "up"]) == {"west": 0, "up": -0.6}, "nothing is left of the old one"


def test_the_removed_come_no_more(compass: Index) -> None:
    ask(compass, EAST, 1)
    compass.remove(["east", "nobody"])
    assert len(compass) == 2 and list(ask(compass, EAST, 3)) == ["north", "west"]
    compass.remove(["north", "west"])
    assert len(compass) == 0 and ask(compass, EAST, 3) == {}
    compass.upsert(["east"], vectors(EAST))
    assert ask(compass, EAST, 3) == {"east": 1}


@pytest.mark.parametrize("ids", [[], ["east"], ["east", "north", "west"], ["east", "east"]], ids=len)
def test_there_must_be_one_vector_for_each_id_and_each_id_once(compass: Index, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="different ids need as many vectors, not 2"):
        compass.upsert(ids, vectors(WEST, WEST))
    assert list(ask(compass, EAST, 3)) == ["east", "north", "west"], "what was refused must change nothing"


def test_every_index_has_a_name_for_people(empty: Index) -> None:
    assert "search" in empty.name


def test_ids_are_any_strings(empty: Index) -> None:
    names = ["", "10", "2", "two words", "写真", "a/b", "\n"]
    empty.upsert(names, unit_rows(np.eye(len(names))))
    for row, name in zip(np.eye(len(names), dtype=np.float32), names, strict=True):
        assert empty.query(row[None], 1)[0] == [[name]]


def test_equal_ones_come_in_order_of_id(empty: Index) -> None:
    names = [f"{i:02}" for i in np.random.default_rng(1).permutation(20)]
    empty.upsert(names, vectors(*[NORTH_EAST] * 20))
    empty.upsert(["better"], vectors(EAST))
    assert list(ask(empty, EAST, 4)) == ["better", "00", "01", "02"]


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    return unit_rows(np.random.default_rng(3).normal(size=(500, 16)))


def test_answers_are_those_of_brute_force(empty: Index, crowd: np.ndarray) -> None:
    empty.upsert([str(i) for i in range(500)], crowd)
    queries = unit_rows(np.random.default_rng(4).normal(size=(20, 16)))
    ids, cosines = empty.query(queries, 10)
    lengths = np.outer(*(np.linalg.norm(rows.astype(float), axis=1) for rows in (queries, crowd)))
    expected = queries.astype(float) @ crowd.astype(float).T / lengths
    order = np.argsort(-expected, axis=1)[:, :10]
    assert ids == [[str(place) for place in row] for row in order]
    np.testing.assert_allclose(cosines, np.take_along_axis(expected, order, axis=1), atol=1e-12)


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


def test_many_small_additions_are_as_one(empty: Index, crowd: np.ndarray) -> None:
    whole = ExactIndex()
    whole.upsert([str(i) for i in range(500)], crowd)
    for i in range(500):
        empty.upsert([str(i)], crowd[i : i + 1])
    empty.remove([str(i) for i in range(0, 500, 2)])
    whole.remove([str(i) for i in range(0, 500, 2)])
    assert empty.query(crowd, 5) == whole.query(crowd, 5)


def test_the_few_that_are_allowed_all_come_however_far(empty: Index, crowd: np.ndarray) -> None:
    empty.upsert([str(i) for i in range(500)], crowd)
    far = [str(place) for place in np.argsort(crowd @ crowd[0])[:30]]
    (found,), _ = empty.query(crowd[:1], 20, allow=far)
    assert found == far[:9:-1]


def test_many_changes_between_queries_are_as_one_made_anew(empty: Index, crowd: np.ndarray) -> None:
    random, there = np.random.default_rng(5), {}
    for turn in range(6):
        names = [str(i) for i in random.permutation(300)[:150]]
        rows = crowd[random.permutation(500)[:150]]
        empty.upsert(names, rows)
        there |= dict(zip(names, rows, strict=True))
        gone = names[: 20 * turn]
        empty.remove(gone)
        there = {name: row for name, row in there.items() if name not in gone}
        anew = ReferenceIndex()
        anew.upsert([*there], np.array([*there.values()]))
        assert len(empty) == len(anew) and empty.query(crowd[:20], 5) == anew.query(crowd[:20], 5)


def test_cosines_are_those_of_the_reference_to_the_last_digit(empty: Index, crowd: np.ndarray) -> None:
    """Also of duplicates, and of those that are nearly."""
    near = unit_rows(crowd[:50] + 1e-6 * np.random.default_rng(6).normal(size=(50, 16)))
    ids, rows, reference = (
        [str(i) for i in range(600)],
        np.concatenate([crowd, crowd[:50], near]),
        ReferenceIndex(),
    )
    for each in (empty, reference):
        each.upsert(ids, rows)
    assert empty.query(crowd[:100], 7) == reference.query(crowd[:100], 7)
    assert empty.query(crowd[:20], 7, ids[::2]) == reference.query(crowd[:20], 7, ids[::2])


def test_several_threads_ask_at_once(empty: Index, crowd: np.ndarray) -> None:
    expected = ExactIndex()
    for each in (expected, empty):
        each.upsert([str(i) for i in range(500)], crowd)
    with ThreadPoolExecutor(8) as pool:  # the first queries of all: an index that is built late is built meanwhile
        found = list(pool.map(lambda i: empty.query(crowd[i : i + 1], 5), range(100)))
    assert found == [expected.query(crowd[i : i + 1], 5) for i in range(100)]


def clustered(rows: int, dim: int, centres: int, seed: int = 0) -> np.ndarray:
    """Unit vectors as pictures have them: each a centre and as much of its own."""
    random = np.random.default_rng(seed)
    return unit_rows(
        unit_rows(random.normal(size=(centres, dim)))[random.integers(0, centres, rows)]
        + unit_rows(random.normal(size=(rows, dim)))
    )


def recall(asked: Index, expected: Index, queries: np.ndarray) -> float:
    """The share of the ten nearest that come."""
    (found, _), (right, _) = asked.query(queries, 10), expected.query(queries, 10)
    return float(np.mean([len({*a} & {*b}) / len(b) for a, b in zip(found, right, strict=True)]))


@pytest.mark.parametrize("name", [*index.BACKENDS, "milvus"])
def test_of_the_ten_nearest_nearly_all_come(name: str) -> None:
    ours, right = made_of(name), ExactIndex()
    rows = clustered(3000, 64, centres=60, seed=2)
    for each in (ours, right):
        each.upsert([str(i) for i in range(2800)], rows[:2800])
    assert recall(ours, right, rows[2800:]) >= 0.95


# Exact, held to the reference.


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """20,000 rows: random ones, some of which come twice, others 50 times, others again all but equal."""
    random = np.random.default_rng(7)
    rows = unit_rows(random.normal(size=(20_000, 24)))
    rows[1000:2000] = rows[:1000]
    rows[2000:7000] = np.repeat(rows[:100], 50, axis=0)
    rows[7000:9000] = unit_rows(np.repeat(rows[100:120], 100, axis=0) + 1e-7 * random.normal(size=(2000, 24)))
    return rows[random.permutation(20_000)]


@pytest.mark.parametrize("k", [1, 10, 60])
def test_exact_and_reference_agree_to_the_last_digit(many: np.ndarray, k: int) -> None:
    ids = [str(i) for i in range(len(many))]
    ours, reference = ExactIndex(), ReferenceIndex()
    ours.upsert(ids, many)
    reference.upsert(ids, many)
    queries = np.concatenate([many[:60], unit_rows(np.random.default_rng(8).normal(size=(20, 24)))])
    assert ours.query(queries, k) == reference.query(queries, k)
    for removed in (ours, reference):
        removed.remove(ids[:5000])
    assert ours.query(queries, k, ids[::3]) == reference.query(queries, k, ids[::3])


def test_one_query_alone_answers_just_as_in_a_batch(many: np.ndarray) -> None:
    asked = ExactIndex()
    asked.upsert([str(i) for i in range(len(many))], many)
    ids, cosines = asked.query(many[:50], 10)
    assert [asked.query(many[i : i + 1], 10) for i in range(50)] == [([ids[i]], [cosines[i]]) for i in range(50)]


def test_more_queries_than_fit_at_once_answer_the_same(many: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ExactIndex()
    asked.upsert([str(i) for i in range(len(many))], many)
    expected = asked.query(many[:50], 10)
    monkeypatch.setattr(exact, "SCORES", 7 * len(many))
    assert asked.query(many[:50], 10) == expected


def peak(work: Callable[[], object]) -> float:
    """Megabytes held at once by NumPy and Python while it works."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_thousands_of_queries_need_no_more_memory_than_some(many: np.ndarray) -> None:
    asked = ExactIndex()
    asked.upsert([str(i) for i in range(len(many))], many)
    queries = np.repeat(many[:1000], 3, axis=0)
    assert peak(lambda: asked.query(queries, 1)) < 100, "3,000 x 20,000 scores are 229 MB"


def test_memory_mapped_vectors_stay_where_they_are(tmp_path: Path) -> None:
    unit_rows(np.random.default_rng(9).normal(size=(20_000, 256))).tofile(tmp_path / "vectors")
    mapped = np.memmap(tmp_path / "vectors", np.float32, "r", shape=(20_000, 256))
    ids = [str(i) for i in range(20_000)]
    asked = ExactIndex()

    def work() -> None:
        asked.upsert(ids, mapped)
        asked.upsert(["another"], np.array(mapped[:1]))
        assert asked.query(mapped[5:6], 1)[0] == [["5"]]

    assert peak(work) < 6, "the vectors are 20 MB"


def test_a_plain_search_imports_no_other_index() -> None:
    code = """
import sys, numpy as np
from pathlib import Path
from features import index
asked = index.over(["a", "b"], [np.eye(2, dtype=np.float32)], Path("none"), "space")
assert asked.query(np.eye(2, dtype=np.float32), 1)[0] == [["a"], ["b"]]
print(*{"sklearn", "scipy", "usearch", "faiss", "annoy", "pymilvus", "milvus_lite", "grpc"} & sys.modules.keys())
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


# Approximate: how good it is, and its file.


PICTURES = clustered(6000, 64, centres=60)
IDS = [f"picture {i}" for i in range(6000)]


def made(
    ids: list[str], parts: list[np.ndarray], saved: Path, cancelled: bool = False
) -> list[tuple[int, int, str]]:
    """Brings the file up to date; what progress was told."""
    told: list[tuple[int, int, str]] = []
    approximate.update(ids, parts, saved, "space", lambda *step: told.append(step), lambda: cancelled)
    return told


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every index is wanted approximate."""
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 1)


def test_of_the_ten_nearest_99_in_a_hundred_come() -> None:
    ours, right = ApproximateIndex(), ExactIndex()
    for each in (ours, right):
        each.upsert(IDS, PICTURES)
        each.query(PICTURES[:1], 1)
        each.remove(IDS[:1000])
        each.upsert(IDS[500:1500] + [f"new {i}" for i in range(1000)], clustered(2000, 64, centres=20, seed=1))
    assert recall(ours, right, clustered(300, 64, centres=20, seed=1)) >= 0.99
    assert recall(ours, right, PICTURES[-300:]) >= 0.99


def test_its_cosines_are_exact() -> None:
    ours, right = ApproximateIndex(), ExactIndex()
    for each in (ours, right):
        each.upsert(IDS[:1000], PICTURES[:1000])
    assert ours.query(PICTURES[:100], 3) == right.query(PICTURES[:100], 3)


def test_the_file_follows_what_came_and_went(tmp_path: Path, large: None) -> None:
    saved = tmp_path / "pictures.hnsw"
    first = made(IDS[:5000], [PICTURES[:3000], PICTURES[3000:5000]], saved)
    assert [total for _, total, _ in first] == [5000] * len(first)
    second = made(IDS[1000:], [PICTURES[1000:]], saved)
    assert second == [(0, 1000, "building the search index")], "only what is new is added"
    assert made(IDS[1000:], [PICTURES[1000:]], saved) == []
    ours = index.over(IDS[1000:], [PICTURES[1000:2000], PICTURES[2000:]], saved, "space")
    right = ExactIndex()
    right.upsert(IDS[1000:], PICTURES[1000:])
    assert ours.name == ApproximateIndex.name and len(ours) == 5000
    assert recall(ours, right, PICTURES) >= 0.99


def test_nothing_takes_part_that_was_removed_before_the_file_was_made(tmp_path: Path) -> None:
    saved = tmp_path / "pictures.hnsw"
    made(IDS[:1000], [PICTURES[:1000]], saved)
    made(IDS[500:1000], [PICTURES[500:1000]], saved)
    graph = approximate.load(saved, "space")
    assert (
        graph is not None and approximate.holds(graph, IDS[500:1000]) and not approximate.holds(graph, IDS[:1000])
    )


def test_a_cancelled_run_keeps_what_is_done(tmp_path: Path) -> None:
    saved = tmp_path / "pictures.hnsw"
    asked: list[int] = []

    def later() -> bool:
        asked.append(1)
        return len(asked) > 1

    assert not approximate.update(IDS, [PICTURES], saved, "space", lambda *step: None, later)
    graph = approximate.load(saved, "space")
    assert graph is not None and 0 < len(graph) < len(IDS) and not approximate.holds(graph, IDS)
    first, *_, last = made(IDS, [PICTURES], saved)
    assert first[1] == last[1] == len(IDS) - len(graph)
    whole = approximate.load(saved, "space")
    assert whole is not None and approximate.holds(whole, IDS)


def test_a_run_cancelled_at_once_leaves_the_old_file(tmp_path: Path) -> None:
    saved = tmp_path / "pictures.hnsw"
    made(IDS[:100], [PICTURES[:100]], saved)
    before = saved.read_bytes()
    made(IDS[:200], [PICTURES[:200]], saved, cancelled=True)
    assert saved.read_bytes() == before and list(tmp_path.iterdir()) == [saved]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:3],
        lambda data: data[: len(data) // 2],
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        lambda data: bytes(len(data)),
        lambda data: None,
    ],
    ids=["empty", "shorter than the checksum", "half", "one bit", "zeros", "gone"],
)
def test_a_damaged_file_counts_as_none_and_is_made_anew(
    tmp_path: Path, large: None, damage: Callable[[bytes], bytes | None]
) -> None:
    saved = tmp_path / "pictures.hnsw"
    made(IDS[:100], [PICTURES[:100]], saved)
    damaged = damage(saved.read_bytes())
    saved.unlink() if damaged is None else saved.write_bytes(damaged)
    asked = index.over(IDS[:100], [PICTURES[:100]], saved, "space")
    assert "index again" in asked.name and asked.query(PICTURES[:1], 1)[0] == [IDS[:1]]
    assert made(IDS[:100], [PICTURES[:100]], saved)[0][1] == 100
    assert index.over(IDS[:100], [PICTURES[:100]], saved, "space").name == ApproximateIndex.name


# Which index it is.


@pytest.mark.parametrize(
    ("rows", "space", "name"),
    [
        (99, "space", "exact search"),
        (100, "space", ApproximateIndex.name),
        (100, "another", "exact search (for a quicker one: index again)"),
        (101, "space", "exact search (for a quicker one: index again)"),
    ],
    ids=["below the size", "just that size", "vectors of another kind", "a row that the file lacks"],
)
def test_the_choice_follows_the_size_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, space: str, name: str
) -> None:
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 100 * 64)
    saved = tmp_path / "pictures.hnsw"
    index.save(IDS[:100], [PICTURES[:60], PICTURES[60:100]], saved, "space", lambda *step: None, lambda: False)
    asked = index.over(IDS[:rows], [PICTURES[:rows]], saved, space)
    assert asked.name == name and asked.query(PICTURES[:1], 1)[0] == [IDS[:1]]


def test_below_the_size_no_file_is_kept(tmp_path: Path) -> None:
    saved = tmp_path / "pictures.hnsw"
    saved.touch()
    index.save(IDS[:99], [PICTURES[:99]], saved, "space", lambda *step: None, lambda: False)
    assert not saved.exists()


def test_without_usearch_search_is_exact_and_says_what_to_install(
    tmp_path: Path, large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    monkeypatch.delitem(sys.modules, "features.index.approximate")
    monkeypatch.delattr(index, "approximate")
    saved = tmp_path / "pictures.hnsw"
    index.save(IDS, [PICTURES], saved, "space", lambda *step: None, lambda: False)
    asked = index.over(IDS, [PICTURES], saved, "space")
    assert f'pip install "{index.USEARCH}"' in asked.name
    assert asked.query(PICTURES[:1], 1)[0] == [IDS[:1]]


@pytest.mark.parametrize("choice", index.BACKENDS)
def test_what_is_chosen_searches_whatever_the_size(tmp_path: Path, choice: str) -> None:
    saved, expected = tmp_path / "pictures.hnsw", made_of(choice)
    args = IDS[:99], [PICTURES[:60], PICTURES[60:99]], saved, "space"
    assert index.save(*args, lambda *step: None, lambda: False, choice)
    asked = index.over(*args, choice)
    assert asked.name == expected.name and asked.query(PICTURES[:1], 1)[0] == [IDS[:1]]
    assert saved.exists() == (choice == "hnsw")
    assert len(index.over([], [], saved, "space", choice)) == 0


def test_another_choice_leaves_the_file_of_the_graph(tmp_path: Path) -> None:
    saved = tmp_path / "pictures.hnsw"
    args = IDS[:99], [PICTURES[:99]], saved, "space", lambda *step: None, lambda: False
    index.save(*args, "hnsw")
    index.save(*args, "exact")
    assert saved.exists()


@pytest.mark.parametrize("name", ["", "nose", "EXACT", "auto", "milvus", "qdrant://host:6333"])
def test_there_are_just_these(name: str) -> None:
    with pytest.raises(
        SemblanceError,
        match=r"Choose one of: auto, exact, sklearn, hnsw, faiss, annoy, milvus://HOST:19530/NAME\.$",
    ):
        index.create(name)


@pytest.mark.parametrize(
    ("choice", "module", "sentence"),
    [
        ("hnsw", "usearch.index", 'usearch is not installed; run: pip install "usearch>=2.25,<3".'),
        ("faiss", "faiss", 'FAISS is not installed; run: pip install "faiss-cpu>=1.12,<2".'),
        ("annoy", "annoy", 'Annoy is not installed; run: pip install "annoy>=1.17.3,<2".'),
    ],
)
def test_a_missing_package_is_told_with_what_to_run(
    monkeypatch: pytest.MonkeyPatch, choice: str, module: str, sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"features.index.{index.BACKENDS[choice].module}", raising=False)
    with pytest.raises(SemblanceError) as refusal:
        index.chosen(choice)
    assert str(refusal.value) == sentence


def test_the_requirements_told_are_those_required() -> None:
    extras = ("", "-index", "-cluster")
    lines = "".join((ROOT / f"requirements{extra}.txt").read_text() for extra in extras)
    required = {line.split(" #")[0].split(";")[0] for line in lines.splitlines()}
    backends = [*index.BACKENDS.values(), *index.DATABASES.values()]
    assert {backend.requirement for backend in backends if backend.requirement} <= required
