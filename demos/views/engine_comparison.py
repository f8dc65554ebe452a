"""Which engine suits a collection: every engine on its folders, as a chart, a table and a sentence.

The view of the tab Compare; `draw_comparison` is for others, too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from demos import static
from demos.components import draw, events
from demos.components.page import Page
from demos.i18n import language
from demos.i18n.language import say
from demos.server.jobs import UNFORESEEN, Job
from demos.server.state import SAMPLES, Shelf
from engines import Engine, SemblanceError
from engines.messages import Message
from features.catalogue.folder import Catalogue, Progress
from features.errors import NotIndexed
from features.evaluation.comparison import Comparison, Rating

SAMPLE = "product"  # whose set of the samples is measured
SEEN = static.read("engine_comparison.js")
WHAT = "engines.what"


@dataclass(frozen=True)
class Left:
    """An engine that is not measured, and why, as it is said. name: where indexing helps."""

    title: str
    why: str
    name: str = ""


def draw_suits(page: Page) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    board = gr.HTML(
        js_on_load=draw.CLICKS + SEEN, apply_default_css=False, elem_classes="results suits", min_height=200
    )

    async def follow(key: str, start: Callable[[str], Any]) -> AsyncIterator[str]:
        """What is being done, then what is known. start: called with the key of the one collection."""
        try:
            while key == SAMPLES and (drawing := shelf.jobs.find(SAMPLES)):
                yield draw.progress([drawing])
                await asyncio.sleep(events.POLL)
            at = await asyncio.to_thread(place, shelf, key, SAMPLE)
            await asyncio.to_thread(start, at)
            while jobs := await asyncio.to_thread(_jobs, shelf, at):
                yield draw.progress(jobs)
                await asyncio.sleep(events.POLL)
            yield await asyncio.to_thread(_told, shelf, key, at)
        except NotIndexed as error:
            yield undrawn(shelf, error)
        except SemblanceError as error:
            yield draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("the engines could not be compared")
            yield draw.failed(UNFORESEEN)

    async def show(key: str) -> AsyncIterator[str]:
        async for html in follow(key, lambda at: None):
            yield html

    async def measure(key: str) -> AsyncIterator[str]:
        async for html in follow(key, lambda at: _start(shelf, at)):
            yield html

    async def index(key: str, event: gr.EventData) -> AsyncIterator[tuple[Any, Any]]:
        """Indexes for the engine that was named, or for all that have yet to; or draws the samples."""
        try:
            jobs = await asyncio.to_thread(_index, shelf, key, str(event.digest))
            while live := [job for job in jobs if not job.ended.is_set()]:
                yield draw.progress(live), gr.skip()
                await asyncio.sleep(events.POLL)
        except SemblanceError as error:
            yield draw.failed(error), gr.skip()
            return
        stopped = any(job.cancelled.is_set() for job in jobs)
        async for html in show(key) if stopped else measure(key):
            yield html, gr.skip()
        yield gr.skip(), time.monotonic()

    busy: dict[str, Any] = {"trigger_mode": "once", **events.WATCHES}
    going = [
        board.seen(show, page.picker, board, **busy),
        board.measure(measure, page.picker, board, **busy),
        board.index(index, page.picker, [board, page.stamp], **busy),
    ]
    page.picker.change(None, cancels=going)
    changes = [page.picker.change, page.stamp.change]
    gr.on(changes, None, None, board, js=events.EMPTY, **events.SILENT)
    events.stops(shelf, board)


def place(shelf: Shelf, key: str, name: str) -> str:
    """The key of one collection for all engines: of the samples it is the set that suits this engine.

    Raises SemblanceError; NotIndexed when the samples have yet to be drawn, all of them.
    """
    if key == SAMPLES and shelf.jobs.find(SAMPLES):
        raise NotIndexed("samples.being_drawn")
    return shelf.catalogue(key, name).state.parent.name


def undrawn(shelf: Shelf, error: NotIndexed) -> str:
    """What stands in the results' place while there are no samples."""
    if job := shelf.jobs.find(SAMPLES):
        return draw.progress([job])
    text = say(shelf.jobs.failure(SAMPLES) or error)
    return draw.state("index", say("samples.none"), text, action=("index", say("samples.draw")))


def entrants(shelf: Shelf, at: str) -> tuple[Catalogue, list[Engine], list[Left]]:
    """Who can be measured: all that have looked at every picture, tuned spaces among them. Downloads nothing."""
    library, catalogue, able, left = shelf.library, shelf.catalogue(at, SAMPLE), [], []
    for name in shelf.cards:
        card = shelf.card(at, name)
        title = say(card.title)
        if not card.available:
            left.append(Left(title, say(card.reason)))
            continue
        engine, status = shelf.engine(at, name), shelf.status(at, name)
        if shelf.unready(at, name) or status.done < status.images:
            seen = draw.so_far(status.done, status.images)
            here = say("engines.has_indexed", pictures=seen)
            here = here if status.done else say("engines.none_indexed_here")
            failure = shelf.jobs.failure((catalogue.root, name))
            left.append(Left(title, say(failure) or here, name))
        elif not status.rows:
            left.append(Left(title, say("comparison.nothing_usable")))
        else:
            able.append(engine)
            tuned = library.index(catalogue, engine).tuning.tuned()
            if tuned and library.index(catalogue, tuned).status().done == status.done:
                able.append(tuned)
    return catalogue, able, left


def _jobs(shelf: Shelf, at: str) -> list[Job]:
    """What the figures have to wait for."""
    root = shelf.catalogue(at, SAMPLE).root
    jobs = [shelf.jobs.find(("compare", root)), *(shelf.job(at, name) for name in shelf.cards)]
    return [job for job in jobs if job]


def _index(shelf: Shelf, key: str, name: str) -> list[Job]:
    """The jobs that it takes, for one that has yet to be indexed or for all of them. Raises SemblanceError."""
    try:
        at = place(shelf, key, SAMPLE)
    except NotIndexed:
        return [shelf.index(key, SAMPLE)]
    _, _, left = entrants(shelf, at)
    waiting = [one.name for one in left if one.name]
    return [shelf.index(at, one) for one in ([name] if name in waiting else waiting)]


def _start(shelf: Shelf, at: str) -> Job | None:
    """Measures in the background what has to be measured."""
    catalogue, able, _ = entrants(shelf, at)

    def work(progress: Progress, cancelled: Callable[[], bool]) -> Comparison:
        return shelf.library.compare(catalogue, able, progress, cancelled)

    if not able:
        return None
    return shelf.jobs.start(
        ("compare", catalogue.root), Message("jobs.comparison", name=catalogue.name), work, urgent=True
    )


def _told(shelf: Shelf, key: str, at: str) -> str:
    """All that is known. Raises SemblanceError."""
    catalogue, able, left = entrants(shelf, at)
    told = ""
    if key == SAMPLES:
        told = draw.hint(
            say(
                "engines.sample_set",
                name=catalogue.name,
            )
        )
    if not able:
        title = say("engines.none_indexed")
        text = say("engines.index_for")
        return draw.state("index", title, text) + _left(left, told)
    try:
        known = shelf.library.compare(catalogue, able, kept_only=True)
    except SemblanceError as error:
        return draw.state("empty", say("engines.no_folders"), say(error)) + _left(left, told)
    missing = len(able) - len(known.ratings) - len(known.unmeasured)
    if not known.ratings and missing:
        failure = shelf.jobs.failure(("compare", catalogue.root))
        title = f"{draw.count(missing, 'engines')}, {draw.count(len(catalogue.paths), 'pictures')}"
        text = say("engines.question")
        text = say(failure) or text
        return draw.state("ask", title, text, action=("measure", say("engines.measure"))) + _left(left, told)
    left += [Left(say(title), say(why)) for title, why in known.unmeasured.items()]
    more = f"<p>{_button('measure', '', say('engines.measure_more', n=missing))}</p>" if missing else ""
    return f'<div class="told">{draw_comparison(known)}{more}</div>{_left(left, told)}'


# --- as HTML


def draw_comparison(comparison: Comparison) -> str:
    """What it comes to, a chart, the figures, and what they mean."""
    best = comparison.best()
    guess = comparison.questions.chance
    bars = "".join(_bar(rating, rating in best, guess[0]) for rating in comparison.ratings)
    ticks = "".join(f'<i style="left:{tick}%">{tick}</i>' for tick in (0, 25, 50, 75, 100))
    rows = [_row(rating) for rating in comparison.ratings]
    rows.append((say("engines.guessing"), "", *(language.number(share, ".3f") for share in guess), "", ""))
    heads = (
        *(
            say("engines.engine"),
            say("common.network"),
            say("engines.precision_1"),
            say("engines.precision_5_column"),
            say("engines.map_10"),
        ),
        *(say("engines.queries"), say("engines.milliseconds")),
    )
    return (
        f'<p class="finding">{draw.escape(say(comparison.finding()))}</p>'
        f'<figure class="ratings" role="img" aria-label="{say("engines.bars")}">{bars}'
        f'<div class="axis"><span></span><div>{ticks}</div></div></figure>'
        f'<p class="legend ratings-legend"><span class="first">{say("engines.bar_precision")}</span>'
        f'<span class="five">{say("engines.precision_5")}</span><span class="ten">{say("engines.map_10")}</span>'
        f'<span class="lot">{say("engines.guessing_row")}</span></p>'
        f"{draw.table(heads, rows)}"
        f'<p class="hint">{draw.escape(say(comparison.questions.told()))} {draw.escape(say(WHAT))}</p>'
    )


def _bar(rating: Rating, best: bool, guess: float) -> str:
    of, error = rating.evaluation, 2 * rating.standard_error
    low, high = max(of.precision_at_1 - error, 0), min(of.precision_at_1 + error, 1)
    within = f'<i class="within" style="left:{low:.1%};width:{high - low:.1%}"></i>'
    marks = "".join(
        f'<i class="{kind}" style="left:{share:.1%}"></i>'
        for kind, share in (("lot", guess), ("five", of.precision_at_5), ("ten", of.map_at_10))
    )
    return (
        f'<div class="rating{" best" * best}"><span>{draw.escape(say(rating.title))}</span><div>'
        f'<i class="first" style="width:{of.precision_at_1:.1%}"></i>'
        f"{within if error else ''}{marks}</div></div>"
    )


def _row(rating: Rating) -> tuple[str, ...]:
    of = rating.evaluation
    refused = ", " + say("engines.refused", n=rating.refused) if rating.refused else ""
    number = language.number
    return (
        say(rating.title),
        say(of.network),
        f"{number(of.precision_at_1, '.3f')} ± {number(rating.standard_error, '.3f')}",
        number(of.precision_at_5, ".3f"),
        number(of.map_at_10, ".3f"),
        f"{number(of.queries)}{refused}",
        number(1000 * of.seconds_per_query, ",.0f"),
    )


def _left(left: Sequence[Left], told: str) -> str:
    """told: HTML that stands before it, whether anyone was left out or not."""
    if not left:
        return f'<div class="told">{told}</div>'
    every = [one for one in left if one.name]
    rows = "".join(
        f"<li><b>{draw.escape(one.title)}</b> <span>{draw.escape(one.why)}</span>"
        f"{_button('index', one.name, say('engines.index_for_it')) if one.name else ''}</li>"
        for one in left
    )
    both = f"<p>{_button('index', '', say('engines.index_for_all'))}</p>" if len(every) > 1 else ""
    return f'<div class="told left-out">{told}<h4>{say("engines.not_measured")}</h4><ul>{rows}</ul>{both}</div>'


def _button(does: str, name: str, words: str) -> str:
    return (
        f'<button type="button" class="act quiet" data-do="{does}" data-digest="{draw.escape(name)}">'
        f"{draw.escape(words)}</button>"
    )
