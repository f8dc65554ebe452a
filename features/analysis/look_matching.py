"""Pairs of pictures whose looks are of the same picture, and how one lies in the other.

Candidates are pairs of which one, or one of a few crops of it, is like the other at COARSE x COARSE. Each is
aligned (Lucas and Kanade, An iterative image registration technique, 1981; with brightness and contrast, Baker and
Matthews, Lucas-Kanade 20 years on, 2004), and what then remains between the two must be no more than saving again
leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from engines.messages import Message
from features.analysis import looks
from features.analysis.looks import SIDE, TINT, Look
from features.catalogue.folder import Progress

COARSE = 12  # pixels
BRIGHTER = 4  # grey levels by which a picture must be brighter to be called so
PLAIN = 2.0  # grey levels of deviation: with less there is nothing to know a picture by
NEIGHBOURS = 8  # candidates of each picture
CANDIDATE = 0.75  # least cosine at COARSE
ALIGNED = 0.9  # least correlation after a rough alignment
SCALES = (0.75, 1.34)  # of one picture against the other, on each axis
SQUEEZED = 1.05  # most that one axis may be scaled more than the other, in the pictures' own pixels
NOISE = 2.0  # grey levels that saving again may leave where there is nothing
REST = 0.2  # most that may remain, as a share of the details, over the whole picture
LOCAL, LOCAL_NOISE = 0.6, 2.0  # the same of each of 8 x 8 places: a print on a shirt is a small part of it
AGREEMENT = 0.9  # least correlation of the details
TINTED, TINT_NOISE = 0.3, 4.0  # as REST and NOISE, of the tint
GREY, GREY_GAIN = (
    1.5,
    1.12,
)  # most tint anywhere in a grey picture; most contrast that a coloured one may have over it
SMALLEST = 1.6  # REST and TINTED are so much larger, at most, for pictures of fewer pixels than a look has
CROPS = (  # left, top, right, bottom, as shares
    (0, 0, 1, 1),
    (0.05, 0, 1, 1),
    (0, 0.05, 1, 1),
    (0, 0, 0.95, 1),
    (0, 0, 1, 0.95),
    (0.025, 0.025, 0.975, 0.975),
    (0.05, 0.05, 0.95, 0.95),
    (0.1, 0.1, 0.9, 0.9),
)


class Same(NamedTuple):
    """Two pictures that are the same one. place: where the first lies in the second, see `_start`, on SIDE pixels.

    brighter: grey levels by which the second is. pale: which of the two is grey, where only one of them is.
    """

    agreement: float
    place: np.ndarray
    brighter: float
    pale: int | None


class Compared:
    """Pictures by number, and the pairs of them that are the same picture: (first, second) -> how."""

    def __init__(self, made: Sequence[Look]) -> None:
        self.greys = np.array([one.grey for one in made], np.uint8).reshape(-1, SIDE, SIDE)
        self.tints = np.array([one.tint for one in made], np.uint8).reshape(-1, TINT, TINT, 2)
        self.sizes = np.array([(one.width, one.height) for one in made], float).reshape(-1, 2)
        self.bytes = [one.size for one in made]
        self.coloured = (
            np.abs(self.tints.astype(int) - 128).max(axis=(1, 2, 3)) >= GREY if made else np.zeros(0, bool)
        )
        self.rows = _rows(self.greys)
        self.same: dict[tuple[int, int], Same] = {}
        self.asked: set[tuple[int, int]] = set()

    def candidates(self, progress: Progress, cancelled: Callable[[], bool]) -> list[tuple[int, int]] | None:
        """Pairs that may be the same, the lower number first; None where it was cancelled."""
        pairs: set[tuple[int, int]] = set()
        number = len(self.greys)
        whole = self.rows[0]
        for first in range(0, number, looks.BATCH):
            if cancelled():
                return None
            progress(first, number, Message("progress.comparing_roughly"))
            cosines = whole[first : first + looks.BATCH] @ whole.T
            for rows in self.rows[1:]:
                np.maximum(cosines, rows[first : first + looks.BATCH] @ whole.T, out=cosines)
            cosines[np.arange(len(cosines)), first + np.arange(len(cosines))] = -1
            near = np.argpartition(-cosines, min(NEIGHBOURS, number - 1), axis=1)[:, :NEIGHBOURS]
            for row, column in zip(*np.nonzero(np.take_along_axis(cosines, near, 1) >= CANDIDATE), strict=True):
                one, other = int(first + row), int(near[row, column])
                pairs.add((min(one, other), max(one, other)))
        return sorted(pairs)

    def crowded(self) -> list[tuple[int, int]]:
        """Pairs that are still to be compared where more look alike than a picture has candidates, as forms do.

        Each with those nearest to it in the details of their looks, since at COARSE all of them are one.
        """
        pairs: set[tuple[int, int]] = set()
        for members in connected(self.same):
            if len(members) <= NEIGHBOURS:
                continue
            greys = self.greys[members].astype(np.float32)
            rows = (greys - _smooth(greys, 3)).reshape(len(members), -1)
            squares = np.einsum("nd,nd->n", rows, rows)
            for place, row in enumerate(rows):
                distances = squares - 2 * (rows @ row)
                distances[place] = np.inf
                for other in np.argpartition(distances, NEIGHBOURS)[:NEIGHBOURS]:
                    one, two = members[place], members[int(other)]
                    pairs.add((min(one, two), max(one, two)))
        return sorted(pairs - self.asked)

    def compare(
        self,
        pairs: Sequence[tuple[int, int]],
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Fills in `same`; False where it was cancelled."""
        for first in range(0, len(pairs), looks.BATCH):
            if cancelled():
                return False
            progress(first, len(pairs), Message("progress.comparing_closely"))
            self._compare(np.array(pairs[first : first + looks.BATCH]))
        self.asked.update(pairs)
        return True

    def _compare(self, pairs: np.ndarray) -> None:
        """pairs: (n, 2)."""
        pairs, starts = self._start(pairs)
        half = SIDE // 2 * 4 // 3  # pixels of a first, quicker alignment, which rejects most
        low, other_low = (_resized(self.greys[side].astype(np.float32), half) for side in pairs.T)
        places = _aligned(low, other_low, _scaled(starts, 1, half), 4)
        near = _correlation(low, other_low, places) >= ALIGNED
        pairs, places = pairs[near], _scaled(places[near], half, SIDE)
        if not len(pairs):
            return
        one, other = (self.greys[side].astype(np.float32) for side in pairs.T)
        places = _aligned(_smooth(one, 0.8), _smooth(other, 0.8), places, 4)
        tints = [self.tints[side].astype(np.float32) - 128 for side in pairs.T]
        sizes = self.sizes[pairs]
        for number, same in _judged(one, other, places, tints, sizes):
            first, second = (int(i) for i in pairs[number])
            self.same[first, second] = same

    def _start(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each pair in the order in which the first may be a crop of the second, and that crop.

        A place, here and below, is (n, 4) float32: across and then down, a pixel i of the first lies at
        scale * i + shift of the second, with pixels of so and so many to a side; here the whole side is 1.
        """
        one, other = pairs.T
        cosines = np.stack(
            [
                np.einsum("knd,nd->kn", self.rows[:, whole], self.rows[0, part])
                for part, whole in ((one, other), (other, one))
            ]
        )  # (2, crops, n)
        order, crop = np.unravel_index(cosines.reshape(-1, len(pairs)).argmax(0), cosines.shape[:2])
        left, top, right, bottom = np.array(CROPS)[crop].T
        turned = np.where(order[:, None] == 0, pairs, pairs[:, ::-1])
        return turned, np.stack([right - left, left, bottom - top, top], 1).astype(np.float32)

    def why(self, first: int, other: int) -> tuple[float, str]:
        """What sets a picture apart from the largest of its group."""
        turned = (first, other) not in self.same
        same = self.same[(other, first) if turned else (first, other)]
        across, down = (
            same.place[[0, 2]] if turned else 1 / same.place[[0, 2]]
        )  # of the first that the other shows
        brighter = -same.brighter if turned else same.brighter
        told = []
        if min(across, down) < 0.98:
            told.append(Message("copies.cropped"))
        if max(across, down) > 1.02:
            told.append(Message("copies.more_around_it"))
        shown = self.sizes[first] * (across, down)
        if (self.sizes[other] < 0.95 * shown).all():
            told.append(Message("copies.smaller"))
        if same.pale is not None:
            told.append(Message("copies.grey" if same.pale == (0 if turned else 1) else "copies.in_colour"))
        if abs(brighter) > BRIGHTER:
            told.append(Message("copies.brighter" if brighter > 0 else "copies.darker"))
        return round(float(same.agreement), 4), ", ".join(told or [Message("copies.saved_again")])


def connected(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Numbers that pairs join, directly or by way of others."""
    group: dict[int, list[int]] = {}
    for one, other in pairs:
        joined, left = group.setdefault(one, [one]), group.setdefault(other, [other])
        if joined is not left:
            joined += left
            group |= dict.fromkeys(left, joined)
    return list({id(members): members for members in group.values()}.values())


def _rows(greys: np.ndarray) -> np.ndarray:
    """(n, SIDE, SIDE) uint8 -> (crops, n, COARSE ** 2) float32 unit rows; zeros of a plain picture."""
    made = np.zeros((len(CROPS), len(greys), COARSE * COARSE), np.float32)
    for number, grey in enumerate(greys):
        soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), SIDE / COARSE / 2.5)
        if grey.std() < PLAIN:
            continue
        for place, (left, top, right, bottom) in enumerate(CROPS):
            x, y = (right - left) * SIDE / COARSE, (bottom - top) * SIDE / COARSE
            taken = np.array([[x, 0, left * SIDE + (x - 1) / 2], [0, y, top * SIDE + (y - 1) / 2]])
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            small = cv2.warpAffine(soft, taken, (COARSE, COARSE), flags=how, borderMode=cv2.BORDER_REPLICATE)
            made[place, number] = small.ravel()
    made -= made.mean(axis=2, keepdims=True)
    return made / np.maximum(np.linalg.norm(made, axis=2, keepdims=True), 1e-6)


def _resized(pictures: np.ndarray, side: int) -> np.ndarray:
    return np.stack([cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in pictures])


def _smooth(pictures: np.ndarray, deviation: float) -> np.ndarray:
    """(n, S, S) -> the same, blurred by a Gaussian; at the edges by what of it lies within."""
    steps = np.arange(pictures.shape[-1])
    weights = np.exp(-((steps[:, None] - steps) ** 2) / (2 * deviation**2))
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights @ pictures @ weights.T


def _scaled(places: np.ndarray, before: int, after: int) -> np.ndarray:
    """Places on other pixels: their edges stay where they are, so their centres move."""
    made = places * np.array([1, after / before, 1, after / before], np.float32)
    if before > 1:  # to edges first; a place on a side of 1 is told by edges
        made[:, 1::2] += (1 - places[:, ::2]) * after / before / 2
    made[:, 1::2] -= (1 - places[:, ::2]) / 2
    return made


def _positions(places: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, side) each: where the pixels of the first lie in the second, across and down."""
    steps = np.arange(side, dtype=np.float32)
    return places[:, :1] * steps + places[:, 1:2], places[:, 2:3] * steps + places[:, 3:4]


def _taken(pictures: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The second pictures (n, S, S) as the first would show them, interpolated; edges go on outwards."""
    side = pictures.shape[-1]
    steps = np.arange(side, dtype=np.float32)
    across, down = (
        np.maximum(0, 1 - np.abs(np.clip(at, 0, side - 1)[:, :, None] - steps)) for at in _positions(places, side)
    )
    return down @ pictures @ across.transpose(0, 2, 1)


def _overlap(places: np.ndarray, side: int, margin: int) -> np.ndarray:
    """(n, side, side) float32: 1 where both pictures are, but for a margin of each."""
    inner = np.zeros(side, bool)
    inner[margin : side - margin] = True
    across, down = (
        (at >= margin - 0.01) & (at <= side - 1 - margin + 0.01) & inner for at in _positions(places, side)
    )
    return (down[:, :, None] & across[:, None, :]).astype(np.float32)


def _aligned(first: np.ndarray, second: np.ndarray, places: np.ndarray, steps: int) -> np.ndarray:
    """Places after so many steps of Gauss and Newton; pictures (n, S, S) float32.

    Least squares for a contrast, an offset, and a scale and a shift of each axis.
    """
    number, side, _ = first.shape
    ramp = np.arange(side, dtype=np.float32) - (side - 1) / 2
    most = np.array([0.05, 0.04 * side, 0.05, 0.04 * side])
    places = places.copy()
    for _ in range(steps):
        taken, mask = _taken(second, places), _overlap(places, side, 1)
        across, down = np.zeros_like(taken), np.zeros_like(taken)
        across[:, :, 1:-1] = (taken[:, :, 2:] - taken[:, :, :-2]) / 2
        down[:, 1:-1] = (taken[:, 2:] - taken[:, :-2]) / 2
        terms = np.stack([taken, across * ramp, across, down * ramp[:, None], down, np.ones_like(taken)], 1)
        terms = (terms * mask[:, None]).reshape(number, 6, -1)
        normal = (terms @ terms.transpose(0, 2, 1)).astype(np.float64)
        ridge = 1e-4 * np.einsum("nii->ni", normal)[:, :, None] + 1e-3
        wanted = (terms @ (first * mask).reshape(number, -1, 1)).astype(np.float64)
        solved = np.linalg.solve(normal + np.eye(6) * ridge, wanted)[:, :, 0]
        moved = np.clip(solved[:, 1:5] / np.maximum(solved[:, :1], 0.2), -most, most)
        scale, grown, shifted = places[:, ::2], moved[:, ::2], moved[:, 1::2]
        places[:, 1::2] += scale * (shifted - grown * (side - 1) / 2)
        places[:, ::2] = np.clip(scale * (1 + grown), *SCALES)
    return places


def _correlation(first: np.ndarray, second: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n,) float32: of the first pictures with the second ones as they lie."""
    mask = _overlap(places, first.shape[-1], 0)
    one, other = (_centred(shown, mask) for shown in (first, _taken(second, places)))
    return _dot(one, other) / np.sqrt(_dot(one, one) * _dot(other, other) + 1e-3)


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nij->n", one, other)


def _centred(shown: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (shown - _mean(shown, mask)[:, None, None]) * mask


def _mean(shown: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _dot(shown, mask) / np.maximum(mask.sum(axis=(1, 2)), 1)


def _blocks(squares: np.ndarray) -> np.ndarray:
    """(n, S, S) -> (n, 8, 8) means."""
    number, side, _ = squares.shape
    return squares.reshape(number, 8, side // 8, 8, side // 8).mean(axis=(2, 4))


def _judged(
    first: np.ndarray, second: np.ndarray, places: np.ndarray, tints: Sequence[np.ndarray], sizes: np.ndarray
) -> Iterator[tuple[int, Same]]:
    """The pairs that are the same picture, by number. sizes: (n, 2, 2), of both, width and height."""
    mask = _overlap(places, SIDE, 3)
    taken = _taken(second, places)
    lit = mask * (np.minimum(first, taken) > 4) * (np.maximum(first, taken) < 251)  # neither is clipped there
    lit = np.where(lit.sum(axis=(1, 2), keepdims=True) > 0.05 * mask.sum(axis=(1, 2), keepdims=True), lit, mask)
    one, other = _centred(first, lit), _centred(taken, lit)
    gain = np.clip(np.sqrt(_dot(other, other) / np.maximum(_dot(one, one), 1e-3)), 0.6, 1.6)
    offset = _mean(taken, lit) - gain * _mean(first, lit)
    gain, offset = gain[:, None, None], offset[:, None, None]
    # both by the light of the second; what is too bright or too dark for either is clipped in both
    least, most = np.maximum(0, offset), np.minimum(255, 255 * gain + offset)
    one, other = np.clip(gain * first + offset, least, most), np.clip(taken, least, most)
    one, other = ((_smooth(shown, 1) - _smooth(shown, 3)) * mask for shown in (one, other))  # details alone
    details = (one * one + other * other) / 2
    rest = one - other
    area = np.maximum(mask.sum(axis=(1, 2)), 1)
    agreement = _dot(one, other) / np.sqrt(_dot(one, one) * _dot(other, other) + 1e-3)
    share = np.sqrt(_dot(rest, rest) / (details.sum(axis=(1, 2)) + NOISE**2 * area))
    local = (np.sqrt(_blocks(rest * rest)) / (np.sqrt(_blocks(details)) + LOCAL_NOISE)).max(axis=(1, 2))
    # a crop and a smaller size scale both axes alike
    scales = places[:, ::2] * sizes[:, 1] / sizes[:, 0]
    squeezed = np.maximum(scales[:, 0], scales[:, 1]) / np.minimum(scales[:, 0], scales[:, 1])
    coarse = np.clip(SIDE / sizes.min(axis=(1, 2)), 1, SMALLEST)
    tint, other_tint = tints
    tint_share, pale = _tinted(tint, other_tint, _scaled(places, SIDE, TINT))
    as_light = np.maximum(gain, 1 / gain)[:, 0, 0] <= GREY_GAIN
    same = (agreement >= AGREEMENT) & (share <= REST * coarse) & (local <= LOCAL) & (squeezed <= SQUEEZED)
    same &= (tint_share <= TINTED * coarse) | (pale.any(axis=1) & as_light)
    brighter = _mean(taken, mask) - _mean(first, mask)
    for number in np.flatnonzero(same):
        which = int(pale[number].argmax()) if pale[number].sum() == 1 else None
        yield int(number), Same(float(agreement[number]), places[number], float(brighter[number]), which)


def _tinted(first: np.ndarray, second: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How two (n, TINT, TINT, 2) arrays of tints differ, their strength aside.

    Returns:
        The remaining difference as a share, (n,); and which pictures are grey, (n, 2) bool.
    """
    mask = _overlap(places, TINT, 0)[..., None]
    second = np.stack([_taken(second[..., part], places) for part in (0, 1)], -1)
    one, other = first * mask, second * mask

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("nijc,nijc->n", a, b) / np.maximum(mask.sum(axis=(1, 2, 3)), 1)

    strength = np.clip(product(one, other) / np.maximum(product(other, other), 1e-3), 0.7, 1.4)
    rest = one - strength[:, None, None, None] * other
    depth = np.sqrt(np.maximum(product(one, one), product(other, other)))
    grey = np.stack([np.abs(shown).max(axis=(1, 2, 3)) < GREY for shown in (one, other)], 1)
    return np.sqrt(product(rest, rest)) / (depth + TINT_NOISE), grey
