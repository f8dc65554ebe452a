"""The tab Recommend: more of what you like and less of what you don't, by any engine, each answer with its reason.

Run it alone: `python -m demos.recommend [FOLDER]`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import gradio as gr

from demos.components import answers, draw, events, likes, picture_cards, picture_input, queries
from demos.components.likes import Held, Tray
from demos.components.page import Page
from demos.components.picture_cards import Scale
from demos.components.picture_input import RawImage
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from engines import SemblanceError
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed

RESULTS, MOST = 12, 50
FORMULA = "recommend.formula"


def tab(page: Page) -> None:
    """Draws the tab into the current Blocks."""
    shelf = page.shelf
    names = [(fixed(card.title), name) for name, card in shelf.cards.items() if card.available]
    first = next((name for _, name in names if name == "product"), names[0][1])
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            held = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="holding")
            image = picture_input.photo(fixed("recommend.picture"))
            engine = gr.Dropdown(names, value=first, label=fixed("recommend.engine"), filterable=False)
            diversity = gr.Slider(0, 1, value=0, step=0.05, label=fixed("recommend.diversity"))
            k = gr.Slider(1, MOST, value=RESULTS, step=1, label=fixed("common.how_many"))
            gr.HTML(localized(lambda: draw.hint(say(FORMULA))), apply_default_css=False)
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            wall = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="results", min_height=200)
            status = gr.HTML(elem_classes="status", apply_default_css=False)

    def show(key: str, tray_: Tray, name: str, diversity: Any, k: Any) -> tuple[str, str, str]:
        """Returns tray, wall and status."""
        homes = _homes(shelf, key)
        drawn = likes.draw_tray(tray_, homes)
        try:
            return drawn, *_answer(shelf, key, _known(shelf, name), tray_, diversity, k, homes)
        except NotIndexed as error:
            return drawn, draw.unindexed(error), ""
        except SemblanceError as error:
            return drawn, draw.failed(error), ""
        except Exception:
            logging.getLogger(__name__).exception("a recommendation failed")
            return drawn, draw.failed(UNFORESEEN), ""

    def upload(question: RawImage, tray_: Tray) -> tuple[None, Any]:
        """An uploaded picture is liked."""
        try:
            path = picture_input.uploaded_file(question)
        except SemblanceError as error:
            raise events.refused(error) from error
        return None, likes.press(tray_, Held(path)) if path else gr.skip()

    async def index(key: str, name: str) -> AsyncIterator[tuple[Any, Any]]:
        async for step in events.followed(lambda: shelf.index(key, _known(shelf, name))):
            yield step

    asked, told = [page.picker, page.tray, engine, diversity, k], [held, wall, status]
    asking: dict[str, Any] = {"api_visibility": "private", "show_progress_on": wall, **events.SEARCHES}
    gr.on(
        [page.demo.load, page.picker.change, page.stamp.change, page.tray.change, engine.change, k.change],
        show,
        asked,
        told,
        trigger_mode="always_last",
        **asking,
    )
    diversity.release(show, asked, told, trigger_mode="always_last", **asking)
    image.input(upload, [image, page.tray], [image, page.tray], preprocess=False, **events.SILENT)
    for does, listen in (("turn", held.turn), ("front", held.front), ("drop", held.drop), ("weigh", held.weigh)):
        listen(_changes(does), page.tray, page.tray, **events.SILENT)
    wall.index(index, [page.picker, engine], [wall, page.stamp], **events.WATCHES)
    events.stops(shelf, wall)
    # Here to search from a picture is to like it, too.
    wall.search(likes.hearts(page, wall), [page.picker, page.tray], page.tray, **events.SILENT)


def _changes(does: str) -> Callable[[Tray, gr.EventData], Tray]:
    def change(tray_: Tray, event: gr.EventData) -> Tray:
        return likes.change(tray_, queries.number(event.digest), does, event.part)

    return change


def _known(shelf: Shelf, name: Any) -> str:
    if name not in shelf.cards:
        raise SemblanceError("common.no_engine")
    return str(name)


def _homes(shelf: Shelf, key: str) -> Sequence[Catalogue]:
    """The catalogues of a choice: one, or those that the samples are."""
    try:
        return shelf.catalogues(key)
    except SemblanceError:
        return ()


def _answer(
    shelf: Shelf, key: str, name: str, tray_: Tray, diversity: Any, k: Any, homes: Sequence[Catalogue]
) -> tuple[str, str]:
    """(wall, status). Raises SemblanceError; NotIndexed while the engine is not ready: this fetches nothing."""
    library, catalogue = shelf.library, shelf.catalogue(key, name)
    there = [held for held in tray_ if held.digest in catalogue.paths or held.path.exists()]
    likes, unlikes = ([held for held in there if held.liked is liked] for liked in (True, False))
    if not likes:
        return _nothing(), answers.weights(shelf, key, name)
    if shelf.unready(key, name):
        raise NotIndexed("common.not_indexed_for", title=shelf.cards[name].title)
    engine = shelf.engine(key, name)
    answer = library.index(catalogue, engine).recommend(
        [held.taste(catalogue) for held in likes],
        [held.taste(catalogue) for held in unlikes],
        queries.limited(k, MOST),
        diversity=min(1.0, max(0.0, float(diversity))) if isinstance(diversity, int | float) else 0.0,
    )
    reasons = {
        match.digest: _reason(likes[number], homes)
        for match, number in zip(answer.matches, answer.because, strict=True)
    }
    scale = Scale(library.index(catalogue, engine).calibration())
    html = picture_cards.wall(catalogue, answer.matches, scale, below=reasons, does=DOES)
    html = html if answer.matches else answers.NO_MATCH
    return html, answers.answered(engine.describe(), answer) + answers.weights(shelf, key, name)


def _nothing() -> str:
    press = "recommend.how"
    return draw.state("heart", say("recommend.nothing"), say(press))


def _reason(held: Held, homes: Sequence[Catalogue]) -> str:
    """The like that a result is nearest to."""
    picture = likes.picture(held, homes, say("recommend.nearest_like"))
    return f'<p class="reason">{picture}<span>{say("recommend.because")}</span></p>'


DOES = "picture.like"
