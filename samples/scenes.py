"""The subjects that the paintings share: twelve scenes, laid out anew for each picture.

Every scene fills a Canvas whose y runs from -1 (top) to 1 (bottom) and whose x runs to half its width.
"""

# Outlines read better as the rows of points that they are, so they are laid out by hand.
# fmt: off
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from samples.canvas import Array, Canvas, colour, mix, noise, smoothstep, spline

Rng = np.random.Generator


def _gradient(c: Canvas, stops: Sequence[tuple[float, str]], where: Array | None = None) -> None:
    """Paint colours that change over height; stops are (y, colour), from the top down."""
    ys = [y for y, _ in stops]
    codes = np.array([colour(code) for _, code in stops])
    column = np.stack([np.interp(c.y[:, 0], ys, codes[:, i]) for i in range(3)], 1).astype(np.float32)
    full = np.ones((c.height, c.width), np.float32) if where is None else where
    c.paint(full, np.broadcast_to(column[:, None, :], c.rgb.shape))


def _wide(c: Canvas) -> float:
    return c.width / 2 / c.unit


def _ridge(c: Canvas, rng: Rng, y: float, height: float, cells: float, rough: int = 4) -> Array:
    """The mask below a hilly skyline around y."""
    line = y - height * noise(rng, 2, c.width, cells, rough)[0]
    return smoothstep(-0.006, 0.006, c.y - line[None, :])


def _clouds(c: Canvas, rng: Rng, low: float, code: str, cover: float = 0.1, opacity: float = 0.8) -> None:
    field = noise(rng, c.height, c.width, 3.0, 5, stretch=2.2)
    mask = smoothstep(-cover, 0.5 - cover, field) * (1 - smoothstep(low - 0.35, low, c.y))
    c.paint(mask, code, opacity)
    c.tint(mask * smoothstep(0.0, 0.6, np.roll(field, round(-0.06 * c.height), 0)) * 0.35, (0.82, 0.80, 0.88))


def _ripples(c: Canvas, rng: Rng, top: float, bottom: float, code: str, count: int,
    opacity: float = 0.5) -> None:
    wide = _wide(c)
    for _ in range(count):
        t = rng.uniform(0, 1) ** 1.3
        y, x = top + (bottom - top) * t, rng.uniform(-wide, wide)
        long = (0.05 + 0.22 * t) * rng.uniform(0.5, 1.3)
        c.paint(c.taper([(x - long, y), (x, y + rng.uniform(-0.008, 0.008)), (x + long, y)],
            0.008 + 0.025 * t), code, opacity)


def _mirror(c: Canvas, horizon: float, bottom: float, dim: float = 0.85) -> None:
    """Reflect what stands above the horizon in water below it."""
    row, last = round((horizon + 1) * c.unit), round((bottom + 1) * c.unit)
    rows = last - row
    source = np.clip(row - 1 - np.arange(rows), 0, c.height - 1)
    wobble = (np.sin(np.arange(rows) * 0.8) * np.linspace(0.5, 4, rows)).astype(int)
    columns = np.clip(np.arange(c.width)[None, :] + wobble[:, None], 0, c.width - 1)
    c.rgb[row:last] = c.rgb[source[:, None], columns] * np.float32([dim, dim, dim * 1.04])


def _crown(c: Canvas, rng: Rng, x: float, y: float, rx: float, ry: float, codes: Sequence[str],
    count: int = 60) -> None:
    """Foliage: round tufts, dark at the lower right, light at the upper left."""
    for k in range(count):
        a, r = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1) ** 0.6
        px, py = x + rx * r * np.cos(a), y + ry * r * np.sin(a)
        light = np.clip(0.5 - 0.45 * ((px - x) / rx * 0.6 + (py - y) / ry) + rng.normal(0,
            0.12) + 0.25 * k / count, 0, 0.999)
        size = rng.uniform(0.12, 0.24) * min(rx, ry) * 1.5
        c.paint(c.ellipse(px, py, size, size * 0.8, rng.uniform(0, 180)), codes[int(light * len(codes))], 0.9)


def _pine(c: Canvas, x: float, y: float, h: float, code: str) -> None:
    for k in range(4):
        top, wide = y - h + k * h * 0.21, h * (0.10 + 0.055 * k)
        c.paint(c.polygon([(x, top), (x + wide, top + h * 0.36), (x, top + h * 0.31),
            (x - wide, top + h * 0.36)]), mix(code, "#ffffff", 0.05 * (3 - k)))


def _house(c: Canvas, x: float, y: float, w: float, h: float, wall: str, roof: str,
    lit: str = "#3b4a5a") -> None:
    c.paint(c.polygon([(x, y), (x, y - h), (x + w, y - h), (x + w, y)]), wall)
    c.tint(c.polygon([(x + w * 0.62, y), (x + w * 0.62, y - h), (x + w, y - h), (x + w, y)]),
        (0.78, 0.78, 0.85))
    c.paint(c.polygon([(x - w * 0.08, y - h), (x + w * 0.18, y - h * 1.6), (x + w * 0.85, y - h * 1.6),
        (x + w * 1.08, y - h)]), roof)
    for k in (0.15, 0.42, 0.74):
        c.paint(c.polygon([(x + w * k, y - h * 0.75), (x + w * (k + 0.13), y - h * 0.75),
            (x + w * (k + 0.13), y - h * 0.4), (x + w * k, y - h * 0.4)]), lit)


def _boat(c: Canvas, x: float, y: float, s: float, hull: str, sail: str) -> None:
    c.paint(c.polygon([(x - 0.03 * s, y - 0.1 * s), (x - 0.02 * s, y - 1.15 * s), (x + 0.0 * s, y - 1.15 * s),
        (x, y - 0.1 * s)]), "#4a3426")
    c.paint(c.polygon(spline([(x + 0.03 * s, y - 1.1 * s), (x + 0.34 * s, y - 0.55 * s),
        (x + 0.46 * s, y - 0.14 * s), (x + 0.03 * s, y - 0.16 * s)])), sail)
    c.paint(c.polygon([(x - 0.06 * s, y - 0.95 * s), (x - 0.06 * s, y - 0.16 * s),
        (x - 0.36 * s, y - 0.16 * s)]), mix(sail, "#8c7f9c", 0.25))
    c.paint(c.polygon(spline([(x - 0.45 * s, y - 0.1 * s), (x + 0.52 * s, y - 0.1 * s),
        (x + 0.34 * s, y + 0.06 * s), (x - 0.32 * s, y + 0.06 * s)])), hull)


def _flower(c: Canvas, rng: Rng, x: float, y: float, r: float, code: str) -> None:
    turn, petals = rng.uniform(0, 6.3), int(rng.integers(5, 9))
    for ring, size in ((1.0, 0.55), (0.55, 0.45)):
        for k in range(petals):
            a = turn + 2 * np.pi * k / petals + (1 - ring)
            px, py = x + 0.62 * r * ring * np.cos(a), y + 0.55 * r * ring * np.sin(a)
            tone = mix(mix(code, "#ffffff", 0.35 * (1 - ring)), "#2a1030",
                float(np.clip(0.18 + 0.2 * np.sin(a), 0, 0.4)))
            c.paint(c.ellipse(px, py, r * size, r * size * 0.62, np.degrees(a)), tone)
    c.paint(c.ellipse(x, y, r * 0.24), "#e8b83a")
    c.paint(c.ellipse(x + 0.05 * r, y + 0.05 * r, r * 0.12), "#8a5a1c")


def _fruit(c: Canvas, x: float, y: float, r: float, code: str, tall: float = 1.0) -> None:
    c.tint(c.soft(c.ellipse(x + 0.35 * r, y + 0.75 * r * tall, r * 1.25, r * 0.35), 0.05), (0.45, 0.42, 0.5))
    body = c.ellipse(x, y, r, r * tall)
    c.paint(body, code)
    light = np.exp(-(((c.x - x + 0.35 * r) / (0.75 * r)) ** 2) - ((c.y - y + 0.4 * r) / (0.75 * r)) ** 2)
    c.tint(body, (0.50 + 0.62 * light)[..., None] * np.ones(3, np.float32))
    c.paint(body * c.spot(x - 0.36 * r, y - 0.42 * r, 0.16 * r), "#ffffff", 0.75)
    c.paint(c.taper([(x, y - r * tall * 0.85), (x + 0.05 * r, y - r * tall * 1.25)], 0.05 * r + 0.008),
        "#4a3320")


def mountains(c: Canvas, rng: Rng) -> None:
    """Snowy peaks over a lake, pines in front."""
    _gradient(c, [(-1, "#4f86c0"), (-0.3, "#a9cbe0"), (0.1, "#f3dcc0")])
    _clouds(c, rng, -0.2, "#fbf4ea")
    wide = _wide(c)
    for base, code, snow, size in ((0.05, "#7f93b8", "#e9eef6", 1.0), (0.16, "#566f96", "#f7f6f4", 0.75)):
        for k in range(4):
            x, h = -wide + (k + rng.uniform(0.2, 0.8)) * wide / 2, rng.uniform(0.5, 0.85) * size
            half = h * rng.uniform(0.85, 1.15)
            peak = np.array([x, base - h])
            c.paint(c.polygon([(x - half, base), peak, (x + half, base)]), code)
            c.paint(c.polygon([peak, (x + half, base), (x + half * 0.25, base), (x + half * 0.08,
                base - h * 0.5)]), mix(code, "#27365c", 0.35))
            cap = [(x - half * 0.36, base - h * 0.64), (x - half * 0.18, base - h * 0.55),
                   (x - half * 0.05, base - h * 0.66), (x + half * 0.1, base - h * 0.52),
                   (x + half * 0.22, base - h * 0.66), (x + half * 0.34, base - h * 0.66)]  # fmt: skip
            c.paint(c.polygon([peak, *cap[::-1]]), snow)
            c.tint(c.polygon([peak, (x + half * 0.34, base - h * 0.66), (x + half * 0.1, base - h * 0.52)]),
                (0.72, 0.78, 0.93))
        c.paint(smoothstep(base - 0.03, base, c.y) * np.ones_like(c.x), mix(code, "#b9cbd6", 0.3))
    c.paint(_ridge(c, rng, 0.16, 0.08, 5), "#3f6b4f")
    _mirror(c, 0.28, 1.0)
    _ripples(c, rng, 0.32, 0.8, "#dfeaf2", 40, 0.4)
    c.paint(_ridge(c, rng, 0.82, 0.10, 4), "#58703a")
    for x in np.concatenate([rng.uniform(-wide, -0.45 * wide, 5), rng.uniform(0.55 * wide, wide, 4)]):
        _pine(c, float(x), rng.uniform(0.82, 1.0), rng.uniform(0.5, 0.95), ("#1f4a3a", "#2c5a3c",
            "#183c38")[int(rng.integers(3))])


def sea(c: Canvas, rng: Rng) -> None:
    """A sailing boat at sunset."""
    _gradient(c, [(-1, "#41508f"), (-0.5, "#b0658c"), (-0.15, "#f08a4b"), (0.1, "#ffd27a")])
    _clouds(c, rng, -0.05, "#f9b48a", 0.0)
    sun = rng.uniform(-0.7, 0.7)
    c.paint(c.spot(sun, -0.02, 0.5), "#ffe9a8", 0.7)
    c.paint(c.ellipse(sun, -0.04, 0.16), "#fff3c4")
    water = smoothstep(0.095, 0.105, c.y) * np.ones_like(c.x)
    _gradient(c, [(0.1, "#e79a5c"), (0.3, "#7d6a92"), (1, "#1f3a63")], water)
    _ripples(c, rng, 0.13, 0.98, "#2b4a78", 90, 0.6)
    _ripples(c, rng, 0.13, 0.9, "#f6b673", 50, 0.6)
    for _ in range(46):
        t = rng.uniform(0, 1)
        x, y = sun + rng.normal(0, 0.05 + 0.14 * t), 0.12 + 0.85 * t
        c.paint(c.taper([(x - 0.05 - 0.1 * t, y), (x, y), (x + 0.05 + 0.1 * t, y)], 0.012 + 0.02 * t),
            "#fff0b8", 0.85)
    x = -0.55 if sun > 0 else 0.55
    _boat(c, x, 0.42, 0.85, "#5a2f26", "#f7ead2")
    _boat(c, x + rng.uniform(0.7, 0.9) * (1 if x < 0 else -1), 0.17, 0.26, "#3a2b3a", "#f2c9a0")


def still_life(c: Canvas, rng: Rng) -> None:
    """Fruit, a jug and a cloth on a table."""
    wall = [("#5e7f86", "#2f4b55"), ("#b58c5a", "#6d4a30"), ("#7d8f5d", "#454f36"),
        ("#8a5a55", "#4d2d33")][int(rng.integers(4))]
    _gradient(c, [(-1, wall[0]), (0.2, wall[1])])
    c.paint(c.spot(-0.8, -0.6, 0.9), wall[0], 0.8)
    table = smoothstep(0.18, 0.19, c.y) * np.ones_like(c.x)
    _gradient(c, [(0.18, "#a86f3e"), (1, "#6a3f22")], table)
    cloth = c.curve([(-1.1, 0.38), (-0.3, 0.22), (0.75, 0.30), (0.95, 0.55), (0.5, 0.92), (0.1, 0.82),
        (-0.4, 1.1), (-0.95, 0.80)])
    c.paint(cloth, "#efe9dc")
    for k in range(7):
        a = [(-0.9 + 0.28 * k, 0.33), (-0.75 + 0.24 * k, 0.6), (-0.8 + 0.27 * k, 1.0)]
        c.tint(c.soft(c.taper(a, 0.09), 0.03) * cloth, (0.72, 0.75, 0.85))
    jx = rng.uniform(-0.65, -0.35)
    glaze = ("#2f5f8f", "#c9b8a0", "#3e6b4f", "#8a3a2c")[int(rng.integers(4))]
    c.tint(c.soft(c.ellipse(jx + 0.2, 0.47, 0.45, 0.1), 0.06), (0.5, 0.45, 0.5))
    jug = c.curve([(jx - 0.13, -0.62), (jx + 0.14, -0.62), (jx + 0.12, -0.42), (jx + 0.30, -0.05),
        (jx + 0.25, 0.35), (jx, 0.45), (jx - 0.25, 0.35), (jx - 0.30, -0.05), (jx - 0.12, -0.42)])
    c.paint(c.line([(jx - 0.12, -0.5), (jx - 0.40, -0.45), (jx - 0.40, -0.15), (jx - 0.26, 0.02)], 0.055),
        glaze)
    c.paint(jug, glaze)
    c.tint(jug, (0.45 + 0.75 * np.exp(-(((c.x - jx + 0.1) / 0.2) ** 2)))[..., None] * np.ones((c.height, 1,
        3), np.float32))
    c.paint(jug * c.spot(jx - 0.12, -0.1, 0.035, 0.16), "#ffffff", 0.6)
    c.paint(c.ellipse(jx, -0.62, 0.135, 0.035), mix(glaze, "#120c08", 0.6))
    colours = ["#d23b2f", "#e98a2b", "#e6c13a", "#8fae3c", "#b5302f", "#f0a03c"]
    spots = [(0.05, 0.36, 0.15), (0.42, 0.30, 0.17), (0.26, 0.52, 0.18), (0.72, 0.48, 0.15),
        (-0.15, 0.62, 0.16), (0.52, 0.68, 0.16)]
    for k, (x, y, r) in enumerate(spots):
        _fruit(c, x + rng.uniform(-0.05, 0.05), y, r * rng.uniform(0.9, 1.1), colours[int(rng.integers(6))],
            1.25 if k % 3 == 1 else 0.95)


def tree(c: Canvas, rng: Rng) -> None:
    """One great tree on a hill."""
    season = int(rng.integers(3))
    leaves = (["#2f5a2b", "#4b7a33", "#7fa544", "#b9cc66"], ["#8a3a1f", "#c2602a", "#e39a3a", "#f3cc66"],
        ["#9c5a76", "#d58aa2", "#eeb3bf", "#fbe0de"])[season]
    _gradient(c, [(-1, "#6fa3cf"), (-0.1, "#d7e6e2"), (0.4, "#f8e8c6")])
    _clouds(c, rng, 0.1, "#fffaf0", 0.15)
    c.paint(_ridge(c, rng, 0.38, 0.06, 3), "#8fae9a")
    c.paint(_ridge(c, rng, 0.50, 0.07, 2), "#7d9a54")
    hill = smoothstep(-0.005, 0.005, c.y - (0.52 + 0.14 * c.x**2))
    c.paint(hill, "#9fb04c")
    c.paint(hill * smoothstep(0.6, 1.1, c.y + 0.1 * noise(rng, c.height, c.width, 6)), "#5f7d34")
    x = rng.uniform(-0.25, 0.25)
    c.tint(c.soft(c.ellipse(x + 0.35, 0.64, 0.65, 0.08), 0.04), (0.5, 0.55, 0.5))
    trunk = "#4b3323"
    c.paint(c.polygon(spline([(x - 0.06, -0.2), (x - 0.05, 0.3), (x - 0.15, 0.62), (x + 0.15, 0.62),
        (x + 0.06, 0.3), (x + 0.07, -0.2)])), trunk)
    for end in ((-0.45, -0.35), (0.42, -0.4), (-0.2, -0.62), (0.22, -0.65)):
        c.paint(c.taper([(x, 0.12), (x + end[0] * 0.4, end[1] * 0.4), (x + end[0], end[1])], 0.08, (1, 0.2)),
            trunk)
    c.tint(c.polygon([(x, -0.2), (x + 0.01, 0.62), (x + 0.2, 0.62), (x + 0.1, -0.2)]) * 0.6, (0.6, 0.55, 0.6))
    for dx, dy, r in ((-0.4, -0.3, 0.34), (0.42, -0.32, 0.34), (0, -0.5, 0.44), (-0.15, -0.2, 0.3),
        (0.2, -0.15, 0.28)):
        _crown(c, rng, x + dx, dy, r * 1.2, r, leaves, 45)
    for _ in range(60):
        gx, gy = rng.uniform(-_wide(c), _wide(c)), rng.uniform(0.66, 1.0)
        c.paint(c.ellipse(gx, gy, 0.014), leaves[int(rng.integers(4))] if season else "#f1d34f")


def city(c: Canvas, rng: Rng) -> None:
    """A wet street between tall houses at dusk."""
    _gradient(c, [(-1, "#3a4a78"), (-0.3, "#c0788a"), (0.2, "#ffc27a")])
    wide = _wide(c)
    c.paint(c.spot(0, 0.18, 0.5), "#fff0c0", 0.8)
    for layer, (near, code) in enumerate(((0.25, "#8a7a98"), (0.55, "#5f5a80"), (1.0, "#383a5c"))):
        for s in (-1, 1):
            edge = wide
            inner = wide * (0.10 + 0.30 * layer)
            while edge > inner:
                w = rng.uniform(0.14, 0.24) * (0.6 + layer * 0.3)
                top = 0.15 - (0.35 + 0.5 * near) * rng.uniform(0.75, 1.25)
                left, right = sorted((s * edge, s * (edge - w)))
                c.paint(c.polygon([(left, top), (right, top), (right, 0.5), (left, 0.5)]),
                    mix(code, ("#a85a4a", "#c79a6a", "#4f6f8a")[int(rng.integers(3))], 0.35))
                for wx in np.arange(left + 0.03, right - 0.03, 0.055 + 0.01 * layer):
                    for wy in np.arange(top + 0.05, 0.3, 0.09 + 0.01 * layer):
                        if rng.uniform() < 0.6:
                            c.paint(c.polygon([(wx, wy), (wx + 0.028, wy), (wx + 0.028, wy + 0.05),
                                (wx, wy + 0.05)]), ("#ffd98a", "#ffb35a", "#2a2c4a")[int(rng.integers(3))])
                edge -= w
    c.paint(c.polygon([(-wide, 0.42), (wide, 0.42), (wide, 1), (-wide, 1)]), "#6a5a78")
    c.paint(c.polygon([(-0.12, 0.3), (0.12, 0.3), (wide * 0.8, 1), (-wide * 0.8, 1)]), "#8a7488")
    _ripples(c, rng, 0.4, 1.0, "#ffca80", 60, 0.6)
    _ripples(c, rng, 0.4, 1.0, "#3c3c60", 50, 0.5)
    for x in (-0.75, -0.42, 0.42, 0.78):
        y = 0.42 + 0.3 * abs(x)
        c.paint(c.line([(x, y), (x, y - 0.55)], 0.018), "#1f2036")
        c.paint(c.spot(x, y - 0.56, 0.14), "#ffe7a0", 0.7)
        c.paint(c.ellipse(x, y - 0.56, 0.03), "#fff6d0")
    for _ in range(7):
        x, y = rng.uniform(-0.7, 0.7), rng.uniform(0.5, 0.85)
        h = 0.12 + 0.22 * (y - 0.4)
        c.paint(c.taper([(x, y - h), (x, y)], h * 0.45, (0.4, 0.3)), "#1d1c30")
        c.paint(c.polygon(spline([(x - h * 0.6, y - h * 0.8), (x, y - h * 1.25),
            (x + h * 0.6, y - h * 0.8)])), ("#c2362f", "#25304f", "#d9a02f", "#3d6b6b")[int(rng.integers(4))])


def flowers(c: Canvas, rng: Rng) -> None:
    """A bunch of flowers in a vase."""
    wall = [("#d9cba3", "#a08a5c"), ("#7fa3a0", "#3f6468"), ("#b98a9a", "#6d4a62"),
        ("#35406a", "#1c2340")][int(rng.integers(4))]
    _gradient(c, [(-1, wall[0]), (0.6, wall[1])])
    table = smoothstep(0.60, 0.61, c.y) * np.ones_like(c.x)
    _gradient(c, [(0.6, "#b9834f"), (1, "#7a4a2a")], table)
    c.tint(c.soft(c.ellipse(0.2, 0.88, 0.42, 0.07), 0.05), (0.45, 0.4, 0.45))
    for _ in range(26):
        a, r = rng.uniform(-2.9, -0.25), rng.uniform(0.4, 0.95)
        x, y = 0.72 * r * np.cos(a), 0.1 + r * np.sin(a)
        c.paint(c.taper([(0, 0.35), (x * 0.5, y * 0.5 + 0.12), (x, y)], 0.025), "#3f6b36")
        c.paint(c.taper([(x * 0.5, y * 0.6), (x * 0.8 + 0.08, y * 0.7), (x + 0.1, y + 0.05)], 0.09,
            (0.05, 0.05)), ("#4f7d3a", "#6f9a48", "#2f5a3c")[int(rng.integers(3))])
    glaze = ("#e8e2d4", "#3a5f94", "#c2603c", "#52806a")[int(rng.integers(4))]
    vase = c.curve([(-0.15, 0.22), (0.15, 0.22), (0.13, 0.34), (0.28, 0.58), (0.2, 0.86), (0, 0.9),
        (-0.2, 0.86), (-0.28, 0.58), (-0.13, 0.34)])
    c.paint(vase, glaze)
    c.tint(vase, (0.5 + 0.65 * np.exp(-(((c.x + 0.1) / 0.19) ** 2)))[..., None] * np.ones((c.height, 1, 3),
        np.float32))
    codes = ["#d8403a", "#f0b23c", "#e88aa0", "#f4eee0", "#7a5ab0", "#ee7a3a", "#4f78c0"]
    rng.shuffle(codes)
    for _ in range(17):
        a, r = rng.uniform(0, 2 * np.pi), rng.uniform(0, 1) ** 0.5
        _flower(c, rng, 0.56 * r * np.cos(a), -0.33 + 0.5 * r * np.sin(a), rng.uniform(0.11, 0.2),
            codes[int(rng.integers(4))])


def field(c: Canvas, rng: Rng) -> None:
    """A wheat field with haystacks and cypresses."""
    _gradient(c, [(-1, "#3f7fc0"), (0, "#b9dcec")])
    _clouds(c, rng, 0.0, "#fdfbf3", 0.2, 0.95)
    c.paint(_ridge(c, rng, -0.02, 0.12, 3), "#6f8fb5")
    c.paint(_ridge(c, rng, 0.10, 0.06, 4), "#5f8a4a")
    ground = smoothstep(0.14, 0.16, c.y) * np.ones_like(c.x)
    _gradient(c, [(0.15, "#e6c75a"), (0.6, "#e0a83a"), (1, "#b5782a")], ground)
    wide = _wide(c)
    for k in range(26):
        x = -2.4 * wide + k * 0.19 * wide
        c.paint(c.taper([(x * 0.35, 0.17), (x * 0.7, 0.5), (x * 1.3, 1.05)], 0.05, (0.1, 1.4)),
            ("#c98f2c", "#f3dc82", "#9c8a34")[k % 3], 0.7)
    for x, y, s in ((rng.uniform(-0.9, -0.3), 0.55, 0.30), (rng.uniform(0.1, 0.5), 0.36, 0.17),
        (rng.uniform(-0.2, 0.0), 0.27, 0.10)):
        c.tint(c.soft(c.ellipse(x + 0.8 * s, y + 0.05 * s, s * 1.4, s * 0.25), 0.03), (0.55, 0.5, 0.6))
        c.paint(c.polygon(spline([(x - s, y), (x - s * 0.95, y - 0.5 * s), (x, y - 1.35 * s),
            (x + s * 0.95, y - 0.5 * s), (x + s, y)])), "#d9a441")
        c.tint(c.polygon([(x + s * 0.15, y), (x, y - 1.3 * s), (x + s, y - 0.5 * s), (x + s, y)]),
            (0.66, 0.58, 0.68))
    for x in (wide * 0.72, wide * 0.86):
        h = rng.uniform(0.9, 1.25)
        c.paint(c.polygon(spline([(x - 0.09, 0.4), (x - 0.11, 0.1), (x - 0.03, 0.4 - h), (x + 0.11, 0.05),
            (x + 0.09, 0.4)])), "#1f4a36")
        c.paint(c.taper([(x - 0.05, 0.35), (x - 0.07, 0), (x - 0.02, 0.5 - h)], 0.05), "#3f7348")


def night(c: Canvas, rng: Rng) -> None:
    """Stars and a moon over a village."""
    _gradient(c, [(-1, "#101c4a"), (-0.2, "#27508f"), (0.35, "#6fa0b8")])
    wide = _wide(c)
    for _ in range(14):
        x, y, r = rng.uniform(-wide, wide), rng.uniform(-0.95, 0.05), rng.uniform(0.02, 0.045)
        for size, opacity in ((3.6, 0.25), (2.2, 0.4), (1.0, 1.0)):
            c.paint(c.ellipse(x, y, r * size), "#fff0a0" if size < 2 else "#a9c8d8", opacity)
    mx = rng.choice([-0.75, 0.75])
    for size, code, opacity in ((0.36, "#9fc3cc", 0.35), (0.27, "#e8d98a", 0.5), (0.18, "#f8e27a", 1.0)):
        c.paint(c.ellipse(mx, -0.6, size), code, opacity)
    c.paint(c.ellipse(mx + 0.07, -0.64, 0.14), "#e8d98a")
    for k in range(5):
        y = -0.4 + 0.13 * k
        c.paint(c.taper([(-wide, y), (-0.4, y - 0.16), (0.2, y + 0.14), (wide, y - 0.1)], 0.05), "#7fb0cf",
            0.5)
    c.paint(_ridge(c, rng, 0.28, 0.14, 3), "#22406a")
    c.paint(_ridge(c, rng, 0.48, 0.08, 3), "#1c3350")
    for x in np.arange(-wide, wide, 0.26):
        h = rng.uniform(0.12, 0.2)
        _house(c, float(x) + rng.uniform(-0.04, 0.04), rng.uniform(0.62, 0.8), 0.22, h, "#3a4f78",
            ("#56405e", "#2c3458", "#6b4a4a")[int(rng.integers(3))], "#ffcf5a")
    sx = rng.uniform(-0.3, 0.3)
    c.paint(c.polygon([(sx - 0.05, 0.66), (sx - 0.05, 0.3), (sx, -0.05), (sx + 0.05, 0.3),
        (sx + 0.05, 0.66)]), "#2a3a60")
    c.paint(_ridge(c, rng, 0.86, 0.06, 5), "#142a34")
    x = -wide * 0.72 * np.sign(mx)
    c.paint(c.polygon(spline([(x - 0.16, 1), (x - 0.17, 0.4), (x - 0.02, -0.75), (x + 0.15, 0.35),
        (x + 0.16, 1)])), "#12261f")
    c.paint(c.taper([(x - 0.05, 0.9), (x - 0.08, 0.2), (x - 0.01, -0.55)], 0.06), "#2a4a38")


def bridge(c: Canvas, rng: Rng) -> None:
    """An arched bridge over a river, poplars behind."""
    _gradient(c, [(-1, "#8fb8d8"), (0.0, "#f2ead2")])
    _clouds(c, rng, -0.1, "#ffffff", 0.15)
    wide = _wide(c)
    c.paint(_ridge(c, rng, 0.0, 0.08, 4), "#8aa88a")
    for x in np.arange(-wide, wide, 0.17):
        h = rng.uniform(0.35, 0.75)
        _crown(c, rng, float(x), 0.12 - h / 2, 0.11, h / 2, ["#3a5f3a", "#5f8a45", "#8fae55", "#c2cc7a"], 34)
    c.paint(smoothstep(0.10, 0.12, c.y) * np.ones_like(c.x), "#7f9a5a")
    stone = ("#c9b08a", "#b5a59a", "#c2876a")[int(rng.integers(3))]
    t = np.linspace(-1, 1, 40)
    deck = np.stack([t * wide * 1.05, -0.02 - 0.13 * (1 - t**2)], 1)
    c.paint(c.polygon(np.concatenate([deck, [[wide * 1.05, 0.34], [-wide * 1.05, 0.34]]])), stone)
    for x, w in ((-0.62 * wide, 0.20 * wide), (0, 0.27 * wide), (0.62 * wide, 0.20 * wide)):
        a = np.linspace(np.pi, 2 * np.pi, 30)
        arch = np.stack([x + w * np.cos(a), 0.36 + 0.34 * np.sin(a)], 1)
        c.paint(c.polygon(arch), "#6a8f9a")
        c.paint(c.line(arch, 0.035, smooth=False), mix(stone, "#5a4636", 0.5))
    c.tint(c.line(deck + np.array([0, 0.07]), 0.03, smooth=False), 0.7)
    c.paint(c.line(deck, 0.04, smooth=False), mix(stone, "#ffffff", 0.4))
    _mirror(c, 0.36, 1.0, 0.8)
    _ripples(c, rng, 0.38, 1.0, "#cfe3e6", 55, 0.5)
    _ripples(c, rng, 0.38, 1.0, "#3f6a78", 55, 0.4)
    for _ in range(9):
        x, y = rng.uniform(-wide, wide), rng.uniform(0.6, 0.98)
        c.paint(c.ellipse(x, y, 0.09, 0.03), "#5f8a4a")
        c.paint(c.ellipse(x, y - 0.02, 0.028, 0.02), "#f3c3cc")
    _boat(c, rng.uniform(-0.6, 0.6), 0.66, 0.42, "#a8443a", "#f6efe0")


def forest(c: Canvas, rng: Rng) -> None:
    """Birches in autumn along a path."""
    _gradient(c, [(-1, "#f3d58a"), (0.1, "#f6ecc8"), (0.4, "#d9b45a")])
    for y, codes in ((-0.35, ["#d9a24a", "#e8b95a", "#f0d080"]), (-0.6,
        ["#b5602a", "#d9882f", "#f0b44a", "#f6d57a"])):
        for _ in range(7):
            _crown(c, rng, rng.uniform(-_wide(c), _wide(c)), y + rng.uniform(-0.2, 0.2), 0.4, 0.34, codes, 22)
    ground = smoothstep(-0.03, 0.03, c.y - 0.36 - 0.05 * noise(rng, c.height, c.width, 3))
    _gradient(c, [(0.3, "#c98f3a"), (1, "#8a4a24")], ground)
    c.paint(c.polygon(spline([(0.02, 0.36), (-0.18, 0.55), (0.1, 0.75), (-0.5, 1.1), (0.7, 1.1), (0.32, 0.75),
        (0.05, 0.55), (0.1, 0.36)])), "#e3cfa0")
    trunks = sorted(rng.uniform(0, 1, 11))
    for t in trunks:
        x = rng.choice([-1, 1]) * rng.uniform(0.22, _wide(c))
        w, foot = 0.025 + 0.07 * t, 0.4 + 0.52 * t
        lean = rng.uniform(-0.06, 0.06)
        trunk = c.polygon([(x - w / 2 + lean, -1), (x + w / 2 + lean, -1), (x + w * 0.65, foot),
            (x - w * 0.65, foot)])
        c.tint(c.soft(c.ellipse(x + 0.2, foot, 0.25, 0.03), 0.02), (0.6, 0.5, 0.5))
        c.paint(trunk, "#f1ece2")
        c.tint(trunk * smoothstep(-0.2, 0.6, (c.x - x) / w), (0.55, 0.56, 0.68))
        for _ in range(9):
            y = rng.uniform(-1, foot)
            c.paint(c.taper([(x - w * 0.5, y), (x - w * 0.05, y + 0.012)], 0.02) * trunk, "#2f2a2a")
    for _ in range(8):
        _crown(c, rng, rng.uniform(-_wide(c), _wide(c)), rng.uniform(-1.0, -0.72), 0.3, 0.2,
            ["#c2522a", "#e08a2f", "#f4c04f"], 18)
    for _ in range(120):
        x, y = rng.uniform(-_wide(c), _wide(c)), rng.uniform(0.45, 1.0)
        c.paint(c.ellipse(x, y, 0.02, 0.012, rng.uniform(0, 180)), ("#e8a93a", "#c2522a", "#f3d26a",
            "#7a3a1f")[int(rng.integers(4))])


def harbour(c: Canvas, rng: Rng) -> None:
    """Boats, bright houses and a lighthouse."""
    _gradient(c, [(-1, "#5fa8d8"), (0.1, "#d3ecf2")])
    _clouds(c, rng, -0.1, "#ffffff", 0.1)
    wide, side = _wide(c), rng.choice([-1, 1])
    c.paint(_ridge(c, rng, 0.05, 0.10, 2.5), "#6f9a7f")
    walls = ["#f2d7a0", "#e58f6a", "#f4efe2", "#9fc3d0", "#e8b4a8", "#d3c25f"]
    for x in np.arange(-wide, wide, 0.30):
        if abs(x - side * wide * 0.72) > 0.2:
            _house(c, float(x), 0.22, rng.uniform(0.22, 0.28), rng.uniform(0.18, 0.32),
                walls[int(rng.integers(6))], ("#b04a34", "#7a4a3c", "#c2603c")[int(rng.integers(3))])
    x = side * wide * 0.72
    c.paint(c.polygon([(x - 0.10, 0.22), (x - 0.065, -0.6), (x + 0.065, -0.6), (x + 0.10, 0.22)]), "#f6f1e8")
    for k in range(3):
        y = -0.5 + 0.26 * k
        w = 0.068 + 0.012 * k
        c.paint(c.polygon([(x - w, y), (x + w, y), (x + w + 0.004, y + 0.12), (x - w - 0.004, y + 0.12)]),
            "#c2362f")
    c.tint(c.polygon([(x + 0.02, 0.22), (x + 0.02, -0.6), (x + 0.065, -0.6), (x + 0.10, 0.22)]),
        (0.72, 0.74, 0.84))
    c.paint(c.polygon([(x - 0.06, -0.6), (x - 0.05, -0.74), (x, -0.82), (x + 0.05, -0.74), (x + 0.06, -0.6)]),
        "#3a3f4a")
    c.paint(c.ellipse(x, -0.67, 0.03), "#ffe79a")
    c.paint(smoothstep(0.21, 0.22, c.y) * np.ones_like(c.x), "#8a7a68")
    _mirror(c, 0.27, 1.0, 0.82)
    c.paint(smoothstep(0.27, 0.9, c.y) * np.ones_like(c.x), "#2f7f9a", 0.55)
    _ripples(c, rng, 0.3, 1.0, "#e6f4f4", 60, 0.55)
    _ripples(c, rng, 0.3, 1.0, "#1f5a78", 60, 0.45)
    for k in range(4):
        y = 0.42 + 0.14 * k
        _boat(c, rng.uniform(-0.95, 0.95) * wide * 0.8, y, 0.3 + 0.14 * k, ("#c2362f", "#2f4f7a", "#e8c24a",
            "#f4efe4")[(k + int(rng.integers(4))) % 4], ("#fbf6ea", "#f0c89a", "#fbf6ea")[k % 3])


def garden(c: Canvas, rng: Rng) -> None:
    """A cottage behind a meadow of poppies."""
    _gradient(c, [(-1, "#7fb3dc"), (0, "#e8f0e2")])
    _clouds(c, rng, 0.0, "#ffffff", 0.2)
    wide = _wide(c)
    c.paint(_ridge(c, rng, 0.05, 0.08, 3), "#7f9f8a")
    for x in np.arange(-wide, wide, 0.32):
        _crown(c, rng, float(x), rng.uniform(-0.05, 0.08), 0.22, rng.uniform(0.16, 0.34),
            ["#2f5a35", "#4f7d3f", "#7fa04f", "#aebf6a"], 26)
    hx = rng.uniform(-0.6, 0.3)
    _house(c, hx, 0.24, 0.52, 0.26, "#f4ead6", ("#b8583a", "#8a5a4a", "#7a6a7f")[int(rng.integers(3))],
        "#5a7a94")
    meadow = smoothstep(0.20, 0.23, c.y) * np.ones_like(c.x)
    _gradient(c, [(0.2, "#a9bf5f"), (1, "#4f7a38")], meadow)
    c.paint(meadow * smoothstep(0, 0.8, noise(rng, c.height, c.width, 6, 3, 2)), "#7fa24a", 0.8)
    c.paint(c.polygon(spline([(hx + 0.24, 0.24), (hx + 0.1, 0.45), (hx + 0.45, 0.7), (hx + 0.1, 1.1),
        (hx + 0.75, 1.1), (hx + 0.75, 0.7), (hx + 0.26, 0.45), (hx + 0.32, 0.24)])), "#e6d3a4")
    bloom = [("#d8342a", "#ee5a3a"), ("#7a5ac0", "#a88ae0"), ("#f0c83a", "#f8e07a"),
        ("#e88ab0", "#f6c0d0")][int(rng.integers(4))]
    for y in np.sort(rng.uniform(0.27, 1.0, 230)):
        x, r = rng.uniform(-wide, wide), 0.010 + 0.045 * (y - 0.2)
        c.paint(c.ellipse(x, float(y), r * 1.2, r), (*bloom,
            "#f6f0e0")[int(rng.choice(3, p=[0.55, 0.33, 0.12]))])
        c.tint(c.ellipse(x, float(y) + r * 0.3, r * 0.4), 0.55)


SCENES: tuple[tuple[Callable[[Canvas, Rng], None], bool], ...] = (  # (scene, upright?)
    (mountains, False), (sea, False), (still_life, False), (tree, True), (city, True), (flowers, True),
    (field, False), (night, False), (bridge, False), (forest, True), (harbour, False), (garden, False),
)  # fmt: skip


def scene(number: int, rng: Rng, long: int) -> Array:
    """Scene `number` (0 to 11) as an (h, w, 3) picture in 0..1 whose longest side is `long` pixels."""
    paint, upright = SCENES[number]
    short = round(long * 0.8)
    width, height = (short, long) if upright else (long, short)
    c = Canvas(width, height, unit=height / 2)
    paint(c, rng)
    return np.clip(c.rgb, 0, 1)
