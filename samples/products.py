"""Shop photographs of twelve kinds of goods, drawn: each piece has its own colours, pattern, cut and view.

Things are drawn in units: the picture is 2 by 2, (0, 0) is its middle, y runs down. Round things are
turned from a profile on a lathe, cloth and leather are puffed up from their outline, furniture is put
together from rods and slabs.
"""

# Outlines read better as the rows of points that they are, so they are laid out by hand.
# fmt: off
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from samples.canvas import (
    Array,
    Canvas,
    Points,
    colour,
    grain,
    inflate,
    mirrored,
    mix,
    noise,
    normals,
    save,
    seeded,
    smoothstep,
    soft,
    spline,
    unit_vector,
)

SIZE = (384, 384)
COUNT = 12
_WORK = 520
Rng = np.random.Generator

_PALETTES = (  # main, second, third
    ("#2f4b7c", "#f4efe6", "#d8533f"), ("#d8533f", "#f7e9d0", "#2c3e50"), ("#e3b23c", "#fffaf0", "#3a5a6a"),
    ("#3f7d6e", "#f1e9d8", "#e09f3e"), ("#f2b8b5", "#ffffff", "#8a4f6d"), ("#6b4e8a", "#f3e6f5", "#f0b84d"),
    ("#23262e", "#e9e6df", "#c0473b"), ("#f4efe6", "#3a6ea5", "#d97b4a"), ("#8fb8a8", "#fdf6e8", "#d9625f"),
    ("#a8573a", "#f3dcc0", "#34515e"), ("#87a9d0", "#fdfcf8", "#e4765a"), ("#5b6b3a", "#efe6c8", "#b5532f"),
)  # fmt: skip
_WOODS = ("#b07a48", "#8a5a34", "#d9b483", "#5a3a28", "#c9986a")
_METALS = ("#d9b25a", "#c8ccd2", "#d8a08a", "#4a4d55")
_BACKDROPS = (
    ("#f3f1ee", "#dcd8d2"), ("#e9eef1", "#cbd6dc"), ("#f5e9df", "#e2cdbd"), ("#e7eee6", "#c9d7c9"),
    ("#f1e8ef", "#d9c8d6"),
    ("#f6f0dc", "#e5d9b6"), ("#dfe8ea", "#b5c8cd"), ("#efe4dd", "#d3bfb4"),
)  # fmt: skip
_LIGHT = unit_vector(-0.5, -0.62, 0.72)


@dataclass(frozen=True)
class Look:
    """How one piece differs from the others of its kind."""

    main: str
    second: str
    third: str
    pattern: str
    rng: Rng

    def pick(self, *options: Any) -> Any:
        """One of the options, by this piece's own dice."""
        return options[int(self.rng.integers(len(options)))]

    def cloth(self, u: Array, v: Array) -> Array:
        """The piece's pattern, (h, w, 3), at surface coordinates u, v."""
        h, w = np.broadcast_shapes(u.shape, v.shape)
        u, v = np.broadcast_to(u, (h, w)), np.broadcast_to(v, (h, w))
        return _PATTERNS[self.pattern](u, v, colour(self.main), colour(self.second), colour(self.third),
            self.rng)


# --- patterns: (u, v, three colours) -> (h, w, 3) -------------------------------------------------


def _over(base: Array, mask: Array, code: Array) -> Array:
    return base + (code - base) * mask[..., None]


def _wave(x: Array, period: float, duty: float = 0.5) -> Array:
    """1 on stripes `duty` of a period wide, 0 between, with soft edges."""
    phase = np.abs((x / period) % 1 - 0.5) * 2
    return smoothstep(duty + 0.03, duty - 0.03, phase)


def _flat(u: Array, tone: Array) -> Array:
    return np.broadcast_to(tone, (*u.shape, 3)).astype(np.float32)


def _plain(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    return _flat(u, a)


def _stripes(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    period = rng.uniform(0.11, 0.22)
    across = v if rng.uniform() < 0.65 else u
    return _over(_over(_flat(u, a), _wave(across, period), b), _wave(across + period / 2, period, 0.1), c)


def _dots(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    step = rng.uniform(0.11, 0.18)
    row = np.floor(v / step)
    x, y = (u / step + 0.5 * (row % 2)) % 1 - 0.5, (v / step) % 1 - 0.5
    return _over(_flat(u, a), smoothstep(0.30, 0.25, np.hypot(x, y)), b)


def _plaid(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    step = rng.uniform(0.22, 0.34)
    out = _flat(u, a)
    for t in (u, v):
        out = _over(out, 0.42 * _wave(t, step, 0.45), b)
        out = _over(out, 0.75 * _wave(t + step / 2, step, 0.07), c)
    return out


def _gingham(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    step = rng.uniform(0.09, 0.14)
    return _over(_flat(u, b), 0.5 * _wave(u, step) + 0.5 * _wave(v, step), a)


def _chevron(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    step = rng.uniform(0.16, 0.24)
    zigzag = v + np.abs((u / step) % 1 - 0.5) * step
    return _over(_over(_flat(u, a), _wave(zigzag, step), b), _wave(zigzag, 3 * step, 0.14), c)


def _block(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    tilt, y0, gap = rng.uniform(-0.5, 0.5), rng.uniform(-0.25, 0.0), rng.uniform(0.2, 0.4)
    line = v + tilt * u
    return _over(_over(_flat(u, a), smoothstep(y0 - 0.004, y0 + 0.004, line), b),
        smoothstep(-0.004, 0.004, line - y0 - gap), c)


def _floral(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    step = rng.uniform(0.22, 0.30)
    table = rng.uniform(0, 1, (16, 16, 4)).astype(np.float32)
    out = _flat(u, a)
    leaf = mix(a, "#3f7d4f", 0.65) if a.mean() > 0.35 else mix(a, "#9fc48a", 0.6)
    for shift, scale in ((0.0, 1.0), (0.5, 0.62)):
        x, y = u / step + shift, v / step + shift
        cell = table[np.floor(y).astype(int) % 16, np.floor(x).astype(int) % 16]
        x, y = x % 1 - 0.5 - 0.16 * (cell[..., 0] - 0.5), y % 1 - 0.5 - 0.16 * (cell[..., 1] - 0.5)
        angle, r = np.arctan2(y, x) + cell[..., 2] * 6.3, np.hypot(x, y) / scale
        out = _over(out, smoothstep(0.02, -0.02, r - 0.42 * np.abs(np.cos(angle * 1.0)) ** 6), leaf)
        petals = 0.20 + 0.10 * np.abs(np.cos(2.5 * angle))
        bloom = np.where(cell[..., 3:] > 0.45, b, mix(c, b, 0.15 * scale))
        bloom = bloom * (1 - 0.22 * smoothstep(0.16, 0.02, r))[..., None]
        out = _over(out, smoothstep(0.015, -0.015, r - petals), bloom)
        out = _over(out, smoothstep(0.015, -0.015, r - 0.075), mix("#f0b93c", c, 0.25))
    return out.astype(np.float32)


def _speckled(u: Array, v: Array, a: Array, b: Array, c: Array, rng: Rng) -> Array:
    h, w = u.shape
    out = _over(_flat(u, a), 0.5 * smoothstep(-0.2, 0.8, noise(rng, h, w, 5)), mix(a, b, 0.35))
    for tone, cells in ((b, 60), (c, 75)):
        out = _over(out, smoothstep(0.50, 0.58, noise(rng, h, w, cells, 1)), tone)
    return out


_PATTERNS: dict[str, Callable[..., Array]] = {
    "plain": _plain, "stripes": _stripes, "dots": _dots, "plaid": _plaid, "floral": _floral, "block": _block,
    "gingham": _gingham, "chevron": _chevron, "speckled": _speckled,
}  # fmt: skip


# --- light and form -------------------------------------------------------------------------------


def _light(c: Canvas, mask: Array, albedo: str | Array, n: tuple[Array, Array, Array], gloss: float,
    ambient: float = 0.46) -> None:
    """Paint a surface with normals n under the lamp (upper left) and the light that the table throws back."""
    x, y, w, h = cv2.boundingRect((mask > 0.002).view(np.uint8))
    box = np.s_[y : y + h, x : x + w]
    nx, ny, nz = (np.broadcast_to(v, mask.shape)[box].astype(np.float32, copy=False) for v in n)
    lx, ly, lz = _LIGHT
    day = smoothstep(-0.45, 1.0, nx * lx + ny * ly + nz * lz)
    bounce = 0.10 * np.square(np.clip(nx * 0.6 + ny * 0.5, 0, 1))
    lit = np.zeros_like(c.rgb)
    lit[box] = np.broadcast_to(colour(albedo) if isinstance(albedo, str) else albedo, c.rgb.shape)[box]
    lit[box] *= (ambient + (1.10 - ambient) * day + bounce)[..., None]
    hx, hy, hz = unit_vector(lx, ly, lz + 1)
    glint = np.square(np.square(np.square(np.clip(nx * hx + ny * hy + nz * hz, 0, 1))))
    lit[box] += (gloss * (np.square(np.square(glint)) * glint + 0.25 * glint))[..., None]
    c.paint(mask, lit)


def _puff(c: Canvas, mask: Array, albedo: str | Array, round_: float = 0.18, folds: float = 0.0,
    gloss: float = 0.04,
          rng: Rng | None = None) -> None:  # fmt: skip
    """Paint a soft, stuffed thing: the mask swells from its edge over `round_` units; `folds` wrinkle it."""
    z = inflate(mask, round_ * c.unit) * np.float32(0.75)
    if folds and rng is not None:
        z += np.float32(folds * c.unit * 0.10) * noise(rng, c.height, c.width, 3.2, 3, stretch=0.7)
    _light(c, mask, albedo, normals(z, 1.0), gloss)


def _lathe(c: Canvas, profile: Points, albedo: str | Callable[[Array, Array], Array], tip: float = 0.16,
    x0: float = 0.0,
           gloss: float = 0.3, ambient: float = 0.46) -> Array:  # fmt: skip
    """Paint a turned thing from (radius, y) points, top first, seen from `tip` above; returns its mask.

    `albedo` is a colour or a function of (arc around, height), so that a pattern goes round the thing.
    """
    path = spline(profile)
    ys = np.maximum.accumulate(path[:, 1] + np.arange(len(path)) * 1e-6)
    across = c.x - np.float32(x0)
    level = np.broadcast_to(c.y, (c.height, c.width))
    rows = np.linspace(ys[0], ys[-1], 400, dtype=np.float32)
    table = np.interp(rows, ys, path[:, 0]).astype(np.float32)
    slope = soft(np.gradient(table, rows).astype(np.float32)[:, None], 3)[:, 0]
    per_row = 399 / (rows[-1] - rows[0])

    def at(values: Array, y: Array) -> Array:
        return values[np.clip((y - rows[0]) * per_row, 0, 399).astype(np.int32)]

    for _ in range(4):
        r = at(table, level)
        u = np.clip(across / np.maximum(r, 1e-3), -1, 1)
        level = c.y - np.float32(tip) * r * np.sqrt(1 - u * u)
    edge = np.float32(c.unit)
    mask = np.clip((r - np.abs(across)) * edge + 0.5, 0, 1)
    mask = mask * np.clip((level - rows[0]) * edge + 0.5, 0, 1) * np.clip((rows[-1] - level) * edge + 0.5, 0,
        1)
    flare = -at(slope, level)
    length = np.sqrt(1 + flare**2)
    n = (u / length, flare / length, np.sqrt(1 - u * u) / length)
    tone = colour(albedo) if isinstance(albedo, str) else albedo(np.arcsin(u) * table.max(), level)
    _light(c, mask, tone, n, gloss, ambient)
    if gloss > 0.2:  # the window of the studio
        window = smoothstep(0.10, 0.04, np.abs(u + 0.55)) * mask * smoothstep(0.0, 0.3,
            (level - rows[0]) / (rows[-1] - rows[0]))
        c.paint(window * (1 - smoothstep(0.5, 0.9, (level - rows[0]) / (rows[-1] - rows[0]))), "#ffffff",
            0.30)
    return mask


def _rod(c: Canvas, a: Points, b: Points, width: float, tone: str | Array, narrow: float = 1.0) -> None:
    """Paint a round bar from a to b, whose end is `narrow` times as thick as its start."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    along = (b - a) / np.linalg.norm(b - a)
    across = np.float32([-along[1], along[0]])
    half = width / 2
    mask = c.polygon([a + across * half, b + across * half * narrow, b - across * half * narrow,
        a - across * half])
    u = np.clip(((c.x - a[0]) * across[0] + (c.y - a[1]) * across[1]) / half, -1, 1)
    n = (u * across[0], u * across[1], np.sqrt(1 - u * u))
    _light(c, mask, colour(tone), n, 0.12)


def _tube(c: Canvas, points: Points, width: float, tone: str | Array, gloss: float = 0.15,
    closed: bool = False) -> None:
    """Paint a thick round line through the points: a handle, a strap, a rim."""
    _puff(c, c.line(points, width, closed=closed), colour(tone), width * 0.5, gloss=gloss)


def _stitches(c: Canvas, points: Points, tone: str | Array, width: float = 0.008) -> None:
    path = spline(points, steps=24)
    gaps = np.cumsum(np.r_[0, np.linalg.norm(np.diff(path, axis=0), axis=1)])
    for s in np.arange(0.015, gaps[-1] - 0.02, 0.034):
        ends = [[np.interp(t, gaps, path[:, i]) for i in (0, 1)] for t in (s, s + 0.018)]
        c.paint(c.line(ends, width, smooth=False), tone, 0.8)


# --- the goods ------------------------------------------------------------------------------------


def _t_shirt(c: Canvas, k: Look) -> None:
    rng = k.rng
    long = rng.uniform() < 0.3
    wide, hem = rng.uniform(0.38, 0.46), rng.uniform(0.60, 0.74)
    sleeve = [(0.60, -0.08), (0.66, 0.45), (0.52, 0.50)] if long else [(0.70, -0.30), (0.76, -0.18),
        (0.53, -0.06)]
    neck = k.pick(0.14, 0.17, 0.20)
    depth = k.pick(-0.50, -0.46, -0.32)
    body = (spline([(neck, -0.68), (0.34, -0.63), (0.46, -0.52)])[:-1],
        spline([(0.46, -0.52), sleeve[0], sleeve[1]])[:-1])
    side = spline([sleeve[2], (0.44, -0.10 if long else -0.20), (wide, 0.0), (wide, hem)])
    outline = mirrored(np.concatenate([*body, side, [[0, hem + 0.03]]]))
    shirt = c.polygon(outline)
    c.paint(c.curve([(-neck, -0.69), (0, -0.64), (neck, -0.69), (neck, -0.60), (0, -0.5), (-neck, -0.60)]),
        mix(k.main, "#000000", 0.45))
    hole = c.polygon(spline([(-neck - 0.01, -0.70), (-neck * 0.72, (depth - 0.66) / 2), (0, depth),
        (neck * 0.72, (depth - 0.66) / 2), (neck + 0.01, -0.70)]))
    shirt = shirt * (1 - hole)
    _puff(c, shirt, k.cloth(c.x, c.y), 0.13, folds=0.8, rng=rng)
    for s in (-1, 1):
        seam = [(s * 0.40, -0.60), (s * 0.37, -0.40), (s * 0.42, -0.12)]
        c.tint(c.soft(c.taper(seam, 0.035), 0.012) * shirt, 0.76)
        cuff = np.array([sleeve[1], sleeve[2]]) * [s, 1]
        c.tint(c.line(cuff + np.array([-s * 0.015, -0.035]), 0.008, smooth=False) * shirt, 0.75)
        c.tint(c.soft(c.taper([(s * 0.40, -0.12), (s * 0.25, 0.08), (s * 0.08, 0.16)], 0.06), 0.025) * shirt,
            0.86)
    c.tint(c.line([(-wide, hem - 0.035), (0, hem - 0.005), (wide, hem - 0.035)], 0.008) * shirt, 0.75)
    rib = c.line([(-neck, -0.68), (-neck * 0.76, (depth - 0.64) / 2), (0, depth + 0.012),
        (neck * 0.76, (depth - 0.64) / 2), (neck, -0.68)], 0.045)
    _puff(c, rib, mix(k.main, k.third, 0.9 if k.pattern == "plain" else 0.0), 0.03)
    if k.pattern == "plain":
        kind = int(rng.integers(3))
        if kind == 0:
            c.paint(c.polygon([(0.13, -0.28), (0.29, -0.28), (0.29, -0.12), (0.21, -0.07), (0.13, -0.12)]),
                mix(k.main, k.second, 0.25))
        elif kind == 1:
            c.paint(c.ellipse(0, -0.05, 0.19), k.second)
            c.paint(c.polygon([(-0.17, 0.04), (-0.05, -0.13), (0.02, -0.04), (0.07, -0.09), (0.17, 0.04)]),
                k.third)
        else:
            c.paint(c.polygon([(-wide, -0.12), (wide, -0.12), (wide, 0.0), (-wide, 0.0)]) * shirt, k.second,
                0.92)


def _dress(c: Canvas, k: Look) -> None:
    rng = k.rng
    waist, flare, hem = rng.uniform(0.17, 0.21), rng.uniform(0.42, 0.68), rng.uniform(0.62, 0.86)
    sleeves = k.pick("straps", "cap", "none")
    waist_y = rng.uniform(-0.22, -0.08)
    top = {"straps": [(0.15, -0.55), (0.24, -0.50)], "cap": [(0.13, -0.80), (0.28, -0.76)],
        "none": [(0.13, -0.82), (0.20, -0.80)]}[sleeves]
    bodice_half = spline([*top, (0.235, -0.42), (waist, waist_y)])
    dip = {"straps": -0.50, "cap": -0.62, "none": -0.60}[sleeves]
    bodice = c.polygon(mirrored(np.concatenate([[[0.0, dip]],
        spline([(0, dip), (0.09, dip - 0.05), top[0]])[1:], bodice_half[1:], [[0, waist_y + 0.01]]])))
    skirt_half = spline([(waist, waist_y), (waist + 0.35 * (flare - waist), waist_y + 0.25), (flare, hem)])
    bottom = np.stack([np.linspace(flare, 0, 60), hem + 0.035 * (1 - np.linspace(1, 0,
        60) ** 2) + 0.010 * np.sin(np.linspace(0, 26, 60))], 1)
    skirt = c.polygon(mirrored(np.concatenate([[[0, waist_y]], skirt_half, bottom])))
    for s in (-1, 1):
        if sleeves == "straps":
            c.paint(c.line([(s * 0.15, -0.53), (s * 0.13, -0.70), (s * 0.10, -0.82)], 0.035),
                mix(k.main, "#000000", 0.12))
        if sleeves == "cap":
            cap = c.polygon(spline([(s * 0.20, -0.79), (s * 0.36, -0.68), (s * 0.38, -0.52),
                (s * 0.23, -0.50), (s * 0.18, -0.70)], closed=True))
            _puff(c, cap, k.cloth(c.x, c.y), 0.08)
    t = np.clip((c.y - waist_y) / (hem - waist_y), 0, 1)
    width = waist + (flare - waist) * t**0.9
    spread = np.clip(c.x / width, -1.1, 1.1)
    pleats = int(rng.integers(5, 10))
    state = rng.bit_generator.state
    texture = k.cloth(spread * flare * 0.8, c.y + 0.015 * np.cos(spread * pleats * 2))
    rng.bit_generator.state = state  # the bodice is cut from the same cloth
    phase = spread * np.pi * pleats + 1.5 * t
    n = normals(inflate(skirt, 0.2 * c.unit) * 0.5, 1.0)
    nx = n[0] + 0.55 * np.sqrt(t) * np.cos(phase)
    _light(c, skirt, texture, (nx / np.sqrt(1 + 0.3 * t), n[1], n[2]), 0.03)
    _puff(c, bodice, k.cloth(c.x, c.y), 0.12, folds=0.4, rng=rng)
    c.tint(c.soft(c.taper([(-0.12, -0.36), (-0.06, -0.32), (0, -0.36)], 0.02), 0.015) * bodice, 0.85)
    belt = c.polygon([(-waist - 0.008, waist_y - 0.03), (waist + 0.008, waist_y - 0.03),
        (waist + 0.012, waist_y + 0.03), (-waist - 0.012, waist_y + 0.03)])
    _puff(c, belt, mix(k.third, k.main, k.pick(0.0, 0.7)), 0.03)
    if rng.uniform() < 0.5:
        for s in (-1, 1):
            _puff(c, c.curve([(0, waist_y), (s * 0.09, waist_y - 0.055), (s * 0.11, waist_y + 0.02),
                (s * 0.02, waist_y + 0.01)]), k.third, 0.03)
            c.paint(c.taper([(0, waist_y), (s * 0.03, waist_y + 0.1), (s * 0.06, waist_y + 0.2)], 0.04,
                (0.4, 0.8)), mix(k.third, "#000000", 0.15))


def _sneaker(c: Canvas, k: Look) -> None:
    rng = k.rng
    high = rng.uniform() < 0.4
    collar = -0.52 if high else -0.26
    sole_h = rng.uniform(0.07, 0.13)
    upper = c.polygon(np.concatenate([
        spline([(-0.72, 0.22), (-0.77, 0.0), (-0.74 + 0.04 * high, collar + 0.03), (-0.66, collar - 0.03)]),
        spline([(-0.62, collar - 0.01), (-0.45, collar + 0.07), (-0.28, collar + 0.02),
                (-0.22, collar - 0.03)]),
        spline([(-0.16, collar - 0.02), (-0.02 - 0.04 * high, -0.20), (0.26, -0.05), (0.55, 0.02),
                (0.76, 0.12), (0.80, 0.25)]),
        [[0.78, 0.27], [-0.72, 0.27]],
    ]))  # fmt: skip
    tongue = c.curve([(-0.30, collar + 0.04), (-0.22, collar - 0.13), (-0.08, collar - 0.12), (0.02, -0.12),
        (-0.1, -0.05)])
    _puff(c, tongue, mix(k.main, k.second, 0.6), 0.06)
    _puff(c, upper, k.cloth(c.x, c.y), 0.20, folds=0.25, rng=rng)
    toe = c.polygon(spline([(0.40, 0.30), (0.44, 0.08), (0.60, 0.03), (0.77, 0.12), (0.81, 0.30)])) * upper
    _puff(c, toe, k.pick(k.second, mix(k.main, "#000000", 0.25)), 0.12)
    heel = c.polygon(spline([(-0.80, 0.28), (-0.80, -0.02), (-0.74, collar * 0.3), (-0.58, 0.05),
        (-0.50, 0.28)])) * upper
    _puff(c, heel, mix(k.third, k.main, 0.1), 0.10)
    _stitches(c, [(0.40, 0.26), (0.44, 0.09), (0.58, 0.045)], k.second)
    badge = k.pick("stripes", "wave", "star")
    if badge == "stripes":
        for i in range(3):
            x = -0.30 + 0.12 * i
            c.paint(c.polygon([(x, 0.25), (x + 0.06, 0.25), (x + 0.16, -0.08), (x + 0.10, -0.10)]) * upper,
                k.third)
    elif badge == "wave":
        c.paint(c.polygon(spline([(-0.52, 0.02), (-0.30, 0.18), (0.02, 0.10), (0.30, -0.02), (0.05, 0.18),
            (-0.25, 0.26), (-0.48, 0.16)], closed=True)) * upper, k.third)
    else:
        a = np.arange(10) * np.pi / 5 - np.pi / 2
        r = np.where(np.arange(10) % 2, 0.045, 0.11)
        c.paint(c.ellipse(-0.40, collar * 0.5 + 0.12, 0.14), k.second)
        c.paint(c.polygon(np.stack([-0.40 + r * np.cos(a), collar * 0.5 + 0.12 + r * np.sin(a)], 1)), k.third)
    c.tint(c.soft(c.line([(-0.62, collar + 0.01), (-0.45, collar + 0.09), (-0.28, collar + 0.04)], 0.04),
        0.012) * upper, 0.72)
    for i in range(4 + 2 * high):
        t = i / (3 + 2 * high)
        x, y = -0.12 + 0.36 * t - 0.05 * high * (1 - t), (collar + 0.10) * (1 - t) - 0.03 * t
        c.tint(c.soft(c.line([(x - 0.08, y + 0.10), (x + 0.05, y - 0.01)], 0.05), 0.015) * 0.6, 0.6)
        _tube(c, [(x - 0.08, y + 0.085), (x - 0.01, y + 0.02), (x + 0.05, y - 0.03)], 0.034, k.second)
    sole = c.polygon(np.concatenate([
        spline([(-0.78, 0.22), (-0.4, 0.24), (0.1, 0.25), (0.55, 0.22), (0.82, 0.19)]),
        spline([(0.87, 0.22), (0.85, 0.26 + sole_h), (0.70, 0.29 + sole_h)]),
        spline([(0.2, 0.30 + sole_h), (-0.3, 0.30 + sole_h), (-0.72, 0.30 + sole_h), (-0.81, 0.25 + sole_h),
                (-0.80, 0.22)]),
    ]))  # fmt: skip
    _puff(c, sole, k.pick("#f6f3ec", "#f6f3ec", k.second, "#2c2c30"), 0.05)
    c.paint(c.line([(-0.79, 0.245 + sole_h / 2), (0.1, 0.275 + sole_h / 2), (0.84, 0.22 + sole_h / 2)],
        0.014) * sole, k.third)


def _mug(c: Canvas, k: Look) -> None:
    rng = k.rng
    r, h = rng.uniform(0.36, 0.46), rng.uniform(0.38, 0.50)
    shape = k.pick([(r, -h), (r, 0), (r * 0.98, h * 0.9), (r * 0.90, h)], [(r, -h), (r * 0.98, 0),
                    (r * 0.86, h * 0.9), (r * 0.76, h)],
                   [(r * 0.92, -h), (r * 0.98, -h * 0.3), (r * 1.05, h * 0.4), (r * 0.80, h)])  # fmt: skip
    rim, tip = shape[0][0], rng.uniform(0.18, 0.32)
    tone = mix(k.main, k.third, k.pick(0.0, 1.0)) if k.pattern != "plain" else colour(k.main)
    reach = rng.uniform(0.26, 0.36)
    _tube(c, [(rim * 0.9, -h * 0.45), (r + reach * 0.8, -h * 0.55), (r + reach, 0.05),
              (r + reach * 0.6, h * 0.55), (shape[-2][0] * 0.9, h * 0.62)],
          rng.uniform(0.085, 0.12), tone, 0.35)  # fmt: skip
    _lathe(c, shape, k.cloth, tip=tip, gloss=0.35)
    inside = c.ellipse(0, -h, rim, rim * tip)
    c.paint(inside, mix(k.second, "#ffffff", 0.35))
    c.paint(c.ellipse(0, -h + 0.006, rim * 0.93, rim * tip * 0.88), mix(k.second, "#3a2f2a", 0.25))
    c.tint(c.ellipse(0, -h + 0.006, rim * 0.93, rim * tip * 0.88) * smoothstep(0.3, -0.4, c.x / rim), 0.72)
    drink = k.pick("#4a2a18", "#8a5a34", "#b5803f", "")
    if drink:
        pool = c.ellipse(0, -h + 0.05, rim * 0.90, rim * tip * 0.80) * c.ellipse(0, -h + 0.006, rim * 0.93,
            rim * tip * 0.88)
        c.paint(pool, drink)
        c.paint(c.soft(c.ellipse(-0.08, -h + 0.06, rim * 0.4, rim * tip * 0.25), 0.02) * pool, "#ffffff",
            0.22)


def _handbag(c: Canvas, k: Look) -> None:
    rng = k.rng
    top, base, h = rng.uniform(0.42, 0.56), rng.uniform(0.56, 0.70), rng.uniform(0.36, 0.46)
    metal = k.pick(*_METALS)
    y0 = 0.62 - 2 * h
    rise = rng.uniform(0.38, 0.52)
    arc = [(-top * 0.55, y0 + 0.1), (-top * 0.52, y0 - rise * 0.6), (0, y0 - rise),
        (top * 0.52, y0 - rise * 0.6), (top * 0.55, y0 + 0.1)]
    dark = mix(k.main, "#1a1210", 0.35)
    c.paint(c.line(np.array(arc) * [0.92, 1] + [0.04, -0.035], 0.05), mix(dark, "#000000", 0.25))
    half = np.concatenate([[[0, y0]], spline([(top - 0.06, y0), (top, y0 + 0.05), (base, 0.52),
        (base - 0.06, 0.62)]), [[0, 0.63]]])
    body = c.polygon(mirrored(half))
    _puff(c, body, k.cloth(c.x, c.y), 0.20, folds=0.3, gloss=0.14, rng=rng)
    _stitches(c, [(-top + 0.03, y0 + 0.10), (-base + 0.05, 0.50), (-base + 0.10, 0.57), (0, 0.585),
        (base - 0.10, 0.57), (base - 0.05, 0.50), (top - 0.03, y0 + 0.10)], k.second)
    style = k.pick("flap", "zip", "pocket")
    if style == "flap":
        drop = y0 + h * rng.uniform(0.8, 1.1)
        flap = c.polygon(np.concatenate([[[-top, y0 + 0.02]],
            spline([(-top - 0.02, y0 + 0.05), (-top * 1.0, drop - 0.18), (-0.2, drop), (0.2, drop),
            (top * 1.0, drop - 0.18), (top + 0.02, y0 + 0.05)]), [[top, y0 + 0.02]]]))
        c.tint(c.soft(np.roll(flap, round(0.035 * c.unit), 0), 0.03) * body, 0.62)
        _puff(c, flap, dark if k.pattern != "plain" else colour(k.main), 0.14, gloss=0.16)
        _stitches(c, [(-top + 0.03, drop - 0.21), (-0.2, drop - 0.035), (0.2, drop - 0.035),
            (top - 0.03, drop - 0.21)], k.second)
        lock_y = drop
    elif style == "zip":
        lock_y = y0 + 0.16
        c.paint(c.line([(-top * 0.95, y0 + 0.10), (top * 0.95, y0 + 0.10)], 0.05), dark)
        c.paint(c.line([(-top * 0.95, y0 + 0.10), (top * 0.95, y0 + 0.10)], 0.018), metal)
    else:
        lock_y = 0.12
        pocket = c.polygon(spline([(-0.34, 0.10), (-0.36, 0.40), (-0.28, 0.50), (0.28, 0.50), (0.36, 0.40),
            (0.34, 0.10)]))
        c.tint(c.soft(pocket, 0.03) * body, 0.75)
        _puff(c, pocket, dark, 0.10, gloss=0.14)
    for s in (-1, 1):
        tab = c.polygon([(s * top * 0.55 - 0.045, y0 - 0.02), (s * top * 0.55 + 0.045, y0 - 0.02),
            (s * top * 0.55 + 0.045, y0 + 0.13), (s * top * 0.55, y0 + 0.17), (s * top * 0.55 - 0.045,
            y0 + 0.13)])
        _puff(c, tab, dark, 0.03, gloss=0.1)
        _tube(c, [(s * top * 0.55 + 0.045 * np.cos(a), y0 - 0.02 + 0.045 * np.sin(a)) for a in np.linspace(0,
            5.6, 8)], 0.022, metal, 0.5, closed=True)
    _tube(c, [*[(x, y - 0.06) for x, y in arc]], 0.062, dark, 0.2)
    _puff(c, c.polygon([(-0.06, lock_y - 0.06), (0.06, lock_y - 0.06), (0.06, lock_y + 0.05),
        (-0.06, lock_y + 0.05)]), metal, 0.03, gloss=0.5)
    c.paint(c.ellipse(0, lock_y - 0.005, 0.02), mix(metal, "#000000", 0.5))


def _chair(c: Canvas, k: Look) -> None:
    rng = k.rng
    turn, tip = rng.uniform(0.35, 0.75) * k.pick(-1, 1), rng.uniform(0.26, 0.36)
    painted = rng.uniform() < 0.45
    wood = colour(k.main) if painted else colour(k.pick(*_WOODS))
    half, seat_y, back_h = 0.38, 0.02, rng.uniform(0.62, 0.85)

    def at(x: float, y: float, z: float) -> tuple[float, float]:
        """Where a point (right, up, towards the viewer) of the chair lies in the picture."""
        return (x * np.cos(turn) + z * np.sin(turn), 0.12 - y + (z * np.cos(turn) - x * np.sin(turn)) * tip)

    def slab(corners: list[tuple[float, float, float]], tone: Array, shade: float) -> None:
        c.paint(c.polygon([at(*p) for p in corners]), np.clip(tone * shade, 0, 1))

    def leg(x: float, z: float) -> None:
        _rod(c, at(x * 0.92, seat_y, z * 0.92), at(x * splay, -0.66, z * splay), 0.075, wood, 0.55)

    splay = rng.uniform(0.98, 1.18)
    style, lean = k.pick("slats", "spindles", "panel", "rungs"), rng.uniform(0.06, 0.16)
    for x, z in sorted([(-half, -half), (half, -half), (-half, half), (half, half)],
        key=lambda p: p[1] * np.cos(turn) - p[0] * np.sin(turn)):
        c.paint(c.soft(c.ellipse(*at(x * splay, -0.665, z * splay), 0.07, 0.025), 0.015), "#2a2420", 0.30)
        leg(x, z)
    low = -0.42
    if rng.uniform() < 0.5:
        for s in (-1, 1):
            _rod(c, at(s * half, low, -half), at(s * half, low, half), 0.035, wood * 0.9)

    def back(u: float, v: float) -> tuple[float, float]:
        return at(u * half * (1 + 0.06 * v), seat_y + v * back_h, -half * 0.95 - lean * v)

    for s in (-1, 1):
        _rod(c, back(s * 0.95, 0), back(s * 0.95, 1), 0.075, wood, 0.8)
    if style == "panel":
        panel = c.polygon(spline([back(-0.92, 0.34), back(-0.96, 0.95), back(0, 1.06), back(0.96, 0.95),
            back(0.92, 0.34), back(0, 0.30)], closed=True))
        _puff(c, panel, k.cloth(c.x, c.y), 0.12)
    elif style == "spindles":
        for u in np.linspace(-0.7, 0.7, int(rng.integers(4, 7))):
            _rod(c, back(u, 0), back(u, 0.95), 0.035, wood * 0.95)
    elif style == "slats":
        for v in np.linspace(0.38, 0.98, int(rng.integers(2, 4))):
            slat = c.polygon(spline([back(-0.95, v - 0.09), back(0, v - 0.05), back(0.95, v - 0.09),
                back(0.95, v + 0.05), back(0, v + 0.10), back(-0.95, v + 0.05)], closed=True))
            _puff(c, slat, wood * 1.02, 0.06)
    else:
        for u in (-0.32, 0.0, 0.32):
            _puff(c, c.polygon([back(u - 0.1, 0), back(u - 0.1, 0.95), back(u + 0.1, 0.95),
                back(u + 0.1, 0)]), wood, 0.05)
    if style != "panel":
        rail = c.polygon(spline([back(-1.08, 0.90), back(0, 0.95), back(1.08, 0.90), back(1.06, 1.05),
            back(0, 1.13), back(-1.06, 1.05)], closed=True))
        _puff(c, rail, wood * 1.05, 0.05)
    thick = 0.075
    edges = [(-half, -half), (half, -half), (half, half), (-half, half)]
    big = 1.08
    for (x1, z1), (x2, z2) in zip(edges, edges[1:] + edges[:1], strict=True):
        outward = np.cos(turn) * (z1 + z2) - np.sin(turn) * (x1 + x2)
        if outward > 0:
            sideways = np.cos(turn) * (x1 + x2) + np.sin(turn) * (z1 + z2)
            shade = 0.74 - 0.16 * np.sign(sideways)
            slab([(x1 * big, seat_y, z1 * big), (x2 * big, seat_y, z2 * big), (x2 * big, seat_y - thick,
                z2 * big), (x1 * big, seat_y - thick, z1 * big)], wood, shade)
    top = c.polygon([at(x * big, seat_y, z * big) for x, z in edges])
    c.paint(top, np.clip(wood * 1.06, 0, 1))
    c.tint(top * smoothstep(0.2, 1.0, noise(rng, c.height, c.width, 3, 3,
        stretch=14)) * (0.5 if not painted else 0.1), 0.85)
    if style == "panel" or rng.uniform() < 0.45:
        e1, e2 = (np.array(at(*p)) - np.array(at(0, 0, 0)) for p in ((1, 0, 0), (0, 0, 1)))
        det = e1[0] * e2[1] - e1[1] * e2[0]
        px, py = c.x - at(0, 0, 0)[0], c.y - at(0, seat_y + 0.05, 0)[1]
        u, v = (px * e2[1] - py * e2[0]) / det, (py * e1[0] - px * e1[1]) / det
        pad = c.polygon(spline([at(x, seat_y + 0.05, z) for x, z in ((-half, -half), (0, -half * 1.05),
            (half, -half), (half * 1.05, 0), (half, half), (0, half * 1.05), (-half, half),
            (-half * 1.05, 0))], closed=True))
        c.tint(c.soft(np.roll(pad, round(0.03 * c.unit), 0), 0.02) * top, 0.7)
        _puff(c, np.maximum(pad, np.roll(pad, round(0.035 * c.unit), 0)), k.cloth(u, v), 0.09)


def _lamp(c: Canvas, k: Look) -> None:
    rng = k.rng
    bottom, top = rng.uniform(0.38, 0.50), rng.uniform(0.20, 0.40)
    y0, y1 = -0.80, rng.uniform(-0.30, -0.20)
    glow = rng.uniform() < 0.7
    base = k.pick("turned", "stick", "ball", "cone")
    tone = k.pick(colour(k.main), colour(k.third), colour(k.pick(*_METALS)), colour(k.pick(*_WOODS)))
    profile = {
        "turned": [(0.05, y1 - 0.1), (0.05, -0.1), (0.16, 0.08), (0.20, 0.28), (0.10, 0.50), (0.07, 0.60),
            (0.24, 0.68), (0.26, 0.74)],
        "stick": [(0.03, y1 - 0.1), (0.03, 0.2), (0.03, 0.60), (0.05, 0.66), (0.27, 0.69), (0.29, 0.74)],
        "ball": [(0.04, y1 - 0.1), (0.04, 0.02), (0.20, 0.12), (0.30, 0.36), (0.22, 0.60), (0.14, 0.68),
            (0.16, 0.74)],
        "cone": [(0.035, y1 - 0.1), (0.05, 0.0), (0.12, 0.35), (0.22, 0.66), (0.24, 0.74)],
    }[base]
    _lathe(c, profile, lambda u, v: np.broadcast_to(tone, (*u.shape, 3)), tip=0.14, gloss=0.35)
    if base in ("turned", "ball"):
        for y, r in ((0.04, 0.06),):
            c.paint(c.ellipse(0, y, r, 0.014), mix(tone, "#ffffff", 0.4))
    c.tint(c.soft(c.ellipse(0, y1 + 0.10, 0.3, 0.12), 0.06) * c.alpha, 0.7)
    c.paint(c.ellipse(0, y1, bottom * 0.99, bottom * 0.10), mix(k.second, "#ffdf9a", 0.75 if glow else 0.2))
    shade = _lathe(c, [(top, y0), ((top + bottom) / 2 + rng.uniform(-0.03, 0.02), (y0 + y1) / 2),
        (bottom, y1)], k.cloth, tip=0.10, gloss=0.05, ambient=0.62)
    if glow:
        bulb = np.exp(-((c.x / (bottom * 0.75)) ** 2) - ((c.y - (y0 + y1) / 2 - 0.06) / 0.26) ** 2)
        c.rgb += shade[..., None] * bulb[..., None] * np.float32([0.34, 0.26, 0.10])
    for y, r in ((y0, top), (y1, bottom)):
        arc = np.stack([r * np.cos(np.linspace(0.02, np.pi - 0.02, 40)),
            y + 0.10 * r * np.sin(np.linspace(0.02, np.pi - 0.02, 40))], 1)
        c.paint(c.line(arc, 0.022, smooth=False), mix(k.third, k.main, 0.3))
    c.paint(c.ellipse(0, y0, top, top * 0.10), mix(k.second, "#5a4630", 0.45 if not glow else 0.1))
    if glow:
        c.paint(c.soft(c.ellipse(0, y0, top * 0.8, top * 0.07), 0.02), "#fff3c8", 0.9)


def _watch(c: Canvas, k: Look) -> None:
    rng = k.rng
    metal, r = k.pick(*_METALS), rng.uniform(0.34, 0.42)
    square = rng.uniform() < 0.25
    strap_w = r * rng.uniform(0.50, 0.62)
    links = rng.uniform() < 0.35
    for s in (-1, 1):
        strap = c.polygon(np.concatenate([[[-strap_w, s * r * 0.6], [strap_w, s * r * 0.6]],
            [[strap_w * 0.82, s * 0.97], [strap_w * 0.6, s * 1.0], [-strap_w * 0.6, s * 1.0],
            [-strap_w * 0.82, s * 0.97]]]))
        if links:
            _puff(c, strap, metal, 0.06, gloss=0.3)
            for y in np.arange(r * 0.9, 1.0, 0.075):
                c.tint(c.line([(-strap_w, s * y), (strap_w, s * y)], 0.014, smooth=False) * strap, 0.5)
                c.paint(c.line([(-strap_w * 0.34, s * (y + 0.035)), (strap_w * 0.34, s * (y + 0.035))], 0.052,
                    smooth=False), mix(metal, "#ffffff", 0.35), 0.6)
        else:
            _puff(c, strap, k.cloth(c.x, c.y), 0.07, gloss=0.1)
            for x in (-0.84, 0.84):
                _stitches(c, [(x * strap_w, s * r), (x * strap_w * 0.86, s * 0.95)], k.second)
            if s > 0:
                for y in np.arange(0.62, 0.95, 0.09):
                    c.paint(c.ellipse(0, y, 0.016, 0.022), mix(k.main, "#000000", 0.7))
    _puff(c, c.polygon([(r * 0.95, -0.06), (r * 1.14, -0.05), (r * 1.14, 0.05), (r * 0.95, 0.06)]), metal,
        0.03, gloss=0.4)

    def plate(size: float) -> Array:
        if not square:
            return c.ellipse(0, 0, size)
        t = np.linspace(0, 2 * np.pi, 80, endpoint=False)
        return c.polygon(np.stack([np.sign(f(t)) * np.abs(f(t)) ** 0.45 * size * 0.95 for f in (np.cos,
            np.sin)], 1))

    c.tint(c.soft(plate(r * 1.08), 0.03) * c.alpha, 0.65)
    _puff(c, plate(r), metal, 0.07, gloss=0.5)
    c.paint(plate(r * 0.86), mix(metal, "#000000", 0.35))
    face = k.pick(colour("#fbfaf6"), colour("#1c2230"), mix(k.main, "#0c1020", 0.35), colour(k.second))
    dial = plate(r * 0.83)
    c.paint(dial, np.clip(face * (1.0 + 0.10 * np.clip(-(c.x + c.y) / r, -1, 1))[..., None], 0, 1))
    ink = "#20242c" if face.mean() > 0.5 else "#f4f1ea"
    for i in range(60):
        a = i * np.pi / 30
        inner, width = (0.66, 0.022) if i % 5 == 0 else (0.74, 0.007)
        d = np.array([np.sin(a), -np.cos(a)]) * r
        c.paint(c.line([d * inner, d * 0.77], width * r / 0.38, smooth=False), ink,
            1.0 if i % 5 == 0 else 0.6)
    if rng.uniform() < 0.5:
        for x, y in ((-0.3, 0.0), (0.3, 0.0), (0.0, 0.32)):
            c.paint(c.ellipse(x * r, y * r, r * 0.17), mix(face, ink, 0.12))
            a = rng.uniform(0, 6.3)
            c.paint(c.line([(x * r, y * r), (x * r + 0.12 * r * np.sin(a), y * r - 0.12 * r * np.cos(a))],
                0.012, smooth=False), k.third)
    hour = rng.uniform(0, 12)
    minute = hour % 1 * 60
    for angle, length, width, tone in ((hour / 12, 0.42, 0.035, ink), (minute / 60, 0.64, 0.024, ink),
        (rng.uniform(), 0.70, 0.010, k.third)):
        d = np.array([np.sin(angle * 2 * np.pi), -np.cos(angle * 2 * np.pi)]) * r
        c.tint(c.soft(c.line([-0.1 * d + 0.01, d * length + 0.012], width, smooth=False), 0.008) * 0.5, 0.5)
        c.paint(c.line([-0.12 * d, d * length], width, smooth=False), tone)
    c.paint(c.ellipse(0, 0, 0.025), k.third)
    glare = c.polygon([(-0.9 * r, -0.2 * r), (0.1 * r, -0.9 * r), (0.45 * r, -0.9 * r), (-0.9 * r, 0.25 * r)])
    c.paint(c.soft(glare * dial, 0.008), "#ffffff", 0.13)


def _backpack(c: Canvas, k: Look) -> None:
    rng = k.rng
    wide, tall = rng.uniform(0.46, 0.54), rng.uniform(0.60, 0.70)
    dark = mix(k.main, "#14161c", 0.45)
    for s in (-1, 1):
        _tube(c, [(s * 0.28, -tall - 0.02), (s * (wide + 0.12), -0.35), (s * (wide + 0.15), 0.15),
            (s * (wide - 0.05), tall - 0.05)], 0.11, dark)
    _tube(c, [(-0.14, -tall + 0.03), (-0.12, -tall - 0.14), (0.12, -tall - 0.14), (0.14, -tall + 0.03)],
        0.055, dark)
    half = spline([(0, -tall - 0.04), (wide * 0.62, -tall), (wide * 0.97, -tall * 0.6), (wide, 0.0),
        (wide * 1.02, tall * 0.8), (wide * 0.85, tall), (0, tall + 0.02)])
    body = c.polygon(mirrored(half))
    _puff(c, body, k.cloth(c.x, c.y), 0.26, folds=0.5, rng=rng)
    zip_path = [(-wide * 0.90, 0.0), (-wide * 0.84, -tall * 0.62), (0, -tall * 0.86),
        (wide * 0.84, -tall * 0.62), (wide * 0.90, 0.0)]
    c.paint(c.line(zip_path, 0.028) * body, dark)
    c.paint(c.line(zip_path, 0.008) * body, k.pick(*_METALS))
    style = k.pick("pocket", "flap", "two")
    accent = k.pick(mix(k.main, "#000000", 0.22), colour(k.third), mix(k.third, k.main, 0.5))
    py = rng.uniform(-0.02, 0.08)
    pocket = c.polygon(spline([(-wide * 0.74, py), (-wide * 0.80, tall * 0.75), (-wide * 0.62, tall * 0.90),
        (wide * 0.62, tall * 0.90), (wide * 0.80, tall * 0.75), (wide * 0.74, py)]))
    c.tint(c.soft(np.roll(pocket, round(0.02 * c.unit), 0), 0.035) * body, 0.66)
    _puff(c, pocket, accent, 0.16, folds=0.3, rng=rng)
    c.paint(c.line([(-wide * 0.70, py + 0.10), (0, py + 0.07), (wide * 0.70, py + 0.10)], 0.024) * pocket,
        dark)
    c.paint(c.line([(-wide * 0.70, py + 0.10), (0, py + 0.07), (wide * 0.70, py + 0.10)], 0.007) * pocket,
        "#d8d4c8")
    _rod(c, (wide * 0.45, py + 0.09), (wide * 0.45, py + 0.21), 0.03, k.second)
    if style == "flap":
        flap = c.polygon(spline([(-wide * 0.86, -tall * 0.70), (-wide * 0.9, -0.12), (0, -0.02),
            (wide * 0.9, -0.12), (wide * 0.86, -tall * 0.70), (0, -tall - 0.02)], closed=True))
        c.tint(c.soft(np.roll(flap, round(0.03 * c.unit), 0), 0.03) * body, 0.65)
        _puff(c, flap, accent, 0.2)
        for s in (-1, 1):
            _puff(c, c.polygon([(s * 0.22 - 0.04, -0.35), (s * 0.22 + 0.04, -0.35), (s * 0.22 + 0.04, 0.20),
                (s * 0.22 - 0.04, 0.20)]), "#8a5a34", 0.03)
            c.paint(c.line([(s * 0.22 - 0.05, 0.06), (s * 0.22 + 0.05, 0.06), (s * 0.22 + 0.05, 0.14),
                (s * 0.22 - 0.05, 0.14)], 0.018, smooth=False, closed=True), "#d9b25a")
    elif style == "two":
        patch = c.polygon([(-0.13, -0.42), (0.13, -0.42), (0.13, -0.24), (-0.13, -0.24)])
        _puff(c, patch, "#a8703f", 0.03)
        _stitches(c, [(-0.11, -0.40), (0.11, -0.40)], "#f3e6cc")
        _stitches(c, [(-0.11, -0.26), (0.11, -0.26)], "#f3e6cc")
    else:
        c.paint(c.line([(-wide * 0.55, -0.22), (wide * 0.55, -0.22)], 0.055, smooth=False) * body, dark)
        c.paint(c.line([(-wide * 0.55, -0.22), (wide * 0.55, -0.22)], 0.010, smooth=False) * body, k.second)
    for s in (-1, 1):
        c.tint(c.soft(c.polygon([(s * wide, -0.1), (s * wide * 0.86, 0.1), (s * wide * 0.86, tall),
            (s * wide * 1.05, tall)]), 0.03) * body * 0.4, 0.7)


def _sprig(c: Canvas, k: Look, y: float, r: float) -> None:
    rng = k.rng
    kind = k.pick("leaves", "blooms", "dry")
    for _ in range(7):
        a, long = rng.normal(0, 0.38), rng.uniform(0.32, 0.55)
        tip = np.array([np.sin(a) * long, y - np.cos(a) * long])
        foot = np.array([np.clip(tip[0] * 0.3, -r * 0.6, r * 0.6), y + 0.02])
        bow = (foot + tip) / 2 + [0.06 * np.sign(a), 0.0]
        path = spline([foot, bow, tip])
        c.paint(c.taper([foot, bow, tip], 0.016, (1, 0.4)), "#6a7a42" if kind != "dry" else "#b09a6a")
        for t in np.linspace(0.3, 1, 7):
            p = path[int(t * (len(path) - 1))]
            for s in (-1, 1):
                end = p + np.array([s * 0.075, -0.05]) * rng.uniform(0.7, 1.2)
                tone = {"leaves": ("#5f8a4f", "#7fa565", "#3f6b45"), "blooms": ("#6f9a58", "#587f48",
                    "#84a868"), "dry": ("#d9c08a", "#c9a86a", "#e6d6ac")}[kind]
                c.paint(c.taper([p, (p + end) / 2 + [0, -0.01], end], 0.042, (0.1, 0.1)), k.pick(*tone))
        if kind == "blooms":
            for q in range(6):
                turn = q * np.pi / 3
                c.paint(c.ellipse(tip[0] + 0.032 * np.cos(turn), tip[1] + 0.032 * np.sin(turn), 0.032),
                    mix(k.third, "#ffffff", 0.25 + 0.2 * np.sin(turn)))
            c.paint(c.ellipse(tip[0], tip[1], 0.022), "#f0c24a")


def _vase(c: Canvas, k: Look) -> None:
    rng = k.rng
    r, tip = rng.uniform(0.28, 0.38), rng.uniform(0.16, 0.26)
    mouth = rng.uniform(0.09, 0.19)
    shapes = ([(mouth, -0.35), (mouth * 0.8, -0.18), (r, 0.22), (r * 0.9, 0.52), (r * 0.5, 0.76)],
              [(mouth * 1.3, -0.40), (mouth, -0.2), (r * 0.75, 0.05), (r * 0.98, 0.45), (r * 0.7, 0.76)],
              [(r * 0.75, -0.38), (r * 0.85, 0.0), (r * 0.75, 0.4), (r * 0.5, 0.76)],
              [(mouth * 0.8, -0.45), (mouth * 0.65, -0.1), (mouth * 0.9, 0.15), (r * 1.1, 0.52),
               (r * 0.8, 0.76)],
              [(r * 0.6, -0.32), (r * 1.05, 0.0), (r * 1.0, 0.35), (r * 0.45, 0.76)])  # fmt: skip
    profile = shapes[int(rng.integers(len(shapes)))]
    rim, y = profile[0]
    c.paint(c.ellipse(0, y, rim, rim * tip), mix(k.main, "#120d0a", 0.65))
    if rng.uniform() < 0.6:
        _sprig(c, k, y, rim)
    _lathe(c, profile, k.cloth, tip=tip, gloss=k.pick(0.1, 0.4))
    t = np.linspace(0, np.pi, 40)
    lip = np.stack([rim * np.cos(t), y + rim * tip * np.sin(t)], 1)
    c.paint(c.line(lip, 0.02, smooth=False), mix(k.main, "#ffffff", 0.45))
    back = lip * [1, -1] + [0, 2 * y]
    c.paint(c.line(back, 0.012, smooth=False), mix(k.main, "#ffffff", 0.15), 0.7)


def _teapot(c: Canvas, k: Look) -> None:
    rng = k.rng
    r, h = rng.uniform(0.44, 0.52), rng.uniform(0.36, 0.44)
    squat = rng.uniform(0.8, 1.0)
    tone = mix(k.main, k.third, k.pick(0.0, 0.0, 1.0))
    _tube(c, [(-r * 0.80, -h * 0.35), (-r - 0.26, -h * 0.6), (-r - 0.32, 0.05), (-r - 0.12, h * 0.5),
        (-r * 0.85, h * 0.5)], rng.uniform(0.07, 0.10), tone, 0.3)
    spout = c.polygon(np.concatenate([
        spline([(r * 0.75, h * 0.62), (r + 0.16, h * 0.35), (r + 0.22, -h * 0.3), (r + 0.34, -h * 0.85)]),
        spline([(r + 0.25, -h * 0.95), (r + 0.10, -h * 0.5), (r * 0.98, -h * 0.05), (r * 0.78, 0.0)]),
    ]))  # fmt: skip
    _puff(c, spout, tone, 0.10, gloss=0.25)
    c.paint(c.ellipse(r + 0.295, -h * 0.90, 0.05, 0.02, 8), mix(tone, "#000000", 0.6))
    _lathe(c, [(r * 0.45, -h), (r * 0.88, -h * 0.6), (r, 0.0), (r * 0.88 * squat, h * 0.62), (r * 0.60, h),
        (r * 0.62, h + 0.05)], k.cloth, tip=0.16, gloss=0.4)
    c.tint(c.soft(c.ellipse(0, -h + 0.05, r * 0.50, 0.08), 0.02) * c.alpha, 0.72)
    _lathe(c, [(r * 0.06, -h - 0.16), (r * 0.30, -h - 0.11), (r * 0.47, -h + 0.0)], lambda u,
        v: np.broadcast_to(tone, (*u.shape, 3)), tip=0.16, gloss=0.4)
    knob = k.pick(colour(k.third), colour("#d9b25a"), tone)
    _lathe(c, [(0.03, -h - 0.29), (0.075, -h - 0.24), (0.06, -h - 0.18), (0.03, -h - 0.15)], lambda u,
        v: np.broadcast_to(knob, (*u.shape, 3)), tip=0.1, gloss=0.4)


def _sunglasses(c: Canvas, k: Look) -> None:
    rng = k.rng
    shape = k.pick("round", "wayfarer", "cat", "aviator")
    rx, ry = {"round": (0.30, 0.29), "wayfarer": (0.35, 0.25), "cat": (0.36, 0.25),
        "aviator": (0.35, 0.30)}[shape]
    gap = rng.uniform(0.42, 0.46)
    thick = 0.035 if shape in ("round", "aviator") and rng.uniform() < 0.7 else 0.085
    frame = colour(k.pick(*_METALS)) if thick < 0.05 else None
    tint = k.pick("#23262c", "#3a2a20", "#20405a", "#5a2f4a", "#2f4a38")
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    cx, cy = np.cos(t), np.sin(t)
    outline = {
        "round": (cx, cy),
        "wayfarer": (np.sign(cx) * np.abs(cx) ** 0.55 * (1 - 0.10 * cy), np.sign(cy) * np.abs(cy) ** 0.6),
        "cat": (np.sign(cx) * np.abs(cx) ** 0.7 * (1 - 0.12 * cy),
            np.sign(cy) * np.abs(cy) ** 0.7 - 0.22 * np.clip(cx, 0, 1) ** 3),
        "aviator": (cx * (1 - 0.12 * cy) - 0.06 * cy, np.sign(cy) * np.abs(cy) ** np.where(cy < 0, 0.5, 0.9)),
    }[shape]
    ring = np.stack([outline[0] * rx, outline[1] * ry], 1)
    tone = frame if frame is not None else k.cloth(c.x, c.y)
    for s in (-1, 1):
        end = (s * (gap + rx * 0.98), -ry * 0.55)
        arm = [end, (s * (gap + rx * 0.82), -ry * 0.55 - 0.30), (s * (gap + rx * 0.30), -ry - 0.42),
            (s * (gap + rx * 0.02), -ry - 0.36)]
        _puff(c, c.line(arm, max(thick * 0.75, 0.035)), tone * np.float32(0.85), 0.04, gloss=0.2)
    _puff(c, c.line([(-gap + rx * 0.8, -ry * 0.35), (0, -ry * 0.62), (gap - rx * 0.8, -ry * 0.35)],
        thick * 0.9), tone, 0.03, gloss=0.3)
    if shape == "aviator":
        _puff(c, c.line([(-gap + rx * 0.3, -ry * 0.98), (gap - rx * 0.3, -ry * 0.98)], thick * 0.8), tone,
            0.03, gloss=0.3)
    fade = np.clip(0.55 + 0.45 * (c.y / ry), 0, 1)[..., None] * np.ones((1, c.width, 1), np.float32)
    for s in (-1, 1):
        rim = ring * [s, 1] + [s * gap, 0]
        lens = c.polygon(rim)
        c.paint(lens, colour(tint) * (1 - fade) + mix(tint, k.pick("#c9a58a", "#9fb8c4", "#d8a0a8"),
            0.55) * fade, 0.93)
        for shift, width in ((-0.25, 0.16), (0.02, 0.05)):
            x = s * gap + shift * rx
            c.paint(c.soft(c.polygon([(x, -ry), (x + width, -ry), (x + width - 0.22, ry),
                (x - 0.22, ry)]) * lens, 0.006), "#ffffff", 0.16)
        _puff(c, c.line(rim, thick, smooth=False, closed=True), tone, thick * 0.5, gloss=0.35)


# --- the studio -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """How to draw a kind, if it stands or lies flat, how far it may be turned, and in which patterns."""

    draw: Callable[[Canvas, Look], None]
    stands: bool
    turn: float
    patterns: tuple[str, ...]


_CLOTH = ("stripes", "plain", "floral", "plaid", "dots", "block", "gingham", "chevron")
_CLAY = ("plain", "speckled", "stripes", "floral", "dots", "block", "chevron")
_HIDE = ("plain", "block", "plaid", "plain", "chevron", "floral", "stripes")

KINDS: dict[str, Kind] = {
    "t-shirt": Kind(_t_shirt, False, 9, _CLOTH),
    "dress": Kind(_dress, False, 7, ("floral", "dots", "plain", "stripes", "gingham", "plaid", "chevron")),
    "sneaker": Kind(_sneaker, True, 0, ("plain", "block", "plain", "plaid", "speckled", "floral")),
    "mug": Kind(_mug, True, 0, _CLAY),
    "handbag": Kind(_handbag, True, 0, _HIDE),
    "chair": Kind(_chair, True, 0, ("plain", "plaid", "stripes", "floral", "dots")),
    "lamp": Kind(_lamp, True, 0, ("plain", "stripes", "floral", "chevron", "dots", "plain")),
    "watch": Kind(_watch, False, 32, ("plain", "plain", "stripes", "block")),
    "backpack": Kind(_backpack, True, 0, ("plain", "block", "plaid", "dots", "floral", "chevron")),
    "vase": Kind(_vase, True, 0, _CLAY),
    "teapot": Kind(_teapot, True, 0, _CLAY),
    "sunglasses": Kind(_sunglasses, False, 14, ("plain", "plain", "speckled", "block")),
}


def draw(kind: str, number: int, path: Path) -> None:
    """Draw piece `number` (from 1) of the goods `kind`."""
    rng = seeded("products", kind, number)
    what = KINDS[kind]
    offset = list(KINDS).index(kind)
    palette = _PALETTES[(number * 5 + offset * 7) % len(_PALETTES)]
    look = Look(*palette, what.patterns[(number - 1) % len(what.patterns)], rng)
    piece = Canvas(_WORK, _WORK, unit=_WORK / 2)
    what.draw(piece, look)
    save(_photograph(piece, what, _BACKDROPS[(number * 3 + offset) % len(_BACKDROPS)], rng), path, SIZE)


def _photograph(piece: Canvas, kind: Kind, pair: tuple[str, str], rng: Rng) -> Array:
    """Put a piece before its backdrop: turned, scaled, mirrored and with its shadow."""
    h, w = piece.height, piece.width
    ys, xs = np.nonzero(piece.alpha > 0.5)
    middle = (float(xs.min() + xs.max()) / 2, float(ys.min() + ys.max()) / 2)
    fit = 0.86 * w / max(np.ptp(xs), np.ptp(ys))
    scale = min(fit, 1.25) * rng.uniform(0.82, 1.0)
    m = cv2.getRotationMatrix2D(middle, rng.uniform(-kind.turn, kind.turn), scale)
    shift = rng.uniform(-0.035, 0.035, 2) * w
    m[:, 2] += np.array([w / 2, h * 0.52]) - middle + shift
    if rng.uniform() < 0.5:
        m = np.array([[-1, 0, w - 1], [0, 1, 0]]) @ np.vstack([m, [0, 0, 1]])
    layer = np.dstack([piece.rgb * piece.alpha[..., None], piece.alpha])
    layer = cv2.warpAffine(layer, m, (w, h), flags=cv2.INTER_AREA)
    alpha = layer[..., 3]
    back = _stand(alpha, pair, rng) if kind.stands else _lie(alpha, pair, rng)
    return np.clip(grain(back * (1 - alpha[..., None]) + layer[..., :3], rng, 0.006), 0, 1)


def _glow(h: int, w: int, pair: tuple[str, str]) -> Array:
    """A backdrop that is lighter where the lamp falls."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / h
    t = np.clip(np.hypot(x - 0.35, y - 0.3) / 0.95, 0, 1)[..., None]
    return colour(pair[0]) * (1 - t) + colour(pair[1]) * t


def _lie(alpha: Array, pair: tuple[str, str], rng: Rng) -> Array:
    h, w = alpha.shape
    back = _glow(h, w, pair) * (1 + 0.012 * noise(rng, h, w, 6, 4))[..., None]
    for dx, dy, blur, strength in ((16, 20, 16, 0.30), (5, 7, 5, 0.25)):
        shadow = soft(cv2.warpAffine(alpha, np.float32([[1, 0, dx], [0, 1, dy]]), (w, h)), blur)
        back *= 1 - strength * shadow[..., None] * np.float32([1.0, 0.95, 0.88])
    return back


def _stand(alpha: Array, pair: tuple[str, str], rng: Rng) -> Array:
    h, w = alpha.shape
    ys, _ = np.nonzero(alpha > 0.5)
    foot = float(ys.max())
    back = _glow(h, w, pair)
    y = np.arange(h, dtype=np.float32)[:, None]
    edge = foot - 0.17 * h
    table = smoothstep(edge - 7, edge + 7, y)
    shade = mix(pair[1], ("#ffffff", "#b08a68", "#8a9aa0")[int(rng.integers(3))], 0.35)
    falloff = (1.03 - 0.16 * (y - edge) / (h - edge + 1))[..., None]
    back = back + (shade * falloff - back) * table[..., None]
    back *= 1 - 0.10 * np.exp(-(((y - edge) / 16) ** 2))[..., None]
    lean, squash = 0.55, 0.20
    cast = cv2.warpAffine(alpha, np.float32([[1, -lean, lean * foot], [0, squash, foot * (1 - squash) - 4]]),
        (w, h))
    low = alpha * smoothstep(foot - 0.10 * h, foot, y)
    contact = cv2.warpAffine(low, np.float32([[1, 0, 3], [0, 0.35, foot * 0.65 + 2]]), (w, h))
    for mask, blur, strength in ((cast, 12, 0.34), (soft(contact, 2), 7, 0.55), (contact, 2.5, 0.35)):
        back *= 1 - strength * np.clip(soft(mask, blur), 0, 1)[..., None] * np.float32([1.0, 0.95, 0.88])
    return back
