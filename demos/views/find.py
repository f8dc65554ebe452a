"""The view Find of an engine, drawn from its card: the question on the left, the answer on the right."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import (
    answers,
    download,
    draw,
    events,
    likes,
    networks,
    options,
    picture_input,
    queries,
    region,
    why,
)
from demos.components.options import How, Pin
from demos.components.page import Page
from demos.components.picture_input import RawImage
from demos.components.queries import Asked, Query
from demos.i18n import language
from demos.i18n.language import built, fixed, say
from demos.server.jobs import UNFORESEEN
from demos.views import find_answers, find_kinds
from engines import SemblanceError
from features.errors import NotIndexed


def draw_find(
    page: Page, name: str, aside: find_kinds.Aside | None = None, kind: find_kinds.Kind | None = None
) -> None:
    """Draws the view into the current Blocks. aside: something beside the results."""
    shelf, card, kind = page.shelf, page.shelf.cards[name], kind or find_kinds.PICTURES
    first, most, results = kind.results
    parts = options.parts_of(shelf.library.engine(name))
    how = gr.State(How())
    status = gr.HTML(js_on_load=draw.CLICKS, elem_classes="status", apply_default_css=False, render=False)
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            alike = built(lambda: draw.alike(say("Alike here: {what}.", what=language.told(card.alike))))
            gr.HTML(alike, apply_default_css=False)
            with gr.Column(elem_classes="asked"):
                image = picture_input.photo(
                    built(lambda: say("Picture to search with in {title}", title=language.told(card.title)))
                )
                more = kind.below()
                over = [region.layer()] if kind.find is find_kinds.pictures else []
                pins = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="pinned")
            examples = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="from-here")
            k = gr.Slider(1, most, value=first, step=1, label=fixed(results))
            weighed = options.what_counts(parts, how) if parts else ()
            tuned = gr.Checkbox(False, label=fixed("Search as tuned to the folders"), visible=False)
            networks.draw_networks(page, name, status)
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            with gr.Row(elem_classes="beside"):
                wall = gr.HTML(
                    js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="results", min_height=200
                )
                beside = aside.draw() if aside else None
            because = gr.HTML(js_on_load=why.PANEL, apply_default_css=False, elem_classes="because")
            status.render()
            made = download.button(name)
            soon = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="soon")
    asked = gr.State(Asked())

    def index_first(key: str) -> bool:
        try:
            if (job := shelf.job(key, name)) and job.begun:
                return False
            return shelf.unready(key, name)
        except NotIndexed:  # the samples are yet to be drawn
            return True

    def always(key: str) -> bool:
        return True

    def never(key: str) -> bool:
        return False

    async def watch(key: str, start: Callable[[str], bool]) -> AsyncIterator[str]:
        """Indexes if `start` says so; the progress, as long as there is any. What went wrong is told by `idle`."""
        try:
            if await asyncio.to_thread(start, key):
                await asyncio.to_thread(shelf.index, key, name)
            while job := await asyncio.to_thread(shelf.job, key, name):
                yield draw.progress([job])
                await asyncio.sleep(events.POLL)
        except SemblanceError:
            return
        except Exception:
            logging.getLogger(__name__).exception("watching %s failed", name)

    async def arrive(key: str) -> AsyncIterator[tuple[Any, Any]]:
        """A catalogue has been chosen, or has changed: what goes on there, and its examples. An answer follows."""
        async for html in watch(key, never):
            yield html, gr.skip()
        yield gr.skip(), await asyncio.to_thread(answers.example_pictures, shelf, key, name)

    def has_tuned(key: str, how: How) -> Any:
        try:
            there = shelf.library.tuned(shelf.catalogue(key, name), shelf.engine(key, name)) is not None
        except SemblanceError:
            there = False
        return gr.update(visible=there, value=there and how.tuned)

    async def follow(key: str, start: Callable[[str], bool], asked: Any) -> AsyncIterator[tuple[Any, Any, Any]]:
        """What comes before an answer: (wall, stamp, asked)."""
        worked = False
        async for html in watch(key, start):
            worked = True
            yield html, gr.skip(), asked
        yield gr.skip(), time.monotonic() if worked else gr.skip(), asked

    async def uploaded(key: str, question: RawImage) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in follow(key, index_first if question else never, Asked()):
            yield step

    async def picked(key: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in follow(key, index_first, gr.skip()):
            yield step

    async def index_now(key: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in follow(key, always, gr.skip()):
            yield step

    async def overtake(key: str) -> AsyncIterator[tuple[str, Any]]:
        """Progress of what is to take over from the built-in network; then all is asked again."""
        waited = False
        with contextlib.suppress(SemblanceError):
            while job := await asyncio.to_thread(shelf.upgrading, key, name):
                waited = True
                yield draw.upgrading(job), gr.skip()
                await asyncio.sleep(events.POLL)
        yield "", time.monotonic() if waited else gr.skip()

    def chosen(key: str, event: gr.EventData) -> tuple[Any, Any]:
        """A picture of the catalogue becomes the question. Only a digest comes in, so no path can be asked for."""
        try:
            catalogue = shelf.catalogue(key, name)
            if (digest := str(event.digest)) in catalogue.paths:
                return shelf.library.thumbnail(catalogue, digest), Asked(digest, queries.number(event.part))
        except SemblanceError:
            pass
        return gr.skip(), gr.skip()

    def turn(asked: Asked, event: gr.EventData) -> Asked:
        """Another part of the same question; which there are is known to who answers."""
        return replace(asked, part=queries.number(event.digest))

    def frame(asked: Asked, event: gr.EventData) -> Asked:
        """A part of the same question, or the whole of it again."""
        return replace(asked, box=region.read(event.box))

    def explain(
        key: str, question: RawImage, asked: Asked, k: int, how: How, event: gr.EventData
    ) -> Iterator[str]:
        """Why one of the matches is alike; nothing of it is kept."""
        yield why.BUSY
        try:
            query = find_answers.ask(shelf, key, name, question, asked, k, how, kind)
            yield find_answers.explain(query, str(event.digest), queries.number(event.part)) if query else ""
        except SemblanceError as error:
            yield why.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("%s: a likeness could not be explained", name)
            yield why.failed(UNFORESEEN)

    def leave(asked: Asked, how: How) -> tuple[Any, Asked, How]:
        """Pictures of the catalogue that was left can't stay the question."""
        stay = tuple(pin for pin in how.pins if not pin.digest)
        return (None if asked.digest else gr.skip()), Asked(), replace(how, pins=stay)

    def pin(question: RawImage, asked: Asked, how: How) -> tuple[Any, Asked, How]:
        """The question goes to those that are asked with besides, and makes room for another."""
        try:
            path = None if asked.digest else picture_input.uploaded_file(question)
        except SemblanceError:
            path = None
        if not (asked.digest or path):
            return gr.skip(), gr.skip(), gr.skip()
        return None, Asked(), replace(how, pins=(*how.pins, Pin(asked.digest, path, box=asked.box)))

    def unpin(how: How, event: gr.EventData) -> How:
        out = queries.number(event.digest)
        return replace(how, pins=tuple(pin for place, pin in enumerate(how.pins) if place != out))

    def weigh(how: How, event: gr.EventData) -> How:
        meant, weight = queries.number(event.digest), options.weight(event.part)
        pins = [replace(pin, weight=weight) if place == meant else pin for place, pin in enumerate(how.pins)]
        return replace(how, pins=tuple(pins))

    def show_pins(key: str, question: RawImage, asked: Asked, how: How) -> str:
        try:
            asking = bool(question or asked.digest)
            return options.draw_pins(shelf.catalogue(key, name), how.pins, asking)
        except SemblanceError:
            return ""

    def answer(collection: str, picture: RawImage, asked: Asked, k: int, how: How) -> tuple[Any, ...]:
        """Searches with a picture; the answer as HTML, and which network and weights it came from."""
        told = find_answers.answer(shelf, collection, name, picture, asked, k, how, kind)
        drawn = [find_answers.overlay(shelf, collection, name, picture, asked) for _ in over]
        return *told, *[""] * (2 + len(more) - len(told)), *drawn

    asking = [page.picker, image, asked, k, how]
    answering: dict[str, Any] = {
        "fn": answer,
        "inputs": asking,
        "outputs": [wall, status, *more, *over],
        "preprocess": False,
        "show_progress_on": wall,
        **events.SEARCHES,
    }

    def answer_on(listen: Callable[..., Any], api_name: str | None = None, **listened: Any) -> Any:
        shown = {"api_name": api_name, **events.HTML} if api_name else {"api_visibility": "private"}
        answered = listen(**answering, **shown, **listened)
        if kind.several:
            answered.then(
                show_pins,
                [page.picker, image, asked, how],
                pins,
                preprocess=False,
                show_progress="hidden",
                api_visibility="private",
            )
        if not aside:
            return answered

        def fill(key: str, question: RawImage, asked: Asked, k: int, how: How) -> Iterator[Any]:
            try:
                query = find_answers.ask(shelf, key, name, question, asked, k, how, kind)
                yield from aside.fill(query) if query else [aside.blank]
            except SemblanceError:  # the answer beside it tells it
                yield aside.blank
            except Exception:
                logging.getLogger(__name__).exception("%s: the part beside the answer failed", name)
                yield aside.blank

        return answered.then(
            fill,
            asking,
            beside,
            preprocess=False,
            show_progress="hidden",
            api_visibility="private",
            **events.SEARCHES,
        )

    arrival = gr.on(
        [page.demo.load, page.picker.change, page.stamp.change],
        arrive,
        page.picker,
        [wall, examples],
        trigger_mode="multiple",
        **events.WATCHES,
    )
    if kind.tunable:
        arrival.then(has_tuned, [page.picker, how], tuned, **events.SILENT)
        answer_on(
            tuned.input(lambda how, on: replace(how, tuned=bool(on)), [how, tuned], how, **events.SILENT).then
        )
    answer_on(arrival.then)
    changes = [status.change, page.stamp.change]
    overtaking = gr.on(changes, overtake, page.picker, [soon, page.stamp], trigger_mode="once", **events.WATCHES)
    left = page.picker.change(
        leave,
        [asked, how],
        [image, asked, how],
        cancels=[arrival, overtaking],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    answer_on(left.then)
    before = [wall, page.stamp, asked]
    answer_on(
        image.input(uploaded, [page.picker, image], before, preprocess=False, **events.WATCHES).then, api_name=name
    )
    for source in (wall, examples):
        choice = source.search(
            chosen,
            page.picker,
            [image, asked],
            show_progress="hidden",
            api_visibility="private",
            **events.SEARCHES,
        )
        answer_on(choice.then(picked, page.picker, before, **events.WATCHES).then)
    for source in (wall, *more) if more else ():
        turned = source.part(turn, asked, asked, show_progress="hidden", api_visibility="private")
        answer_on(turned.then)
    likes.hearts(page, wall)
    answer_on(wall.index(index_now, page.picker, before, **events.WATCHES).then)
    answer_on(k.change, trigger_mode="always_last")  # by mouse, by arrows, or typed
    for listen in weighed:
        answer_on(listen)
    for layer in over:
        framed = layer.frame(frame, asked, asked, trigger_mode="always_last", **events.SILENT)
        answer_on(framed.then)
        image.change(
            None, None, layer, js=events.EMPTY, **events.SILENT
        )  # a box is of the picture that it was drawn on
    wall.why(explain, asking, because, preprocess=False, **events.SILENT, **events.SEARCHES)
    for moment in (because.close, wall.change):
        moment(None, None, because, js=events.EMPTY, **events.SILENT)
    if kind.several:
        kept = pins.pin(pin, [image, asked, how], [image, asked, how], preprocess=False, **events.SILENT)
        for changed in (
            kept,
            pins.unpin(unpin, how, how, **events.SILENT),
            pins.weigh(weigh, how, how, **events.SILENT),
        ):
            answer_on(changed.then)

    def give(make: Callable[[Query, str], Path]) -> Callable[..., Any]:
        def given(key: str, question: RawImage, asked: Asked, k: int, how: How, event: gr.EventData) -> Any:
            try:
                query = find_answers.ask(shelf, key, name, question, asked, k, how, kind)
                return str(make(query, str(event.digest))) if query else gr.skip()
            except SemblanceError as error:
                raise events.refused(error) from error

        return given

    gives: list[tuple[Any, Callable[[Query, str], Path]]] = [
        (status.take, lambda query, wanted: find_answers.take(query, kind, wanted, files=shelf.local))
    ]
    if kind.save:
        gives.append((wall.save, lambda query, _: kind.save(query)))
    for moment, make in gives:
        saved = moment(give(make), asking, made, preprocess=False, api_visibility="private", **events.SEARCHES)
        saved.success(None, js=download.press(name))
    events.stops(shelf, wall, soon)
