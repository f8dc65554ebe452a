"""Whether two pictures that are alike when small are the same at full detail, and where they differ.

Both are brought to the pixels of the coarser one and aligned there (Lucas and Kanade, as their looks were). What
then remains between them is compared, around every pixel, with the details that are there. Saving again leaves a
share of them everywhere; another digit, price or date leaves most of them at one place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import cv2
import numpy as np

from features.catalogue.images import decode

Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of a picture's sides
Places = tuple[tuple[Box, Box], ...]  # where two pictures differ, in both

LOW, HIGH = 0.7, 4.0  # deviations of two blurs, in pixels: details are what lies between them
WINDOW = 9  # pixels of the square around each pixel, about a letter of small print
NOISE = 6.0  # grey levels that saving again may leave where there is nothing
LIMIT, USUAL = 0.255, 0.85  # most that may remain, as a share of the details: LIMIT + USUAL * what remains usually
COARSE, COARSEST = 160, 1.5  # pixels of the longer side: with fewer, as much more may remain, and at most
DETAILED, FEW = 3.0, 20  # grey levels of details in the windows that tell what is usual, and least number of these
CONTRAST = 0.6, 1.6  # of the second to the first
SHARP = 0.75  # with less of the other's finest details, a picture was enlarged or blurred
SMALLEST = 64  # pixels of the longer side, of which no half is compared
WHOLE = 0.008  # share of a side: pictures that lie so near to each other's edges are first tried as whole frames
ROUGH, STEPS = 128, 4  # pixels of the longer side in a first alignment, and steps of it
OPEN = 24  # pictures that are kept open

_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class Opened:
    """Pictures by number, of which the last OPEN stay in memory. Safe to use from several threads."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """read: the bytes of a picture; raises ImageError."""
        self._read = read
        self._pixels: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def pixels(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB, as large as pictures are decoded. Raises ImageError."""
        with self._lock:
            if number in self._pixels:
                self._pixels.move_to_end(number)
                return self._pixels[number]
        made = decode(self._read(number)).pixels
        with self._lock:
            self._pixels[number] = made
            while len(self._pixels) > OPEN:
                self._pixels.popitem(last=False)
        return made


def differences(first: np.ndarray, second: np.ndarray, place: np.ndarray, brighter: bool) -> Places:
    """Where two pictures differ, in the first and in the second; nothing where they are the same.

    Args:
        first, second: (H, W, 3) uint8 RGB each, of any sizes.
        place: (4,) where the first lies in the second, across and down: scale and shift, the sides being 1.
        brighter: whether one of them is. Then each channel is clipped by itself, and decides.
    """
    grey, other_grey = (cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY) for shown in (first, second))
    found = _differences(grey, other_grey, place)
    if found and brighter:
        channels = (_differences(first[..., i], second[..., i], place) for i in range(3))
        found = tuple(places for channel in channels for places in channel)
    return found


def _differences(first: np.ndarray, second: np.ndarray, place: np.ndarray) -> Places:
    """The same of (H, W) uint8."""
    place = place.astype(np.float64)
    scale = np.sqrt(place[0] * second.shape[1] / first.shape[1] * place[2] * second.shape[0] / first.shape[0])
    first, second = _shrunk(first, min(1, scale)), _shrunk(second, min(1, 1 / scale))
    whole = _whole(place)
    if whole is not place and not (_share(_details(first, second, whole)) > 1).any():
        return ()  # nearly all are; the rest are aligned
    while True:
        rough = ROUGH / max(first.shape)
        if rough < 1 / np.sqrt(2):
            place = _refined(_shrunk(first, rough), _shrunk(second, rough), place)
        place = _refined(first, second, place)
        details = _details(first, second, place)
        share = _share(details)
        if share.max(initial=0) <= 1:
            return ()
        if details.finest >= SHARP or max(first.shape) < 2 * SMALLEST:
            break
        first, second = _shrunk(first, 0.5), _shrunk(second, 0.5)
    return tuple(_boxes(share > 1, place))


def _shrunk(picture: np.ndarray, scale: float) -> np.ndarray:
    height, width = picture.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return picture if size == (width, height) else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _whole(place: np.ndarray) -> np.ndarray:
    """The same place, or the whole frame on each axis that lies nearly so."""
    near = (np.abs(place - (1, 0, 1, 0)) < WHOLE).reshape(2, 2).all(axis=1).repeat(2)
    return np.where(near, (1, 0, 1, 0), place) if near.any() else place


def _matrix(place: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A place -> (2, 3), from the middles of the first's pixels to those of the second."""
    (height, width), (other_height, other_width) = first.shape, second.shape
    across, down = place[0] * other_width / width, place[2] * other_height / height
    right, below = place[1] * other_width + (across - 1) / 2, place[3] * other_height + (down - 1) / 2
    return np.array([[across, 0, right], [0, down, below]])


def _taken(first: np.ndarray, second: np.ndarray, place: np.ndarray, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """The second as the first would show it, and 1 where both are, but for a margin of each; float32."""
    matrix = _matrix(place, first, second)
    height, width = first.shape
    taken = cv2.warpAffine(
        second.astype(np.float32), matrix, (width, height), flags=_WARP, borderMode=cv2.BORDER_REPLICATE
    )
    inner = [np.zeros(side, bool) for side in (width, height)]
    for axis, (side, other) in enumerate(zip((width, height), second.shape[::-1], strict=True)):
        at = matrix[axis, axis] * np.arange(side) + matrix[axis, 2]
        inner[axis] = (at >= margin - 0.5) & (at <= other - 0.5 - margin)
        inner[axis][:margin] = inner[axis][side - margin :] = False
    return taken, (inner[1][:, None] & inner[0]).astype(np.float32)


def _refined(first: np.ndarray, second: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The place after a few steps of Gauss and Newton, which fit light, and scale and shift of each axis."""
    place, (height, width) = place.copy(), first.shape
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    for _ in range(STEPS):
        taken, mask = _taken(first, second, place, 1)
        across, down = (cv2.Scharr(taken, cv2.CV_32F, *axis, scale=1 / 32) * mask for axis in ((1, 0), (0, 1)))
        terms = np.stack([taken * mask, across * x, across, down * y, down, mask]).reshape(6, -1)
        normal = (terms @ terms.T).astype(np.float64)
        wanted = (terms @ (first * mask).ravel()).astype(np.float64)
        units = np.sqrt(np.maximum(np.diag(normal), 1e-6))
        solved = np.linalg.solve(normal / np.outer(units, units) + 1e-5 * np.eye(6), wanted / units) / units
        moved = np.clip(solved[1:5] / max(solved[0], 0.2), -2, 2)  # pixels: how much wider, and how far
        for axis, side in ((0, width), (2, height)):
            grown, shifted = moved[axis] / side, moved[axis + 1] / side
            place[axis + 1] += place[axis] * (shifted - grown / 2)
            place[axis] *= 1 + grown
        if np.abs(moved).max() < 0.02:
            break
    return place


class _Details(NamedTuple):
    """Details of both by the light of the second, as the first shows them: (H, W) float32, 0 where only one is.

    finest: how many of the finest details the one of fewer has of the other's, up to 1.
    """

    one: np.ndarray
    other: np.ndarray
    finest: float


def _details(first: np.ndarray, second: np.ndarray, place: np.ndarray) -> _Details:
    taken, mask = _taken(first, second, place, 2)
    one = first.astype(np.float32)
    lit = (mask > 0) & (np.minimum(one, taken) > 4) & (np.maximum(one, taken) < 251)  # neither is clipped there
    if lit.sum() < 0.05 * mask.sum():
        lit = mask > 0
    if not lit.any():
        return _Details(np.zeros_like(one), np.zeros_like(one), 1.0)
    gain = float(np.clip(taken[lit].std() / max(one[lit].std(), 1e-3), *CONTRAST))
    offset = float(taken[lit].mean() - gain * one[lit].mean())
    least, most = max(0.0, offset), min(255.0, 255 * gain + offset)
    both = [np.clip(gain * one + offset, least, most), np.clip(taken, least, most)]
    soft = [cv2.GaussianBlur(shown, (0, 0), LOW) for shown in both]
    fine = sorted(float((np.abs(shown - less) * mask).sum()) for shown, less in zip(both, soft, strict=True))
    details = [
        (less - cv2.GaussianBlur(shown, (0, 0), HIGH)) * mask for shown, less in zip(both, soft, strict=True)
    ]
    return _Details(details[0], details[1], fine[0] / max(fine[1], 1e-3))


def _share(made: _Details) -> np.ndarray:
    """(H, W) float32: what remains around each pixel, as a share of what saving again may leave there."""
    one, other = made.one, made.other
    rest, details = (
        np.sqrt(np.maximum(cv2.boxFilter(squares, -1, (WINDOW, WINDOW)), 0))
        for squares in ((one - other) ** 2, (one * one + other * other) / 2)
    )
    told = details > DETAILED
    usual = float(np.quantile(rest[told] / (details[told] + NOISE - 2), 0.9)) if told.sum() > FEW else 0.0
    coarse = np.clip(COARSE / max(rest.shape), 1, COARSEST)
    return rest / ((details + NOISE) * (LIMIT + USUAL * usual) * coarse)


def _box(edges: np.ndarray) -> Box:
    left, top, right, bottom = (round(float(edge), 4) for edge in edges)
    return left, top, right, bottom


def _boxes(differs: np.ndarray, place: np.ndarray) -> list[tuple[Box, Box]]:
    """The connected parts in both pictures, those side by side as one, from the top down."""
    height, width = differs.shape
    joined = cv2.dilate(differs.astype(np.uint8), np.ones((WINDOW, 2 * WINDOW + 1), np.uint8))
    number, _, parts, _ = cv2.connectedComponentsWithStats(joined)
    made = []
    for left, top, wide, high, _ in parts[1:number].tolist():
        edges = np.array([left / width, top / height, (left + wide) / width, (top + high) / height])
        there = np.clip(edges * place[[0, 2, 0, 2]] + place[[1, 3, 1, 3]], 0, 1)
        made.append((_box(edges), _box(there)))
    return sorted(made, key=lambda pair: pair[0][1])
