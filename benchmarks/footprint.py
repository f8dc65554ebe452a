"""What one picture costs: processor time to look at it, and bytes in the app's memory and on disk."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import engines
from benchmarks import material
from benchmarks.measure import RUNS, Series, say
from benchmarks.report import Row
from engines import Crop, Engine
from features.catalogue import folder as folders
from features.catalogue import images
from features.catalogue.folder import Entry
from features.index import approximate
from features.indexing.embedding import embed
from features.indexing.store import Features, FeatureStore
from features.indexing.store import Row as Stored
from features.indexing.updating import BATCH
from features.library import Library

PHOTOS = 128
NETS = (("product", "builtin"), ("product", "efficientnetb0"), ("style", "builtin"), ("style", "vgg19"))
SIDES = (256, 1600, 4000)  # longest side of the photos that are opened, pixels
DRAWN = 32  # photos of each side
PICTURES, FOLDERS = 200_000, 1_000  # of the catalogue that is made up; no file of it is there
LINKED = 20_000  # rows of the graph
ENGINE, NET = "product", "builtin"  # of those


def rows(scratch: Path) -> Iterator[Row]:
    if not Path("/proc/self/status").exists():
        raise material.Unavailable("only Linux tells in a simple way what memory a program holds of its own")
    photos = material.development("clothing/train", PHOTOS)
    yield from _times([photo.read_bytes() for photo in photos], scratch)
    yield from _of_made_up(scratch)
    yield _of_graph(scratch)


def _times(photos: Sequence[bytes], scratch: Path) -> Iterator[Row]:
    """Processor time, of all threads together: on a busy machine the clock tells what the others did."""
    for side in SIDES:
        larger = scratch / "pictures" / f"larger-{side}"
        larger.mkdir(parents=True)
        sizes = [
            (larger / f"{number}.jpg").write_bytes(_resized(photo, side))
            for number, photo in enumerate(photos[:DRAWN])
        ]
        what, note = f"a JPEG of {side} pixels", f"{sum(sizes) / DRAWN / 1e3:.0f} kB each"
        yield Row(f"find, read and hash {what}", "", _each(DRAWN, lambda larger=larger: _scan(larger)), note=note)
        contents = [photo.read_bytes() for photo in larger.iterdir()]
        opened = _each(DRAWN, lambda contents=contents: [images.decode(content, 224) for content in contents])
        yield Row(f"open {what}", "", opened, note=note)
    library = Library(scratch / "homes" / "thumbnails")
    home = library.open(larger)
    library.scan(home)
    sizes = [library.thumbnail(home, digest).stat().st_size for digest in home.paths]
    yield Row("a thumbnail", "", Series((sum(sizes) / DRAWN,), "bytes"))
    for name, net in NETS:
        seeded = contextlib.nullcontext() if net == "builtin" else material.seeded_weights(net, scratch)
        with seeded:
            yield _embedding(engines.create(name, net), photos)


def _resized(photo: bytes, side: int) -> bytes:
    image = Image.open(io.BytesIO(photo)).convert("RGB")
    scale, made = side / max(image.size), io.BytesIO()
    image.resize((round(image.width * scale), round(image.height * scale))).save(made, "JPEG", quality=90)
    return made.getvalue()


def _scan(folder: Path) -> None:
    folders.scan(folders.Catalogue(folder, folder), save=False)


def _embedding(engine: Engine, photos: Sequence[bytes]) -> Row:
    engine.prepare()
    crops = [Crop(images.decode(photo, engine.side).pixels) for photo in photos]
    embed(engine, crops[:BATCH])  # what loads at the first use is loaded
    taken = _each(len(crops), lambda: [embed(engine, crops[i : i + BATCH]) for i in range(0, len(crops), BATCH)])
    card = engine.describe()
    what = f"embed a picture: {engine.name}, {card.network}"
    return Row(what, "", taken, note=f"{card.dim} numbers; {card.runner}")


def _each(count: int, work: Callable[[], object]) -> Series:
    """ms of processor time."""
    taken = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        taken.append(1000 * (time.process_time() - started) / count)
    return Series(tuple(taken), "ms")


def _of_made_up(scratch: Path) -> Iterator[Row]:
    say(f"  making up a catalogue of {PICTURES:,}")
    home, folder = scratch / "homes" / "footprint", scratch / "pictures" / "made-up"
    seconds = _make_up(home, folder)
    yield Row(
        "store a vector", "", Series((1e6 * seconds / PICTURES,), "µs"), note="kept by 32, merged at the end"
    )
    command = [sys.executable, "-m", "benchmarks.footprint", str(home), str(folder)]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    for what, (held, seconds) in told.items():
        note = f"{PICTURES:,} pictures; {seconds:.2f} s in all"
        yield Row(f"memory of the app: {what}", "", Series((held / PICTURES,), "bytes"), note=note)
    for pattern in ("catalogue.json", "*.features"):
        (file,) = home.rglob(pattern)
        yield Row(f"on disk: {pattern}", "", Series((file.stat().st_size / PICTURES,), "bytes"))


def _make_up(home: Path, folder: Path) -> float:
    """A catalogue, and the features of one engine, of files that are not there; seconds to store the features."""
    folder.mkdir(parents=True)
    made = folders.open_catalogue(folder, home)
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(PICTURES)]
    made.entries = {
        f"folder {number % FOLDERS:04}/picture {number:07}.jpg": Entry(300_000 + number, 10**18 + number, digest)
        for number, digest in enumerate(digests)
    }
    made.save()
    engine = engines.create(ENGINE, NET)
    key, dim = engines.fingerprint(engine), engine.describe().dim
    store = FeatureStore(made.state.parent / f"{ENGINE}-{key}.features", ENGINE, key, dim)
    vectors, _ = material.clustered(PICTURES, 0, dim, FOLDERS)
    stored = [Stored(digest, None) for digest in digests]
    started = time.perf_counter()
    for first in range(0, PICTURES, BATCH):
        store.append(Features(stored[first : first + BATCH], [vectors[first : first + BATCH]]))
    store.commit(made.paths.keys())
    return time.perf_counter() - started


def _of_graph(scratch: Path) -> Row:
    dim = engines.create(ENGINE, NET).describe().dim
    vectors, _ = material.clustered(LINKED, 0, dim, FOLDERS)
    saved, ids = scratch / "linked.hnsw", [str(number) for number in range(LINKED)]
    started = time.process_time()
    approximate.update(ids, [vectors], saved, "", lambda *told: None, lambda: False)
    taken = 1000 * (time.process_time() - started) / LINKED
    size = Series((saved.stat().st_size / LINKED,), "bytes")  # as large as in memory
    note = f"{taken:.2f} ms of processor time to add one to {LINKED:,}"
    return Row(f"graph (HNSW) over vectors of {dim} numbers", "", size, note=note)


def weigh(home: Path, folder: Path) -> dict[str, tuple[int, float]]:
    """What each step of the app adds to the memory that is its own (mapped files are not), and its seconds."""
    library = Library(home)
    engine = library.engine(ENGINE, NET)
    engine.prepare()
    vector = np.eye(1, engine.describe().dim, dtype=np.float32)

    def search() -> None:
        library.index(library.open(folder), engine).nearest(vector)

    def hide() -> None:
        found = library.open(folder)
        found.hide([next(iter(found.paths))])
        search()

    steps: dict[str, Callable[[], object]] = {
        "the catalogue": lambda: library.open(folder).paths,
        "rows of one engine": lambda: library.index(library.open(folder), engine).status(),
        "its index, at the first search": search,
        "the next search": search,
        "a search after a picture was hidden": hide,
        "the gallery": lambda: library.gallery(library.open(folder)),
        "words of names and captions": lambda: library.index(library.open(folder), engine).search_text("picture"),
    }
    told = {}
    for what, step in steps.items():
        before, started = _held(), time.perf_counter()
        step()
        seconds = time.perf_counter() - started
        told[what] = (_held() - before, seconds)
    return told


def _held() -> int:
    """Bytes."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon:"))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(weigh(*map(Path, sys.argv[1:]))))
