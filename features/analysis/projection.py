"""The map of a collection: vectors of many numbers laid out in the plane or in space, what is alike together.

t-SNE: van der Maaten and Hinton, Visualizing Data using t-SNE, 2008. UMAP: McInnes, Healy and Melville, 2018.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines import SemblanceError
from engines.extras import missing
from features import files, keeping

VERSION = 2  # of what is below: a map that is kept from another one is made anew
FEW = 4  # rows: t-SNE and UMAP need so many
COMPONENTS = 50  # that t-SNE and UMAP start from
SAMPLE = 3000  # rows that t-SNE lays out; the others are placed among them
PERPLEXITY = 30  # neighbours that t-SNE keeps together, about
NEIGHBOURS = 5  # that place a picture
PIECE = 4096  # rows placed at a time
POLL = 0.1  # seconds between two looks at the process that lays out


@dataclass(frozen=True)
class Projection:
    """digests: of the pictures, each once. positions: (n, 2) or (n, 3) float32, 0..1, of each of them."""

    digests: Sequence[str]
    positions: np.ndarray

    def keep(self, path: Path) -> None:
        """In a file of its own, for `kept`."""
        told = {"shown": _shown(self.digests), "positions": self.positions.tobytes()}
        keeping.keep_plain(path, told)

    @classmethod
    def kept(cls, path: Path, digests: Sequence[str]) -> Projection | None:
        """What `keep` has kept, if it is of these pictures. A damaged file is set aside."""
        try:
            told = keeping.kept_plain(path)
            if told["shown"] == _shown(digests):
                positions = np.frombuffer(told["positions"], np.float32).reshape(len(digests), -1)
                if positions.shape[1] in (2, 3) and ((positions >= 0) & (positions <= 1)).all():
                    return cls(digests, positions)
        except FileNotFoundError:
            pass
        except Exception:  # whatever a damaged or hostile pickle may raise
            files.set_aside(path)
        return None


def _shown(digests: Sequence[str]) -> str:
    """What a map is of: the pictures, and how it is made."""
    return hashlib.sha256(repr((VERSION, digests)).encode()).hexdigest()


class _Cancelled(Exception):
    pass


def project(vectors: np.ndarray, method: str, cancelled: Callable[[], bool] | None = None) -> np.ndarray | None:
    """Lays out (n, D) float32 unit rows as float32 positions in 0..1, the longest side of the map filled.

    The positions are (n, 2), or (n, 3) for a method in SPACE.

    By fixed seeds: the same rows, whatever their order, land at the same places; equal rows at one. Of more than
    SAMPLE rows t-SNE lays out a sample, and the others are placed by their neighbours in it. UMAP, and PCA
    everywhere, take all. Fewer than FEW different rows are laid out by PCA. Raises SemblanceError for a method
    that is not one of METHODS, or is not installed.

    cancelled: whether to stop, asked all the time: what takes long then has a process of its own. None if it was.
    """
    check(method)
    different, where = np.unique(vectors, axis=0, return_inverse=True)
    try:
        few = len(different) < FEW
        made = _pca(different, sides(method)) if few else METHODS[method](different, cancelled)
    except _Cancelled:
        return None
    return _scaled(made)[where.reshape(-1)]


def sides(method: str) -> int:
    """Of a map by this method: 2, or 3."""
    return 3 if method in SPACE else 2


def check(method: str) -> None:
    """Raises SemblanceError for a method that can't be had; it lists the choices."""
    if method not in METHODS:
        raise SemblanceError("map.unknown_method", choices=", ".join(METHODS))
    if method == "UMAP" and not importlib.util.find_spec("umap"):
        raise SemblanceError(missing("UMAP", "map", "umap-learn>=0.5.7,<0.6"))


def place(queries: np.ndarray, vectors: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(..., D) unit rows that are not on the map -> their (..., S) places, among their nearest neighbours on it.

    t-SNE has no way to lay out one more row, so this is no more than a hint: the mean of the NEIGHBOURS nearest
    rows' positions, the nearer the weightier. vectors (n, D), positions (n, S): what is on the map; n at least 1.
    """
    cosines = queries @ vectors.T
    nearest = np.argsort(-cosines, axis=-1, kind="stable")[..., :NEIGHBOURS]
    return between(np.take_along_axis(cosines, nearest, axis=-1), positions[nearest])


def between(cosines: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(..., k) cosines to neighbours at (..., k, S) -> (..., S). A neighbour's weight is 1 / squared distance."""
    weights = 1 / np.maximum(2 - 2 * np.asarray(cosines, float), 1e-9)
    return ((weights[..., None] * positions).sum(axis=-2) / weights.sum(axis=-1)[..., None]).astype(np.float32)


def _pca(rows: np.ndarray, components: int = 2) -> np.ndarray:
    """(n, D) -> (n, components); zeros where the rows have fewer."""
    from sklearn.decomposition import PCA

    made = np.zeros((len(rows), components), np.float32)
    number = min(components, *rows.shape)
    solver = "covariance_eigh" if len(rows) > rows.shape[1] else "full"  # each where it is the quicker one
    if len(rows) > 1:  # centred first: of a covariance that the mean outweighs float32 would lose digits
        made[:, :number] = PCA(number, svd_solver=solver).fit_transform(rows - rows.mean(axis=0))
    return made


def _tsne(rows: np.ndarray, cancelled: Callable[[], bool] | None) -> np.ndarray:
    order = np.random.default_rng(0).permutation(len(rows))
    sample, others = order[:SAMPLE], order[SAMPLE:]
    made = np.zeros((len(rows), 2), np.float32)
    made[sample] = _laid_out("t-SNE", rows[sample], cancelled)
    for begin in range(0, len(others), PIECE):
        piece = others[begin : begin + PIECE]
        made[piece] = place(rows[piece], rows[sample], made[sample])
    return made


def _umap(rows: np.ndarray, cancelled: Callable[[], bool] | None) -> np.ndarray:
    return _laid_out("UMAP", rows, cancelled)


def _by_tsne(start: np.ndarray) -> np.ndarray:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(start) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(start)


def _by_umap(start: np.ndarray) -> np.ndarray:
    from umap import UMAP

    return UMAP(n_neighbors=min(15, len(start) - 1), init="pca", random_state=0, n_jobs=1).fit_transform(start)


def _on_one_thread(work: Callable[..., np.ndarray], *given: Any) -> np.ndarray:
    """How threads share the sums would move the last digits, and then all."""
    import sklearn.manifold  # noqa: F401 (first: what is loaded later would not be limited)
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):
        return work(*given)


def _laid_out(method: str, rows: np.ndarray, cancelled: Callable[[], bool] | None) -> np.ndarray:
    """(n, D) -> (n, 2). Neither scikit-learn nor UMAP can be stopped; a process can. Raises _Cancelled."""
    start = _on_one_thread(_pca, rows, COMPONENTS)
    if cancelled is None:
        return _on_one_thread(LAY_OUT[method], start)
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.npy"), Path(folder, "made.npy")
        np.save(given, start)
        command = [sys.executable, "-m", "features.analysis.projection", method, str(given), str(made)]
        with subprocess.Popen(command, cwd=files.PACKAGES) as process:
            while process.poll() is None:
                if cancelled():
                    process.kill()
                    raise _Cancelled
                time.sleep(POLL)
        if process.returncode:
            raise RuntimeError(f"laying out by {method} ended with {process.returncode}")
        return np.load(made)


def _scaled(made: np.ndarray) -> np.ndarray:
    """Into 0..1, with all sides to one scale, in the middle."""
    if not len(made):
        return made
    low, high = made.min(axis=0), made.max(axis=0)
    span = float((high - low).max()) or 1.0
    return np.clip(0.5 + (made - (low + high) / 2) / span, 0, 1).astype(np.float32)


METHODS: dict[str, Callable[[np.ndarray, Callable[[], bool] | None], np.ndarray]] = {
    "t-SNE": _tsne,
    "PCA": lambda rows, cancelled: _pca(rows),
    "PCA 3D": lambda rows, cancelled: _pca(rows, 3),
    "UMAP": _umap,
}
SPACE = {"PCA 3D"}  # those that lay out in space
LAY_OUT = {"t-SNE": _by_tsne, "UMAP": _by_umap}

if __name__ == "__main__":
    method, given, made = sys.argv[1:]
    np.save(made, _on_one_thread(LAY_OUT[method], np.load(given)))
