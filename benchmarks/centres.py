"""Computes the means that vectors are centred on: python -m benchmarks.centres

Writes engines/networks/centres.npz. `product` and `visual` are centred on photos of clothes (free of rights) and
objects (Caltech-101, CC BY 4.0), `style` on paintings. The file holds nothing but means over thousands of
pictures.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from benchmarks import labelled
from engines.networks import composed, runtime
from engines.networks import efficientnet_lite as lite
from engines.networks.composed import CENTRES, Vector
from engines.networks.network import squeezed
from features.catalogue.images import decode

EACH = 30  # objects of a kind
BATCH = 8

Files = Sequence[tuple[str, bytes]]


def photos() -> Files:
    objects = list(labelled.archive(labelled.root() / "objects.tar"))
    some = labelled.some_of_each(np.array([kind for kind, _ in objects]), EACH)
    return [*labelled.folder(labelled.root() / "clothing/train"), *(objects[place] for place in some)]


def paintings() -> Files:
    """Without those that quality is measured on."""
    files = list(labelled.folder(labelled.root() / "paintings"))
    learn, _, _ = labelled.movements(np.array([movement for movement, _ in files]))
    return [files[place] for place in learn]


def batches(files: Files) -> Iterator[np.ndarray]:
    pixels = (squeezed(decode(data, lite.SIZE).pixels, lite.SIZE) for _, data in files)
    while batch := list(islice(pixels, BATCH)):
        yield np.stack(batch)


def centres(run: runtime.Runner, vectors: Sequence[Vector], files: Files) -> dict[str, np.ndarray]:
    """VECTOR/INGREDIENT -> the mean of its rows."""
    totals: defaultdict[str, Any] = defaultdict(float)
    for pixels in batches(files):
        outputs = run(pixels)
        for vector in vectors:
            for name, rows in composed.unweighted(vector, pixels, outputs).items():
                totals[f"{vector.name}/{name}"] += rows.sum(axis=0, dtype=np.float64)
    wanted = {f"{vector.name}/{one.name}" for vector in vectors for one in vector.ingredients}
    return {name: (totals[name] / len(files)).astype(np.float32) for name in sorted(wanted)}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["SEMBLANCE_EXPORTS"] = scratch  # what is exported here serves this run alone
        build = partial(composed.build, lite.WEIGHTS.locate())
        run = runtime.load(runtime.Net("centres", build, partial(runtime.photos, lite.SIZE), exact=True))
        found = centres(run, (composed.PRODUCT, composed.VISUAL), photos())
        found |= centres(run, (composed.STYLE,), paintings())
    np.savez_compressed(CENTRES, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
