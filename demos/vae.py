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

from demos import draw, search, suits
from demos.explore import draw_explore
from demos.jobs import CANCELLED, UNFORESEEN, Job
from demos.shelf import Shelf
from demos.views import views
from engines import Engine, Learner, SemblanceError
from engines.networks import vae
from engines.vae import Autoencoder
from features import autoencoder, learners
from features.answers import NotIndexed, Report
from features.catalogue import Catalogue, Progress
from features.library import Library

EVERY = 1.0  # seconds between two looks at a training
SHOWN = 24  # of the most unusual
WHAT = (
    "It learns to draw your pictures again from a few numbers each, and knows no others. Pictures are alike to it "
    "when these numbers are. What it can't draw well is unusual here."
)
MEASURING = draw.state("busy", "Measuring", "How unusual each picture is gets measured once, in some seconds.")
SEEN = """
new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) trigger('seen');
}).observe(element);"""


def tab(page: search.Page, name: str = "vae") -> None:
    """The common views, the query beside its reconstruction, and Train, Explore and Unusual."""
    beside = search.Aside(lambda: gr.HTML(apply_default_css=False, elem_classes="opinion redrawn"), redrawn)
    more = [("Train", draw_train), ("Explore", draw_explore), ("Unusual", draw_unusual)]
    views(page, name, find=partial(search.tab, aside=beside), more=more)


def redrawn(query: search.Query) -> Iterator[str]:
    """The question beside what the net makes of it."""
    engine = query.engine
    assert isinstance(engine, Autoencoder)
    asked = query.reference
    made = autoencoder.redraw(engine, asked.path, asked.box)
    known = query.library.unusual(query.catalogue, engine, kept_only=True)
    share = draw.percent(known.below(made.nats), len(known.digests)) if known else ""
    told = f"<p>More unusual than {share} of this collection.</p>" if share else ""
    yield (
        "<h3>As it draws it</h3>"
        f'<div class="two">{draw.inline(made.original, "The question, small")}'
        f"{draw.inline(made.drawn, 'The question as it draws it')}</div>"
        f'<p class="hint">Left what it sees, right what it draws from {engine.describe().dim} numbers.</p>'
        f"<h3>{made.nats:,.0f} <small>nats unusual</small></h3>{told}"
    )


# --- Train


def draw_train(page: search.Page, name: str) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            gr.HTML(f'<p class="alike">{WHAT}</p>', apply_default_css=False)
            facts = gr.HTML(apply_default_css=False)
            learn = gr.Button("Train", variant="primary", elem_classes="learn")
            rank = gr.HTML(apply_default_css=False, elem_classes="ranked")
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            report = gr.HTML(js_on_load=draw.CLICKS + SEEN, apply_default_css=False, elem_classes="results course")

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
    seen = report.seen(show, page.picker, shown, trigger_mode="once", **search.WATCHES)
    left = page.picker.change(show, page.picker, shown, cancels=[seen], **search.WATCHES)
    page.stamp.change(show, page.picker, shown, **search.WATCHES)
    clicked = learn.click(begin, page.picker, shown, trigger_mode="once", **search.WATCHES)
    for event in (seen, left, clicked):
        event.then(ranking, page.picker, rank, **search.SILENT)
    search.stops(shelf, report)


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
        trained = library.learn(catalogue, engine, progress, cancelled)
        if not isinstance(trained, Autoencoder):
            return None
        report = library.index(catalogue, trained, progress, cancelled)
        library.unusual(catalogue, trained, progress, cancelled)
        return report

    return shelf.trainings.start(_place(shelf, key, name), f"{catalogue.name}, on its own pictures", work)


def _show(shelf: Shelf, key: str, name: str, job: Job | None) -> tuple[Any, Any, Any]:
    """(facts, button, report). Raises SemblanceError."""
    library, catalogue, engine = shelf.library, shelf.catalogue(key, name), shelf.library.engine(name)
    assert isinstance(engine, Learner)
    work = library.learning(catalogue, engine)
    course, trained = vae.course(work), library.learned(catalogue, engine)
    curves = _course(course) if course and course.done else ""
    failure = shelf.trainings.failure(_place(shelf, key, name)) if not job else ""
    failure = "" if failure == CANCELLED else failure
    facts, number = _facts(library, catalogue, trained, failure), len(learners.shown(catalogue))
    if job:
        told = draw.upgrading(job) + curves if curves else draw.progress([job])
        return facts, gr.update(value="Training", interactive=False), told
    if engine.planned(work):
        done = f"after epoch {len(course.done)} of {course.epochs}" if course else "before its first epoch"
        text = f"It was stopped {done}. All whole epochs are kept: it goes on from there."
        told = f'<div class="none"><h3>Training was stopped</h3><p>{text}</p></div>{curves}'
        return facts, gr.update(value="Go on", interactive=True), told
    if isinstance(trained, Autoencoder) and trained.trained:
        return facts, gr.update(value="Train on", interactive=True), _course(trained.trained.course)
    if number and number < engine.least:
        text = f"{catalogue.name} has {draw.count(number, 'picture')}, and {engine.least} are needed."
        return "", gr.update(value="Train", interactive=False), draw.state("empty", "Too few pictures", text)
    size = f"its {draw.count(number, 'picture')}" if number else "its pictures"
    text = f"It looks at {size} again and again, for some minutes. The other tabs go on, and you can stop it."
    untrained = draw.state("index", f"{catalogue.name} has not been learned yet", text)
    return facts, gr.update(value="Train", interactive=True), untrained


def _facts(library: Library, catalogue: Catalogue, trained: Engine | None, failure: str) -> str:
    told = ""
    if isinstance(trained, Autoencoder) and trained.trained:
        changes, kept = library.since(catalogue, trained), trained.trained
        since = f"; {changes}. Train on, and that is taken in." if changes else "."
        last = kept.course.done[-1]
        told = (
            f"<p>Learned from {draw.count(len(trained.pictures()), 'picture')}{since}</p>"
            f'<p class="hint">{kept.active} of {kept.plan.shape.latent} numbers are in use. Pictures that were '
            f"held out are drawn with an error of {100 * kept.error**0.5:.1f}% of the way from black to white, "
            f"and tell it {last.kl / math.log(2):,.0f} bits each.</p>"
        )
    return told + (f'<p class="note warn">{draw.escape(failure)}</p>' if failure else "")


def _course(course: vae.Course) -> str:
    """The curves so far, and pictures held out beside what becomes of them."""
    pairs = ""
    if course.samples is not None:
        for number, (original, made) in enumerate(zip(*course.samples, strict=True)):
            pairs += (
                f"<figure>{draw.inline(original, f'Picture {number + 1}, held out')}"
                f"{draw.inline(made, f'Picture {number + 1} as it draws it')}</figure>"
            )
        pairs = f'<h4>Pictures that were held out, and as it draws them</h4><div class="pairs">{pairs}</div>'
    last, seconds = course.done[-1], sum(epoch.seconds for epoch in course.done)
    told = (
        f"Mean squared error {last.held_out:.5f} on pictures held out, {last.train:.5f} on those it learns from; "
        f"KL {last.kl:,.0f} nats. {seconds / len(course.done):.1f} s an epoch, {seconds / 60:.1f} minutes in all."
    )
    return (
        f'<div class="told"><h3>Epoch {len(course.done)} of {course.epochs}</h3>{_curves(course)}'
        f"<p>{told}</p>{pairs}</div>"
    )


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
        f' aria-label="Errors and KL over the epochs">'
        f'<line x1="0" x2="{width}" y1="{height}" y2="{height}"/>{drawn}</svg>'
        f'<p class="legend"><span class="learned">error, learned from (at most {top:.3f})</span>'
        f'<span class="held">error, held out</span><span class="kl">KL (at most {most:,.0f} nats)</span></p>'
    )


def _ranking(shelf: Shelf, key: str, name: str) -> str:
    """How often the nearest other picture is of the same folder, by each engine that has looked at all of them."""
    if not shelf.card(key, name).available:
        return ""
    catalogue, able, _ = suits.entrants(shelf, shelf.catalogue(key, name).state.parent.name)
    told = shelf.library.compare(catalogue, able)
    place = next((place for place, rating in enumerate(told.ratings, 1) if rating.evaluation.engine == name), 0)
    if not place:
        return ""
    rank = f"It is number {place} of the {len(told.ratings)} engines that have looked at all of this collection. "
    if len(told.ratings) == 1:
        rank = "No other tab has looked at all of this collection. "
    rows = [(one.title, f"{one.of_100} of 100") for one in told.ratings]
    table = draw.table(("Alike by", "Same folder first"), rows)
    return f"<h4>How it ranks here</h4><p>{draw.escape(rank + told.finding())}</p>{table}"


# --- Unusual


def draw_unusual(page: search.Page, name: str) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    gr.HTML(
        '<p class="alike">What is drawn badly, or lies far off among the numbers, is unlike the rest. The figure '
        "is what a picture costs to tell, in nats: its error, and its KL.</p>",
        apply_default_css=False,
    )
    board = gr.HTML(js_on_load=draw.CLICKS + SEEN, apply_default_css=False, elem_classes="results unusual")

    async def show(key: str) -> AsyncIterator[str]:
        try:
            while job := await asyncio.to_thread(_training, shelf, key, name):
                yield draw.progress([job])
                await asyncio.sleep(EVERY)
            yield MEASURING
            yield await asyncio.to_thread(_unusual, shelf, key, name)
        except NotIndexed as error:
            yield draw.state("index", "Not indexed yet", str(error))
        except SemblanceError as error:
            yield draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("what is unusual to %s can't be told", name)
            yield draw.failed(UNFORESEEN)

    for moment in (board.seen, page.picker.change, page.stamp.change):
        moment(show, page.picker, board, trigger_mode="always_last", **search.WATCHES)
    search.stops(shelf, board)


def _unusual(shelf: Shelf, key: str, name: str) -> str:
    """Raises SemblanceError."""
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    assert isinstance(engine, Autoencoder)
    told = shelf.library.unusual(catalogue, engine)
    assert told
    figures = ""
    for place in told.order.tolist():
        digest = told.digests[place]
        if digest not in catalogue.paths or figures.count("<figure") == SHOWN:
            continue
        error, kl = told.nats[place].tolist()
        label = draw.escape(catalogue.label(digest) or catalogue.file(digest).name)
        try:
            made = draw.inline(autoencoder.redraw(engine, catalogue.file(digest)).drawn, "As it draws it")
        except SemblanceError:
            continue
        figures += (
            f'<figure><div class="two"><img loading="lazy" alt="{label}" '
            f'src="{draw.escape(draw.thumbnail(catalogue, digest))}"/>{made}</div><figcaption>{label} '
            f"<b>{error + kl:,.0f}</b> <small>{error:,.0f} + {kl:,.0f}</small></figcaption></figure>"
        )
    return (
        f'<div class="told"><h3>The most unusual of {draw.count(len(told.digests), "picture")}</h3>'
        f"<p>Half of them cost less than {told.typical:,.0f} nats.</p>"
        f'<div class="figures pairs">{figures}</div></div>'
    )


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone("vae", sys.argv[1:])
