"""The labelled pictures that the built-in encoders learn from, and what of them is held back.

SEMBLANCE_DATA names the folder: clothing/train and clothing/validation, paintings, faces (each folder a label),
general.tar and objects.tar (the same inside), fashion.tar (with labels.csv). None of it is part of the project.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.networks.network import squeezed
from features.images import decode

HELD_KIND = 5  # of objects and general, each fifth kind is never trained on
CHOOSE, REPORT = 25, 50  # paintings of each movement that are held back: to choose by, and to report
CHOOSE_PEOPLE, REPORT_PEOPLE = 60, 300  # likewise
LEAST = 10  # pictures of a fashion label; rarer ones teach nothing
SIDES = {
    "clothing": 128,
    "faces": 96,
    "fashion": 80,
    "general": 64,
    "objects": 128,
    "paintings": 192,
}  # pixels, as kept in memory


@dataclass(frozen=True)
class Pictures:
    """Pictures of one set. labels: head -> (N,) int32, -1 where a picture has none; names: head -> its classes."""

    images: np.ndarray  # (N, S, S, 3) uint8 RGB, each squeezed to a square as engines do
    labels: dict[str, np.ndarray]
    names: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.images)

    def part(self, wanted: np.ndarray) -> Pictures:
        return Pictures(self.images[wanted], {head: of[wanted] for head, of in self.labels.items()}, self.names)


def root() -> Path:
    """SEMBLANCE_DATA; ends the program with one sentence when it names no folder."""
    named = os.environ.get("SEMBLANCE_DATA")
    if not named or not Path(named).is_dir():
        sys.exit("Set SEMBLANCE_DATA to the folder that holds clothing, paintings, faces and the three archives.")
    return Path(named)


def folder(path: Path) -> Iterator[tuple[str, bytes]]:
    """(label, bytes of the file) of each picture, in the order of the names."""
    for file in sorted(path.glob("*/*")):
        yield file.parent.name, file.read_bytes()


def archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """The same of a tar file."""
    with tarfile.open(path) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            if member.isfile() and member.name.lower().endswith((".jpg", ".jpeg")):
                yield member.name.split("/")[-2], tar.extractfile(member).read()  # type: ignore[union-attr]


def load(head: str, files: Iterable[tuple[str, bytes]], side: int) -> Pictures:
    """A set with one label for each picture."""
    labels, images = zip(*((label, squeezed(decode(data).pixels, side)) for label, data in files), strict=True)
    names = sorted(set(labels))
    return Pictures(
        np.stack(images), {head: np.array([names.index(label) for label in labels], np.int32)}, {head: names}
    )


def fashion() -> Pictures:
    """Shop photos with two labels each: the article and its colour."""
    with tarfile.open(root() / "fashion.tar") as tar:
        rows = list(csv.DictReader(io.TextIOWrapper(tar.extractfile("fashion/labels.csv"))))  # type: ignore[arg-type]
        members = {Path(member.name).name: member for member in tar.getmembers()}
        data = [tar.extractfile(members[row["file"]]).read() for row in rows]  # type: ignore[union-attr]
    labels, names = {}, {}
    for head in ("article", "colour"):
        counts = Counter(row[head] for row in rows)
        names[head] = sorted(label for label, count in counts.items() if count >= LEAST)
        known = {label: number for number, label in enumerate(names[head])}
        labels[head] = np.array([known.get(row[head], -1) for row in rows], np.int32)
    return Pictures(np.stack([squeezed(decode(one).pixels, SIDES["fashion"]) for one in data]), labels, names)


def held_kinds(labels: np.ndarray) -> np.ndarray:
    """(N,) labels, names or numbers in their order -> (N,) bool: of a kind that is never trained on."""
    return np.unique(labels, return_inverse=True)[1] % HELD_KIND == 0


def movements(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) labels -> rows of the paintings to learn from, to choose by, and to report; drawn by a fixed seed."""
    generator = np.random.default_rng(7)
    rows = [generator.permutation(np.flatnonzero(labels == movement)) for movement in np.unique(labels)]
    parts = ((CHOOSE + REPORT, None), (0, CHOOSE), (CHOOSE, CHOOSE + REPORT))
    return tuple(np.sort(np.concatenate([one[slice(*part)] for one in rows])) for part in parts)  # type: ignore


def people(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for photos of people; nobody is in two of the three."""
    order = np.random.default_rng(5).permutation(np.unique(labels))
    report, choose = order[:REPORT_PEOPLE], order[REPORT_PEOPLE : REPORT_PEOPLE + CHOOSE_PEOPLE]
    learn = order[REPORT_PEOPLE + CHOOSE_PEOPLE :]
    return tuple(np.flatnonzero(np.isin(labels, part)) for part in (learn, choose, report))  # type: ignore


def clothing(part: str) -> Pictures:
    """part: train, which is learned from, or validation, which is only reported."""
    return load("garment", folder(root() / "clothing" / part), SIDES["clothing"])


def paintings() -> Pictures:
    return load("movement", folder(root() / "paintings"), SIDES["paintings"])


def general() -> Pictures:
    return load("general", archive(root() / "general.tar"), SIDES["general"])


def objects() -> Pictures:
    return load("object", archive(root() / "objects.tar"), SIDES["objects"])


def faces() -> Pictures:
    """The largest face of each photo, found and aligned as the look-alike engine does; where there is one."""
    from engines.lookalike import align, by_points, find_faces

    def cut() -> Iterator[tuple[str, np.ndarray]]:
        for person, photo in folder(root() / "faces"):
            pixels = decode(photo).pixels
            if found := find_faces(pixels):
                yield person, squeezed(align(pixels, by_points(found[0])), SIDES["faces"])

    people, images = zip(*cut(), strict=True)
    names = sorted(set(people))
    return Pictures(
        np.stack(images), {"person": np.array([names.index(one) for one in people], np.int32)}, {"person": names}
    )
