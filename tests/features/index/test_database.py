"""The index in a database: what is kept there, that it follows the files, and what happens when it is gone.

The contract of every index is in test_index.py. The database is Milvus Lite, by the client that a real one has.
"""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines import SemblanceError, unit_rows
from features import index
from features.index.database import Payload, Remote
from features.indexing.updating import BATCH
from features.library import Library
from features.retrieval.searchable import remote
from tests.support import database
from tests.support.toy import BLACK, BLUE, GREEN, RED, Halves, Toy, digest, is_one_sentence, names, paint, wheel

pytest.importorskip("pymilvus", reason="pymilvus is not installed; requirements-cluster.txt has it")
pytest.importorskip("milvus_lite", reason="milvus-lite is not installed; requirements-cluster.txt has it")

from features.index import milvus


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Its pictures' folder has a name of its own, and so has its collection."""
    return Library(tmp_path / "home", database.embedded())


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[database.Server]:
    """It waits to be started. Nobody is waited for long."""
    monkeypatch.setattr(milvus, "PAUSES", (0.1, 0.3, 0.3))
    made = database.Server(tmp_path / "milvus")
    yield made
    made.stop()


def kept(library: Library, folder: Path, engine: Toy) -> dict[str, Payload]:
    return dict(there(library, folder, engine).stored())


def there(library: Library, folder: Path, engine: Toy) -> Remote:
    return remote(library.index(library.open(folder), engine).store, library.searched_by)


# What is kept there


def test_answers_are_those_of_exact_search(library: Library, tmp_path: Path, pictures: Path) -> None:
    wheel(pictures, BATCH + 8)
    exact, toy = Library(tmp_path / "another home", "exact"), Toy()
    for each in (library, exact):
        each.index(each.open(pictures), toy).update()
    for k in (1, 5, 99):
        ours, right = (
            each.index(each.open(pictures), toy).search(pictures / "007.png", k) for each in (library, exact)
        )
        assert [(match.path, match.score) for match in ours.matches] == [
            (match.path, match.score) for match in right.matches
        ]
    assert ours.index == "approximate search (Milvus), re-ranked exactly" and ours.searched == BATCH + 8


def test_each_row_is_kept_with_what_a_database_can_filter_by(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = library.open(rainbow)
    library.index(catalogue, toy).update()
    catalogue.hide([digest(rainbow / "cold/blue.png")])
    library.index(catalogue, toy).search(rainbow / "warm/red.png")
    told = {
        payload.path: (payload.label, payload.digest, payload.hidden)
        for payload in kept(library, rainbow, toy).values()
    }
    assert told == {
        path: (path.split("/")[0], digest(rainbow / path), path == "cold/blue.png")
        for path in ("warm/red.png", "warm/orange.png", "warm/pink.png", "cold/blue.png", "cold/green.png")
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names in Unicode")
def test_a_name_that_is_not_unicode_is_kept_as_well(library: Library, pictures: Path) -> None:
    paint(pictures / "red.png", RED).rename(pictures / "r\udcffd.png")
    toy = Toy()
    library.index(library.open(pictures), toy).update()
    assert [payload.path for payload in kept(library, pictures, toy).values()] == ["r\\udcffd.png"]
    told: list[str] = []
    library.index(library.open(pictures), toy).update(lambda done, total, what: told.append(what))
    assert "filling the database" not in told, "it is as it should be"
    assert len(library.index(library.open(pictures), toy).search(pictures / "r\udcffd.png").matches) == 1


def test_a_picture_with_several_rows_comes_once(library: Library, pictures: Path) -> None:
    both, left = paint(pictures / "both.png", RED, BLUE), paint(pictures / "left.png", GREEN, BLACK)
    halves = Halves()
    library.index(library.open(pictures), halves).update()
    assert len(kept(library, pictures, halves)) == 3
    assert names(library.index(library.open(pictures), halves).search(both, 5)) == ["both", "left"]
    library.open(pictures).hide([digest(both)])
    assert names(library.index(library.open(pictures), halves).search(left, 5)) == ["left"]


def test_what_is_hidden_restored_and_taken_back_is_so_at_once(
    library: Library, rainbow: Path, tmp_path: Path
) -> None:
    """Also for another process that shares the home: another library stands for it."""
    toy, other, red = Toy(), Library(tmp_path / "home", database.embedded()), rainbow / "warm/red.png"
    library.index(library.open(rainbow), toy).update()
    everything = names(library.index(library.open(rainbow), toy).search(red, 9))
    assert len(everything) == 5 == len(other.index(other.open(rainbow), toy).search(red, 9).matches)
    catalogue = library.open(rainbow)
    for change, lacking in [
        (lambda: catalogue.hide([digest(red)]), ["red"]),
        (lambda: catalogue.hide([digest(rainbow / "cold/blue.png")]), ["red", "blue"]),
        (lambda: catalogue.restore([digest(red)]), ["blue"]),
        (catalogue.undo, ["red", "blue"]),
    ]:
        change()
        for each in (other, library, other):
            found = names(each.index(each.open(rainbow), toy).search(red, 9))
            assert found == [name for name in everything if name not in lacking]


def test_what_goes_comes_and_moves_does_so_there(library: Library, rainbow: Path) -> None:
    toy = Toy()
    library.index(library.open(rainbow), toy).update()
    (rainbow / "warm/red.png").unlink()
    (rainbow / "cold/blue.png").rename(rainbow / "warm/ink.png")
    paint(rainbow / "white.png", (255, 255, 255))
    library.index(library.open(rainbow), toy).update()
    told = {(payload.label, payload.path) for payload in kept(library, rainbow, toy).values()}
    paths = {"warm/orange.png", "warm/pink.png", "warm/ink.png", "cold/green.png", "white.png"}
    assert told == {(path.rpartition("/")[0], path) for path in paths}


def test_what_has_gone_from_the_folder_is_in_no_answer_before_it_is_indexed_again(
    library: Library, rainbow: Path
) -> None:
    toy = Toy()
    library.index(library.open(rainbow), toy).update()
    (rainbow / "warm/red.png").unlink()
    library.scan(library.open(rainbow))
    assert "red" not in names(library.index(library.open(rainbow), toy).search(rainbow / "warm/pink.png", 9))


def test_two_engines_and_two_folders_never_mix(library: Library, tmp_path: Path) -> None:
    for folder, name in (("one", "a"), ("two", "b")):
        paint(tmp_path / folder / f"{name}.png", RED)
        for engine in (Toy(), Toy("sweet", 4)):
            library.index(library.open(tmp_path / folder), engine).update()
    for engine in (Toy(), Toy("sweet", 4)):
        assert names(library.index(library.open(tmp_path / "two"), engine).search(tmp_path / "one/a.png", 9)) == [
            "b"
        ]


# It follows the files


def test_each_batch_gets_there_as_it_is_embedded(library: Library, pictures: Path) -> None:
    wheel(pictures, 2 * BATCH + 3)
    toy, seen = Toy(), []

    def cancelled() -> bool:
        seen.append(there(library, pictures, toy).count())
        return len(seen) == 3

    assert library.index(library.open(pictures), toy).update(cancelled=cancelled).cancelled
    assert seen[:3] == [0, BATCH, 2 * BATCH]
    found = library.index(library.open(pictures), toy).search(pictures / "003.png", 99)
    assert len(found.matches) == 2 * BATCH == found.searched


def test_what_is_missing_or_too_much_is_told_and_mended(library: Library, rainbow: Path) -> None:
    toy = Toy()
    library.index(library.open(rainbow), toy).update()
    database_has = there(library, rainbow, toy)
    red, blue = (
        next(name for name, payload in database_has.stored() if payload.path == path)
        for path in ("warm/red.png", "cold/blue.png")
    )
    database_has.remove([red, blue])
    fresh = Library(library.home, library.searched_by)
    found = fresh.index(fresh.open(rainbow), toy).search(rainbow / "warm/red.png", 9)
    assert len(found.matches) == 3 and found.index.endswith("; 2 of its rows are missing: index again")
    database_has.upsert(["nobody/0"], unit_rows(np.ones((1, 3))))
    assert "nobody/0" in dict(database_has.stored())
    fresh.index(fresh.open(rainbow), toy).search(rainbow / "warm/red.png", 9)
    told: list[tuple[int, int, str]] = []
    library.index(library.open(rainbow), toy).update(lambda *step: told.append(step))
    assert (0, 2, "filling the database") in told and toy.embedded == 5 + 2, "the two queries"
    assert len(kept(library, rainbow, toy)) == 5
    fresh = Library(library.home, library.searched_by)
    assert names(fresh.index(fresh.open(rainbow), toy).search(rainbow / "warm/red.png", 1)) == ["red"]


def test_what_is_as_it_was_left_is_not_read_through_again(
    library: Library, rainbow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, listed = Toy(), []
    monkeypatch.setattr(milvus.MilvusIndex, "stored", lambda self, **_: listed.append(self) or iter(()))
    for _ in range(2):
        library.index(library.open(rainbow), toy).update()
    assert len(listed) == 1
    (rainbow / "cold/blue.png").rename(rainbow / "warm/blue.png")
    library.index(library.open(rainbow), toy).update()
    assert len(listed) == 2


def test_a_collection_that_was_indexed_before_the_database_came_has_to_be_indexed_again(
    tmp_path: Path, rainbow: Path
) -> None:
    toy, exact = Toy(), Library(tmp_path / "home", "exact")
    exact.index(exact.open(rainbow), toy).update()
    ours = Library(tmp_path / "home", database.embedded())
    with pytest.raises(SemblanceError, match=r"^The database has nothing of \S+ for toy yet; index it again\.$"):
        ours.index(ours.open(rainbow), toy).search(rainbow / "warm/red.png")
    before = toy.embedded
    assert ours.index(ours.open(rainbow), toy).update().new == 0 and toy.embedded == before, (
        "nothing is embedded anew"
    )
    assert len(ours.index(ours.open(rainbow), toy).search(rainbow / "warm/red.png", 9).matches) == 5


def test_a_cancelled_mending_goes_on_next_time(tmp_path: Path, rainbow: Path) -> None:
    toy, exact = Toy(), Library(tmp_path / "home", "exact")
    exact.index(exact.open(rainbow), toy).update()
    ours = Library(tmp_path / "home", database.embedded())
    assert ours.index(ours.open(rainbow), toy).update(cancelled=lambda: True).cancelled
    assert not ours.index(ours.open(rainbow), toy).update().cancelled and len(kept(ours, rainbow, toy)) == 5


# It is gone


def test_a_search_while_it_is_gone_says_so_and_works_when_it_is_back(
    tmp_path: Path, rainbow: Path, server: database.Server
) -> None:
    library, toy = Library(tmp_path / "home", server.uri), Toy()
    with pytest.raises(SemblanceError) as never_there:
        library.index(library.open(rainbow), toy).update()
    server.start()
    library.index(library.open(rainbow), toy).update()
    before = library.index(library.open(rainbow), toy).search(rainbow / "warm/red.png")
    server.stop()
    with pytest.raises(SemblanceError) as gone:
        library.index(library.open(rainbow), toy).search(rainbow / "warm/red.png")
    assert (
        str(gone.value)
        == str(never_there.value)
        == (
            f"The database {server.uri} does not answer; see that Milvus runs there, or choose another --index. "
            "Nothing is lost, and indexing goes on from where it was."
        )
    )
    for _ in range(2):
        server.start()
        after = library.index(library.open(rainbow), toy).search(rainbow / "warm/red.png")
        assert after.matches == before.matches
        server.stop()  # and nobody asks while it is gone
    server.start()
    library.open(rainbow).hide([digest(rainbow / "warm/red.png")])
    assert "red" not in names(library.index(library.open(rainbow), toy).search(rainbow / "warm/red.png"))


def test_an_index_run_whose_database_goes_loses_nothing(
    tmp_path: Path, pictures: Path, server: database.Server
) -> None:
    wheel(pictures, 3 * BATCH)
    library, toy = Library(tmp_path / "home", server.uri), Toy()
    server.start()

    def stop_after_a_batch(done: int, total: int, what: str) -> None:
        if (done, what) == (BATCH, "embedding"):
            server.stop()

    with pytest.raises(SemblanceError, match="does not answer"):
        library.index(library.open(pictures), toy).update(stop_after_a_batch)
    assert library.index(library.open(pictures), toy).status().done == 2 * BATCH, (
        "what was embedded meanwhile is kept"
    )
    server.start()
    report = library.index(library.open(pictures), toy).update()
    assert (report.new, toy.embedded) == (BATCH, 3 * BATCH)
    assert len(kept(library, pictures, toy)) == 3 * BATCH


def test_who_is_back_soon_was_never_missed(tmp_path: Path, rainbow: Path, server: database.Server) -> None:
    library, toy = Library(tmp_path / "home", server.uri), Toy()
    coming = threading.Timer(0.2, server.start)
    coming.start()
    assert library.index(library.open(rainbow), toy).update().new == 5
    coming.join()


def test_an_address_that_never_answers_is_told_in_time(
    tmp_path: Path, rainbow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus, "SECONDS", 0.3)
    monkeypatch.setattr(milvus, "PATIENCE", 0)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        uri = f"milvus://me:secret@127.0.0.1:{deaf.getsockname()[1]}"
        library = Library(tmp_path / "home", uri)
        with pytest.raises(SemblanceError) as error:
            library.index(library.open(rainbow), Toy()).update()
    assert "does not answer" in str(error.value) and "secret" not in str(error.value)


def test_a_file_that_another_process_has_open_is_told(tmp_path: Path, rainbow: Path) -> None:
    file = tmp_path / "taken.db"
    opens = "from milvus_lite.db import MilvusLite; opened = MilvusLite(sys.argv[1])"
    code = f"import sys; {opens}; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin and other.stdout
        other.stdout.readline()
        library = Library(tmp_path / "home", f"milvus://{file}")
        with pytest.raises(SemblanceError) as error:
            library.index(library.open(rainbow), Toy()).update()
        other.stdin.close()
    assert str(error.value) == (
        f"milvus://{file} can't be opened; one process at a time may. For several run `milvus-lite server "
        f"--data-dir {file}` and choose --index milvus://localhost:19530."
    )
    assert library.index(library.open(rainbow), Toy()).update().new == 0


# Which it is


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("milvus://", "names no host"),
        ("milvus:///", "names no host"),
        ("milvus:///folder/file", "no file that ends in .db"),
        ("milvus:///.db", "no file that ends in .db"),
        ("milvus://host:port/name", "names no port"),
        ("milvus://host:99999/name", "names no port"),
        ("milvus://host/na-me", "letters, digits and _"),
        ("milvus://host/a/b", "letters, digits and _"),
        ("milvus+tls://host/1a", "letters, digits and _"),
    ],
)
def test_a_uri_that_can_not_be_is_refused_at_once(tmp_path: Path, uri: str, says: str) -> None:
    with pytest.raises(SemblanceError) as error:
        Library(tmp_path, uri)
    assert says in str(error.value) and str(error.value).endswith("milvus:///FOLDER/FILE.db.")


@pytest.mark.parametrize(
    "uri",
    ["milvus://host", "milvus://host:19530/name_1", "milvus+tls://me:pass%40@host:443/", "milvus://[::1]:7/x"],
)
def test_a_server_is_not_looked_for_before_it_is_needed(tmp_path: Path, uri: str) -> None:
    assert Library(tmp_path, uri).searched_by == uri


@pytest.mark.parametrize(
    ("module", "uri", "sentence"),
    [
        ("pymilvus", "milvus://host", 'pymilvus is not installed; run: pip install "pymilvus>=3.0,<4".'),
        ("milvus_lite", "milvus:///a.db", 'milvus-lite is not installed; run: pip install "milvus-lite>=3.2,<4".'),
    ],
)
def test_a_missing_package_is_told_with_what_to_run(
    monkeypatch: pytest.MonkeyPatch, module: str, uri: str, sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if module == "pymilvus":
        monkeypatch.delitem(sys.modules, "features.index.milvus")
    index.remote.cache_clear()
    with pytest.raises(SemblanceError) as refusal:
        index.chosen(uri)
    assert str(refusal.value) == sentence and is_one_sentence(sentence)
