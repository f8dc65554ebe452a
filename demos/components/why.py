"""Why two pictures are alike: both side by side, with heat where they add to the likeness."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from demos import static
from demos.components import draw
from demos.i18n.language import localized, say
from engines import Box, SemblanceError
from features.catalogue.folder import Catalogue
from features.catalogue.images import open_image
from features.retrieval.results import Explanation, Reference

SIDE = 384  # of the pictures, pixels
FINE = 16  # pixels of the heat for each position
ADDS, TAKES = (255, 140, 0), (0, 114, 178)  # orange and blue are told apart by everybody

PANEL = static.read("why.js")


def _panel(inner: str) -> str:
    close = f'<button type="button" class="act quiet" data-close>{say("why.back")}</button>'
    return f'<div class="explained" role="region" aria-label="{say("why.title")}">{close}{inner}</div>'


BUSY = localized(
    lambda: _panel(
        f'<div class="state busy" role="status"><h3>{say("why.looking")}</h3>'
        '<div class="bar unknown"><i></i></div>'
        f"<p>{say('why.first_time')}</p></div>"
    )
)


def failed(error: SemblanceError | str) -> str:
    """Draws an error in the place of an explanation."""
    return _panel(draw.failed(error))


def told(catalogue: Catalogue, explained: Explanation, query: Reference, digest: str) -> str:
    """An explanation in the results' place. Raises ImageError."""
    most = max(np.abs(explained.query_map).max(), np.abs(explained.match_map).max(), 1e-9)
    match, name = catalogue.file(digest), catalogue.label(digest) or catalogue.file(digest).name
    asked = _heated(query.path, explained.query_box, explained.query_map / most, say("why.your_picture"))
    found = _heated(match, explained.match_box, explained.match_map / most, name)
    return _panel(
        f'<div class="pair-of">{asked}{found}</div>'
        f'<label class="heat-of">{say("why.heat")}<input type="range" value="80"/></label><p>'
        + say(
            "why.sum",
            score=explained.score,
        )
        + "</p>"
    )


def _heated(path: Path, box: Box | None, strengths: np.ndarray, name: str) -> str:
    picture = draw.inline(open_image(path, SIDE, box).pixels, draw.escape(name), SIDE)
    return f"<figure><div>{picture}{_heat(strengths)}</div><figcaption>{draw.escape(name)}</figcaption></figure>"


def _heat(strengths: np.ndarray) -> str:
    """(h, w), -1..1 -> an <img> to lay over the picture."""
    high, wide = strengths.shape
    smooth = cv2.resize(strengths, (wide * FINE, high * FINE), interpolation=cv2.INTER_LINEAR)
    colours = np.where(smooth[..., None] > 0, *np.array([ADDS, TAKES], np.uint8))
    made = io.BytesIO()
    Image.fromarray(np.dstack([colours, (255 * np.abs(smooth)).astype(np.uint8)])).save(made, "PNG")
    return f'<img class="heat" alt="" src="data:image/png;base64,{base64.b64encode(made.getvalue()).decode()}"/>'
