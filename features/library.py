"""Library: all that app.py and demos/ talk to. It brings folders, engines, feature files and indexes together."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import pickle
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

import engines
from engines import (
    Box,
    Captioned,
    Card,
    Crop,
    Engine,
    Explainer,
    Generative,
    Learner,
    NetworkChoice,
    NotEmbeddable,
    Parted,
    SemblanceError,
    TextSide,
    Verifier,
    unit_rows,
)
from engines.networks.weights import forget_failures
from features import export, files, preferences
from features.analysis import duplicates
from features.analysis.duplicates import Duplicates, Found
from features.analysis.outliers import Outliers
from features.analysis.projection import Projection, check, project
from features.analysis.similarity import Kinds
from features.analysis.verification import KnownPairs, Pair, PairsEvaluation, Verdict
from features.catalogue import folder as folders
from features.catalogue import images
from features.catalogue.captions import HAND, IMPORTED, Caption, Metadata, imported
from features.catalogue.folder import Catalogue, Hashed, Progress, Skipped
from features.catalogue.gallery import Gallery, gallery
from features.errors import Busy, CatalogueError, ImageError, NotIndexed
from features.evaluation import comparison, measures
from features.evaluation.classification import Examination
from features.evaluation.comparison import Comparison, Questions, Rating
from features.evaluation.measures import Evaluation
from features.index import chosen as chosen_index
from features.index import in_database
from features.indexing.embedding import Captions, captioner, cut, cut_query, embed, embed_query
from features.indexing.store import Features, FeatureStore
from features.indexing.workers import Crew, crew
from features.learning import finetuning, learners, training
from features.learning.autoencoder import Unusual, measure
from features.learning.heads import Changes, Head, Space
from features.learning.tuned import Tuned
from features.retrieval import words
from features.retrieval.calibration import Calibration
from features.retrieval.part_weights import Mix
from features.retrieval.recommendation import diverse, nearest, taste
from features.retrieval.results import Answer, Explanation, Liked, Match, Part, Ranking, Reference, Report, Status
from features.retrieval.searchable import (
    Searchable,
    add_to_index,
    graph,
    remote,
    save_index,
    searchable,
    version_of,
)

BATCH = 32  # pictures embedded, and kept, at a time: what a kill can cost
UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EEXIST, errno.ENOTDIR}
WIDTH = 10  # candidates for each picture of a diverse recommendation
FAINT = 1e-6  # length of a taste that is rounding alone
THUMBNAIL = 384  # longest side, pixels
HEADS = 1  # raise it when what is kept of a head or a tuned space gets another form

T = TypeVar("T")


def default_home() -> Path:
    """SEMBLANCE_HOME, else a folder in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(os.environ.get("SEMBLANCE_HOME") or Path(cache) / "semblance")


class Library:
    """Catalogues and engines, and what is remembered of them below `home`. Safe to use from several threads.

    index: how to search, one of features.index.CHOICES or a database's URI; None is SEMBLANCE_INDEX, else auto.
    Raises SemblanceError when that can't be had.
    """

    def __init__(self, home: Path | None = None, index: str | None = None) -> None:
        self.home = Path(os.path.abspath((home or default_home()).expanduser()))
        self.searched_by = chosen_index(index)
        self._engines: dict[tuple[str, str], Engine] = {}
        self._catalogues: dict[Path, Catalogue] = {}
        self._stores: dict[Path, FeatureStore] = {}
        self._searchable: dict[Path, Searchable] = {}
        self._metadata: dict[Path, Metadata] = {}
        self._words: dict[Path, tuple[object, words.Words]] = {}
        self._galleries: dict[Path, tuple[object, Gallery]] = {}
        self._learned: dict[Path, tuple[files.Version, Any]] = {}  # heads and spaces
        self._rated: dict[Path, tuple[Searchable, Questions, Rating]] = {}
        self._found: dict[Path, tuple[files.Version, Found | None]] = {}  # duplicates
        self._lock = threading.RLock()
        self._teaching = threading.Lock()

    def engine(self, name: str, network: str = "auto") -> Engine:
        """The one instance of an engine on a network. Raises SemblanceError, which lists the choices.

        "auto" prefers what `prefer` has kept for the engine.
        """
        with self._lock:
            if (name, network) not in self._engines:
                self._engines[name, network] = engines.create(
                    name, network, preferences.networks(self.home).get(name, "")
                )
            return self._engines[name, network]

    def prefer(self, name: str, network: str) -> None:
        """Keeps the network that "auto" is to stand for: "auto" itself, "builtin" or one of the engine's.

        Raises SemblanceError when there is none of that name, and when the home can't be written to.
        """
        engines.create(name, network)
        with self._lock, self._writing():
            preferences.keep(self.home, name, network)
            self._engines.pop((name, "auto"), None)
        forget_failures()

    def preferred(self, name: str) -> str:
        """Returns the network that a person chose for an engine by `prefer`; "auto" where nobody has."""
        return preferences.networks(self.home).get(name, "auto")

    def choices(self, name: str) -> Sequence[NetworkChoice]:
        """Returns the networks that a person may choose for an engine; none for one that is broken."""
        try:
            return self.engine(name).choices()
        except Exception:  # its card has the reason
            return ()

    def cards(self) -> dict[str, Card]:
        """Every engine's card by name, in the order of the tabs."""
        cards = {name: self._card(name) for name in engines.discover()}
        return dict(sorted(cards.items(), key=lambda item: (item[1].order, item[0])))

    def _card(self, name: str) -> Card:
        try:
            return self.engine(name).describe()
        except Exception as error:  # one broken engine must not take the others down
            reason = f"The engine {name} can't describe itself: {error!r}."
            return Card(name.capitalize(), "unknown", 0, "none", "none", "unknown", available=False, reason=reason)

    def open(self, folder: Path) -> Catalogue:
        """The catalogue of a folder as it was last scanned: one object for all who ask. Raises CatalogueError."""
        catalogue = folders.open_catalogue(folder, self.home)
        with self._lock:
            return folders.load(self._catalogues.setdefault(catalogue.state, catalogue))

    def known(self) -> list[Catalogue]:
        """Every catalogue that has been indexed and whose folder is still there."""
        states = sorted(self.home.glob("catalogues/*/catalogue.json"))
        found = []
        for root in filter(None, map(folders.root_of, states)):
            with contextlib.suppress(CatalogueError):  # gone, or about to hold our home
                found.append(self.open(root))
        return found

    def status(self, catalogue: Catalogue, engine: Engine) -> Status:
        """As of the last scan; loads no network."""
        stored, there = self._store(catalogue, engine).read(), catalogue.paths.keys()
        return Status(len(there), len(stored.digests & there), sum(row.digest in there for row in stored.rows))

    def index(
        self,
        catalogue: Catalogue,
        engine: Engine,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
        wait: float = 0,
        on: str = "",
    ) -> Report:
        """Scans the folder and embeds what is new. What has been embedded is kept, however the run ends.

        Of a tuned space: indexes its base, then derives the rows from what is stored of that. wait: seconds,
        when another process indexes this catalogue for this engine; then raises Busy. on: a cluster whose workers
        do it, see `crew`. Raises also CatalogueError and WeightsError, and SemblanceError when the home can't be
        written to or the cluster can't be had.
        """
        started = time.perf_counter()
        if isinstance(engine, Tuned):
            self.index(catalogue, engine.base, progress, cancelled, wait, on)
            on = ""
        try:
            with self._writing(), crew(on, engine) as hands:
                problems = self.scan(catalogue, progress, hands.hashed)
                progress(0, 0, "making the network ready")
                engine.prepare()
                store = self._store(catalogue, engine)
                with FileLock(store.path.with_suffix(".lock"), timeout=wait):
                    report = self._index(catalogue, hands, store, progress, cancelled, started)
                    return replace(report, skipped=report.skipped + problems, workers=hands.shares())
        except Timeout as error:
            raise Busy(
                f"{catalogue.name} is being indexed already; wait for that to end, then try again."
            ) from error

    def scan(
        self,
        catalogue: Catalogue,
        progress: Progress = lambda done, total, what: None,
        hashing: Callable[[Sequence[Path]], Iterable[Hashed]] = folders.hashed,
    ) -> list[Skipped]:
        """Brings the catalogue up to date with its folder, the person's captions too; embeds nothing.

        hashing: see catalogue.scan. Returns what could not be used of the files that hold those. Raises
        CatalogueError, and SemblanceError when the home can't be written to.
        """
        with self._writing():
            catalogue.state.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(catalogue.state.with_suffix(".lock")):
                folders.scan(catalogue, progress, hashing=hashing)
            captions, problems = imported(catalogue)
            self._told(catalogue).keep(IMPORTED, captions, only=True)
            return problems

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Raises SemblanceError when the home can't be written to."""
        try:
            yield
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            raise SemblanceError(
                f"{self.home} can't be written to ({error.strerror}); "
                "choose another with --home or SEMBLANCE_HOME."
            ) from error

    def _index(
        self,
        catalogue: Catalogue,
        hands: Crew,
        store: FeatureStore,
        progress: Progress,
        cancelled: Callable[[], bool],
        started: float,
    ) -> Report:
        engine = hands.engine
        store.repair()
        known = self._captions(catalogue, engine)
        self._recaption(catalogue, store, engine, known)
        before = store.read().digests
        wanted = catalogue.paths
        pending = sorted(wanted.keys() - before)
        stopped = False
        with contextlib.closing(self._embedded(catalogue, hands, pending, known)) as batches:
            for first in range(0, len(pending), BATCH):
                if stopped := cancelled():
                    break
                progress(first, len(pending), "embedding" + hands.pace())
                batch = next(batches)
                store.append(batch)
                add_to_index(catalogue, store, batch, self.searched_by)
                if captioner(engine):
                    made = {row.digest: row.caption for row in batch.rows if row.digest not in known}
                    self._told(catalogue).keep(captioner(engine), made)
        store.commit(wanted.keys())
        after = store.read()
        complete = save_index(catalogue, store, after, self.searched_by, progress, cancelled)
        done = after.digests
        skipped = [Skipped(path, why) for digest, why in after.refused.items() for path in wanted[digest]]
        if not stopped:
            lost = wanted.keys() - done
            skipped += [Skipped(wanted[d][0], "The file changed while it was read; index again.") for d in lost]
        card = engine.describe()
        new = len(done - before)
        seconds = time.perf_counter() - started
        return Report(
            engine=engine.name,
            fingerprint=store.fingerprint,
            network=card.network,
            weights=card.weights,
            images=len(wanted),
            rows=len(after.rows),
            new=new,
            kept=len(wanted) - len(pending),
            removed=len(before - wanted.keys()),
            skipped=sorted(catalogue.unreadable + skipped, key=lambda skip: skip.path),
            seconds=seconds,
            images_per_second=new / seconds,
            cancelled=stopped or not complete,
        )

    def _embedded(
        self, catalogue: Catalogue, hands: Crew, digests: Sequence[str], known: Captions
    ) -> Generator[Features, None, None]:
        """Of BATCH pictures at a time, in any order."""
        engine = hands.engine
        if isinstance(engine, Tuned):
            return engine.derived(self._store(catalogue, engine.base).read(), digests, BATCH)
        paths = catalogue.paths
        found = ((digest, catalogue.root / paths[digest][0]) for digest in digests)
        return hands.embedded(found, BATCH, known)

    def search(
        self,
        catalogue: Catalogue,
        engine: Engine,
        query: Path | Sequence[Reference],
        k: int = 5,
        mix: Mix | None = None,
    ) -> Answer:
        """The k pictures most like the query's most prominent crop, or like the weighted mean of several.

        mix: how the parts of the vectors are weighed; None is as they are. Raises ImageError, NotEmbeddable and
        NotIndexed, and SemblanceError for a mix or weights that can't be.
        """
        started = time.perf_counter()
        asked = [Reference(query)] if isinstance(query, Path) else query
        vector = self._blended(catalogue, engine, asked)
        stored = self._ready(catalogue, engine)
        (found,) = stored.nearest(vector[None], k, mix)
        return stored.answer(engine.describe(), found, vector, started)

    def explain(
        self, catalogue: Catalogue, engine: Engine, query: Reference, digest: str, part: int = 0
    ) -> Explanation:
        """Why a picture of the catalogue, by its crop number `part`, is like the query's most prominent crop.

        Computed anew each time. Raises SemblanceError where the engine can't tell, where the picture is not
        indexed or its file has changed, and as `search`.
        """
        stored = self._ready(catalogue, engine)
        if not (isinstance(engine, Explainer) and engine.explains()):
            raise SemblanceError(f"{engine.describe().title} can't tell why two pictures are alike.")
        place = stored.first_row.get(digest, len(stored.features.rows)) + part
        if digest not in [row.digest for row in stored.features.rows[place : place + 1]]:
            raise SemblanceError("This picture is not indexed here any more; search again.")
        (other,) = stored.features.take([place])
        picture, (crop, *_) = cut_query(engine, query.path, query.box)
        theirs, crops = cut(engine, _unchanged(catalogue, digest))
        (vector,) = embed(engine, [crop])
        return Explanation(
            score=float(vector @ other),
            query_map=engine.explain(crop, other),
            match_map=engine.explain(crops[part], vector),
            query_box=picture.full_box(crop.box) or query.box,
            match_box=theirs.full_box(crops[part].box),
        )

    def search_text(
        self,
        catalogue: Catalogue,
        engine: Engine,
        text: str,
        query: Path | Reference | None = None,
        unlike: str = "",
        k: int = 5,
        mix: Mix | None = None,
    ) -> Answer:
        """The k pictures that fit a text: by the engine, where it has a TextSide that can be had, else by words.

        query: a picture that counts as much as the text. unlike: a text that is held against them, as in
        `recommend`. By words neither a picture nor a mix can be asked with. Raises as `search`; by words not
        NotIndexed.
        """
        started = time.perf_counter()
        if not text.strip():
            raise SemblanceError("Say in a few words what the pictures should show.")
        if not (self.understands(engine, fetch=True) and isinstance(engine, TextSide)):
            if query or mix:
                what = "a text with a picture" if query else "a text with a mix"
                raise SemblanceError(f"{engine.name} can't take {what} here; leave one of them out.")
            return self._search_words(catalogue, text, unlike, k, started)
        rows = engine.embed_text([text, unlike] if unlike.strip() else [text])
        vector = rows[0]
        if query:
            asked = query if isinstance(query, Reference) else Reference(query)
            vector = (vector + self._embed(catalogue, engine, asked.path, box=asked.box)) / 2
        if len(rows) > 1:
            vector = 2 * vector - rows[1]
        (vector,), stored = unit_rows(vector[None]), self._ready(catalogue, engine)
        (found,) = stored.nearest(vector[None], k, mix)
        answer = stored.answer(engine.describe(), found, vector, started)
        # How alike strangers look tells nothing of how near a text should be.
        return replace(answer, matches=[replace(match, agreement={}) for match in answer.matches])

    def understands(self, engine: Engine, *, fetch: bool = False) -> bool:
        """Whether texts are held against the engine's vectors, not against words. fetch: try to make it ready."""
        if not isinstance(engine, TextSide):
            return False
        if fetch:
            with contextlib.suppress(SemblanceError):  # the card tells it
                engine.prepare()
        return engine.describe().available

    def _search_words(self, catalogue: Catalogue, text: str, unlike: str, k: int, started: float) -> Answer:
        captions = self._told(catalogue)
        paths, hidden = catalogue.paths, catalogue.hidden
        shown = {digest: places for digest, places in paths.items() if digest not in hidden}
        tags = catalogue.tags
        version = (paths, hidden, tags, captions.version())
        made, searched = self._words.get(catalogue.state, (None, None))
        if searched is None or made != version:
            told = {digest: caption.text for digest, caption in captions.captions().items()}
            texts = {
                digest: " ".join(
                    [
                        *(os.path.splitext(place)[0] for place in places),
                        told.get(digest, ""),
                        *tags.get(digest, ()),
                    ]
                )
                for digest, places in shown.items()
            }
            searched = words.Words(texts)
            self._words[catalogue.state] = version, searched
        matches = [
            Match(digest, catalogue.root / paths[digest][0], folders.label_of(paths[digest][0]), score, None)
            for digest, score in searched.rank(text, unlike)[:k]
        ]
        seconds = time.perf_counter() - started
        return Answer(matches, "none", "none needed", words.NAME, len(shown), seconds)

    def gallery(self, catalogue: Catalogue) -> Gallery:
        """As of the last scan; remembered until something changes."""
        version = catalogue.paths, catalogue.hidden, catalogue.tags, self._told(catalogue).version()
        made, known = self._galleries.get(catalogue.state, (None, None))
        if known is None or made != version:
            known = gallery(catalogue, self.captions(catalogue))
            self._galleries[catalogue.state] = version, known
        return known

    def captions(self, catalogue: Catalogue) -> dict[str, Caption]:
        """By digest: what is known to be on each picture, and who says so."""
        return self._told(catalogue).captions()

    def caption(self, catalogue: Catalogue, digest: str, text: str, engine: Engine | None = None) -> None:
        """Sets a caption by hand; an empty text takes it back. It moves the picture's vector.

        engine: whose vector moves at once, unless it is indexing; those of others, when they index. Raises
        SemblanceError when the home can't be written to.
        """
        with self._writing():
            self._told(catalogue).keep(HAND, {digest: text})
            if engine and engine.describe().available:
                engine.prepare()
                store = self._store(catalogue, engine)
                with contextlib.suppress(Timeout), FileLock(store.path.with_suffix(".lock"), timeout=0):
                    self._recaption(catalogue, store, engine, self._captions(catalogue, engine))

    def _captions(self, catalogue: Catalogue, engine: Engine) -> dict[str, str]:
        """digest -> the text that counts for this engine; empty where it wants none."""
        writer = captioner(engine.base if isinstance(engine, Tuned) else engine)
        known = self._told(catalogue).captions(writer) if writer else {}
        return {digest: caption.text for digest, caption in known.items()}

    def _recaption(self, catalogue: Catalogue, store: FeatureStore, engine: Engine, known: Captions) -> None:
        """Brings stored vectors in line with the captions as they are now.

        A row whose caption is no longer known is dropped: the engine makes one when it embeds the picture anew. So
        is one of a tuned space, which is derived anew.
        """
        stored = store.read()
        stale = [place for place, row in enumerate(stored.rows) if row.caption != known.get(row.digest, "")]
        if not stale:
            return
        vectors, rows = np.zeros((0, store.dim), np.float32), []
        if isinstance(engine, Captioned):
            mended = [place for place in stale if stored.rows[place].digest in known]
            rows = [replace(stored.rows[place], caption=known[stored.rows[place].digest]) for place in mended]
            vectors = engine.recaption(stored.take(mended), [row.caption for row in rows])
        store.commit(stored.digests - {stored.rows[place].digest for place in stale})
        store.append(changed := Features(rows, [vectors]))
        add_to_index(catalogue, store, changed, self.searched_by)
        graph(store).unlink(missing_ok=True)  # it has the old ones, under the same ids

    def parts(self, engine: Engine, query: Path) -> list[Part]:
        """What can be searched for in a picture (its faces, say), the most prominent first. Raises as `search`."""
        picture, crops = cut_query(engine, query)
        return [Part(picture.full_box(crop.box), crop.pixels, crop.remarks) for crop in crops]

    def nearest(self, catalogue: Catalogue, engine: Engine, vectors: np.ndarray, k: int = 5) -> list[list[Match]]:
        """For each of (N, D) float32 unit rows of the engine's the k pictures most like it. Raises NotIndexed."""
        return self._ready(catalogue, engine).nearest(vectors, k)

    def rank(
        self, catalogue: Catalogue, engine: Engine, vector: np.ndarray, k: int = 5, without: str = ""
    ) -> Ranking:
        """The k labels (people, say) most like a (D,) float32 unit vector of the engine's, best first.

        Only labels of the NEAR nearest pictures are ranked. without: digest of a picture that is left out. Raises
        NotIndexed.
        """
        return self._ready(catalogue, engine).rank(vector, k, without)

    def calibration(self, catalogue: Catalogue, engine: Engine, mix: Mix | None = None) -> Calibration:
        """How alike strangers are here; remembered until something changes. Raises as `search`."""
        stored = self._ready(catalogue, engine)
        return stored.calibration if mix is None else stored.mixed(mix)

    def known_pairs(self, catalogue: Catalogue, engine: Engine) -> KnownPairs | None:
        """Of the engine's network, or else of the catalogue's own labels; None where neither has enough."""
        own = engine.known_pairs() if isinstance(engine, Verifier) else None
        if own:
            return KnownPairs(*own, f"pairs that {engine.describe().network} was measured on")
        return self._ready(catalogue, engine).known_pairs

    def verify(self, catalogue: Catalogue, engine: Engine, photos: Sequence[Path]) -> tuple[list[Part], Verdict]:
        """Compares the most prominent faces of two photos.

        Returns:
            The two faces, and whether they are of one person.

        Raises:
            ImageError, NotEmbeddable: The message names the photo.
        """
        parts = []
        for nth, path in zip(("first", "second"), photos, strict=True):
            try:
                parts.append(self.parts(engine, path)[0])
            except (ImageError, NotEmbeddable) as error:
                raise type(error)(f"In the {nth} photo: {error}") from error
        try:
            known = self.known_pairs(catalogue, engine)
        except NotIndexed:
            known = None
        one, other = embed(engine, [Crop(part.pixels) for part in parts])
        return parts, Verdict(float(one @ other), known, tuple(part.remarks for part in parts))

    def kinds(self, catalogue: Catalogue, engine: Engine) -> Kinds:
        """How alike the labels are by their pictures that are shown, each by its most prominent part.

        In the order of their names; pictures without a label take no part. Raises NotIndexed.
        """
        return self._ready(catalogue, engine).kinds

    def most_alike(
        self, catalogue: Catalogue, engine: Engine, one: str, other: str, k: int
    ) -> tuple[list[str], list[str]]:
        """Digests of the k pictures of each of two labels that are most like those of the other, best first.

        Nothing of a label that nobody has, nor of the other then. Raises NotIndexed.
        """
        return self._ready(catalogue, engine).most_alike(one, other, k)

    def outliers(self, catalogue: Catalogue, engine: Engine) -> Outliers:
        """Pictures that are shown, by their most prominent part, which look misplaced or like nothing else here.

        Remembered until something changes. Raises NotIndexed.
        """
        return self._ready(catalogue, engine).outliers

    def export(
        self,
        catalogue: Catalogue,
        engine: Engine,
        out: Path,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> export.Vectors:
        """Writes the vectors of all that is shown to a file, one of export.VECTORS; what went into it.

        Raises NotIndexed, SemblanceError when it can't be written there, and Stopped.
        """
        export.check(out, catalogue.root, export.VECTORS)
        stored, card = self._ready(catalogue, engine), engine.describe()
        captions, tags, paths = self.captions(catalogue), catalogue.tags, stored.paths
        places = [place for place, row in enumerate(stored.features.rows) if row.digest in stored.first_row]
        items = []
        for row in (stored.features.rows[place] for place in places):
            caption = captions[row.digest].text if row.digest in captions else ""
            label, held = stored.label(row.digest), tuple(tags.get(row.digest, ()))
            items.append(export.Item(row.digest, paths[row.digest][0], label, row.box, caption, held))
        vectors = export.Vectors(
            items,
            lambda wanted: stored.features.take([places[i] for i in wanted]),
            card.dim,
            catalogue.root,
            engine.name,
            engines.fingerprint(engine),
            card.network,
        )
        export.save_vectors(vectors, out, progress, cancelled)
        return vectors

    def projection(
        self,
        catalogue: Catalogue,
        engine: Engine,
        method: str,
        cancelled: Callable[[], bool] | None = None,
        *,
        kept_only: bool = False,
    ) -> Projection | None:
        """The map of the pictures that are shown, each by its most prominent part (analysis/projection.py).

        Kept beside the features, made anew after a change. None where it was cancelled; kept_only: and where it
        would have to be made. Raises NotIndexed, and SemblanceError for a method that can't be had.
        """
        check(method)
        stored = self._ready(catalogue, engine)
        digests = sorted(stored.first_row)
        path = self._store(catalogue, engine).path.with_suffix(f".{method.lower().replace(' ', '-')}.map")
        made = Projection.kept(path, digests)
        if made is None and not kept_only:
            rows = stored.features.take([stored.first_row[digest] for digest in digests])
            positions = project(rows, method, cancelled)
            if positions is not None:
                made = Projection(digests, positions)
                made.keep(path)
        return made

    def find_duplicates(
        self,
        catalogue: Catalogue,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Duplicates | None:
        """The groups of pictures that are one and the same, found anew and kept; None where it was cancelled.

        Needs no engine. Brings the catalogue up to date first; the hidden take no part. What has been looked at is
        kept, however the run ends. Raises CatalogueError, and SemblanceError when the home can't be written to.
        """
        self.scan(catalogue, progress)
        path = _duplicates_file(catalogue)
        with self._writing():
            shown = catalogue.paths.keys() - catalogue.hidden
            read = partial(_unchanged, catalogue)
            found = duplicates.find(shown, read, path.with_suffix(".looks"), progress, cancelled)
            if found is None:
                return None
            found.keep(path)
        return found.shown(catalogue)

    def duplicates(self, catalogue: Catalogue) -> Duplicates | None:
        """What `find_duplicates` found last, less what has gone or is hidden since; None before."""
        path = _duplicates_file(catalogue)
        version = files.version(path)
        with self._lock:
            known = self._found.get(path)
            if known is None or known[0] != version:
                known = self._found[path] = version, Found.kept(path)
        return known[1].shown(catalogue) if known[1] else None

    def recommend(
        self,
        catalogue: Catalogue,
        engine: Engine,
        like: Sequence[Liked],
        unlike: Sequence[Liked] = (),
        k: int = 5,
        *,
        diversity: float = 0.0,
        mix: Mix | None = None,
    ) -> Answer:
        """What is near to the likes and far from the unlikes, as `taste` weighs them; none of them comes back.

        What has been embedded is not embedded anew. A digest of which this engine shows no vector (hidden, or
        without a face, say) is passed over. diversity: 0..1, see `diverse`; the candidates are WIDTH * k. mix: see
        `search`. Raises as `search`, and SemblanceError when no like is left, when all of them cancel each other
        out, and for a diversity that can't be.
        """
        started = time.perf_counter()
        if not like:
            raise SemblanceError("Name at least one picture that you like.")
        stored = self._ready(catalogue, engine)
        (likes, own), (unlikes, others) = (self._taken(catalogue, engine, given) for given in (like, unlike))
        if not likes:
            raise SemblanceError(f"None of the pictures that you like can be used by {engine.name}; like another.")
        rows, numbers = np.stack([*likes.values()]), list(likes)
        wish = taste(
            rows, [like[i].weight for i in likes], [*unlikes.values()], [unlike[i].weight for i in unlikes]
        )
        stretch = stored.stretch(mix)
        length = np.linalg.norm(wish * stretch)
        if length < FAINT:
            raise SemblanceError("These pictures cancel each other out; like another, or weigh them differently.")
        vector = (wish / length).astype(np.float32)
        width, skip = WIDTH * k if diversity else k, own | others
        (found,) = stored.nearest(vector[None], width + len(skip), mix)
        found = [match for match in found if match.digest not in skip][:width]
        near = stored.vectors(found) * stretch
        order = diverse(near, [match.score for match in found], k, diversity)
        because = tuple(numbers[reason] for reason in nearest(rows * stretch, near[order]))
        return stored.answer(engine.describe(), [found[i] for i in order], vector, started, because)

    def head(self, catalogue: Catalogue, engine: Engine) -> Head | None:
        """The classifier that was last taught for this fingerprint; None before. A tuned space has its own."""
        if isinstance(engine, Tuned):
            return engine.space.head
        store = self._store(catalogue, engine)
        return self._kept(store, ".head", lambda state: Head.restore(state, store.dim))

    def teach(
        self,
        catalogue: Catalogue,
        engine: Engine,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Head:
        """A classifier taught anew, by each picture's most prominent part and its folder, and kept.

        The hidden teach nothing. A tuned space is tuned anew: `tuned` then gives another engine. The earlier head
        answers until the new one is ready, and if this fails. Raises NotIndexed, SemblanceError when there are not
        two labels, and Stopped.
        """
        if isinstance(engine, Tuned):
            return self.tune(catalogue, engine.base, progress, cancelled).space.head
        head = training.learn(self._lesson(catalogue, engine), progress, cancelled)
        self._keep(self._store(catalogue, engine), ".head", head.state())
        return head

    def tuned(self, catalogue: Catalogue, engine: Engine) -> Tuned | None:
        """The space that was last tuned for this fingerprint, as an engine for this catalogue; None before."""
        store = self._store(catalogue, engine)
        space = self._kept(store, ".tuned", lambda state: Space.restore(state, store.dim))
        return Tuned(engine, space) if space else None

    def tune(
        self,
        catalogue: Catalogue,
        engine: Engine,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Tuned:
        """A space tuned anew and kept, as an engine that has yet to be indexed, which runs no network.

        Beside our own file is a Keras model of the same, for people; see `keras_file`. What was derived for the
        earlier space is deleted. Raises as `teach`.
        """
        space = training.tune(self._lesson(catalogue, engine), progress, cancelled)
        store, earlier, tuned = self._store(catalogue, engine), self.tuned(catalogue, engine), Tuned(engine, space)
        training.save_keras(space, self.keras_file(catalogue, engine))
        self._keep(store, ".tuned", space.state())
        if earlier and engines.fingerprint(earlier) != engines.fingerprint(tuned):
            self._forget(catalogue, earlier)
        return tuned

    def keras_file(self, catalogue: Catalogue, engine: Engine) -> Path:
        """Where `tune` puts a Keras model, of the engine's vectors to tuned ones and probabilities. Never read."""
        return self._store(catalogue, engine).path.with_suffix(".keras")

    def finetune(
        self,
        catalogue: Catalogue,
        engine: Engine,
        out: Path,
        blocks: int,
        epochs: int,
        progress: Progress = lambda done, total, what: None,
    ) -> finetuning.Finetuned:
        """The engine's network, its last blocks taught on the folders, as a weights file that SEMBLANCE_WEIGHTS
        takes. The hidden teach nothing. A run that was stopped goes on after its last epoch.

        Raises NotIndexed, Busy, and SemblanceError when there are not two labels, when the network can't be
        fine-tuned, and when `out` can't be written.
        """
        work = self._store(catalogue, engine).path.with_suffix(".finetuning")
        try:
            with self._writing(), FileLock(work.with_suffix(".finetuning-lock"), timeout=0):
                return finetuning.run(
                    engine,
                    self._lesson(catalogue, engine),
                    lambda digest: _unchanged(catalogue, digest),
                    out,
                    work,
                    blocks,
                    epochs,
                    progress,
                )
        except Timeout as error:
            raise Busy(f"{catalogue.name} is being fine-tuned on already; wait for that to end.") from error

    def learned(self, catalogue: Catalogue, engine: Learner) -> Engine | None:
        """The engine as it was last trained on this catalogue; None before. The same object until it changes."""
        path = self._place(catalogue, engine).with_suffix(".learned")
        version = files.version(path)
        with self._lock:
            known = self._learned.get(path)
            if known is None or known[0] != version:
                known = version, learners.restored(engine, path)
                self._learned[path] = known
            return known[1]

    def learn(
        self,
        catalogue: Catalogue,
        engine: Learner,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Engine | None:
        """The engine trained on the pictures that are shown, and kept; it has yet to index. None if cancelled.

        It goes on after the last epoch of a run that was stopped; else, where it was trained before, from there.
        What was indexed with the earlier one is deleted. Raises CatalogueError, Busy, and SemblanceError when
        there are too few pictures, when training fails, and when the home can't be written to.
        """
        place = self._place(catalogue, engine)
        try:
            with self._writing(), FileLock(place.with_suffix(".learning-lock"), timeout=0):
                self.scan(catalogue, progress)
                earlier, kept = self.learned(catalogue, engine), place.with_suffix(".learned")
                read, work = partial(_unchanged, catalogue), self.learning(catalogue, engine)
                if not learners.run(catalogue, engine, read, work, kept, progress, cancelled):
                    return None
        except Timeout as error:
            raise Busy(f"{engine.name} is being trained on {catalogue.name} already; wait for that.") from error
        if earlier:
            self._forget(catalogue, earlier)
        return self.learned(catalogue, engine)

    def since(self, catalogue: Catalogue, engine: Learner) -> learners.Since:
        """What has changed, as of the last scan, since a trained engine was trained on this catalogue."""
        store = self._store(catalogue, cast(Engine, engine))  # every learner is an engine
        return learners.since(catalogue, engine, store.read().refused.keys())

    def unusual(
        self,
        catalogue: Catalogue,
        engine: Generative,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        kept_only: bool = False,
    ) -> Unusual | None:
        """How unusual each picture that is shown is to the engine; kept, so that only new ones are measured.

        kept_only: None where nothing is. Raises Untrained and NotIndexed.
        """
        self._ready(catalogue, engine)
        store = self._store(catalogue, engine)
        known = self._kept(store, ".unusual", Unusual.restore)
        if kept_only:
            return known
        read = partial(_unchanged, catalogue)
        made = measure(engine, known, learners.shown(catalogue), read, progress, cancelled)
        if made is not known:
            self._keep(store, ".unusual", made.state())
        return made

    def learning(self, catalogue: Catalogue, engine: Learner) -> Path:
        """The folder of a training that goes on, or was stopped; it need not be there."""
        return self._place(catalogue, engine).with_suffix(".learning")

    def _place(self, catalogue: Catalogue, engine: Learner) -> Path:
        return catalogue.state.with_name(engine.name)

    def _forget(self, catalogue: Catalogue, engine: Engine) -> None:
        """Deletes what is stored for a fingerprint that can't come back."""
        store = self._store(catalogue, engine)
        path = store.path
        if in_database(self.searched_by):
            with contextlib.suppress(SemblanceError):  # what a database that is gone keeps of it harms nobody
                remote(store, self.searched_by).drop()
        for left in path.parent.glob(f"{path.stem}.*"):
            left.unlink()

    def changes(self, catalogue: Catalogue, engine: Engine, head: Head) -> Changes:
        """What a head does not know of: pictures with a label that came, went or changed it. Raises NotIndexed."""
        labels = self._ready(catalogue, engine).labels
        return head.since({digest: label for digest, label in labels.items() if label})

    def classify(
        self, catalogue: Catalogue, engine: Engine, queries: Sequence[Path | Reference]
    ) -> list[list[tuple[str, float]]]:
        """For each query every label that the head knows with its probability, highest first.

        The head is the one that was last taught, whatever has changed since; see `changes`. The first use teaches
        it. A highest probability below head.sure_from means "not sure". Raises as `teach` and `search`.
        """
        head = self._taught(catalogue, engine)
        asked = [query if isinstance(query, Reference) else Reference(query) for query in queries]
        rows = head.probabilities(
            np.stack([self._embed(catalogue, engine, one.path, box=one.box) for one in asked])
        )
        return [head.ranked(row) for row in rows]

    def probabilities(
        self, catalogue: Catalogue, engine: Engine, digests: Sequence[str]
    ) -> list[list[tuple[str, float]]]:
        """As `classify`, of pictures of the catalogue by their stored vectors; unknown ones are left out."""
        head, stored = self._taught(catalogue, engine), self._ready(catalogue, engine)
        rows = stored.features.take([stored.first_row[digest] for digest in digests if digest in stored.first_row])
        return [head.ranked(row) for row in head.probabilities(rows)]

    def examine(
        self, catalogue: Catalogue, engine: Engine, queries: Sequence[tuple[Path, str]]
    ) -> tuple[Examination, list[Skipped]]:
        """The head on files with their labels, and those that could not be used. Raises as `classify`.

        A picture that the head has learned from, wherever it lies, is not used; nor is a label that it does not
        know.
        """
        head = self._taught(catalogue, engine)
        return measures.of_head(head, partial(self._embed, catalogue, engine), queries)

    def evaluate(
        self,
        catalogue: Catalogue,
        engine: Engine,
        queries: Sequence[tuple[Path, str]] | None = None,
        mix: Mix | None = None,
    ) -> tuple[Evaluation, list[Skipped]]:
        """Retrieval over labelled pictures, and the queries that could not be embedded.

        queries: files with their labels; None takes every labelled picture of the catalogue, each against all
        the others; of a tuned space only those that it has not learned from. A query whose label nobody else has
        is left out. seconds_per_query is from file to answer; when leaving one out, of the search alone. mix:
        see `search`.
        """
        stored, embed = self._ready(catalogue, engine), partial(self._embed, catalogue, engine)
        return measures.of_retrieval(stored, engine, embed, queries, mix)

    def compare(
        self,
        catalogue: Catalogue,
        compared: Sequence[Engine],
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        kept_only: bool = False,
    ) -> Comparison:
        """How often each engine's answers have the query's label; all are asked with the same pictures, leaving
        one out: see features/evaluation/comparison.py.

        What has been measured is remembered until something changes. An engine whose turn had not come when it was
        cancelled is left out; kept_only: and so is one that would have to be measured. Raises SemblanceError when
        there are no labels.
        """
        ready, unmeasured = [], {}
        for engine in compared:
            try:
                ready.append((engine, self._ready(catalogue, engine)))
            except SemblanceError as error:
                useless = "It can use none of these pictures."
                unmeasured[engine.describe().title] = useless if isinstance(error, NotIndexed) else str(error)
        asked = comparison.questions([stored.labels for _, stored in ready])
        ratings = []
        for engine, stored in ready:
            path = self._store(catalogue, engine).path
            try:
                labels = comparison.questions_for(stored, engine, asked)
            except SemblanceError as error:
                unmeasured[engine.describe().title] = str(error)
                continue
            of, questions, rating = self._rated.get(path, (None, None, None))
            if of is not stored or questions != asked:
                embed = partial(self._embed, catalogue, engine)
                rating = None if kept_only else comparison.rate(stored, engine, embed, labels, progress, cancelled)
            if rating:
                self._rated[path] = stored, asked, rating
                ratings.append(rating)
        ratings.sort(key=lambda rating: (-rating.evaluation.precision_at_1, -rating.evaluation.map_at_10))
        return Comparison(asked, ratings, unmeasured)

    def evaluate_pairs(
        self, catalogue: Catalogue, engine: Engine, folds: Sequence[Sequence[Pair]]
    ) -> PairsEvaluation:
        """The protocol of Labeled Faces in the Wild over the most prominent part of each picture.

        Raises NotIndexed, and SemblanceError when a picture that is named is not in the catalogue.
        """
        return measures.of_pairs(catalogue, self._ready(catalogue, engine), engine, folds)

    def thumbnail(self, catalogue: Catalogue, digest: str) -> Path:
        """A small JPEG of a picture of the catalogue, made once. Raises ImageError."""
        path = self.home / "thumbnails" / digest[:2] / f"{digest}.jpg"
        if not path.exists():
            small = Image.fromarray(images.decode(_unchanged(catalogue, digest), THUMBNAIL).pixels)
            small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            made = io.BytesIO()
            small.save(made, "JPEG", quality=88)
            files.write_atomically(path, [made.getvalue()])
        return path

    def _embed(
        self, catalogue: Catalogue, engine: Engine, query: Path, part: int = 0, box: Box | None = None
    ) -> np.ndarray:
        """embed_query; to the whole of a picture of the catalogue belongs the caption that it has there."""
        engine.prepare()
        if isinstance(engine, Tuned):
            return engine.space.rows(self._embed(catalogue, engine.base, query, part, box)[None])[0]
        known = None
        if box is None and (writer := captioner(engine)):
            digest = hashlib.sha256(images.read_bytes(query)).hexdigest()
            known = self._told(catalogue).caption(digest, writer)
        return embed_query(engine, query, part, known.text if known else None, box)

    def _blended(self, catalogue: Catalogue, engine: Engine, references: Sequence[Reference]) -> np.ndarray:
        """(D,) float32 unit vector: the weighted mean; that of one is its own. Raises as `search`."""
        if not references or not all(0 < reference.weight < np.inf for reference in references):
            raise SemblanceError("Ask with at least one picture, and give each a weight of more than 0.")
        if len(references) == 1:
            return self._embed(catalogue, engine, references[0].path, box=references[0].box)
        rows = []
        for reference in references:
            with _named(reference.path):
                rows.append(self._embed(catalogue, engine, reference.path, box=reference.box))
        return unit_rows(taste(np.stack(rows), [reference.weight for reference in references])[None])[0]

    def _taken(
        self, catalogue: Catalogue, engine: Engine, given: Sequence[Liked]
    ) -> tuple[dict[int, np.ndarray], set[str]]:
        """Number -> (D,) unit vector, of those that have one; and the digests of all."""
        stored = self._ready(catalogue, engine)
        vectors: dict[int, np.ndarray] = {}
        digests: set[str] = set()
        for number, one in enumerate(given):
            with _named(one.picture):
                file = one.picture if isinstance(one.picture, Path) else None
                digest = hashlib.sha256(images.read_bytes(file)).hexdigest() if file else str(one.picture)
                digests.add(digest)
                place = stored.place(digest, one.part)
                if place is not None:
                    vectors[number] = stored.features.take([place])[0]
                elif file:
                    vectors[number] = self._embed(catalogue, engine, file, one.part)
        return vectors, digests

    def _told(self, catalogue: Catalogue) -> Metadata:
        path = catalogue.state.with_name("metadata.json")
        with self._lock:
            return self._metadata.setdefault(path, Metadata(path))

    def _store(self, catalogue: Catalogue, engine: Engine) -> FeatureStore:
        key = engines.fingerprint(engine)
        path = catalogue.state.parent / f"{engine.name}-{key}.features"
        with self._lock:
            return self._stores.setdefault(path, FeatureStore(path, engine.name, key, engine.describe().dim))

    def _load(self, catalogue: Catalogue, engine: Engine) -> Searchable:
        """What is stored, less what has gone from the folder or is hidden; kept until something changes."""
        store = self._store(catalogue, engine)
        version = version_of(store)
        with self._lock:
            known = self._searchable.get(store.path)
            if known is None or not known.is_of(version, catalogue):
                parts = engine.vector_parts() if isinstance(engine, Parted) else ()
                known = searchable(catalogue, store, parts, version, self.searched_by)
                self._searchable[store.path] = known
            return known

    def _ready(self, catalogue: Catalogue, engine: Engine) -> Searchable:
        engine.prepare()  # until then another network may seem to answer
        stored = self._load(catalogue, engine)
        if not stored.first_row:
            raise NotIndexed(f"{catalogue.name} has no pictures indexed for {engine.name}; index it first.")
        return stored

    def _taught(self, catalogue: Catalogue, engine: Engine) -> Head:
        self._ready(catalogue, engine)
        with self._teaching:  # several who ask at first wait for one
            return self.head(catalogue, engine) or self.teach(catalogue, engine)

    def _lesson(self, catalogue: Catalogue, engine: Engine) -> training.Lesson:
        """Each picture that is shown, by its most prominent part."""
        stored = self._ready(catalogue, engine)
        return training.Lesson(stored.features.take(list(stored.first_row.values())), stored.labels)

    def _keep(self, store: FeatureStore, suffix: str, state: dict[str, Any]) -> None:
        told = {"format": HEADS, "fingerprint": store.fingerprint, "state": state}
        files.write_atomically(store.path.with_suffix(suffix), [pickle.dumps(told, protocol=5)])

    def _kept(self, store: FeatureStore, suffix: str, restore: Callable[[dict[str, Any]], T]) -> T | None:
        """What `_keep` has kept; remembered until the file changes. A damaged one is set aside."""
        path = store.path.with_suffix(suffix)
        version = files.version(path)
        with self._lock:
            known = self._learned.get(path)
            if known is None or known[0] != version:
                known = version, None
                try:
                    with path.open("rb") as file:
                        told = files.load_plain(file)
                    if (told["format"], told["fingerprint"]) != (HEADS, store.fingerprint):
                        raise ValueError("made for something else")
                    known = version, restore(told["state"])
                except FileNotFoundError:
                    pass
                except Exception:  # whatever a damaged or hostile pickle may raise
                    files.set_aside(path)
                self._learned[path] = known
            return known[1]


def _duplicates_file(catalogue: Catalogue) -> Path:
    return catalogue.state.with_name("pictures.duplicates")


def _unchanged(catalogue: Catalogue, digest: str) -> bytes:
    """Of a picture's file. Raises ImageError."""
    data = images.read_bytes(catalogue.file(digest))
    if hashlib.sha256(data).hexdigest() != digest:
        raise ImageError("The file has changed since it was indexed; index again.")
    return data


@contextlib.contextmanager
def _named(picture: Path | str) -> Iterator[None]:
    """For one of several queries: what goes wrong is told with the file's name."""
    try:
        yield
    except SemblanceError as error:
        raise type(error)(f"{Path(picture).name}: {error}") from error


def labelled_files(folder: Path, home: Path) -> list[tuple[Path, str]]:
    """Every picture of a folder with its label (its folder below), for `evaluate`. Raises CatalogueError."""
    catalogue = folders.open_catalogue(folder, home)
    folders.scan(catalogue, save=False)
    unreadable = [(catalogue.root / skip.path, "") for skip in catalogue.unreadable]  # `evaluate` says why
    return [(catalogue.file(digest), catalogue.label(digest)) for digest in catalogue.paths] + unreadable
