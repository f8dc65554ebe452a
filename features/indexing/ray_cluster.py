"""Indexing on a Ray cluster: each worker has a network of its own and reads the pictures itself.

Ray (https://docs.ray.io) finds the machines, carries the program there, starts the workers, and tells when one has
died. What is left to us is which batch goes to whom: docs/decisions/0018-ray.md.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engines
from engines import Engine, SemblanceError, settings
from engines.messages import Message
from features.catalogue import folder as folders
from features.catalogue.folder import Hashed
from features.files import PACKAGES
from features.indexing.embedding import NONE, Captions, embed_files
from features.indexing.store import Features
from features.indexing.workers import RAY, Workers
from features.retrieval.results import Share

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # what we start reports to nobody
import ray  # it reads that as it loads

CORES = 4  # of a worker: one embeds no faster with more
AHEAD = 2  # batches at a worker at a time: one is read while the other is embedded
TRIES = 3  # of a batch whose workers die
MANY = 6  # workers of which no longer each is told
PATIENCE = 180  # seconds until a first worker has started
OWN = {"home", "cores"}  # of the settings, those that count on this machine alone


class Worker:
    """A process of the cluster, with one network."""

    def __init__(self, engine: Engine, cores: int, given: dict[str, Any]) -> None:
        settings.override(**given, cores=cores)
        self.engine = engine
        self._ready = False
        self._preparing = threading.Lock()

    def started(self) -> str:
        """Who it is, for people."""
        return f"{socket.gethostname()}, process {os.getpid()}"

    def hashed(self, files: Sequence[Path]) -> list[Hashed]:
        return list(folders.hashed(files))

    def embedded(self, files: Sequence[tuple[str, Path]], known: Captions, fingerprint: str) -> Features:
        """Raises SemblanceError when its vectors would be others than those of this fingerprint."""
        with self._preparing:
            if not self._ready:
                self.engine.prepare()
                self._ready = True
        if engines.fingerprint(self.engine) != fingerprint:
            card = self.engine.describe()
            raise SemblanceError(
                "ray.other_fingerprint",
                host=socket.gethostname(),
                network=card.network,
                weights=card.weights,
                runner=card.runner or "no network",
            )
        (features,) = embed_files(self.engine, files, len(files), known)
        return features


@dataclass(eq=False)
class _Member:
    """A worker, as the head sees it.

    Attributes:
        at: How many batches it holds; AHEAD when it gets no more.
        since: When it was given its first batch.
        until: When it returned its last batch.
    """

    actor: Any
    name: str = ""
    at: int = 0
    since: float = 0.0
    until: float = 0.0
    pictures: int = 0

    @property
    def rate(self) -> float:
        """Pictures a second, once there are some."""
        return self.pictures / (self.until - self.since)


@dataclass
class _Call:
    """A batch, as the arguments of one of Worker's methods."""

    method: str
    files: Sequence[Any]
    rest: tuple[Any, ...] = ()
    tries: int = field(default=0)


class Cluster(Workers):
    """The workers of a Ray cluster: as many as it has cores for. Leave it as a context, and they end."""

    def __init__(self, on: str, engine: Engine) -> None:
        super().__init__(engine)
        self.on = on
        self._members: list[_Member] = []  # those that have died, too
        self._up: list[_Member] = []
        self._starting: dict[Any, _Member] = {}
        self._options: dict[str, Any] = {}
        self._ours = False  # the connection

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for member in [*self._up, *self._starting.values()]:
            ray.kill(member.actor)
        if self._ours:
            ray.shutdown()

    def hashed(self, files: Sequence[Path]) -> Iterator[Hashed]:
        size = folders.HASHED
        calls = (_Call("hashed", files[first : first + size]) for first in range(0, len(files), size))
        for _, found in self._called(calls):
            yield from found

    def embedded(
        self, files: Iterable[tuple[str, Path]], batch: int, known: Captions = NONE
    ) -> Generator[Features, None, None]:
        """A batch whose worker dies goes to another. Raises SemblanceError; also when that happens TRIES times."""
        fingerprint = engines.fingerprint(self.engine)
        waiting = iter(files)
        groups = iter(lambda: [*itertools.islice(waiting, batch)], [])
        calls = (
            _Call("embedded", group, ({key: known[key] for key, _ in group if key in known}, fingerprint))
            for group in groups
        )
        for member, features in self._called(calls):
            member.pictures += len(features.digests)
            member.until = time.perf_counter()
            yield features

    def shares(self) -> list[Share]:
        return [Share(member.name, member.pictures, member.rate) for member in self._members if member.pictures]

    def pace(self) -> str:
        rates = [f"{rate:.0f}" for rate in sorted(member.rate for member in self._up if member.pictures)]
        if len(rates) > MANY:
            return Message("progress.pace_between", least=rates[0], most=rates[-1])
        return Message("progress.pace", rates=", ".join(rates)) if rates else ""

    def _called(self, calls: Iterable[_Call]) -> Iterator[tuple[_Member, Any]]:
        """The answers as they come, and whose they are.

        A batch whose worker has died is tried again, as the only one at a worker: none is to be blamed for
        another. Raises SemblanceError when all others are done and one of them was of no use.
        """
        waiting, again = iter(calls), deque[_Call]()
        running: dict[Any, tuple[_Member, _Call]] = {}
        first = next(waiting, None)
        if first is None:
            return
        self._connect()
        waiting = itertools.chain([first], waiting)
        begun, deadly = time.perf_counter(), ""
        while True:
            for member in self._up * AHEAD:
                call = again.popleft() if again and not member.at else None
                if call is None and member.at < AHEAD:
                    call = next(waiting, None)
                if call:
                    running[self._give(member, call)] = member, call
            if not running and self._up:
                break
            done, _ = ray.wait([*running, *self._starting], timeout=5)
            for ref in done:
                if ref in self._starting:
                    self._greet(ref)
                    continue
                member, call = running.pop(ref)
                member.at = 0 if call.tries else member.at - 1
                try:
                    answer = ray.get(ref)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause if isinstance(error.cause, SemblanceError) else error from None
                except ray.exceptions.RayError as error:
                    self._mourn(member)
                    call.tries += 1
                    if call.tries < TRIES:
                        again.append(call)
                    else:
                        deadly = Message(
                            "ray.workers_died", workers=TRIES, pictures=len(call.files), reason=_line(error)
                        )
                else:
                    yield member, answer
            if not (done or self._up) and time.perf_counter() - begun > PATIENCE:
                raise SemblanceError("ray.no_core")
        if deadly:
            raise SemblanceError(deadly)

    def _give(self, member: _Member, call: _Call) -> Any:
        member.at += AHEAD if call.tries else 1
        if call.method == "embedded":
            member.since = member.since or time.perf_counter()
        return getattr(member.actor, call.method).remote(call.files, *call.rest)

    def _greet(self, ref: Any) -> None:
        """A worker has started, or could not; raises SemblanceError when it was the last."""
        member = self._starting.pop(ref)
        try:
            member.name = ray.get(ref)
            self._up.append(member)
        except ray.exceptions.RayError as error:
            if not (self._up or self._starting):
                raise SemblanceError("ray.no_worker", reason=_line(error, last=True)) from error

    def _mourn(self, member: _Member) -> None:
        """A worker has died, or can't be reached: another takes its place as soon as there is a core for it."""
        if member in self._up:
            self._up.remove(member)
            ray.kill(member.actor)
            self._start()

    def _connect(self) -> None:
        """Raises SemblanceError when no cluster answers."""
        if self._members:
            return
        if not ray.is_initialized():
            try:
                ray.init(
                    address=None if self.on == RAY else self.on,
                    runtime_env={"py_modules": [str(PACKAGES / name) for name in ("engines", "features")]},
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="error",
                )
            except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
                raise SemblanceError("ray.no_cluster", address=self.on, reason=_line(error)) from error
            self._ours = True
        machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        cores = min([CORES, *filter(None, machines)])
        given = {name: value for name, value in settings.current().changed().items() if name not in OWN}
        self._options = {"num_cpus": cores, "max_concurrency": AHEAD, "scheduling_strategy": "SPREAD"}
        self._arguments = ray.put(self.engine), cores, given
        for _ in range(max(1, sum(machine // cores for machine in machines))):  # 1: a cluster may grow when asked
            self._start()

    def _start(self) -> None:
        member = _Member(ray.remote(Worker).options(**self._options).remote(*self._arguments))
        self._members.append(member)
        self._starting[member.actor.started.remote()] = member


def _line(error: Exception, last: bool = False) -> str:
    """What Ray says, of which much is for its makers. last: where the cause stands that it had from a worker."""
    return (str(error).strip() or repr(error)).splitlines()[-1 if last else 0].rstrip(".")
