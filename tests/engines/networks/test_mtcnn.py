"""The detector finds the faces that the mtcnn package finds, in any number of threads, and without TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.networks.mtcnn import Face, detect
from features.catalogue.images import open_image
from tests.support import ROOT
from tests.support.seeded import PEOPLE, environment, pixels


@pytest.fixture(scope="module")
def grace(portraits: Path) -> np.ndarray:
    return pixels(portraits / "grace.png")


@pytest.fixture(scope="module")
def crowd(portraits: Path) -> np.ndarray:
    """(1301, 1100, 3): every person twice, large and small; more than fits on one canvas of the detector."""
    image = np.full((1301, 1100, 3), (190, 200, 205), np.uint8)
    for place, name in enumerate(PEOPLE):
        y, x = place // 4 * 620, place % 4 * 270
        for scale, down in ((0.8, 0), (0.25, 400)):
            small = cv2.resize(
                pixels(portraits / f"{name}.png"), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
            )
            image[y + down : y + down + len(small), x : x + small.shape[1]] = small
    return image


@pytest.fixture(scope="module")
def package() -> Any:
    from mtcnn import MTCNN

    return MTCNN()


def overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def assert_same(faces: list[Face], expected: list[dict[str, Any]]) -> None:
    """But for what a proposal on the verge, in or out by the last digit, moves."""
    assert len(faces) == len(expected)
    for other in expected:
        face = max(faces, key=lambda face: overlap(face.box, other["box"]))
        assert overlap(face.box, other["box"]) > 0.9
        np.testing.assert_allclose(face.left_eye, other["keypoints"]["left_eye"], atol=2)
        np.testing.assert_allclose(face.right_eye, other["keypoints"]["right_eye"], atol=2)
        assert face.confidence == pytest.approx(other["confidence"], abs=0.05)


@pytest.mark.parametrize("name", PEOPLE)
def test_the_packages_face_in_a_portrait(name: str, portraits: Path, package: Any) -> None:
    image = pixels(portraits / f"{name}.png")
    expected = package.detect_faces(image)
    assert len(expected) == 1
    assert_same(detect(image), expected)


UGLY = {
    "odd sides": lambda image: image[3:-2, 2:-5],
    "grey": lambda image: np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2),
    "small": lambda image: cv2.resize(image, (61, 73), interpolation=cv2.INTER_AREA),
    "large": lambda image: cv2.resize(image, None, fx=3.3, fy=3.3),
    "a face at the edge": lambda image: image[:, image.shape[1] // 3 :],
    "a strip": lambda image: cv2.copyMakeBorder(image, 0, 0, 700, 500, cv2.BORDER_REFLECT),
    "upside down": lambda image: np.flip(image, axis=0),
    "not contiguous": lambda image: image[::2, ::2],
}


@pytest.mark.parametrize("change", UGLY.values(), ids=UGLY)
def test_the_packages_faces_in_ugly_pictures(change: Any, grace: np.ndarray, package: Any) -> None:
    image = change(grace)
    expected = package.detect_faces(np.ascontiguousarray(image))
    assert expected or change in (UGLY["small"], UGLY["a face at the edge"], UGLY["upside down"])
    assert_same(detect(image), expected)


def test_the_packages_faces_in_a_crowd(crowd: np.ndarray, package: Any) -> None:
    faces = detect(crowd)
    assert_same(faces, package.detect_faces(crowd))
    assert len(faces) >= 14
    assert [face.confidence for face in faces] == sorted((face.confidence for face in faces), reverse=True)


@pytest.mark.parametrize("height", [1, 11, 12, 13, 19, 20, 24])
@pytest.mark.parametrize("width", [1, 20, 27, 700])
def test_no_picture_is_too_small(height: int, width: int) -> None:
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = image.copy()
    assert detect(image) == []
    np.testing.assert_array_equal(image, before)


def test_many_threads_find_what_one_finds(crowd: np.ndarray, grace: np.ndarray) -> None:
    images = [crowd[top : top + 620, left : left + 540] for top in (0, 300, 620) for left in (0, 270, 540)]
    images += [grace, np.zeros((40, 50, 3), np.uint8)]
    alone = [detect(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detect, images * 3)) == alone * 3


def test_once_exported_it_needs_no_tensorflow(portraits: Path, grace: np.ndarray) -> None:
    pytest.importorskip("openvino", reason="without OpenVINO, Keras runs the nets")
    (face,) = detect(grace)  # exports, unless that is done
    program = (
        "import sys; from engines.networks.mtcnn import detect; from features.catalogue.images import open_image;"
        "(face,) = detect(open_image(sys.argv[1]).pixels);"
        "print(*face.box, {'tensorflow', 'keras', 'mtcnn'} & set(sys.modules))"
    )
    run = [sys.executable, "-c", program, portraits / "grace.png"]
    told = subprocess.run(run, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    assert told.split() == [*map(str, face.box), "set()"]


def test_the_packages_faces_in_photos(package: Any) -> None:
    data = os.environ.get("SEMBLANCE_DATA")
    if not data:
        pytest.skip("SEMBLANCE_DATA names no folder of labelled pictures")
    photos = sorted(path for path in (Path(data) / "faces").rglob("*") if path.is_file())[::90][:60]
    if not photos:
        pytest.skip(f"{data}/faces is not there")
    expected = matched = found = 0
    for photo in photos:
        image = open_image(photo).pixels
        ours = [face for face in detect(image) if face.confidence >= 0.9]
        theirs = [face for face in package.detect_faces(image) if face["confidence"] >= 0.9]
        expected, found = expected + len(theirs), found + len(ours)
        matched += sum(any(overlap(face.box, other["box"]) > 0.9 for face in ours) for other in theirs)
    print(f"{matched} of the package's {expected} faces, {found} in all")
    assert expected >= 55
    assert matched >= 0.99 * expected and found <= 1.01 * expected
