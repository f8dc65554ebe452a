"""Trains the autoencoder on one folder and measures it on another: python -m benchmarks.autoencoder TRAIN QUERIES

By the very ways of the app. Against it stand the mean picture, a PCA of as many numbers as it has latents, and the
nearest pictures by raw pixels. Pictures of both folders are squeezed alike.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from engines import Crop, unit_rows
from engines.networks.network import squeezed
from engines.vae import Autoencoder
from features.catalogue import images
from features.catalogue.folder import Catalogue
from features.evaluation.measures import retrieval_scores
from features.learning import autoencoder
from features.library import Library, labelled_files

WALKS, STEPS = 200, 21


def squares(files: list[tuple[Path, str]], side: int) -> np.ndarray:
    """(N, S, S, 3) uint8."""
    return np.stack([squeezed(images.decode(images.read_bytes(path), side).pixels, side) for path, _ in files])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--home", type=Path, help="Where it is kept [default: nowhere].")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(Library(asked.home or Path(scratch)), asked.train, asked.queries)


def measure(library: Library, train: Path, queries: Path) -> None:
    catalogue, started = library.open(train), time.perf_counter()
    engine = library.index(catalogue, library.engine("vae")).training.train()
    seconds, own = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert isinstance(engine, Autoencoder) and engine.trained
    print(f"trained in {seconds:.0f} s, {own.ru_utime + own.ru_stime:.0f} s of processors: {engine.figures()}")
    library.index(catalogue, engine).update()

    side, trained = engine.side, engine.trained
    gallery, held = ([*labelled_files(folder, library.home)] for folder in (train, queries))
    theirs, mine = (squares(files, side) for files in (gallery, held))
    flat, asking = (rows.reshape(len(rows), -1).astype(np.float32) / 255 for rows in (theirs, mine))
    crops = [Crop(pixels) for pixels in mine]
    made = engine.decode(engine.encode(crops)[0]).reshape(len(crops), -1)
    latent = trained.plan.shape.latent
    print(f"mean squared error on {queries}, pixels 0..1:")
    print(f"  mean picture {np.square(asking - flat.mean(axis=0)).mean():.5f}")
    for number in sorted({64, latent}):
        print(f"  PCA of {number:3} {_pca(flat, asking, number):.5f}")
    print(f"  autoencoder of {latent} {np.square(asking - made).mean():.5f}")

    labels = [label for _, label in gallery], [label for _, label in held]
    cosine = unit_rows(asking) @ unit_rows(flat).T
    euclid = 2 * asking @ flat.T - np.square(flat).sum(axis=1)
    centred = unit_rows(asking - flat.mean(axis=0)) @ unit_rows(flat - flat.mean(axis=0)).T
    for name, scores in (("cosine", cosine), ("euclidean", euclid), ("centred cosine", centred)):
        answers = [[labels[0][i] for i in np.argsort(-row, kind="stable")[:10]] for row in scores]
        _tell(f"raw pixels, {name}", *retrieval_scores(labels[1], answers))
    found, _ = library.index(catalogue, engine).evaluation.retrieval(held)
    _tell("autoencoder", found.precision_at_1, found.precision_at_5, found.map_at_10)
    print(f"active units (variance of the mean > 0.01): {trained.active} of {latent}")
    _smooth(library, catalogue, engine, crops)


def _pca(flat: np.ndarray, asking: np.ndarray, number: int) -> float:
    from sklearn.decomposition import PCA

    pca = PCA(number, svd_solver="randomized", random_state=0).fit(flat)
    return float(np.square(pca.inverse_transform(pca.transform(asking)) - asking).mean())


def _tell(what: str, *scores: float) -> None:
    print("{}: precision@1 {:.3f}, precision@5 {:.3f}, mAP@10 {:.3f}".format(what, *scores))


def _smooth(library: Library, catalogue: Catalogue, engine: Autoencoder, crops: list[Crop]) -> None:
    """Walks between pictures that were not learned from: how even their steps are, and that nobody turns back."""
    random, means = np.random.default_rng(0), engine.encode(crops)[0]
    monotone, returning, longest, ranges = 0, 0, [], []
    for _ in range(WALKS):
        one, other = means[random.choice(len(means), 2, replace=False)]
        latents = autoencoder.walk(one, other, STEPS)
        rows, frames = autoencoder.directions_to(engine, latents), engine.decode(latents)
        away, near = rows @ rows[0], rows @ rows[-1]
        monotone += bool((np.diff(away) <= 1e-6).all() and (np.diff(near) >= -1e-6).all())
        first = [matches[0].digest for matches in library.index(catalogue, engine).nearest(rows, 1)]
        seen = [digest for digest, before in zip(first, ["", *first], strict=False) if digest != before]
        returning += len(seen) > len(set(seen))
        steps = np.sqrt(np.square(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)))
        longest.append(steps.max() / steps.mean())
        ranges += [frames.min(), frames.max()]
    print(f"walks of {STEPS} steps: {monotone} of {WALKS} leave one picture and near the other at each step;")
    print(f"  {returning} of them come back to a nearest picture that they had left;")
    print(f"  the longest step of a walk is {np.mean(longest):.2f} of its mean (at worst {max(longest):.2f});")
    print(f"  pixels from {min(ranges):.3f} to {max(ranges):.3f}")


if __name__ == "__main__":
    main()
