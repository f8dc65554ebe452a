"""A picture to share: a face, and whom in the collection it looks like. Pillow draws it; no file is needed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from demos.i18n.language import say
from engines import Box

WIDTH = 1080  # pixels, as a phone shows them
MARGIN, GAP = 48, 32
MOST = 3  # look-alikes
PAPER, INK, QUIET, ACCENT, WARM = "#faf9f7", "#292524", "#6f6963", "#1c6b62", "#d97b4a"
WIDER = ("Arial Unicode.ttf", "arial.ttf", "DejaVuSans.ttf")
"""Fonts that a machine may have, for letters that Pillow's own lacks."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Likeness:
    """pixels: (H, W, 3) uint8 RGB, any size. name, told: of any length, in any script."""

    pixels: np.ndarray
    name: str
    told: str = ""


def card(query: np.ndarray, found: Sequence[Likeness]) -> Image.Image:
    """The face that was asked with, (H, W, 3) uint8 RGB, beside 1 to 3 that are like it -> RGB, 1080 wide."""
    tiles = [Likeness(query, say("faces.this")), *found[:MOST]]
    side = (WIDTH - 2 * MARGIN - GAP) // 2
    words = 150
    rows = [tiles[:2], tiles[2:]] if len(tiles) > 2 else [tiles]
    foot = 96
    picture = Image.new("RGB", (WIDTH, MARGIN + len(rows) * (side + words) + foot), PAPER)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(rows):
        left = (WIDTH - len(line) * side - (len(line) - 1) * GAP) // 2
        for column, tile in enumerate(line):
            x, y = left + column * (side + GAP), MARGIN + row * (side + words)
            picture.paste(_rounded(tile.pixels, side), (x, y))
            first = not row and not column
            _write(draw, (x, y + side + 16), tile.name, 44, QUIET if first else INK, side)
            _write(draw, (x, y + side + 74), tile.told, 30, ACCENT, side)
    _mark(draw, picture.height - foot // 2)
    return picture


def around(pixels: np.ndarray, box: Box | None, margin: float = 0.15) -> np.ndarray:
    """(H, W, 3) -> the square about a box in it, with so much more on each side as far as the picture goes.

    None is the middle of the picture.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    wanted = max(right - left, bottom - top) * (1 + 2 * margin) if box else min(width, height)
    side = max(1, min(round(wanted), width, height))
    x = min(max((left + right - side) // 2, 0), width - side)
    y = min(max((top + bottom - side) // 2, 0), height - side)
    return pixels[y : y + side, x : x + side]


def shortened(text: str, font: Font, width: int) -> str:
    """As much of a text as fits into so many pixels, with dots for the rest."""
    if font.getlength(text) <= width:
        return text
    kept = next((n for n in range(len(text), 0, -1) if font.getlength(text[:n].rstrip() + "...") <= width), 0)
    return text[:kept].rstrip() + "..."


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, colour: str, width: int
) -> None:
    font, text = _readable(text, size)
    draw.text(place, shortened(text, font, width), fill=colour, font=font)


def _readable(text: str, size: int) -> tuple[Font, str]:
    """A font with all letters of a text, and the text; else Pillow's own, and what of the text it can write."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
    fonts = [font for name in ("", *WIDER) if (font := _font(name, size))]
    for font in fonts:
        if all(_has(font, letter) for letter in set(text)):
            return font, text
    plain = unicodedata.normalize("NFKD", text)
    return fonts[0], "".join(c for c in plain if _has(fonts[0], c)).strip() or say("common.no_name")


@cache
def _font(name: str, size: int) -> Font | None:
    """Of this name from the machine, or Pillow's own; None where there is none."""
    try:
        return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    except OSError:
        return None


def _has(font: Font, letter: str) -> bool:
    """A letter that a font lacks is drawn as the same box as one that no font has."""
    try:
        return letter == " " or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
    except UnicodeError:
        return False


def _rounded(pixels: np.ndarray, side: int) -> Image.Image:
    picture = ImageOps.fit(Image.fromarray(pixels), (side, side), Image.Resampling.LANCZOS)
    mask = Image.new("L", (side * 2, side * 2))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, side * 2, side * 2), 56, fill=255)
    paper = Image.new("RGB", (side, side), PAPER)
    paper.paste(picture, mask=mask.resize((side, side), Image.Resampling.LANCZOS))
    return paper


def _mark(draw: ImageDraw.ImageDraw, y: int) -> None:
    """The two circles and the name, in the middle."""
    text, font = "Semblance", ImageFont.load_default(34)
    x = round(WIDTH - font.getlength(text) - 62) // 2
    for shift, colour in ((0, ACCENT), (18, WARM)):
        draw.ellipse((x + shift, y - 14, x + shift + 28, y + 14), outline=colour, width=5)
    draw.text((x + 62, y), text, fill=QUIET, font=font, anchor="lm")
