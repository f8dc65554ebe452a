"""Twelve style transfers of drawn samples: `python -m benchmarks.transfer [FILE]` draws the contact sheet.

For each pair it tells the seconds on the clock and of the processor, how far the style loss fell, and how much of
the photo is left: the structural similarity (Wang et al. 2004) of the edges of the two luminances.
"""

from __future__ import annotations

import importlib
import io
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.measure import say
from features.catalogue.images import open_image
from features.transfer import choose, transfer

SHEET = Path(__file__).parent.parent / "docs" / "transfer.jpg"
SIZE = 256  # pixels
COLUMNS = 4
MOST = 400_000  # bytes
PAIRS = (  # kind and number of a photo, the same of a painting, and whether colours are kept
    ("people", "grace", 1, "swirls", 2, False),
    ("people", "hugo", 2, "woodcut", 5, False),
    ("products", "backpack", 3, "stained-glass", 6, False),
    ("products", "mug", 2, "pointillism", 3, False),
    ("people", "amara", 1, "stained-glass", 6, False),
    ("products", "sneaker", 4, "swirls", 2, False),
    ("people", "farid", 1, "watercolour", 8, False),
    ("products", "teapot", 5, "impressionism", 1, False),
    ("people", "leila", 1, "swirls", 2, True),
    ("products", "chair", 2, "cubism", 7, False),
    ("people", "edith", 1, "ink-wash", 4, False),
    ("products", "vase", 3, "stained-glass", 6, True),
)


def main(sheet: Path) -> None:
    chosen = choose("builtin")
    cells = []
    with tempfile.TemporaryDirectory() as scratch:
        for group, kind, number, manner, of, keep in PAIRS:
            photo = _drawn(Path(scratch), group, kind, number)
            painting = _drawn(Path(scratch), "paintings", manner, of)
            started, worked = time.perf_counter(), time.process_time()
            *_, frame = transfer(photo, painting, chosen, size=SIZE, keep_colours=keep)
            seconds, busy = time.perf_counter() - started, time.process_time() - worked
            before, after = open_image(photo).pixels, frame.pixels
            fall = (frame.style_first or 0) / (frame.style_loss or 1)
            say(
                f"{kind} as {manner}{', colours kept' * keep}: {seconds:.1f} s, {busy:.1f} s of the processor, "
                f"style loss / {fall:.0f}, edges {edges_alike(before, after):.2f}"
            )
            cells.append(_cell(before, open_image(painting).pixels, after))
    _save(cells, sheet)
    say(f"{sheet}: {sheet.stat().st_size:,} bytes")


def edges_alike(photo: np.ndarray, picture: np.ndarray) -> float:
    """Structural similarity, up to 1, of the edges (Sobel) of two (H, W, 3) uint8 RGB; the first is scaled."""
    from skimage.filters import sobel
    from skimage.metrics import structural_similarity

    height, width = picture.shape[:2]
    scaled = Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS)
    one, other = (
        sobel(np.asarray(image.convert("L"), float) / 255) for image in (scaled, Image.fromarray(picture))
    )
    return float(structural_similarity(one, other, data_range=float(max(one.max(), other.max()))))


def _drawn(folder: Path, group: str, kind: str, number: int) -> Path:
    path = folder / f"{kind}-{number}.png"
    importlib.import_module(f"samples.{group}").draw(kind, number, path)
    return path


def _cell(photo: np.ndarray, painting: np.ndarray, picture: np.ndarray) -> Image.Image:
    """The photo above the painting, and beside them the picture."""
    cell = Image.new("RGB", (SIZE + SIZE // 2 + 16, SIZE + 8), "white")
    half = SIZE // 2 - 2
    for pixels, side, place in (
        (photo, half, (4, 4)),
        (painting, half, (4, half + 8)),
        (picture, SIZE, (SIZE // 2 + 6, 4)),
    ):
        cell.paste(ImageOps.pad(Image.fromarray(pixels), (side, side), color="white"), place)
    return cell


def _save(cells: list[Image.Image], path: Path) -> None:
    """The cells in rows, as good as MOST bytes allow."""
    width, height = cells[0].size
    sheet = Image.new("RGB", (width * COLUMNS, height * -(-len(cells) // COLUMNS)), "white")
    for number, cell in enumerate(cells):
        sheet.paste(cell, (number % COLUMNS * width, number // COLUMNS * height))
    for quality in range(90, 20, -5):
        made = io.BytesIO()
        sheet.save(made, "JPEG", quality=quality, optimize=True, progressive=True)
        if made.tell() < MOST:
            break
    path.write_bytes(made.getbuffer())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHEET)
