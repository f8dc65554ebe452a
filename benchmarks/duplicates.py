"""Duplicates: copies that were made are found, and nothing else; and how long a large collection takes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from benchmarks import material
from benchmarks.measure import Series, say, seconds
from benchmarks.report import Bar, Row
from features.analysis.duplicates import Duplicates
from features.library import Library

PICTURES, COPIES, LARGE = 2000, 400, 20_000
FOLDERS = ("clothing/train", "paintings", "faces")  # of development pictures
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
    say(f"  drawing {LARGE:,} pictures")
    folder = scratch / "duplicates" / "large"
    material.draw(folder, LARGE)
    catalogue = library.open(folder)
    for how in ("at first", "once more, with all looks kept"):
        taken = seconds(lambda: library.find_duplicates(catalogue))
        yield Row(f"{LARGE:,} drawn pictures, {how}", "", Series((taken,), "s"))


def _sets(scratch: Path) -> Iterator[tuple[str, list[Path]]]:
    """Development pictures, or drawn ones where there are none."""
    try:
        for folder in FOLDERS:
            yield folder, material.development(folder, PICTURES)
    except material.Unavailable as reason:
        say(f"  {reason}; drawn ones instead")
        yield "drawn pictures", material.draw(scratch / "duplicates" / "drawn", PICTURES)
