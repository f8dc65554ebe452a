"""Look-alike: the people most like a face, whether two photos are of one person, and the mirror.

Run it alone with `python -m demos.lookalike [FOLDER]`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from demos.components import answers, download, draw, events, face_cards, picture_input, queries, share
from demos.components.page import Page
from demos.components.picture_cards import Scale
from demos.components.picture_input import RawImage
from demos.components.queries import Query
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from demos.views import find_kinds, mirror
from demos.views.common import View, views
from demos.views.find import draw_find
from engines import Crop, SemblanceError, settings
from features.analysis.verification import Verdict
from features.catalogue.images import open_image
from features.export import Found
from features.indexing.embedding import embed, parts_of
from features.retrieval.calibration import Calibration
from features.retrieval.results import Match, Part, Ranking

PEOPLE, MOST = 5, 20
ROW = 3  # people for each face, where everyone is asked for
STRANGERS = Scale(
    Calibration(np.zeros(0), np.zeros(0)),
    others="lookalike.strangers",
    none="lookalike.none",
    why="lookalike.none_why",
)
TOGETHER = localized(lambda: draw.state("ask", say("lookalike.two_photos"), say("lookalike.two_photos_how")))
PHOTOS = ("lookalike.first_photo", "lookalike.second_photo")


def tab(page: Page, name: str = "lookalike") -> None:
    """The views of every engine, Same or not and, where there may be a camera, Mirror."""
    own: list[tuple[str, View]] = [("lookalike.same_or_not", _same_or_not), ("lookalike.mirror", _mirror)]
    views(page, name, _find_people, own if settings.current().webcam else own[:1])


def _find_people(page: Page, name: str) -> None:
    draw_find(page, name, kind=_kind(page.shelf))


def _mirror(page: Page, name: str) -> None:
    mirror.draw_mirror(page, name)
    _promise(page.shelf, CAMERA)


def _promise(shelf: Shelf, what: tuple[str, str]) -> gr.HTML:
    """What becomes of a photo, where it comes in. KEPT in demos/suite.py is what makes it true."""
    here, there = what
    promise = localized(
        lambda: f'<p class="hint promise">{say(here if shelf.local else there)} {say("lookalike.consent")}</p>'
    )
    return gr.HTML(promise, apply_default_css=False)


PHOTO = (
    "lookalike.promise_local",
    "lookalike.promise_server",
)
CAMERA = (
    "lookalike.camera_local",
    "lookalike.camera_server",
)


def _kind(shelf: Shelf) -> find_kinds.Kind:
    def below() -> Sequence[gr.HTML]:
        _promise(shelf, PHOTO)
        return [gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="whom")]

    return find_kinds.Kind(_find, _to_take, (PEOPLE, MOST, "lookalike.how_many"), below, _to_share)


@dataclass(frozen=True)
class Seen:
    """The parts of a question, the number of the one that was chosen (EVERY: of each), and the people for each."""

    parts: Sequence[Part]
    chosen: int
    people: Sequence[Ranking]
    scale: Scale


def _found(query: Query) -> Seen:
    """Raises SemblanceError."""
    library, catalogue, engine = query.library, query.catalogue, query.engine
    parts = parts_of(engine, query.path)
    chosen = query.asked.part if query.asked.part in range(len(parts)) else queries.EVERY
    wanted, k = (parts, min(query.k, ROW)) if chosen == queries.EVERY else ([parts[chosen]], query.k)
    rows = embed(engine, [Crop(part.pixels) for part in wanted])
    index = library.index(catalogue, engine)
    people = [index.rank(row, k, query.asked.digest) for row in rows]
    return Seen(parts, chosen, people, replace(STRANGERS, calibration=index.calibration()))


def _find(query: Query) -> tuple[str, str, str]:
    """The people most like the chosen face, or like each: (wall, facts, faces)."""
    started = time.perf_counter()
    found = _found(query)
    first, groups = found.people[0], [ranking.groups for ranking in found.people]
    searched = say("lookalike.faces_searched", n=first.searched)
    searched += " · " + say(first.index)
    facts = answers.facts(query.engine.describe(), searched, time.perf_counter() - started)
    size = open_image(query.path, 1)
    faces = face_cards.faces(found.parts, (size.width, size.height), found.chosen)
    if found.chosen == queries.EVERY:
        return face_cards.everyone(query.catalogue, found.parts, groups, found.scale), facts, faces
    return face_cards.people(query.catalogue, groups[0], found.scale) if groups[0] else "", facts, faces


def _to_take(query: Query) -> Found:
    """Of each person the photo that is most like the face. Raises SemblanceError."""
    found = _found(query)
    several = len(found.people) > 1
    return [
        (f"{query.called}, face {number}" if several else query.called, [g.matches[0] for g in ranking.groups])
        for number, ranking in enumerate(found.people, 1)
    ]


def _to_share(query: Query) -> Path:
    """The card to download; it lies among the uploads and is deleted as they are. Raises SemblanceError."""
    found = _found(query)
    people = found.people[0].groups
    if found.chosen == queries.EVERY or not people:
        raise SemblanceError("lookalike.choose_face")
    likenesses = [
        share.Likeness(
            _face_of(group.matches[0]), face_cards.called(group), found.scale.closer(group.matches[0].score)
        )
        for group in people[: share.MOST]
    ]
    path = download.place("semblance.jpg")
    share.card(found.parts[found.chosen].pixels, likenesses).save(path, quality=90)
    return path


def _face_of(match: Match) -> np.ndarray:
    """The part of a picture that matched, (H, W, 3). Raises ImageError."""
    picture = open_image(match.path)
    shrunk = picture.pixels.shape[1] / picture.width
    box = match.box and tuple(round(edge * shrunk) for edge in match.box)
    return share.around(picture.pixels, box)


def _same_or_not(page: Page, name: str) -> None:
    shelf = page.shelf
    with gr.Row(elem_classes="pair"):
        photos = [picture_input.photo(fixed(nth)) for nth in PHOTOS]
    _promise(shelf, PHOTO)
    verdict = gr.HTML(TOGETHER, apply_default_css=False, elem_classes="results judged")
    status = gr.HTML(elem_classes="status", apply_default_css=False)

    def compare(collection: str, first: RawImage, second: RawImage) -> tuple[str, str]:
        """Whether two photos show the same person, as HTML; and which network and weights it came from."""
        try:
            return _compare(shelf, collection, name, (first, second)), answers.weights(shelf, collection, name)
        except SemblanceError as error:
            html = draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("the comparison in %s failed", name)
            html = draw.failed(UNFORESEEN)
        return html, answers.weights(shelf, collection, name)

    asked = [page.picker, *photos]
    answering: dict[str, Any] = {"preprocess": False, "show_progress_on": verdict, **events.SEARCHES}
    gr.on(
        [photo.input for photo in photos],
        compare,
        asked,
        [verdict, status],
        api_name=f"{name}_same",
        **events.HTML,
        **answering,
    )
    gr.on(
        [page.picker.change, page.stamp.change],
        compare,
        asked,
        [verdict, status],
        api_visibility="private",
        **answering,
    )


def _compare(shelf: Shelf, key: str, name: str, questions: Sequence[RawImage]) -> str:
    paths = [path for question in questions if (path := picture_input.uploaded_file(question))]
    if len(paths) < 2:
        return TOGETHER
    return face_cards.verdict(*judged(shelf, key, name, paths))


def judged(shelf: Shelf, key: str, name: str, paths: Sequence[Path]) -> tuple[Sequence[Part], Verdict]:
    """The first face in each of two photos, and whether they are of one person. Raises SemblanceError."""
    engine = shelf.engine(key, name)
    ours = engine is shelf.library.engine(name, "builtin")  # needs no download; at most it is exported first
    if not (ours or engine.describe().settled):  # no comparison downloads anything
        raise SemblanceError("lookalike.not_ready")
    return shelf.library.index(shelf.catalogue(key, name), engine).verify(paths)
