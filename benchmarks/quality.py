"""Measures the installed networks on labelled pictures: python -m benchmarks.quality [PART...]

Each figure is of whole engines, as the app runs them: files are decoded, cropped, embedded. A folder of labelled
pictures of your own is measured by `python -m benchmarks.quality folder FOLDER... --engine NAME`.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

import engines
from benchmarks import labelled as data
from engines import Crop, Engine, NotEmbeddable
from features.analysis.verification import cross_validated
from features.catalogue.images import decode
from features.evaluation.measures import DEPTH, retrieval_scores

FOLDS, PAIRS = 10, 3000  # pairs of each kind
EACH = 30  # objects of a kind
BATCH = 32

Rows = tuple[np.ndarray, np.ndarray]
"""(N, D) float32 unit rows, and the (N,) labels."""


def embed(engine: Engine, files: Iterable[tuple[str, bytes]]) -> Rows:
    """The most prominent crop of each file; files without one are left out."""
    labels, crops, rows = [], [], []
    for label, content in files:
        try:
            crops.append(engine.crops(decode(content, engine.side).pixels)[0])
        except NotEmbeddable:
            continue
        labels.append(label)
        if len(crops) == BATCH:
            rows.append(engine.embed(crops))
            crops = []
    return np.concatenate([*rows, engine.embed(crops)]), np.array(labels)


def part(rows: Rows, wanted: np.ndarray) -> Rows:
    return rows[0][wanted], rows[1][wanted]


def scores(queries: Rows, gallery: Rows | None = None) -> tuple[float, float, float]:
    """precision@1, precision@5 and mAP@10. Without a gallery, each query against all others of its set."""
    answers = (queries[0] @ (gallery or queries)[0].T).astype(np.float64)
    if gallery is None:
        np.fill_diagonal(answers, -2)
    nearest = np.argsort(-answers, axis=1, kind="stable")[:, :DEPTH]
    return retrieval_scores(list(queries[1]), [list((gallery or queries)[1][row]) for row in nearest])


def show(what: str, found: tuple[float, float, float]) -> None:
    print(f"{what}:", "precision@1 {:.3f}, precision@5 {:.3f}, mAP@10 {:.3f}".format(*found), flush=True)


def with_another(rows: Rows) -> Rows:
    """Those whose label is another's as well."""
    names, counts = np.unique(rows[1], return_counts=True)
    return part(rows, np.isin(rows[1], names[counts > 1]))


def verified(rows: Rows) -> tuple[float, float]:
    """Share of pairs, half of one person and half of two, that a threshold tells rightly: mean and deviation.

    Over ten tenths, as `features.analysis.verification` has it.
    """
    vectors, labels = rows
    rng = np.random.default_rng(1)
    one, other = np.triu_indices(len(labels), 1)
    same = labels[one] == labels[other]
    chosen = np.concatenate([rng.choice(np.flatnonzero(kind), PAIRS, replace=False) for kind in (same, ~same)])
    chosen = rng.permutation(chosen)
    near, truth = np.einsum("ij,ij->i", vectors[one[chosen]], vectors[other[chosen]]), same[chosen]
    right, _ = cross_validated(np.array_split(near, FOLDS), np.array_split(truth, FOLDS))
    return float(right.mean()), float(right.std(ddof=1))


@cache
def paintings() -> tuple[list[tuple[str, bytes]], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    files = list(data.folder(data.root() / "paintings"))
    return files, data.movements(np.array([label for label, _ in files]))


def pictures() -> None:
    """Garments that are asked against others; objects and general pictures, each against all others of its set."""
    for name in ("product", "visual"):
        engine = engines.create(name, "builtin")
        gallery = embed(engine, data.folder(data.root() / "clothing/train"))
        queries = embed(engine, data.folder(data.root() / "clothing/validation"))
        show(f"garments by {name}, validation in train", scores(queries, gallery))
        objects = list(data.archive(data.root() / "objects.tar"))
        some = data.some_of_each(np.array([label for label, _ in objects]), EACH)
        show(f"objects by {name}, {EACH} of each kind", scores(embed(engine, [objects[row] for row in some])))
        general = list(data.archive(data.root() / "general.tar"))
        held = np.flatnonzero(data.held_kinds(np.array([label for label, _ in general])))
        show(f"general by {name}, 40 kinds", scores(embed(engine, [general[row] for row in held])))
        of_paintings(engine)


def folder(path: Path, engine: str) -> None:
    """Each picture of a folder of labelled ones, against all others."""
    rows = embed(engines.create(engine, "builtin"), data.folder(path))
    show(f"{path.name} by {engine}, {len(rows[1])} pictures", scores(with_another(rows)))


def style() -> None:
    of_paintings(engines.create("style", "builtin"))


def art() -> None:
    """Of 500 paintings held back: their halves among one another, and small copies among the paintings."""
    engine = engines.create("style", "builtin")
    files, (_, choose, report) = paintings()
    held = np.random.default_rng(1).permutation(np.concatenate([choose, report]))[:500]
    whole = [decode(files[number][1]).pixels for number in held]
    halves = [image[:, part] for image in whole for part in _halves(image.shape[1])]
    rows = engine.embed([Crop(np.ascontiguousarray(half)) for half in halves])
    near = rows @ rows.T
    np.fill_diagonal(near, -2)
    other = np.arange(len(rows)) ^ 1
    found = np.argsort(-near, axis=1, kind="stable")[:, :5] == other[:, None]
    print(f"halves of 500 paintings: first {found[:, 0].mean():.3f}, among five {found.any(axis=1).mean():.3f}")
    copies = engine.embed([Crop(decode(_smaller(image)).pixels) for image in whole])
    right = (copies @ engine.embed([Crop(image) for image in whole]).T).argmax(axis=1) == np.arange(len(whole))
    print(f"copies half as large, as JPEG of quality 70: first {right.mean():.3f}")


def _halves(width: int) -> tuple[slice, slice]:
    return slice(0, width // 2), slice(width // 2, width)


def _smaller(pixels: np.ndarray) -> bytes:
    image, made = Image.fromarray(pixels), io.BytesIO()
    image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS).save(made, "JPEG", quality=70)
    return made.getvalue()


def of_paintings(engine: Engine) -> None:
    files, (learn, choose, report) = paintings()
    rows = embed(engine, files)
    for name, queries in (("to choose by", choose), ("reported", report)):
        show(f"paintings by {engine.name}, {name}", scores(part(rows, queries), part(rows, learn)))


def faces() -> None:
    engine = engines.create("lookalike", "builtin")
    files = list(data.folder(data.root() / "faces"))
    _, choose, report = data.people(np.array([label for label, _ in files]))
    for name, chosen in (("to choose by", choose), ("reported", report)):
        rows = with_another(embed(engine, [files[number] for number in chosen]))
        show(f"faces, {name}, {len(rows[1])} photos", scores(rows))
        if name == "reported":
            print("faces, pairs told apart: {:.3f} (deviation {:.3f})".format(*verified(rows)))


def speed() -> None:
    files = list(data.folder(data.root() / "clothing/validation"))
    for name in ("product", "visual", "style", "lookalike"):
        engine = engines.create(name, "builtin")
        start = time.perf_counter()
        engine.prepare()
        engine.embed([Crop(np.zeros((64, 64, 3), np.uint8))])
        loaded = time.perf_counter() - start
        crops = [Crop(decode(content, engine.side).pixels) for _, content in files]
        start = time.perf_counter()
        engine.embed(crops)
        print(
            f"{name}: ready in {loaded:.2f} s, {len(crops) / (time.perf_counter() - start):.0f} vectors a second"
        )


def main() -> None:
    parts = {one.__name__: one for one in (pictures, style, art, faces, speed)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(parts)}, or: folder FOLDER...")
    parser.add_argument("--engine", default="product")
    asked = parser.parse_args()
    if asked.parts[:1] == ["folder"]:
        for path in asked.parts[1:]:
            folder(Path(path), asked.engine)
        return
    for name in asked.parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
