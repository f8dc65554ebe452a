"""The tab Catalogue: which pictures are searched, bringing in more, and what became of each of them.

Run it alone: `python -m demos.catalogue [FOLDER]`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import draw, events, index_reports
from demos.components.page import Page, choices
from demos.components.vector_download import draw_vectors, listen
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import Job, failure
from demos.server.state import SAMPLES, Shelf
from engines import SemblanceError
from features.catalogue.folder import Skipped
from features.retrieval.results import Report

EVERY = "every"
HINT = localized(lambda: draw.state("index", say("catalogue.bring_in"), say("catalogue.report_place")))
PUBLIC = "catalogue.who_sees"

Source = Callable[[], tuple[str, Sequence[Skipped]]]
"""Brings in pictures: the key of their catalogue, and what was not taken. Raises SemblanceError."""


class _Events:
    """What happens in the tab."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    async def run(self, source: Source, wanted: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        """Brings in, indexes and reports: (report, picker, stamp)."""
        try:
            receiving = say("catalogue.receiving"), say("catalogue.ordering")
            yield draw.state("busy", *receiving), gr.skip(), gr.skip()
            key, refused = await asyncio.to_thread(source)
            names = [wanted] if wanted in self.shelf.cards else await asyncio.to_thread(self.shelf.available, key)
            absent = [card for name, card in self.shelf.cards.items() if name not in names and wanted == EVERY]
            chosen = gr.update(choices=await asyncio.to_thread(choices, self.shelf), value=key)
            for _ in range(2):  # twice when the samples have to be drawn first
                jobs = await asyncio.to_thread(self._start, key, names)
                yield draw.progress(jobs), chosen, gr.skip()
                async for html in _watch(jobs):
                    yield html, gr.skip(), gr.skip()
                if jobs[0].key != SAMPLES or jobs[0].error or jobs[0].cancelled.is_set():
                    break
            left = [say("catalogue.left_out", title=say(card.title)) + " " + say(card.reason) for card in absent]
            told = await asyncio.to_thread(_report, self.shelf, jobs, refused, left)
            yield told, gr.skip(), time.monotonic()
        except SemblanceError as error:
            yield draw.failed(error), gr.skip(), gr.skip()
        except Exception as error:
            logging.getLogger(__name__).exception("indexing failed")
            yield draw.failed(failure(error)), gr.skip(), gr.skip()

    def _start(self, key: str, names: Sequence[str]) -> list[Job]:
        return list(dict.fromkeys(self.shelf.index(key, name) for name in names))

    async def index(self, collection: str, engine: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        """Brings a collection up to date with its folder."""
        async for told in self.run(lambda: (collection, ()), engine):
            yield told

    async def upload(
        self, files: list[str] | None, name: str, label: str, engine: str
    ) -> AsyncIterator[tuple[Any, Any, Any]]:
        """Takes pictures or zips into a collection, and indexes it."""

        def source() -> tuple[str, Sequence[Skipped]]:
            if not files:
                raise SemblanceError("catalogue.choose_first")
            return self.shelf.receive(name, [Path(file) for file in files], label)

        async for told in self.run(source, engine):
            yield told

    async def index_folder(self, folder: str, engine: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        """Opens a folder of this machine and indexes it."""

        def source() -> tuple[str, Sequence[Skipped]]:
            if not folder.strip():
                raise SemblanceError("catalogue.name_a_folder")
            return self.shelf.add(Path(folder.strip())), ()

        async for told in self.run(source, engine):
            yield told

    async def arrive(self, key: str) -> AsyncIterator[str]:
        """What is indexed for which tab, for as long as that changes."""
        async for _ in events.while_busy(self.shelf, key):
            yield await asyncio.to_thread(_table, self.shelf, key)


def _draw_folder() -> tuple[gr.Textbox, gr.Button]:
    """A folder of this machine, and what opens it."""
    with gr.Column(elem_classes="bring"):
        _section("catalogue.folder_here", "catalogue.folder_hint")
        folder = gr.Textbox(
            label=fixed("common.folder"), show_label=False, container=False, placeholder="/home/me/Pictures"
        )
        take = gr.Button(fixed("catalogue.open_and_index"), variant="primary", elem_classes="take")
    return folder, take


def _draw_upload(shelf: Shelf) -> tuple[gr.File, gr.Textbox, gr.Textbox, gr.Button]:
    """Draws the files, the name of the collection, the label, and the button that sends them."""
    with gr.Column(elem_classes="bring"):
        _section("common.upload", "catalogue.upload_hint", *[PUBLIC] * (not shelf.local))
        files = gr.File(
            label=fixed("catalogue.pictures_or_zip"),
            show_label=False,
            file_count="multiple",
            height=130,
            elem_classes="files",
        )
        with gr.Row():
            name = gr.Textbox(
                label=fixed("common.collection"),
                value=fixed("catalogue.my_pictures"),
                max_length=60,
                min_width=120,
            )
            label = gr.Textbox(label=fixed("catalogue.label"), max_length=60, min_width=120)
        send = gr.Button(fixed("catalogue.upload_and_index"), variant="primary", elem_classes="send")
    return files, name, label, send


def tab(page: Page) -> None:
    """Draws the tab Catalogue. What names a folder of this machine is left out unless the user is local."""
    shelf, does = page.shelf, _Events(page.shelf)
    titles = [(fixed(card.title), name) for name, card in shelf.cards.items()]
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            engine = gr.Dropdown(
                [(fixed("catalogue.every_tab"), EVERY), *titles],
                value=EVERY,
                label=fixed("catalogue.index_for"),
                elem_classes="engine",
            )
            with gr.Column(elem_classes="bring"):
                _section("catalogue.chosen_above", "catalogue.update_hint")
                again = gr.Button(fixed("catalogue.update"), elem_classes="again")
            if shelf.local:
                folder, take = _draw_folder()
            files, name, label, send = _draw_upload(shelf)
            vectors = draw_vectors(shelf) if shelf.exports else None
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            table = gr.HTML(elem_classes="table", apply_default_css=False)
            report = gr.HTML(
                HINT,
                js_on_load=draw.CLICKS,
                apply_default_css=False,
                elem_classes="results report",
                min_height=200,
            )
    out = [report, page.picker, page.stamp]
    busy: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
    again.click(does.index, [page.picker, engine], out, **busy)
    send.click(does.upload, [files, name, label, engine], out, **busy).then(
        lambda: None, None, files, api_visibility="private", show_progress="hidden"
    )
    events.stops(shelf, report)
    if vectors:
        listen(page, vectors, report)
    if shelf.local:
        gr.on([take.click, folder.submit], does.index_folder, [folder, engine], out, **busy)
    arrival = gr.on(
        [page.demo.load, page.picker.change, page.stamp.change],
        does.arrive,
        page.picker,
        table,
        trigger_mode="multiple",
        **events.WATCHES,
    )
    page.picker.change(None, cancels=[arrival])


def _section(title: str, *sentences: str) -> None:
    """The head of one: its title and what it is for, which are said."""

    def head() -> str:
        return f"<h3>{draw.escape(say(title))}</h3><p>{draw.escape(' '.join(map(say, sentences)))}</p>"

    gr.HTML(localized(head), apply_default_css=False)


async def _watch(jobs: Sequence[Job]) -> AsyncIterator[str]:
    while live := [job for job in jobs if not job.ended.is_set()]:
        yield draw.progress(live)
        await asyncio.sleep(events.POLL)


def _report(shelf: Shelf, jobs: Sequence[Job], refused: Sequence[Skipped], left: Sequence[str]) -> str:
    """left: which engines were left out, and why."""
    results = [job.result for job in jobs if isinstance(job.result, Report)]
    reports = [(say(shelf.cards[result.engine].title), result) for result in results]
    errors = list(dict.fromkeys(job.error for job in jobs if job.error))
    if errors and not reports:
        return draw.failed(" ".join(map(say, errors)))
    if not reports:
        return draw.state("empty", say("common.cancelled"), say("catalogue.kept"))
    return index_reports.reports(reports, refused, [*errors, *left])


def _table(shelf: Shelf, key: str) -> str:
    rows = []
    for name, card in shelf.cards.items():
        try:
            catalogue, status = shelf.catalogue(key, name), shelf.status(key, name)
            rows.append((say(card.title), catalogue.name, status))
        except SemblanceError:
            continue
    return index_reports.statuses(rows)
