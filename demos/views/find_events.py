"""What happens in the view Find of an engine: the functions behind its events."""

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
    draw,
    events,
    options,
    picture_input,
    queries,
    region,
    why,
)
from demos.components.options import How, Pin
from demos.components.picture_input import RawImage
from demos.components.queries import Asked, Query
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from demos.views import find_answers, find_kinds
from engines import SemblanceError
from features.errors import NotIndexed


class FindEvents:
    """Of one engine's view. more: how many pieces of HTML lie below the question. over: how many over it."""

    def __init__(
        self,
        shelf: Shelf,
        name: str,
        kind: find_kinds.Kind,
        aside: find_kinds.Aside | None,
        more: int,
        over: int,
    ) -> None:
        self.shelf, self.name, self.kind, self.aside = shelf, name, kind, aside
        self.more, self.over = more, over

    def index_first(self, key: str) -> bool:
        try:
            if (job := self.shelf.job(key, self.name)) and job.begun:
                return False
            return self.shelf.unready(key, self.name)
        except NotIndexed:  # the samples are yet to be drawn
            return True

    def always(self, key: str) -> bool:
        return True

    def never(self, key: str) -> bool:
        return False

    async def watch(self, key: str, start: Callable[[str], bool]) -> AsyncIterator[str]:
        """Indexes if `start` says so; the progress, as long as there is any. `idle` shows what went wrong."""
        try:
            if await asyncio.to_thread(start, key):
                await asyncio.to_thread(self.shelf.index, key, self.name)
            while job := await asyncio.to_thread(self.shelf.job, key, self.name):
                yield draw.progress([job])
                await asyncio.sleep(events.POLL)
        except SemblanceError:
            return
        except Exception:
            logging.getLogger(__name__).exception("watching %s failed", self.name)

    async def arrive(self, key: str) -> AsyncIterator[tuple[Any, Any]]:
        """A catalogue has been chosen, or has changed: what goes on there, and its examples. An answer follows."""
        async for html in self.watch(key, self.never):
            yield html, gr.skip()
        yield gr.skip(), await asyncio.to_thread(answers.example_pictures, self.shelf, key, self.name)

    def has_tuned(self, key: str, how: How) -> Any:
        try:
            catalogue, engine = self.shelf.catalogue(key, self.name), self.shelf.engine(key, self.name)
            there = self.shelf.library.index(catalogue, engine).tuning.tuned() is not None
        except SemblanceError:
            there = False
        return gr.update(visible=there, value=there and how.tuned)

    async def follow(
        self, key: str, start: Callable[[str], bool], asked: Any
    ) -> AsyncIterator[tuple[Any, Any, Any]]:
        """What comes before an answer: (wall, stamp, asked)."""
        worked = False
        async for html in self.watch(key, start):
            worked = True
            yield html, gr.skip(), asked
        yield gr.skip(), time.monotonic() if worked else gr.skip(), asked

    async def uploaded(self, key: str, question: RawImage) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in self.follow(key, self.index_first if question else self.never, Asked()):
            yield step

    async def picked(self, key: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in self.follow(key, self.index_first, gr.skip()):
            yield step

    async def index_now(self, key: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in self.follow(key, self.always, gr.skip()):
            yield step

    async def overtake(self, key: str) -> AsyncIterator[tuple[str, Any]]:
        """Progress of what is to take over from the built-in network; then all is asked again."""
        waited = False
        with contextlib.suppress(SemblanceError):
            while job := await asyncio.to_thread(self.shelf.upgrading, key, self.name):
                waited = True
                yield draw.upgrading(job), gr.skip()
                await asyncio.sleep(events.POLL)
        yield "", time.monotonic() if waited else gr.skip()

    def chosen(self, key: str, event: gr.EventData) -> tuple[Any, Any]:
        """A picture of the catalogue becomes the question. Only a digest comes in, so no path can be asked for."""
        try:
            catalogue = self.shelf.catalogue(key, self.name)
            if self.shelf.shows(catalogue, digest := str(event.digest)):
                return self.shelf.library.thumbnail(catalogue, digest), Asked(digest, queries.number(event.part))
        except SemblanceError:
            pass
        return gr.skip(), gr.skip()

    def turn(self, asked: Asked, event: gr.EventData) -> Asked:
        """Another part of the same question; the answer knows which there are."""
        return replace(asked, part=queries.number(event.digest))

    def frame(self, asked: Asked, event: gr.EventData) -> Asked:
        """A part of the same question, or the whole of it again."""
        return replace(asked, box=region.read(event.box))

    def explain(
        self, key: str, question: RawImage, asked: Asked, k: int, how: How, event: gr.EventData
    ) -> Iterator[str]:
        """Why one of the matches is alike; nothing of it is kept."""
        yield why.BUSY
        try:
            query = find_answers.ask(self.shelf, key, self.name, question, asked, k, how, self.kind)
            yield find_answers.explain(query, str(event.digest), queries.number(event.part)) if query else ""
        except SemblanceError as error:
            yield why.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("%s: a likeness could not be explained", self.name)
            yield why.failed(UNFORESEEN)

    def leave(self, asked: Asked, how: How) -> tuple[Any, Asked, How]:
        """Pictures of the catalogue that was left can't stay the question."""
        stay = tuple(pin for pin in how.pins if not pin.digest)
        return (None if asked.digest else gr.skip()), Asked(), replace(how, pins=stay)

    def pin(self, question: RawImage, asked: Asked, how: How) -> tuple[Any, Asked, How]:
        """The question goes to those that are asked with besides, and makes room for another."""
        try:
            path = None if asked.digest else picture_input.uploaded_file(question)
        except SemblanceError:
            path = None
        if not (asked.digest or path):
            return gr.skip(), gr.skip(), gr.skip()
        return None, Asked(), replace(how, pins=(*how.pins, Pin(asked.digest, path, box=asked.box)))

    def unpin(self, how: How, event: gr.EventData) -> How:
        out = queries.number(event.digest)
        return replace(how, pins=tuple(pin for place, pin in enumerate(how.pins) if place != out))

    def weigh(self, how: How, event: gr.EventData) -> How:
        meant, weight = queries.number(event.digest), options.weight(event.part)
        pins = [replace(pin, weight=weight) if place == meant else pin for place, pin in enumerate(how.pins)]
        return replace(how, pins=tuple(pins))

    def show_pins(self, key: str, question: RawImage, asked: Asked, how: How) -> str:
        try:
            asking = bool(question or asked.digest)
            return options.draw_pins(self.shelf.catalogue(key, self.name), how.pins, asking)
        except SemblanceError:
            return ""

    def answer(self, collection: str, picture: RawImage, asked: Asked, k: int, how: How) -> tuple[Any, ...]:
        """Searches with a picture; the answer as HTML, and which network and weights it came from."""
        told = find_answers.answer(self.shelf, collection, self.name, picture, asked, k, how, self.kind)
        drawn = [find_answers.overlay(self.shelf, collection, self.name, picture, asked) for _ in range(self.over)]
        return *told, *[""] * (2 + self.more - len(told)), *drawn

    def fill(self, key: str, question: RawImage, asked: Asked, k: int, how: How) -> Iterator[Any]:
        assert self.aside  # else nothing listens
        try:
            query = find_answers.ask(self.shelf, key, self.name, question, asked, k, how, self.kind)
            yield from self.aside.fill(query) if query else [self.aside.blank]
        except SemblanceError:  # the answer beside it tells it
            yield self.aside.blank
        except Exception:
            logging.getLogger(__name__).exception("%s: the part beside the answer failed", self.name)
            yield self.aside.blank

    def give(self, make: Callable[[Query, str], Path]) -> Callable[..., Any]:
        def given(key: str, question: RawImage, asked: Asked, k: int, how: How, event: gr.EventData) -> Any:
            try:
                query = find_answers.ask(self.shelf, key, self.name, question, asked, k, how, self.kind)
                return str(make(query, str(event.digest))) if query else gr.skip()
            except SemblanceError as error:
                raise events.refused(error) from error

        return given
