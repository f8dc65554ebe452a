"""What a picture is and what a collection is, whatever happens to files, folders and links; and older homes."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines import SemblanceError
from features import keeping
from features.catalogue import folder as folders
from features.catalogue.folder import Catalogue
from features.catalogue.gallery import Wish
from features.errors import CatalogueError, ImageError
from features.indexing import store as stores
from features.library import Library
from features.retrieval.results import Report
from tests.support.toy import BLUE, GREEN, ORANGE, RED, YELLOW, Toy, digest, is_one_sentence, paint


def indexed(library: Library, folder: Path, **options: bool) -> tuple[Catalogue, Report, Toy]:
    toy = Toy()
    catalogue = library.open(folder)
    return catalogue, library.index(catalogue, toy).update(**options), toy


def three(folder: Path) -> None:
    for path, colour in (("a/one.bmp", RED), ("a/two.bmp", GREEN), ("b/one.bmp", BLUE)):
        paint(folder / path, colour)


# Files


def test_a_replaced_file_of_the_same_size_and_time_is_noticed(library: Library, pictures: Path) -> None:
    three(pictures)
    indexed(library, pictures)
    file = pictures / "a/one.bmp"
    before = file.stat()
    paint(file, YELLOW)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    _, report, toy = indexed(library, pictures)
    assert (report.new, report.removed, toy.embedded) == (1, 1, 1)


def without_stamps(catalogue: Catalogue) -> None:
    """As a home from before has it, which knows size and time alone."""
    told = json.loads(catalogue.state.read_bytes())
    for key in ("stamps", "details", "away", "videos", "checksum"):
        told.pop(key)
    catalogue.state.write_text(json.dumps(told))
    keeping.copy_of(catalogue.state).unlink()


def test_a_home_from_before_is_used_as_it_is_and_verify_reads_all(library: Library, pictures: Path) -> None:
    three(pictures)
    catalogue, *_ = indexed(library, pictures)
    file = pictures / "a/one.bmp"
    before = file.stat()
    paint(file, YELLOW)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    without_stamps(catalogue)
    assert indexed(Library(library.home), pictures)[2].embedded == 0
    _, report, toy = indexed(Library(library.home), pictures, verify=True)
    assert (report.new, toy.embedded) == (1, 1)


def test_indexing_again_helps_where_a_file_is_not_what_was_hashed(library: Library, pictures: Path) -> None:
    three(pictures)
    catalogue, *_ = indexed(library, pictures)
    path = "a/one.bmp"
    wrong = catalogue.entries[path]._replace(digest="0" * 64)
    catalogue.entries = {**catalogue.entries, path: wrong}
    catalogue.save()
    _, report, _ = indexed(library, pictures)
    assert [skip.path for skip in report.skipped] == [path]
    _, report, _ = indexed(library, pictures)
    assert (report.skipped, report.images) == ([], 3)


@pytest.mark.parametrize("link", [os.link, lambda source, target: os.symlink(source, target)])
def test_a_link_is_no_second_picture(library: Library, pictures: Path, link: Callable[[Path, Path], None]) -> None:
    three(pictures)
    link(pictures / "b/one.bmp", pictures / "a link.bmp")
    catalogue, report, _ = indexed(library, pictures)
    assert report.images == 3
    paths = catalogue.paths[digest(pictures / "b/one.bmp")]
    assert len(paths) == 1 and not (pictures / paths[0]).is_symlink()
    assert not library.find_duplicates(catalogue).groups


def test_a_link_to_elsewhere_is_never_first(library: Library, pictures: Path, tmp_path: Path) -> None:
    outside = paint(tmp_path / "outside.bmp", RED)
    three(pictures)
    (pictures / "0.bmp").symlink_to(outside)
    catalogue, *_ = indexed(library, pictures)
    assert catalogue.paths[digest(outside)] == ["a/one.bmp", "0.bmp"]


# Folders


def test_a_folder_that_vanishes_for_a_run_keeps_its_vectors(
    library: Library, pictures: Path, tmp_path: Path
) -> None:
    three(pictures)
    indexed(library, pictures)
    (pictures / "a").rename(tmp_path / "unplugged")
    catalogue, report, toy = indexed(library, pictures)
    assert (report.images, report.rows, report.removed) == (1, 1, 2)
    matches = library.index(catalogue, toy).search(pictures / "b/one.bmp", 10).matches
    assert [match.path.name for match in matches] == ["one.bmp"]
    assert indexed(library, pictures)[1].removed == 0
    (tmp_path / "unplugged").rename(pictures / "a")
    _, report, toy = indexed(Library(library.home), pictures)
    assert (report.images, report.rows, toy.embedded) == (3, 3, 0)


@pytest.mark.parametrize("how", ["prune", "time"])
def test_a_folder_that_stays_away_is_dropped(
    library: Library, pictures: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(pictures)
    indexed(library, pictures)
    gone = shutil.move(pictures / "a", pictures.parent / "gone")
    indexed(library, pictures)
    if how == "time":
        now = time.time()
        monkeypatch.setattr(folders.time, "time", lambda: now + folders.STAYS_AWAY + 60)
    catalogue, *_ = indexed(library, pictures, prune=how == "prune")
    assert catalogue.away == {}
    shutil.move(gone, pictures / "a")
    assert indexed(library, pictures)[2].embedded == 2


def test_a_file_that_is_deleted_is_dropped_at_once(library: Library, pictures: Path) -> None:
    three(pictures)
    indexed(library, pictures)
    (pictures / "a/one.bmp").unlink()
    catalogue, *_ = indexed(library, pictures)
    assert catalogue.away == {}


def test_videos_are_counted_and_not_indexed(library: Library, pictures: Path) -> None:
    three(pictures)
    for name in ("a/film.mp4", "clip.MOV", ".hidden.mp4"):
        (pictures / name).write_bytes(b"film")
    assert indexed(library, pictures)[1].videos == 2


def test_what_fails_among_the_pictures_is_not_blamed_on_the_home(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(pictures)
    asked = Path.is_file

    def is_file(path: Path, **how: bool) -> bool:  # as for anyone but root after chmod 0
        if path.parent == pictures / "b":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return asked(path, **how)

    monkeypatch.setattr(Path, "is_file", is_file)
    _, report, _ = indexed(library, pictures)
    assert report.images == 3 and {skip.path for skip in report.skipped} == {"b/metadata.csv", "b/metadata.jsonl"}
    with pytest.raises(SemblanceError) as refusal, library._home.writing():
        raise PermissionError(13, "Permission denied", os.fspath(pictures / "b"))
    assert str(pictures / "b") in str(refusal.value) and "--home" not in str(refusal.value)
    assert is_one_sentence(str(refusal.value))
    with pytest.raises(SemblanceError, match="--home"), library._home.writing():
        raise PermissionError(13, "Permission denied", os.fspath(library.home / "catalogues"))


@pytest.mark.parametrize("where", ["", "b"])
def test_a_folder_that_can_not_be_read_stops_nothing_but_itself(
    library: Library, pictures: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(pictures)
    indexed(library, pictures)
    listed = os.scandir

    def closed(folder: str) -> object:  # as for anyone but root after chmod 0
        if os.fspath(folder) == str(pictures / where):
            raise PermissionError(13, "Permission denied", folder)
        return listed(folder)

    monkeypatch.setattr(os, "scandir", closed)
    if where:
        _, report, _ = indexed(library, pictures)
        assert (report.images, [skip.path for skip in report.skipped]) == (2, ["b/"])
    else:
        with pytest.raises(CatalogueError, match="check its permissions") as refusal:
            indexed(library, pictures)
        assert is_one_sentence(str(refusal.value))
    monkeypatch.undo()
    assert indexed(library, pictures)[2].embedded == 0  # the vectors were kept


# Collections


def move(folder: Path) -> Path:
    return folder.rename(folder.with_name("moved"))


def through_a_link(folder: Path) -> Path:
    link = folder.with_name("link")
    link.symlink_to(folder)
    return link


def a_part_of_it(folder: Path) -> Path:
    return folder / "a"


@pytest.mark.parametrize("how", [move, through_a_link, a_part_of_it])
def test_a_collection_is_recognised_by_what_it_holds(
    library: Library, pictures: Path, how: Callable[[Path], Path]
) -> None:
    three(pictures)
    catalogue, *_ = indexed(library, pictures)
    red, green = (digest(pictures / name) for name in ("a/one.bmp", "a/two.bmp"))
    catalogue.tag([red], "best")
    catalogue.hide([green])
    library.caption(catalogue, red, "a red one")
    found, report, toy = indexed(Library(library.home), how(pictures))
    assert (report.recognised, report.new, toy.embedded) == (str(pictures), 0, 0)
    assert (found.tags[red], found.hidden) == (("best",), {green})
    assert library.captions(found)[red].text == "a red one"


def test_collections_that_share_pictures_stay_apart(library: Library, tmp_path: Path) -> None:
    for name in ("x", "y"):
        three(tmp_path / name)
    catalogue, *_ = indexed(library, tmp_path / "x")
    catalogue.tag(list(catalogue.paths), "x")
    other, report, _ = indexed(library, tmp_path / "y")
    assert (report.recognised, report.new, other.tags) == ("", 3, {})


# Decoders


def test_only_pictures_that_the_decoder_changed_are_embedded_again(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three(pictures)
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(pictures / "deep.png")
    monkeypatch.setattr(stores, "FORMAT", stores.EARLIER)
    indexed(library, pictures)
    monkeypatch.undo()
    library = Library(library.home)
    catalogue = library.open(pictures)
    assert (
        len(library.index(catalogue, Toy()).search(pictures / "a/one.bmp", 9).matches) == 4
    )  # as it is, until then
    _, report, toy = indexed(library, pictures)
    assert (report.new, toy.embedded, report.rows) == (1, 1, 4)
    assert indexed(library, pictures)[2].embedded == 0


def test_the_gallery_is_ordered_by_the_date_in_the_photo(library: Library, pictures: Path) -> None:
    pictures.mkdir(exist_ok=True)
    for year, name, colour in ((2020, "b", RED), (2024, "a", ORANGE), (2010, "c", BLUE)):
        tags = Image.Exif()
        tags[0x0110] = "Phone"
        tags.get_ifd(0x8769)[0x9003] = f"{year}:05:01 12:00:00"
        Image.new("RGB", (8, 8), colour).save(pictures / f"{name}.jpg", exif=tags)
    catalogue = library.open(pictures)
    library.scan(catalogue)
    reopened = Library(library.home).open(pictures)
    for one in (catalogue, reopened):
        wall = library.gallery(one)
        newest = wall.select(Wish(order="Newest first"))
        assert [picture.path for picture in newest] == ["a.jpg", "b.jpg", "c.jpg"]
        assert len(wall.select(Wish(text="phone 2024"))) == 1


def test_a_web_address_is_said_to_be_no_file(library: Library, pictures: Path) -> None:
    three(pictures)
    catalogue, _, toy = indexed(library, pictures)
    with pytest.raises(ImageError, match="a web address and no file"):
        library.index(catalogue, toy).search(Path("https://semblance.example/photo.jpg"))
