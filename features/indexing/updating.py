"""An index run: every new picture of a catalogue is embedded, and what is gone is dropped."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from filelock import FileLock

from engines import Captioned, Engine, SemblanceError
from engines.extras import install
from engines.messages import Message, joined
from features.catalogue import images
from features.catalogue.folder import Catalogue, Progress, Skipped, doubt
from features.errors import ImageError
from features.home import Home
from features.indexing.embedding import Captions, captioner
from features.indexing.scanning import scan
from features.indexing.store import Features, FeatureStore
from features.indexing.workers import RAY, Workers
from features.learning.tuned import Tuned
from features.retrieval.results import Report
from features.retrieval.searchable import add_to_index, graph, save_index
from features.retrieval.stored_index import StoredIndex

DAMAGED = Message("images.damaged")  # which an earlier decoder said of pictures that this one reads
BATCH = 32  # pictures embedded, and kept, at a time: what a kill can cost


def update(
    index: StoredIndex,
    progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
    wait: float = 0,
    on: str = "",
    verify: bool = False,
    prune: bool = False,
) -> Report:
    """Scans the folder and embeds what is new. What has been embedded is kept, however the run ends.

    Of a tuned space: indexes its base, then derives the rows from what is stored of that.

    Args:
        wait: Seconds to wait when another process indexes this catalogue for this engine.
        on: A cluster whose workers do it, see `workers_on`.
        verify: Read every file again, whatever its size and time.
        prune: Drop the vectors of pictures whose folder has vanished; otherwise they are kept for a while.

    Raises:
        Busy: Another process indexes this catalogue for this engine.
        CatalogueError: The folder can't be read.
        WeightsError: A weights file is not the published one.
        SemblanceError: The home can't be written to, or the cluster can't be reached.
    """
    started = time.perf_counter()
    home, catalogue, engine = index.home, index.catalogue, index.engine
    if isinstance(engine, Tuned):
        update(StoredIndex(home, catalogue, engine.base), progress, cancelled, wait, on, verify, prune)
        on, verify, prune = "", False, False
    with home.writing(), workers_on(on, engine) as workers:
        problems = scan(home, catalogue, progress, workers.hashed, verify=verify, prune=prune)
        progress(0, 0, Message("progress.preparing_network"))
        store = home.store(catalogue, index.prepared())
        busy = Message("errors.being_indexed", name=catalogue.name)
        with home.alone(store.path.with_suffix(".lock"), busy, wait):
            report = _run(home, catalogue, workers, store, progress, cancelled, started)
        return replace(report, skipped=report.skipped + problems, workers=workers.shares())


def workers_on(on: str, engine: Engine) -> AbstractContextManager[Workers]:
    """Returns this process for an empty `on`, or the workers of ray[://ADDRESS], connected to at the first work.

    Raises SemblanceError when there can be no such workers here.
    """
    if not on:
        return nullcontext(Workers(engine))
    if on != RAY and not on.startswith(f"{RAY}://"):
        raise SemblanceError("ray.unknown_place", place=on)
    if find_spec("ray") is None:
        raise SemblanceError("ray.not_installed", command=install("cluster"))
    from features.indexing.ray_cluster import Cluster

    return Cluster(on, engine)


def captions_for(home: Home, catalogue: Catalogue, engine: Engine) -> dict[str, str]:
    """Returns digest -> the text that counts for this engine; empty where it takes none."""
    writer = captioner(engine.base if isinstance(engine, Tuned) else engine)
    known = home.metadata(catalogue).captions(writer) if writer else {}
    return {digest: caption.text for digest, caption in known.items()}


def recaption(home: Home, catalogue: Catalogue, engine: Engine, store: FeatureStore, known: Captions) -> None:
    """Brings stored vectors in line with the captions as they are now.

    A row whose caption is no longer known is dropped: the engine writes one when it embeds the picture again. So
    is one of a tuned space, which is derived again.
    """
    stored = store.read()
    stale = [place for place, row in enumerate(stored.rows) if row.caption != known.get(row.digest, "")]
    if not stale:
        return
    vectors, rows = np.zeros((0, store.dim), np.float32), []
    if isinstance(engine, Captioned):
        changed = [place for place in stale if stored.rows[place].digest in known]
        rows = [replace(stored.rows[place], caption=known[stored.rows[place].digest]) for place in changed]
        vectors = engine.recaption(stored.take(changed), [row.caption for row in rows])
    store.commit(stored.digests - {stored.rows[place].digest for place in stale})
    batch = Features(rows, [vectors])
    store.append(batch)
    add_to_index(catalogue, store, batch, home.searched_by)
    graph(store).unlink(missing_ok=True)  # it has the old ones, under the same ids


def _run(
    home: Home,
    catalogue: Catalogue,
    workers: Workers,
    store: FeatureStore,
    progress: Progress,
    cancelled: Callable[[], bool],
    started: float,
) -> Report:
    engine = workers.engine
    store.repair()
    _redecode(home, catalogue, store)
    known = captions_for(home, catalogue, engine)
    recaption(home, catalogue, engine, store, known)
    before = store.read().digests
    wanted = catalogue.paths
    pending = sorted(wanted.keys() - before)
    stopped = False
    with contextlib.closing(_embedded(home, catalogue, workers, pending, known)) as batches:
        for first in range(0, len(pending), BATCH):
            if stopped := cancelled():
                break
            progress(first, len(pending), joined((Message("progress.embedding"), workers.pace()), " "))
            batch = next(batches)
            store.append(batch)
            add_to_index(catalogue, store, batch, home.searched_by)
            if captioner(engine):
                written = {row.digest: row.caption for row in batch.rows if row.digest not in known}
                home.metadata(catalogue).keep(captioner(engine), written)
    away = catalogue.away
    store.commit(wanted.keys() | away.keys())
    after = store.read()
    complete = save_index(catalogue, store, after, home.searched_by, progress, cancelled)
    skipped = [Skipped(path, why) for digest, why in after.refused.items() for path in wanted.get(digest, ())]
    if not stopped:
        lost = wanted.keys() - after.digests
        if lost:
            with FileLock(catalogue.state.with_suffix(".lock")):
                doubt(catalogue, lost)
        skipped += [Skipped(wanted[d][0], Message("errors.changed_while_read")) for d in lost]
    card = engine.describe()
    new = len(after.digests - before)
    seconds = time.perf_counter() - started
    known_away = {digest for digest, one in away.items() if one.since < time.time() - seconds}  # and told before
    return Report(
        engine=engine.name,
        fingerprint=store.fingerprint,
        network=card.network,
        weights=card.weights,
        images=len(wanted),
        rows=sum(row.digest in wanted for row in after.rows),
        new=new,
        kept=len(wanted) - len(pending),
        removed=len(before - wanted.keys() - known_away),
        skipped=sorted(catalogue.unreadable + skipped, key=lambda skip: skip.path),
        seconds=seconds,
        images_per_second=new / seconds,
        cancelled=stopped or not complete,
        videos=catalogue.videos,
        recognised=catalogue.recognised,
    )


def _redecode(home: Home, catalogue: Catalogue, store: FeatureStore) -> None:
    """Drops the pictures that the decoder gives other pixels for than when they were embedded."""
    earlier = store.earlier()
    if not earlier.digests:
        return
    stored = [digest for digest in {row.digest for row in earlier.rows} if digest in catalogue.paths]
    with ThreadPoolExecutor(8) as pool:
        anew = pool.map(lambda digest: _decodes_anew(catalogue.file(digest)), stored)
        changed = {digest for digest, differs in zip(stored, anew, strict=True) if differs}
    changed |= {digest for digest, why in earlier.refused.items() if why == DAMAGED}
    store.redecode(changed)
    for digest in changed:
        home.thumbnail_file(digest).unlink(missing_ok=True)
    if changed:
        graph(store).unlink(missing_ok=True)  # it has the old ones, under the same ids


def _decodes_anew(file: Path) -> bool:
    try:
        return images.decodes_anew(images.read_bytes(file))
    except ImageError:
        return False


def _embedded(
    home: Home, catalogue: Catalogue, workers: Workers, digests: Sequence[str], known: Captions
) -> Generator[Features, None, None]:
    """Yields the features of BATCH pictures at a time, in any order."""
    engine = workers.engine
    if isinstance(engine, Tuned):
        return engine.derived(home.store(catalogue, engine.base).read(), digests, BATCH)
    paths = catalogue.paths
    found = ((digest, catalogue.root / paths[digest][0]) for digest in digests)
    return workers.embedded(found, BATCH, known)
