"""Look-alike: the same face. MTCNN finds faces, each is aligned and cropped, VGGFace turns it into a vector.

VGGFace gets the crops that it was trained on, by the box. The built-in encoder gets them by eyes, nose and mouth,
which stay in their places better than the box when a photo is mirrored or made smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from engines.base import Box, Crop, NotEmbeddable, register
from engines.networks import builtin, mtcnn, vggface
from engines.networks.mtcnn import Face
from engines.networks.network import Network, NetworkEngine

SIDE = 224  # of an aligned face, pixels
# VGGFace2's recipe (Cao 2018): the box grows by 0.3, its short side becomes 256, the centre 224 stays.
MARGIN = 0.3
KEPT = 224 / 256
PLACES = np.array([[0.300, 0.361], [0.700, 0.361], [0.5, 0.597], [0.5, 0.799]])
"""Eyes, nose and mouth in an aligned face, as shares of SIDE: where they lie on average when cut by the box."""
MIN_CONFIDENCE = 0.9
MIN_FACE = 20  # pixels; smaller boxes hold no identity
SMALL = 40  # pixels: below, little is left of one
TURNED = 0.35  # of the eyes' distance: how far the nose may be off the middle between them
BLURRED = 0.012  # see `sharpness`; 0.5 % of the faces of LFW are below


def find_faces(image: np.ndarray) -> list[Face]:
    """(H, W, 3) uint8 RGB -> the faces that MTCNN finds for certain; the largest first.

    May be called from several threads at once.
    """
    sure = [
        face for face in mtcnn.detect(image) if face.confidence >= MIN_CONFIDENCE and min(face.box[2:]) >= MIN_FACE
    ]
    return sorted(sure, key=lambda face: (-face.box[2] * face.box[3], face.box))


def by_box(face: Face) -> np.ndarray:
    """The (2, 3) matrix of VGGFace2's crop: eyes levelled, the box with its margin."""
    x, y, width, height = face.box
    left, right = _eyes(face)
    across = right - left
    scale = SIDE / (min(width, height) * (1 + MARGIN) * KEPT)
    return _similarity(np.array([x + width / 2, y + height / 2]), across, scale, np.full(2, SIDE / 2))


def by_points(face: Face) -> np.ndarray:
    """The (2, 3) matrix that turns, scales and moves eyes, nose and mouth nearest to PLACES (Umeyama 1991)."""
    points, places = np.array([*_eyes(face), face.nose, face.mouth]), PLACES * SIDE
    centre, place = points.mean(axis=0), places.mean(axis=0)
    (x, y), (u, v) = (points - centre).T, (places - place).T
    along, across, spread = x @ u + y @ v, x @ v - y @ u, x @ x + y @ y
    if not spread:  # all in one place
        return by_box(face)
    scale = np.hypot(along, across) / spread
    return _similarity(centre, np.array([along, -across]), scale, place)


def _similarity(centre: np.ndarray, level: np.ndarray, scale: float, place: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that brings centre to place, and makes the direction `level` run to the right."""
    cosine, sine = level / np.hypot(*level) if level.any() else (1.0, 0.0)
    turned = scale * np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([turned, place - turned @ centre])


def _eyes(face: Face) -> np.ndarray:
    """(2, 2): the one on the left of the picture first, whoever's left that is."""
    return np.array(sorted((face.left_eye, face.right_eye)), float)


def align(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A picture, and the matrix of a face in it -> (SIDE, SIDE, 3) uint8 RGB, edges repeated outside."""
    matrix, scale = matrix.copy(), float(np.hypot(*matrix[0, :2]))
    if scale < 0.75:  # warping alone would alias: shrink first, area-averaged
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix[:, :2] /= scale
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def sharpness(aligned: np.ndarray) -> float:
    """Of a face of `align`: the variance of its Laplacian as a share of that of its greys, both at half size."""
    half = cv2.resize(aligned, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(half, cv2.COLOR_RGB2GRAY).astype(np.float32)[16:96, 16:96]
    return float(cv2.Laplacian(grey, cv2.CV_32F).var() / max(grey.var(), 1.0))


def _remarks(face: Face, aligned: np.ndarray) -> tuple[str, ...]:
    """What makes a face hard to tell from others."""
    eyes = _eyes(face)
    across = eyes[1] - eyes[0]
    turned = np.dot(face.nose - eyes.mean(axis=0), across) / max(np.dot(across, across), 1.0)
    found = {
        "small": min(face.box[2:]) < SMALL,
        "blurred": sharpness(aligned) < BLURRED,
        "turned away": abs(turned) > TURNED,
    }
    return tuple(remark for remark, there in found.items() if there)


def _crop(image: np.ndarray, face: Face, matrix: np.ndarray) -> Crop:
    aligned = align(image, matrix)
    return Crop(aligned, _box(image, face), _remarks(face, aligned))


def _box(image: np.ndarray, face: Face) -> Box:
    height, width = image.shape[:2]
    x, y, w, h = face.box
    return max(0, x), max(0, y), min(width, x + w), min(height, y + h)


def _network(architecture: str, dim: int) -> Network:
    return Network(
        architecture,
        dim=dim,
        size=SIDE,
        build=partial(vggface.build, architecture),
        weights=vggface.WEIGHTS[architecture],
        check=partial(vggface.check, architecture),
    )


def _matrix(network: Network) -> Callable[[Face], np.ndarray]:
    return by_points if network is builtin.FACES else by_box


@register
class Lookalike(NetworkEngine):
    name = "lookalike"
    version = 1
    title = "Look-alike"
    alike = "the same face, or one that could pass for it"
    order = 10
    side = None  # a small picture of many people would leave none large enough
    nets = (_network("resnet50", 2048), _network("senet50", 2048), _network("vgg16", 512))
    stand_in = builtin.FACES

    def prepare(self) -> None:
        super().prepare()
        mtcnn.prepare()

    def crops(self, image: np.ndarray) -> list[Crop]:
        faces = find_faces(image)
        if not faces:
            raise NotEmbeddable("No face found. Try a larger, front-facing photo.")
        matrix = _matrix(self._answer(fetch=False).network)
        return [_crop(image, face, matrix(face)) for face in faces]

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
            "aligned": _matrix(self._answer(fetch=False).network).__name__,
        }
