"""The vectors of a collection, taken away: a section of the tab Catalogue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import download, draw, events
from demos.components.collection_view import ready
from demos.components.page import Page
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN, Job
from demos.server.state import Shelf
from engines import SemblanceError
from engines.messages import Message
from features.catalogue.folder import Progress
from features.errors import NotIndexed
from features.export import VECTORS, Vectors

KINDS = (("NumPy (.npz)", ".npz"), ("Parquet", ".parquet"), ("Embedding Projector (zip)", ".zip"))
SAYS = "vectors.what"
BUTTON = "vectors"


@dataclass(frozen=True)
class Controls:
    """The controls that download an engine's vectors."""

    engine: gr.Dropdown
    kind: gr.Dropdown
    take: gr.Button
    made: gr.DownloadButton


def draw_vectors(shelf: Shelf) -> Controls:
    """Draws the section of the tab Catalogue into the current Blocks."""
    titles = [(fixed(card.title), name) for name, card in shelf.cards.items()]
    first = "product" if "product" in shelf.cards else next(iter(shelf.cards), None)
    with gr.Column(elem_classes="bring"):
        head = localized(lambda: f"<h3>{say('vectors.title')}</h3><p>{say(SAYS)}</p>")
        gr.HTML(head, apply_default_css=False)
        engine = gr.Dropdown(titles, value=first, label=fixed("vectors.engine"))
        kind = gr.Dropdown(list(KINDS), value=KINDS[0][1], label=fixed("vectors.format"))
        take = gr.Button(fixed("vectors.make"), elem_classes="take-vectors")
        made = download.button(BUTTON)
    return Controls(engine, kind, take, made)


def listen(page: Page, controls: Controls, report: gr.HTML) -> None:
    """report: where it is told how far the file is; Cancel on it is listened to elsewhere."""
    shelf = page.shelf

    async def write(key: str, name: str, kind: str) -> AsyncIterator[tuple[str, Any]]:
        try:
            job = await asyncio.to_thread(_start, shelf, key, str(name), str(kind))
            yield draw.progress([job]), gr.update(value=None)
            while not (job.ended.is_set() or job.cancelled.is_set()):
                await asyncio.sleep(events.POLL)
                yield draw.progress([job]), gr.skip()
            if job.cancelled.is_set():
                yield draw.state("empty", say("common.cancelled"), say("vectors.none_made")), gr.skip()
            elif job.error:
                yield draw.failed(job.error), gr.skip()
            else:
                out, written = job.result
                yield _told(out, written), str(out)
        except NotIndexed:
            text = say(
                "vectors.not_indexed",
                title=say(shelf.cards[name].title),
            )
            yield draw.state("index", say("common.not_indexed"), text), gr.skip()
        except SemblanceError as error:
            yield draw.failed(error), gr.skip()
        except Exception:
            logging.getLogger(__name__).exception("vectors could not be taken away")
            yield draw.failed(UNFORESEEN), gr.skip()

    asked, shown = [page.picker, controls.engine, controls.kind], [report, controls.made]
    written = controls.take.click(write, asked, shown, trigger_mode="once", **events.WATCHES)
    written.success(None, js=download.press(BUTTON))


def _start(shelf: Shelf, key: str, name: str, kind: str) -> Job:
    """name, kind: as a client tells them. Raises SemblanceError."""
    if kind not in VECTORS or name not in shelf.cards:
        raise SemblanceError("vectors.unknown_choice")
    catalogue, engine = ready(shelf, key, name)

    def work(progress: Progress, cancelled: Callable[[], bool]) -> tuple[Path, Vectors]:
        out = download.place(f"semblance-{name}{kind}")
        return out, shelf.library.index(catalogue, engine).export(out, progress, cancelled)

    place = ("export", catalogue.root, name, kind)
    return shelf.jobs.start(
        place, Message("jobs.for", name=catalogue.name, title=shelf.cards[name].title), work, urgent=True
    )


def _told(out: Path, written: Vectors) -> str:
    told = say(
        "vectors.made",
        file=out.name,
        n=len(written.items),
        dim=written.dim,
        size=out.stat().st_size / 1e6,
    )
    return draw.state("index", say("vectors.begins"), told)
