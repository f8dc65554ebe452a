"""The live mirror: who in the collection looks like the face before the camera, told from frame to frame.

Where Gradio's own working (6.31) is relied on:
- A stream is one event of its session that lasts until the camera is stopped. While a frame is looked at, each
  newer one takes the place of the one that waits (`/stream/{event_id}` in routes.py sets `event.data`), so late
  frames are dropped, and at most one waits.
- The event holds one of its `concurrency_limit` places, and one of the app's 40 workers, for so long. So there are
  MIRRORS places; who comes later waits, and TURN seconds of work end a turn: the browser joins the line again
  by itself. Someone who has gone is noticed by then, or after TURN seconds without a frame.
- A frame comes as a data URL, and only `type="filepath"` would write it to a file. We take it as it came and
  decode it in memory; Gradio holds the last one, as each component's last value, in the session's memory.
"""

from __future__ import annotations

import base64
import binascii
import io
import logging
from dataclasses import dataclass, replace
from typing import Any

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from demos.components import draw, share
from demos.components.page import Page
from demos.components.picture_cards import Scale
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from engines import Box, Crop, Engine, NotEmbeddable, SemblanceError, fingerprint, settings, unit_rows
from features.catalogue import images
from features.catalogue.folder import Catalogue
from features.errors import ImageError, NotIndexed
from features.indexing.embedding import embed
from features.library import Library
from features.retrieval.results import Group

SIDE = 480  # pixels: the longer side of a frame as it is looked at
EVERY = 0.1  # seconds between two frames of the camera
MIRRORS = 4  # at once
TURN = 60  # seconds
NEWEST = 0.3  # the share of the newest frame in the mean over a face's frames
SAME_PLACE = 0.3  # of the boxes' union, which they share when a face has moved on by one frame
SAME_FACE = 0.9  # share of strangers that must be less alike than a face and the one that was followed
ROOM = 0.4  # of a face's box, shown on each side of it
PATIENCE = 5  # frames in which a face may be missed
CAMERA = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}, "facingMode": "user"}}


@dataclass(frozen=True, eq=False)  # eq would have Gradio, which hashes states, hash an array
class Followed:
    """A face from frame to frame.

    box: in pixels of the shrunk frame. vector: (D,) float32 unit row, a running mean over its frames, by the
    engine of this fingerprint. missed: frames since it was seen.
    """

    box: Box
    vector: np.ndarray
    fingerprint: str
    missed: int = 0


@dataclass(frozen=True)
class Sight:
    """face: (S, S, 3) uint8 RGB, with what is around it. person: most like it. closer: see draw.Scale."""

    face: np.ndarray
    person: Group
    closer: str


def look(
    library: Library, catalogue: Catalogue, engine: Engine, frame: np.ndarray, followed: Followed | None
) -> tuple[Followed | None, Sight | None]:
    """(H, W, 3) uint8 RGB, and the face that was followed -> the face that is followed now, and what is seen.

    That is the face in the same place, or else the largest. Nothing is seen in a frame without a face; after some
    such frames none is followed. Raises NotIndexed.
    """
    small = _shrunk(frame)
    try:
        crops = engine.crops(small)
    except NotEmbeddable:
        missed = followed and replace(followed, missed=followed.missed + 1)
        return missed if missed and missed.missed <= PATIENCE else None, None
    calibration = library.index(catalogue, engine).calibration()
    here = fingerprint(engine)
    known = followed if followed and followed.fingerprint == here else None
    box, crop = _followed_or_largest(small, crops, known)
    vector = embed(engine, [crop])[0]
    if (
        known
        and _shared(box, known.box) >= SAME_PLACE
        and calibration.closer_than(float(vector @ known.vector)) >= SAME_FACE
    ):
        vector = unit_rows((NEWEST * vector + (1 - NEWEST) * known.vector)[None])[0]
    (person,) = library.index(catalogue, engine).rank(vector, 1).groups
    closer = Scale(calibration, others="lookalike.strangers").closer(person.matches[0].score)
    scale = len(frame) / len(small)
    left, top, right, bottom = (round(scale * edge) for edge in box)
    face = share.around(frame, (left, top, right, bottom), ROOM)
    return Followed(box, vector, here), Sight(face, person, closer)


def _shrunk(frame: np.ndarray) -> np.ndarray:
    """The longer side no more than SIDE."""
    scale = SIDE / max(frame.shape[:2])
    return cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame


def _followed_or_largest(frame: np.ndarray, crops: list[Crop], followed: Followed | None) -> tuple[Box, Crop]:
    height, width = frame.shape[:2]
    boxed = [(crop.box or (0, 0, width, height), crop) for crop in crops]
    if followed:
        nearest = max(boxed, key=lambda pair: _shared(pair[0], followed.box))
        if _shared(nearest[0], followed.box) >= SAME_PLACE:
            return nearest
    return boxed[0]


def _shared(one: Box, other: Box) -> float:
    """What two boxes share, as a part of their union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / max(areas - both, 1)


def draw_mirror(page: Page, name: str) -> None:
    """Draws the mirror of an engine into the current Blocks. It neither indexes nor downloads anything."""
    if not settings.current().webcam:  # not drawn, it can't be called either
        gr.HTML(localized(lambda: draw.hint(say("mirror.camera_off"))), apply_default_css=False)
        return
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300):
            camera = gr.Image(
                sources=["webcam"],
                streaming=True,
                label=fixed("mirror.camera"),
                show_label=False,
                height=280,
                buttons=[],
                webcam_options=gr.WebcamOptions(mirror=True, constraints=CAMERA),
                elem_classes="camera",
            )
        with gr.Column(scale=2, min_width=300):
            with gr.Row(elem_classes="mirror"):
                face, photo = (gr.HTML(apply_default_css=False, min_width=140) for _ in range(2))
            told = gr.HTML(
                localized(lambda: draw.hint(say("mirror.start_camera"))),
                apply_default_css=False,
                elem_classes="mirrored",
            )
    followed = gr.State(None, time_to_live=TURN)  # a vector of a face: kept no longer than it is of use
    shown = gr.State("")  # the digest of the photo that is shown

    def watch(
        key: str, frame: dict[str, Any] | None, followed: Followed | None, shown: str
    ) -> tuple[Followed | None, str, Any, Any, Any]:
        """One frame -> (followed, shown, face, photo, told)."""
        try:
            catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
            if not engine.describe().settled:
                raise NotIndexed
            followed, sight = look(shelf.library, catalogue, engine, _decoded(frame), followed)
        except NotIndexed:
            hint = say("mirror.not_indexed")
        except SemblanceError as error:
            hint = say(error)
        except Exception:
            logging.getLogger(__name__).exception("the mirror of %s failed", name)
            hint = say(UNFORESEEN)
        else:
            if sight:
                best = sight.person.matches[0].digest
                person = gr.skip() if best == shown else _photo(catalogue, sight.person)
                return followed, best, _face(sight.face), person, _told(sight)
            if followed:  # a frame or two without a face: what is shown stays
                return followed, shown, gr.skip(), gr.skip(), gr.skip()
            hint = say("mirror.no_face")
        return None, "", "", "", draw.hint(hint)

    camera.stream(
        watch,
        [page.picker, camera, followed, shown],
        [followed, shown, face, photo, told],
        preprocess=False,
        show_progress="hidden",
        api_visibility="private",
        stream_every=EVERY,
        time_limit=TURN,
        concurrency_limit=MIRRORS,
        concurrency_id="mirror",
    )


def _decoded(frame: dict[str, Any] | None) -> np.ndarray:
    """A frame as the browser sends it, a data URL -> (H, W, 3) uint8 RGB. Raises ImageError."""
    url = frame.get("url") if isinstance(frame, dict) else None
    head, _, data = str(url or "").partition(",")
    try:
        if head.startswith("data:image/") and head.endswith(";base64"):
            return images.decode(base64.b64decode(data, validate=True), SIDE).pixels
    except binascii.Error:
        pass
    raise ImageError("mirror.no_frame")


def _face(pixels: np.ndarray) -> str:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=80)
    url = "data:image/jpeg;base64," + base64.b64encode(made.getvalue()).decode()
    return _figure(url, say("mirror.your_face"))


def _photo(catalogue: Catalogue, person: Group) -> str:
    best = person.matches[0]
    return _figure(draw.thumbnail(catalogue, best.digest), person.label or best.path.name)


def _figure(url: str, alt: str) -> str:
    style = "width:100%;aspect-ratio:1;object-fit:cover;border-radius:10px;margin:0"
    return f'<img src="{draw.escape(url)}" alt="{draw.escape(alt)}" style="{style}">'


def _told(sight: Sight) -> str:
    name = draw.escape(sight.person.label or sight.person.matches[0].path.name)
    return f'<h3 class="name">{name}</h3><p class="score">{draw.escape(sight.closer)}</p>'
