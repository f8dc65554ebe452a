"""Duplicates: copies that were made are found, and nothing else; and how long a large collection takes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageEnhance

from benchmarks import forms, material
from benchmarks.measure import Series, say, seconds
from benchmarks.report import Bar, Row
from features.analysis import duplicates
from features.analysis.duplicates import Duplicates
from features.library import Library

PICTURES, COPIES, LARGE = 2000, 400, 20_000
FOLDERS = ("clothing/train", "paintings", "faces")  # of development pictures
PAIRS, FORM_SIDES, PHOTO_SIDES = 400, (1400, 1000, 700, 500), (800, 512, 256)
CHANGES = ("half the size", "JPEG of quality 60", "5 % cropped", "brightness within 15 %", "all of these")


def changed(file: Path, change: str, random: np.random.Generator) -> bytes:
    """A JPEG of the same picture after one of CHANGES; which side is cropped, say, is drawn by lot."""
    image = Image.open(file).convert("RGB")
    every, quality = change == CHANGES[4], 90
    if every or change == CHANGES[0]:
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)
    if every or change == CHANGES[1]:
        quality = 60
    if every or change == CHANGES[2]:
        edges = np.zeros(4)  # left, top, right, bottom
        kind = random.integers(3)
        if kind == 0:  # one side
            edges[random.integers(4)] = 0.05
        elif kind == 1:  # 5 % of the width and of the height, from somewhere
            first = random.random(2)
            edges[:] = 0.05 * np.concatenate([first, 1 - first])
        else:  # every side
            edges[:] = 0.05
        left, top, right, bottom = np.round(edges * np.tile(image.size, 2))
        image = image.crop((left, top, image.width - right, image.height - bottom))
    if every or change == CHANGES[3]:
        image = ImageEnhance.Brightness(image).enhance(random.uniform(0.85, 1.15))
    made = io.BytesIO()
    image.save(made, "JPEG", quality=quality)
    return made.getvalue()


def copied(files: Sequence[Path], target: Path, copies: int, seed: int = material.SEED) -> list[tuple[str, str]]:
    """A folder of these pictures and changed copies of some of them; the paths of each such pair below it."""
    random = np.random.default_rng(seed)
    target.mkdir(parents=True)
    for number, file in enumerate(files):
        (target / f"{number:05}.jpg").write_bytes(file.read_bytes())
    made = []
    for number, chosen in enumerate(random.permutation(len(files))[:copies]):
        data = changed(files[chosen], CHANGES[number % len(CHANGES)], random)
        made.append((f"{chosen:05}.jpg", f"copy-{number:05}.jpg"))
        (target / made[-1][1]).write_bytes(data)
    return made


def told(found: Duplicates, made: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Recall of the pairs that were made, and precision of all pairs within groups."""
    pairs = {
        frozenset((one.paths[0], other.paths[0]))
        for group in found.groups
        for one, other in combinations(group.members, 2)
    }
    true = pairs & {frozenset(pair) for pair in made}
    return len(true) / len(made), len(true) / max(len(pairs), 1)


def same(one: bytes, other: bytes, scratch: Path) -> bool:
    """Whether two picture files are found to be the same picture."""
    with TemporaryDirectory(dir=scratch) as folder:
        found = duplicates.find(["one", "other"], {"one": one, "other": other}.__getitem__, Path(folder) / "looks")
    assert found
    return bool(found.near)


def alike(photos: Sequence[Path], pairs: int, scratch: Path) -> Iterator[tuple[str, float, float]]:
    """Forms and written photos: the share of different pairs, and of copies, that are found to be the same."""
    kinds: tuple[tuple[str, Sequence[int], Callable[[int, int], tuple[Image.Image, Image.Image]]], ...] = (
        ("forms", FORM_SIDES, forms.form_pair),
        (
            "photos with a text",
            PHOTO_SIDES,
            lambda side, number: forms.written_pair(photos[number % len(photos)], side, number),
        ),
    )
    for kind, sides, draw in kinds:
        wrong, right = [], []
        for number in range(pairs):
            one, other = draw(sides[number // 5 % len(sides)], number)
            first, second = forms.ENCODINGS[number // 7 % len(forms.ENCODINGS)]
            wrong.append(same(first.save(one), second.save(other), scratch))
            if first != second:
                right.append(same(first.save(one), second.save(one), scratch))
        yield kind, float(np.mean(wrong)), float(np.mean(right))


def rows(scratch: Path) -> Iterator[Row]:
    library = Library(scratch / "homes" / "duplicates")
    for name, files in _sets(scratch):
        say(f"  {name}")
        folder = scratch / "duplicates" / name.replace("/", "-")
        made = copied(files, folder, COPIES)
        found: list[Duplicates | None] = []
        taken = seconds(
            lambda folder=folder, found=found: found.append(library.find_duplicates(library.open(folder)))
        )
        assert found[0]
        recall, precision = told(found[0], made)
        what = f"{COPIES} copies among {len(files):,} of {name}"
        yield Row(f"{what}: recall", "", Series((recall,)), Bar("at least", 0.97), note=f"{', '.join(CHANGES)}")
        note = "pictures of the set that really are the same one count as wrong"
        yield Row(f"{what}: precision", "", Series((precision,)), Bar("at least", 0.99), note=note)
        yield Row(f"{what}: all of it", "", Series((taken,), "s"))
    for kind, wrong, right in alike(_photos(scratch), PAIRS, scratch):
        what = f"{PAIRS} pairs of {kind}"
        note = (
            f"sides of {FORM_SIDES if kind == 'forms' else PHOTO_SIDES} pixels; PNG and JPEG of quality 50 to 90"
        )
        yield Row(f"{what} that differ: called the same", "", Series((wrong,)), Bar("at most", 0.01), note=note)
        yield Row(f"{what}, one saved again: recall", "", Series((right,)), Bar("at least", 0.97), note=note)
    say(f"  drawing {LARGE:,} pictures")
    folder = scratch / "duplicates" / "large"
    material.draw(folder, LARGE)
    catalogue = library.open(folder)
    for how in ("at first", "once more, with all looks kept"):
        taken = seconds(lambda: library.find_duplicates(catalogue))
        yield Row(f"{LARGE:,} drawn pictures, {how}", "", Series((taken,), "s"))


def _photos(scratch: Path) -> list[Path]:
    """Photos to write on: development pictures, or drawn ones where there are none."""
    try:
        return [photo for folder in FOLDERS for photo in material.development(folder, 40)]
    except material.Unavailable:
        return material.draw(scratch / "duplicates" / "photos", 40)


def _sets(scratch: Path) -> Iterator[tuple[str, list[Path]]]:
    """Development pictures, or drawn ones where there are none."""
    try:
        for folder in FOLDERS:
            yield folder, material.development(folder, PICTURES)
    except material.Unavailable as reason:
        say(f"  {reason}; drawn ones instead")
        yield "drawn pictures", material.draw(scratch / "duplicates" / "drawn", PICTURES)
