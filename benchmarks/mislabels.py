"""How well odd ones are found: python -m benchmarks.mislabels

In each set one label of twenty is swapped for another at random, and the pictures are ordered as by the view Odd
ones. Told is the mean of three draws: precision among the first n of n swapped and among the first 50, average
precision, the area under the ROC curve, and how often the folder that is named is the true one. Beside it the same
of another order: by the share of the ten nearest that are of the folder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

import engines
from benchmarks import labelled as data
from benchmarks.quality import Rows, embed
from features.analysis.outliers import NEAR, outliers

SHARE, DRAWS, FIRST = 0.05, 3, 50
SETS = (
    ("garments", "clothing/train", "product"),
    ("garments", "clothing/train", "colour"),
    ("paintings", "paintings", "style"),
    ("paintings", "paintings", "product"),
    ("people", "faces", "lookalike"),
)


def swapped(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(N,) labels -> the same, some of them another's, and (N,) bool which."""
    random, names, given = np.random.default_rng(seed), np.unique(labels), labels.copy()
    drawn = random.choice(len(labels), round(SHARE * len(labels)), replace=False)
    for place in drawn:
        given[place] = random.choice(names[names != labels[place]])
    return given, np.isin(np.arange(len(labels)), drawn)


def scores(odd: np.ndarray, wrong: np.ndarray) -> tuple[float, ...]:
    """(N,) how odd each is, and whether it is swapped -> precision among the first n and FIRST, AP, AUC."""
    order = wrong[np.argsort(-odd, kind="stable")]
    first, some = order[: wrong.sum()].mean(), order[:FIRST].mean()
    return first, some, average_precision_score(wrong, odd), roc_auc_score(wrong, odd)


def by_margin(rows: Rows, given: np.ndarray, wrong: np.ndarray) -> tuple[float, ...]:
    """Of `outliers`. Those it doesn't name come last, all alike."""
    found = outliers(rows[0], [*map(str, range(len(given)))], given.tolist())
    odd, named = np.zeros(len(given)), given.copy()
    for one in found.misplaced:
        odd[int(one.digest)], named[int(one.digest)] = one.margin, one.like
    return *scores(odd, wrong), float((named == rows[1])[wrong].mean())


def by_share(rows: Rows, given: np.ndarray, wrong: np.ndarray) -> tuple[float, ...]:
    cosines = rows[0] @ rows[0].T
    np.fill_diagonal(cosines, -np.inf)
    near = np.argpartition(-cosines, NEAR, axis=1)[:, :NEAR]
    return scores(-(given[near] == given[:, None]).mean(axis=1), wrong)


def tell(what: str, found: Sequence[tuple[float, ...]]) -> None:
    names = ("first n", f"first {FIRST}", "AP", "AUC", "true folder")
    mean = np.mean(found, axis=0)
    print(
        f"{what}:", ", ".join(f"{name} {value:.3f}" for name, value in zip(names, mean, strict=False)), flush=True
    )


def main() -> None:
    for name, path, engine in SETS:
        rows = embed(engines.create(engine, "builtin"), data.folder(data.root() / path))
        draws = [swapped(rows[1], seed) for seed in range(DRAWS)]
        tell(f"{name} by {engine}, margin", [by_margin(rows, *draw) for draw in draws])
        tell(f"{name} by {engine}, share of {NEAR}", [by_share(rows, *draw) for draw in draws])


if __name__ == "__main__":
    main()
