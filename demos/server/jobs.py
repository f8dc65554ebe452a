"""Long work in the background, one piece at a time, that any number of visitors can watch and cancel."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Any

from engines import SemblanceError
from engines.messages import Message
from features.catalogue.folder import Progress

CANCELLED = Message("jobs.cancelled")
UNFORESEEN = Message("jobs.unforeseen")

Work = Callable[[Progress, Callable[[], bool]], Any]
"""Called with a progress to report to, and a question whether to stop."""


@dataclass(eq=False)
class Job:
    """One piece of work. error: one sentence for people, when it failed. result: what the work returned."""

    key: Hashable
    title: str
    work: Work
    done: int = 0
    total: int = 0
    what: str = Message("jobs.waiting")
    result: Any = None
    error: str = ""
    begun: bool = False
    number: int = field(default_factory=itertools.count(1).__next__)
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

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
        except Exception:
            logging.getLogger(__name__).exception("%s failed", self.title)
            self.error = UNFORESEEN
        finally:
            self.ended.set()


class Jobs:
    """A queue with one worker. Whoever asks for a key again joins the job that waits for its turn: one that has
    begun may be past what has just been brought in."""

    def __init__(self) -> None:
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

    def cancel(self, numbers: Collection[str]) -> None:
        """The jobs with these numbers, and what waits behind them with the same key."""
        with self._changed:
            keys = {job.key for job in self._live if str(job.number) in numbers}
            for job in [job for job in self._live if job.key in keys]:
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
                job = Job(key, title, work)
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
