"""The labelled pictures that quality is measured on, and their fixed splits.

SEMBLANCE_DATA names the folder: clothing/train and clothing/validation, paintings, faces (each folder a label),
general.tar and objects.tar (the same inside), fashion.tar (with labels.csv). None of it is part of the project.
"""

from __future__ import annotations

import csv
import io
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HELD_KIND = 5  # of objects and general, each fifth kind is only reported
CHOOSE, REPORT = 25, 50  # paintings of each movement that are held back: to choose by, and to report
CHOOSE_PEOPLE, REPORT_PEOPLE = 60, 300  # likewise


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


def fashion(head: str) -> Iterator[tuple[str, bytes]]:
    """The shop photos with one of their labels ("article", "colour", "usage" ...); others are left out."""
    with tarfile.open(root() / "fashion.tar") as tar:
        rows = csv.DictReader(io.TextIOWrapper(tar.extractfile("fashion/labels.csv")))  # type: ignore[arg-type]
        members = {Path(member.name).name: member for member in tar.getmembers()}
        for row in rows:
            if row[head]:
                yield row[head], tar.extractfile(members[row["file"]]).read()  # type: ignore[union-attr]


def some_of_each(labels: np.ndarray, number: int) -> np.ndarray:
    """(N,) labels -> rows of at most so many of each, drawn by a fixed seed."""
    generator = np.random.default_rng(0)
    rows = [generator.permutation(np.flatnonzero(labels == label))[:number] for label in np.unique(labels)]
    return np.sort(np.concatenate(rows))


def held_kinds(labels: np.ndarray) -> np.ndarray:
    """(N,) labels, names or numbers in their order -> (N,) bool: of a kind that is only reported."""
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
