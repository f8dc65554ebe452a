"""Faces: found whichever way a photo lies, levelled, and cut out as each network was trained on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engines import Crop, Engine, NotEmbeddable, create, lookalike
from engines.lookalike import BY_BOX, BY_POINTS, PLACES, Recipe
from engines.networks.mtcnn import Face
from features.catalogue.images import open_image
from tests.support.seeded import PEOPLE, pictures, pixels

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
GREY = (128, 128, 128)


# --- a face of three dots: where do they come to lie?


def dotted(scale: float = 1, degrees: float = 0) -> tuple[np.ndarray, Face]:
    """A grey picture with eyes in red and green and a mouth in blue, turned; and the face as it is detected.

    Eyes, nose and mouth lie to each other as in PLACES.
    """
    side = round(300 * scale)
    middle = np.array([150.0, 150.0])
    turn = np.radians(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    image = np.full((side, side, 3), GREY, np.uint8)
    at: dict[str, tuple[int, int]] = {}
    for name, colour, place in [
        ("left_eye", RED, (-24, -20)),
        ("right_eye", GREEN, (24, -20)),
        ("nose", GREY, (0, 11)),
        ("mouth", BLUE, (0, 32)),
    ]:
        x, y = (middle + matrix @ place) * scale
        at[name] = round(x), round(y)
        cv2.circle(image, at[name], round(6 * scale), colour, -1)
    corner, size = (middle - (50, 60)) * scale, (round(100 * scale), round(120 * scale))
    box = (round(corner[0]), round(corner[1]), *size)
    return image, Face(box, **at, confidence=1.0)


@pytest.fixture(params=[BY_BOX, BY_POINTS], ids=["by_box", "by_points"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.param


def dots(image: np.ndarray) -> list[np.ndarray]:
    """Where the red, the green and the blue dot are: (x, y) each."""
    found = [np.argwhere((np.abs(image.astype(int) - colour) < 100).all(axis=2)) for colour in (RED, GREEN, BLUE)]
    return [places.mean(axis=0)[::-1] for places in found]


@pytest.mark.parametrize("degrees", [-30, -12, 0, 12, 30])
def test_the_eyes_are_levelled(degrees: float, recipe: Recipe) -> None:
    image, face = dotted(degrees=degrees)
    aligned = recipe.cut(image, face)
    assert aligned.shape == (recipe.side, recipe.side, 3) and aligned.dtype == np.uint8
    left, right, mouth = dots(aligned)
    assert left[1] == pytest.approx(right[1], abs=1.5)
    assert left[0] < right[0] and mouth[1] > left[1] + 0.2 * recipe.side, "and the mouth is below them"
    image, face = dotted()
    straight = dots(recipe.cut(image, face))
    np.testing.assert_allclose([left, right, mouth], straight, atol=2.5)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.5, 2, 3])
@pytest.mark.parametrize("degrees", [0, 20])
def test_size_does_not_matter(scale: float, degrees: float, recipe: Recipe) -> None:
    """But for the rounding of the detector's points to whole pixels."""
    (image, face), (other, same) = dotted(scale, degrees), dotted(1, degrees)
    np.testing.assert_allclose(dots(recipe.cut(image, face)), dots(recipe.cut(other, same)), atol=4)


@pytest.mark.parametrize("degrees", [-30, 0, 12])
def test_eyes_and_mouth_come_to_their_places_whatever_the_box(degrees: float) -> None:
    image, face = dotted(degrees=degrees)
    face = replace(face, box=(0, 0, 30, 200))
    np.testing.assert_allclose(dots(BY_POINTS.cut(image, face)), PLACES[[0, 1, 3]], atol=3)


def test_where_points_are_one_there_is_a_picture_all_the_same() -> None:
    image, face = dotted()
    face = replace(face, left_eye=(9, 9), right_eye=(9, 9), nose=(9, 9), mouth=(9, 9))
    assert BY_POINTS.cut(image, face).shape == (150, 150, 3)


@pytest.mark.parametrize("other_order", [False, True])
def test_left_may_be_the_viewers_or_the_persons(other_order: bool, recipe: Recipe) -> None:
    image, face = dotted(degrees=15)
    if other_order:
        face = replace(face, left_eye=face.right_eye, right_eye=face.left_eye)
    left, right, mouth = dots(recipe.cut(image, face))
    assert left[0] < right[0] and mouth[1] > left[1], "it must not stand on its head"


@pytest.mark.parametrize(
    ("width", "height"),
    [(100, 100), (80, 120), (150, 100), (40, 50), (300, 390)],
    ids=["square", "tall", "wide", "small", "large"],
)
def test_the_margin_is_vggface2s(width: int, height: int) -> None:
    """The box grown by 0.3, its short side made 256, the centre 224 cut out: here step by step with Pillow."""
    y, x = np.mgrid[0:600, 0:600]
    waves = np.stack([np.sin(x / 17), np.cos(y / 23), np.sin((x + y) / 31)], axis=-1) * 100 + 128
    image = waves.astype(np.uint8)
    left, top = 310 - width // 2, 290 - height // 2

    grown = (left - 0.15 * width, top - 0.15 * height, left + 1.15 * width, top + 1.15 * height)
    factor = 256 / (1.3 * min(width, height))
    resized = Image.fromarray(image).resize(
        (round(1.3 * width * factor), round(1.3 * height * factor)), Image.Resampling.BILINEAR, box=grown
    )
    across, down = (resized.width - 224) / 2, (resized.height - 224) / 2
    expected = np.asarray(resized.crop((round(across), round(down), round(across) + 224, round(down) + 224)))

    face = Face((left, top, width, height), (300, 280), (330, 280), (315, 300), (315, 320), confidence=1.0)
    aligned = BY_BOX.cut(image, face)
    difference = np.abs(aligned.astype(int) - expected)
    assert difference.mean() < 4, "about the step from one pixel to the next"


@pytest.mark.parametrize(
    "box", [(-20, -30, 100, 120), (240, 230, 90, 110), (0, 0, 300, 300), (-80, 100, 120, 120)]
)
def test_beyond_the_border_the_edge_goes_on(
    box: tuple[int, int, int, int], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Black corners would be taken for something."""
    image = np.full((300, 300, 3), (200, 150, 100), np.uint8)
    x, y, width, height = box
    nose, mouth = (x + width // 2, y + 60), (x + width // 2, y + 80)
    face = Face(box, (x + width // 3, y + 30), (x + 2 * width // 3, y + 45), nose, mouth, confidence=0.99)
    side = (recipe.side, recipe.side, 3)
    np.testing.assert_allclose(recipe.cut(image, face), np.full(side, (200, 150, 100)), atol=1)

    monkeypatch.setattr(lookalike, "find_faces", lambda image: [face])
    (crop,) = create("lookalike", "builtin").crops(image)
    assert crop.box is not None
    left, top, right, bottom = crop.box
    assert 0 <= left < right <= 300 and 0 <= top < bottom <= 300
    assert (right, bottom) == (min(300, x + width), min(300, y + height))


def test_the_picture_is_left_alone(recipe: Recipe) -> None:
    image, face = dotted(3, 10)
    before = image.copy()
    recipe.cut(image, face)
    np.testing.assert_array_equal(image, before)


# --- drawn people, found by the real detector


@pytest.fixture(scope="module")
def engine() -> Engine:
    return create("lookalike", "builtin")


@pytest.fixture(scope="module")
def people(portraits: Path) -> dict[str, np.ndarray]:
    return {name: pixels(portraits / f"{name}.png") for name in PEOPLE}


@pytest.fixture(scope="module")
def group(people: dict[str, np.ndarray]) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Eight people in one picture, each a little smaller than the one before; and the frame of each."""
    image = np.full((2 * 400, 4 * 330, 3), (190, 200, 205), np.uint8)
    frames = []
    for place, portrait in enumerate(people.values()):
        scale = 1 - 0.03 * place
        small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        x, y = place % 4 * 330, place // 4 * 400
        image[y : y + len(small), x : x + small.shape[1]] = small
        frames.append((x, y, x + small.shape[1], y + len(small)))
    return image, frames


def test_of_several_faces_the_largest_is_first(
    engine: Engine, group: tuple[np.ndarray, list[tuple[int, int, int, int]]]
) -> None:
    image, frames = group
    crops = engine.crops(image)
    assert len(crops) == len(frames) == 8
    boxes = np.array([crop.box for crop in crops])
    assert (boxes >= 0).all() and (boxes[:, 2] <= image.shape[1]).all() and (boxes[:, 3] <= image.shape[0]).all()
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert (np.diff(areas) <= 0).all() and areas[0] > 1.3 * areas[-1]
    inside = [[f[0] <= b[0] and f[1] <= b[1] and b[2] <= f[2] and b[3] <= f[3] for f in frames] for b in boxes]
    assert (np.sum(inside, axis=0) == 1).all(), "each person once, and no box spans two"
    assert all(crop.pixels.shape == (150, 150, 3) and crop.pixels.dtype == np.uint8 for crop in crops)


def test_in_a_group_as_alone(
    engine: Engine,
    people: dict[str, np.ndarray],
    group: tuple[np.ndarray, list[tuple[int, int, int, int]]],
) -> None:
    """Each face of the group is likest to the same person's portrait."""
    image, frames = group
    crops = engine.crops(image)
    alone = engine.embed([engine.crops(portrait)[0] for portrait in people.values()])
    who = [
        next(i for i, f in enumerate(frames) if f[0] <= crop.box[0] < f[2] and f[1] <= crop.box[1] < f[3])
        for crop in crops
        if crop.box
    ]
    assert (engine.embed(crops) @ alone.T).argmax(axis=1).tolist() == who


@pytest.mark.parametrize("degrees", [-20, 20])
def test_a_tilted_head_is_still_the_same(engine: Engine, people: dict[str, np.ndarray], degrees: float) -> None:
    names = list(people)[:4]
    straight = engine.embed([engine.crops(people[name])[0] for name in names])
    for place, name in enumerate(names):
        height, width = people[name].shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        tilted = cv2.warpAffine(people[name], turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        row = engine.embed(engine.crops(tilted)[:1])
        assert (row @ straight.T).argmax() == place


@pytest.mark.parametrize("mode", ["L", "P", "RGBA"])
def test_greyscale_and_other_files(engine: Engine, portraits: Path, tmp_path: Path, mode: str) -> None:
    original = Image.open(portraits / "grace.png").convert("RGB")
    original.convert(mode).save(tmp_path / "face.png")
    (face,), (grey,) = engine.crops(np.asarray(original)), engine.crops(open_image(tmp_path / "face.png").pixels)
    np.testing.assert_allclose(grey.box, face.box, atol=12)
    assert grey.pixels.shape == (150, 150, 3)


NO_FACE = {
    **{name: image for name, image in pictures().items() if name in ("slope", "checks", "grain")},
    "one pixel": np.zeros((1, 1, 3), np.uint8),
    "a line": np.zeros((3, 500, 3), np.uint8),
    "just under the smallest face": np.full((19, 200, 3), 90, np.uint8),
    "just the smallest face": np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8),
    "a tall strip": np.random.default_rng(0).integers(0, 256, (900, 21, 3), dtype=np.uint8),
    "black": np.zeros((300, 200, 3), np.uint8),
    "white": np.full((50, 60, 3), 255, np.uint8),
}


@pytest.mark.parametrize("image", NO_FACE.values(), ids=NO_FACE)
def test_without_a_face_it_says_what_to_try(engine: Engine, image: np.ndarray) -> None:
    with pytest.raises(NotEmbeddable) as refusal:
        engine.crops(image)
    assert str(refusal.value) == "No face found. Try a larger, front-facing photo."


def test_faces_too_small_to_know_anyone_by_are_left_out(people: dict[str, np.ndarray]) -> None:
    portrait = people["grace"]
    sizes = [0.5, 0.25, 0.08]
    found = [len(lookalike.find_faces(cv2.resize(portrait, None, fx=s, fy=s))) for s in sizes]
    assert found == [1, 1, 0]


# --- photos that lie on their side


TURNS = {"90": 1, "180": 2, "270": 3}


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_a_turned_portrait_is_found_and_cut_upright(
    engine: Engine, people: dict[str, np.ndarray], turns: int
) -> None:
    """The box is in pixels of the photo as given; the crop is the one of the upright photo."""
    for name in PEOPLE[:4]:
        upright = people[name]
        turned = np.ascontiguousarray(np.rot90(upright, turns))
        (straight,), (crop, *_) = engine.crops(upright), engine.crops(turned)
        canvas = np.zeros(turned.shape[:2], bool)
        left, top, right, bottom = crop.box
        canvas[top:bottom, left:right] = True
        rows, columns = np.nonzero(np.rot90(canvas, -turns))
        back = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        np.testing.assert_allclose(back, straight.box, atol=0.1 * (right - left))
        assert np.abs(crop.pixels.astype(int) - straight.pixels).mean() < 12
        assert (engine.embed([crop]) @ engine.embed([straight]).T).item() > 0.95


def test_a_large_turned_photo_is_searched_small_and_cut_from_all_its_pixels(
    engine: Engine, people: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = cv2.resize(people["grace"], None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    turned = np.ascontiguousarray(np.rot90(large))
    searched = []
    real = lookalike.find_faces
    monkeypatch.setattr(lookalike, "find_faces", lambda image: searched.append(image.shape) or real(image))
    (crop,) = engine.crops(turned)
    assert len(searched) == 4 and searched[0] == turned.shape
    assert all(max(shape) == lookalike.TURNS_SIDE for shape in searched[1:])
    assert crop.box and crop.box[2] - crop.box[0] > 300
    (straight,) = engine.crops(large)
    assert (engine.embed([crop]) @ engine.embed([straight]).T).item() > 0.95


def test_a_photo_with_an_upright_face_is_searched_once(
    engine: Engine, people: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []
    real = lookalike.find_faces
    monkeypatch.setattr(lookalike, "find_faces", lambda image: searched.append(image.shape) or real(image))
    upright, turned = people["grace"], np.rot90(people["hugo"])
    both = np.full((max(len(upright), len(turned)), upright.shape[1] + turned.shape[1], 3), 200, np.uint8)
    both[: len(upright), : upright.shape[1]] = upright
    both[: len(turned), upright.shape[1] :] = turned
    assert len(engine.crops(upright)) == 1 and len(searched) == 1
    (crop,) = engine.crops(both)
    assert crop.box and crop.box[2] <= upright.shape[1], "the one that stands counts"


@pytest.mark.parametrize(("turns", "box"), [(0, (20, 5, 38, 12)), (1, (20, 5, 38, 12)), (3, (20, 5, 38, 12))])
def test_of_two_turns_with_faces_the_surest_counts(
    monkeypatch: pytest.MonkeyPatch, turns: int, box: tuple[int, int, int, int]
) -> None:
    image = np.zeros((30, 50, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255

    def found(picture: np.ndarray) -> list[Face]:
        """The white box, in whichever turn; surest in the one that is asked for."""
        rows, columns = np.nonzero(picture[..., 0])
        x, y = int(columns.min()), int(rows.min())
        seen = (x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y)
        here = next(turn for turn in range(4) if np.array_equal(np.rot90(image, turn), picture))
        if turns and not here:
            return []
        return [Face(seen, (x, y), (x + 4, y), (x + 2, y + 2), (x + 2, y + 4), 0.99 if here == turns else 0.95)]

    monkeypatch.setattr(lookalike, "find_faces", found)
    assert lookalike.find_turned(image)[0] == turns
    (crop,) = create("lookalike", "builtin").crops(image)
    assert crop.box == box


@pytest.mark.parametrize(
    ("upright", "turned", "turns"),
    [(0.99, 0.9999, 0), (0.95, 0.98, 0), (0.95, 0.999, 1), (0, 0.91, 1), (0, 0, 0), (0.95, 0, 0)],
)
def test_a_doubtful_upright_face_gives_way_to_a_much_surer_one(
    monkeypatch: pytest.MonkeyPatch, upright: float, turned: float, turns: int
) -> None:
    """MTCNN takes some faces that stand on their head for upright ones, with less confidence."""
    seen = {(30, 50): upright, (50, 30): turned}

    def found(picture: np.ndarray) -> list[Face]:
        confidence = seen.pop(picture.shape[:2], 0)
        return [Face((1, 2, 9, 9), (3, 4), (7, 4), (5, 6), (5, 8), confidence)] if confidence else []

    monkeypatch.setattr(lookalike, "find_faces", found)
    assert lookalike.find_turned(np.zeros((30, 50, 3), np.uint8))[0] == turns


def test_settings_hold_how_faces_are_found_and_cut(engine: Engine) -> None:
    settings = engine.settings()
    assert settings["detector"].startswith("mtcnn 1.") and settings["detector"].endswith(", cascade 1")
    assert (settings["margin"], settings["confidence"], settings["smallest"]) == (0.3, 0.9, 20)


def test_crops_and_rows_go_together(engine: Engine, people: dict[str, np.ndarray]) -> None:
    """What is embedded is the aligned face, whatever lies around it."""
    portrait = people["farid"]
    (crop,) = engine.crops(portrait)
    np.testing.assert_array_equal(engine.embed([crop]), engine.embed([Crop(crop.pixels)]))
    framed = cv2.copyMakeBorder(portrait, 60, 60, 90, 90, cv2.BORDER_CONSTANT, value=(20, 90, 160))
    assert (engine.embed(engine.crops(framed)) @ engine.embed([crop]).T).item() > 0.9


# --- faces that are hard to tell


@pytest.mark.parametrize(
    ("scale", "nose", "remarks"),
    [
        (1, 0, set()),
        (1, 12, set()),
        (1, 24, {"turned away"}),
        (1, -24, {"turned away"}),
        (0.35, 0, {"small"}),
        (0.35, 24, {"small", "turned away"}),
    ],
)
def test_small_and_turned_faces_are_remarked(
    monkeypatch: pytest.MonkeyPatch, scale: float, nose: int, remarks: set[str]
) -> None:
    """nose: pixels from the middle between the eyes, which are 48 apart."""
    image, face = dotted(scale)
    middle = np.mean([face.left_eye, face.right_eye], axis=0)
    face = replace(face, nose=(round(middle[0] + nose * scale), round(middle[1] + 20 * scale)))
    monkeypatch.setattr(lookalike, "find_faces", lambda image: [face])
    (crop,) = create("lookalike", "builtin").crops(image)
    assert set(crop.remarks) - {"blurred"} == remarks


@pytest.mark.parametrize(("share", "blurred"), [(0, False), (0.06, True)])
def test_blurred_faces_are_remarked(portraits: Path, share: float, blurred: bool) -> None:
    """share: of the face's width, the deviation of the blur."""
    image = pixels(portraits / f"{PEOPLE[0]}.png")
    left, _, right, _ = create("lookalike", "builtin").crops(image)[0].box or (0, 0, 0, 0)
    if share:
        image = cv2.GaussianBlur(image, (0, 0), share * (right - left))
    crop = create("lookalike", "builtin").crops(image)[0]
    assert ("blurred" in crop.remarks) == blurred
