"""Searching by a part of a picture: the box in pixels, what a client may tell, and that the part alone counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.components import options, picture_cards, region
from demos.components.options import How, Pin
from demos.components.picture_cards import Scale
from demos.components.queries import Asked, Query
from demos.server.state import Shelf
from demos.suite import draw_page
from demos.views import find_answers
from engines import Box, Engine
from features.catalogue.images import LONGEST_SIDE, full_size, open_image
from features.errors import ImageError
from features.indexing.embedding import embed_query
from features.library import Library
from features.retrieval.results import Reference
from tests.support.toy import BLUE, GREEN, RED, YELLOW, Halves, Toy, is_one_sentence, paint

INSIDE: Any = (0.5, 0, 1, 1)


# --- opening a part


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """Left red, right blue, of 100 x 60 pixels."""
    return paint(tmp_path / "halves.png", RED, right=BLUE, size=(100, 60))


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 0, 0),
        (10, 10, 10, 20),
        (10, 20, 20, 10),
        (-1, 0, 50, 50),
        (0, 0, 101, 60),
        (0, 0, 100, 61),
        (200, 0, 300, 9),
    ],
    ids=str,
)
def test_a_box_that_is_no_part_is_refused_in_one_sentence(halves: Path, box: Box) -> None:
    with pytest.raises(ImageError, match="is no part of a picture of 100 x 60 pixels") as refusal:
        open_image(halves, box=box)
    assert is_one_sentence(str(refusal.value))


@pytest.mark.parametrize("side", [None, 8, 96])
@pytest.mark.parametrize("box", [(56, 0, 100, 60), (99, 59, 100, 60), (60, 7, 61, 60), (50, 3, 97, 4)], ids=str)
def test_only_the_part_is_seen_and_its_boxes_lead_back(halves: Path, box: Box, side: int | None) -> None:
    part = open_image(halves, side, box)
    high, wide = part.pixels.shape[:2]
    assert (part.pixels == BLUE).all() and part.full_box((0, 0, wide, high)) == box


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
@pytest.mark.parametrize("size", [(37, 91), (1500, 1100), (2300, 1700)], ids=str)
@pytest.mark.parametrize("side", [None, 96])
def test_the_whole_as_a_box_is_no_box(tmp_path: Path, kind: str, size: tuple[int, int], side: int | None) -> None:
    path = tmp_path / f"noise.{kind}"
    noise = np.random.default_rng(1).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize(size).save(path)
    whole, box = open_image(path, side), (0, 0, *size)
    assert full_size(path) == size
    np.testing.assert_array_equal(open_image(path, side, box).pixels, whole.pixels)
    np.testing.assert_allclose(embed_query(Toy(), path, box=box), embed_query(Toy(), path), atol=1e-6)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_part_has_enough_pixels_of_its_own(tmp_path: Path, kind: str) -> None:
    """An eighth of a photo, for an engine that wants 96: the whole would have been shrunk to too few."""
    path = paint(tmp_path / f"photo.{kind}", RED, size=(3200, 2400))
    box = (400, 300, 800, 600)
    assert min(open_image(path, 96, box).pixels.shape[:2]) in range(96, 192 if kind == "png" else 301)
    assert open_image(path, None, box).pixels.shape == (300, 400, 3)
    assert max(open_image(path, None, (0, 0, 3200, 2399)).pixels.shape) == LONGEST_SIDE


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize("side", [None, 16])
def test_a_box_is_in_the_upright_picture(tmp_path: Path, kind: str, side: int | None) -> None:
    image = Image.new("RGB", (240, 400), RED)  # as it should be seen: blue below
    image.paste(BLUE, (0, 200, 240, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side in the file
    path = tmp_path / f"turned.{kind}"
    image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    assert full_size(path) == (240, 400)
    for box, colour in (((0, 0, 240, 190), RED), ((0, 210, 240, 400), BLUE)):
        part = open_image(path, side, box)
        assert np.abs(part.pixels.reshape(-1, 3).mean(axis=0) - colour).max() < 8
        assert (part.width, part.height) == (240, 190)


# --- searching by it


def _coloured(library: Library, folder: Path, engine: Engine) -> Any:
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        paint(folder / f"{name}/1.png", colour)
    catalogue = library.open(folder)
    library.index(catalogue, engine).update()
    return catalogue


def test_a_box_alone_is_searched(library: Library, pictures: Path, halves: Path) -> None:
    catalogue, engine = _coloured(library, pictures, Toy()), Toy()
    for box, label in (((0, 0, 40, 60), "red"), ((60, 0, 100, 60), "blue")):
        best = library.index(catalogue, engine).search([Reference(halves, box=box)]).matches[0]
        assert best.label == label and best.score > 0.999
    both = [Reference(halves, box=(0, 0, 40, 60)), Reference(pictures / "green/1.png")]
    scores = {match.label: match.score for match in library.index(catalogue, engine).search(both).matches}
    assert scores["red"] == pytest.approx(scores["green"], abs=1e-4) and scores["blue"] < 0.01


def test_crops_are_cut_from_the_part(library: Library, pictures: Path, tmp_path: Path) -> None:
    query = paint(tmp_path / "query.png", YELLOW, right=BLUE, size=(80, 40))
    catalogue, engine = _coloured(library, pictures, Halves()), Halves()
    best = library.index(catalogue, engine).search([Reference(query, box=(40, 0, 80, 40))], k=1).matches[0]
    assert best.label == "blue" and best.score > 0.999


def test_the_part_that_matched_is_drawn_on_its_thumbnail(library: Library, pictures: Path) -> None:
    """In the picture's own pixels, and cut to a square as the thumbnail below it is."""
    wide = paint(pictures / "wide.png", RED, right=BLUE, size=(80, 40))
    catalogue = library.open(pictures)
    library.index(catalogue, Halves()).update()
    (match,) = library.index(catalogue, Halves()).search([Reference(wide, box=(40, 0, 80, 40))]).matches
    scale = Scale(library.index(catalogue, Halves()).calibration())
    html = picture_cards.wall(catalogue, [match], scale)
    assert 'viewBox="0 0 80 40" preserveAspectRatio="xMidYMid slice"' in html
    assert '<rect x="40" y="0" width="40" height="40"/>' in html
    assert "<svg" not in picture_cards.wall(catalogue, [replace(match, box=None)], scale)
    wide.unlink()
    assert "<svg" not in picture_cards.wall(catalogue, [match], scale)


# --- what a client may tell


@pytest.mark.parametrize(
    ("told", "frame"),
    [
        ([0.5, 0, 1, 1], INSIDE),
        (["0.5", "0", "1", "1"], INSIDE),
        ([0, 0, 1, 1], (0, 0, 1, 1)),
        (None, None),
        ([], None),
        ("x", None),
        ({"left": 1}, None),
        ([0.5, 0, 1], None),
        ([0, 0, 1, 1, 1], None),
        ([0.5, 0, 0.5, 1], None),
        ([0.5, 0, 0.505, 1], None),
        ([0.9, 0, 0.1, 1], None),
        ([-0.1, 0, 1, 1], None),
        ([0, 0, 1, 1.01], None),
        ([float("nan"), 0, 1, 1], None),
        ([0, 0, float("inf"), 1], None),
        ([0, 0, 10**400, 1], None),
        ([0, 0, [1], {}], None),
        ([None] * 4, None),
    ],
    ids=str,
)
def test_a_made_up_box_is_the_whole_picture(told: Any, frame: Any) -> None:
    assert region.read(told) == frame


@pytest.mark.parametrize("size", [(100, 60), (1, 1), (7, 3000)], ids=str)
def test_any_box_has_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    path = paint(tmp_path / "a.png", RED, size=size)
    for frame in ([0, 0, 0.01, 0.01], [0.99, 0.99, 1, 1], [0.333, 0.2, 0.35, 1], [0, 0, 1, 1]):
        left, top, right, bottom = region.pixels(path, region.read(frame))
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    assert region.pixels(path, None) is None


def _event(page: Any, name: str) -> Any:
    return [function.fn for function in page.fns.values() if function.name == name][-1]


def test_a_box_belongs_to_its_question(library: Library, pictures: Path, halves: Path) -> None:
    catalogue = _coloured(library, pictures, library.engine("colour"))
    shelf = Shelf(library, pictures)
    page = draw_page(shelf, only=["colour"])
    digest = next(iter(catalogue.paths))
    asked = _event(page, "frame")(Asked(digest), SimpleNamespace(box=[0.5, 0, 1, 1]))
    assert asked == Asked(digest, box=INSIDE)
    html = find_answers.overlay(shelf, shelf.first, "colour", None, asked)
    assert "Search the whole picture" in html and str(pictures) not in html
    _, other = _event(page, "chosen")(shelf.first, SimpleNamespace(digest=digest, part="0"))
    assert other.box is None
    assert _event(page, "frame")(asked, SimpleNamespace(box=None)) == Asked(digest)
    assert find_answers.overlay(shelf, shelf.first, "colour", {"path": str(halves)}, Asked()) == ""


def test_a_pinned_part_stays_a_part(library: Library, pictures: Path, halves: Path) -> None:
    catalogue = _coloured(library, pictures, Toy())
    pin = Pin("", halves, box=INSIDE)
    assert pin.reference(catalogue) == Reference(halves, box=(50, 0, 100, 60))
    assert "data:image/jpeg" in options.draw_pins(catalogue, [pin], asking=False)
    asked, how = Asked(box=(0, 0, 0.5, 1)), How((pin,))
    query = Query(library, catalogue, Toy(), halves, asked, 3, how)
    assert [reference.box for reference in query.asked_with] == [(50, 0, 100, 60), (0, 0, 50, 60)]
    alone = Query(library, catalogue, Toy(), halves, Asked(), 3, how)
    assert [reference.box for reference in alone.asked_with] == [(50, 0, 100, 60)]
