"""How alike the folders of a collection are: a table of mean cosines, and the pictures behind each cell."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import gradio as gr

from demos import static
from demos.components import draw, events, likes
from demos.components.collection_view import (
    Steps,
    as_json,
    draw_board,
    draw_choice,
    draw_near,
    listen,
    neighbours,
    ready,
)
from demos.components.page import Page
from demos.i18n.language import fixed, localized, say
from demos.server.state import Shelf
from engines import SemblanceError
from engines.messages import Message
from features.analysis.similarity import Kinds

MOST = 48  # folders in the table: more can't be read, nor are they in view together
GALLERY = 24  # pictures of a folder
ORDERS = (Message("similarity.clustered"), Message("similarity.by_name"))
HINT = localized(lambda: draw.state("ask", say("similarity.compare_two"), say("similarity.how")))

# what stands in the page; the rest is drawn by BOARD
FRAME = """<div class="kinds"><div class="scroll"><table role="grid"></table></div>
<p class="cell" aria-hidden="true"></p><p class="hint">\
${say('similarity.help')}\
</p></div>"""

BOARD = static.read("similarity.js")


def draw_kinds(page: Page, name: str) -> None:
    """Draws the view Kinds of an engine into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=2, min_width=300):
            order = draw_choice(ORDERS, fixed("similarity.order"))
            board = draw_board(FRAME, BOARD)
        with gr.Column(scale=1, min_width=300):
            near = draw_near(HINT)

    def pair(key: str, event: gr.EventData) -> Any:
        """The pictures of two folders. Only names come in, and one that is no folder's finds nothing."""
        try:
            return _pair(shelf, key, name, str(event.one), str(event.other)) or gr.skip()
        except SemblanceError as error:
            return draw.failed(error)

    def pick(key: str, event: gr.EventData) -> Any:
        """A picture of the catalogue and its nearest. Only a digest comes in, so no path can be asked for."""
        try:
            return neighbours(shelf, key, name, str(event.digest))
        except KeyError:
            return gr.skip()
        except SemblanceError as error:
            return draw.failed(error)

    listen(page, name, board, (near, HINT), order, partial(_made, shelf, name))
    likes.hearts(page, near)
    for moment, does in ((board.drawn.pair, pair), (near.search, pick)):
        moment(does, page.picker, near, **events.SILENT, **events.SEARCHES)


async def _made(shelf: Shelf, name: str, key: str, order: str) -> Steps:
    """The table, and what it says in words. Raises SemblanceError."""
    catalogue, engine = await asyncio.to_thread(ready, shelf, key, name)
    kinds = await asyncio.to_thread(shelf.library.index(catalogue, engine).similarity)
    if len(kinds.names) < 3:
        yield "", draw.state("empty", say("common.nothing_to_compare"), _too_few(kinds)), ""
        return
    value = await asyncio.to_thread(_board, kinds, order)
    yield gr.update(value=value), "", _in_words(kinds)


def _too_few(kinds: Kinds) -> str:
    there = draw.count(len(kinds.names), "folders") if kinds.names else say("similarity.no_folder")
    return say("similarity.too_few", folders=there)


def _board(kinds: Kinds, order: str) -> str:
    """What the browser draws; a cosine that can't be told is null."""
    shown = kinds.largest(MOST)
    if order == ORDERS[0]:
        shown = shown.by_likeness()
    cosines = [
        [None if cosine != cosine else round(cosine, 3) for cosine in row] for row in shown.cosines.tolist()
    ]
    told = say("similarity.title", folders=draw.count(len(shown.names), "folders"))
    return as_json({"told": told, "names": shown.names, "cosines": cosines})


def _in_words(kinds: Kinds) -> str:
    one, other = kinds.closest()
    told = [
        say(
            "similarity.most_alike",
            one=kinds.names[one],
            other=kinds.names[other],
            cosine=float(kinds.cosines[one, other]),
        )
    ]
    if (loosest := kinds.loosest()) is not None:
        told.append(
            say(
                "similarity.loosest",
                name=kinds.names[loosest],
                cosine=float(kinds.cosines[loosest, loosest]),
            )
        )
    if len(kinds.names) > MOST:
        told.append(say("similarity.largest_only", most=MOST, all=len(kinds.names)))
    return "".join(f'<p class="finding">{draw.escape(sentence)}</p>' for sentence in told)


def _pair(shelf: Shelf, key: str, name: str, one: str, other: str) -> str:
    """The galleries of two folders, or of one; empty where there are no such folders. Raises SemblanceError."""
    catalogue, engine = ready(shelf, key, name)
    galleries = shelf.library.index(catalogue, engine).most_alike(one, other, GALLERY)
    if one == other:
        hints = [say("similarity.most_typical", name=one)]
    else:
        hints = [say("similarity.most_like", name=name, other=like) for name, like in ((one, other), (other, one))]
    return "".join(
        f'<section class="gallery">{draw.examples(catalogue, digests, hint)}</section>'
        for digests, hint in zip(galleries, hints, strict=False)
        if digests
    )
