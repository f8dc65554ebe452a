"""Look-alike: the same face. MTCNN detects faces; each is aligned, cropped and embedded by a face network.

Each network gets faces aligned as in its training: dlib's by eyes, nose and mouth, VGGFace's by the bounding box.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from engines.base import Box, Crop, register
from engines.errors import NotEmbeddable
from engines.messages import Message
from engines.networks import dlib_face, mtcnn, vggface
from engines.networks.mtcnn import Face
from engines.networks.network import Network, NetworkEngine

# The alignment of VGGFace2 (Cao 2018): enlarge the box by 0.3, scale its short side to 256, keep the central 224.
MARGIN = 0.3
KEPT = 224 / 256
PLACES = np.array([[47.5, 44.0], [100.5, 44.5], [73.5, 78.5], [73.0, 101.0]])
"""MTCNN's eyes, nose and mouth in dlib's own crop (150 pixels, padding 0.25): medians over 69 faces."""
MIN_CONFIDENCE = 0.9
MIN_FACE = 20  # pixels; smaller boxes carry no identity
SMALL = 40  # pixels; smaller boxes carry little identity
TURNED = 0.35  # largest offset of the nose from the midpoint of the eyes, in distances between the eyes
BLURRED = 0.19  # see Recipe.sharpness; 0.5 % of the faces of LFW are below
DOUBTFUL = 0.02  # 1 - confidence of the best upright face, above which the photo is also searched turned
SURER = 12  # factor by which a turned face must reduce that doubt, because few photos lie on their side
TURNS_SIDE = 640  # pixels: largest longer side of a photo that is searched turned


def find_faces(image: np.ndarray) -> list[Face]:
    """Detects the faces of a (H, W, 3) uint8 RGB picture that MTCNN is confident of, the largest first.

    Several threads may call it at once.
    """
    sure = [
        face for face in mtcnn.detect(image) if face.confidence >= MIN_CONFIDENCE and min(face.box[2:]) >= MIN_FACE
    ]
    return sorted(sure, key=lambda face: (-face.box[2] * face.box[3], face.box))


def find_turned(image: np.ndarray) -> tuple[int, list[Face]]:
    """Detects faces in a photo that may be rotated by quarter turns.

    Args:
        image: (H, W, 3) uint8 RGB. It is only turned if no upright face is certain, and then searched at no more
            than TURNS_SIDE pixels.

    Returns:
        The number of counter-clockwise quarter turns, 0..3, that make the photo upright; and its faces as
        `find_faces` returns them, in pixels of the turned photo.
    """
    faces = find_faces(image)
    if _doubt(faces) <= DOUBTFUL:
        return 0, faces
    scale = min(1.0, TURNS_SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    tried = [(turns, find_faces(np.ascontiguousarray(np.rot90(small, turns)))) for turns in (1, 3, 2)]
    turns, found = min(tried, key=lambda one: _doubt(one[1]))
    if not found or (faces and _doubt(found) >= _doubt(faces) / SURER):
        return 0, faces
    return turns, [_enlarged(face, 1 / scale) for face in found]


def _doubt(faces: list[Face]) -> float:
    """Returns 1 minus the highest confidence of a face; 1 without a face."""
    return 1 - max((face.confidence for face in faces), default=0.0)


def _enlarged(face: Face, factor: float) -> Face:
    def point(place: tuple[int, int]) -> tuple[int, int]:
        return round(place[0] * factor), round(place[1] * factor)

    left, top, width, height = face.box
    return Face(
        (*point((left, top)), *point((width, height))),
        point(face.left_eye),
        point(face.right_eye),
        point(face.nose),
        point(face.mouth),
        face.confidence,
    )


def by_box(face: Face) -> np.ndarray:
    """Returns the (2, 3) matrix of VGGFace2's crop of 224 pixels: level eyes, and the box with its margin."""
    x, y, width, height = face.box
    left, right = _eyes(face)
    across = right - left
    scale = vggface.SIZE / (min(width, height) * (1 + MARGIN) * KEPT)
    return _similarity(np.array([x + width / 2, y + height / 2]), across, scale, np.full(2, vggface.SIZE / 2))


def by_points(face: Face) -> np.ndarray:
    """Returns the (2, 3) similarity matrix that best maps eyes, nose and mouth to PLACES (Umeyama 1991)."""
    points = np.array([*_eyes(face), face.nose, face.mouth], float)
    centre, place = points.mean(axis=0), PLACES.mean(axis=0)
    (x, y), (u, v) = (points - centre).T, (PLACES - place).T
    along, across, spread = x @ u + y @ v, x @ v - y @ u, x @ x + y @ y
    whole = dlib_face.SIZE / max(*face.box[2:], 1)  # fallback if all points coincide
    scale = np.hypot(along, across) / spread if spread else whole
    return _similarity(centre, np.array([along, -across]), scale, place)


@dataclass(frozen=True)
class Recipe:
    """The alignment of faces for a network.

    Attributes:
        side: Side of the crop, in pixels.
        matrix: Computes the (2, 3) affine matrix that maps a face into the crop.
        core: Region in which sharpness is measured: the side to which the crop is scaled, so that the eyes are 45
            pixels apart with every recipe; then top and left of the square of CORE pixels that contains only face.
    """

    side: int
    matrix: Callable[[Face], np.ndarray]
    core: tuple[int, int, int]

    def cut(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Returns the aligned face: (side, side, 3) uint8 RGB."""
        return align(image, self.matrix(face), self.side)

    def sharpness(self, aligned: np.ndarray) -> float:
        """Returns the share of the gradients that additional blur removes, 0..1 (Crete et al. 2007).

        A blurred face loses little. Noise and contrast matter less than with the variance of the Laplacian.
        """
        side, top, left = self.core
        fine = aligned.astype(np.float32)  # steps of 8 bits would count as detail
        grey = cv2.cvtColor(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        core = slice(top, top + CORE), slice(left, left + CORE)
        before, after = (
            _steepness(image)[core].mean() for image in (grey, cv2.GaussianBlur(grey, (0, 0), REBLUR))
        )
        return float(1 - (after + 1e-3) / (before + 1e-3))


def _steepness(grey: np.ndarray) -> np.ndarray:
    return cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))


CORE, REBLUR = 80, 2.0  # pixels; standard deviation of the blur, in pixels
BY_POINTS = Recipe(dlib_face.SIZE, by_points, (127, 13, 22))
BY_BOX = Recipe(vggface.SIZE, by_box, (112, 16, 16))
RECIPES = {dlib_face.DLIB.name: BY_POINTS}
"""Recipes by network name; all other networks use BY_BOX."""


def _similarity(centre: np.ndarray, level: np.ndarray, scale: float, place: np.ndarray) -> np.ndarray:
    """Returns the (2, 3) matrix that maps `centre` to `place` and rotates the direction `level` to point right."""
    cosine, sine = level / np.hypot(*level) if level.any() else (1.0, 0.0)
    turned = scale * np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([turned, place - turned @ centre])


def _eyes(face: Face) -> np.ndarray:
    """Returns the eyes as (2, 2), the one further left in the picture first."""
    return np.array(sorted((face.left_eye, face.right_eye)), float)


def align(image: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """Warps a face out of a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        matrix: (2, 3), from the picture to the crop.
        side: Side of the crop, in pixels.

    Returns:
        (side, side, 3) uint8 RGB. Outside the picture its edge pixels repeat.
    """
    matrix, scale = matrix.copy(), float(np.hypot(*matrix[0, :2]))
    if scale < 0.75:  # warping alone would alias, so average areas first
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= scale
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _remarks(face: Face, sharpness: float) -> tuple[str, ...]:
    """Returns reasons to doubt the embedding of a face; see Crop."""
    eyes = _eyes(face)
    across = eyes[1] - eyes[0]
    turned = np.dot(face.nose - eyes.mean(axis=0), across) / max(np.dot(across, across), 1.0)
    found = {
        Message("remarks.small"): min(face.box[2:]) < SMALL,
        Message("remarks.blurred"): sharpness < BLURRED,
        Message("remarks.turned_away"): abs(turned) > TURNED,
    }
    return tuple(remark for remark, there in found.items() if there)


def _crop(upright: np.ndarray, face: Face, recipe: Recipe, box: Box) -> Crop:
    aligned = recipe.cut(upright, face)
    return Crop(aligned, box, _remarks(face, recipe.sharpness(aligned)))


def _box(shape: tuple[int, ...], face: Face, turns: int) -> Box:
    """Maps a face's box back from the turned photo into the given photo, in pixels.

    Args:
        shape: Shape of the given photo.
        face: The face, in pixels of the turned photo.
        turns: Quarter turns, as `find_turned` returns them.
    """
    height, width = shape[:2]
    x, y, w, h = face.box
    left, top, right, bottom = x, y, x + w, y + h
    for done in reversed(range(turns)):  # undo one turn at a time
        across = height if done % 2 else width  # width of the photo before that turn
        left, top, right, bottom = across - bottom, left, across - top, right
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


def _network(architecture: str, dim: int) -> Network:
    return Network(
        architecture,
        dim=dim,
        size=vggface.SIZE,
        build=partial(vggface.build, architecture),
        weights=vggface.WEIGHTS[architecture],
        check=partial(vggface.check, architecture),
    )


@register
class Lookalike(NetworkEngine):
    """Finds the same face, or similar ones."""

    name = "lookalike"
    version = 2
    title = Message("titles.lookalike")
    alike = Message("alike.lookalike")
    order = 10
    side = None  # faces in a group photo would become too small
    builtin = dlib_face.DLIB
    nets = (_network("resnet50", 2048), _network("senet50", 2048), _network("vgg16", 512))
    upgrade = None  # VGGFace's weights are for research only, so they are used on request only

    def prepare(self) -> None:
        super().prepare()
        mtcnn.prepare()

    def crops(self, image: np.ndarray) -> list[Crop]:
        turns, faces = find_turned(image)
        if not faces:
            raise NotEmbeddable("errors.no_face")
        upright = np.ascontiguousarray(np.rot90(image, turns))
        recipe = self._recipe()
        return [_crop(upright, face, recipe, _box(image.shape, face, turns)) for face in faces]

    def known_pairs(self) -> tuple[np.ndarray, np.ndarray] | None:
        path = self._answer(fetch=True).network.pairs
        if path is None:
            return None
        with np.load(path, allow_pickle=False) as file:
            return file["same"], file["different"]

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "detector": f"mtcnn {mtcnn.VERSION}, cascade {mtcnn.CASCADE}",
            "confidence": MIN_CONFIDENCE,
            "smallest": MIN_FACE,
            "margin": MARGIN,
            "kept": KEPT,
            "aligned": self._recipe().matrix.__name__,
        }

    def _recipe(self) -> Recipe:
        return RECIPES.get(self._answer(fetch=False).network.name, BY_BOX)
