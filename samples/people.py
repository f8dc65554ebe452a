"""Invented people, four portraits each: one modelled head per person, relit, turned, dressed and smiling anew.

A head is a height field with colours on it, both drawn from the front. To turn it, every point is moved by its
height; to light it, the turned height gives the normals. So one identity holds over all its pictures.
Lengths are in face units: the middle of the face is (0, 0), the chin about (0, 1), the crown about (0, -1.25).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from samples.canvas import (
    Array,
    Canvas,
    colour,
    grain,
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

SIZE = (320, 384)
COUNT = 4
_SCALE = 1.4
_SIDES = (-1, 1)


@dataclass(frozen=True)
class Person:
    """What stays the same in every picture of one person."""

    skin: str
    hair: str
    style: str
    eyes: str
    clothes: tuple[str, str, str, str]
    cheek: float = 0.71  # half width of the face at the eyes
    jaw: float = 0.52  # half width at the mouth's height
    chin: float = 0.24
    length: float = 1.0  # of the lower face
    eye: float = 0.162  # half width of an eye
    spacing: float = 0.31
    slant: float = 0.015
    brow: float = 0.055  # thickness
    arch: float = 0.05
    nose: float = 0.10  # half distance of the nostril wings
    bridge: float = 1.0
    lips: float = 1.0
    lip_colour: str = "#b5605a"
    mouth: float = 0.235  # half width
    beard: str = ""  # "", "stubble", "full", "moustache", "goatee"
    glasses: str = ""  # "", "round", "square"
    frame: str = "#2b2622"
    freckles: float = 0.0
    age: float = 0.2
    earrings: str = ""


@dataclass(frozen=True)
class Shot:
    """What changes from one picture to the next."""

    smile: float
    open: float
    brows: float
    yaw: float  # degrees
    pitch: float
    tilt: float
    light: tuple[float, float, float]
    warm: float
    backdrop: tuple[str, str]
    collar: str


KINDS: dict[str, Person] = {
    "amara": Person("#6b4128", "#17110f", "afro", "#2c170c", ("#d9a441", "#b8482f", "#2f6f6a", "#efe3cf"),
            cheek=0.70, jaw=0.50, nose=0.125, lips=1.35, lip_colour="#8a3f3c", brow=0.05, arch=0.07,
            earrings="#e0b64f"),
    "bjorn": Person("#eec3a5", "#9c6232", "swept", "#4d7fa6", ("#3d5a48", "#e4ddcf", "#37506b", "#8a4a3a"),
            cheek=0.72, jaw=0.58, chin=0.28, beard="full",
            brow=0.075, arch=0.03, nose=0.105, lips=1.05, lip_colour="#7d3a36", age=0.4),
    "chiyo": Person("#f0cdae", "#16130f", "bob", "#2b1a10", ("#e9e2d6", "#7c9cb0", "#c0504d", "#2d3142"),
            cheek=0.72, jaw=0.50, chin=0.22, eye=0.158, slant=0.035, brow=0.045, arch=0.035, nose=0.092,
            bridge=0.75, lips=1.0, lip_colour="#c2545b", mouth=0.21, age=0.1),
    "dario": Person("#cf9a70", "#21170f", "wavy", "#4a2f16", ("#7a3b3f", "#8fa9bf", "#2f3b4a", "#c9a063"),
            cheek=0.70, jaw=0.56, chin=0.27, beard="stubble",
            brow=0.075, arch=0.035, nose=0.108, bridge=1.2, lips=0.95, age=0.3),
    "edith": Person("#efc9b4", "#d8d6d2", "pinned", "#5f83a0", ("#6d5b8c", "#4f7a78", "#b76e79", "#e6d7c3"),
            cheek=0.70, jaw=0.54, chin=0.25, brow=0.04, arch=0.05, lips=0.75, lip_colour="#b9646a",
            glasses="round", frame="#8a6a45", age=1.0, earrings="#e9e6df"),
    "farid": Person("#b67f57", "#15110e", "crew", "#2e1c10", ("#c9bfae", "#355c5a", "#6b6f86", "#2e3540"),
            cheek=0.69, jaw=0.55, chin=0.26, beard="goatee",
            brow=0.08, arch=0.04, nose=0.115, bridge=1.25, lips=0.95, glasses="square", age=0.45),
    "grace": Person("#f6d3bf", "#a8431c", "long", "#4f8a5b", ("#2f5d50", "#e8d9c0", "#32496b", "#a64b3c"),
            cheek=0.69, jaw=0.48, chin=0.21, brow=0.042, arch=0.06, nose=0.09, lips=1.05,
            lip_colour="#c9675f", freckles=1.0, age=0.1),
    "hugo": Person("#e6b795", "#8d8a86", "bald", "#5a6b70", ("#5b6650", "#b0573f", "#e2dccf", "#3d4f66"),
            cheek=0.72, jaw=0.59, chin=0.29, beard="moustache",
            brow=0.07, arch=0.03, nose=0.12, bridge=1.15, lips=0.75, age=0.9),
    "ines": Person("#c98f68", "#2c1a12", "curls", "#4b2d15", ("#c85a3c", "#f0e6d2", "#2e6171", "#d8a33a"),
            cheek=0.71, jaw=0.52, chin=0.23, brow=0.055, arch=0.065, nose=0.105, lips=1.2,
            lip_colour="#b04a48", age=0.2, earrings="#d9b25a"),
    "june": Person("#f1c9ac", "#6f4a2a", "fringe", "#6a8f9e", ("#e0a83f", "#5f8f8a", "#c4574f", "#d8dfe4"),
            cheek=0.70, jaw=0.52, chin=0.25, brow=0.05,
            arch=0.03, nose=0.095, lips=0.9, age=0.0, freckles=0.35),
    "kavya": Person("#a86f47", "#120d0b", "parted", "#27150b", ("#b3325a", "#e6a532", "#2a7f7a", "#5b3a77"),
            cheek=0.69, jaw=0.49, chin=0.22, eye=0.168, brow=0.058, arch=0.055, nose=0.1, lips=1.15,
            lip_colour="#9c3f48", age=0.2, earrings="#e3bd55"),
    "leila": Person("#e0b08a", "#8c3a52", "scarf", "#5c4426", ("#3a4763", "#70665c", "#274b4a", "#553344"),
            cheek=0.69, jaw=0.50, chin=0.22, eye=0.166, brow=0.058, arch=0.05, nose=0.098, bridge=1.1,
            lips=1.1, lip_colour="#b5535a", age=0.25),
    "mateo": Person("#8d5a3a", "#1a1310", "fade", "#2a180d", ("#e9e2d3", "#3f6f9a", "#a8663d", "#42604f"),
            cheek=0.70, jaw=0.57, chin=0.27, brow=0.07, arch=0.03,
            nose=0.125, lips=1.2, lip_colour="#8c4b44", beard="stubble", age=0.2),
    "nora": Person("#f3cfb8", "#e2bf7d", "bun", "#4f7fb0", ("#e7b7b2", "#4d6a8a", "#f1ead9", "#87a184"),
            cheek=0.70, jaw=0.50, chin=0.22, brow=0.045, arch=0.06, nose=0.092, lips=1.0,
            lip_colour="#cc6b70", age=0.15, earrings="#d9d9d9"),
}  # fmt: skip

_SHOTS = (  # smile, open, brows, yaw, pitch, tilt, light, warm, collar
    (0.25, 0.0, 0.0, 4, 0, -1, (-0.5, -0.6, 0.75), 0.3, "crew"),
    (1.0, 0.5, 0.25, -13, 1, 4, (0.6, -0.5, 0.7), 0.8, "shirt"),
    (0.6, 0.0, 0.1, 14, -2, -5, (0.35, -0.65, 0.75), -0.3, "vee"),
    (0.9, 1.0, 0.5, -5, 2, 2, (-0.65, -0.4, 0.7), 0.5, "turtle"),
)
_BACKDROPS = (
    ("#c9d3d6", "#7d949e"), ("#efe0c4", "#c79f6d"), ("#a9b99a", "#5d7358"), ("#e7c8bb", "#b07d70"),
    ("#5c6d80", "#2e3a4b"), ("#d9cfe0", "#8d7fa3"), ("#f0e9dc", "#c9bda6"), ("#86a7ab", "#3f6469"),
)  # fmt: skip


def draw(kind: str, number: int, path: Path) -> None:
    """Draw portrait `number` (from 1) of the person `kind`."""
    rng = seeded("people", kind, number)
    person = KINDS[kind]
    save(_portrait(kind, person, _shot(kind, number, rng), rng, number), path, SIZE)


def _shot(kind: str, number: int, rng: np.random.Generator) -> Shot:
    smile, opened, brows, yaw, pitch, tilt, light, warm, collar = _SHOTS[number - 1]
    flip = 1 if list(KINDS).index(kind) % 2 else -1
    pair = _BACKDROPS[(list(KINDS).index(kind) * 3 + (number - 1) * 5) % len(_BACKDROPS)]
    return Shot(
        smile=smile, open=opened, brows=brows, yaw=flip * yaw + rng.uniform(-2, 2), pitch=pitch,
        tilt=flip * tilt + rng.uniform(-1.5, 1.5), light=unit_vector(flip * light[0], light[1], light[2]),
        warm=warm, backdrop=pair, collar=collar,
    )  # fmt: skip


def _canvas() -> Canvas:
    w, h = round(SIZE[0] * _SCALE), round(SIZE[1] * _SCALE)
    return Canvas(w, h, unit=0.245 * h, centre=(w / 2, h * 0.46))


# --- form -----------------------------------------------------------------------------------------


def _outline(p: Person) -> Array:
    drop = 1.02 * p.length
    half = [
        (0.0, -1.24), (0.36, -1.16), (0.60, -0.92), (p.cheek - 0.03, -0.55), (p.cheek, -0.15),
        (p.cheek - 0.03, 0.2), (p.cheek * 0.5 + p.jaw * 0.5, 0.48), (p.jaw, 0.68 * p.length),
        (p.chin * 0.55 + p.jaw * 0.45, 0.88 * p.length), (p.chin, 0.985 * p.length), (0.0, drop + 0.01),
    ]  # fmt: skip
    return mirrored(half)


def _height(c: Canvas, p: Person, shot: Shot) -> Array:
    """The form of the head, (h, w) in face units."""
    lift = shot.smile
    z = 0.85 * np.sqrt(np.clip(1 - (c.x / (p.cheek + 0.10)) ** 2 - ((c.y + 0.1) / 1.24) ** 2, 0, None))
    z = soft(z.astype(np.float32), 0.05 * c.unit)

    def bump(height: float, x: float, y: float, rx: float, ry: float | None = None) -> None:
        nonlocal z
        z += np.float32(height) * c.spot(x, y, rx, ry)

    ridge = smoothstep(-0.42, 0.22, c.y) * (1 - smoothstep(0.27, 0.40, c.y))
    z += ridge * np.float32(0.17 * p.bridge) * np.exp(-((c.x / (0.075 + 0.035 * ridge)) ** 2))
    bump(0.10, 0, 0.25, 0.095, 0.085)
    for s in _SIDES:
        bump(0.075, s * p.nose, 0.305, 0.06, 0.055)
        bump(-0.085, s * p.spacing, -0.13, 0.19, 0.12)
        bump(0.05, s * p.spacing, -0.12, 0.13, 0.085)
        bump(0.035, s * 0.27, -0.33, 0.22, 0.07)
        bump(0.05 + 0.045 * lift, s * (0.40 + 0.02 * lift), 0.17 - 0.03 * lift, 0.19, 0.16)
        bump(-0.03, s * 0.50, 0.50, 0.13, 0.18)
        bump(-0.02 * lift - 0.02, s * (p.mouth + 0.05), 0.55 - 0.06 * lift, 0.06, 0.08)
    bump(0.07, 0, 0.56, 0.26, 0.18)
    bump(-0.03, 0, 0.765, 0.18, 0.05)
    bump(0.075, 0, 0.90 * p.length, 0.17, 0.12)
    bump(-0.02, 0, 0.43, 0.03, 0.05)
    for mask, depth in _wrinkles(c, p, shot):
        z -= c.soft(mask, 0.018) * np.float32(depth)
    return z


def _wrinkles(c: Canvas, p: Person, shot: Shot) -> list[tuple[Array, float]]:
    fold = 0.012 + 0.02 * p.age + 0.016 * shot.smile
    lines: list[tuple[Array, float]] = []
    for s in _SIDES:
        cheek = [
            (s * (p.nose + 0.04), 0.30),
            (s * (p.nose + 0.13), 0.40),
            (s * (p.mouth + 0.09), 0.55 - 0.04 * shot.smile),
        ]
        lines.append((c.taper(cheek, 0.05), fold))
        if p.age > 0.6:
            for k in range(3):
                corner = p.spacing + p.eye
                crow = [(s * (corner + 0.04), -0.12 + 0.03 * k), (s * (corner + 0.15), -0.17 + 0.07 * k)]
                lines.append((c.taper(crow, 0.025), 0.016))
            bag = [(s * (p.spacing - 0.13), 0.0), (s * p.spacing, 0.06), (s * (p.spacing + 0.14), 0.01)]
            lines.append((c.taper(bag, 0.03), 0.022))
    if p.age > 0.35:
        for k in range(3):
            y = -0.56 - 0.10 * k
            lines.append(
                (
                    c.taper([(-0.34, y + 0.02), (-0.1, y - 0.01), (0.1, y), (0.34, y + 0.02)], 0.03),
                    0.012 * p.age,
                )
            )
    return lines


# --- the colours of the face ----------------------------------------------------------------------


def _skin(c: Canvas, p: Person, rng: np.random.Generator) -> None:
    skin = colour(p.skin)
    for s in _SIDES:
        ear = c.ellipse(s * (p.cheek + 0.02), 0.02, 0.10, 0.21, s * 8)
        c.paint(ear, skin * [0.93, 0.84, 0.82])
        c.tint(c.soft(c.ellipse(s * (p.cheek + 0.03), 0.02, 0.045, 0.13, s * 8), 0.025), (0.8, 0.66, 0.62))
    face = c.polygon(spline(_outline(p), closed=True))
    c.paint(face, skin)
    dark = 1 - float(skin.mean())
    blush = (1.0, 0.86 - 0.05 * dark, 0.84 - 0.02 * dark)
    for s in _SIDES:
        c.tint(face * c.spot(s * 0.42, 0.20, 0.24, 0.20), blush)
        c.tint(face * c.spot(s * p.spacing, -0.16, 0.22, 0.13) * 0.6, (0.90, 0.80, 0.80))
    c.tint(face * c.spot(0, 0.27, 0.14, 0.11), blush)
    c.tint(face * c.spot(0, 0.95, 0.25, 0.12) * 0.5, blush)
    c.tint(face, 1 + 0.035 * noise(rng, c.height, c.width, 9)[..., None])
    if p.freckles:
        _freckles(c, p)


def _freckles(c: Canvas, p: Person) -> None:
    rng = seeded("freckles", p.skin, p.hair)
    for _ in range(round(110 * p.freckles)):
        x, y = rng.normal(0, 0.30), rng.normal(0.14, 0.13)
        if abs(x) < 0.62 and not (abs(abs(x) - p.spacing) < 0.2 and y < 0.0):
            c.tint(c.ellipse(x, y, rng.uniform(0.007, 0.014)) * rng.uniform(0.3, 0.75), (0.80, 0.62, 0.50))


def _nose(c: Canvas, p: Person) -> None:
    for s in _SIDES:
        nostril = c.ellipse(s * p.nose * 0.55, 0.345, 0.036, 0.02, -s * 16)
        c.tint(c.soft(nostril, 0.012), (0.34, 0.20, 0.18))
        wing = c.taper(
            [(s * (p.nose + 0.035), 0.24), (s * (p.nose + 0.055), 0.30), (s * (p.nose + 0.01), 0.355)], 0.022
        )
        c.tint(c.soft(wing, 0.012), (0.72, 0.58, 0.55))
    c.tint(
        c.soft(c.taper([(-p.nose * 0.7, 0.365), (0, 0.385), (p.nose * 0.7, 0.365)], 0.035), 0.02),
        (0.74, 0.6, 0.56),
    )


def _eye(c: Canvas, p: Person, shot: Shot, side: int) -> tuple[float, float, float]:
    """Draw one eye; returns where its catchlight goes: x, y, radius."""
    x, y, w = side * p.spacing, -0.12, p.eye
    up = 0.092 + 0.012 * shot.brows - 0.018 * shot.smile - 0.012 * p.age
    low = 0.05 - 0.014 * shot.smile
    inner, outer = (x - side * w, y + 0.015), (x + side * w, y - p.slant)
    top = [inner, (x - side * w * 0.45, y - up * 0.78), (x + side * w * 0.08, y - up),
           (x + side * w * 0.62, y - up * 0.72 - p.slant * 0.5), outer]  # fmt: skip
    bottom = [
        outer,
        (x + side * w * 0.5, y + low * 0.85),
        (x - side * w * 0.1, y + low),
        (x - side * w * 0.6, y + low * 0.7),
        inner,
    ]
    lid, floor = spline(top), spline(bottom)
    opening = c.polygon(np.concatenate([lid, floor[1:-1]]))
    c.paint(opening, "#f1ebe4")
    iris = np.float32([x + 0.004 * shot.yaw * 0.2, y - 0.016])
    r = 0.085
    distance = np.sqrt((c.x - iris[0]) ** 2 + (c.y - iris[1]) ** 2) / np.float32(r)
    spokes = 0.5 + 0.5 * np.sin(np.arctan2(c.y - iris[1], c.x - iris[0]) * 23)
    glow = np.clip(0.55 + 0.75 * smoothstep(-0.6, 1.0, (c.y - iris[1]) / r) + 0.18 * spokes, 0, 1.6)
    shade = glow * (1 - 0.72 * smoothstep(0.72, 1.0, distance))
    c.paint(opening * (1 - smoothstep(0.96, 1.08, distance)), np.clip(colour(p.eyes) * shade[..., None], 0, 1))
    c.paint(opening * (1 - smoothstep(0.36, 0.46, distance)), "#0d0907")
    c.tint(opening * c.soft(c.line(lid, 0.05, smooth=False), 0.02), (0.42, 0.36, 0.36))
    c.paint(opening * c.soft(c.ellipse(inner[0] + side * 0.012, inner[1], 0.02, 0.016), 0.006), "#d99a8c", 0.8)
    lash = mix(p.hair if p.age < 0.6 and p.style != "scarf" else "#3a2a22", "#120b08", 0.75)
    c.paint(
        c.taper(np.concatenate([top, [(outer[0] + side * 0.025, outer[1] - 0.012)]]), 0.036, (0.2, 0.35)),
        lash,
        0.92,
    )
    c.tint(c.soft(c.taper(bottom, 0.018, (0.6, 0.1)), 0.006), (0.55, 0.42, 0.4))
    crease = [(a + 0, b - 0.042 - 0.01 * k * (4 - k) / 4) for k, (a, b) in enumerate(top)]
    c.tint(c.soft(c.taper(crease, 0.026), 0.008), (0.62, 0.48, 0.45))
    return float(iris[0]), float(iris[1]), r


def _brow(c: Canvas, p: Person, shot: Shot, side: int, rng: np.random.Generator) -> None:
    y = -0.315 - 0.045 * shot.brows
    inner, outer = p.spacing - 0.165, p.spacing + 0.20
    path = spline([(side * inner, y + 0.03), (side * (p.spacing - 0.03), y - 0.01),
                   (side * (p.spacing + 0.09), y - p.arch * 0.75),
                   (side * outer, y + 0.025)])  # fmt: skip
    tone = mix(p.hair if p.style not in ("scarf",) else "#2a1a12", "#20140e", 0.35 if p.age < 0.6 else 0.15)
    c.paint(c.soft(c.taper(path, p.brow, (0.75, 0.1)), 0.008), tone, 0.62)
    for _ in range(70):
        t = rng.uniform(0, 1)
        a = path[int(t * (len(path) - 1))]
        thick = p.brow * np.interp(t, [0, 0.4, 1], [0.8, 1, 0.2])
        start = a + np.array([0, rng.uniform(-0.4, 0.5) * thick])
        lean = np.array([side * (0.02 + 0.05 * t), -0.045 * (1 - 1.3 * t)]) * rng.uniform(0.7, 1.2)
        c.paint(c.line([start, start + lean], 0.010, smooth=False), tone * rng.uniform(0.6, 1.1), 0.7)


def _mouth(c: Canvas, p: Person, shot: Shot) -> None:
    y, lift = 0.585 * (0.4 + 0.6 * p.length), shot.smile
    w = p.mouth * (1 + 0.16 * lift)
    corner = y - 0.055 * lift
    gap = 0.085 * shot.open
    full = p.lips
    upper = [(-w, corner), (-w * 0.5, y - 0.040 * full), (-w * 0.17, y - 0.066 * full), (0, y - 0.05 * full),
             (w * 0.17, y - 0.066 * full), (w * 0.5, y - 0.040 * full), (w, corner)]  # fmt: skip
    between_top = [(w, corner), (w * 0.5, y + 0.012 * lift - 0.1 * gap),
                   (0, y + 0.008 + 0.012 * lift - 0.1 * gap),
                   (-w * 0.5, y + 0.012 * lift - 0.1 * gap), (-w, corner)]  # fmt: skip
    between_low = [(-w, corner), (-w * 0.55, y + 0.012 * lift + gap * 0.8),
                   (0, y + 0.016 + 0.02 * lift + gap),
                   (w * 0.55, y + 0.012 * lift + gap * 0.8), (w, corner)]  # fmt: skip
    below = [
        (w, corner),
        (w * 0.5, y + 0.062 * full + gap),
        (0, y + 0.088 * full + gap),
        (-w * 0.5, y + 0.062 * full + gap),
        (-w, corner),
    ]
    top, middle, low, bottom = (spline(k) for k in (upper, between_top, between_low, below))
    lip = mix(p.lip_colour, p.skin, 0.25 if p.lips > 0.95 else 0.45)
    if gap:
        inside = c.polygon(np.concatenate([middle[::-1], low[::-1]]))
        c.paint(inside, "#4a1a1a")
        teeth = c.polygon(np.concatenate([middle[::-1], (middle * [0.86, 1] + [0, 0.022 + gap * 0.62])])) * inside
        c.paint(c.soft(teeth, 0.004), "#f3ece2")
        c.tint(inside * (1 - c.spot(0, y + 0.03, w * 0.8, 0.2)), (0.55, 0.45, 0.45))
    c.paint(c.soft(c.polygon(np.concatenate([top, middle[1:-1]])), 0.004), lip * [0.86, 0.82, 0.82])
    lower = c.soft(c.polygon(np.concatenate([low, bottom[1:-1]])), 0.004)
    c.paint(lower, lip)
    c.paint(lower * c.spot(0.05, y + 0.055 * full + gap, 0.09, 0.018), "#ffffff", 0.22)
    c.tint(c.soft(c.taper(middle, 0.016, (0.5, 0.5)), 0.005), (0.38, 0.26, 0.26))
    for s in _SIDES:
        c.tint(c.soft(c.ellipse(s * (w + 0.012), corner, 0.022, 0.018), 0.012), (0.7, 0.55, 0.52))
    c.tint(c.soft(c.taper([(-0.14, y + 0.14 * full + gap), (0, y + 0.155 * full + gap),
                           (0.14, y + 0.14 * full + gap)], 0.05), 0.03),
           (0.85, 0.76, 0.74))  # fmt: skip


# --- hair -----------------------------------------------------------------------------------------

Guide = list[tuple[float, float]]


def _lock(c: Canvas, a: Guide, b: Guide, tone: Array, rng: np.random.Generator, count: int, thick: float = 0.016,
          wave: float = 0.0, ends: float = 0.05) -> None:  # fmt: skip
    """Hair between two guide lines: `count` strands, each of its own brightness, `wave` units wavy."""
    first, last = spline(a, steps=8), spline(b, steps=8)
    n = max(len(first), len(last))
    t = np.linspace(0, 1, n)
    first, last = (
        np.stack([np.interp(t, np.linspace(0, 1, len(g)), g[:, i]) for i in (0, 1)], 1) for g in (first, last)
    )
    c.paint(c.polygon(np.concatenate([first, last[::-1]])), tone * 0.62)
    layer = np.zeros((c.height, c.width, 3), np.uint8)
    cover = np.zeros((c.height, c.width), np.uint8)
    phase = rng.uniform(0, 6.28)
    for k in rng.permutation(count):
        s = (k + rng.uniform(-0.7, 0.7)) / count
        path = first + (last - first) * s
        path = path + np.stack([wave * np.sin(t * 9 + phase + s * 2.5), 0 * t], 1) * t[:, None]
        path = path[: max(4, round(n * rng.uniform(1 - ends, 1)))]
        shine = 0.62 + 0.38 * np.cos((s - 0.5) * 2.2) + rng.normal(0, 0.13)
        value = np.clip(tone * shine, 0, 1) * 255
        width = max(1, round(thick * c.unit * rng.uniform(0.6, 1.5)))
        pixels = [c.pixels(path)]
        cv2.polylines(layer, pixels, False, value.tolist(), width, cv2.LINE_8, 5)
        cv2.polylines(cover, pixels, False, 255, width, cv2.LINE_AA, 5)
    c.paint(cover.astype(np.float32) / 255, cv2.GaussianBlur(layer, (0, 0), 0.7).astype(np.float32) / 255)


def _curls(c: Canvas, spots: Array, tone: Array, rng: np.random.Generator, size: float) -> None:
    """Many small coils, dark ones first."""
    layer = np.zeros((c.height, c.width, 3), np.uint8)
    cover = np.zeros((c.height, c.width), np.uint8)
    for k, (x, y) in enumerate(spots):
        r = size * rng.uniform(0.6, 1.2)
        turn = rng.uniform(0, 6.28)
        a = np.linspace(0, rng.uniform(3, 5.5), 14)
        arc = np.stack([x + r * np.cos(a + turn) * (1 - a / 14), y + r * np.sin(a + turn) * (1 - a / 14)], 1)
        value = np.clip(tone * (0.45 + 0.75 * k / len(spots) + rng.normal(0, 0.15)), 0, 1) * 255
        width = max(1, round(0.028 * c.unit * rng.uniform(0.7, 1.4)))
        cv2.polylines(layer, [c.pixels(arc)], False, value.tolist(), width + 1, cv2.LINE_8, 5)
        cv2.polylines(cover, [c.pixels(arc)], False, 255, width, cv2.LINE_AA, 5)
    c.paint(cover.astype(np.float32) / 255, cv2.GaussianBlur(layer, (0, 0), 0.7).astype(np.float32) / 255)


def _skull(c: Canvas, reach: float) -> Array:
    """The form of a full head of hair, (h, w) in face units."""
    z = 0.85 * np.sqrt(np.clip(1 - (c.x / reach) ** 2 - (np.minimum(c.y + 0.3, 0) / (1.24 * reach)) ** 2, 0, None))
    return c.soft(z.astype(np.float32), 0.05)


def _flip(guide: Guide) -> Guide:
    return [(-x, y) for x, y in guide]


# front hair by style: (outer guide, inner guide, mirror it?, strands); guides run from the root to the tip
_FRONT: dict[str, tuple[tuple[Guide, Guide, bool, int], ...]] = {
    "crew": (([(-0.72, -0.12), (-0.82, -0.62), (-0.60, -1.18), (0.0, -1.42), (0.60, -1.18), (0.82, -0.62),
               (0.72, -0.12)],
              [(-0.66, -0.20), (-0.63, -0.55), (-0.50, -0.86), (0.0, -0.95), (0.50, -0.86), (0.63, -0.55),
               (0.66, -0.20)], False, 150),),
    "fade": (([(-0.71, -0.2), (-0.76, -0.62), (-0.58, -1.16), (0.0, -1.36), (0.58, -1.16), (0.76, -0.62),
               (0.71, -0.2)],
              [(-0.67, -0.24), (-0.62, -0.62), (-0.52, -0.84), (0.0, -0.88), (0.52, -0.84), (0.62, -0.62),
               (0.67, -0.24)], False, 150),),
    "swept": (([(-0.50, -0.92), (-0.30, -1.30), (0.2, -1.52), (0.70, -1.28), (0.86, -0.72), (0.74, -0.10)],
               [(-0.46, -0.86), (-0.15, -0.90), (0.25, -0.88), (0.52, -0.80), (0.64, -0.55),
                (0.68, -0.12)], False, 150),
              ([(-0.30, -1.28), (-0.66, -1.15), (-0.84, -0.70), (-0.74, -0.10)],
               [(-0.44, -0.92), (-0.56, -0.82), (-0.64, -0.52), (-0.68, -0.12)], False, 70)),
    "wavy": (([(-0.40, -1.05), (-0.15, -1.45), (0.35, -1.55), (0.78, -1.25), (0.93, -0.65), (0.80, 0.02)],
              [(-0.40, -0.92), (-0.12, -0.80), (0.22, -0.74), (0.50, -0.72), (0.64, -0.48),
               (0.68, -0.08)], False, 150),
             ([(-0.22, -1.32), (-0.70, -1.28), (-0.92, -0.70), (-0.79, 0.02)],
              [(-0.40, -0.92), (-0.56, -0.80), (-0.65, -0.48), (-0.68, -0.08)], False, 80)),
    "fringe": (([(0.1, -1.42), (-0.55, -1.32), (-0.86, -0.80), (-0.76, -0.02)],
                [(0.1, -1.42), (-0.12, -1.05), (-0.48, -0.66), (-0.67, -0.12)], False, 90),
               ([(0.0, -1.44), (0.62, -1.30), (0.88, -0.78), (0.76, -0.02)],
                [(0.0, -1.42), (0.36, -1.05), (0.60, -0.66), (0.68, -0.12)], False, 80),
               ([(-0.18, -1.40), (-0.52, -1.05), (-0.58, -0.56)], [(0.30, -1.38), (0.48, -0.95),
                 (0.56, -0.52)], False, 110)),
    "bob": (([(0.0, -1.42), (0.60, -1.32), (0.92, -0.72), (0.97, 0.15), (0.86, 0.78)],
             [(0.0, -1.40), (0.42, -0.98), (0.62, -0.50), (0.68, 0.15), (0.56, 0.80)], True, 120),
            ([(-0.10, -1.40), (-0.50, -1.05), (-0.62, -0.50)], [(0.10, -1.40), (0.50, -1.05),
              (0.62, -0.50)], False, 130)),
    "long": (([(-0.12, -1.46), (0.50, -1.32), (0.88, -0.72), (0.96, 0.35), (1.03, 1.10), (1.00, 2.6)],
              [(-0.12, -1.30), (0.36, -0.88), (0.64, -0.42), (0.70, 0.30), (0.64, 1.05),
               (0.42, 2.6)], False, 150),
             ([(-0.12, -1.46), (-0.60, -1.28), (-0.90, -0.72), (-0.97, 0.35), (-1.03, 1.10), (-1.00, 2.6)],
              [(-0.12, -1.30), (-0.40, -0.92), (-0.64, -0.42), (-0.70, 0.30), (-0.64, 1.05),
               (-0.42, 2.6)], False, 150)),
    "parted": (([(0.0, -1.42), (0.50, -1.30), (0.84, -0.72), (0.92, 0.3), (0.98, 1.0), (1.00, 2.6)],
                [(0.0, -1.12), (0.32, -0.88), (0.61, -0.48), (0.69, 0.25), (0.70, 0.95),
                 (0.48, 2.6)], True, 140),),
    "pinned": (([(0.0, -1.44), (0.56, -1.30), (0.88, -0.78), (0.84, -0.15), (0.70, 0.12)],
                [(0.0, -1.02), (0.34, -0.86), (0.60, -0.62), (0.67, -0.32), (0.69, -0.02)], True, 130),),
    "bun": (([(-0.70, -0.18), (-0.80, -0.70), (-0.50, -1.22), (0.0, -1.38)],
             [(-0.67, -0.16), (-0.60, -0.62), (-0.32, -0.92), (0.0, -1.0)], True, 120),),
    "scarf": (),
}  # fmt: skip

_BACK: dict[str, Guide] = {  # half outlines of what hangs behind the head
    "bob": [(0, -1.40), (0.7, -1.2), (0.97, -0.5), (1.0, 0.3), (0.85, 0.82), (0.4, 0.9), (0, 0.9)],
    "long": [(0, -1.40), (0.7, -1.2), (0.95, -0.5), (1.0, 0.5), (1.03, 1.2), (1.0, 2.6), (0, 2.6)],
    "parted": [(0, -1.38), (0.7, -1.2), (0.9, -0.5), (0.96, 0.5), (1.0, 1.2), (1.0, 2.6), (0, 2.6)],
    "pinned": [(0, -1.40), (0.7, -1.2), (0.88, -0.6), (0.85, 0.0), (0.6, 0.4), (0, 0.4)],
}


def _hair_back(c: Canvas, p: Person, rng: np.random.Generator) -> None:
    tone = colour(p.hair)
    if p.style in _BACK:
        half = _BACK[p.style]
        c.paint(c.polygon(spline(mirrored(half), closed=True)), tone * 0.45)
        _lock(c, _flip(half[1:-1]), half[1:-1], tone * 0.55, rng, 170)
    elif p.style == "bun":
        c.paint(c.ellipse(0, -1.50, 0.36, 0.30), tone * 0.55)
        for k in range(5):
            r = 0.32 - 0.05 * k
            loop = [(r * np.cos(a), -1.50 + r * 0.8 * np.sin(a)) for a in np.linspace(-2.9 + k, 2.0 + k, 9)]
            _lock(
                c,
                loop,
                [(x * 0.72, -1.50 + (y + 1.50) * 0.72) for x, y in loop],
                tone * (0.8 + 0.06 * k),
                rng,
                16,
            )
    elif p.style in ("afro", "curls"):
        reach = 1.0 if p.style == "afro" else 0.98
        angle, r = rng.uniform(0, 2 * np.pi, 1500), np.sqrt(rng.uniform(0, 1, 1500))
        spots = np.stack([r * np.cos(angle) * reach * 1.06, -0.55 + r * np.sin(angle) * reach * 1.02], 1)
        if p.style == "curls":
            spots[:, 1] = -0.30 + r * np.sin(angle) * 1.28
        c.paint(c.ellipse(0, spots[:, 1].mean(), 0.98, 0.98 if p.style == "afro" else 1.2), tone * 0.5)
        _curls(c, spots, tone * 0.9, rng, 0.075 if p.style == "afro" else 0.11)
    elif p.style == "scarf":
        shape = [(0, -1.42), (0.55, -1.30), (0.90, -0.75), (0.92, 0.0), (0.80, 0.7), (0.75, 1.2), (0, 1.4)]
        c.paint(c.polygon(spline(mirrored(shape), closed=True)), tone * 0.75)


def _hair_front(c: Canvas, p: Person, rng: np.random.Generator) -> None:
    tone = colour(p.hair)
    if p.style == "bald":
        for s in _SIDES:
            side = [(s * 0.70, 0.05), (s * 0.76, -0.30), (s * 0.68, -0.70)]
            _lock(c, side, [(s * 0.66, 0.0), (s * 0.665, -0.25), (s * 0.62, -0.52)], tone, rng, 20)
        return
    if p.style == "scarf":
        _scarf_front(c, p)
    if p.style in ("afro", "curls"):
        _curly_front(c, p, tone, rng)
    for a, b, both, count in _FRONT.get(p.style, ()):
        waviness = {"wavy": 0.03, "long": 0.03, "parted": 0.012}.get(p.style, 0.0)
        _lock(c, a, b, tone, rng, count, wave=waviness)
        if both:
            _lock(c, _flip(a), _flip(b), tone, rng, count, wave=waviness)


def _curly_front(c: Canvas, p: Person, tone: Array, rng: np.random.Generator) -> None:
    x = rng.uniform(-0.85, 0.85, 1400)
    line = -0.86 + 0.55 * (np.abs(x) / 0.72) ** 3.2
    top = -0.55 - 0.98 * np.sqrt(np.clip(1 - x**2, 0.05, 1))
    y = line + (top - line) * rng.uniform(0, 1, len(x)) + rng.normal(0, 0.02, len(x))
    keep = y < 0.1
    spots = np.stack([x, y], 1)[keep]
    size = 0.07 if p.style == "afro" else 0.10
    _curls(c, spots, tone, rng, size)
    if p.style == "curls":
        for s in _SIDES:
            drop = np.stack([s * rng.normal(0.82, 0.07, 260), rng.uniform(-0.5, 0.85, 260)], 1)
            _curls(c, drop, tone, rng, 0.10)


def _scarf_front(c: Canvas, p: Person) -> None:
    outer = [(0, -1.44), (0.55, -1.30), (0.90, -0.75), (0.93, 0.0), (0.80, 0.62), (0.55, 1.02), (0, 1.26)]
    inner = [
        (0, -0.80),
        (0.36, -0.74),
        (0.57, -0.45),
        (0.63, 0.0),
        (0.60, 0.35),
        (0.46, 0.70),
        (0.25, 0.93),
        (0, 0.99),
    ]
    ring = c.polygon(spline(mirrored(outer), closed=True), spline(mirrored(inner), closed=True))
    tone = colour(p.hair)
    c.paint(ring, tone)
    c.tint(ring * c.soft(c.line(mirrored(inner), 0.05, closed=True), 0.03), 0.72)
    for k in range(9):
        t = k / 8
        fold = [
            (-0.85 + 0.25 * t, -0.55 + 0.9 * t),
            (-0.3, -1.25 + 2.2 * t),
            (0.3, -1.30 + 2.3 * t),
            (0.88 - 0.1 * t, -0.75 + 1.0 * t),
        ]
        crease = c.soft(c.taper(fold, 0.05), 0.02) * ring
        c.tint(crease, 0.80 if k % 2 else 1.14)


def _beard(c: Canvas, p: Person, shot: Shot, rng: np.random.Generator) -> None:
    if not p.beard:
        return
    tone = mix(p.hair if p.style != "bald" else "#8d8a86", p.skin, 0.12)
    y = 0.585
    lift = 0.04 * shot.smile
    moustache = c.curve([(0, y - 0.10), (0.13, y - 0.115), (0.27, y - 0.03 - lift), (0.29, y + 0.005 - 1.3 * lift),
                         (0.16, y - 0.03),
                         (0, y - 0.045), (-0.16, y - 0.03), (-0.29, y + 0.005 - 1.3 * lift),
                         (-0.27, y - 0.03 - lift), (-0.13, y - 0.115)])  # fmt: skip
    half = [(0.0, 0.70), (0.16, 0.68), (0.30, 0.58), (0.36, 0.45), (0.52, 0.38), (p.cheek - 0.06, 0.0),
            (p.cheek - 0.02, 0.1), (p.cheek - 0.04, 0.4),
            (p.jaw + 0.05, 0.75), (p.chin + 0.12, 1.02), (0.0, 1.12)]  # fmt: skip
    jaw = c.polygon(spline(mirrored(half), closed=True))
    goatee = c.curve(
        [
            (-0.20, 0.76),
            (0, 0.72),
            (0.20, 0.76),
            (0.24, 0.92),
            (0.14, 1.06),
            (0, 1.10),
            (-0.14, 1.06),
            (-0.24, 0.92),
        ]
    )
    region = {"full": np.maximum(moustache, jaw), "stubble": np.maximum(moustache, jaw), "moustache": moustache,
              "goatee": np.maximum(moustache, goatee)}[p.beard]  # fmt: skip
    if p.beard == "stubble":
        speckle = 0.75 + 0.25 * noise(rng, c.height, c.width, 160, 1)
        c.paint(c.soft(region, 0.05) * c.alpha * speckle, mix(p.hair, p.skin, 0.2), 0.36)
        return
    c.paint(c.soft(region, 0.02), tone * 0.7, 0.9)
    ys, xs = np.nonzero(region > 0.5)
    layer, cover = np.zeros((c.height, c.width, 3), np.uint8), np.zeros((c.height, c.width), np.uint8)
    for k in rng.integers(0, len(xs), len(xs) // 16):
        a = np.array([c.x[0, xs[k]], c.y[ys[k], 0]])
        way = np.array([a[0] * 0.5 + rng.normal(0, 0.15), 0.6]) * 0.12
        value = np.clip(tone * (0.95 + rng.normal(0, 0.22)), 0, 1) * 255
        pixels = [c.pixels([a, a + way])]
        cv2.polylines(layer, pixels, False, value.tolist(), 2, cv2.LINE_8, 5)
        cv2.polylines(cover, pixels, False, 255, 1, cv2.LINE_AA, 5)
    c.paint(cover.astype(np.float32) / 255, layer.astype(np.float32) / 255)


def _glasses(c: Canvas, p: Person) -> None:
    if not p.glasses:
        return
    rx, ry, corner = (0.225, 0.20, 2.0) if p.glasses == "round" else (0.245, 0.165, 4.0)
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    c0, s0 = np.cos(t), np.sin(t)
    shape = np.stack(
        [np.sign(c0) * np.abs(c0) ** (2 / corner) * rx, np.sign(s0) * np.abs(s0) ** (2 / corner) * ry], 1
    )
    width = 0.026 if p.glasses == "round" else 0.042
    for s in _SIDES:
        rim = shape + np.array([s * (p.spacing + 0.005), -0.10])
        lens = c.polygon(rim)
        c.paint(lens, "#dfe9ee", 0.07)
        c.tint(c.soft(c.line(rim + np.array([0.0, 0.035]), width, closed=True), 0.02) * 0.55, (0.6, 0.5, 0.48))
        c.paint(c.line(rim, width, closed=True), p.frame)
        c.paint(c.line([(s * (p.spacing + rx), -0.13), (s * (p.cheek + 0.02), -0.14)], width), p.frame)
        glint = c.polygon(
            [
                (s * p.spacing - 0.13, -0.24),
                (s * p.spacing - 0.06, -0.25),
                (s * p.spacing - 0.12, -0.02),
                (s * p.spacing - 0.17, -0.05),
            ]
        )
        c.paint(c.soft(glint * lens, 0.01), "#ffffff", 0.10)
    c.paint(c.line([(-p.spacing + rx - 0.01, -0.13), (0, -0.165), (p.spacing - rx + 0.01, -0.13)], width), p.frame)


# --- turn, light, body ----------------------------------------------------------------------------


def _turned(c: Canvas, head: Canvas, z: Array, shot: Shot) -> tuple[Array, Array, Array]:
    """Colours (h, w, 3), coverage and height of the head after yaw, pitch and tilt."""
    yaw, pitch, tilt = (np.float32(np.radians(v)) for v in (shot.yaw, shot.pitch, shot.tilt))
    px, py = 0.0, 1.0  # the neck, about which it tilts
    x, y = c.x - px, c.y - py
    u = x * np.cos(tilt) + y * np.sin(tilt) + px
    v = -x * np.sin(tilt) + y * np.cos(tilt) + py
    form = soft(z, 0.02 * c.unit)
    sx, sy = u / np.cos(yaw), v / np.cos(pitch)
    for _ in range(4):
        depth = cv2.remap(form, *_at(c, sx, sy), cv2.INTER_LINEAR) - np.float32(0.25)
        sx, sy = (u - depth * np.sin(yaw)) / np.cos(yaw), (v - depth * np.sin(pitch)) / np.cos(pitch)
    where = _at(c, sx, sy)
    # what runs off the canvas goes on beyond it
    rgb = cv2.remap(head.rgb, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.remap(head.alpha, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return rgb, alpha, cv2.remap(z, *where, cv2.INTER_LINEAR)


def _at(c: Canvas, x: Array, y: Array) -> tuple[Array, Array]:
    shape = np.zeros((c.height, c.width), np.float32)
    return (x * c.unit + c.centre[0] + shape).astype(np.float32), (y * c.unit + c.centre[1] + shape).astype(
        np.float32
    )


def _lit(c: Canvas, rgb: Array, z: Array, shot: Shot, gloss: float = 0.1) -> Array:
    """Colours under the key light: warm where it falls, reddish and cool where it does not."""
    nx, ny, nz = normals(soft(z, 0.012 * c.unit), c.unit)
    lx, ly, lz = shot.light
    facing = nx * lx + ny * ly + nz * lz
    day = smoothstep(-0.35, 1.05, facing)[..., None]
    hollow = np.clip((z - soft(z, 0.10 * c.unit)) * 2.2, -0.35, 0.12)[..., None]
    key = np.float32([1.12, 1.06, 1.0]) + np.float32([0.05, 0.0, -0.07]) * shot.warm
    dusk = np.float32([0.56, 0.46, 0.46]) - np.float32([0.03, 0.0, -0.05]) * shot.warm
    out = rgb * (dusk + (key - dusk) * day) * (1 + hollow)
    back = smoothstep(0.55, 1.0, -nx * np.sign(lx) * 0.9 + 0.15)[..., None]
    out += rgb * back * np.float32([0.16, 0.19, 0.24])
    hx, hy, hz = unit_vector(lx, ly, lz + 1)
    shine = np.square(np.square(np.clip(nx * hx + ny * hy + nz * hz, 0, 1)))
    return out + (np.float32(gloss) * np.square(np.square(shine)) * shine)[..., None]


def _backdrop(c: Canvas, shot: Shot, rng: np.random.Generator) -> Array:
    light, deep = shot.backdrop
    glow = np.exp(-(((c.x - 0.7 * np.sign(shot.light[0])) / 1.9) ** 2) - ((c.y + 0.5) / 2.0) ** 2)
    discs = np.zeros((c.height, c.width), np.float32)
    for _ in range(14):
        x, y, r = rng.uniform(-2.2, 2.2), rng.uniform(-2.4, 2.2), rng.uniform(0.15, 0.5)
        discs += c.ellipse(x, y, r) * np.float32(rng.uniform(-0.03, 0.055))
    t = np.clip(glow + 0.16 * noise(rng, c.height, c.width, 3, 4), 0, 1)[..., None]
    return colour(deep) * (1 - t) + colour(light) * t + c.soft(discs, 0.06)[..., None]


def _body(c: Canvas, p: Person, shot: Shot, number: int, rng: np.random.Generator) -> None:
    skin = colour(p.skin)
    wide = 0.40 if p.jaw < 0.53 else 0.47
    neck = c.polygon(spline([(-wide, 0.5), (-wide + 0.02, 1.1), (-wide - 0.14, 1.38), (-0.75, 1.9),
                             (0.75, 1.9), (wide + 0.14, 1.38),
                             (wide - 0.02, 1.1), (wide, 0.5)], closed=True))  # fmt: skip
    c.paint(neck, skin * [0.93, 0.88, 0.87])
    round_ = np.clip(1 - (c.x / (wide + 0.12)) ** 2, 0, 1)
    side = np.clip(0.5 + 0.5 * np.sign(shot.light[0]) * c.x / wide, 0, 1)
    c.tint(neck, (0.42 + 0.58 * (0.35 * round_ + 0.65 * side))[..., None] ** np.float32([0.75, 1, 1]))
    c.tint(
        neck * c.soft(c.ellipse(-0.12 * np.sign(shot.light[0]), 0.80, wide + 0.2, 0.50), 0.12),
        (0.55, 0.42, 0.40),
    )
    for s in _SIDES:
        c.tint(
            c.soft(c.taper([(s * 0.34, 1.05), (s * 0.18, 1.38), (s * 0.07, 1.55)], 0.06), 0.03) * 0.5,
            (0.8, 0.7, 0.68),
        )
    cloth = colour(p.clothes[number - 1])
    reach = 1.42 if p.jaw < 0.53 else 1.6
    neckline = {"crew": [(0.50, 1.30), (0.36, 1.50), (0, 1.60)], "vee": [(0.52, 1.28), (0.30, 1.62),
                         (0, 2.05)],
                "shirt": [(0.50, 1.26), (0.28, 1.55), (0, 1.85)], "turtle": [(0.44, 1.00), (0.30, 1.12),
                          (0, 1.16)]}[shot.collar]  # fmt: skip
    half = [*neckline[::-1], (0.62, 1.36), (reach * 0.75, 1.60), (reach, 1.95), (reach * 1.12, 2.9), (0, 3.2)]
    right = spline(half[: len(neckline)]), spline(half[len(neckline) :])
    outline = mirrored(np.concatenate(right))
    shirt = c.polygon(outline)
    fold = noise(rng, c.height, c.width, 5, 2, stretch=0.5)
    form = np.clip(
        1.05 - 0.28 * (c.x / reach) ** 2 + 0.17 * np.sign(shot.light[0]) * c.x / reach - 0.10 * (c.y - 1.9),
        0.3,
        1.25,
    )
    c.paint(shirt, np.clip(cloth * (form + 0.09 * fold)[..., None], 0, 1))
    if number % 4 == 3:
        stripes = smoothstep(-0.1, 0.1, np.sin((c.y + 0.12 * c.x**2) * 26) - 0.45)
        c.paint(
            shirt * stripes,
            np.clip(mix(cloth, "#ffffff" if cloth.mean() < 0.6 else "#2c3e50", 0.6) * form[..., None], 0, 1),
            0.8,
        )
    edge = np.array(neckline)
    for s in _SIDES:
        hem = edge * [s, 1]
        c.tint(c.soft(c.line(hem, 0.05), 0.015) * shirt, 0.72)
        if shot.collar == "shirt":
            flap = c.polygon(
                [(s * 0.44, 1.14), (s * 0.56, 1.26), (s * 0.60, 1.42), (s * 0.36, 1.86), (s * 0.01, 1.80)]
            )
            c.tint(c.soft(flap, 0.05) * shirt, 0.7)
            c.paint(flap, np.clip(cloth * 1.08, 0, 1))
            c.tint(
                c.soft(c.line([(s * 0.60, 1.42), (s * 0.36, 1.86), (s * 0.01, 1.80)], 0.03, smooth=False), 0.01)
                * flap,
                0.8,
            )
        if shot.collar == "turtle":
            roll = c.polygon(
                spline(
                    [(-0.45, 1.02), (0, 1.14), (0.45, 1.02), (0.50, 1.34), (0, 1.52), (-0.50, 1.34)],
                    closed=True,
                )
            )
    if shot.collar == "turtle":
        c.paint(roll, np.clip(cloth * (0.72 + 0.4 * side * round_)[..., None], 0, 1))
        ribs = smoothstep(0.2, 1.0, np.sin(c.x * 60)) * roll
        c.tint(ribs * 0.5, 0.86)


def _portrait(kind: str, p: Person, shot: Shot, rng: np.random.Generator, number: int) -> Array:
    c = _canvas()
    form, back, body, head, hair = (_canvas() for _ in range(5))
    own = seeded("people", kind)  # what must not change from picture to picture: hair strands, freckles
    picture = _backdrop(c, shot, rng)
    _hair_back(back, p, own)
    _body(body, p, shot, number, rng)
    _skin(head, p, own)
    lights = [_eye(head, p, shot, s) for s in _SIDES]
    _nose(head, p)
    _mouth(head, p, shot)
    _beard(head, p, shot, own)
    for s in _SIDES:
        _brow(head, p, shot, s, own)
    z = _height(form, p, shot)
    face_only = head.alpha.copy()
    _hair_front(hair, p, own)
    head.tint(c.soft(np.roll(hair.alpha, round(0.04 * c.unit), 0), 0.04) * face_only * 0.7, (0.62, 0.5, 0.48))
    head.paint(hair.alpha, hair.rgb)
    skull = _skull(c, 1.04)
    z += (skull * np.float32(1.05) - z) * c.soft(hair.alpha, 0.03)
    _glasses(head, p)
    _earrings(head, p)
    for x, y, r in lights:
        tx = x - 0.3 * r * -np.sign(shot.light[0])
        head.paint(head.ellipse(tx, y - 0.35 * r, r * 0.24), "#ffffff", 0.95)
        head.paint(head.ellipse(2 * x - tx, y + 0.4 * r, r * 0.13), "#ffffff", 0.35)

    rgb, alpha, _ = _turned(c, back, skull, shot)
    picture += (_lit(c, rgb, skull, shot, 0.0) * 0.9 - picture) * alpha[..., None]
    shadow = soft(face_only, 0.10 * c.unit)
    body.tint(body.alpha * 0.35 * np.roll(shadow, (round(0.14 * c.unit), 0), (0, 1)), (0.6, 0.5, 0.5))
    picture = body.over(picture)
    rgb, alpha, z = _turned(c, head, z, shot)
    lit = _lit(c, rgb, z, shot)
    picture += (lit - picture) * alpha[..., None]
    vignette = 1 - 0.16 * np.clip((c.x / 2.2) ** 2 + (c.y / 2.6) ** 2, 0, 1)[..., None]
    return np.clip(grain(picture * vignette, rng, 0.008), 0, 1)


def _earrings(c: Canvas, p: Person) -> None:
    if not p.earrings:
        return
    for s in _SIDES:
        c.paint(c.ellipse(s * (p.cheek + 0.035), 0.27, 0.042, 0.055), colour(p.earrings) * 0.8)
        c.paint(c.ellipse(s * (p.cheek + 0.028), 0.258, 0.02, 0.026), mix(p.earrings, "#ffffff", 0.6))
