"""Library: index, search, recommend, classify, evaluate, hide; and the person's folder never notices."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

import engines
from engines import Crop, Engine, NotEmbeddable, SemblanceError
from features.catalogue.folder import Catalogue, Skipped
from features.errors import ImageError, NotIndexed
from features.home import default_home
from features.index import BACKENDS, create
from features.indexing.embedding import parts_of
from features.indexing.updating import BATCH
from features.library import Library, labelled_files
from features.retrieval.results import Liked
from features.retrieval.searchable import SHOWN
from tests.support import ROOT
from tests.support.toy import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Colour,
    Halves,
    Toy,
    digest,
    hue,
    is_one_sentence,
    names,
    paint,
    snapshot,
    wheel,
)


def opened(library: Library, folder: Path, engine: Engine) -> Catalogue:
    catalogue = library.open(folder)
    library.index(catalogue, engine).update()
    return catalogue


# Finding


@pytest.mark.parametrize(
    "make", [Toy, lambda: engines.create("colour"), lambda: engines.create("product", "builtin")]
)
def test_every_picture_finds_itself_first(library: Library, pictures: Path, make: Callable[[], Engine]) -> None:
    """Rule 1: one way in for both. And rule 6: catalogues go in batches, queries alone."""
    generator = np.random.default_rng(7)
    for i, path in enumerate(wheel(pictures, BATCH + 5)):
        if i % 2:
            spots = tuple(int(n) for n in generator.integers(0, 256, 3))
            path.unlink()
            paint(path.with_suffix(".jpg" if i % 3 else ".png"), hue(2 * i), spots, size=(40 + 3 * i, 60))
    engine = make()
    catalogue = opened(library, pictures, engine)
    for path in pictures.iterdir():
        best = library.index(catalogue, engine).search(path, 1).matches[0]
        assert (best.path, best.score > 0.999) == (path, True)


def test_a_picture_in_another_format_finds_the_first(library: Library, rainbow: Path, tmp_path: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    for name in ("query.jpg", "query.webp", "query.gif", "query.bmp"):
        best = library.index(catalogue, toy).search(paint(tmp_path / name, ORANGE, size=(64, 64)), 1).matches[0]
        assert (best.path.stem, best.score > 0.999) == ("orange", True)


@pytest.mark.parametrize(
    "make", [Toy, lambda: engines.create("colour"), lambda: engines.create("product", "builtin")]
)
def test_one_alone_embeds_as_in_a_batch(make: Callable[[], Engine]) -> None:
    """Rule 6: row i depends on image i alone."""
    generator = np.random.default_rng(8)
    crops = [Crop(generator.integers(0, 256, (20 + i, 60 - i, 3), dtype=np.uint8)) for i in range(9)]
    engine = make()
    together = engine.embed(crops)
    for order in ([8, 3], list(range(9))[::-1], *([i] for i in range(9))):
        np.testing.assert_allclose(engine.embed([crops[i] for i in order]), together[order], atol=1e-6)


def test_an_answer_tells_all(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    answer = library.index(catalogue, toy).search(rainbow / "warm/orange.png", 3)
    assert names(answer)[:2] == ["orange", "red"] and len(answer.matches) == 3
    assert (answer.network, answer.weights, answer.searched) == ("toynet", "none needed", 5)
    assert answer.seconds > 0
    best, second = answer.matches[:2]
    assert (best.digest, best.label, best.box) == (digest(rainbow / "warm/orange.png"), "warm", None)
    assert second.score == pytest.approx(np.cos(np.arctan2(128, 255)), abs=1e-6)
    assert all(-1 <= match.score <= 1 and type(match.score) is float for match in answer.matches)


@pytest.mark.parametrize(("k", "found"), [(1, 1), (4, 4), (5, 5), (6, 5), (10_000, 5)])
def test_k_may_be_larger_than_the_catalogue(library: Library, rainbow: Path, k: int, found: int) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    assert len(library.index(catalogue, toy).search(rainbow / "warm/red.png", k).matches) == found
    assert len(library.index(catalogue, toy).recommend([Liked(rainbow / "warm/red.png")], k=k).matches) == min(
        found, 4
    )


def test_each_picture_comes_once_by_its_best_crop(library: Library, pictures: Path) -> None:
    paint(pictures / "red and green.png", RED, GREEN, size=(20, 10))
    paint(pictures / "green and red.png", GREEN, RED, size=(2000, 1000))
    paint(pictures / "blue.png", BLACK, BLUE, size=(20, 10))
    halves = Halves()
    catalogue = library.open(pictures)
    assert library.index(catalogue, halves).update().rows == 5
    found = library.index(catalogue, halves).search(paint(library.home / "query.png", RED), 10).matches
    assert {match.path.stem: match.box for match in found} == {
        "red and green": (0, 0, 10, 10),
        "green and red": (1000, 0, 2000, 1000),  # in pixels of the full size
        "blue": (10, 0, 20, 10),
    }
    assert [match.path.stem for match in found][2] == "blue" and found[2].score < 0.01


def test_a_picture_of_many_crops_leaves_room_for_others(library: Library, pictures: Path) -> None:
    paint(pictures / "all red.png", RED)
    paint(pictures / "reddish.png", ORANGE, BLACK)
    halves = Halves()
    catalogue = opened(library, pictures, halves)
    assert names(library.index(catalogue, halves).search(pictures / "all red.png", 2)) == ["all red", "reddish"]


def test_a_query_is_its_most_prominent_crop(library: Library, pictures: Path) -> None:
    paint(pictures / "red.png", RED)
    paint(pictures / "green.png", GREEN)
    halves = Halves()
    catalogue = opened(library, pictures, halves)
    query = paint(library.home / "query.png", GREEN, RED)
    assert names(library.index(catalogue, halves).search(query, 1)) == ["green"]


def test_boxes_of_an_engine_may_be_numpys(library: Library, pictures: Path) -> None:
    class Numpy(Halves):
        def crops(self, image: np.ndarray) -> list[Crop]:
            return [Crop(crop.pixels, tuple(np.array(crop.box))) for crop in super().crops(image)]

    paint(pictures / "red.png", RED)
    opened(library, pictures, Numpy())
    library = Library(library.home)
    assert library.index(library.open(pictures), Numpy()).update().kept == 1
    assert library.index(library.open(pictures), Numpy()).search(pictures / "red.png").matches[0].box == (
        0,
        0,
        4,
        8,
    )


def test_what_can_not_be_embedded_is_skipped_with_its_reason_and_not_tried_again(
    library: Library, pictures: Path
) -> None:
    paint(pictures / "red.png", RED)
    paint(pictures / "black.png", BLACK)
    (pictures / "text.jpg").write_text("no picture")
    (pictures / "drawing.svg").write_bytes(b"anything")
    (pictures / "empty.png").touch()
    halves = Halves()
    catalogue = library.open(pictures)
    expected = [
        Skipped("black.png", "Nothing but black. Try a picture with some light in it."),
        Skipped("drawing.svg", "SVG pictures are not supported; export it as JPEG or PNG."),
        Skipped("empty.png", "The file is empty; copy it again from where it came."),
        Skipped("text.jpg", "The file holds no picture that can be read; export it as JPEG or PNG."),
    ]
    first = library.index(catalogue, halves).update()
    assert (first.images, first.rows, first.new, first.skipped) == (3, 2, 3, expected)
    again = Library(library.home).index(catalogue, Halves()).update()
    assert (again.images, again.rows, again.new, again.kept, again.skipped) == (3, 2, 0, 3, expected)
    paint(pictures / "black.png", BLUE)
    mended = library.index(catalogue, halves).update()
    assert (mended.new, mended.removed, mended.skipped) == (1, 1, expected[1:])


def test_every_copy_of_a_refused_picture_is_told(library: Library, pictures: Path) -> None:
    paint(pictures / "a/black.png", BLACK)
    paint(pictures / "b/black.png", BLACK)
    report = library.index(library.open(pictures), Halves()).update()
    assert [skip.path for skip in report.skipped] == ["a/black.png", "b/black.png"]
    with pytest.raises(NotIndexed):
        library.index(library.open(pictures), Halves()).search(paint(library.home / "red.png", RED))


def test_a_query_that_can_not_be_used_says_why(library: Library, rainbow: Path, tmp_path: Path) -> None:
    halves = Halves()
    catalogue = opened(library, rainbow, halves)
    (tmp_path / "text.jpg").write_text("no picture")
    for query, kind in (
        (tmp_path / "text.jpg", ImageError),
        (tmp_path / "nowhere.jpg", ImageError),
        (paint(tmp_path / "black.png", BLACK), NotEmbeddable),
    ):
        with pytest.raises(kind):
            library.index(catalogue, halves).search(query)
        with pytest.raises(kind):
            library.index(catalogue, halves).recommend([Liked(rainbow / "warm/red.png")], [Liked(query)])


def test_an_engine_that_breaks_its_contract_is_told_so(library: Library, rainbow: Path) -> None:
    class Long(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            return 2 * super().embed(crops)

    class Double(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            return super().embed(crops).astype(np.float64)

    class Empty(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            return super().embed(crops) * np.float32(np.nan)

    class Listed(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            return super().embed(crops).tolist()

    class Short(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            return super().embed(crops)[:-1]

    for engine in (Long(), Double(), Empty(), Listed(), Short()):
        with pytest.raises(SemblanceError, match=r"mend its embed\(\)\.$"):
            library.index(library.open(rainbow), engine).update()
        assert library.index(library.open(rainbow), engine).status().rows == 0


# Only what is needed, only when it is needed


def test_status_counts_without_loading(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = library.open(rainbow)
    assert (library.index(catalogue, toy).status().images, library.index(catalogue, toy).status().done) == (0, 0)
    library.index(catalogue, Toy()).update()
    status = Library(library.home).index(library.open(rainbow), toy).status()
    assert (status.images, status.done, status.rows) == (5, 5, 5)
    assert (toy.prepared, toy.batches) == (0, [])


def test_pictures_go_in_batches(library: Library, pictures: Path) -> None:
    """Rule 5."""
    wheel(pictures, 2 * BATCH + 3)
    toy = Toy()
    opened(library, pictures, toy)
    assert toy.batches == [BATCH, BATCH, 3]


class Watched(Toy):
    """Knows when a batch's last picture has been cut, and waits for the next batch's before it embeds one."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.cut, self.ahead = number, 0, []
        self.changed = threading.Condition()

    def crops(self, image: np.ndarray) -> list[Crop]:
        with self.changed:
            self.cut += 1
            self.changed.notify_all()
        return super().crops(image)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        rows = super().embed(crops)
        with self.changed:
            enough = min(self.embedded + BATCH, self.number)
            assert self.changed.wait_for(lambda: self.cut >= enough, 60), (
                "nothing is cut while this one is embedded"
            )
            self.ahead.append(self.cut - self.embedded)
        return rows


def test_the_next_batch_is_cut_while_one_is_embedded_and_no_more(library: Library, pictures: Path) -> None:
    wheel(pictures, 3 * BATCH + 3)
    watched = Watched(3 * BATCH + 3)
    opened(library, pictures, watched)
    assert watched.ahead == [BATCH, BATCH, 3, 0]


def test_rows_belong_to_their_pictures_whichever_is_cut_first(library: Library, pictures: Path) -> None:
    class Slow(Toy):
        def crops(self, image: np.ndarray) -> list[Crop]:
            time.sleep(0.02 * (image[0, 0, 0] % 3))
            return super().crops(image)

    paths, slow = wheel(pictures, 20), Slow()
    catalogue = opened(library, pictures, slow)
    for path in paths:
        best = library.index(catalogue, slow).search(path, 1).matches[0]
        assert (best.path, best.score > 0.999) == (path, True)


def test_however_a_run_ends_it_leaves_no_thread_behind(library: Library, pictures: Path) -> None:
    class Fragile(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            if self.batches:
                raise KeyboardInterrupt
            return super().embed(crops)

    wheel(pictures, 3 * BATCH)
    before = threading.enumerate()
    toy = Toy("cancelled")
    assert library.index(library.open(pictures), toy).update(cancelled=lambda: len(toy.batches) == 1).cancelled
    assert threading.enumerate() == before
    with pytest.raises(KeyboardInterrupt):
        library.index(library.open(pictures), Fragile("interrupted")).update()
    assert threading.enumerate() == before
    assert library.index(library.open(pictures), Toy("whole")).update().new == 3 * BATCH
    assert threading.enumerate() == before


class Small(Halves):
    """Asks for no more than 16 pixels, once it is prepared; keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: set[tuple[int, ...]] = set()

    @property
    def side(self) -> int:
        return 16 if self.prepared else 4

    def crops(self, image: np.ndarray) -> list[Crop]:
        self.got.add(image.shape)
        return super().crops(image)


def test_pictures_and_queries_are_opened_no_larger_than_the_engine_needs(library: Library, pictures: Path) -> None:
    """Rule 1. Boxes are in pixels of the full size all the same; the side may be known only once prepared."""
    for i, suffix in enumerate(("jpg", "png", "webp")):
        paint(pictures / f"{i}.{suffix}", hue(20 * i), hue(90 - 20 * i), size=(320, 160))
    catalogue = opened(library, pictures, Small())
    library, fresh = Library(library.home), Small()
    for path in pictures.iterdir():
        best = library.index(catalogue, fresh).search(path, 1).matches[0]
        assert (best.path, best.score > 0.999, best.box) == (path, True, (0, 0, 160, 160))
    assert fresh.got == {(16, 32, 3), (20, 40, 3)}, "a JPEG is decoded at an eighth at the least"


def test_a_few_new_pictures_leave_the_feature_file_as_it_is(library: Library, pictures: Path) -> None:
    """They wait beside it; a picture that has gone is forgotten at once, and what came meanwhile is kept."""
    wheel(pictures, 300)
    opened(library, pictures, Toy())
    (file,) = library.home.rglob("*.features")
    merged = file.read_bytes()
    new = [paint(pictures / f"new {i}.png", (0, i, 255)) for i in range(3)]
    gone = pictures / "100.png"
    for holder in (library, Library(library.home)):
        report = holder.index(holder.open(pictures), Toy()).update()
        assert (report.rows, report.new + report.kept, report.removed) == (303, 303, 0)
        assert file.read_bytes() == merged
        assert holder.index(holder.open(pictures), Toy()).search(new[1], 1).matches[0].path == new[1]
        assert holder.index(holder.open(pictures), Toy()).status().done == 303
    gone.unlink()
    for holder, removed in ((library, 1), (Library(library.home), 0)):
        report = holder.index(holder.open(pictures), Toy()).update()
        assert (report.rows, report.new, report.kept, report.removed) == (302, 0, 302, removed)
        assert holder.index(holder.open(pictures), Toy()).search(new[1], 1).matches[0].path == new[1]
    assert file.read_bytes() != merged and not file.with_suffix(".journal").exists()


PEAK = """
import sys
from pathlib import Path
from features.library import Library
from tests.support.toy import Toy

library = Library(Path(sys.argv[1]))
assert library.index(library.open(Path(sys.argv[2])), Toy(dim=50_000)).update().new == int(sys.argv[3])
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no way to measure here")
def test_memory_stays_flat_however_many_pictures_there_are(home: Path, tmp_path: Path) -> None:
    """400 more of them, with 80 MB of vectors."""
    peaks = []
    for number in (200, 600):
        for i in range(number):
            paint(tmp_path / f"{number}/{i}.png", RED, size=(8, 8 + i))
        command = [sys.executable, "-c", PEAK, home, tmp_path / f"{number}", str(number)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(run.stdout))
    assert peaks[1] - peaks[0] < 10_000, "KB"


def test_nothing_heavy_is_imported_by_importing() -> None:
    """Rule 5: models load on first use."""
    code = "import sys, engines, features, features.library, app; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "torch", "keras", "sklearn", "gradio", "mtcnn"} & set(run.stdout.split())


AGAIN = """
import sys
from pathlib import Path
from features.library import Library

library = Library(Path(sys.argv[1]))
report = library.index(library.open(Path(sys.argv[2])), library.engine("product")).update()
heavy = {"tensorflow", "torch", "keras", "sklearn"} & set(sys.modules)
print(report.new, report.kept, *sorted(heavy))
"""


def test_the_default_engine_needs_nothing_heavy(home: Path, rainbow: Path) -> None:
    """Neither at first nor with an unchanged folder, each time in a process of its own."""

    def index() -> list[str]:
        command = [sys.executable, "-c", AGAIN, home, rainbow]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    assert index() == ["5", "0"]
    assert index() == ["0", "5"]


# Recommending


def test_recommending_leaves_out_what_was_given(library: Library, rainbow: Path, tmp_path: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    red, pink = rainbow / "warm/red.png", rainbow / "warm/pink.png"
    assert names(library.index(catalogue, toy).recommend([Liked(red), Liked(pink)], k=1)) == ["orange"]
    copy = tmp_path / "copy.png"
    copy.write_bytes(red.read_bytes())
    found = names(library.index(catalogue, toy).recommend([Liked(copy)], [Liked(rainbow / "cold/blue.png")], k=9))
    assert set(found) == {"orange", "pink", "green"}, "known by its bytes, wherever it lies"


def test_what_is_disliked_pushes_away(library: Library, pictures: Path) -> None:
    for name, colour in (("yellow", YELLOW), ("orange", ORANGE), ("lime", (128, 255, 0)), ("blue", BLUE)):
        paint(pictures / f"{name}.png", colour)
    toy = Toy()
    catalogue = opened(library, pictures, toy)
    red, green = paint(library.home / "red.png", RED), paint(library.home / "green.png", GREEN)
    yellow = pictures / "yellow.png"
    assert names(library.index(catalogue, toy).recommend([Liked(yellow)], [Liked(red)]))[0] == "lime"
    assert names(library.index(catalogue, toy).recommend([Liked(yellow)], [Liked(green)]))[0] == "orange"


def test_likes_weigh_the_same(library: Library, pictures: Path) -> None:
    """The query is the mean of the likes: cosines worked out by hand."""
    paint(pictures / "yellow.png", YELLOW)
    toy = Toy()
    catalogue = opened(library, pictures, toy)
    red, green = paint(library.home / "red.png", RED), paint(library.home / "green.png", GREEN)
    (match,) = library.index(catalogue, toy).recommend([Liked(red), Liked(green)]).matches
    assert match.score == pytest.approx(1, abs=1e-6)
    (match,) = (
        library.index(catalogue, toy).recommend([Liked(red)], [Liked(green)]).matches
    )  # (2, -1, 0) against (1, 1, 0)
    assert match.score == pytest.approx(1 / np.sqrt(10), abs=1e-6)


def test_recommending_needs_a_like(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    with pytest.raises(SemblanceError, match=r"^Name at least one picture that you like\.$"):
        library.index(catalogue, toy).recommend([])


# Hiding


def test_the_hidden_never_answer_until_restored(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    red = rainbow / "warm/red.png"
    for round_ in range(20):  # at once after one another: nothing stale may answer
        library.open(rainbow).hide([digest(red)])
        assert "red" not in names(library.index(catalogue, toy).search(red, 9)), round_
        library.open(rainbow).restore([digest(red)])
        assert names(library.index(catalogue, toy).search(red, 9))[0] == "red", round_


def test_the_hidden_stay_hidden_after_a_restart(library: Library, rainbow: Path) -> None:
    toy = Toy()
    red, pink = rainbow / "warm/red.png", rainbow / "warm/pink.png"
    opened(library, rainbow, toy).hide([digest(red)])
    library = Library(library.home)
    library.index(library.open(rainbow), toy).update()
    answer = library.index(library.open(rainbow), toy).search(red, 9)
    assert "red" not in names(answer) and answer.searched == 4
    assert "red" not in names(library.index(library.open(rainbow), toy).recommend([Liked(pink)], k=9))
    red.rename(rainbow / "renamed.png")
    library.index(library.open(rainbow), toy).update()
    assert "renamed" not in names(library.index(library.open(rainbow), toy).search(pink, 9)), "a mark on the bytes"
    library.open(rainbow).restore([digest(rainbow / "renamed.png")])
    library = Library(library.home)
    assert names(library.index(library.open(rainbow), toy).search(rainbow / "renamed.png", 9))[0] == "renamed"


def test_the_hidden_teach_nothing_and_are_not_measured(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    for name in ("blue", "green"):
        catalogue.hide([digest(rainbow / f"cold/{name}.png")])
    with pytest.raises(SemblanceError, match="at least two folders"):
        library.index(catalogue, toy).classifier.classify([rainbow / "cold/blue.png"])
    result, _ = library.index(catalogue, toy).evaluation.retrieval()
    assert (result.gallery, result.queries, result.precision_at_1) == (3, 3, 1)


def test_all_hidden_is_said_so(library: Library, rainbow: Path) -> None:
    toy = Toy()
    catalogue = opened(library, rainbow, toy)
    for path in rainbow.rglob("*.png"):
        catalogue.hide([digest(path)])
    with pytest.raises(NotIndexed):
        library.index(catalogue, toy).search(rainbow / "warm/red.png")


def test_marks_set_at_once_all_hold(library: Library, pictures: Path) -> None:
    toy = Toy()
    paths = wheel(pictures, 40)
    catalogue = opened(library, pictures, toy)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: library.open(pictures).hide([digest(path)]), paths[1:]))
        list(pool.map(lambda path: library.open(pictures).restore([digest(path)]), paths[1:5]))
    for fresh in (library, Library(library.home)):
        assert fresh.index(fresh.open(pictures), toy).search(paths[0], 99).searched == 5
    assert catalogue.hidden == {digest(path) for path in paths[5:]}


def test_marks_of_another_process_are_not_lost(library: Library, rainbow: Path) -> None:
    toy = Toy()
    mine = opened(library, rainbow, toy)
    theirs = Library(library.home).open(rainbow)
    theirs.hide([digest(rainbow / "warm/red.png")])
    mine.hide([digest(rainbow / "warm/pink.png")])
    theirs.hide([digest(rainbow / "cold/blue.png")])
    paint(rainbow / "new.png", YELLOW)
    library.index(mine, toy).update()
    fresh = Library(library.home)
    assert len(fresh.open(rainbow).hidden) == 3
    assert set(names(fresh.index(fresh.open(rainbow), toy).search(rainbow / "new.png", 9))) == {
        "new",
        "orange",
        "green",
    }


def test_two_holders_of_a_catalogue_see_the_same(library: Library, rainbow: Path) -> None:
    """A tab that keeps what it opened, and one that opens anew."""
    toy = Toy()
    early = library.open(rainbow)
    library.index(early, toy).update()
    late = library.open(rainbow)
    early.hide([digest(rainbow / "warm/red.png")])
    late.hide([digest(rainbow / "warm/pink.png")])
    paint(rainbow / "new.png", YELLOW)
    (rainbow / "cold/blue.png").unlink()
    library.index(library.open(rainbow), toy).update()
    for catalogue in (early, late, library.open(rainbow), Library(library.home).open(rainbow)):
        found = names(library.index(catalogue, toy).search(paint(library.home / "query.png", YELLOW), 9))
        assert found == ["new", "orange", "green"]


# Measuring


@pytest.fixture
def fan(pictures: Path) -> Path:
    """Angles between red and green: 0 a, 10 a, 14 b, 40 b."""
    for name, degrees in (("a/0", 0), ("a/10", 10), ("b/14", 14), ("b/40", 40)):
        paint(pictures / f"{name}.png", hue(degrees))
    return pictures


def test_leaving_one_out_is_measured_as_by_hand(library: Library, fan: Path) -> None:
    """0: a b b; 10: b a b; 14: a a b; 40: b a a. Right at rank 1, 2, 3, 1."""
    toy = Toy()
    result, skipped = library.index(opened(library, fan, toy), toy).evaluation.retrieval()
    assert (result.engine, result.network, result.fingerprint) == ("toy", "toynet", engines.fingerprint(toy))
    assert (result.queries, result.gallery, skipped) == (4, 4, [])
    assert result.precision_at_1 == pytest.approx(2 / 4)
    assert result.precision_at_5 == pytest.approx(1 / 5), "one right of five places, for each"
    assert result.map_at_10 == pytest.approx((1 + 1 / 2 + 1 / 3 + 1) / 4)
    assert result.seconds_per_query > 0


def test_a_folder_of_queries_is_measured_as_by_hand(library: Library, fan: Path, tmp_path: Path) -> None:
    """a at 11: 10 a, 14 b, 0 a, 40 b. b at 30: 40 b, 14 b, 10 a, 0 a. Nobody else has c, and d has no label."""
    queries = tmp_path / "queries"
    paint(queries / "a/11.png", hue(11))
    paint(queries / "b/30.png", hue(30))
    paint(queries / "c/50.png", hue(50))
    paint(queries / "60.png", hue(60))
    paint(queries / "a/text.png", RED).write_text("no picture")
    (queries / "a/empty.png").touch()
    toy = Toy()
    catalogue = opened(library, fan, toy)
    before = snapshot(tmp_path / "queries")
    result, skipped = library.index(catalogue, toy).evaluation.retrieval(labelled_files(queries, library.home))
    assert (result.queries, result.gallery) == (2, 4)
    assert result.precision_at_1 == pytest.approx(1)
    assert result.precision_at_5 == pytest.approx(2 / 5)
    assert result.map_at_10 == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
    assert sorted(Path(skip.path).name for skip in skipped) == ["empty.png", "text.png"]
    assert snapshot(tmp_path / "queries") == before and len(library.known()) == 1


def test_only_the_first_ten_are_measured(library: Library, pictures: Path, tmp_path: Path) -> None:
    for i in range(12):
        paint(pictures / ("a" if i in (1, 11) else "b") / f"{i}.png", hue(2 * i))
    toy = Toy()
    catalogue = opened(library, pictures, toy)
    query = paint(tmp_path / "query.png", hue(0.1))
    result, _ = library.index(catalogue, toy).evaluation.retrieval([(query, "a")])
    scores = (result.precision_at_1, result.precision_at_5, result.map_at_10)
    assert scores == pytest.approx((0, 1 / 5, 1 / 2)), "second, and twelfth, which is too far"


def test_the_tenth_counts_when_leaving_one_out(library: Library, pictures: Path) -> None:
    """Two of a at the ends, and between them nine that nobody is like: each finds the other tenth."""
    for i in range(11):
        paint(pictures / ("a" if i in (0, 10) else f"alone {i}") / f"{i}.png", hue(2 * i))
    toy = Toy()
    result, _ = library.index(opened(library, pictures, toy), toy).evaluation.retrieval()
    assert (result.queries, result.precision_at_5) == (2, 0) and result.map_at_10 == pytest.approx(1 / 10)


def test_a_label_of_one_is_not_asked_for(library: Library, fan: Path) -> None:
    paint(fan / "alone/80.png", hue(80))
    toy = Toy()
    result, _ = library.index(opened(library, fan, toy), toy).evaluation.retrieval()
    assert (result.queries, result.gallery) == (4, 5)


def test_nothing_to_measure_is_said_so(library: Library, pictures: Path) -> None:
    wheel(pictures, 3)
    toy = Toy()
    catalogue = opened(library, pictures, toy)
    for queries in (None, [], [(pictures / "000.png", "a")]):
        with pytest.raises(SemblanceError) as refusal:
            library.index(catalogue, toy).evaluation.retrieval(queries)
        assert is_one_sentence(str(refusal.value)) and "put the pictures into folders" in str(refusal.value)


def test_what_another_engine_saw_go_is_no_trouble(library: Library, fan: Path) -> None:
    """One engine's file still holds a picture whose going only another engine's run has seen."""
    toy = Toy()
    catalogue = opened(library, fan, toy)
    (fan / "b/40.png").unlink()
    library.index(catalogue, Toy("other")).update()
    assert len(library.index(catalogue, toy).search(fan / "a/0.png", 9).matches) == 3
    assert library.index(catalogue, toy).status().rows == 3
    assert library.index(catalogue, toy).classifier.classify([fan / "a/0.png"])[0][0][0] == "a"
    result, _ = library.index(catalogue, toy).evaluation.retrieval()
    assert (result.queries, result.gallery) == (2, 3)


# Several at a time, and stopping


def test_concurrent_searches_agree(library: Library, pictures: Path) -> None:
    paths = wheel(pictures, 40)
    engine = engines.create("colour")
    catalogue = opened(library, pictures, engine)
    alone = {path: Library(library.home).index(catalogue, engine).search(path, 5).matches for path in paths}
    library = Library(library.home)
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(
            lambda path: library.index(library.open(pictures), engine).search(path, 5).matches, paths * 3
        )
        for path, matches in zip(paths * 3, together, strict=True):
            assert [match.digest for match in matches] == [match.digest for match in alone[path]]
            assert [m.score for m in matches] == pytest.approx([m.score for m in alone[path]], abs=1e-6)


class Waiting(Toy):
    """Stands still in its first batch until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        self.begun.set()
        assert self.go.wait(60)
        return super().embed(crops)


def test_one_index_run_at_a_time_for_an_engine(library: Library, rainbow: Path) -> None:
    waiting, toy, other = Waiting(), Toy(), Toy("other")
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(library.index(library.open(rainbow), waiting).update)
        assert waiting.begun.wait(60)
        try:
            for second in (library, Library(library.home)):
                with pytest.raises(SemblanceError) as refusal:
                    second.index(second.open(rainbow), toy).update()
                assert str(refusal.value) == (
                    "pictures is being indexed already; wait for that to end, then try again."
                )
            assert library.index(library.open(rainbow), other).update().rows == 5, "another engine need not wait"
        finally:
            waiting.go.set()
        assert run.result().new == 5
    assert toy.batches == []
    assert library.index(library.open(rainbow), toy).update().rows == 5, "and the lock is gone again"


def test_a_query_may_wait_for_a_run_to_end(library: Library, rainbow: Path) -> None:
    waiting = Waiting()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(library.index(library.open(rainbow), waiting).update)
        assert waiting.begun.wait(60)
        second = pool.submit(library.index(library.open(rainbow), Toy()).update, wait=60)
        waiting.go.set()
        assert (first.result().new, second.result().new, second.result().kept) == (5, 0, 5)


def test_two_queries_on_the_command_line_at_once_both_answer(home: Path, rainbow: Path) -> None:
    """The second finds the first one indexing, or its lock held for longer than it will wait."""
    library = Library(home)
    colour = library.engine("colour")
    library.index(library.open(rainbow), colour).update()
    store = next(home.glob("catalogues/*/colour-*.features"))
    command = [sys.executable, "app.py", "search", rainbow, rainbow / "warm/red.png", "-e", "colour", "--json"]
    with FileLock(store.with_suffix(".lock")):
        told = subprocess.run([*command, "--home", home], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0
    assert json.loads(told.stdout)["results"][0]["matches"][0]["path"].endswith("red.png")
    assert told.stderr == "pictures is being indexed elsewhere; the answer comes from what is there so far.\n"


class Clumsy(Toy):
    """Fails on blue pictures, finds nothing in green ones."""

    def crops(self, image: np.ndarray) -> list[Crop]:
        red, green, blue = image.mean(axis=(0, 1))
        if blue > max(red, green):
            raise ZeroDivisionError("a slip")
        return [] if green > red else [Crop(image)]


def test_an_engine_that_fails_on_a_picture_skips_it(library: Library, rainbow: Path) -> None:
    report = library.index(library.open(rainbow), Clumsy()).update()
    reasons = {skip.reason for skip in report.skipped}
    assert reasons == {
        "The engine toy failed on this picture (ZeroDivisionError('a slip')).",
        "The engine toy found nothing in this picture.",
    }
    assert report.rows == report.images - len(report.skipped) > 0
    assert library.index(library.open(rainbow), Clumsy()).update().new == 0


class Picky(Toy):
    """Refuses blue pictures, but only when it embeds them."""

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        for crop in crops:
            red, green, blue = crop.pixels.mean(axis=(0, 1))
            if blue > max(red, green):
                raise NotEmbeddable("Too blue. Try a warmer picture.")
        return super().embed(crops)


def test_a_picture_that_embed_refuses_is_skipped_and_named(library: Library, rainbow: Path) -> None:
    index = library.index(library.open(rainbow), Picky())
    report = index.update()
    assert report.skipped == [Skipped("cold/blue.png", "Too blue. Try a warmer picture.")]
    assert (report.images, report.rows, index.update().new) == (5, 4, 0)
    assert names(index.search(rainbow / "warm/red.png", k=1)) == ["red"], "rows belong to their own pictures"
    with pytest.raises(NotEmbeddable, match="Too blue"):
        index.search(rainbow / "cold/blue.png")


@pytest.mark.parametrize("colour", [BLUE, RED])
def test_one_picture_alone_may_be_refused_by_embed(library: Library, pictures: Path, colour: Colour) -> None:
    paint(pictures / "only.png", colour)
    report = library.index(library.open(pictures), Picky()).update()
    refused = colour == BLUE
    assert (report.rows, len(report.skipped)) == (1 - refused, refused)


def test_an_engine_that_can_not_describe_itself_takes_no_other_down(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = library.cards()
    monkeypatch.setattr(type(library.engine("colour")), "describe", lambda self: 1 / 0)
    cards = library.cards()
    assert cards.keys() == before.keys() and not cards["colour"].available
    assert (
        cards["colour"].reason == "The engine colour can't describe itself: ZeroDivisionError('division by zero')."
    )


def test_the_home_may_lie_in_a_hidden_folder_of_the_pictures(pictures: Path) -> None:
    paint(pictures / "red.png", RED)
    library = Library(pictures / ".cache/semblance")
    assert library.index(library.open(pictures), Toy()).update().images == 1
    library.thumbnail(library.open(pictures), *library.open(pictures).paths)
    assert library.index(library.open(pictures), Toy()).update().images == 1


class Settling(Toy):
    """Another space than it first seems, until it is prepared: as when weights have been fetched."""

    def settings(self) -> dict[str, Any]:
        return {"fetched": bool(self.prepared)}


def test_a_space_that_turns_out_to_be_another_is_not_mixed(library: Library, rainbow: Path) -> None:
    opened(library, rainbow, Settling())
    fresh = Settling()
    assert library.index(library.open(rainbow), fresh).status().done == 0
    assert library.index(library.open(rainbow), fresh).evaluation.retrieval()[0].gallery == 5


def test_what_another_has_indexed_is_found_at_once(library: Library, rainbow: Path) -> None:
    toy, other = Toy("one"), Toy("other")
    catalogue = opened(library, rainbow, toy)
    with pytest.raises(NotIndexed):
        library.index(catalogue, other).search(rainbow / "warm/red.png")
    opened(Library(library.home), rainbow, other)
    assert library.index(catalogue, other).search(rainbow / "warm/red.png").searched == 5


def test_searching_goes_on_while_indexing(library: Library, pictures: Path) -> None:
    wheel(pictures, 3)
    toy = Toy()
    opened(library, pictures, toy)
    wheel(pictures, BATCH)
    waiting = Waiting()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(library.index(library.open(pictures), waiting).update)
        try:
            assert waiting.begun.wait(60)
            answer = Library(library.home).index(library.open(pictures), toy).search(pictures / "000.png", 5)
            assert answer.matches[0].score > 0.999 and answer.searched >= 1
        finally:
            waiting.go.set()
        run.result()
    assert library.index(library.open(pictures), toy).search(pictures / "000.png", 99).searched == BATCH


def test_a_cancelled_run_keeps_what_is_done_and_the_next_goes_on(library: Library, pictures: Path) -> None:
    wheel(pictures, 3 * BATCH)
    toy = Toy()
    report = library.index(library.open(pictures), toy).update(cancelled=lambda: len(toy.batches) == 2)
    assert (report.cancelled, report.rows, report.new, report.skipped) == (True, 2 * BATCH, 2 * BATCH, [])
    assert library.index(library.open(pictures), toy).search(pictures / "000.png").searched == 2 * BATCH
    toy.batches.clear()
    report = Library(library.home).index(library.open(pictures), toy).update()
    assert (report.cancelled, report.kept, report.new, toy.batches) == (False, 2 * BATCH, BATCH, [BATCH])


def test_a_run_that_breaks_keeps_what_is_done(library: Library, pictures: Path) -> None:
    class Fragile(Toy):
        def embed(self, crops: Sequence[Crop]) -> np.ndarray:
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().embed(crops)

    wheel(pictures, 3 * BATCH)
    with pytest.raises(KeyboardInterrupt):
        library.index(library.open(pictures), Fragile()).update()
    toy = Toy()
    assert library.index(library.open(pictures), toy).update().kept == 2 * BATCH and toy.embedded == BATCH


def test_progress_counts_up_to_the_end(library: Library, pictures: Path) -> None:
    wheel(pictures, 2 * BATCH)
    told: list[tuple[int, int, str]] = []
    library.index(library.open(pictures), Toy()).update(lambda *step: told.append(step))
    assert told[0] == (0, 2 * BATCH, "looking for pictures")
    assert [step for step in told if step[2] == "embedding"] == [
        (done, 2 * BATCH, "embedding") for done in (0, BATCH)
    ]


# The person's folder


def everything(library: Library, folder: Path) -> None:
    """All that can be done with a catalogue, with one engine of each kind."""
    for engine in (Halves(), engines.create("colour"), engines.create("product", "builtin")):
        catalogue = opened(library, folder, engine)
        query = folder / "warm/red.png"
        library.index(catalogue, engine).status()
        library.index(catalogue, engine).search(query)
        library.index(catalogue, engine).recommend([Liked(query)], [Liked(folder / "cold/blue.png")])
        library.index(catalogue, engine).evaluation.retrieval()
        library.index(catalogue, engine).evaluation.retrieval(labelled_files(folder, library.home))
        library.index(catalogue, engine).classifier.classify([query])
        library.index(catalogue, library.index(catalogue, engine).tuning.tune()).update()
        library.thumbnail(catalogue, digest(query))
        catalogue.hide([digest(query)])
        library.index(catalogue, engine).update()
        library.index(catalogue, engine).search(query)
        catalogue.restore([digest(query)])
    library.known()
    library.cards()


def test_the_folder_is_as_it_was(library: Library, rainbow: Path, tmp_path: Path) -> None:
    """Rule 4: byte for byte, time for time; and it may be read-only. Nor does anything appear beside it."""
    (rainbow / "notes.txt").write_text("mine")
    (rainbow / "broken.jpg").write_text("no picture")
    (rainbow / "link").symlink_to(rainbow / "warm")
    paint(rainbow / "black.png", BLACK)
    for path in (*rainbow.rglob("*"), rainbow):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(rainbow)
    try:
        everything(library, rainbow)
        assert snapshot(rainbow) == before
    finally:
        for folder in (rainbow, rainbow / "warm", rainbow / "cold"):
            folder.chmod(0o755)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "pictures"]


def test_thumbnails_are_small_jpegs_made_once(library: Library, pictures: Path) -> None:
    path = paint(pictures / "large.png", RED, size=(2000, 1000))
    catalogue = opened(library, pictures, Toy())
    small = library.thumbnail(catalogue, digest(path))
    assert (
        library.home in small.parents and small.read_bytes()[:2] == b"\xff\xd8" and small.stat().st_size < 20_000
    )
    made = small.stat().st_mtime_ns
    assert library.thumbnail(catalogue, digest(path)) == small and small.stat().st_mtime_ns == made


def test_a_thumbnail_is_of_the_picture_it_is_named_for(library: Library, pictures: Path) -> None:
    """Rule 2: the file was replaced after the scan."""
    path = paint(pictures / "picture.png", RED)
    catalogue = opened(library, pictures, Toy())
    red = digest(path)
    paint(path, BLUE)
    with pytest.raises(ImageError) as refusal:
        library.thumbnail(catalogue, red)
    assert is_one_sentence(str(refusal.value)) and str(refusal.value).endswith("index again.")
    assert not list(library.home.rglob("*.jpg"))


def test_the_home_is_where_it_was_asked_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Library().home == default_home()
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "named"))
    assert Library().home == tmp_path / "named"
    monkeypatch.setenv("SEMBLANCE_HOME", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Library().home == tmp_path / "cache/semblance"
    monkeypatch.chdir(tmp_path)
    assert Library(Path("here")).home == tmp_path / "here"


# Which index searches


def test_a_small_catalogue_is_searched_exactly_and_says_so(library: Library, rainbow: Path) -> None:
    toy, red = Toy(), rainbow / "warm/red.png"
    catalogue = opened(library, rainbow, toy)
    assert library.index(catalogue, toy).search(red).index == "exact search"
    assert library.index(catalogue, toy).recommend([Liked(red)]).index == "exact search"
    assert not list(library.home.rglob("*.hnsw"))


def test_an_approximate_index_follows_the_catalogue(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.index.APPROXIMATE_FROM", 1)
    halves, paths = Halves(), wheel(pictures, 40)
    catalogue = opened(library, pictures, halves)

    def found(query: Path) -> tuple[set[str], str]:
        answer = library.index(catalogue, halves).search(query, 99)
        return set(names(answer)), answer.index

    there, approximately = {path.stem for path in paths}, "approximate search (HNSW), re-ranked exactly"
    assert found(paths[3]) == (there, approximately)
    catalogue.hide([digest(paths[3])])
    assert found(paths[3]) == (there - {"003"}, approximately)
    catalogue.restore([digest(paths[3])])
    paths[5].unlink()
    paint(pictures / "new.png", BLUE)
    steps: list[tuple[int, int, str]] = []
    library.index(catalogue, halves).update(lambda *step: steps.append(step))
    assert steps[-1] == (0, 2, "building the search index"), "the two halves of one new picture"
    assert found(pictures / "new.png") == (there - {"005"} | {"new"}, approximately)
    assert Library(library.home).index(catalogue, halves).search(pictures / "new.png", 1).index == approximately


@pytest.mark.parametrize("choice", BACKENDS)
def test_whatever_is_chosen_follows_the_catalogue(home: Path, pictures: Path, choice: str) -> None:
    try:
        library = Library(home, choice)
    except SemblanceError as error:
        pytest.skip(str(error))
    halves, paths = Halves(), wheel(pictures, 12)
    catalogue = opened(library, pictures, halves)

    def found() -> set[str]:
        answer = library.index(catalogue, halves).search(paths[3], 99)
        assert answer.index == create(choice).name
        return set(names(answer))

    there = {path.stem for path in paths}
    assert found() == there
    catalogue.hide([digest(paths[3])])
    assert found() == there - {"003"}
    catalogue.restore([digest(paths[3])])
    paths[5].unlink()
    paint(pictures / "new.png", BLUE)
    library.index(catalogue, halves).update()
    assert found() == there - {"005"} | {"new"}


def test_without_its_file_a_large_catalogue_is_searched_exactly(
    library: Library, rainbow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.index.APPROXIMATE_FROM", 1)
    toy, red = Toy(), rainbow / "warm/red.png"
    catalogue = opened(library, rainbow, toy)
    (saved,) = library.home.rglob("*.hnsw")
    saved.unlink()
    answer = library.index(catalogue, toy).search(red, 1)
    assert (names(answer), answer.index) == (["red"], "exact search (for a quicker one: index again)")
    library.index(catalogue, toy).update()
    assert library.index(catalogue, toy).search(red, 1).index.startswith("approximate search")


# --- labels ranked, and parts of a query


def at(degrees: float) -> np.ndarray:
    """The toy's vector of `hue(degrees)`."""
    return np.float32([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0])


def test_people_are_ranked_by_their_best_photo_and_by_all(library: Library, pictures: Path) -> None:
    """b has the nearest photo, but its other one is far; c has one, a hand's breadth off."""
    for name, degrees in (("a/1", 8), ("a/2", 12), ("b/1", 4), ("b/2", 80), ("c/1", 30), ("alone", 35)):
        paint(pictures / f"{name}.png", hue(degrees))
    toy = Toy()
    catalogue = opened(library, pictures, toy)
    ranking = library.index(catalogue, toy).rank(at(0))
    groups = ranking.groups
    assert [group.label for group in groups] == ["a", "c", "", "b"], "a photo without a folder stands for itself"
    stems = [[match.path.stem for match in group.matches] for group in groups]
    assert stems == [["1", "2"], ["1"], ["alone"], ["1", "2"]]
    cosines = [np.cos(np.radians(degrees)) for degrees in (4, 80)]
    assert groups[3].score == pytest.approx((cosines[0] + np.mean(cosines)) / 2, abs=0.01)
    assert (
        ranking.searched == 6
        and ranking.index == library.index(catalogue, toy).search(pictures / "alone.png").index
    )
    assert [group.label for group in library.index(catalogue, toy).rank(at(0), k=2).groups] == ["a", "c"]


def test_a_picture_that_is_left_out_counts_for_nothing(library: Library, pictures: Path) -> None:
    paths = [
        paint(pictures / f"{name}.png", hue(degrees)) for name, degrees in (("a/1", 0), ("a/2", 60), ("b/1", 30))
    ]
    toy = Toy()
    catalogue = opened(library, pictures, toy)
    assert [group.label for group in library.index(catalogue, toy).rank(at(0)).groups] == ["a", "b"]
    left = library.index(catalogue, toy).rank(at(0), without=digest(paths[0])).groups
    assert [(group.label, round(group.score, 2)) for group in left] == [("b", 0.87), ("a", 0.5)]
    gone = library.index(catalogue, toy).rank(at(30), without=digest(paths[2])).groups
    assert [group.label for group in gone] == ["a"]


def test_of_many_photos_the_best_are_given(library: Library, pictures: Path) -> None:
    for number in range(20):
        paint(pictures / "a" / f"{number:02}.png", hue(4 * number))
    toy = Toy()
    (group,) = library.index(opened(library, pictures, toy), toy).rank(at(0)).groups
    assert [match.path.stem for match in group.matches] == [f"{number:02}" for number in range(SHOWN)]


def test_a_photo_of_several_counts_once_for_a_person_by_its_best_part(library: Library, pictures: Path) -> None:
    paint(pictures / "a/1.png", hue(0), right=hue(90))
    paint(pictures / "b/1.png", hue(20), right=hue(25))
    halves = Halves()
    catalogue = opened(library, pictures, halves)
    first, second = (library.index(catalogue, halves).rank(at(degrees)).groups for degrees in (0, 22))
    assert [group.label for group in first] == ["a", "b"] and [group.label for group in second] == ["b", "a"]
    assert first[0].score == pytest.approx(1, abs=1e-4) and len(first[0].matches) == 1
    blue = library.index(catalogue, halves).rank(at(88)).groups[0].matches[0]
    assert (first[0].matches[0].part, blue.path.parent.name, blue.part) == (0, "a", 1), (
        "and which one it was is told"
    )


def test_the_parts_of_a_query_are_told_with_their_places(library: Library, tmp_path: Path) -> None:
    query = paint(tmp_path / "query.png", RED, right=BLUE)
    left, right = parts_of(Halves(), query)
    assert (left.box, right.box) == ((0, 0, 4, 8), (4, 0, 8, 8)) and left.remarks == ()
    assert tuple(left.pixels[0, 0]) == RED and tuple(right.pixels[0, 0]) == BLUE


def test_remarks_on_a_part_are_kept_with_its_row(library: Library, pictures: Path) -> None:
    class Doubtful(Toy):
        def crops(self, image: np.ndarray) -> list[Crop]:
            return [Crop(image, remarks=("dark", "small"))]

    red, engine = paint(pictures / "red.png", RED), Doubtful()
    catalogue = opened(library, pictures, engine)
    assert library.index(catalogue, engine).search(red).matches[0].remarks == ("dark", "small")
    assert Library(library.home).index(catalogue, engine).search(red).matches[0].remarks == ("dark", "small")
