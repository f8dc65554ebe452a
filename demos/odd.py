"""The odd ones of a collection: pictures that look misplaced or like nothing else, and what is nearest to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from demos import draw, search
from demos.board import Steps, draw_board, draw_near, listen, neighbours, ready
from demos.shelf import Shelf
from engines import SemblanceError
from features.answers import Match
from features.catalogue import Catalogue
from features.outliers import Lonely, Misplaced, Outliers

MOST = 60  # cards
ORDERS = ("Least like their folder", "Least like anything")
HINT = draw.state("ask", "Look at one closely", "Click a picture: it comes up here beside those nearest to it.")
LOOKING = draw.state("busy", "Holding each picture against the others", "This takes a while where there are many.")

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


def draw_odd(page: search.Page, name: str) -> None:
    """Draws the view Odd ones of an engine into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=2, min_width=300):
            order = gr.Radio(ORDERS, value=ORDERS[0], label="Which are odd", show_label=False, container=False)
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
        search.hearts(page, wall)
        wall.search(pick, page.picker, near, **search.SILENT, **search.SEARCHES)


async def _made(shelf: Shelf, name: str, key: str, order: str) -> Steps:
    """The wall, and what there is in words. Raises SemblanceError."""
    catalogue, engine = await asyncio.to_thread(ready, shelf, key, name)
    yield gr.skip(), LOOKING, gr.skip()
    found = await asyncio.to_thread(shelf.library.outliers, catalogue, engine)
    told = "".join(f'<p class="finding">{draw.escape(sentence)}</p>' for sentence in _in_words(found, order))
    if nothing := _nothing(found, order):
        yield "", draw.state("empty", *nothing), told
        return
    yield gr.update(value=await asyncio.to_thread(_wall, catalogue, found, order)), "", told


def _nothing(found: Outliers, order: str) -> tuple[str, str] | None:
    """A title and a sentence where there is nothing to show."""
    if order == ORDERS[1]:
        return None if found.lonely else ("Nothing to compare", "This collection has only one picture to look at.")
    if found.folders < 2:
        there = "only one folder" if found.folders else "no folders"
        return "Nothing to compare", f"This collection has {there}; “{ORDERS[1]}” needs none."
    if not found.compared:
        return (
            "Nothing to compare",
            "Every folder has only one picture, so none can be less like the others in it.",
        )
    if not found.misplaced:
        return "Nothing looks misplaced", "Every picture is more like its own folder than like another."
    return None


def _wall(catalogue: Catalogue, found: Outliers, order: str) -> str:
    """The cards, the oddest first."""
    odd: Sequence[Misplaced | Lonely] = found.misplaced if order == ORDERS[0] else found.lonely
    shown = [one for one in odd if one.digest in catalogue.paths][:MOST]
    matches = [Match(one.digest, catalogue.file(one.digest), one.label, one.cosine, None) for one in shown]
    unit = "to its own folder" if order == ORDERS[0] else "to those nearest to it"
    below = {one.digest: _below(one) for one in shown if isinstance(one, Misplaced)}
    return draw.wall(catalogue, matches, draw.plain(unit), below=below)


def _below(one: Misplaced) -> str:
    told = (
        f"in {draw.escape(one.label)}, looks like <b>{draw.escape(one.like)}</b> ({one.other:.2f}); "
        f"{one.of_own} of the {one.of} nearest are in its folder"
    )
    return f'<p class="caption">{told}</p>'


def _in_words(found: Outliers, order: str) -> list[str]:
    """What there is, and what could not be judged."""
    if order == ORDERS[1]:
        there = draw.count(len(found.lonely), "picture")
        return [f"The {MOST} of {there} that are least like those nearest to them."] * (len(found.lonely) > MOST)
    told = []
    if found.misplaced:
        share = (
            f"{len(found.misplaced):,} of {draw.count(found.compared, 'picture')} look more like another folder"
        )
        told.append(f"{share}; the clearest come first{f', {MOST} of them' * (len(found.misplaced) > MOST)}.")
    if found.alone and found.folders > 1:
        told.append(f"{draw.count(found.alone, 'folder')} of a single picture could not be judged.")
    return told
