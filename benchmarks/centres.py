"""Computes the means that vectors are centred on: python -m benchmarks.centres

Writes engines/networks/centres.npz. `product` and `visual` are centred on photos of clothes (free of rights) and
objects (Caltech-101, CC BY 4.0), `style` on paintings. The file holds nothing but means over thousands of
pictures.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import labelled
from engines.networks import composed, runtime
from engines.networks import efficientnet_lite as lite
from engines.networks.composed import CENTRES, Vector
from engines.networks.network import squeezed
from features.images import decode

if TYPE_CHECKING:
    import keras

EACH = 30  # objects of a kind
BATCH = 32

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


def centres(vector: Vector, files: Files) -> dict[str, np.ndarray]:
    """Ingredient -> the mean of its rows."""

    def build() -> keras.Model:
        import keras

        model = composed.ingredients(vector, lite.WEIGHTS.locate())
        return keras.Model(model.inputs, keras.ops.concatenate(model.outputs, axis=1))

    run = runtime.load(
        runtime.Net(f"centres-{vector.name}", build, partial(runtime.photos, lite.SIZE), exact=True)
    )
    total = sum(run(batch)[0].sum(axis=0, dtype=np.float64) for batch in batches(files))
    ends = np.cumsum([one.dim for one in vector.ingredients])
    means = np.split((total / len(files)).astype(np.float32), ends)  # the last are the pooled features
    return {f"{vector.name}/{one.name}": mean for one, mean in zip(vector.ingredients, means, strict=False)}


def main() -> None:
    found: dict[str, np.ndarray] = {}
    scratch = tempfile.TemporaryDirectory()
    os.environ["SEMBLANCE_EXPORTS"] = scratch.name  # what is exported here serves this run alone
    for files, vectors in ((photos(), (composed.PRODUCT, composed.VISUAL)), (paintings(), (composed.STYLE,))):
        for vector in vectors:
            print(f"{vector.name}: {len(files)} pictures", flush=True)
            found |= centres(vector, files)
    np.savez_compressed(CENTRES, **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
