"""Pictures behind a URL: listed and read by fsspec, and else a catalogue like any other."""

import functools
import http.server
import io
import json
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import app
from engines import SemblanceError
from features.catalogue.urls import Url, place
from features.errors import CatalogueError
from features.library import Library
from tests.support.toy import BLUE, GREEN, RED, Halves, Toy, is_one_sentence, paint

fsspec = pytest.importorskip("fsspec", reason="needs: pip install -r requirements-cluster.txt")
ROOT = "memory://pictures/all"


@pytest.fixture
def memory() -> Iterator[object]:
    """A store that this process alone has."""
    store = fsspec.filesystem("memory")
    yield store
    store.rm("/pictures", recursive=True)


def put(store: object, path: str, colour: tuple[int, int, int], size: tuple[int, int] = (8, 8)) -> None:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    store.pipe(f"/pictures/all/{path}", data.getvalue())


@pytest.fixture
def three(memory: object) -> object:
    put(memory, "warm/a red one.png", RED)
    put(memory, "cold/blue.png", BLUE)
    put(memory, "green.png", GREEN)
    return memory


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("memory://pictures/all", "memory://pictures/all"),
        ("memory://pictures/all/", "memory://pictures/all"),
        ("http://127.0.0.1:8000/a b", "http://127.0.0.1:8000/a b"),
        ("file:///tmp/pictures", Path("/tmp/pictures")),
        ("some/folder", Path("some/folder")),
        (Path("/tmp/s3"), Path("/tmp/s3")),
    ],
)
def test_what_a_person_names(text: str, told: str | Path) -> None:
    if str(text).startswith("http"):
        pytest.importorskip("aiohttp")
    named = place(text)
    assert named == told if isinstance(told, Path) else (isinstance(named, Url) and str(named) == told)


def test_a_url_is_a_path_in_all_that_reads_nothing() -> None:
    root = place(ROOT)
    file = root / "warm/red.png"
    assert str(file) == file.__fspath__() == f"{ROOT}/warm/red.png"
    assert (file.name, file.suffix, str(file.parent)) == ("red.png", ".png", f"{ROOT}/warm")
    assert file.is_relative_to(root) and file.relative_to(root).as_posix() == "warm/red.png"
    assert pickle.loads(pickle.dumps(file)) == file and hash(file) == hash(root / "warm" / "red.png")
    assert not file.is_relative_to(Path("/tmp"))


@pytest.mark.parametrize("url", ["nonsense://bucket/pictures", "s3 bucket://x"])
def test_a_url_that_nothing_can_read(url: str, library: Library) -> None:
    with pytest.raises(SemblanceError) as told:
        library.open(place(url))
    assert is_one_sentence(str(told.value)) and url in str(told.value)


def test_it_is_indexed_searched_and_evaluated(library: Library, three: object, tmp_path: Path) -> None:
    toy = Toy()
    catalogue = library.open(place(ROOT))
    report = library.index(catalogue, toy).update()
    assert (report.images, report.rows, report.new, report.skipped) == (3, 3, 3, [])
    assert catalogue.labels() == ["cold", "warm"]
    best = library.index(catalogue, toy).search(paint(tmp_path / "query.png", (250, 10, 0)), 1).matches[0]
    assert str(best.path) == f"{ROOT}/warm/a red one.png" and best.label == "warm"
    small = Image.open(library.thumbnail(catalogue, best.digest))
    assert small.size == (8, 8)
    put(three, "warm/red too.png", (240, 0, 0))
    put(three, "cold/blue too.png", (0, 0, 240))
    library.index(catalogue, toy).update()
    assert library.index(catalogue, toy).evaluation.retrieval()[0].precision_at_1 == 1
    assert [str(known.root) for known in Library(library.home).known()] == [ROOT]


def test_only_what_has_changed_is_read_again(library: Library, three: object) -> None:
    catalogue, toy = library.open(place(ROOT)), Toy()
    library.index(catalogue, toy).update()
    before = dict(catalogue.entries)
    put(three, "green.png", (0, 128, 128))  # as many bytes
    three.rm("/pictures/all/cold/blue.png")
    report = library.index(catalogue, toy).update()
    assert (report.new, report.kept, report.removed) == (1, 1, 2)
    assert catalogue.entries["warm/a red one.png"] == before["warm/a red one.png"]
    assert library.index(catalogue, toy).update().kept == 2 and toy.embedded == 4


def test_what_is_no_picture_of_the_persons_is_passed_over(library: Library, three: object) -> None:
    put(three, ".hidden/red.png", (9, 9, 9))
    put(three, "__MACOSX/red.png", (8, 9, 9))
    three.pipe("/pictures/all/notes.txt", b"words")
    three.pipe("/pictures/all/broken.jpg", b"no picture")
    three.pipe("/pictures/all/empty.jpg", b"")
    report = library.index(library.open(place(ROOT)), Halves()).update()
    assert [skip.path for skip in report.skipped] == ["broken.jpg", "empty.jpg"]
    assert report.images == 4 and report.rows == 6


def test_captions_beside_the_pictures_count_in_the_root(library: Library, three: object) -> None:
    three.pipe("/pictures/all/metadata.csv", b"file_name,text\nwarm/a red one.png,a tomato\n")
    catalogue = library.open(place(ROOT))
    library.scan(catalogue)
    assert [caption.text for caption in library.captions(catalogue).values()] == ["a tomato"]


def test_a_store_that_is_not_there_says_so(library: Library, memory: object) -> None:
    memory.pipe("/pictures/other.txt", b"")
    with pytest.raises(CatalogueError) as told:
        library.index(library.open(place("memory://nowhere/at/all")), Toy()).update()
    assert is_one_sentence(str(told.value)) and "memory://nowhere/at/all" in str(told.value)


def test_by_the_command_line_from_a_web_server(
    pictures: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which lists its folders as pages of links, and tells of each file when it was written."""
    pytest.importorskip("aiohttp", reason="needs: pip install -r requirements-cluster.txt")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    paint(pictures / "warm/red.png", RED)
    paint(pictures / "cold/blue.png", BLUE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=pictures)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        command = ["index", url, "-e", "colour", "--json", "--home", str(home)]
        assert app.main(command) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["images"], told["new"], told["skipped"]) == (2, 2, [])
        assert app.main(command) == 0
        assert json.loads(capsys.readouterr().out)["kept"] == 2
        query = paint(home / "q.png", (250, 0, 0))
        assert app.main(["search", url, str(query), "-e", "colour", "-k", "1", "--json", "--home", str(home)]) == 0
        assert f"{url}/warm/red.png" in capsys.readouterr().out
        server.shutdown()
    assert app.main(command) == 1
    assert is_one_sentence(capsys.readouterr().err.strip())
