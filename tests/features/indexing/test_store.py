"""The feature file and its journal: torn at any byte, damaged or hostile, nothing false ever comes out.

And they are light: vectors are mapped, a few more of them are a few bytes more to write.
"""

import os
import pickle
import pickletools
import shutil
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engines
from features import files
from features.errors import NotIndexed
from features.indexing.store import JOURNAL_SHARE, Features, FeatureStore, Row
from features.indexing.updating import BATCH
from features.library import Library
from tests.support.toy import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    RED,
    WHITE,
    Halves,
    Toy,
    hue,
    is_one_sentence,
    paint,
    snapshot,
    wheel,
)

DIM = 3
BATCHES = [
    Features([Row("d1", None), Row("d2", (0, 0, 4, 8))], [np.eye(3, dtype=np.float32)[:2]], {}),
    Features([], [np.zeros((0, 3), np.float32)], {"d3": "No face found.", "d4": "No face found."}),
    Features([Row("d0", (0, 0, 4, 8)), Row("d0", (4, 0, 8, 8))], [np.eye(3, dtype=np.float32)[1:]], {}),
]
ALL = {"d0", "d1", "d2", "d3", "d4"}


def store_in(folder: Path) -> FeatureStore:
    return FeatureStore(folder / "toy.features", "toy", "0123456789ab", DIM)


def told(*batches: Features) -> list[tuple[Any, ...]]:
    """All that they hold, in an order of its own, for comparison."""
    rows = [
        (row.digest, row.box, *vector)
        for batch in batches
        for row, vector in zip(batch.rows, np.concatenate(batch.parts).tolist(), strict=True)
    ]
    return sorted([*rows, *(pair for batch in batches for pair in batch.refused.items())], key=repr)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return store_in(tmp_path)


@pytest.fixture
def journal(store: FeatureStore) -> tuple[bytes, list[int]]:
    """The bytes of a journal of three batches, and where each ends (0 first)."""
    ends = [0]
    for batch in BATCHES:
        store.append(batch)
        ends.append(store.journal.stat().st_size)
    return store.journal.read_bytes(), ends


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """The feature file of a run that nobody interrupted."""
    store = store_in(tmp_path / "undisturbed")
    for batch in BATCHES:
        store.append(batch)
    store.commit(ALL)
    return store.path.read_bytes()


def test_nothing_stored_is_nothing_read(store: FeatureStore) -> None:
    features = store.read()
    assert (features.rows, features.digests, features.take([]).shape) == ([], set(), (0, 3))
    store.repair()
    store.commit(set())
    assert not store.path.exists() and not store.journal.exists()


def test_what_is_appended_is_read_before_and_after_the_commit(store: FeatureStore) -> None:
    for done, batch in enumerate(BATCHES, 1):
        store.append(batch)
        assert told(store.read()) == told(*BATCHES[:done])
    store.commit(ALL)
    kept = store.read()
    assert told(kept) == told(store_in(store.path.parent).read()) == told(*BATCHES)
    assert kept.digests == ALL and not store.journal.exists()
    assert [row.digest for row in kept.rows] == ["d0", "d0", "d1", "d2"]


def numbered(numbers: Iterable[int], dim: int = DIM) -> Features:
    """One row each: its number, over and over."""
    numbers = list(numbers)
    vectors = np.repeat(np.array(numbers, np.float32)[:, None], dim, axis=1)
    return Features([Row(f"{number:04}", None) for number in numbers], [vectors])


PARTED = Features(
    [Row(str(i), None) for i in range(5)], [numbered(part).parts[0] for part in ([0, 1], [], [2, 3, 4])]
)


@pytest.mark.parametrize("places", [[], [0], [4], [1, 2], [4, 0, 2, 2, 1], list(range(5))], ids=str)
def test_rows_are_taken_in_the_order_asked(places: list[int]) -> None:
    taken = PARTED.take(places)
    assert taken.dtype == np.float32 and taken.tolist() == [[place] * DIM for place in places]
    taken[:] = 9
    assert PARTED.take(places).tolist() == [[place] * DIM for place in places], "a copy"


def test_a_row_that_is_not_there_is_not_taken() -> None:
    with pytest.raises(IndexError):
        PARTED.take([5])


def test_a_few_new_rows_wait_in_the_journal_until_they_are_many(store: FeatureStore) -> None:
    store.append(numbered(range(400)))
    everything = {f"{number:04}" for number in range(1000)}
    store.commit(everything)
    merged = store.path.read_bytes()
    for number in range(400, 1000):
        store.append(numbered([number]))
        store.commit(everything)
        for reader in (store, store_in(store.path.parent)):
            assert reader.read().take([number]).tolist() == [[number] * DIM]
        if store.path.read_bytes() != merged:
            break
        assert store.journal.stat().st_size <= JOURNAL_SHARE * len(merged)
    assert 400 < number < 440 and not store.journal.exists()
    at_once = store_in(store.path.parent / "at once")
    at_once.append(numbered(range(number + 1)))
    at_once.commit(everything)
    assert store.path.read_bytes() == at_once.path.read_bytes()


def test_what_is_not_wanted_goes_at_once(store: FeatureStore) -> None:
    """From the file, from the journal that waits beside it, and with the next merge is forgotten for good."""
    store.append(numbered(range(400)))
    store.commit({f"{number:04}" for number in range(400)})
    store.append(numbered([400, 401]))
    store.commit({f"{number:04}" for number in range(402)} - {"0007", "0401"})
    assert not store.journal.exists()
    rows = [int(row.digest) for row in store.read().rows]
    assert rows == sorted({*range(401)} - {7})
    assert store.read().take(range(400)).tolist() == [[number] * DIM for number in rows]


@pytest.mark.skipif(os.name == "nt", reason="a mapped file can't be replaced here")
def test_vectors_are_mapped_and_merged_without_loading_them(tmp_path: Path) -> None:
    dim, number = 4096, 4096
    store = FeatureStore(tmp_path / "wide.features", "toy", "0123456789ab", dim)
    for first in range(0, number, BATCH):
        store.append(numbered(range(first, first + BATCH), dim))
    tracemalloc.start()
    store.commit({f"{number:04}" for number in range(number)})
    features = store.read()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (part,) = features.parts
    assert part.nbytes == 4 * dim * number > 5 * most
    assert isinstance(part, np.memmap) and not part.flags.writeable
    assert (part == np.arange(number)[:, None]).all()


def test_what_is_mapped_outlives_a_merge(store: FeatureStore) -> None:
    store.append(numbered([1, 2]))
    store.commit({"0001", "0002"})
    early = store.read()
    store.append(numbered([0]))
    store.commit({"0000", "0002"})
    assert early.take([0, 1]).tolist() == [[1] * DIM, [2] * DIM]
    assert store.read().take([0, 1]).tolist() == [[0] * DIM, [2] * DIM]


def test_a_commit_keeps_only_the_wanted(store: FeatureStore) -> None:
    for batch in BATCHES:
        store.append(batch)
    store.commit({"d0", "d4", "unknown"})
    assert store.read().digests == {"d0", "d4"}


def test_the_version_changes_with_what_is_read(store: FeatureStore) -> None:
    seen = [store.version()]
    for batch in BATCHES:
        store.append(batch)
        seen.append(store.version())
    store.commit(ALL)
    seen.append(store.version())
    assert len(set(seen)) == 5 and store.version() == seen[-1]


def test_a_torn_journal_gives_its_whole_batches(store: FeatureStore, journal: tuple[bytes, list[int]]) -> None:
    """Cut at every byte there is."""
    content, ends = journal
    for length in range(len(content) + 1):
        store.journal.write_bytes(content[:length])
        complete = sum(end <= length for end in ends[1:])
        assert told(store.read()) == told(*BATCHES[:complete]), f"cut at {length}"


def near(ends: list[int]) -> list[int]:
    """The bytes that matter: about each end, in the frame, and in the middle of each record."""
    around = [end + step for end in ends for step in (-1, 0, 1, 3, 4, 5, 7, 8, 9)]
    return sorted({cut for cut in (*around, *(sum(pair) // 2 for pair in pairwise(ends))) if 0 <= cut <= ends[-1]})


def test_after_any_tear_the_next_run_ends_with_the_same_bytes(
    store: FeatureStore, journal: tuple[bytes, list[int]], whole: bytes
) -> None:
    content, ends = journal
    cuts = near(ends)
    assert len(cuts) > 25
    for length in cuts:
        store.path.unlink(missing_ok=True)
        store.journal.write_bytes(content[:length])
        store.repair()
        complete = sum(end <= length for end in ends[1:])
        assert files.version(store.journal)[1] == ends[complete], f"cut at {length}"
        for batch in BATCHES[complete:]:
            store.append(batch)
        store.commit(ALL)
        assert store.path.read_bytes() == whole, f"cut at {length}"


def test_a_flipped_byte_ends_the_journal_there(store: FeatureStore, journal: tuple[bytes, list[int]]) -> None:
    content, ends = journal
    tracemalloc.start()
    for place in range(len(content)):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        store.journal.write_bytes(broken)
        sound = sum(end <= place for end in ends[1:])
        assert told(store_in(store.path.parent).read()) == told(*BATCHES[:sound]), f"flipped at {place}"
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000, "a false length must not be believed"


def test_killed_between_merging_and_dropping_the_journal(
    store: FeatureStore, journal: tuple[bytes, list[int]], whole: bytes
) -> None:
    store.commit(ALL)
    store.journal.write_bytes(journal[0])
    assert told(store.read()) == told(*BATCHES)
    store.repair()
    assert not store.journal.exists()
    store.commit(ALL)
    assert store.path.read_bytes() == whole and not store.journal.exists()


def test_left_over_temporary_files_are_swept(store: FeatureStore) -> None:
    store.path.parent.mkdir(exist_ok=True)
    left = store.path.with_name(store.path.name + "abc123.tmp")
    left.write_bytes(b"half")
    store.repair()
    assert not left.exists()


def test_the_same_pictures_give_the_same_bytes_in_whatever_order_they_came(home: Path, pictures: Path) -> None:
    """Also with several rows of a picture, and with reasons that repeat."""
    for i in range(70):
        paint(pictures / f"{i}.png", hue(i), hue(i + 1) if i % 2 else None, size=(8, 8 + i))
        paint(pictures / f"black {i}.png", BLACK, size=(8, 8 + i))
    Library(home / "a").index(Library(home / "a").open(pictures), Halves()).update()
    later = pictures.parent / "later"
    later.mkdir()
    moved = sorted(pictures.glob("*[13]*.png"))
    assert len(moved) > BATCH
    for path in moved:
        path.rename(later / path.name)
    library = Library(home / "b")
    library.index(library.open(pictures), Halves()).update()
    for path in moved:
        (later / path.name).rename(path)
    assert library.index(library.open(pictures), Halves()).update().new == len(moved)
    (one,), (other,) = ((home / name).rglob("*.features") for name in "ab")
    assert one.name == other.name and one.read_bytes() == other.read_bytes()


def test_the_file_is_plain_builtins_then_aligned_raw_vectors(store: FeatureStore, whole: bytes) -> None:
    opcodes = [opcode.name for opcode, _, _ in pickletools.genops(whole)]
    assert not {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ"} & set(opcodes)
    head = pickle.loads(whole)
    assert (head["fingerprint"], head["rows"], head["dim"], head["bytes"]) == ("0123456789ab", 4, 3, 48)
    start = len(whole) - head["bytes"]
    assert start % 64 == 0
    vectors = np.frombuffer(whole, "<f4", offset=start).reshape(4, 3)
    assert vectors.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]


class Payload:
    """Runs a command when it is unpickled by an unpickler that allows it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{self.canary}'",)


def hostile(content: bytes, canary: Path) -> bytes:
    return pickle.dumps(Payload(canary))


def hostile_of_old(content: bytes, canary: Path) -> bytes:
    return b"cos\nsystem\n(S\"touch '" + str(canary).encode() + b"'\"\ntR."


def hostile_inside(content: bytes, canary: Path) -> bytes:
    return pickle.dumps(pickle.loads(content) | {"refused": {"d": Payload(canary)}}, protocol=5)


def with_a_class(content: bytes, canary: Path) -> bytes:
    return pickle.dumps(pickle.loads(content) | {"refused": Path("/")}, protocol=5)


def with_a_persistent_id(content: bytes, canary: Path) -> bytes:
    return b"Pevil\n."


def empty(content: bytes, canary: Path) -> bytes:
    return b""


def a_text(content: bytes, canary: Path) -> bytes:
    return b"Dear diary"


def half(content: bytes, canary: Path) -> bytes:
    return content[: len(content) // 2]


def a_byte_short(content: bytes, canary: Path) -> bytes:
    return content[:-1]


def a_byte_long(content: bytes, canary: Path) -> bytes:
    return content + b"\0"


def zeros(content: bytes, canary: Path) -> bytes:
    """What some file systems make of a file after a power cut."""
    return bytes(len(content))


def not_a_number(content: bytes, canary: Path) -> bytes:
    return content[:-4] + np.array(np.nan, "<f4").tobytes()


def a_list(content: bytes, canary: Path) -> bytes:
    return pickle.dumps([1, 2, 3])


def changed(**changes: Any) -> Callable[[bytes, Path], bytes]:
    """A file that is as it should be but for these."""

    def make(content: bytes, canary: Path) -> bytes:
        head = pickle.loads(content)
        data = content[len(content) - head["bytes"] :]
        start = pickle.dumps({name: head[name] for name in head if name != "checksum"} | changes, protocol=5)
        return start + bytes(-len(start) % 64) + data

    make.__name__ = "other " + " ".join(changes)
    return make


DAMAGES = [
    *(hostile, hostile_of_old, hostile_inside, with_a_class, with_a_persistent_id),
    *(empty, a_text, half, a_byte_short, a_byte_long, zeros, a_list),
    not_a_number,
    changed(format="semblance-features-0"),
    changed(engine="another"),
    changed(fingerprint="ba9876543210"),
    changed(dim=4),
    changed(dim=1, rows=9),
    changed(rows=2),
    changed(rows=1 << 60),
    changed(rows="3"),
    changed(bytes=1 << 60),
    changed(digests=["d"]),
    changed(digests=[7, 8, 9]),
    changed(boxes=[None]),
    changed(boxes=["evil", None, None]),
    changed(boxes=[[1, 2], None, None]),
    changed(refused=None),
    changed(refused={7: "seven", "a": "b"}),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("door", ["index", "search"])
def test_a_damaged_feature_file_is_set_aside_and_made_anew(
    home: Path, pictures: Path, tmp_path: Path, damage: Callable[[bytes, Path], bytes], door: str
) -> None:
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        paint(pictures / f"{name}.png", colour)
    library = Library(home)
    library.index(library.open(pictures), Toy()).update()
    (file,) = home.rglob("*.features")
    good = file.read_bytes()
    bad = damage(good, tmp_path / "canary")
    file.write_bytes(bad)
    mine = snapshot(pictures)

    library, toy = Library(home), Toy()
    if door == "search":
        with pytest.raises(NotIndexed) as refusal:
            library.index(library.open(pictures), toy).search(pictures / "red.png")
        assert is_one_sentence(str(refusal.value)) and str(refusal.value).endswith("index it first.")
        toy.batches.clear()  # the query's own
    report = library.index(library.open(pictures), toy).update()
    assert (report.new, toy.embedded) == (3, 3)
    assert not (tmp_path / "canary").exists(), "the payload ran"
    assert file.with_name(file.name + ".damaged").read_bytes() == bad
    assert file.read_bytes() == good
    assert library.index(library.open(pictures), toy).search(pictures / "red.png").matches[0].score > 0.999
    assert snapshot(pictures) == mine


@pytest.mark.parametrize("make", [hostile, hostile_of_old])
def test_the_payloads_would_run_elsewhere(tmp_path: Path, make: Callable[[bytes, Path], bytes]) -> None:
    pickle.loads(make(b"", tmp_path / "canary"))
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("damage", [hostile, hostile_of_old, with_a_persistent_id, a_list, a_text])
def test_a_hostile_journal_runs_nothing_and_is_dropped(
    home: Path, pictures: Path, tmp_path: Path, damage: Callable[[bytes, Path], bytes]
) -> None:
    paint(pictures / "red.png", RED)
    library = Library(home)
    library.index(library.open(pictures), Toy()).update()
    (file,) = home.rglob("*.features")
    good, payload = file.read_bytes(), damage(b"", tmp_path / "canary")
    file.with_suffix(".journal").write_bytes(struct.pack("<II", len(payload), zlib.crc32(payload)) + payload)
    library, toy = Library(home), Toy()
    assert library.index(library.open(pictures), toy).search(pictures / "red.png").matches
    toy.batches.clear()
    library.index(library.open(pictures), toy).update()
    assert toy.embedded == 0 and file.read_bytes() == good
    assert not file.with_suffix(".journal").exists() and not (tmp_path / "canary").exists()


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of pictures, and a home in which it has been learned."""
    pictures, home = tmp_path_factory.mktemp("learned"), tmp_path_factory.mktemp("home")
    for name, colour in (("warm/red", RED), ("warm/orange", ORANGE), ("cold/blue", BLUE), ("cold/green", GREEN)):
        paint(pictures / f"{name}.png", colour)
    library, toy = Library(home), Toy()
    library.index(library.open(pictures), toy).update()
    library.index(library.open(pictures), toy).classifier.teach()
    library.index(library.open(pictures), toy).tuning.tune()
    return pictures, home


def spoilt(**changes: Any) -> Callable[[bytes, Path], bytes]:
    """A head whose state says something else."""

    def damage(good: bytes, canary: Path) -> bytes:
        told = pickle.loads(good)
        told["state"].get("head", told["state"]).update(changes)
        return pickle.dumps(told, protocol=5)

    return damage


SPOILT = {
    "labels that are no text": spoilt(labels=[1, 2]),
    "one label": spoilt(labels=["warm"]),
    "other labels than were taught": spoilt(labels=["warm", "hot"]),
    "numbers that are none": spoilt(bias=np.full(2, np.nan, "<f4").tobytes()),
    "too few numbers": spoilt(weights=bytes(4)),
    "no temperature": spoilt(temperature=0.0),
    "a word for a level": spoilt(sure_from="often"),
    "no examination": spoilt(examination={}),
}


@pytest.mark.parametrize("suffix", [".head", ".tuned"])
@pytest.mark.parametrize(
    "damage",
    [hostile, hostile_of_old, with_a_persistent_id, empty, a_text, half, zeros, a_list, *SPOILT.values()],
    ids=lambda damage: next((name for name, of in SPOILT.items() if of is damage), damage.__name__),
)
def test_what_is_damaged_of_the_learned_is_set_aside(
    learned: tuple[Path, Path], tmp_path: Path, damage: Callable[[bytes, Path], bytes], suffix: str
) -> None:
    pictures, home = learned[0], tmp_path / "home"
    shutil.copytree(learned[1], home)
    (file,) = home.rglob(f"*{suffix}")
    bad = damage(file.read_bytes(), tmp_path / "canary")
    file.write_bytes(bad)
    library, toy = Library(home), Toy()
    library.index(library.open(pictures), toy).update()
    known, other = (
        library.index(library.open(pictures), toy).classifier.head(),
        library.index(library.open(pictures), toy).tuning.tuned(),
    )
    assert (known is None, other is None) == (suffix == ".head", suffix == ".tuned")
    assert not (tmp_path / "canary").exists()
    assert file.with_name(file.name + ".damaged").read_bytes() == bad and not file.exists()


def test_two_fingerprints_never_mix(library: Library, pictures: Path) -> None:
    for name, colour in (("red", RED), ("green", GREEN)):
        paint(pictures / f"{name}.png", colour)
    one, other, wide = Toy("one"), Toy("other"), Toy("wide", dim=5)
    assert len({engines.fingerprint(engine) for engine in (one, other, wide)}) == 3
    catalogue = library.open(pictures)
    library.index(catalogue, one).update()
    for engine in (other, wide):
        with pytest.raises(NotIndexed):
            library.index(catalogue, engine).search(pictures / "red.png")
        assert library.index(catalogue, engine).update().new == 2
    one.batches.clear()
    assert library.index(catalogue, one).update().kept == 2 and one.embedded == 0
    assert len(list(library.home.rglob("*.features"))) == 3


def test_a_file_under_anothers_name_is_not_believed(library: Library, pictures: Path) -> None:
    paint(pictures / "white.png", WHITE)
    catalogue = library.open(pictures)
    library.index(catalogue, Toy("one")).update()
    library.index(catalogue, Toy("other")).update()
    one, other = library.home.rglob("*.features")
    shutil.copy(one, other)
    report = (
        Library(library.home).index(catalogue, Toy("one")).update(),
        Library(library.home).index(catalogue, Toy("other")).update(),
    )
    assert sorted(run.new for run in report) == [0, 1]


def test_every_picture_is_kept_with_its_batch(library: Library, pictures: Path) -> None:
    """What an index run has embedded is on the disk before the next batch begins."""
    wheel(pictures, 3 * BATCH)
    catalogue, toy = library.open(pictures), Toy()
    kept: list[tuple[int, int]] = []

    def watch(done: int, total: int, what: str) -> None:
        if what == "embedding":
            kept.append((toy.embedded, Library(library.home).index(catalogue, toy).status().done))

    library.index(catalogue, toy).update(watch)
    assert kept == [(0, 0), (BATCH, BATCH), (2 * BATCH, 2 * BATCH)]
