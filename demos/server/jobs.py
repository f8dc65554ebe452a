"""Long work in the background, one piece at a time, that any number of visitors can watch and cancel."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Any

from gradio.context import LocalContext

from engines import SemblanceError
from engines.messages import Message
from features.catalogue.folder import Progress
from features.errors import STORAGE, memory_failure

CANCELLED = Message("jobs.cancelled")
UNFORESEEN = Message("jobs.unforeseen")
DISK = Message("jobs.disk")


def failure(error: Exception) -> str:
    """Returns the sentence for an error that nobody expected: the system's own, or UNFORESEEN."""
    if short := memory_failure(error):
        return short.message
    if isinstance(error, OSError) and error.errno in STORAGE:
        return DISK
    return UNFORESEEN


Work = Callable[[Progress, Callable[[], bool]], Any]
"""Called with a progress to report to, and a question whether to stop."""


def visit() -> str:
    """Whom the app is answering: a word that only their page knows; empty where nobody asked."""
    request = LocalContext.request.get(None)
    return str(getattr(request, "session_hash", None) or "")


@dataclass(eq=False)
class Job:
    """One piece of work. error: one sentence for people, when it failed. result: what the work returned.

    owner: the visit that started it, and may cancel it; None leaves that to everybody.
    """

    key: Hashable
    title: str
    work: Work
    done: int = 0
    total: int = 0
    what: str = Message("jobs.waiting")
    result: Any = None
    error: str = ""
    begun: bool = False
    owner: str | None = None
    ticket: str = field(default_factory=lambda: secrets.token_hex(8))
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def obeys(self, visitor: str | None) -> bool:
        """Whether this visit may cancel it; None is the app itself."""
        return visitor is None or self.owner is None or (bool(visitor) and self.owner == visitor)

    def progress(self, done: int, total: int, what: str) -> None:
        self.done, self.total, self.what = done, total, what

    def run(self) -> None:
        self.begun = True
        try:
            if not self.cancelled.is_set():
                self.what = Message("jobs.starting")
                self.result = self.work(self.progress, self.cancelled.is_set)
        except SemblanceError as error:
            self.error = error.message
        except Exception as error:
            logging.getLogger(__name__).exception("%s failed", self.title)
            self.error = failure(error)
        finally:
            self.ended.set()


class Jobs:
    """A queue with one worker.

    Whoever asks for a key again joins the job that waits for its turn: one that has begun may be past what has
    just been added.

    Args:
        owned: Whether a job obeys only the visit that started it.
    """

    def __init__(self, *, owned: bool = False) -> None:
        self._owned = owned
        self._live: list[Job] = []  # the first one is running
        self._failures: dict[Hashable, str] = {}
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None

    def __len__(self) -> int:
        """What runs or waits."""
        return len(self._live)

    def find(self, key: Hashable) -> Job | None:
        """The live job of this key, if any; of two the running one."""
        with self._changed:
            return next((job for job in self._live if job.key == key and not job.cancelled.is_set()), None)

    def cancel(self, tickets: Collection[str], visitor: str | None = None) -> None:
        """The jobs with these tickets that obey, and what waits behind them with the same key and obeys."""
        with self._changed:
            keys = {job.key for job in self._live if job.ticket in tickets and job.obeys(visitor)}
            for job in [job for job in self._live if job.key in keys and job.obeys(visitor)]:
                job.cancelled.set()
                self._failures[job.key] = CANCELLED
                if job in self._live[1:]:  # its turn need not be waited for
                    self._live.remove(job)
                    job.ended.set()

    def failure(self, key: Hashable) -> str:
        """Why the last work of this key came to nothing; empty when it did not."""
        return self._failures.get(key, "")

    def start(self, key: Hashable, title: str, work: Work, *, urgent: bool = False) -> Job:
        """The waiting job of this key, or a new one. urgent: somebody waits for it: it goes before the others."""
        with self._changed:
            waiting = (job for job in self._live if job.key == key and not (job.begun or job.cancelled.is_set()))
            job = next(waiting, None)
            if job is None:
                job = Job(key, title, work, owner=visit() if self._owned else None)
                self._live.append(job)
            if urgent and job in self._live[1:]:
                self._live.remove(job)
                self._live.insert(1, job)
            if self._worker is None:
                self._worker = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._worker.start()
            self._changed.notify()
            return job

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._live)
                job = self._live[0]
            job.run()
            with self._changed:
                self._live.remove(job)
                self._failures[job.key] = job.error or (CANCELLED if job.cancelled.is_set() else "")
