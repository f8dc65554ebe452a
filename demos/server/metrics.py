"""What Prometheus is told at `/metrics`: only with `serve --metrics`, and an extra.

Measured is what the library is asked, for all searches pass there: the tabs', the endpoints', an MCP tool's.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demos.server.state import Shelf
from engines import Engine, SemblanceError
from engines.extras import missing
from features.catalogue.folder import Catalogue
from features.image_index import ImageIndex
from features.learning.classifier import Classifier
from features.library import Library

MISSING = missing("prometheus-client", "metrics", "prometheus-client>=0.22,<1")
OFF = "Metrics are off; start the app with `serve --metrics`."
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COUNTED_EVERY = 60.0  # seconds: how often sizes of indexes are counted anew at most; each goes through all rows

P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate[Any, P], T]


def off() -> Route:
    """The route of an app that measures nothing."""

    def refuse(request: Request) -> Response:
        return PlainTextResponse(f"{OFF if installed() else f'{OFF} {MISSING}'}\n", 404)

    return Route("/metrics", refuse)


def installed() -> bool:
    """Returns whether the client of Prometheus is installed."""
    return importlib.util.find_spec("prometheus_client") is not None


def _timed(method: Method[P, T]) -> Method[P, T]:
    def timed(self: _MeasuredIndex | _MeasuredClassifier, *given: P.args, **named: P.kwargs) -> T:
        asked = method.__name__, self.engine.name
        started = time.perf_counter()
        try:
            return method(self, *given, **named)
        except Exception as error:
            self.meter.errors.labels(*asked, "no" if isinstance(error, SemblanceError) else "yes").inc()
            raise
        finally:
            self.meter.seconds.labels(*asked).observe(time.perf_counter() - started)

    return timed


class Measured(Library):
    """A library whose indexes measure what they are asked. None of the timed methods calls another of them."""

    def __init__(self, library: Library) -> None:
        """As that one, of which nothing has been asked yet. Raises SemblanceError without prometheus-client."""
        if not installed():
            raise SemblanceError(MISSING)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        super().__init__(library.home, library.searched_by)
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        question, index = ("asked", "engine"), ("engine", "collection")
        self.seconds = Histogram(
            "semblance_question_seconds", "From question to answer.", question, buckets=SECONDS, registry=own
        )
        self.errors = Counter(
            "semblance_question_errors",
            "Questions without an answer; a defect is what no sentence for people explains.",
            (*question, "defect"),
            registry=own,
        )
        self.waiting = Gauge("semblance_queue_waiting", "Events waiting in Gradio's queue.", registry=own)
        self.running = Gauge("semblance_queue_running", "Events that Gradio works on.", registry=own)
        self.jobs = Gauge("semblance_jobs", "Indexing and the like, running or waiting.", registry=own)
        self.pictures = Gauge("semblance_indexed_pictures", "Looked at.", index, registry=own)
        self.rows = Gauge("semblance_index_rows", "Vectors.", index, registry=own)

    def index(self, catalogue: Catalogue, engine: Engine) -> ImageIndex:
        index = super().index(catalogue, engine)
        return _MeasuredIndex(index.home, catalogue, engine, self)

    def route(self, page: gr.Blocks, shelf: Shelf) -> Route:
        from prometheus_client.exposition import choose_encoder

        counted = float("-inf")

        def tell(request: Request) -> Response:
            nonlocal counted
            queue = page._queue  # Gradio (6.31) has no other place that tells its length
            self.waiting.set(len(queue))
            self.running.set(sum(job is not None for job in queue.active_jobs))
            self.jobs.set(len(shelf.jobs) + len(shelf.upgrades) + len(shelf.trainings))
            if time.monotonic() - counted > COUNTED_EVERY:
                self._count(shelf)
                counted = time.monotonic()
            encode, kind = choose_encoder(request.headers.get("accept", ""))
            return Response(encode(self.registry), media_type=kind)

        return Route("/metrics", tell)

    def _count(self, shelf: Shelf) -> None:
        """A collection is named by its key, which tells no path of this machine."""
        self.pictures.clear()
        self.rows.clear()
        for _, key in shelf.choices():
            for name in shelf.cards:
                with contextlib.suppress(SemblanceError):  # a folder that has gone
                    where = shelf.catalogue(key, name).state.parent.name
                    status = shelf.status(key, name)
                    self.pictures.labels(name, where).set(status.done)
                    self.rows.labels(name, where).set(status.rows)


@dataclass(frozen=True)
class _MeasuredClassifier(Classifier):
    meter: Measured

    classify = _timed(Classifier.classify)


@dataclass(frozen=True)
class _MeasuredIndex(ImageIndex):
    meter: Measured

    search = _timed(ImageIndex.search)
    search_text = _timed(ImageIndex.search_text)
    recommend = _timed(ImageIndex.recommend)
    explain = _timed(ImageIndex.explain)
    rank = _timed(ImageIndex.rank)
    nearest = _timed(ImageIndex.nearest)

    @property
    def classifier(self) -> Classifier:
        return _MeasuredClassifier(self.home, self.catalogue, self.engine, self.meter)
