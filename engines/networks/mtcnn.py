"""MTCNN (Zhang et al. 2016, Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks).

Three networks form a cascade, each slower and more accurate than the one before: P-Net proposes faces all over the
picture at many scales, R-Net refines the proposals, and O-Net refines the rest and locates eyes, nose and mouth.
The networks, their weights and all thresholds are those of the mtcnn package, and so are the detected faces. The
steps in between are faster, and the networks see few input shapes, because a new shape costs more than a run:
P-Net gets all scales of a picture side by side on one canvas, the others get batches of one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from threading import Lock
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.networks import runtime
from engines.networks.runtime import Net, Runner

if TYPE_CHECKING:
    import keras

VERSION = version("mtcnn")  # of the package
CASCADE = 1  # version of the steps between the networks; raise it when they detect other faces

SMALLEST = 20  # pixels: side of the smallest face to detect
SHRINK = 0.709  # scale from one level of the pyramid to the next: half the area
WINDOW, STRIDE = 12, 2  # pixels: P-Net's receptive field and stride
SURE_P, SURE_R, SURE_O = 0.6, 0.7, 0.8  # lowest confidence that each network accepts
OVERLAP_LEVEL, OVERLAP = 0.5, 0.7  # limits of non-maximum suppression, within a level and across levels

SIDE_R, SIDE_O = 24, 48  # pixels
BATCH_R, BATCH_O = 16, 2  # boxes, about as many as in a portrait; the last batch is padded
CANVAS_WIDTH, CANVAS_HEIGHT = 128, 256  # pixels; a larger canvas is slower per pixel
CANVAS_STEP = 32  # pixels: the height of a canvas is a multiple of this


@dataclass(frozen=True)
class Face:
    """A detected face. All coordinates are in pixels of the picture; points are x, y.

    Attributes:
        box: Left, top, width and height, within the picture.
        left_eye: Centre of an eye; in an upright face, the one on the left of the picture.
        right_eye: Centre of the other eye.
        nose: Tip of the nose.
        mouth: Midpoint between the corners of the mouth.
        confidence: Above SURE_O, at most 1.
    """

    box: tuple[int, int, int, int]
    left_eye: tuple[int, int]
    right_eye: tuple[int, int]
    nose: tuple[int, int]
    mouth: tuple[int, int]
    confidence: float


def detect(image: np.ndarray) -> list[Face]:
    """Detects the faces of a (H, W, 3) uint8 RGB picture of any size, the most confident first.

    Several threads may call it at once. The first call exports the networks, unless `prepare` has.
    """
    with _loading:
        pnet, rnet, onet = _nets()
    pixels = _normal(image)
    rows = _propose(pnet, pixels)
    if len(rows):
        rows = _refine(rnet, pixels, rows)
    if not len(rows):
        return []
    rows, points = _output(onet, pixels, rows)
    height, width = image.shape[:2]
    corners = rows[:, :4].clip(0, (width - 1, height - 1) * 2)
    boxes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    return [
        Face(
            _box(box),
            _point(places[0]),
            _point(places[1]),
            _point(places[2]),
            _point(places[3:].mean(axis=0)),
            float(confidence),
        )
        for box, places, confidence in zip(boxes, points, rows[:, 4], strict=True)
    ]


def prepare() -> None:
    """Exports the networks, once per machine, which takes TensorFlow and some seconds."""
    for net in NETS:
        runtime.prepare(net)


def _box(numbers: np.ndarray) -> tuple[int, int, int, int]:
    left, top, width, height = numbers.round().astype(int).tolist()
    return left, top, width, height


def _point(numbers: np.ndarray) -> tuple[int, int]:
    x, y = numbers.round().astype(int).tolist()
    return x, y


# --- the networks

_loading = Lock()


@cache
def _nets() -> list[Runner]:
    return [runtime.load(net) for net in NETS]


def _net(name: str, side: int | None) -> Net:
    """Describes a network for the runtime.

    `side` is that of its input, in pixels; None accepts any from WINDOW on.
    """
    build, example = partial(_build, name, side), partial(_example, side or SIDE_O)
    return Net(f"mtcnn-{VERSION}-{name.lower()}", build, example, exact=True, parallel=True)


def _build(name: str, side: int | None) -> keras.Model:
    import keras
    from mtcnn import stages

    net = getattr(stages, f"Stage{name}")().model
    pixels = keras.Input((side, side, 3))
    return keras.Model(pixels, net(pixels))


def _example(side: int) -> np.ndarray:
    return _normal(runtime.photos(side))


NETS = _net("PNet", None), _net("RNet", SIDE_R), _net("ONet", SIDE_O)


def _normal(image: np.ndarray) -> np.ndarray:
    """Scales uint8 to float32 in -1..1, as in the training of the networks."""
    pixels = image.astype(np.float32)
    pixels -= 127.5
    pixels /= 128
    return pixels


# --- the stages; rows are (left, top, right, bottom, confidence), float64, in pixels of the picture


def _propose(net: Runner, pixels: np.ndarray) -> np.ndarray:
    """Proposes (N, 5) squares in a (H, W, 3) picture; none if it is too small."""
    height, width = pixels.shape[:2]
    count = round(np.log(min(height, width) / WINDOW) / -np.log(SHRINK) - 1)
    scales = [WINDOW / SMALLEST * SHRINK**level for level in range(count)]
    levels = [_level(pixels, int(height * scale), int(width * scale)) for scale in scales]
    found = [np.empty((0, 5))]
    for scale, (shift, confidence) in zip(scales, _slide(net, levels), strict=True):
        y, x = np.nonzero(confidence > SURE_P)
        first = np.column_stack([x, y]) * STRIDE + 1  # the package shifts its boxes by a pixel
        boxes = (np.hstack([first, first + WINDOW - 1]) + shift[y, x] * (WINDOW - 1)) / scale
        found.append(_surest(np.column_stack([boxes, confidence[y, x]]), OVERLAP_LEVEL))
    return _square(_surest(np.concatenate(found), OVERLAP))


def _refine(net: Runner, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Refines and filters (N, 5) squares, N > 0, with R-Net."""
    shift, confidence = _look(net, pixels, rows, SIDE_R, BATCH_R)
    rows = np.column_stack([_shifted(rows, shift), confidence[:, 1]])
    return _square(_surest(rows[rows[:, 4] > SURE_R], OVERLAP))


def _output(net: Runner, pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Refines and filters (N, 5) squares, N > 0, with O-Net.

    Returns:
        (M, 5) boxes, and (M, 5, 2) points: the eyes, the nose, and the corners of the mouth.
    """
    shift, places, confidence = _look(net, pixels, rows, SIDE_O, BATCH_O)
    places = places.reshape(-1, 2, 5).transpose(0, 2, 1)  # relative to the box; first all x, then all y
    points = places * _sizes(rows)[:, None] + rows[:, None, :2] - 1
    rows = np.column_stack([_shifted(rows, shift), confidence[:, 1], points.reshape(-1, 10)])
    rows = _surest(rows[rows[:, 4] > SURE_O], OVERLAP, of_smaller=True)
    return rows[:, :5], rows[:, 5:].reshape(-1, 5, 2)


def _sizes(rows: np.ndarray) -> np.ndarray:
    """Returns the widths and heights of boxes, (N, 2), including the last pixel."""
    return rows[:, 2:4] - rows[:, :2] + 1


def _shifted(rows: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Shifts the edges of boxes, (N, 4), by (N, 4) fractions of their sizes."""
    return rows[:, :4] + shift * np.tile(_sizes(rows), 2)


def _square(rows: np.ndarray) -> np.ndarray:
    """Extends boxes to squares of their longer side, around the same centre."""
    sizes = rows[:, 2:4] - rows[:, :2]
    side = sizes.max(axis=1, keepdims=True)
    corner = rows[:, :2] + (sizes - side) / 2
    return np.column_stack([corner, corner + side, rows[:, 4:]])


def _surest(rows: np.ndarray, limit: float, of_smaller: bool = False) -> np.ndarray:
    """Applies non-maximum suppression, and sorts by descending confidence.

    A box is dropped if its overlap with a more confident box exceeds `limit`, even if that box is dropped itself,
    unlike in the paper. The overlap is relative to the union of the two boxes, or to the smaller box.
    """
    rows = rows[np.argsort(rows[:, 4])[::-1]]
    left, top, right, bottom = rows[:, :4].T
    areas = (right - left) * (bottom - top)
    stays = np.ones(len(rows), bool)
    for start in range(0, len(rows), 256):  # in blocks, because all pairs could take gigabytes
        block, surer = slice(start, start + 256), slice(start + 256)
        across = np.minimum.outer(right[surer], right[block]) - np.maximum.outer(left[surer], left[block])
        down = np.minimum.outer(bottom[surer], bottom[block]) - np.maximum.outer(top[surer], top[block])
        shared = across.clip(0) * down.clip(0)
        pairs = areas[surer], areas[block]
        whole = np.minimum.outer(*pairs) if of_smaller else np.add.outer(*pairs) - shared
        stays[block] = ~np.triu(shared > limit * whole, 1 - start).any(axis=0)
    return rows[stays]


# --- P-Net on the levels of the image pyramid


def _level(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Shrinks the picture. An odd side repeats its last pixel, because P-Net's windows have even sides."""
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def _slide(net: Runner, levels: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Runs P-Net; returns shift (h, w, 4) and confidence (h, w) of the windows of each level."""
    sizes = [level.shape[:2] for level in levels]
    grids = [(_windows(height), _windows(width)) for height, width in sizes]
    found = [(np.empty((*grid, 4), np.float32), np.empty(grid, np.float32)) for grid in grids]
    for tiles in _pack(sizes):
        bottom = max(tile.y + tile.height for tile in tiles)
        canvas = np.zeros((1, -(-bottom // CANVAS_STEP) * CANVAS_STEP, CANVAS_WIDTH, 3), np.float32)
        for tile in tiles:
            canvas[0][tile.pixels(tile.y, tile.x)] = levels[tile.level][tile.pixels(tile.top, tile.left)]
        shifts, confidences = (output[0] for output in net(canvas))
        for tile in tiles:
            there, here = tile.windows(tile.top, tile.left), tile.windows(tile.y, tile.x)
            shift, confidence = found[tile.level]
            shift[there], confidence[there] = shifts[here], confidences[here][..., 1]
    return found


def _windows(side: int) -> int:
    """Returns the number of windows along an even side."""
    return (side - WINDOW) // STRIDE + 1


@dataclass(frozen=True)
class _Tile:
    """A part of a level, from `top` and `left` on, placed on a canvas at y, x; all in pixels, all even."""

    level: int
    top: int
    left: int
    height: int
    width: int
    y: int
    x: int

    def pixels(self, y: int, x: int) -> tuple[slice, slice]:
        """Returns the slices of the tile's pixels if its corner is at y, x."""
        return slice(y, y + self.height), slice(x, x + self.width)

    def windows(self, y: int, x: int) -> tuple[slice, slice]:
        """Returns the slices of the windows that lie completely within these pixels."""
        row, column = y // STRIDE, x // STRIDE
        return slice(row, row + _windows(self.height)), slice(column, column + _windows(self.width))


def _pack(sizes: Sequence[tuple[int, int]]) -> list[list[_Tile]]:
    """Packs levels of (height, width) into canvases; returns the tiles on each.

    Levels larger than a canvas are cut into tiles that overlap enough to lose no window. Tiles fill shelves, the
    tallest first. They may touch, because windows across two of them are never read.
    """
    overlap = WINDOW - STRIDE
    parts = [
        (min(height - top, CANVAS_HEIGHT), min(width - left, CANVAS_WIDTH), level, top, left)
        for level, (height, width) in enumerate(sizes)
        for top in range(0, height - overlap, CANVAS_HEIGHT - overlap)
        for left in range(0, width - overlap, CANVAS_WIDTH - overlap)
    ]
    canvases: list[list[_Tile]] = []
    shelf, end, x = 0, CANVAS_HEIGHT, CANVAS_WIDTH  # top and bottom of the shelf, and its filled width: full
    for height, width, level, top, left in sorted(parts, reverse=True):
        if x + width > CANVAS_WIDTH:
            shelf, end, x = end, end + height, 0
        if end > CANVAS_HEIGHT:
            canvases.append([])
            shelf, end = 0, height
        canvases[-1].append(_Tile(level, top, left, height, width, shelf, x))
        x += width
    return canvases


# --- R-Net and O-Net on boxes


def _look(net: Runner, pixels: np.ndarray, rows: np.ndarray, side: int, batch: int) -> list[np.ndarray]:
    """Returns the network's outputs for N > 0 boxes, cropped and scaled to `side`."""
    filled = np.resize(rows, (-(-len(rows) // batch) * batch, rows.shape[1]))
    outputs = [net(_cut(pixels, filled[start : start + batch], side)) for start in range(0, len(filled), batch)]
    return [np.concatenate(parts)[: len(rows)] for parts in zip(*outputs, strict=True)]


def _cut(pixels: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """Crops (N, 5) boxes to (N, side, side, 3), bilinearly; outside the picture it is grey, which is 0."""
    last = np.array(pixels.shape[1::-1]) - 1.0
    steps = np.linspace(0, 1, side)[:, None]
    places = rows[:, None, :2] + (rows[:, None, 2:4] - rows[:, None, :2]) * steps  # (N, side, 2): x and y
    places *= last / (last + 1)  # the package aligns the right and lower edge with the last pixel's centre
    inside = (places >= 0) & (places <= last)
    x, y = np.broadcast_arrays(places[:, None, :, 0], places[:, :, None, 1])
    x, y = (along.reshape(-1, side).astype(np.float32) for along in (x, y))
    cut: np.ndarray = cv2.remap(pixels, x, y, cv2.INTER_LINEAR).reshape(-1, side, side, 3)
    cut *= (inside[:, None, :, 0] & inside[:, :, None, 1])[..., None]
    return cut
