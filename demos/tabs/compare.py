"""The tab Compare: two engines side by side on one question, and which engine suits a collection.

Run it alone: `python -m demos.compare [FOLDER]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import answers, draw, events, likes, picture_cards, picture_input, queries
from demos.components.page import Page
from demos.components.picture_cards import Scale
from demos.components.picture_input import RawImage
from demos.components.queries import Asked
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN, Job
from demos.server.state import SAMPLES, Shelf
from demos.views.engine_comparison import draw_suits, place, undrawn
from engines import SemblanceError
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.learning.tuned import SUFFIX
from features.retrieval.results import Match

RESULTS, MOST = 12, 50
USEFUL = ("product", "style", "visual", "colour")  # those that can use any picture, and differ in what they see
SIDES = ("compare.left", "compare.right")


@dataclass(frozen=True)
class Side:
    """What one engine answers. html: what stands in the place of matches. status: the lines below them.

    busy: it has to wait for a job.
    """

    catalogue: Catalogue | None = None
    matches: Sequence[Match] = ()
    scale: Scale | None = None
    html: str = ""
    status: str = ""
    busy: bool = False

    def drawn(self, other: Side) -> str:
        """As a wall. Of a picture that the other has found, too, it is told at which place there."""
        if not (self.catalogue and self.scale and self.matches):
            return self.html
        places = {match.digest: place for place, match in enumerate(other.matches, 1)}
        marks = {
            match.digest: f'<p class="shared">{say("compare.both", place=places[match.digest])}</p>'
            for match in self.matches
            if match.digest in places
        }
        return picture_cards.wall(self.catalogue, self.matches, self.scale, below=marks)


def _hint() -> str:
    return draw.state("ask", say("compare.ask"), say("common.how_to_ask"))


def tab(page: Page) -> None:
    """Draws the tab into the current Blocks."""
    with gr.Tabs(elem_classes="views"):
        with gr.Tab(fixed("compare.side_by_side"), id="both"):
            draw_both(page)
        with gr.Tab(fixed("compare.which_engine"), id="suits"):
            draw_suits(page)


class _Events:
    """What happens in the view Side by side."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def answer(self, key: str, question: RawImage, asked: Asked, k: Any, one: Any, other: Any) -> tuple[Any, ...]:
        """(busy, told, wall, status, wall, status). busy: another number each time that a side has to wait."""
        try:
            return _answer(self.shelf, key, question, asked, queries.limited(k, MOST), (str(one), str(other)))
        except NotIndexed as error:
            busy, html = bool(self.shelf.jobs.find(SAMPLES)), undrawn(self.shelf, error)
        except SemblanceError as error:
            busy, html = False, draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("a comparison failed")
            busy, html = False, draw.failed(UNFORESEEN)
        return time.monotonic() if busy else 0.0, "", html, "", html, ""

    def arrive(self, key: str, one: Any, other: Any) -> tuple[Any, ...]:
        """What can be chosen of this collection: (engine, engine, examples)."""
        try:
            at = place(self.shelf, key, _base(self.shelf, one))
            choices, pictures = (
                _choices(self.shelf, at),
                answers.example_pictures(self.shelf, at, _base(self.shelf, one)),
            )
        except SemblanceError:
            choices, pictures = _choices(self.shelf), ""
        there = [name for _, name in choices]
        chosen = [name if name in there else str(name).removesuffix(SUFFIX) for name in (one, other)]
        choices = [(say(title), name) for title, name in choices]
        return *(gr.update(choices=choices, value=name) for name in chosen), pictures

    def choose(self, key: str, one: Any, event: gr.EventData) -> tuple[Any, Any]:
        """A picture of the catalogue becomes the question. Only a digest comes in, so no path can be asked for."""
        try:
            if home := _home(self.shelf, key, str(one), digest := str(event.digest)):
                return self.shelf.library.thumbnail(home, digest), Asked(digest)
        except SemblanceError:
            pass
        return gr.skip(), gr.skip()

    def leave(self, asked: Asked) -> tuple[Any, Asked]:
        """A picture of the catalogue that was left can't stay the question."""
        return (None if asked.digest else gr.skip()), Asked()

    def index(self, key: str, one: Any, name: Any) -> None:
        """Begins it. What goes wrong is told by the answer that follows."""
        with contextlib.suppress(SemblanceError):
            _index(self.shelf, key, str(one), str(name))

    async def wait(self, key: str, busy: float, one: Any, other: Any) -> AsyncIterator[tuple[Any, ...]]:
        """(wall, wall, stamp): the progress of what a side has to wait for; then all is asked anew."""
        while busy and any(jobs := await asyncio.to_thread(_jobs, self.shelf, key, (str(one), str(other)))):
            yield *(draw.progress([job]) if job else gr.skip() for job in jobs), gr.skip()
            await asyncio.sleep(events.POLL)
        yield gr.skip(), gr.skip(), time.monotonic() if busy else gr.skip()


def draw_both(page: Page) -> None:
    """Draws the view Side by side into the current Blocks."""
    shelf, does = page.shelf, _Events(page.shelf)
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            gr.HTML(localized(lambda: draw.alike(say("compare.what"))), apply_default_css=False)
            image = picture_input.photo(fixed("compare.picture"))
            examples = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="from-here")
            k = gr.Slider(1, MOST, value=RESULTS, step=1, label=fixed("compare.how_many"))
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            told = gr.HTML(elem_classes="common", apply_default_css=False)
            with gr.Row(elem_classes="halves"):
                halves = [_draw_half(shelf, name, side) for name, side in zip(_first(shelf), SIDES, strict=True)]
    asked, busy = gr.State(Asked()), gr.State(0.0)
    names, walls = [half[0] for half in halves], [half[1] for half in halves]
    asking: dict[str, Any] = {
        "fn": does.answer,
        "inputs": [page.picker, image, asked, k, *names],
        "outputs": [busy, told, *(part for half in halves for part in half[1:])],
        "preprocess": False,
        "show_progress_on": walls,
        "api_visibility": "private",
        **events.SEARCHES,
    }
    waiting = busy.change(does.wait, [page.picker, busy, *names], [*walls, page.stamp], **events.WATCHES)
    left = page.picker.change(does.leave, asked, [image, asked], cancels=[waiting], queue=False, **events.SILENT)
    moments: list[Callable[..., Any]] = [page.demo.load, left.then, page.stamp.change, names[0].input]
    for moment in moments:
        arrived = moment(does.arrive, [page.picker, *names], [*names, examples], **events.SILENT)
        arrived.then(**asking)
    names[1].input(trigger_mode="always_last", **asking)
    for name, wall in zip(names, walls, strict=True):
        name.input(None, cancels=[waiting])
        wall.index(does.index, [page.picker, names[0], name], None, **events.SILENT).then(**asking)
        likes.hearts(page, wall)
    for moment in (image.input, image.clear):
        moment(Asked, None, asked, **events.SILENT).then(**asking)
    for source in (examples, *walls):
        source.search(does.choose, [page.picker, names[0]], [image, asked], **events.SILENT).then(**asking)
    k.change(trigger_mode="always_last", **asking)
    events.stops(shelf, *walls)


def _draw_half(shelf: Shelf, name: str, side: str) -> tuple[gr.Dropdown, gr.HTML, gr.HTML]:
    with gr.Column(min_width=140, elem_classes="half"):
        engine = gr.Dropdown(
            [(fixed(title), name) for title, name in _choices(shelf)],
            value=name,
            label=fixed(side),
            show_label=False,
            container=False,
            filterable=False,
        )
        wall = gr.HTML(
            localized(_hint),
            js_on_load=draw.CLICKS,
            apply_default_css=False,
            elem_classes="results",
            min_height=200,
        )
        return engine, wall, gr.HTML(elem_classes="status", apply_default_css=False)


def _first(shelf: Shelf) -> list[str]:
    """The two that are chosen at first; one twice where there is no other."""
    names = [name for _, name in _choices(shelf)]
    useful = sorted(names, key=lambda name: USEFUL.index(name) if name in USEFUL else len(USEFUL))
    return (useful + useful)[:2]


def _choices(shelf: Shelf, at: str = "") -> list[tuple[str, str]]:
    """(title, name) of the engines that can be had. at: with the spaces that were tuned for this collection."""
    choices = []
    for name in shelf.available(at or shelf.first):
        choices.append((shelf.cards[name].title, name))
        if at and (tuned := shelf.library.index(shelf.catalogue(at, name), shelf.engine(at, name)).tuning.tuned()):
            choices.append((tuned.describe().title, tuned.name))
    return choices


def _base(shelf: Shelf, name: Any) -> str:
    """Of the engine on whose vectors one works: its own, or that for which a space was tuned."""
    base = str(name).removesuffix(SUFFIX)
    if base not in shelf.cards:
        raise SemblanceError("common.no_engine")
    return base


def _home(shelf: Shelf, key: str, name: str, digest: str) -> Catalogue | None:
    """The catalogue that has this picture; the one that is searched before others of the samples."""
    first = shelf.catalogue(key, _base(shelf, name))
    return next((home for home in (first, *shelf.catalogues(key)) if shelf.shows(home, digest)), None)


def _index(shelf: Shelf, key: str, one: str, name: str) -> Job:
    """For the engine `name` what `one` decides is searched. Samples are drawn first."""
    try:
        return shelf.index(place(shelf, key, _base(shelf, one)), _base(shelf, name))
    except NotIndexed:
        return shelf.index(key, _base(shelf, name))


def _jobs(shelf: Shelf, key: str, names: Sequence[str]) -> list[Job | None]:
    """For each side what it has to wait for."""
    try:
        at = place(shelf, key, _base(shelf, names[0]))
        bases = [_base(shelf, name) for name in names]
        return [shelf.job(at, base) if shelf.unready(at, base) else None for base in bases]
    except NotIndexed:
        return [shelf.jobs.find(SAMPLES)] * len(names)
    except SemblanceError:
        return [None] * len(names)


def _answer(
    shelf: Shelf, key: str, question: RawImage, asked: Asked, k: int, names: tuple[str, str]
) -> tuple[Any, ...]:
    """As `answer`. Raises SemblanceError; NotIndexed when there are no samples yet."""
    at = place(shelf, key, _base(shelf, names[0]))
    home = _home(shelf, key, names[0], asked.digest)
    path = home.file(asked.digest) if home else picture_input.uploaded_file(question)
    one, other = (_side(shelf, at, name, path, asked.digest, k) for name in names)
    told = []
    if key == SAMPLES:
        home = shelf.catalogue(at, _base(shelf, names[0]))
        told.append(say("compare.same_set", name=home.name))
    if one.matches and other.matches:
        both = len({match.digest for match in one.matches} & {match.digest for match in other.matches})
        most = max(len(one.matches), len(other.matches))
        told.append(say("compare.found_by_both", n=both, of=most))
    sentence = f'<p class="finding">{draw.escape(" ".join(reversed(told)))}</p>'
    waits = time.monotonic() if one.busy or other.busy else 0.0
    return waits, sentence, one.drawn(other), one.status, other.drawn(one), other.status


def _side(shelf: Shelf, at: str, name: str, path: Path | None, own: str, k: int) -> Side:
    """own: digest of the question, which is no answer. What goes wrong here is told on this side alone."""
    weights = ""
    try:
        library, base = shelf.library, _base(shelf, name)
        weights = answers.weights(shelf, at, base)
        catalogue, engine = shelf.catalogue(at, base), shelf.engine(at, base)
        if shelf.unready(at, base):
            job = shelf.job(at, base)
            html = draw.progress([job]) if job else _unready(shelf, catalogue, base)
            return Side(html=html, status=weights, busy=bool(job))
        if path is None:
            return Side(html=_hint(), status=weights)
        if name.endswith(SUFFIX):
            tuned = library.index(catalogue, engine).tuning.tuned()
            if tuned is None:
                raise SemblanceError("compare.not_tuned")
            engine = tuned
        found = library.index(catalogue, engine).search(path, k + bool(own))
        matches = [match for match in found.matches if match.digest != own][:k]
        scale = Scale(library.index(catalogue, engine).calibration())
        facts = answers.answered(engine.describe(), found)
        return Side(catalogue, matches, scale, answers.NO_MATCH, facts + weights)
    except NotIndexed as error:
        title, index = say("compare.nothing"), ("index", say("compare.index_again"))
        html = draw.state("empty", title, say(error), action=index)
    except SemblanceError as error:
        html = draw.failed(error)
    except Exception:
        logging.getLogger(__name__).exception("one side of a comparison failed: %s", name)
        html = draw.failed(UNFORESEEN)
    return Side(html=html, status=weights)


def _unready(shelf: Shelf, catalogue: Catalogue, name: str) -> str:
    failure = shelf.jobs.failure((catalogue.root, name))
    title = say(shelf.cards[name].title)
    text = say("compare.not_indexed", title=title, name=catalogue.name)
    return draw.unindexed(failure or text)
