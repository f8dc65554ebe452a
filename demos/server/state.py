"""What the app has to offer: the library, the catalogues that a visitor may choose, and the work that goes on."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import secrets
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import engines
from demos.server.jobs import Job, Jobs, visit
from engines import Card, Engine, Learner, SemblanceError
from engines.messages import Message
from features.catalogue import uploads
from features.catalogue.folder import Catalogue, Progress, Skipped
from features.errors import NotIndexed
from features.files import readable
from features.library import Library
from features.limits import LIMITS
from features.retrieval.results import Report, Status

SAMPLES = "samples"  # the choice in which each tab has the sample set that suits it
SUITS = {"lookalike": "people", "product": "products", "style": "paintings"}
"""The sample set of a tab, in the order in which they are drawn: the first tab's first."""
SUITS_OTHERS = "products"


def is_local(share: bool, names: Collection[str] = ()) -> bool:
    """Whether only the person at this machine can reach the app. Only then may folders of it be named.

    names: hosts that the app answers to besides; whoever gives one has a proxy, and visitors behind it.
    """
    if share or names:
        return False
    if os.environ.get("SPACE_ID") or os.environ.get("GRADIO_ROOT_PATH"):  # a Space; behind a proxy
        return False
    host = os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


MARKS: dict[str, Callable[[Catalogue, Sequence[str], str], object]] = {
    "undo": lambda catalogue, digests, tag: catalogue.undo(),
    "hide": lambda catalogue, digests, tag: catalogue.hide(digests),
    "restore": lambda catalogue, digests, tag: catalogue.restore(digests),
    "tag": lambda catalogue, digests, tag: catalogue.tag(digests, tag),
    "untag": lambda catalogue, digests, tag: catalogue.untag(digests, tag),
    "confirm": lambda catalogue, digests, tag: catalogue.confirm(),
}
"""What may be done to pictures, by its name in the page and in the endpoint `mark`."""


class Shelf:
    """The library, the catalogues that a visitor may choose, and the work in the background.

    Attributes:
        local: See `is_local`.
        exports: Whether vectors may be exported: always by the local user, by visitors if the owner said so.
        samples: The folder of the drawn sets, if they are offered.
        drawn: The sets that are complete and indexed.
        inbox: The home of uploads; visitors' is new each time, so they see nobody else's.
    """

    def __init__(
        self, library: Library, images: Path | None = None, *, local: bool = False, exports: bool = False
    ) -> None:
        self.library = library
        self.local = local
        self.exports = local or exports
        self.jobs = Jobs(owned=not local)
        self.upgrades = Jobs(owned=not local)  # beside the others: a download must not keep anyone waiting
        self.trainings = Jobs(owned=not local)  # the same
        self.cards: dict[str, Card] = library.cards()
        self.inbox = library.home if local else library.home / "visitors" / secrets.token_hex(8)
        self.samples = None if images else library.home / "samples"
        self.drawn: set[str] = set()
        self._roots: dict[str, Path] = {}
        self._receiving = threading.Lock()
        self.first = self.add(images) if images else SAMPLES

    def add(self, folder: Path) -> str:
        """Puts a folder on the shelf; its key. Raises CatalogueError."""
        catalogue = self.library.open(folder)
        key = catalogue.state.parent.name
        self._roots[key] = catalogue.root
        return key

    def receive(self, name: str, files: Sequence[Path], label: str) -> tuple[str, list[Skipped]]:
        """Takes uploads: the key of their collection, which is of this visit alone, and what was refused.

        Raises SemblanceError.
        """
        if self.local:
            folder, refused = uploads.receive(self.inbox, name, files, label)
            return self.add(folder), refused
        own = self.inbox / hashlib.sha256(visit().encode()).hexdigest()[:12]
        with self._receiving:
            left = min(LIMITS.visitor_kept - uploads.size_of(own), LIMITS.kept - uploads.size_of(self.inbox))
            folder, refused = uploads.receive(own, name, files, label, uploads.Room(max(0, left)))
        return self.add(folder), refused

    def choices(self) -> list[tuple[str, str]]:
        """(name, key) of all that can be chosen. What was indexed earlier is shown to the local user only."""
        if self.local:
            for known in self.library.known():
                self._roots[known.state.parent.name] = known.root
        elif self.samples:
            for folder in (self.samples / name for name in sorted({*SUITS.values(), SUITS_OTHERS})):
                if folder.is_dir():
                    self.add(folder)
        roots = dict(self._roots)
        names = [root.name for root in roots.values()]
        named = []
        for number, (key, root) in enumerate(roots.items()):
            alike = names[:number].count(root.name) + 1
            told = root.parent if self.local else alike  # no path of this machine for visitors
            named.append((readable(f"{root.name} ({told})" if names.count(root.name) > 1 else root.name), key))
        return [(Message("samples.title"), SAMPLES)] * bool(self.samples) + sorted(named)

    def catalogue(self, key: str, engine: str) -> Catalogue:
        """The catalogue of a choice for an engine's tab. A key never names a folder that is not on the shelf."""
        if key == SAMPLES and self.samples:
            folder = self.samples / SUITS.get(engine, SUITS_OTHERS)
            if not folder.is_dir():
                raise NotIndexed("samples.not_drawn")
            return self._open(self.add(folder))
        if key not in self._roots:
            raise SemblanceError("collection.gone")
        return self._open(key)

    def _open(self, key: str) -> Catalogue:
        """Raises SemblanceError for a visitor while it is not known for sure what is hidden."""
        catalogue = self.library.open(self._roots[key])
        if catalogue.unsure and not self.local:
            raise SemblanceError("collection.closed", name=catalogue.name)
        return catalogue

    def hoped(self, key: str, name: str) -> Engine:
        """The best that may answer in a tab: the engine; one that takes training, as trained on the collection."""
        engine = self.library.engine(name)
        if isinstance(engine, Learner):
            return self.library.index(self.catalogue(key, name), engine).training.trained() or engine
        return engine

    def engine(self, key: str, name: str) -> Engine:
        """What answers in a tab: the engine, or its built-in network until `upgrade` has been there.

        That is while weights are still to be downloaded, and while fewer pictures are indexed with them.
        """
        hoped = self.hoped(key, name)
        card = hoped.describe()
        if not hoped.networks or not card.available:
            return hoped
        builtin = self.library.engine(name, "builtin")
        if not builtin.describe().available:  # there is none
            return hoped
        if not card.settled:
            return builtin
        if engines.fingerprint(builtin) == engines.fingerprint(hoped):  # the preferred network is out of reach
            return hoped
        catalogue = self.catalogue(key, name)
        done, hoped_done = (self.library.index(catalogue, engine).status().done for engine in (builtin, hoped))
        return builtin if done > hoped_done else hoped

    def status(self, key: str, engine: str) -> Status:
        return self.library.index(self.catalogue(key, engine), self.engine(key, engine)).status()

    def unready(self, key: str, engine: str) -> bool:
        """Whether something has to be done before a tab can answer, and can be done."""
        card = self.engine(key, engine).describe()
        return card.available and not (card.settled and self.status(key, engine).done)

    def card(self, key: str, name: str) -> Card:
        """Of an engine at this moment; of one that is trained on collections, as it answers for this one."""
        if isinstance(self.library.engine(name), Learner):
            with contextlib.suppress(SemblanceError):  # samples that are not there
                return self.hoped(key, name).describe()
        return self.library.cards()[name]

    def available(self, key: str) -> list[str]:
        """The names of the engines that can be had for a choice at this moment."""
        return [name for name in self.cards if self.card(key, name).available]

    def catalogues(self, key: str) -> list[Catalogue]:
        """The one, or the several that the samples are, as far as they are there; none of them twice."""
        found = {}
        for name in self.cards:
            with contextlib.suppress(SemblanceError):
                catalogue = self.catalogue(key, name)
                found[catalogue.state] = catalogue
        return list(found.values())

    def home(self, key: str, which: str | None = None) -> Catalogue:
        """Of those that a choice stands for the one of this key, or the first. Raises SemblanceError."""
        homes = self.catalogues(key) or [self.catalogue(key, next(iter(self.cards)))]
        return next((home for home in homes if home.state.parent.name == which), homes[0])

    def work(self, key: str) -> list[Job]:
        """What is being done, or waits, for this choice."""
        jobs = []
        for name in self.cards:
            with contextlib.suppress(SemblanceError):
                jobs += [self.job(key, name), self.upgrading(key, name)]
        return [job for job in dict.fromkeys(jobs) if job]

    def thumbnail(self, key: str, digest: str) -> Path:
        """Raises KeyError for what is not on the shelf, and ImageError."""
        catalogue = self._open(key)
        if not self.shows(catalogue, digest):
            raise KeyError(digest)
        return self.library.thumbnail(catalogue, digest)

    def shows(self, catalogue: Catalogue, digest: str) -> bool:
        """Whether a picture is there for who asks: what is hidden is so for the local user only."""
        return digest in catalogue.paths and (self.local or digest not in catalogue.hidden)

    def job(self, key: str, engine: str) -> Job | None:
        """What this tab has to wait for, if anything: the drawing of the samples, or its own indexing."""
        if self._undrawn(key, engine) and (drawing := self.jobs.find(SAMPLES)):
            return drawing
        return self.jobs.find((self.catalogue(key, engine).root, engine))

    def _undrawn(self, key: str, engine: str) -> bool:
        return key == SAMPLES and SUITS.get(engine, SUITS_OTHERS) not in self.drawn

    def upgrading(self, key: str, engine: str) -> Job | None:
        """What this tab need not wait for."""
        return self.upgrades.find((self.catalogue(key, engine).root, engine))

    def cancel(self, tickets: Collection[str]) -> None:
        """Those of them that whoever asks may cancel."""
        for jobs in (self.jobs, self.trainings, self.upgrades):
            jobs.cancel(tickets, visit())

    def index(self, key: str, engine: str, *, urgent: bool = True) -> Job:
        """Indexes in the background with what answers now; samples that are not whole are drawn first.

        An upgrade follows, if there may be one. Raises SemblanceError.
        """
        if self.samples and self._undrawn(key, engine):
            return self.jobs.find(SAMPLES) or self.draw_samples(self.samples)
        catalogue, answering = self.catalogue(key, engine), self.engine(key, engine)

        def work(progress: Progress, cancelled: Callable[[], bool]) -> Report:
            report = self.library.index(catalogue, answering).update(progress, cancelled)
            if tuned := self.library.index(catalogue, answering).tuning.tuned():
                self.library.index(catalogue, tuned).update(progress, cancelled)
            if not report.cancelled:
                self.upgrade(key, engine, again=True)
            return report

        return self.jobs.start(
            (catalogue.root, engine),
            Message("jobs.for", name=catalogue.name, title=self.cards[engine].title),
            work,
            urgent=urgent,
        )

    def upgrade(self, key: str, engine: str, *, again: bool = False) -> None:
        """Where the built-in network answers: fetches in the background what is to take over, and indexes with it.

        Not while that runs. again: even if it failed or was cancelled before. Raises SemblanceError.
        """
        catalogue, hoped = self.catalogue(key, engine), self.hoped(key, engine)
        place = (catalogue.root, engine)
        if self.engine(key, engine) is hoped or self.upgrades.find(place):
            return
        if self.upgrades.failure(place) and not again:
            return

        def work(progress: Progress, cancelled: Callable[[], bool]) -> None:
            progress(0, 0, Message("progress.fetching"))
            hoped.prepare()
            if self.engine(key, engine) is not hoped and not cancelled():
                self.library.index(catalogue, hoped).update(progress, cancelled)

        self.upgrades.start(place, Message("jobs.other_network", title=self.cards[engine].title), work)

    def choose(self, key: str, engine: str, network: str) -> None:
        """Keeps the network that a person chose for an engine, and brings it about that it answers in this tab.

        Where it has to be downloaded, the built-in network answers meanwhile. Raises SemblanceError.
        """
        if running := self.upgrading(key, engine):  # the network that was preferred before
            self.upgrades.cancel([running.ticket])
        self.library.prefer(engine, network)
        if self._unindexed(key, engine):
            self.index(key, engine)
        else:
            self.upgrade(key, engine, again=True)

    def _unindexed(self, key: str, engine: str) -> bool:
        try:
            return self.unready(key, engine)
        except NotIndexed:  # the samples are yet to be drawn
            return True

    def draw_samples(self, folder: Path) -> Job:
        """Draws and indexes the sample sets in the background, each for the tab that it is for before the next."""

        def work(progress: Progress, cancelled: Callable[[], bool]) -> None:
            import samples

            def drawn(done: int, total: int) -> None:
                progress(done, total, Message("progress.drawing_samples"))
                if cancelled():
                    raise SemblanceError("samples.stopped")

            available = self.available(SAMPLES)
            for engine, group in SUITS.items():
                samples.draw(folder, drawn, [group])
                if engine in available:
                    with contextlib.suppress(SemblanceError):  # the tab tells it when it is looked at
                        answering = self.engine(SAMPLES, engine)
                        self.library.index(self.catalogue(SAMPLES, engine), answering).update(progress, cancelled)
                self.drawn.add(group)
            for engine in available:
                self.index(SAMPLES, engine, urgent=False)

        return self.jobs.start(SAMPLES, Message("samples.name"), work)
