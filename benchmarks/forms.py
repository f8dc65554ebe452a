"""Pairs that look alike and are not the same picture: forms with another entry, photos with another text."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORDS = [
    "History",
    "Amount",
    "Silver",
    "Number",
    "Invoice",
    "Paper",
    "Window",
    "Street",
    "Chair",
    "People",
    "Garden",
    "Bottle",
    "Winter",
    "Market",
]
CHANGES = ("one digit", "one entry", "every entry")
INK, RULE = (20, 20, 20), (120, 120, 120)


@dataclass(frozen=True)
class Encoding:
    """How a picture is saved. quality: of a JPEG; None is PNG. scale: of its sides."""

    quality: int | None = None
    scale: float = 1.0

    def save(self, image: Image.Image) -> bytes:
        size = max(1, round(image.width * self.scale)), max(1, round(image.height * self.scale))
        made = io.BytesIO()
        shown = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
        if self.quality is None:
            shown.save(made, "PNG")
        else:
            shown.save(made, "JPEG", quality=self.quality)
        return made.getvalue()


ENCODINGS = (  # of the two pictures of a pair
    (Encoding(), Encoding()),
    (Encoding(90), Encoding(90)),
    (Encoding(90), Encoding(60)),
    (Encoding(75), Encoding(50)),
    (Encoding(85), Encoding(75, 0.75)),
)


def entry(random: np.random.Generator, length: int = 5) -> str:
    """A number as forms hold them, such as 846.59."""
    digits = "".join(map(str, random.integers(0, 10, length)))
    return f"{digits[:-2]}.{digits[-2:]}"


def changed(entries: Sequence[str], change: str, random: np.random.Generator) -> list[str]:
    """The same entries after one of CHANGES; none is what it was."""
    made = list(entries)
    if change == "every entry":
        return [_other(one, random) for one in made]
    at = int(random.integers(len(made)))
    made[at] = _other_digit(made[at], random) if change == "one digit" else _other(made[at], random)
    return made


def _other(one: str, random: np.random.Generator) -> str:
    made = one
    while made == one:
        made = "".join(str(random.integers(10)) if sign.isdigit() else sign for sign in one)
    return made


def _other_digit(one: str, random: np.random.Generator) -> str:
    at = int(random.choice([place for place, sign in enumerate(one) if sign.isdigit()]))
    digit = (int(one[at]) + int(random.integers(1, 10))) % 10
    return f"{one[:at]}{digit}{one[at + 1 :]}"


def invoice(side: int, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """A letterhead, a table of lines and a total. side: pixels of the longer side."""
    image, draw = _paper(round(side / 1.375), side)
    unit = image.width / 80
    text = ImageFont.load_default(round(unit * layout.uniform(1.7, 2.2)))
    large = ImageFont.load_default(round(unit * 3))
    colour = tuple(int(level) for level in layout.integers(0, 160, 3))
    draw.rectangle((4 * unit, 4 * unit, 30 * unit, 14 * unit), colour)
    draw.text((6 * unit, 7 * unit), f"{layout.choice(WORDS)} Ltd", "white", large)
    draw.text((50 * unit, 6 * unit), f"Invoice {entries[0]}", INK, large)
    for row, one in enumerate(entries[1:-1]):
        top = (30 + 6 * row) * unit
        draw.line((4 * unit, top, 76 * unit, top), RULE, max(1, round(unit / 8)))
        draw.text((6 * unit, top + 1.5 * unit), layout.choice(WORDS), INK, text)
        draw.text((64 * unit, top + 1.5 * unit), one, INK, text)
    draw.text((56 * unit, 90 * unit), f"Total {entries[-1]}", INK, large)
    return image


def certificate(side: int, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """A frame, a title and sentences with numbers in them, on tinted paper."""
    paper = tuple(int(level) for level in layout.integers(225, 256, 3))
    image, draw = _paper(side, round(side * 0.7), paper)
    unit = image.width / 100
    colour = tuple(int(level) for level in layout.integers(0, 140, 3))
    for inset in (3, 4.5):
        draw.rectangle((inset * unit, inset * unit, (100 - inset) * unit, (70 - inset) * unit), None, colour, 2)
    title, text = ImageFont.load_default(round(6 * unit)), ImageFont.load_default(round(2.4 * unit))
    draw.text((50 * unit, 12 * unit), "Certificate", colour, title, anchor="ma")
    for row, one in enumerate(entries):
        line = f"{layout.choice(WORDS)} {layout.choice(WORDS).lower()} {one} {layout.choice(WORDS).lower()}"
        draw.text((50 * unit, (25 + 4.5 * row) * unit), line, INK, text, anchor="ma")
    return image


def ticket(side: int, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """A coloured strip with a stub; a few large numbers and small ones, light on dark or dark on light."""
    dark = bool(layout.integers(2))
    paper = tuple(int(level) for level in (layout.integers(0, 90, 3) if dark else layout.integers(180, 250, 3)))
    ink = (245, 245, 240) if dark else INK
    image, draw = _paper(side, round(side * 0.42), paper)
    unit = image.width / 100
    draw.line((74 * unit, 0, 74 * unit, 42 * unit), ink, max(1, round(unit / 4)))
    draw.text((5 * unit, 4 * unit), f"{layout.choice(WORDS)} {layout.choice(WORDS)}", ink, _font(6 * unit))
    for number, one in enumerate(entries):
        across, down = (5, 14 + 4.2 * number) if number < 6 else (78, 6 + 5 * (number - 6))
        draw.text((across * unit, down * unit), f"{layout.choice(WORDS)} {one}", ink, _font(2.8 * unit))
    return image


def _paper(
    width: int, height: int, colour: tuple[int, ...] = (255, 255, 255)
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), colour)
    return image, ImageDraw.Draw(image)


def _font(size: float) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(max(8, round(size)))


def caption(photo: Image.Image, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """A bar with a line of text below the photo."""
    high = round(photo.height * layout.uniform(0.08, 0.14))
    image = Image.new("RGB", (photo.width, photo.height + high), "white")
    image.paste(photo)
    text = f"{layout.choice(WORDS)} {entries[0]} {layout.choice(WORDS)}"
    ImageDraw.Draw(image).text((high / 4, photo.height + high / 8), text, INK, _font(high * 0.7))
    return image


def meme(photo: Image.Image, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """White letters with a black edge across the photo."""
    image = photo.copy()
    size = min(photo.height, photo.width) * layout.uniform(0.06, 0.11)
    at = photo.width / 2, photo.height * layout.choice([0.04, 0.85])
    ImageDraw.Draw(image).text(
        at, f"{layout.choice(WORDS)} {entries[0]}", "white", _font(size), "ma", stroke_width=2, stroke_fill="black"
    )
    return image


def price(photo: Image.Image, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """A badge in a corner."""
    image = photo.copy()
    draw = ImageDraw.Draw(image)
    font = _font(min(photo.size) * layout.uniform(0.06, 0.1))
    colour = tuple(int(level) for level in layout.integers(0, 200, 3))
    at = photo.width * layout.uniform(0.05, 0.4), photo.height * layout.uniform(0.05, 0.8)
    left, top, right, bottom = draw.textbbox(at, entries[0], font)
    draw.rectangle((left - 4, top - 4, right + 4, bottom + 4), colour)
    draw.text(at, entries[0], "white", font)
    return image


def date(photo: Image.Image, layout: np.random.Generator, entries: Sequence[str]) -> Image.Image:
    """A camera's date stamp, small and orange."""
    image = photo.copy()
    at, size = (photo.width * 0.96, photo.height * 0.96), photo.height * layout.uniform(0.05, 0.07)
    ImageDraw.Draw(image).text(at, entries[0], (255, 150, 40), _font(size), "rs")
    return image


Form = Callable[[int, np.random.Generator, Sequence[str]], Image.Image]
Written = Callable[[Image.Image, np.random.Generator, Sequence[str]], Image.Image]
FORMS: tuple[Form, ...] = (invoice, certificate, ticket)
WRITTEN: tuple[Written, ...] = (caption, meme, price, date)


def form_pair(side: int, number: int) -> tuple[Image.Image, Image.Image]:
    """Two forms that differ in their entries: by each of FORMS and of CHANGES in turn. side: the longer one."""
    random = np.random.default_rng([side, number])
    entries = [entry(random) for _ in range(8)]
    others = changed(entries, CHANGES[number // len(FORMS) % len(CHANGES)], random)
    draw, seed = FORMS[number % len(FORMS)], int(random.integers(2**32))
    one, other = (draw(side, np.random.default_rng(seed), filled) for filled in (entries, others))
    return one, other


def written_pair(photo: Path, side: int, number: int) -> tuple[Image.Image, Image.Image]:
    """A photo with two texts on it: by each of WRITTEN and of the CHANGES of one text in turn."""
    random = np.random.default_rng([side, number])
    shown = Image.open(photo).convert("RGB")
    scale = side / max(shown.size)
    shown = shown.resize((round(shown.width * scale), round(shown.height * scale)), Image.Resampling.BICUBIC)
    entries = [entry(random)]
    others = changed(entries, CHANGES[number // len(WRITTEN) % 2], random)
    draw, seed = WRITTEN[number % len(WRITTEN)], int(random.integers(2**32))
    one, other = (draw(shown, np.random.default_rng(seed), filled) for filled in (entries, others))
    return one, other
