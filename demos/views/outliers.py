"""The odd ones of a collection: pictures that look misplaced or like nothing else, and what is nearest to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from demos.components import draw, events, likes, picture_cards
from demos.components.collection_view import Steps, draw_board, draw_choice, draw_near, listen, neighbours, ready
from demos.components.page import Page
from demos.i18n.language import fixed, localized, say
from demos.server.state import Shelf
from engines import SemblanceError
from engines.messages import Message
from features.analysis.outliers import Lonely, Misplaced, Outliers
from features.catalogue.folder import Catalogue
from features.retrieval.results import Match

MOST = 60  # cards
ORDERS = (Message("outliers.by_folder"), Message("outliers.by_all"))
HINT = localized(lambda: draw.state("ask", say("outliers.look_closely"), say("outliers.look_how")))
LOOKING = localized(lambda: draw.state("busy", say("outliers.working"), say("outliers.takes_a_while")))

FRAME = '<div class="odd"></div>'
BOARD = f"""{draw.CLICKS}
const wall = element.querySelector('.odd');
function take() {{
    wall.innerHTML = props.value || '';
    wall.scrollTop = 0;
    if (!props.value) askAgain(wall);
}}
watch('value', take);
take();
"""


def draw_odd(page: Page, name: str) -> None:
    """Draws the view Odd ones of an engine into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=2, min_width=300):
            order = draw_choice(ORDERS, fixed("outliers.order"))
            board = draw_board(FRAME, BOARD)
        with gr.Column(scale=1, min_width=300):
            near = draw_near(HINT)

    def pick(key: str, event: gr.EventData) -> Any:
        """A picture of the catalogue and its nearest. Only a digest comes in, so no path can be asked for."""
        try:
            return neighbours(shelf, key, name, str(event.digest))
        except KeyError:
            return gr.skip()
        except SemblanceError as error:
            return draw.failed(error)

    listen(page, name, board, (near, HINT), order, partial(_made, shelf, name))
    for wall in (board.drawn, near):
        likes.hearts(page, wall)
        wall.search(pick, page.picker, near, **events.SILENT, **events.SEARCHES)


async def _made(shelf: Shelf, name: str, key: str, order: str) -> Steps:
    """The wall, and what there is in words. Raises SemblanceError."""
    catalogue, engine = await asyncio.to_thread(ready, shelf, key, name)
    yield gr.skip(), LOOKING, gr.skip()
    found = await asyncio.to_thread(shelf.library.index(catalogue, engine).outliers)
    told = "".join(f'<p class="finding">{draw.escape(sentence)}</p>' for sentence in _in_words(found, order))
    if nothing := _nothing(found, order):
        yield "", draw.state("empty", *nothing), told
        return
    yield gr.update(value=await asyncio.to_thread(_wall, catalogue, found, order)), "", told


def _nothing(found: Outliers, order: str) -> tuple[str, str] | None:
    """A title and a sentence where there is nothing to show."""
    if order == ORDERS[1]:
        few = say("common.nothing_to_compare"), say("outliers.one_picture")
        return None if found.lonely else few
    if found.folders < 2:
        one = "outliers.one_folder"
        none = "outliers.no_folders"
        return say("common.nothing_to_compare"), say(one if found.folders else none, order=say(ORDERS[1]))
    if not found.compared:
        return (
            say("common.nothing_to_compare"),
            say("outliers.single_pictures"),
        )
    if not found.misplaced:
        all_right = say("outliers.none_in_folder")
        return say("outliers.none"), all_right
    return None


def _wall(catalogue: Catalogue, found: Outliers, order: str) -> str:
    """The cards, the oddest first."""
    odd: Sequence[Misplaced | Lonely] = found.misplaced if order == ORDERS[0] else found.lonely
    shown = [one for one in odd if one.digest in catalogue.paths][:MOST]
    matches = [Match(one.digest, catalogue.file(one.digest), one.label, one.cosine, None) for one in shown]
    unit = "outliers.own_folder" if order == ORDERS[0] else "outliers.nearest"
    below = {one.digest: _below(one) for one in shown if isinstance(one, Misplaced)}
    return picture_cards.wall(catalogue, matches, picture_cards.plain(unit), below=below)


def _below(one: Misplaced) -> str:
    told = say(
        "outliers.looks_like",
        label=draw.escape(one.label),
        like=draw.escape(one.like),
        cosine=one.other,
        own=one.of_own,
        of=one.of,
    )
    return f'<p class="caption">{told}</p>'


def _in_words(found: Outliers, order: str) -> list[str]:
    """What there is, and what could not be judged."""
    if order == ORDERS[1]:
        there = draw.count(len(found.lonely), "pictures")
        shown = say("outliers.least_alike", most=MOST, pictures=there)
        return [shown] * (len(found.lonely) > MOST)
    told = []
    if found.misplaced:
        few = "outliers.misplaced"
        many = "outliers.misplaced_most"
        pictures = draw.count(found.compared, "pictures")
        said = many if len(found.misplaced) > MOST else few
        told.append(say(said, n=len(found.misplaced), pictures=pictures, most=MOST))
    if found.alone and found.folders > 1:
        alone = "outliers.not_judged"
        told.append(say(alone, n=found.alone))
    return told
