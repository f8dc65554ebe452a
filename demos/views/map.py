"""The map of a collection: all its pictures laid out by what an engine sees, to look around in and select from.

It is drawn on a canvas in the browser (map.js), which gets names and places once; pictures come as thumbnails, and
only when they are looked at closely. Of a selection digests come back, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from demos import static
from demos.components import draw, events, likes, picture_cards, picture_input
from demos.components.collection_view import (
    NEAR,
    Board,
    Steps,
    as_json,
    draw_board,
    draw_near,
    listen,
    neighbours,
    ready,
)
from demos.components.page import Page
from demos.components.picture_cards import Scale
from demos.components.picture_input import RawImage
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN, Job
from demos.server.state import Shelf
from engines import SemblanceError
from engines.messages import Message
from features.analysis.projection import METHODS, NEIGHBOURS, SAMPLE, Projection, between, sides
from features.catalogue.folder import Catalogue, Progress
from features.retrieval.results import Match

EDGE = 99_999  # a side of the map, as it is told to the browser
GALLERY = "gallery"  # the tab that shows a selection
TO_GALLERY = f"() => {{ document.querySelector('[role=tab][data-tab-id={GALLERY}]').click(); scrollTo(0, 0); }}"
SHOWN = 60  # pictures of a selection beside the map
HINT = localized(lambda: draw.state("ask", say("map.look_around"), say("map.look_around_how")))
HOW = {
    2: "map.how",
    3: "map.how_3d",
}
KEYS = "map.select_how"
METHOD_SAYS = {
    "t-SNE": "map.tsne",
    "PCA": "map.pca",
    "PCA 3D": "map.pca_3d",
    "UMAP": "map.umap",
}
PLACED = "map.ring"

# what stands in the page; the rest is drawn by BOARD
FRAME = """<div class="atlas"><canvas tabindex="0" role="application" aria-label="${say('map.title')}"
 aria-roledescription="${say('map.short')}"></canvas><div class="pick">
<button type="button" data-pick="draw" aria-pressed="false"
 title="${say('map.draw_around')}">${say('map.select')}</button>
<button type="button" data-pick="none" title="${say('map.let_go')}"
 hidden>${say('map.clear')}</button></div>
<div class="zoom">
<button type="button" data-zoom="1.6" aria-label="${say('map.zoom_in')}">+</button>
<button type="button" data-zoom="0.625" aria-label="${say('map.zoom_out')}">&minus;</button>
<button type="button" data-zoom="0" aria-label="${say('map.show_all')}">&#x2922;</button></div>
<div class="over" role="status"></div></div><div class="key"></div><p class="hint"></p>"""

BOARD = static.read("map.js")


def _draw_controls(shelf: Shelf, name: str) -> tuple[gr.Radio, Board, gr.Image, gr.HTML]:
    """Draws the method, the board, a place for a picture to find, and one for those nearest to a click."""
    with gr.Row(elem_classes="sides mapped"):
        with gr.Column(scale=2, min_width=300):
            method = gr.Radio(
                list(METHODS), value="t-SNE", label=fixed("map.method"), show_label=False, container=False
            )
            board = draw_board(FRAME, BOARD, chosen="", asked=None)
        with gr.Column(scale=1, min_width=300):
            title = shelf.cards[name].title
            label = localized(lambda: say("map.picture", title=say(title)))
            image = picture_input.photo(label)
            near = draw_near(HINT)
    return method, board, image, near


def draw_map(page: Page, name: str) -> None:
    """Draws the map of an engine into the current Blocks."""
    shelf = page.shelf
    method, board, image, near = _draw_controls(shelf, name)
    caught = gr.State(())  # what was selected last

    def pick(key: str, event: gr.EventData) -> tuple[Any, Any]:
        """A picture of the catalogue and its nearest. Only a digest comes in, so no path can be asked for."""
        digest = str(event.digest)
        try:
            html = neighbours(shelf, key, name, digest)
        except KeyError:
            return gr.skip(), gr.skip()
        except SemblanceError as error:
            return gr.skip(), draw.failed(error)
        return gr.update(chosen=digest, asked=None), html

    def ask(key: str, how: str, question: RawImage) -> tuple[Any, Any]:
        """A picture that was uploaded: where it stands, and what is nearest to it."""
        try:
            place, html = _asked(shelf, key, name, str(how), question)
        except SemblanceError as error:
            place, html = None, draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("a question to the map of %s failed", name)
            place, html = None, draw.failed(UNFORESEEN)
        return gr.update(chosen="", asked=place), html

    def again(key: str, how: str, question: RawImage) -> tuple[Any, Any]:
        """The map is another: so is the place of what was asked."""
        return ask(key, how, question) if question else (gr.skip(), gr.skip())

    def enclose(key: str, event: gr.EventData) -> tuple[Any, Any, Any]:
        """Pictures were selected, or let go: those of them that are shown, and some to look at."""
        try:
            catalogue = shelf.catalogue(key, name)
            digests = _selected(catalogue, str(event.digests).split())
            html = _told(catalogue, digests, _has_gallery(page.demo)) if digests else HINT
        except SemblanceError as error:
            digests, html = (), draw.failed(error)
        return html, digests, gr.skip() if digests else ()

    def show(key: str, caught: Sequence[str]) -> Any:
        """The selection goes to the Gallery."""
        try:
            return _selected(shelf.catalogue(key, name), caught)
        except SemblanceError:
            return gr.skip()

    asking: dict[str, Any] = {
        "inputs": [page.picker, method, image],
        "outputs": [board.drawn, near],
        "preprocess": False,
        **events.SILENT,
        **events.SEARCHES,
    }
    for shown in listen(page, name, board, (near, HINT), method, partial(_made, shelf, name)):
        shown.then(again, **asking)
    likes.hearts(page, near)
    for source in (board.drawn.pick, near.search):
        source(
            pick,
            page.picker,
            [board.drawn, near],
            show_progress_on=near,
            api_visibility="private",
            **events.SEARCHES,
        )
    image.input(ask, **asking)
    board.drawn.enclose(enclose, page.picker, [near, caught, page.selection], **events.SILENT, **events.SEARCHES)
    shown = near.gallery(show, [page.picker, caught], page.selection, **events.SILENT)
    shown.then(None, js=TO_GALLERY)


async def _made(shelf: Shelf, name: str, key: str, method: str) -> Steps:
    """The map: computed in the background, unless it is kept. Raises SemblanceError."""
    made = await asyncio.to_thread(_kept, shelf, key, name, method)
    if made is None:
        job = await asyncio.to_thread(_start, shelf, key, name, method)
        while not (job.ended.is_set() or job.cancelled.is_set()):
            yield gr.skip(), draw.progress([job]), gr.skip()
            await asyncio.sleep(events.POLL)
        if job.cancelled.is_set() or job.error:
            yield (
                "",
                draw.state("error", say("map.none"), say(job.error or shelf.jobs.failure(job.key))),
                "",
            )
            return
        made = job.result
    catalogue = await asyncio.to_thread(shelf.catalogue, key, name)
    html = draw.hint(say(METHOD_SAYS[method], most=SAMPLE))
    board = await asyncio.to_thread(_board, catalogue, made, shelf.cards[name].title, method)
    yield gr.update(value=board), "", html


def _kept(shelf: Shelf, key: str, name: str, method: str) -> Projection | None:
    """Raises SemblanceError."""
    return shelf.library.index(*ready(shelf, key, name)).projection(method, kept_only=True)


def _start(shelf: Shelf, key: str, name: str, method: str) -> Job:
    catalogue, engine = ready(shelf, key, name)

    def work(progress: Progress, cancelled: Callable[[], bool]) -> Projection | None:
        progress(0, 0, Message("progress.laying_out"))
        return shelf.library.index(catalogue, engine).projection(method, cancelled)

    return shelf.jobs.start(
        ("map", catalogue.root, name, method),
        Message("jobs.map", name=catalogue.name, method=method),
        work,
        urgent=True,
    )


def _board(catalogue: Catalogue, made: Projection, title: str, method: str) -> str:
    """What the browser draws: columns, and of each picture one row in every of them; large folders come first.

    It is told once, and of many thousands: so the places are whole numbers, 0..edge, `sides` for each picture.
    """
    paths = catalogue.paths
    there = [number for number, digest in enumerate(made.digests) if digest in paths]
    digests = [made.digests[number] for number in there]
    parted = [paths[digest][0].rpartition("/") for digest in digests]  # (folder, "/", name)
    sizes = Counter(folder for folder, _, _ in parted)
    folders = sorted(sizes, key=lambda folder: (-sizes[folder], folder))
    place = {folder: i for i, folder in enumerate(folders)}
    how = f"{say(HOW[sides(method)])} {say(KEYS)}"
    told = say(
        "map.label",
        pictures=draw.count(len(digests), "pictures"),
        name=catalogue.name,
        folders=draw.count(len(folders), "folders"),
        method=method,
        title=say(title),
    )
    board = {
        "root": draw.thumbnail(catalogue, "").removesuffix(".jpg"),
        "told": f"{told} {how}",
        "how": how,
        "sides": sides(method),
        "edge": EDGE,
        "folders": folders,
        "digests": digests,
        "of": [place[folder] for folder, _, _ in parted],
        "names": [name for _, _, name in parted],
        "places": np.rint(made.positions[there] * EDGE).astype(int).ravel().tolist(),
    }
    return as_json(board)


def _selected(catalogue: Catalogue, told: Collection[str]) -> tuple[str, ...]:
    """Those of these digests that are pictures of the catalogue and shown; in order of path, each once."""
    asked, hidden = set(told), catalogue.hidden
    return tuple(digest for digest in catalogue.paths if digest in asked and digest not in hidden)


def _has_gallery(demo: gr.Blocks) -> bool:
    """Not where a tab runs alone."""
    return any(isinstance(block, gr.Tab) and block.id == GALLERY for block in demo.blocks.values())


def _told(catalogue: Catalogue, digests: Sequence[str], gallery: bool) -> str:
    """How many there are, and pictures from all over them. gallery: whether that can show them all."""
    number = min(SHOWN, len(digests))
    shown = [digests[len(digests) * i // number] for i in range(number)]
    matches = [Match(digest, catalogue.file(digest), catalogue.label(digest), 0.0, None) for digest in shown]
    few = draw.hint(say("map.some_of_them", number=number))
    some = few if number < len(digests) else ""
    words = say("map.show_in_gallery")
    button = f'<button type="button" class="act" data-do="gallery">{words}</button>' * gallery
    selected = say("map.pictures_selected", n=len(digests))
    told = f"<h3>{selected}</h3>{some}{button}"
    return f'<div class="caught">{told}</div>{picture_cards.wall(catalogue, matches)}'


def _asked(shelf: Shelf, key: str, name: str, method: str, question: RawImage) -> tuple[list[float] | None, str]:
    """Where an uploaded picture stands, if there is a map, and what is nearest to it. Raises SemblanceError."""
    path = picture_input.uploaded_file(question)
    if path is None:
        return None, HINT
    made = _kept(shelf, key, name, method)
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    matches = shelf.library.index(catalogue, engine).search(path, NEAR).matches
    wall = picture_cards.wall(catalogue, matches, Scale(shelf.library.index(catalogue, engine).calibration()))
    if made is None:
        return None, wall
    places = dict(zip(made.digests, made.positions, strict=True))
    nearest = [match for match in matches[:NEIGHBOURS] if match.digest in places]
    place = between(np.array([m.score for m in nearest]), np.stack([places[m.digest] for m in nearest]))
    return [float(edge) for edge in place], f'<p class="hint placed">{say(PLACED)}</p>{wall}'
