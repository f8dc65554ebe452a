"""Twelve subjects in nine painterly styles: a scene is laid out, then painted again the way each style would.

A style takes the scene as an (h, w, 3) float32 picture in 0..1 and gives one of the same shape back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from samples.canvas import Array, colour, noise, normals, save, seeded, smoothstep, soft
from samples.scenes import SCENES, scene

LONG = 384
COUNT = len(SCENES)
_WORK = 576  # painted larger, then made smaller: cheap anti-aliasing
Rng = np.random.Generator


def draw(kind: str, number: int, path: Path) -> None:
    """Draw picture `number` (from 1) of the style `kind`; the same number is the same subject in every style."""
    rng = seeded("paintings", kind, number)
    rgb = KINDS[kind](scene(number - 1, rng, _WORK), rng)
    h, w = rgb.shape[:2]
    save(rgb, path, (round(w * LONG / _WORK), round(h * LONG / _WORK)))


# --- what several styles need ---------------------------------------------------------------------


def _grey(rgb: Array) -> Array:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def _vivid(rgb: Array, saturation: float, value: float = 1.0) -> Array:
    hsv = cv2.cvtColor(np.clip(rgb, 0, 1), cv2.COLOR_RGB2HSV)
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 1)
    hsv[..., 2] = np.clip(hsv[..., 2] * value, 0, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def _flow(rgb: Array, sigma: float) -> Array:
    """The angle, (h, w), along which the picture changes least: the way a brush would follow its shapes."""
    grey = _grey(rgb)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    xx, yy, xy = (soft(v, sigma) for v in (gx * gx, gy * gy, gx * gy))
    return 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)


def _warp(image: Array, rng: Rng, cells: float, pixels: float) -> Array:
    """Shift the picture about by smooth noise of up to `pixels`."""
    h, w = image.shape[:2]
    dx, dy = (noise(rng, h, w, cells, 2) * np.float32(pixels) for _ in range(2))
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    return cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _palette(rgb: Array, rng: Rng, count: int) -> tuple[Array, Array]:
    """`count` colours that stand for the picture, and for each pixel (h, w) which of them is nearest."""
    small = cv2.resize(rgb, (48, 48), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    centres = small[rng.choice(len(small), count, replace=False)]
    for _ in range(12):
        nearest = np.argmin(((small[:, None] - centres) ** 2).sum(-1), 1)
        centres = np.stack(
            [small[nearest == k].mean(0) if (nearest == k).any() else centres[k] for k in range(count)]
        )
    distance = np.stack([((rgb - k) ** 2).sum(-1) for k in centres])
    return centres, np.argmin(distance, 0)


def _edges(labels: Array) -> Array:
    """1 where two neighbouring labels differ, (h, w) uint8."""
    edge = np.zeros(labels.shape, np.uint8)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    return edge


def _mean_by(labels: Array, image: Array) -> Array:
    """Each pixel's colour replaced by the mean over its label."""
    flat = labels.ravel()
    size = np.maximum(np.bincount(flat), 1)
    return np.stack([(np.bincount(flat, image[..., i].ravel()) / size)[labels] for i in range(3)], -1).astype(
        np.float32
    )


def _paper(rng: Rng, h: int, w: int, roughness: float) -> Array:
    """Light over the tooth of a sheet, (h, w, 1) about 1."""
    tooth = soft(rng.normal(0, 1, (h, w)).astype(np.float32), 1.1) + 0.5 * noise(rng, h, w, 90, 2)
    return 1 + np.float32(roughness) * normals(tooth, 1.0)[0][..., None]


# --- brush strokes: impressionism, swirls, pointillism --------------------------------------------


def _strokes(
    rgb: Array, flow: Array, rng: Rng, layers: list[tuple[float, int, float]], jitter: float, bend: float
) -> tuple[Array, Array]:
    """Paint the picture over with strokes along `flow`; layers are (width, steps, spacing) in pixels.

    A stroke takes one colour, follows the flow step by step and ends where the picture's colour leaves it.
    Returns the painting and how thick its paint lies, (h, w) in 0..1.
    """
    h, w = rgb.shape[:2]
    canvas = np.ascontiguousarray((np.clip(rgb, 0, 1) * 255).astype(np.uint8))
    relief = np.zeros((h, w), np.uint8)
    for width, steps, spacing in layers:
        source = soft(rgb, width * 0.35)
        gx, gy = np.meshgrid(np.arange(0, w, spacing), np.arange(0, h, spacing))
        start = np.stack([gx.ravel(), gy.ravel()], 1) + rng.uniform(-spacing, spacing, (gx.size, 2)) * 0.6
        rng.shuffle(start)
        n = len(start)
        angle_off = rng.normal(0, bend, n)
        direction = rng.choice([-1.0, 1.0], n)

        def sample(image: Array, p: Array) -> Array:
            return image[np.clip(p[:, 1].astype(int), 0, h - 1), np.clip(p[:, 0].astype(int), 0, w - 1)]

        tone = sample(source, start)
        paths, alive, heading = [start], np.ones(n, bool), None
        for _ in range(steps):
            angle = sample(flow, paths[-1]) + angle_off
            step = np.stack([np.cos(angle), np.sin(angle)], 1) * direction[:, None]
            if heading is not None:  # the flow has no sense of direction: keep going forward
                step *= np.where((step * heading).sum(1) < 0, -1, 1)[:, None]
            heading = step
            ahead = paths[-1] + step * width * 0.9
            alive = alive & (np.abs(sample(source, ahead) - tone).sum(1) < 0.30)
            paths.append(np.where(alive[:, None], ahead, paths[-1]))
        lines = (np.stack(paths, 1) * 16).astype(np.int32)
        lab = cv2.cvtColor(tone[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
        lab += rng.normal(0, 1, lab.shape) * np.float32([jitter * 0.7, jitter, jitter])
        tones = (np.clip(cv2.cvtColor(lab[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0], 0, 1) * 255).tolist()
        widths = np.maximum(1, np.round(width * rng.uniform(0.7, 1.25, n))).astype(int).tolist()
        heights = rng.integers(40, 255, n).tolist()
        for line, paint, thick, high in zip(lines, tones, widths, heights, strict=True):
            cv2.polylines(canvas, [line], False, paint, thick, cv2.LINE_AA, 4)
            cv2.polylines(relief, [line], False, high, thick, cv2.LINE_8, 4)
    return canvas.astype(np.float32) / 255, relief.astype(np.float32) / 255


def _bristles(flow: Array, rng: Rng, reach: int = 5) -> Array:
    """Noise drawn out along the flow, (h, w) about 0: the marks of a brush's hairs."""
    h, w = flow.shape
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    dx, dy = np.cos(flow), np.sin(flow)
    dots = soft(rng.normal(0, 1, (h, w)).astype(np.float32), 0.6)
    total = dots.copy()
    for k in range(1, reach):
        for s in (-1.7 * k, 1.7 * k):
            total += cv2.remap(
                dots,
                x + dx * np.float32(s),
                y + dy * np.float32(s),
                cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REFLECT,
            )
    return total / np.float32(2 * reach - 1)


def _impasto(paint: Array, relief: Array, bristle: Array, depth: float) -> Array:
    """Light the paint from the upper left, over its thickness."""
    nx, ny, nz = normals(soft(relief, 0.8) * np.float32(2.2) + bristle * np.float32(1.6), depth)
    light = -0.5 * nx - 0.6 * ny + 0.62 * nz
    return paint * (0.42 + 0.95 * light[..., None]) + 0.10 * np.clip(light - 0.72, 0, 1)[..., None]


def _impressionism(rgb: Array, rng: Rng) -> Array:
    """Short broken dabs of light, pastel colour."""
    bright = _vivid(rgb, 1.05) * 0.90 + np.float32([0.10, 0.095, 0.105])
    h, w = rgb.shape[:2]
    flow = _flow(soft(bright, 1.5), 9) + 0.5 * noise(rng, h, w, 5, 2)
    paint, relief = _strokes(bright, flow, rng, [(17, 2, 11), (10, 2, 8), (6, 2, 6)], 6.0, 0.45)
    return _impasto(paint, relief, _bristles(flow, rng), 1.0)


def _swirls(rgb: Array, rng: Rng) -> Array:
    """Long curling ropes of thick, strong colour."""
    strong = _vivid(rgb, 1.45, 0.97)
    h, w = rgb.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32))
    field = noise(rng, h, w, 2.2, 2)
    for _ in range(4):
        cx, cy, r = rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.4), rng.uniform(0.2, 0.4)
        field += 2.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r**2)
    gx, gy = cv2.Sobel(soft(field, 6), cv2.CV_32F, 1, 0), cv2.Sobel(soft(field, 6), cv2.CV_32F, 0, 1)
    curl, shape = np.arctan2(gx, -gy), _flow(strong, 6)
    grey = _grey(strong)
    held = smoothstep(0.01, 0.06, soft(np.abs(grey - soft(grey, 6)), 5))
    twice = [(1 - held) * f(2 * curl) + held * f(2 * shape) for f in (np.cos, np.sin)]
    flow = 0.5 * np.arctan2(twice[1], twice[0]).astype(np.float32)
    paint, relief = _strokes(strong, flow, rng, [(13, 5, 11), (7, 7, 8), (4, 8, 9)], 8.5, 0.08)
    return _impasto(paint, relief, _bristles(flow, rng, 8), 1.5)


def _pointillism(rgb: Array, rng: Rng) -> Array:
    """Dots of pure colour side by side, each a little off the hue that they make together."""
    h, w = rgb.shape[:2]
    source = soft(_vivid(rgb, 1.35, 1.05), 1.5)
    canvas = np.ascontiguousarray(np.clip(_vivid(soft(rgb, 5), 0.5) * 0.6 + 0.38, 0, 1) * 255).astype(np.uint8)
    for radius, spacing, off in ((4.6, 6.5, 13.0), (3.4, 5.6, 20.0)):
        gx, gy = np.meshgrid(np.arange(0, w, spacing), np.arange(0, h, spacing))
        at = np.stack([gx.ravel(), gy.ravel()], 1) + rng.uniform(-0.5, 0.5, (gx.size, 2)) * spacing
        rng.shuffle(at)
        tone = source[np.clip(at[:, 1].astype(int), 0, h - 1), np.clip(at[:, 0].astype(int), 0, w - 1)]
        lab = cv2.cvtColor(tone[None], cv2.COLOR_RGB2LAB)[0]
        lab += rng.normal(0, 1, lab.shape).astype(np.float32) * np.float32([off * 0.45, off, off * 1.1])
        tones = (np.clip(cv2.cvtColor(lab[None], cv2.COLOR_LAB2RGB)[0], 0, 1) * 255).tolist()
        sizes = (radius * rng.uniform(0.75, 1.15, len(at)) * 16).astype(int).tolist()
        for (x, y), paint, size in zip((at * 16).astype(int).tolist(), tones, sizes, strict=True):
            cv2.circle(canvas, (x, y), size, paint, -1, cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / 255 * _paper(rng, h, w, 0.10)


# --- ink, wood, glass -----------------------------------------------------------------------------


def _ink_wash(rgb: Array, rng: Rng) -> Array:
    """Black ink in a few wet tones on old paper, outlines of a loaded brush, one red seal."""
    h, w = rgb.shape[:2]
    grey = soft(_grey(rgb), 2.5)
    grey = (grey - grey.min()) / (np.ptp(grey) + 1e-6)
    wet = _warp(grey, rng, 26, 5) + 0.10 * noise(rng, h, w, 5, 4)
    ink = np.zeros((h, w), np.float32)
    for level, strength, blur in ((0.72, 0.13, 7), (0.52, 0.22, 4), (0.36, 0.30, 2.5), (0.20, 0.42, 1.2)):
        pool = soft(smoothstep(level + 0.035, level - 0.035, wet), blur)
        rim = np.clip(soft(pool, 1.5) - soft(pool, 6), 0, 1)
        ink += strength * (pool * (0.85 + 0.25 * noise(rng, h, w, 40, 3)) + 0.7 * rim)
    fine, wide = soft(grey, 1.6), soft(grey, 3.6)
    pressure = smoothstep(-0.4, 0.5, noise(rng, h, w, 9, 2))
    lines = smoothstep(0.010, 0.040, _warp(wide - fine, rng, 60, 1.6)) * (0.25 + 0.75 * pressure)
    dry = smoothstep(-0.35, 0.25, soft(rng.normal(0, 1, (h, w)).astype(np.float32), 1.0) + pressure)
    ink = np.clip(ink * 0.9 + 0.75 * lines * dry, 0, 0.96)
    x, y = np.meshgrid(np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32))
    ink *= 1 - smoothstep(0.80, 1.02, np.maximum(np.abs(x), np.abs(y)) + 0.08 * noise(rng, h, w, 5, 3))
    sheet = colour("#efe6d2") * (1 + 0.035 * noise(rng, h, w, 4, 4))[..., None] * _paper(rng, h, w, 0.05)
    out = sheet + (np.float32([0.10, 0.105, 0.12]) - sheet) * ink[..., None]
    return _seal(out.astype(np.float32), rng)


def _seal(rgb: Array, rng: Rng) -> Array:
    h, w = rgb.shape[:2]
    s = 34
    stamp = np.full((s, s), 255, np.uint8)
    for _ in range(6):
        a, b = rng.integers(5, s - 5, 2), rng.integers(5, s - 5, 2)
        end = (int(b[0]), int(a[1])) if rng.uniform() < 0.5 else (int(a[0]), int(b[1]))
        cv2.line(stamp, (int(a[0]), int(a[1])), end, 0, 2)
    worn = (
        cv2.GaussianBlur(stamp, (0, 0), 0.7).astype(np.float32)
        / 255
        * (0.75 + 0.25 * rng.uniform(0, 1, (s, s)).astype(np.float32))
    )
    y, x = h - s - 42, (w - s - 42) if rng.uniform() < 0.5 else 42
    rgb[y : y + s, x : x + s] += (
        (colour("#b5261e") - rgb[y : y + s, x : x + s]) * worn[..., None] * np.float32(0.9)
    )
    return rgb


def _woodcut(rgb: Array, rng: Rng) -> Array:
    """Black lines cut along the shapes, over two flat printed tints that do not quite register."""
    h, w = rgb.shape[:2]
    grey = soft(_grey(rgb), 1.2)
    rank = np.interp(grey, np.quantile(grey, np.linspace(0, 1, 33)), np.linspace(0, 1, 33)).astype(np.float32)
    low, high = np.percentile(grey, (2, 97))
    tone = np.clip(0.55 * rank + 0.45 * np.clip((grey - low) / (high - low), 0, 1) + 0.10, 0, 1)
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    form = soft(tone, 9)
    phase = (y + 0.15 * x + 46 * form + 9 * noise(rng, h, w, 4, 2)) * np.float32(2 * np.pi / 7.5)
    cross = (x - 0.35 * y + 40 * form + 9 * noise(rng, h, w, 4, 2)) * np.float32(2 * np.pi / 8.5)
    rough = 0.10 * noise(rng, h, w, 70, 2)
    groove, second = 0.5 + 0.5 * np.cos(phase) + rough, 0.5 + 0.5 * np.cos(cross) + rough
    cut = smoothstep(-0.10, 0.10, tone * 1.18 - 0.08 - (1 - groove) * 0.80)
    cut *= np.maximum(
        smoothstep(0.40, 0.46, tone), smoothstep(-0.10, 0.10, tone * 1.9 - 0.1 - (1 - second) * 0.85)
    )
    cut = np.where(tone > 0.80, 1.0, cut).astype(np.float32)
    line = smoothstep(0.012, 0.030, soft(grey, 3.2) - soft(grey, 1.2))
    grain_lines = noise(rng, h, w, 3, 2, stretch=40)
    black = np.clip(1 - cut + line, 0, 1) * (0.90 + 0.10 * smoothstep(-0.5, 0.2, grain_lines))
    pairs = (("#d9642f", "#2f6a78"), ("#c2402f", "#d9a84a"), ("#3f7a8a", "#e0b060"), ("#7a9a5a", "#d98a4a"))
    warm, cool = (colour(k) for k in pairs[int(rng.integers(len(pairs)))])
    lab = cv2.cvtColor(soft(rgb, 2), cv2.COLOR_RGB2LAB)
    side = lab[..., 1] * 0.6 + lab[..., 2]
    side -= np.median(side)
    out = colour("#f0e6cf") * (1 + 0.03 * noise(rng, h, w, 6, 3))[..., None]
    for tint, mask in ((warm, smoothstep(4, 7, side)), (cool, smoothstep(4, 7, -side))):
        block = np.roll(mask, (int(rng.integers(-3, 4)), int(rng.integers(-3, 4))), (0, 1)) * (tone < 0.93)
        block = soft(block.astype(np.float32), 0.8) * (0.86 + 0.10 * smoothstep(-0.5, 0.3, grain_lines))
        out = out * (1 - block[..., None] * (1 - tint))
    ink = np.float32([0.09, 0.08, 0.085])
    out = out + (ink - out) * black[..., None]
    return _framed(out, colour("#f0e6cf"), rng, 16)


def _framed(rgb: Array, sheet: Array, rng: Rng, margin: int) -> Array:
    """Leave an uneven margin of bare paper around the picture."""
    h, w = rgb.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    inside = np.minimum(np.minimum(x, w - 1 - x), np.minimum(y, h - 1 - y)) + 2.5 * noise(rng, h, w, 24, 3)
    return sheet + (rgb - sheet) * smoothstep(margin - 1, margin + 1, inside)[..., None]


def _cells(rgb: Array, rng: Rng, spacing: float) -> Array:
    """Cells that fit the picture's shapes, (h, w) int labels: nearest seed in place and colour, as in SLIC."""
    h, w = rgb.shape[:2]
    step = 3
    small = cv2.resize(soft(rgb, 2), (w // step, h // step), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    sh, sw = lab.shape[:2]
    x, y = np.meshgrid(np.arange(sw, dtype=np.float32), np.arange(sh, dtype=np.float32))
    s = spacing / step
    gx, gy = np.meshgrid(np.arange(s / 2, sw, s), np.arange(s / 2, sh, s))
    at = np.stack([gx.ravel(), gy.ravel()], 1) + rng.uniform(-0.33, 0.33, (gx.size, 2)) * s
    at = np.clip(at, 0, [sw - 1, sh - 1]).astype(np.float32)
    tone = lab[at[:, 1].astype(int), at[:, 0].astype(int)]
    weight = np.float32(s / 20)
    pixels = np.concatenate([x[..., None], y[..., None], lab * weight], -1).reshape(-1, 5)
    for _ in range(5):
        seeds = np.concatenate([at, tone * weight], 1)
        distance = (seeds**2).sum(1)[None] - 2 * pixels @ seeds.T
        labels = np.argmin(distance, 1)
        size = np.maximum(np.bincount(labels, minlength=len(at)), 1)
        mean = np.stack([np.bincount(labels, pixels[:, i], len(at)) / size for i in range(5)], 1).astype(
            np.float32
        )
        at, tone = mean[:, :2], mean[:, 2:] / weight
    image = cv2.medianBlur(labels.reshape(sh, sw).astype(np.uint16), 5)
    return cv2.medianBlur(cv2.resize(image, (w, h), interpolation=cv2.INTER_NEAREST), 5).astype(np.int64)


def _stained_glass(rgb: Array, rng: Rng) -> Array:
    """Panes of glowing glass between dark leads."""
    h, w = rgb.shape[:2]
    labels = _cells(_vivid(rgb, 1.3), rng, 44)
    pane = _vivid(_mean_by(labels, rgb), 1.75, 1.05)
    count = int(labels.max()) + 1
    pane *= rng.uniform(0.78, 1.18, count).astype(np.float32)[labels][..., None]
    lead = cv2.dilate(_edges(labels), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    depth = cv2.distanceTransform(1 - lead, cv2.DIST_L2, 3)
    streaks = noise(rng, h, w, 22, 3, stretch=0.4)
    glow = 0.62 + 0.48 * smoothstep(0, 15, depth) + 0.12 * streaks
    x, y = np.meshgrid(np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32))
    sun = 0.88 + 0.30 * np.exp(-((x + 0.3) ** 2 + (y + 0.4) ** 2) / 0.7)
    out = pane * (glow * sun)[..., None]
    out += 0.10 * smoothstep(0.5, 1.1, streaks + 0.4 * noise(rng, h, w, 60, 2))[..., None]
    came = soft(lead.astype(np.float32), 0.8)
    nx, ny, _ = normals(soft(came, 1.6), 6.0)
    metal = np.float32([0.13, 0.13, 0.15]) * (1 + 1.6 * np.clip(-0.6 * nx - 0.6 * ny, 0, 1))[..., None]
    out += soft(np.clip(out, 0, 1) * (1 - came[..., None]), 12) * 0.16
    out = out + (metal - out) * came[..., None]
    edge = np.minimum(np.minimum(x + 1, 1 - x) * w, np.minimum(y + 1, 1 - y) * h) / 2
    return out + (np.float32([0.10, 0.10, 0.12]) - out) * (1 - smoothstep(6, 8, edge))[..., None]


# --- planes, water, drips -------------------------------------------------------------------------


def _cubism(rgb: Array, rng: Rng) -> Array:
    """The scene broken into tilted planes, each seen from its own place, in ochres and greys."""
    h, w = rgb.shape[:2]
    x, y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    labels = np.zeros((h, w), np.int64)
    for _ in range(9):
        a, px, py = rng.uniform(0, np.pi), rng.uniform(0.1, 0.9) * w, rng.uniform(0.1, 0.9) * h
        bow = rng.choice([0.0, 0.0, 0.0015]) * ((x - px) * np.cos(a) + (y - py) * np.sin(a)) ** 2
        labels = labels * 2 + (((y - py) * np.cos(a) - (x - px) * np.sin(a) + bow) > 0)
    _, labels = np.unique(labels, return_inverse=True)
    labels = labels.reshape(h, w)
    n = int(labels.max()) + 1
    size = np.bincount(labels.ravel(), minlength=n)
    cx, cy = (np.bincount(labels.ravel(), v.ravel(), n) / size for v in (x, y))
    turn, zoom = rng.normal(0, 0.22, n), rng.uniform(0.62, 0.95, n)
    shift = rng.normal(0, 0.05 * w, (2, n))
    lx, ly = x - cx[labels], y - cy[labels]
    c, s = (np.cos(turn) * zoom)[labels], (np.sin(turn) * zoom)[labels]
    sx, sy = cx[labels] + c * lx - s * ly + shift[0][labels], cy[labels] + s * lx + c * ly + shift[1][labels]
    seen = cv2.remap(
        rgb, sx.astype(np.float32), sy.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    _, near = _palette(soft(seen, 2.0), rng, 7)
    flat = _mean_by(near, seen)
    ramp = ("#2a241f", "#5a4634", "#8a6f4a", "#b8975f", "#d6bf8f", "#eee0c0")
    steps = np.linspace(0, 1, len(ramp))
    grey = _grey(flat)
    earth = np.stack([np.interp(grey, steps, [colour(k)[i] for k in ramp]) for i in range(3)], -1).astype(
        np.float32
    )
    mixed = earth * 0.52 + _vivid(flat, 1.15) * 0.48
    low, high = np.percentile(mixed, (2, 98))
    mixed = (0.12 + 0.84 * (mixed - low) / (high - low)).astype(np.float32)
    way = rng.uniform(0, 2 * np.pi, n)
    reach = np.sqrt(size)[labels]
    slope = (np.cos(way)[labels] * lx + np.sin(way)[labels] * ly) / reach
    mixed *= (0.97 + 0.46 * np.clip(slope, -1, 1) + rng.uniform(-0.12, 0.12, n)[labels])[..., None].astype(
        np.float32
    )
    outline = soft(cv2.dilate(_edges(labels), np.ones((2, 2), np.uint8)).astype(np.float32), 0.8)
    inner = soft(_edges(near).astype(np.float32), 0.8) * 0.35
    dark = np.clip(outline * 0.9 + inner, 0, 1) * smoothstep(-0.9, -0.1, noise(rng, h, w, 12, 2))
    mixed = mixed + (colour("#1d1815") - mixed) * dark[..., None]
    flow = (way / 2)[labels].astype(np.float32)
    return _impasto(np.clip(mixed, 0, 1), np.zeros((h, w), np.float32), _bristles(flow, rng, 7), 0.8)


def _watercolour(rgb: Array, rng: Rng) -> Array:
    """Thin washes that pool at their edges, with pencil under them and bare paper around."""
    h, w = rgb.shape[:2]
    calm = cv2.pyrMeanShiftFiltering((np.clip(rgb, 0, 1) * 255).astype(np.uint8), 10, 22).astype(np.float32) / 255
    wet = _warp(calm, rng, 18, 6)
    wet = _warp(wet, rng, 70, 2.5)
    _, near = _palette(wet, rng, 9)
    labels = cv2.medianBlur(near.astype(np.uint8), 5)
    step = _grey(wet) - soft(_grey(wet), 4)
    real = smoothstep(0.004, 0.03, cv2.dilate(np.abs(step), np.ones((5, 5))))  # not where a wash only fades
    rim = soft(_edges(labels) * real, 1.3) * 1.6
    pools = noise(rng, h, w, 4, 4)
    blooms = np.abs(noise(rng, h, w, 3, 3))
    density = 0.72 + 0.22 * pools + 0.42 * rim + 0.16 * (smoothstep(0.10, 0.0, blooms) - 0.3)
    tooth = soft(rng.normal(0, 1, (h, w)).astype(np.float32), 1.0)
    density += 0.09 * tooth * (0.4 + pools)
    pigment = -np.log(np.clip(_vivid(soft(wet, 1.2) * 0.9 + 0.09, 1.2), 0.03, 1))
    dry = smoothstep(0.62, 0.9, soft(_grey(rgb), 2) + 0.25 * noise(rng, h, w, 9, 3))
    x, y = np.meshgrid(np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32))
    border = np.maximum(np.abs(x), np.abs(y)) + 0.09 * noise(rng, h, w, 7, 4)
    bare = smoothstep(0.94, 0.91, border) * (1 - 0.55 * dry)
    bare += np.clip(soft(bare, 1.2) - soft(bare, 4), 0, 1) * 0.8
    out = np.exp(-pigment * np.clip(density, 0.05, 2)[..., None] * bare[..., None])
    fine = soft(_grey(rgb), 1.1)
    pencil = smoothstep(0.012, 0.05, np.abs(_warp(soft(fine, 2.2) - fine, rng, 12, 2.5)))
    out *= (1 - 0.38 * pencil * smoothstep(-0.6, 0.4, tooth) * smoothstep(0.98, 0.90, border))[..., None]
    return (out * colour("#fbf8f0") * _paper(rng, h, w, 0.07)).astype(np.float32)


def _drip(rgb: Array, rng: Rng) -> Array:
    """Paint flung and dripped in loops; the scene lends its colours and, from afar, where they lie."""
    h, w = rgb.shape[:2]
    tones, _ = _palette(_vivid(rgb, 1.35), rng, 6)
    base = colour("#e9dfca") if rng.uniform() < 0.6 else tones[np.argmin(tones.sum(1))] * 0.7
    wash = soft(rgb, 26) * 0.35 + base * 0.65
    canvas = np.ascontiguousarray(
        (np.clip(wash * (1 + 0.05 * noise(rng, h, w, 30, 3))[..., None], 0, 1) * 255).astype(np.uint8)
    )
    relief = np.zeros((h, w), np.uint8)
    local = soft(_vivid(rgb, 1.5), 8)
    black, white = np.float32([0.07, 0.065, 0.075]), np.float32([0.96, 0.94, 0.90])
    for k in range(125):
        n = 150
        turn = np.cumsum(rng.normal(0, 0.07, n)) + rng.normal(0, 0.035) * np.arange(n) + rng.uniform(0, 6.3)
        speed = rng.uniform(1.6, 4.6) * (1 + 0.5 * np.sin(np.linspace(0, rng.uniform(4, 14), n)))
        path = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * speed[:, None], 0)
        path += rng.uniform(0, 1, 2) * [w, h] - path[n // 2]
        mid = np.clip(path[n // 2].astype(int), 0, [w - 1, h - 1])
        pick = k % 5
        tone = (local[mid[1], mid[0]], tones[int(rng.integers(6))], black, local[mid[1], mid[0]], white)[pick]
        thick = rng.uniform(1.2, 6.0) * (0.6 if pick in (2, 4) else 1.0)
        widths = np.clip(thick * (2.6 - 0.45 * speed) * (0.8 + 0.4 * np.sin(np.linspace(0, 30, n))), 1, 13).astype(
            int
        )
        _fling(canvas, relief, path, widths, (np.clip(tone, 0, 1) * 255).tolist(), int(rng.integers(90, 255)))
        for _ in range(10):
            at = path[int(rng.integers(n))] + rng.normal(0, 16, 2)
            r = int(np.clip(rng.exponential(1.7) * 16, 10, 120))
            cv2.circle(
                canvas,
                (int(at[0] * 16), int(at[1] * 16)),
                r,
                (np.clip(tone, 0, 1) * 255).tolist(),
                -1,
                cv2.LINE_AA,
                4,
            )
            cv2.circle(relief, (int(at[0] * 16), int(at[1] * 16)), r, 200, -1, cv2.LINE_AA, 4)
    weave = np.sin(np.arange(w) * 1.6)[None] * np.sin(np.arange(h) * 1.6)[:, None] * 0.05
    return _impasto(
        canvas.astype(np.float32) / 255, relief.astype(np.float32) / 255 * 1.4, weave.astype(np.float32), 1.0
    )


def _fling(canvas: Array, relief: Array, path: Array, widths: Array, tone: list[float], high: int) -> None:
    points = (path * 16).astype(np.int32)
    for a, b, width in zip(points[:-1].tolist(), points[1:].tolist(), widths.tolist(), strict=False):
        cv2.line(canvas, a, b, tone, width, cv2.LINE_AA, 4)
        cv2.line(relief, a, b, high, width, cv2.LINE_8, 4)


KINDS: dict[str, Callable[[Array, Rng], Array]] = {
    "impressionism": _impressionism,
    "swirls": _swirls,
    "pointillism": _pointillism,
    "ink-wash": _ink_wash,
    "woodcut": _woodcut,
    "stained-glass": _stained_glass,
    "cubism": _cubism,
    "watercolour": _watercolour,
    "drip": _drip,
}
