"""The view Find of an engine, drawn from its card: the question on the left, the answer on the right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import (
    download,
    draw,
    events,
    likes,
    networks,
    options,
    picture_input,
    region,
    why,
)
from demos.components.options import How
from demos.components.page import Page
from demos.components.queries import Asked, Query
from demos.i18n.language import fixed, localized, say
from demos.views import find_answers, find_kinds
from demos.views.find_events import FindEvents


def draw_find(
    page: Page, name: str, aside: find_kinds.Aside | None = None, kind: find_kinds.Kind | None = None
) -> None:
    """Draws the view into the current Blocks. aside: something beside the results."""
    _Find(page, name, aside, kind or find_kinds.PICTURES).listen()


class _Find:
    """The view as it is drawn, and what it listens to."""

    def __init__(self, page: Page, name: str, aside: find_kinds.Aside | None, kind: find_kinds.Kind) -> None:
        self.page, self.name, self.aside, self.kind = page, name, aside, kind
        card, parts = page.shelf.cards[name], options.parts_of(page.shelf.library.engine(name))
        self.how = gr.State(How())
        self.status = gr.HTML(js_on_load=draw.CLICKS, elem_classes="status", apply_default_css=False, render=False)
        with gr.Row(elem_classes="sides"):
            with gr.Column(scale=1, min_width=300, elem_classes="question"):
                alike = localized(lambda: draw.alike(say("find.alike", what=say(card.alike))))
                gr.HTML(alike, apply_default_css=False)
                with gr.Column(elem_classes="asked"):
                    self.image = picture_input.photo(localized(lambda: say("find.picture", title=say(card.title))))
                    self.more = kind.below()
                    self.over = [region.layer()] if kind.find is find_kinds.pictures else []
                    self.pins = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="pinned")
                self.examples = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="from-here")
                first, most, results = kind.results
                self.k = gr.Slider(1, most, value=first, step=1, label=fixed(results))
                self.weighed = options.what_counts(parts, self.how) if parts else ()
                self.tuned = gr.Checkbox(False, label=fixed("find.tuned"), visible=False)
                networks.draw_networks(page, name, self.status)
            with gr.Column(scale=2, min_width=300, elem_classes="answer"):
                self._draw_answer()
        self.asked = gr.State(Asked())
        self.does = FindEvents(page.shelf, name, kind, aside, len(self.more), len(self.over))
        self.asking = [page.picker, self.image, self.asked, self.k, self.how]

    def _draw_answer(self) -> None:
        with gr.Row(elem_classes="beside"):
            self.wall = gr.HTML(
                js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="results", min_height=200
            )
            self.beside = self.aside.draw() if self.aside else None
        self.because = gr.HTML(js_on_load=why.PANEL, apply_default_css=False, elem_classes="because")
        self.status.render()
        self.made = download.button(self.name)
        self.soon = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="soon")

    def listen(self) -> None:
        """Connects the view's events, in the order that the endpoints of a page keep."""
        self._to_the_collection()
        self._to_questions()
        self._to_parts()
        if self.kind.several:
            self._to_pins()
        self._to_downloads()
        events.stops(self.page.shelf, self.wall, self.soon)

    def _answer_on(self, listen: Callable[..., Any], api_name: str | None = None, **listened: Any) -> Any:
        shown = {"api_name": api_name, **events.HTML} if api_name else {"api_visibility": "private"}
        answered = listen(
            fn=self.does.answer,
            inputs=self.asking,
            outputs=[self.wall, self.status, *self.more, *self.over],
            preprocess=False,
            show_progress_on=self.wall,
            **events.SEARCHES,
            **shown,
            **listened,
        )
        if self.kind.several:
            asked = [self.page.picker, self.image, self.asked, self.how]
            answered.then(self.does.show_pins, asked, self.pins, preprocess=False, **events.SILENT)
        if not self.aside:
            return answered
        return answered.then(
            self.does.fill, self.asking, self.beside, preprocess=False, **events.SILENT, **events.SEARCHES
        )

    def _to_the_collection(self) -> None:
        """Another is chosen, or it changes, or another network takes over."""
        page, does = self.page, self.does
        arrival = gr.on(
            [page.demo.load, page.picker.change, page.stamp.change],
            does.arrive,
            page.picker,
            [self.wall, self.examples],
            trigger_mode="multiple",
            **events.WATCHES,
        )
        if self.kind.tunable:
            arrival.then(does.has_tuned, [page.picker, self.how], self.tuned, **events.SILENT)
            ticked = self.tuned.input(
                lambda how, on: replace(how, tuned=bool(on)), [self.how, self.tuned], self.how, **events.SILENT
            )
            self._answer_on(ticked.then)
        self._answer_on(arrival.then)
        changes, shown = [self.status.change, page.stamp.change], [self.soon, page.stamp]
        overtaking = gr.on(changes, does.overtake, page.picker, shown, trigger_mode="once", **events.WATCHES)
        left = page.picker.change(
            does.leave,
            [self.asked, self.how],
            [self.image, self.asked, self.how],
            cancels=[arrival, overtaking],
            queue=False,
            **events.SILENT,
        )
        self._answer_on(left.then)

    def _to_questions(self) -> None:
        """A picture is uploaded, or one of those on the page is pressed."""
        page, does, wall = self.page, self.does, self.wall
        before = [wall, page.stamp, self.asked]
        given = self.image.input(
            does.uploaded, [page.picker, self.image], before, preprocess=False, **events.WATCHES
        )
        self._answer_on(given.then, api_name=self.name)
        for source in (wall, self.examples):
            choice = source.search(
                does.chosen, page.picker, [self.image, self.asked], **events.SILENT, **events.SEARCHES
            )
            self._answer_on(choice.then(does.picked, page.picker, before, **events.WATCHES).then)
        for source in (wall, *self.more) if self.more else ():
            self._answer_on(source.part(does.turn, self.asked, self.asked, **events.SILENT).then)
        likes.hearts(page, wall)
        self._answer_on(wall.index(does.index_now, page.picker, before, **events.WATCHES).then)

    def _to_parts(self) -> None:
        """How many pictures, which parts of the vectors, which part of the question; and why one was found."""
        self._answer_on(self.k.change, trigger_mode="always_last")  # by mouse, by arrows, or typed
        for listen in self.weighed:
            self._answer_on(listen)
        for layer in self.over:
            framed = layer.frame(
                self.does.frame, self.asked, self.asked, trigger_mode="always_last", **events.SILENT
            )
            self._answer_on(framed.then)
            # a box is of the picture that it was drawn on
            self.image.change(None, None, layer, js=events.EMPTY, **events.SILENT)
        self.wall.why(
            self.does.explain, self.asking, self.because, preprocess=False, **events.SILENT, **events.SEARCHES
        )
        for moment in (self.because.close, self.wall.change):
            moment(None, None, self.because, js=events.EMPTY, **events.SILENT)

    def _to_pins(self) -> None:
        does, how, asking = self.does, self.how, [self.image, self.asked, self.how]
        kept = self.pins.pin(does.pin, asking, asking, preprocess=False, **events.SILENT)
        unpinned = self.pins.unpin(does.unpin, how, how, **events.SILENT)
        weighed = self.pins.weigh(does.weigh, how, how, **events.SILENT)
        for changed in (kept, unpinned, weighed):
            self._answer_on(changed.then)

    def _to_downloads(self) -> None:
        kind, shelf = self.kind, self.page.shelf
        gives: list[tuple[Any, Callable[[Query, str], Path]]] = [
            (self.status.take, lambda query, wanted: find_answers.take(query, kind, wanted, files=shelf.local))
        ]
        if save := kind.save:
            gives.append((self.wall.save, lambda query, _: save(query)))
        for moment, make in gives:
            saved = moment(
                self.does.give(make),
                self.asking,
                self.made,
                preprocess=False,
                api_visibility="private",
                **events.SEARCHES,
            )
            saved.success(None, js=download.press(self.name))
