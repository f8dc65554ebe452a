"""Finding faces in photos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import material
from benchmarks.measure import RUNS, Series, in_turn, ratio, say, seconds
from benchmarks.report import Bar, Row
from engines.lookalike import MIN_CONFIDENCE, MIN_FACE, find_faces
from engines.networks.quiet import quietly
from features.catalogue.images import open_image

PHOTOS = 200  # in each of the RUNS
OVERLAP = 0.9  # intersection over union from which two boxes are one face

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels"""


def rows(scratch: Path) -> Iterator[Row]:
    files = material.development("faces", RUNS * PHOTOS)
    say(f"  loading both detectors and {len(files)} photos")
    with quietly():
        from mtcnn import MTCNN

        plain = MTCNN()
    photos = [np.ascontiguousarray(open_image(file).pixels) for file in files]
    plain.detect_faces(photos[0])
    find_faces(photos[0])
    expected: list[list[Box]] = []
    found: list[list[Box]] = []

    def old() -> float:
        batch = photos[len(expected) : len(expected) + PHOTOS]
        return seconds(lambda: expected.extend(_kept(plain.detect_faces(photo)) for photo in batch))

    def ours() -> float:
        batch = photos[len(found) : len(found) + PHOTOS]
        return seconds(
            lambda: found.extend([face.box for face in faces] for faces in threads.map(find_faces, batch))
        )

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # as the indexing calls it
        before, now = in_turn(old, ours)
    against = "`MTCNN().detect_faces`, one photo at a time at full size"
    yield Row(f"MTCNN on {PHOTOS} photos", against, ratio(before, now), Bar("at least", 3), now, before)

    what = f"its faces that ours finds too (IoU > {OVERLAP}), {len(photos):,} photos"
    yield Row(what, against, Series((share(expected, found),)), Bar("at least", 0.99))
    yield Row("our faces that it finds too", against, Series((share(found, expected),)))


def _kept(faces: list[dict[str, Any]] | None) -> list[Box]:
    """Held to the same least confidence and size as ours."""
    sure = [face for face in faces or [] if face["confidence"] >= MIN_CONFIDENCE]
    return [tuple(face["box"]) for face in sure if min(face["box"][2:]) >= MIN_FACE]


def share(wanted: list[list[Box]], offered: list[list[Box]]) -> float:
    """Of all wanted faces, those that one of the offered boxes of the same photo overlaps."""
    hits = [
        any(_overlap(face, other) > OVERLAP for other in there)
        for faces, there in zip(wanted, offered, strict=True)
        for face in faces
    ]
    return float(np.mean(hits))


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0, width) * max(0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)
