"""The map of a collection: vectors of many numbers laid out in the plane, what is alike close together.

t-SNE: van der Maaten and Hinton, Visualizing Data using t-SNE, 2008. UMAP: McInnes, Healy and Melville, 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engines import SemblanceError

VERSION = 1  # of what is below: a map that is kept from another one is made anew
FEW = 4  # rows: t-SNE and UMAP need so many
COMPONENTS = 50  # that t-SNE and UMAP start from
SAMPLE = 3000  # rows that t-SNE lays out; the others are placed among them
PERPLEXITY = 30  # neighbours that t-SNE keeps together, about
NEIGHBOURS = 5  # that place a picture
PIECE = 4096  # rows placed at a time


@dataclass(frozen=True)
class Projection:
    """digests: of the pictures, each once. positions: (n, 2) float32, 0..1, of each of them."""

    digests: Sequence[str]
    positions: np.ndarray


def project(vectors: np.ndarray, method: str) -> np.ndarray:
    """(n, D) float32 unit rows -> (n, 2) float32 positions in 0..1, the longer side of the map filled.

    By fixed seeds: the same rows, whatever their order, land at the same places; equal rows at one. Of more than
    SAMPLE rows t-SNE lays out a sample, and the others are placed by their neighbours in it. UMAP, and PCA
    everywhere, take all. Fewer than FEW different rows are laid out by PCA. Raises SemblanceError for a method
    that is not one of METHODS, or is not installed.
    """
    lay_out = check(method)
    different, where = np.unique(vectors, axis=0, return_inverse=True)
    return _scaled((lay_out if len(different) >= FEW else _pca)(different))[where.reshape(-1)]


def check(method: str) -> Callable[[np.ndarray], np.ndarray]:
    """What lays out by this method. Raises SemblanceError, which lists the choices."""
    if method not in METHODS:
        raise SemblanceError(f"There is no such map. Choose one of: {', '.join(METHODS)}.")
    return METHODS[method]


def place(queries: np.ndarray, vectors: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(..., D) unit rows that are not on the map -> their (..., 2) places, among their nearest neighbours on it.

    t-SNE has no way to lay out one more row, so this is no more than a hint: the mean of the NEIGHBOURS nearest
    rows' positions, the nearer the weightier. vectors (n, D), positions (n, 2): what is on the map; n at least 1.
    """
    cosines = queries @ vectors.T
    nearest = np.argsort(-cosines, axis=-1, kind="stable")[..., :NEIGHBOURS]
    return between(np.take_along_axis(cosines, nearest, axis=-1), positions[nearest])


def between(cosines: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(..., k) cosines to neighbours at (..., k, 2) -> (..., 2). A neighbour's weight is 1 / squared distance."""
    weights = 1 / np.maximum(2 - 2 * np.asarray(cosines, float), 1e-9)
    return ((weights[..., None] * positions).sum(axis=-2) / weights.sum(axis=-1)[..., None]).astype(np.float32)


def _pca(rows: np.ndarray, components: int = 2) -> np.ndarray:
    """(n, D) -> (n, components); zeros where the rows have fewer."""
    from sklearn.decomposition import PCA

    made = np.zeros((len(rows), components), np.float32)
    number = min(components, *rows.shape)
    if len(rows) > 1:
        made[:, :number] = PCA(number, svd_solver="full", random_state=0).fit_transform(rows)
    return made


def _tsne(rows: np.ndarray) -> np.ndarray:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    order = np.random.default_rng(0).permutation(len(rows))
    sample, others = order[:SAMPLE], order[SAMPLE:]
    perplexity = min(PERPLEXITY, (len(sample) - 1) / 3)
    made = np.zeros((len(rows), 2), np.float32)
    with threadpool_limits(1):  # how threads share the sums would move the last digits, and then all
        start = _pca(rows[sample], COMPONENTS)
        made[sample] = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(start)
    for begin in range(0, len(others), PIECE):
        piece = others[begin : begin + PIECE]
        made[piece] = place(rows[piece], rows[sample], made[sample])
    return made


def _umap(rows: np.ndarray) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError as error:
        raise SemblanceError('UMAP is not installed; run: pip install "umap-learn>=0.5.7".') from error
    start = _pca(rows, COMPONENTS)
    return UMAP(n_neighbors=min(15, len(rows) - 1), init="pca", random_state=0, n_jobs=1).fit_transform(start)


def _scaled(made: np.ndarray) -> np.ndarray:
    """Into 0..1, with both sides to one scale, in the middle."""
    if not len(made):
        return np.zeros((0, 2), np.float32)
    low, high = made.min(axis=0), made.max(axis=0)
    span = float((high - low).max()) or 1.0
    return np.clip(0.5 + (made - (low + high) / 2) / span, 0, 1).astype(np.float32)


METHODS = {"t-SNE": _tsne, "PCA": _pca, "UMAP": _umap}
