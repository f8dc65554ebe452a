"""MTCNN (Zhang et al. 2016, Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks).

Three nets, each slower and surer than the one before: P-Net proposes faces all over the picture at many sizes,
R-Net refines what P-Net proposed, O-Net what R-Net left, and tells where the eyes are. The nets, their trained
weights and all thresholds are the mtcnn package's, and so are the faces found. Fast are the steps in between, and
that the nets see few shapes, for a new one costs more than a run: P-Net sees all sizes of a picture side by side
on one canvas, the others batches of one size.
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
CASCADE = 1  # of the steps between the nets: raise it when they find other faces

SMALLEST = 20  # pixels: side of the smallest face that is looked for
SHRINK = 0.709  # from one size of the picture to the next: half the area
WINDOW, STRIDE = 12, 2  # pixels: what P-Net looks at, and its step
SURE_P, SURE_R, SURE_O = 0.6, 0.7, 0.8  # the confidence that each net asks for
OVERLAP_LEVEL, OVERLAP = 0.5, 0.7  # of boxes that share more the surest stays; on one size, on all sizes

SIDE_R, SIDE_O = 24, 48  # pixels
BATCH_R, BATCH_O = 16, 2  # boxes: about as many as a portrait has, for the last batch is filled up
CANVAS_WIDTH, CANVAS_HEIGHT = 128, 256  # pixels; more on a canvas runs slower per pixel
CANVAS_STEP = 32  # pixels: a canvas may be lower, by multiples of this


@dataclass(frozen=True)
class Face:
    """box: left, top, width, height, within the picture; points: x, y; all in pixels. confidence: above SURE_O."""

    box: tuple[int, int, int, int]
    left_eye: tuple[int, int]
    right_eye: tuple[int, int]
    nose: tuple[int, int]
    mouth: tuple[int, int]  # the middle between its corners
    confidence: float


def detect(image: np.ndarray) -> list[Face]:
    """(H, W, 3) uint8 RGB of any size -> its faces, the surest first.

    May be called from several threads at once. Exports the nets first, unless that is done: see `prepare`.
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
    """Exports the nets, once on a machine; that takes TensorFlow and some seconds."""
    for net in NETS:
        runtime.prepare(net)


def _box(numbers: np.ndarray) -> tuple[int, int, int, int]:
    left, top, width, height = numbers.round().astype(int).tolist()
    return left, top, width, height


def _point(numbers: np.ndarray) -> tuple[int, int]:
    x, y = numbers.round().astype(int).tolist()
    return x, y


# --- the nets

_loading = Lock()


@cache
def _nets() -> list[Runner]:
    return [runtime.load(net) for net in NETS]


def _net(name: str, side: int | None) -> Net:
    """side: of the net's input, pixels; None takes any from WINDOW on."""
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
    """uint8 -> float32 in -1..1, as the nets were trained."""
    pixels = image.astype(np.float32)
    pixels -= 127.5
    pixels /= 128
    return pixels


# --- the stages; rows are (left, top, right, bottom, confidence), float64, in pixels of the picture


def _propose(net: Runner, pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> (N, 5) squares; none of a picture too small for any."""
    height, width = pixels.shape[:2]
    count = round(np.log(min(height, width) / WINDOW) / -np.log(SHRINK) - 1)
    scales = [WINDOW / SMALLEST * SHRINK**level for level in range(count)]
    levels = [_level(pixels, int(height * scale), int(width * scale)) for scale in scales]
    found = [np.empty((0, 5))]
    for scale, (shift, confidence) in zip(scales, _slide(net, levels), strict=True):
        y, x = np.nonzero(confidence > SURE_P)
        first = np.column_stack([x, y]) * STRIDE + 1  # the package begins and ends its boxes a pixel late
        boxes = (np.hstack([first, first + WINDOW - 1]) + shift[y, x] * (WINDOW - 1)) / scale
        found.append(_surest(np.column_stack([boxes, confidence[y, x]]), OVERLAP_LEVEL))
    return _square(_surest(np.concatenate(found), OVERLAP))


def _refine(net: Runner, pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N, 5) squares, N > 0 -> fewer (N, 5) squares."""
    shift, confidence = _look(net, pixels, rows, SIDE_R, BATCH_R)
    rows = np.column_stack([_shifted(rows, shift), confidence[:, 1]])
    return _square(_surest(rows[rows[:, 4] > SURE_R], OVERLAP))


def _output(net: Runner, pixels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 5) squares, N > 0 -> (M, 5) boxes and (M, 5, 2) points: the eyes, the nose, the mouth's corners."""
    shift, places, confidence = _look(net, pixels, rows, SIDE_O, BATCH_O)
    places = places.reshape(-1, 2, 5).transpose(0, 2, 1)  # parts of a box, first all x, then all y
    points = places * _sizes(rows)[:, None] + rows[:, None, :2] - 1
    rows = np.column_stack([_shifted(rows, shift), confidence[:, 1], points.reshape(-1, 10)])
    rows = _surest(rows[rows[:, 4] > SURE_O], OVERLAP, of_smaller=True)
    return rows[:, :5], rows[:, 5:].reshape(-1, 5, 2)


def _sizes(rows: np.ndarray) -> np.ndarray:
    """(N, 2) widths and heights, the last pixel included."""
    return rows[:, 2:4] - rows[:, :2] + 1


def _shifted(rows: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """(N, 4) boxes. shift: (N, 4), in parts of a box's size."""
    return rows[:, :4] + shift * np.tile(_sizes(rows), 2)


def _square(rows: np.ndarray) -> np.ndarray:
    """The boxes as squares of their longer side, about the same middle."""
    sizes = rows[:, 2:4] - rows[:, :2]
    side = sizes.max(axis=1, keepdims=True)
    corner = rows[:, :2] + (sizes - side) / 2
    return np.column_stack([corner, corner + side, rows[:, 4:]])


def _surest(rows: np.ndarray, limit: float, of_smaller: bool = False) -> np.ndarray:
    """Non-maximum suppression: rows, the surest first, less each that shares over `limit` with a surer one.

    A surer one counts even where it falls itself, unlike in the paper. The limit is a part of the two boxes'
    union, or of the smaller one.
    """
    rows = rows[np.argsort(rows[:, 4])[::-1]]
    left, top, right, bottom = rows[:, :4].T
    areas = (right - left) * (bottom - top)
    stays = np.ones(len(rows), bool)
    for start in range(0, len(rows), 256):  # a block at a time: all pairs at once could take gigabytes
        block, surer = slice(start, start + 256), slice(start + 256)
        across = np.minimum.outer(right[surer], right[block]) - np.maximum.outer(left[surer], left[block])
        down = np.minimum.outer(bottom[surer], bottom[block]) - np.maximum.outer(top[surer], top[block])
        shared = across.clip(0) * down.clip(0)
        pairs = areas[surer], areas[block]
        whole = np.minimum.outer(*pairs) if of_smaller else np.add.outer(*pairs) - shared
        stays[block] = ~np.triu(shared > limit * whole, 1 - start).any(axis=0)
    return rows[stays]


# --- P-Net on all sizes of a picture, its levels


def _level(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture made smaller. An odd side gets its last pixel twice: P-Net's windows are of even sides."""
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(small, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def _slide(net: Runner, levels: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each level, per window: shift (h, w, 4) and confidence (h, w)."""
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
    """How many windows there are along an even side."""
    return (side - WINDOW) // STRIDE + 1


@dataclass(frozen=True)
class _Tile:
    """A part of a level, from `top` and `left` on, that lies on a canvas at y, x; all in pixels, all even."""

    level: int
    top: int
    left: int
    height: int
    width: int
    y: int
    x: int

    def pixels(self, y: int, x: int) -> tuple[slice, slice]:
        """The tile's pixels where its corner is at y, x."""
        return slice(y, y + self.height), slice(x, x + self.width)

    def windows(self, y: int, x: int) -> tuple[slice, slice]:
        """The windows wholly within them."""
        row, column = y // STRIDE, x // STRIDE
        return slice(row, row + _windows(self.height)), slice(column, column + _windows(self.width))


def _pack(sizes: Sequence[tuple[int, int]]) -> list[list[_Tile]]:
    """Levels of (height, width) -> the tiles on each canvas.

    Levels larger than a canvas are cut up, with so much overlap that no window is lost. Tiles stand on shelves,
    the tallest first. They may touch: windows across two of them are never read.
    """
    overlap = WINDOW - STRIDE
    parts = [
        (min(height - top, CANVAS_HEIGHT), min(width - left, CANVAS_WIDTH), level, top, left)
        for level, (height, width) in enumerate(sizes)
        for top in range(0, height - overlap, CANVAS_HEIGHT - overlap)
        for left in range(0, width - overlap, CANVAS_WIDTH - overlap)
    ]
    canvases: list[list[_Tile]] = []
    shelf, end, x = 0, CANVAS_HEIGHT, CANVAS_WIDTH  # a shelf's upper and lower edge, how far it is filled: full
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
    """The net's outputs for each of N > 0 boxes, cut out and brought to its side."""
    filled = np.resize(rows, (-(-len(rows) // batch) * batch, rows.shape[1]))
    outputs = [net(_cut(pixels, filled[start : start + batch], side)) for start in range(0, len(filled), batch)]
    return [np.concatenate(parts)[: len(rows)] for parts in zip(*outputs, strict=True)]


def _cut(pixels: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3), (N, 5) -> (N, side, side, 3), bilinear; grey, which is 0, beyond the picture."""
    last = np.array(pixels.shape[1::-1]) - 1.0
    steps = np.linspace(0, 1, side)[:, None]
    places = rows[:, None, :2] + (rows[:, None, 2:4] - rows[:, None, :2]) * steps  # (N, side, 2): x and y
    places *= last / (last + 1)  # the package takes the right and lower edge for the last pixel's middle
    inside = (places >= 0) & (places <= last)
    x, y = np.broadcast_arrays(places[:, None, :, 0], places[:, :, None, 1])
    x, y = (along.reshape(-1, side).astype(np.float32) for along in (x, y))
    cut = cv2.remap(pixels, x, y, cv2.INTER_LINEAR).reshape(-1, side, side, 3)
    cut *= (inside[:, None, :, 0] & inside[:, :, None, 1])[..., None]
    return cut
