"""Autoencoder: trained on the collection, and what only it can show.

Run it alone: `python -m demos.vae [FOLDER]`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from demos.components import draw, events
from demos.components.page import Page
from demos.components.queries import Query
from demos.i18n import language
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import CANCELLED, UNFORESEEN, Job
from demos.server.state import Shelf
from demos.views import engine_comparison, find_kinds
from demos.views.common import views
from demos.views.explore import draw_explore
from demos.views.find import draw_find
from engines import Engine, Learner, SemblanceError
from engines.messages import Message
from engines.networks import vae
from engines.vae import Autoencoder
from features.catalogue.folder import Catalogue, Progress
from features.errors import NotIndexed
from features.learning import autoencoder, learners
from features.library import Library
from features.retrieval.results import Report

EVERY = 1.0  # seconds between two looks at a training
SHOWN = 24  # of the most unusual
WHAT = "vae.what"
MEASURING = localized(lambda: draw.state("busy", say("vae.measuring"), say("vae.measuring_how")))


def tab(page: Page, name: str = "vae") -> None:
    """The common views, the query beside its reconstruction, and Train, Explore and Unusual."""
    beside = find_kinds.Aside(lambda: gr.HTML(apply_default_css=False, elem_classes="opinion redrawn"), redrawn)
    more = [("vae.train", draw_train), ("vae.explore", draw_explore), ("vae.unusual", draw_unusual)]
    views(page, name, find=partial(draw_find, aside=beside), more=more)


def redrawn(query: Query) -> Iterator[str]:
    """The question beside what the net makes of it."""
    engine = query.engine
    assert isinstance(engine, Autoencoder)
    asked = query.reference
    made = autoencoder.redraw(engine, asked.path, asked.box)
    known = query.library.index(query.catalogue, engine).training.unusual(kept_only=True)
    share = draw.percent(known.below(made.nats), len(known.digests)) if known else ""
    more = say("vae.more_unusual", share=share)
    told = f"<p>{more}</p>" if share else ""
    numbers = engine.describe().dim
    yield (
        f"<h3>{say('vae.as_drawn')}</h3>"
        f'<div class="two">{draw.inline(made.original, say("vae.query"))}'
        f"{draw.inline(made.drawn, say('vae.query_drawn'))}</div>"
        + draw.hint(say("vae.left_and_right", numbers=numbers))
        + f"<h3>{say('vae.nats', nats=made.nats)}</h3>{told}"
    )


# --- Train


def draw_train(page: Page, name: str) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            gr.HTML(localized(lambda: draw.alike(say(WHAT))), apply_default_css=False)
            facts = gr.HTML(apply_default_css=False)
            learn = gr.Button(fixed("vae.train"), variant="primary", elem_classes="learn")
            rank = gr.HTML(apply_default_css=False, elem_classes="ranked")
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            report = gr.HTML(
                js_on_load=draw.CLICKS + draw.SEEN, apply_default_css=False, elem_classes="results course"
            )

    async def show(key: str) -> AsyncIterator[tuple[Any, Any, Any, Any]]:
        """(facts, button, report, stamp), again and again while it is trained."""
        waited = False
        try:
            while job := await asyncio.to_thread(_training, shelf, key, name):
                waited = True
                yield *await asyncio.to_thread(_show, shelf, key, name, job), gr.skip()
                await asyncio.sleep(EVERY)
            stamp = time.monotonic() if waited else gr.skip()
            yield *await asyncio.to_thread(_show, shelf, key, name, None), stamp
        except SemblanceError as error:
            yield "", gr.update(interactive=False), draw.failed(error), gr.skip()
        except Exception:
            logging.getLogger(__name__).exception("the training of %s can't be shown", name)
            yield "", gr.skip(), draw.failed(UNFORESEEN), gr.skip()

    async def begin(key: str) -> AsyncIterator[tuple[Any, Any, Any, Any]]:
        try:
            await asyncio.to_thread(_begin, shelf, key, name)
        except SemblanceError as error:
            yield gr.skip(), gr.skip(), draw.failed(error), gr.skip()
            return
        async for step in show(key):
            yield step

    def ranking(key: str) -> str:
        try:
            return _ranking(shelf, key, name)
        except SemblanceError:
            return ""

    shown = [facts, learn, report, page.stamp]
    seen = report.seen(show, page.picker, shown, trigger_mode="once", **events.WATCHES)
    left = page.picker.change(show, page.picker, shown, cancels=[seen], **events.WATCHES)
    page.stamp.change(show, page.picker, shown, **events.WATCHES)
    clicked = learn.click(begin, page.picker, shown, trigger_mode="once", **events.WATCHES)
    for event in (seen, left, clicked):
        event.then(ranking, page.picker, rank, **events.SILENT)
    events.stops(shelf, report)


def _place(shelf: Shelf, key: str, name: str) -> tuple[str, Any, str]:
    """The key of its training among the jobs."""
    return "train", shelf.catalogue(key, name).root, name


def _training(shelf: Shelf, key: str, name: str) -> Job | None:
    return shelf.trainings.find(_place(shelf, key, name))


def _begin(shelf: Shelf, key: str, name: str) -> Job:
    """Trains in the background, and indexes with what comes of it. Raises SemblanceError."""
    library, catalogue, engine = shelf.library, shelf.catalogue(key, name), shelf.library.engine(name)
    assert isinstance(engine, Learner)

    def work(progress: Progress, cancelled: Callable[[], bool]) -> Report | None:
        trained = library.index(catalogue, engine).training.train(progress, cancelled)
        if not isinstance(trained, Autoencoder):
            return None
        report = library.index(catalogue, trained).update(progress, cancelled)
        library.index(catalogue, trained).training.unusual(progress, cancelled)
        return report

    return shelf.trainings.start(_place(shelf, key, name), Message("jobs.own_pictures", name=catalogue.name), work)


def _show(shelf: Shelf, key: str, name: str, job: Job | None) -> tuple[Any, Any, Any]:
    """(facts, button, report). Raises SemblanceError."""
    library, catalogue, engine = shelf.library, shelf.catalogue(key, name), shelf.library.engine(name)
    assert isinstance(engine, Learner)
    work = library.index(catalogue, engine).training.folder()
    course, trained = vae.course(work), library.index(catalogue, engine).training.trained()
    curves = _course(course) if course and course.done else ""
    failure = shelf.trainings.failure(_place(shelf, key, name)) if not job else ""
    failure = "" if failure == CANCELLED else failure
    facts, number = _facts(library, catalogue, trained, failure), len(learners.shown(catalogue))
    if job:
        told = draw.upgrading(job) + curves if curves else draw.progress([job])
        return facts, gr.update(value=say("vae.training"), interactive=False), told
    if engine.planned(work):
        text = say("vae.stopped_early")
        if course:
            text = say(
                "vae.stopped_after",
                done=len(course.done),
                epochs=course.epochs,
            )
        told = f'<div class="none"><h3>{say("vae.stopped")}</h3><p>{text}</p></div>{curves}'
        return facts, gr.update(value=say("vae.go_on"), interactive=True), told
    if isinstance(trained, Autoencoder) and trained.trained:
        return facts, gr.update(value=say("vae.train_on"), interactive=True), _course(trained.trained.course)
    if number and number < engine.least:
        pictures = draw.count(number, "pictures")
        text = say(
            "vae.too_few",
            name=catalogue.name,
            pictures=pictures,
            least=engine.least,
        )
        return (
            "",
            gr.update(value=say("vae.train"), interactive=False),
            draw.state("empty", say("vae.too_few_title"), text),
        )
    text = (
        say(
            "vae.long_training",
            n=number,
        )
        if number
        else say("vae.long_training_unknown")
    )
    text += " " + say("vae.others_go_on")
    untrained = draw.state("index", say("vae.not_learned", name=catalogue.name), text)
    return facts, gr.update(value=say("vae.train"), interactive=True), untrained


def _facts(library: Library, catalogue: Catalogue, trained: Engine | None, failure: str) -> str:
    told = ""
    if isinstance(trained, Autoencoder) and trained.trained:
        changes, kept = library.index(catalogue, trained).training.since(), trained.trained
        pictures, last = draw.count(len(trained.pictures()), "pictures"), kept.course.done[-1]
        learned = say("common.learned", pictures=pictures)
        if changes:
            since = say(changes.message())
            learned = say("common.learned_changes", pictures=pictures, changes=since)
            learned += " " + say("vae.train_on_hint")
        held_out = say(
            "vae.quality",
            active=kept.active,
            latent=kept.plan.shape.latent,
            error=100 * kept.error**0.5,
            bits=last.kl / math.log(2),
        )
        told = f"<p>{draw.escape(learned)}</p>{draw.hint(held_out)}"
    return told + (f'<p class="note warn">{draw.escape(say(failure))}</p>' if failure else "")


def _course(course: vae.Course) -> str:
    """The curves so far, and pictures held out beside what becomes of them."""
    pairs = ""
    if course.samples is not None:
        for number, (original, made) in enumerate(zip(*course.samples, strict=True)):
            pairs += (
                f"<figure>{draw.inline(original, say('vae.picture_held_out', number=number + 1))}"
                f"{draw.inline(made, say('vae.picture_drawn', number=number + 1))}</figure>"
            )
        heading = say("vae.held_out")
        pairs = f'<h4>{heading}</h4><div class="pairs">{pairs}</div>'
    last, seconds = course.done[-1], sum(epoch.seconds for epoch in course.done)
    told = say(
        "vae.figures",
        held_out=last.held_out,
        train=last.train,
        kl=last.kl,
        each=seconds / len(course.done),
        all=seconds / 60,
    )
    epoch = say("vae.epoch", done=len(course.done), epochs=course.epochs)
    return f'<div class="told"><h3>{epoch}</h3>{_curves(course)}<p>{told}</p>{pairs}</div>'


def _curves(course: vae.Course, width: int = 640, height: int = 200) -> str:
    """Errors over the epochs, from nothing up to the first's."""
    top = max(max(epoch.train, epoch.held_out) for epoch in course.done)
    most = max(epoch.kl for epoch in course.done) or 1.0
    lines = {
        "learned": [epoch.train / top for epoch in course.done],
        "held": [epoch.held_out / top for epoch in course.done],
        "kl": [epoch.kl / most for epoch in course.done],
    }
    drawn = ""
    for kind, values in lines.items():
        points = " ".join(
            f"{(place + 0.5) / course.epochs * width:.1f},{height * (1 - 0.94 * value):.1f}"
            for place, value in enumerate(values)
        )
        drawn += f'<polyline class="{kind}" points="{points}"/>'
        x, y = points.rpartition(" ")[2].split(",")
        drawn += f'<circle class="{kind}" cx="{x}" cy="{y}" r="3"/>'
    return (
        f'<svg class="losses" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{say("vae.curve")}">'
        f'<line x1="0" x2="{width}" y1="{height}" y2="{height}"/>{drawn}</svg>'
        f'<p class="legend"><span class="learned">{say("vae.curve_train", top=top)}</span>'
        f'<span class="held">{say("vae.curve_held_out")}</span>'
        f'<span class="kl">{say("vae.curve_kl", most=most)}</span></p>'
    )


def _ranking(shelf: Shelf, key: str, name: str) -> str:
    """How often the nearest other picture is of the same folder, by each engine that has looked at all of them."""
    if not shelf.card(key, name).available:
        return ""
    catalogue, able, _ = engine_comparison.entrants(shelf, shelf.catalogue(key, name).state.parent.name)
    told = shelf.library.compare(catalogue, able)
    place = next((place for place, rating in enumerate(told.ratings, 1) if rating.evaluation.engine == name), 0)
    if not place:
        return ""
    rank = say(
        "vae.rank",
        place=place,
        engines=len(told.ratings),
    )
    if len(told.ratings) == 1:
        rank = say("vae.no_other")
    rank += " " + say(told.finding())
    rows = [(say(one.title), say("vae.of_100", n=one.of_100)) for one in told.ratings]
    table = draw.table((say("vae.alike_by"), say("vae.same_folder_first")), rows)
    return f"<h4>{say('vae.rank_title')}</h4><p>{draw.escape(rank)}</p>{table}"


# --- Unusual


def draw_unusual(page: Page, name: str) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    what = "vae.unusual_how"
    gr.HTML(localized(lambda: draw.alike(say(what))), apply_default_css=False)
    board = gr.HTML(js_on_load=draw.CLICKS + draw.SEEN, apply_default_css=False, elem_classes="results unusual")

    async def show(key: str) -> AsyncIterator[str]:
        try:
            while job := await asyncio.to_thread(_training, shelf, key, name):
                yield draw.progress([job])
                await asyncio.sleep(EVERY)
            yield MEASURING
            yield await asyncio.to_thread(_unusual, shelf, key, name)
        except NotIndexed as error:
            yield draw.state("index", say("common.not_indexed"), say(error))
        except SemblanceError as error:
            yield draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("what is unusual to %s can't be told", name)
            yield draw.failed(UNFORESEEN)

    for moment in (board.seen, page.picker.change, page.stamp.change):
        moment(show, page.picker, board, trigger_mode="always_last", **events.WATCHES)
    events.stops(shelf, board)


def _unusual(shelf: Shelf, key: str, name: str) -> str:
    """Raises SemblanceError."""
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    assert isinstance(engine, Autoencoder)
    told = shelf.library.index(catalogue, engine).training.unusual()
    assert told
    figures, number = "", language.number
    for place in told.order.tolist():
        digest = told.digests[place]
        if not shelf.shows(catalogue, digest) or figures.count("<figure") == SHOWN:
            continue
        error, kl = told.nats[place].tolist()
        label = draw.escape(catalogue.label(digest) or catalogue.file(digest).name)
        try:
            made = draw.inline(autoencoder.redraw(engine, catalogue.file(digest)).drawn, say("vae.as_drawn"))
        except SemblanceError:
            continue
        figures += (
            f'<figure><div class="two"><img loading="lazy" alt="{label}" '
            f'src="{draw.escape(draw.thumbnail(catalogue, digest))}"/>{made}</div><figcaption>{label} '
            f"<b>{number(error + kl, ',.0f')}</b> <small>{number(error, ',.0f')} + {number(kl, ',.0f')}</small>"
            "</figcaption></figure>"
        )
    pictures = draw.count(len(told.digests), "pictures")
    return (
        f'<div class="told"><h3>{say("vae.most_unusual", pictures=pictures)}</h3>'
        f"<p>{say('vae.half_cost_less', nats=told.typical)}</p>"
        f'<div class="figures pairs">{figures}</div></div>'
    )
