"""The tables of docs/scale.md, worked out and put there: `python -m docs.scale`.

Each figure that goes in is a constant with its source. Change one, run this, and the page follows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import simulation

PAGE = Path(__file__).with_suffix(".md")
SIZES = {"1 million": 1e6, "50 million": 50e6, "1 billion": 1e9}


@dataclass(frozen=True)
class Figure:
    value: float
    unit: str
    what: str
    source: str

    @property
    def told(self) -> str:
        for name, least in (("million million", 1e12), ("billion", 1e9), ("million", 1e6)):
            if self.value >= least:
                return f"{self.value / least:,g} {name} {self.unit}"
        return f"{self.value:,g} {self.unit}"


FOOTPRINT = "`python -m benchmarks footprint`"
ASSUMED = "assumed"

# One picture, on one core of the machine in benchmarks/RESULTS.md (AMD EPYC, bfloat16); photos of 1,600 pixels.
FIND = Figure(0.11, "ms", "find, read and hash a photo of 1,600 pixels", FOOTPRINT)
OPEN = Figure(1.95, "ms", "open it at 224 pixels (one of 4,000: 7.7 ms)", FOOTPRINT)
PRODUCT = Figure(5.86, "ms", "embed it: `product`, EfficientNetB0", FOOTPRINT)
PRODUCT_OURS = Figure(15.2, "ms", "the same, the built-in encoder", FOOTPRINT)
STYLE = Figure(82.0, "ms", "embed it: `style`, VGG19", FOOTPRINT)
STYLE_OURS = Figure(14.1, "ms", "the same, the built-in encoder", FOOTPRINT)
# What is kept of it.
PHOTO = Figure(300_000, "bytes", "the photo", ASSUMED)
THUMBNAIL = Figure(20_700, "bytes", "its thumbnail", FOOTPRINT)
NOTED = Figure(138, "bytes", "its line in catalogue.json", FOOTPRINT)
CATALOGUE = Figure(573, "bytes", "the app's memory: the catalogue", FOOTPRINT)
ROWS = Figure(353, "bytes", "the same: rows, for each engine that is used", FOOTPRINT)
IDS = Figure(316, "bytes", "the same: their index, without the vectors", FOOTPRINT)
TEXTS = Figure(633, "bytes", "the same: the gallery, and words to search", FOOTPRINT)
LOADED = Figure(3.6, "µs", "to read its line of catalogue.json again, after a change", FOOTPRINT)
HIDDEN = Figure(2.1, "µs", "to make the index again, after another was hidden", FOOTPRINT)
# Searching.
EXACT = Figure(4.43, "ms", "an exact query, 100,000 x 512, two cores", "`python -m benchmarks search`")
SEARCHES = Figure(13.4, "a second", "searches of one app on two cores", "`python -m benchmarks visitors`")
STORED = Figure(25_000, "a second", "vectors of 320 that one process stores in a feature file", FOOTPRINT)
# The database.
LITE = "`python -m benchmarks remote`: Milvus Lite on two busy cores; Milvus itself is not measured"
INSERTS = Figure(1_705, "rows a second", "what a database of one machine takes", LITE)
COMPARED = Figure(175, "µs", "to compare a row there with the files, at the end of each index run", LITE)
LINKS = Figure(256, "bytes", "links of a vector in its graph (2 x 32 numbers)", "features/index/milvus.py")
SPARE = Figure(1.2, "times", "the memory of vectors and links that it needs", ASSUMED)
# Machines.
CORES = Figure(16, "cores", "of a machine", ASSUMED)
MEMORY = Figure(45e9, "bytes", "of its 64 GB for the database", ASSUMED)
LINK = Figure(1e9, "bytes a second", "from the store of the pictures to all workers (10 Gbit/s)", ASSUMED)
LISTING = Figure(10_000, "names a second", "that a store of objects lists (1,000 in 0.1 s)", ASSUMED)

# A GPU, on which today's app runs nothing.
GPU = Figure(1e14, "operations a second", "of a large GPU: a tenth of what an H100's data sheet says", ASSUMED)
PRODUCT_WORK = Figure(0.769e9, "operations", "EfficientNetB0, a picture", "`python -m benchmarks limit`")
STYLE_WORK = Figure(36.2e9, "operations", "VGG19, a picture", "`python -m benchmarks limit`")

FIGURES = [value for value in list(globals().values()) if isinstance(value, Figure)]
ENGINES = {
    "`product`, built-in": (PRODUCT_OURS, 320),
    "`product`, EfficientNetB0": (PRODUCT, 1280),
    "`style`, built-in": (STYLE_OURS, 440),
    "`style`, VGG19": (STYLE, 2040),
}
"""Processor time to embed, and length of a vector."""


def core_hours(embed: Figure, pictures: float) -> float:
    return (FIND.value + OPEN.value + embed.value) / 1e3 * pictures / 3600


def database_bytes(dim: int, pictures: float) -> float:
    return (4 * dim + LINKS.value) * SPARE.value * pictures


def figures() -> list[Sequence[str]]:
    return [
        ("what", "figure", "from"),
        *((one.what, one.told, one.source) for one in FIGURES),
    ]


def once() -> list[Sequence[str]]:
    """Indexing all of it once."""
    table: list[Sequence[str]] = [("hours", *SIZES)]
    for name, (embed, _) in ENGINES.items():
        hours = [core_hours(embed, pictures) for pictures in SIZES.values()]
        machines = [quantity(hour / CORES.value) for hour in hours]
        told = [f"{quantity(hour)}; {machine}" for hour, machine in zip(hours, machines, strict=True)]
        table.append((f"{name}: of a core; of a machine of {CORES.value:g}", *told))
    for name, work in (("`product`, EfficientNetB0", PRODUCT_WORK), ("`style`, VGG19", STYLE_WORK)):
        table.append(
            (f"{name}: of a GPU, to embed alone", *_each(lambda n, of=work: n * of.value / GPU.value / 3600))
        )
    alone = replace(PRODUCT, value=0)
    return [
        *table,
        ("finding and opening alone: of a core", *_each(lambda n: core_hours(alone, n))),
        ("listing, one after the other", *_each(lambda n: n / LISTING.value / 3600)),
        ("reading, through one link", *_each(lambda n: n * PHOTO.value / LINK.value / 3600)),
        ("storing, by the one process that does", *_each(lambda n: n / STORED.value / 3600)),
        ("writing to a database of one machine", *_each(lambda n: n / INSERTS.value / 3600)),
        ("comparing it with the files, after each run", *_each(lambda n: n * COMPARED.value / 1e6 / 3600)),
    ]


def kept() -> list[Sequence[str]]:
    """Bytes of all kinds."""
    table: list[Sequence[str]] = [("", *SIZES)]
    for what, each in {
        "the photos": PHOTO.value,
        "thumbnails": THUMBNAIL.value,
        **{f"vectors of {name} ({dim})": 4 * dim for name, (_, dim) in ENGINES.items()},
        "catalogue.json": NOTED.value,
        "an app's memory, one engine": CATALOGUE.value + ROWS.value + IDS.value + TEXTS.value,
        "an app's memory, each engine more": ROWS.value + IDS.value,
    }.items():
        table.append((what, *(size(each * pictures) for pictures in SIZES.values())))
    for name, (_, dim) in ENGINES.items():
        sizes = [database_bytes(dim, pictures) for pictures in SIZES.values()]
        told = [f"{size(needed)} on {quantity(math.ceil(needed / MEMORY.value))}" for needed in sizes]
        table.append((f"the database's memory, {name}; on how many machines", *told))
    return table


def asked() -> list[Sequence[str]]:
    """What a visitor, or a change, waits for."""
    rows = EXACT.value / 1e5 * 320 / 512
    return [
        ("", *SIZES),
        ("an exact query, 320 numbers, two cores", *_each(lambda n: rows * n / 1e3, " s")),
        ("after a change: catalogue.json read again", *_each(lambda n: LOADED.value * n / 1e6, " s")),
        ("after one is hidden: the index made again", *_each(lambda n: HIDDEN.value * n / 1e6, " s")),
    ]


def simulated() -> list[Sequence[str]]:
    table: list[Sequence[str]] = [
        ("a million pictures, 75 a second by a worker", "by arithmetic", "simulated", "lost")
    ]
    for name, plan in simulation.plans():
        found = simulation.simulate(plan)
        lost = f"{found.lost:,} batches" if found.lost else ""
        table.append((name, f"{simulation.expected(plan):,.0f} s", f"{found.seconds:,.0f} s", lost))
    return table


def _each(of: Callable[[float], float], unit: str = "") -> list[str]:
    return [quantity(of(pictures)) + unit for pictures in SIZES.values()]


def quantity(value: float) -> str:
    """Two digits: more would be a pretence."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def size(count: float) -> str:
    for unit, least in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= least:
            return f"{quantity(count / least)} {unit}"
    return f"{quantity(count / 1e3)} kB"


TABLES: dict[str, Callable[[], list[Sequence[str]]]] = {
    one.__name__: one for one in (figures, once, kept, asked, simulated)
}


def rendered(page: str) -> str:
    """The page with its tables as they are now. Raises KeyError for a table that there is none of."""

    def table(found: re.Match[str]) -> str:
        head, *rows = TABLES[found[1]]()
        lines = [head, ["---"] * len(head), *rows]
        return f"<!-- {found[1]} -->\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
    for name in TABLES:
        print(rendered(f"<!-- {name} -->\n<!-- end -->"), end="\n\n")
