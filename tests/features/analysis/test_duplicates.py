"""Duplicates: the same bytes, and the same picture in other bytes; what only looks alike is neither."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from benchmarks import duplicates as copies
from benchmarks import forms, material
from engines import SemblanceError
from features.analysis import looks
from features.analysis.duplicates import Duplicates
from features.library import Library
from tests.support.toy import WHITE, paint, snapshot


def cloudy(path: Path, seed: int, size: tuple[int, int] = (240, 180)) -> Path:
    """A picture like no other: clouds of colour, and finer ones over them."""
    random = np.random.default_rng(seed)
    pixels = sum(
        weight * cv2.resize(random.uniform(0, 255, (side, side, 3)), size, interpolation=cv2.INTER_CUBIC)
        for side, weight in ((6, 0.6), (30, 0.4))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    return path


def shirt(path: Path, sign: str = "", colour: tuple[int, int, int] = (60, 90, 160)) -> Path:
    """A product on white, with a small print."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (240, 240), "white")
    draw = ImageDraw.Draw(image)
    draw.polygon(
        [(60, 50), (180, 50), (220, 100), (190, 115), (180, 220), (60, 220), (50, 115), (20, 100)], colour
    )
    if sign == "ring":
        draw.ellipse((95, 90, 145, 140), fill=(240, 200, 40))
        draw.ellipse((108, 103, 132, 127), fill=colour)
    if sign == "bars":
        for top in (90, 110, 130):
            draw.rectangle((90, top, 150, top + 9), fill=(240, 200, 40))
    image.save(path)
    return path


def filled(
    folder: Path, pair: tuple[Image.Image, Image.Image], saved: tuple[forms.Encoding, forms.Encoding]
) -> Path:
    """The folder with two pictures, 0.png and 1.png, whatever they are saved as."""
    for place, (image, how) in enumerate(zip(pair, saved, strict=True)):
        (folder / f"{place}.png").write_bytes(how.save(image))
    return folder


def found(library: Library, folder: Path) -> Duplicates:
    told = library.find_duplicates(library.open(folder))
    assert told is not None
    return told


def names(told: Duplicates, kind: str = "near") -> list[list[str]]:
    """The first path of each picture of each group."""
    return [[member.paths[0] for member in group.members] for group in told.groups if group.kind == kind]


def test_one_picture_and_different_ones_have_none(library: Library, pictures: Path) -> None:
    cloudy(pictures / "0.png", 0)
    assert found(library, pictures) == Duplicates((), 1, 0, ())
    for seed in (1, 2, 3):
        cloudy(pictures / f"{seed}.png", seed)
    assert found(library, pictures) == Duplicates((), 4, 0, ())


def test_a_folder_without_pictures_is_told(library: Library, pictures: Path) -> None:
    with pytest.raises(SemblanceError, match="No pictures"):
        library.find_duplicates(library.open(pictures))


def test_the_same_bytes_are_one_picture_with_all_its_paths(library: Library, pictures: Path) -> None:
    first = cloudy(pictures / "a" / "0.png", 0)
    (pictures / "b").mkdir()
    shutil.copy(first, pictures / "b" / "copy.png")
    cloudy(pictures / "c.png", 1)
    told = found(library, pictures)
    (group,) = told.groups
    assert (group.kind, told.compared) == ("exact", 2)
    assert group.keep.paths == ("a/0.png", "b/copy.png") and group.members == (group.keep,)
    assert (group.keep.width, group.keep.height, group.keep.size) == (240, 180, first.stat().st_size)


Change = Callable[[Image.Image], Image.Image]


@pytest.mark.parametrize(
    ("change", "name", "quality", "why"),
    [
        (lambda image: image.resize((120, 90)), "copy.png", None, "smaller"),
        (lambda image: image, "copy.jpg", 60, "saved again"),
        (lambda image: image, "copy.webp", 80, "saved again"),
        (lambda image: image.crop((12, 0, 240, 180)), "copy.png", None, "cropped"),
        (lambda image: image.crop((12, 9, 228, 171)), "copy.png", None, "cropped"),
        (lambda image: image.crop((24, 18, 216, 162)), "copy.png", None, "cropped"),
        (lambda image: ImageEnhance.Brightness(image).enhance(1.15), "copy.jpg", 95, "brighter"),
        (lambda image: ImageEnhance.Brightness(image).enhance(0.85), "copy.jpg", 95, "darker"),
        (lambda image: image.convert("L"), "copy.png", None, "grey"),
        (
            lambda image: ImageEnhance.Brightness(image.crop((0, 9, 240, 180)).resize((120, 86))).enhance(0.9),
            "copy.jpg",
            60,
            "cropped, smaller, darker",
        ),
    ],
)
def test_a_changed_copy_is_found_and_the_change_is_told(
    change: Change, name: str, quality: int | None, why: str, library: Library, pictures: Path
) -> None:
    original = cloudy(pictures / "original.png", 7)
    for seed in range(4):
        cloudy(pictures / f"{seed}.png", seed)
    image = change(Image.open(original))
    image.save(pictures / name, **({"quality": quality} if quality else {}))
    told = found(library, pictures)
    (group,) = told.groups
    keep, copy = group.members
    assert group.kind == "near" and group.keep == keep
    assert (keep.paths, keep.why, keep.agreement) == (("original.png",), "", 1)
    assert (copy.paths, copy.why) == ((name,), why) and 0.95 < copy.agreement <= 1
    assert (copy.width, copy.height) == image.size


def test_the_largest_leads_and_of_two_such_the_coloured_one(library: Library, pictures: Path) -> None:
    image = Image.open(cloudy(pictures / "b.png", 7))
    image.convert("L").save(pictures / "a-grey.png")
    image.resize((480, 360)).save(pictures / "c-large.jpg")
    assert names(found(library, pictures)) == [["c-large.jpg", "b.png", "a-grey.png"]]


@pytest.mark.parametrize(
    "others",
    [
        {"bars": ("bars", (60, 90, 160)), "none": ("", (60, 90, 160))},  # another print on the same shirt
        {"red": ("ring", (170, 60, 60))},  # the same shirt in another colour
    ],
)
def test_what_differs_in_a_detail_or_in_colour_is_another_picture(
    others: dict[str, tuple[str, tuple[int, int, int]]], library: Library, pictures: Path
) -> None:
    shirt(pictures / "ring.png", "ring")
    for name, (sign, colour) in others.items():
        shirt(pictures / f"{name}.png", sign, colour)
    assert not found(library, pictures).groups


@pytest.mark.parametrize("number", range(len(forms.FORMS) * len(forms.CHANGES)))
def test_forms_with_another_entry_are_only_alike(number: int, library: Library, pictures: Path) -> None:
    pair, saved = forms.form_pair(500, number), forms.ENCODINGS[number % len(forms.ENCODINGS)]
    told = found(library, filled(pictures, pair, saved))
    assert not told.groups
    (group,) = told.alike
    assert group.kind == "alike" and all(member.differs for member in group.members)
    boxes = np.array([box for member in group.members for box in member.differs])
    assert boxes.min() >= 0 and boxes.max() <= 1 and (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize("number", range(len(forms.WRITTEN) * 2))
def test_a_photo_with_another_text_is_another_picture(number: int, library: Library, pictures: Path) -> None:
    photo = cloudy(pictures.parent / "photo.png", number)
    pair, saved = forms.written_pair(photo, 320, number), forms.ENCODINGS[number % len(forms.ENCODINGS)]
    assert not found(library, filled(pictures, pair, saved)).groups


@pytest.mark.parametrize("saved", forms.ENCODINGS[2:])
@pytest.mark.parametrize("number", range(len(forms.FORMS)))
def test_a_form_saved_again_is_the_same_among_others_of_its_kind(
    number: int, saved: tuple[forms.Encoding, forms.Encoding], library: Library, pictures: Path
) -> None:
    one, other = forms.form_pair(500, number)
    filled(pictures, (one, one), saved)
    (pictures / "other.png").write_bytes(saved[0].save(other))
    told = found(library, pictures)
    assert [sorted(group) for group in names(told)] == [["0.png", "1.png"]] and len(told.alike) == 1


def test_the_mark_lies_on_what_differs(library: Library, pictures: Path) -> None:
    image = Image.open(cloudy(pictures / "a.png", 7, (400, 300)))
    ImageDraw.Draw(image).rectangle((200, 150, 205, 155), "grey")
    image.save(pictures / "b.png")
    (group,) = found(library, pictures).alike
    for member in group.members:
        ((left, top, right, bottom),) = member.differs
        assert 0.4 < left < 0.5 < right < 0.6 and 0.4 < top < 0.5 < bottom < 0.6


def test_a_squeezed_picture_is_another(library: Library, pictures: Path) -> None:
    Image.open(cloudy(pictures / "wide.png", 7)).resize((150, 180)).save(pictures / "narrow.png")
    assert not found(library, pictures).groups


def test_plain_pictures_have_nothing_to_be_known_by(library: Library, pictures: Path) -> None:
    for side in (30, 60, 90):
        paint(pictures / f"white-{side}.png", WHITE, size=(side, side))
    noisy = np.random.default_rng(0).integers(252, 256, (2, 80, 80, 3)).astype(np.uint8)
    for number, pixels in enumerate(noisy):
        Image.fromarray(pixels).save(pictures / f"paper-{number}.png")
    paint(pictures / "dot.png", WHITE, size=(1, 1))
    told = found(library, pictures)
    assert not told.groups and told.compared == 6


def test_what_cannot_be_opened_is_told_and_stops_nothing(library: Library, pictures: Path) -> None:
    image = Image.open(cloudy(pictures / "a.png", 7))
    image.resize((120, 90)).save(pictures / "b.png")
    (pictures / "broken.jpg").write_bytes(b"no picture at all")
    told = found(library, pictures)
    assert names(told) == [["a.png", "b.png"]] and told.compared == 2
    assert [skip.path for skip in told.skipped] == ["broken.jpg"] and told.skipped[0].reason.endswith(".")


def test_more_copies_than_a_picture_has_candidates_are_one_group(library: Library, pictures: Path) -> None:
    image = Image.open(cloudy(pictures / "whole.png", 7, (400, 300)))
    for number in range(12):
        image.resize((200 + 4 * number, 150 + 3 * number)).save(pictures / f"copy-{number:02}.jpg")
    (group,) = found(library, pictures).groups
    assert group.keep.paths == ("whole.png",) and len(group.members) == 13


@pytest.fixture
def three(pictures: Path) -> Path:
    """a and b are one picture; c is another."""
    Image.open(cloudy(pictures / "a.png", 7)).resize((120, 90)).save(pictures / "b.png")
    cloudy(pictures / "c.png", 8)
    return pictures


def test_the_hidden_take_no_part_and_come_back(library: Library, three: Path) -> None:
    catalogue = library.open(three)
    assert library.duplicates(catalogue) is None
    (group,) = found(library, three).groups
    catalogue.hide([group.members[1].digest])
    kept = library.duplicates(catalogue)
    assert kept == Duplicates((), 2, 0, ())
    catalogue.undo()
    assert names(library.duplicates(catalogue)) == [["a.png", "b.png"]]
    catalogue.hide([group.members[1].digest])
    assert found(library, three) == Duplicates((), 2, 0, ())
    catalogue.undo()
    assert library.duplicates(catalogue) == Duplicates((), 2, 1, ()), "it has come back unseen"


def watched(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The pictures that are looked at from now on."""
    looked: list[bytes] = []
    look = looks.look
    monkeypatch.setattr(looks, "look", lambda data: looked.append(data) or look(data))
    return looked


def test_only_new_pictures_are_opened_again(
    library: Library, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(three)
    found(library, three)
    assert snapshot(three) == before
    cloudy(three / "d.png", 9)
    looked, again = watched(monkeypatch), Library(library.home)
    assert names(found(again, three)) == [["a.png", "b.png"]]
    assert looked == [(three / "d.png").read_bytes()]


def test_what_has_gone_from_the_folder_is_in_no_group(library: Library, three: Path) -> None:
    found(library, three)
    (three / "a.png").unlink()
    catalogue = library.open(three)
    library.scan(catalogue)
    assert library.duplicates(catalogue) == Duplicates((), 2, 0, ())


@pytest.mark.parametrize(
    "stage", ["looking at the pictures", "comparing roughly", "comparing closely", "comparing at full detail"]
)
def test_it_stops_when_asked_and_keeps_what_was_looked_at(
    stage: str, library: Library, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    Image.open(three / "a.png").resize((160, 120)).save(three / "d.png")
    monkeypatch.setattr("features.analysis.looks.BATCH", 1)
    stopped = library.find_duplicates(
        library.open(three), lambda done, total, what: asked.append(what), lambda: stage in asked
    )
    assert stopped is None and asked[-1] == stage and library.duplicates(library.open(three)) is None
    opened = watched(monkeypatch)
    assert names(found(library, three)) == [["a.png", "d.png", "b.png"]]
    assert len(opened) == (3 if stage == "looking at the pictures" else 0)


@pytest.mark.parametrize("suffix", [".duplicates", ".looks"])
@pytest.mark.parametrize("content", [b"", b"rubbish", b"\x80\x05N."])
def test_a_damaged_file_of_ours_is_set_aside(suffix: str, content: bytes, library: Library, three: Path) -> None:
    found(library, three)
    (path,) = library.home.rglob(f"*{suffix}")
    path.write_bytes(content)
    fresh = Library(library.home)
    if suffix == ".duplicates":
        assert fresh.duplicates(fresh.open(three)) is None
    assert names(found(fresh, three)) == [["a.png", "b.png"]]
    assert path.with_name(path.name + ".damaged").read_bytes() == content


def test_copies_are_found_and_nothing_else(library: Library, tmp_path: Path) -> None:
    """The benchmark in miniature, on drawn pictures."""
    files = material.draw(tmp_path / "drawn", 120)
    made = copies.copied(files, tmp_path / "pictures", 40)
    recall, precision = copies.told(found(library, tmp_path / "pictures"), made)
    assert recall >= 0.97 and precision >= 0.99


def test_what_was_found_is_scored_by_pairs() -> None:
    assert copies.told(Duplicates((), 0, 0, ()), [("a", "b")]) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", copies.FOLDERS)
def test_copies_of_real_pictures_are_found(name: str, library: Library, tmp_path: Path) -> None:
    try:
        files = material.development(name, copies.PICTURES)
    except material.Unavailable as reason:
        pytest.skip(str(reason))
    made = copies.copied(files, tmp_path / "pictures", copies.COPIES, seed=5)
    recall, precision = copies.told(found(library, tmp_path / "pictures"), made)
    print(f"{name}: recall {recall:.4f}, precision {precision:.4f}")
    assert recall >= 0.97 and precision >= 0.99
