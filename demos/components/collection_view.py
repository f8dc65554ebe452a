"""What the views of a whole collection have in common (its map, its kinds).

A board is drawn in the browser, which asks for it when it comes into view: a tab that is not looked at costs
nothing. Until there is something to draw a cover lies over it; what is clicked on comes up beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demos import static
from demos.components import answers, draw, events, picture_cards
from demos.components.page import Page
from demos.components.picture_cards import Scale
from demos.i18n.language import fixed, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from engines import Engine, SemblanceError
from engines.messages import Message
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed

NEAR = 12  # pictures beside the board
LAZY = static.read("lazy.js")

Steps = AsyncIterator[tuple[Any, str, Any]]
"""Of what is shown: (the board's value, the HTML of what covers it, the HTML below it)."""


@dataclass(frozen=True)
class Board:
    """blank: what the board's properties are when another collection is chosen."""

    drawn: gr.HTML
    cover: gr.HTML
    told: gr.HTML
    blank: dict[str, Any]


def draw_board(frame: str, script: str, **properties: Any) -> Board:
    """frame: the HTML that stands in the page. script: draws `props.value` into it, and triggers 'wish'."""
    with gr.Column(elem_classes="board"):
        drawn = gr.HTML("", html_template=frame, js_on_load=LAZY + script, apply_default_css=False, **properties)
        cover = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="cover")
    return Board(drawn, cover, gr.HTML(apply_default_css=False), {"value": "", **properties})


def draw_choice(names: Sequence[str], label: str) -> gr.Radio:
    """Above a board: one of these names, the first at first. label: for who can't see it."""
    return gr.Radio(
        [(fixed(name), name) for name in names], value=names[0], label=label, show_label=False, container=False
    )


def draw_near(hint: str) -> gr.HTML:
    """The place for the pictures that a click brings up."""
    return gr.HTML(hint, js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="results near")


def listen(
    page: Page,
    name: str,
    board: Board,
    near: tuple[gr.HTML, str],
    choice: gr.Radio,
    make: Callable[[str, str], Steps],
) -> list[Any]:
    """Draws when it is asked for, and anew after a change; the events that do.

    near: the place beside it, and its hint. make: what to show for the key of a collection and the choice; raises
    NotIndexed where indexing helps, and SemblanceError.
    """
    shelf = page.shelf

    async def show(key: str, chosen: str) -> Steps:
        """The board, by way of what has to be waited for."""
        async for step in _steps(shelf, key, name, make(key, str(chosen))):
            yield step

    async def index(key: str) -> AsyncIterator[tuple[str, Any]]:
        with contextlib.suppress(SemblanceError):  # what is shown then tells it
            await asyncio.to_thread(shelf.index, key, name)
            while job := await asyncio.to_thread(shelf.job, key, name):
                yield draw.progress([job]), gr.skip()
                await asyncio.sleep(events.POLL)
        yield gr.skip(), time.monotonic()

    def leave() -> tuple[Any, ...]:
        return gr.update(**board.blank), "", "", near[1]

    shown = [board.drawn, board.cover, board.told]
    changes = [page.picker.change, page.stamp.change]
    gr.on(changes, leave, None, [*shown, near[0]], queue=False, **events.SILENT)
    events.stops(shelf, board.cover)
    indexed = board.cover.index(index, page.picker, [board.cover, page.stamp], **events.WATCHES)
    asking: dict[str, Any] = {"inputs": [page.picker, choice], "outputs": shown, **events.WATCHES}
    moments = (board.drawn.wish, choice.change, indexed.then)
    return [moment(show, trigger_mode="always_last", **asking) for moment in moments]


async def _steps(shelf: Shelf, key: str, name: str, made: Steps) -> Steps:
    try:
        while job := await asyncio.to_thread(shelf.job, key, name):
            yield gr.skip(), draw.progress([job]), gr.skip()
            await asyncio.sleep(events.POLL)
        async for step in made:
            yield step
        yield gr.skip(), gr.skip(), gr.skip()  # what comes last is sent twice, and a board is large
    except NotIndexed as error:
        title, index = say("collection.nothing_to_lay_out"), ("index", say("common.index_now"))
        yield "", draw.state("index", title, say(error), action=index), ""
    except SemblanceError as error:
        yield "", draw.failed(error), ""
    except Exception:
        logging.getLogger(__name__).exception("a view of %s failed", name)
        yield "", draw.failed(UNFORESEEN), ""


def ready(shelf: Shelf, key: str, name: str) -> tuple[Catalogue, Engine]:
    """Raises SemblanceError; NotIndexed also while the engine is not ready, for no board downloads anything."""
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    if shelf.unready(key, name):
        failure = shelf.jobs.failure((catalogue.root, name))
        raise NotIndexed(failure or Message("collection.needs_indexing"))
    return catalogue, engine


def as_json(drawn: Any) -> str:
    """For a board. Names come from strangers' folders: none of it can be taken for HTML."""
    return json.dumps(drawn, separators=(",", ":")).replace("<", "\\u003c")


def alike(shelf: Shelf, key: str, name: str, digest: str) -> str:
    """The pictures of the catalogue that are nearest to one of it. Raises SemblanceError."""
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    found = shelf.library.index(catalogue, engine).search(catalogue.file(digest), NEAR + 1)
    matches = [match for match in found.matches if match.digest != digest][:NEAR]
    scale = Scale(shelf.library.index(catalogue, engine).calibration())
    return picture_cards.wall(catalogue, matches, scale) if matches else answers.NO_MATCH


def neighbours(shelf: Shelf, key: str, name: str, digest: str) -> str:
    """A picture of the catalogue and the pictures nearest to it. Raises KeyError, SemblanceError."""
    catalogue = shelf.catalogue(key, name)
    if not shelf.shows(catalogue, digest):
        raise KeyError(digest)
    label = draw.escape(" · ".join(filter(None, (catalogue.label(digest), catalogue.file(digest).name))))
    source = draw.escape(draw.thumbnail(catalogue, digest))
    chosen = f'<figure class="chosen"><img alt="{label}" src="{source}"><figcaption>{label}</figcaption></figure>'
    return chosen + alike(shelf, key, name, digest)
