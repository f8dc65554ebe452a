"""How the tabs listen: settings that events share, and the progress of jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from demos.components import draw
from demos.i18n.language import say
from demos.server.jobs import Job
from demos.server.state import Shelf
from engines import SemblanceError
from features.files import readable

SEARCHES: dict[str, Any] = {"concurrency_id": "search", "concurrency_limit": 3}
WATCHES: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
SILENT: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
HTML: dict[str, Any] = {"api_visibility": "undocumented"}  # of those with HTML; server/api.py has the others
EMPTY = "() => ''"
POLL = 0.3  # seconds between two looks at a running job


async def while_busy(shelf: Shelf, key: str) -> AsyncIterator[None]:
    """Once, and again and again while there is work for this choice, and once when it has ended."""
    while await asyncio.to_thread(shelf.work, key):
        yield
        await asyncio.sleep(3 * POLL)
    yield


def refused(error: SemblanceError | str) -> gr.Error:
    """To be raised: the one sentence of an error, as a toast."""
    return gr.Error(readable(say(error)), title=say("common.failed"), print_exception=False)


async def followed(start: Callable[[], Job]) -> AsyncIterator[tuple[Any, Any]]:
    """(what stands in the results' place, stamp): what `start` begins, its progress; then every tab asks again."""
    try:
        job = await asyncio.to_thread(start)
        while not (job.ended.is_set() or job.cancelled.is_set()):
            yield draw.progress([job]), gr.skip()
            await asyncio.sleep(POLL)
        yield (draw.failed(job.error), gr.skip()) if job.error else (gr.skip(), time.monotonic())
    except SemblanceError as error:
        yield draw.failed(error), gr.skip()


def stops(shelf: Shelf, *walls: gr.HTML) -> None:
    """Makes the button Cancel stop the jobs whose progress these show."""

    def stop(event: gr.EventData) -> None:
        shelf.cancel(str(event.digest).split())

    for wall in walls:
        wall.stop(stop, None, None, queue=False, **SILENT)
