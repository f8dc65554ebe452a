"""Makes the shipped files of trained nets: python -m training.fit [pictures] [faces]

Fits what turns a net's parts into a vector (means and projections), on pictures that were learned from;
rounds all numbers to float16; and exports the result for the runtime. It takes some minutes.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import engines
from engines.networks import builtin, residual, runtime
from engines.networks.builtin import Vector
from engines.networks.network import Network, squeezed
from features.verification import known_pairs
from training import data, measure, pictures
from training.data import Pictures

MOST = 3000  # pictures of each set to fit on
DAMPING = 0.3
"""Of the whitening: 0 leaves the components as loud as they are, 0.5 makes all alike."""
FLOOR = 1e-3  # of the first component's variance
SHRINK = {builtin.HALVES: 1.0, builtin.MOVEMENTS: 1.0, builtin.PEOPLE: 0.3}
"""Of the spread within a label, towards the same in all directions; by lesson."""
QUANTILES = 1001  # of the cosines of known pairs
SPACE = 600  # components in which directions are looked for

Arrays = dict[str, np.ndarray]


def components(rows: np.ndarray, count: int, damping: float) -> np.ndarray:
    """(N, L) centred rows -> the (L, count) projection on their principal components, damped by their strength."""
    variances, axes = np.linalg.eigh(np.cov(rows.T))
    variances, axes = variances[::-1][:count], axes[:, ::-1][:, :count]
    return axes / (variances + FLOOR * variances[0]) ** damping


def directions(rows: np.ndarray, labels: np.ndarray, count: int, shrink: float) -> np.ndarray:
    """(N, L) centred rows of N labels -> the (L, count) projection that tells the labels apart best."""
    space = components(rows, SPACE, damping=0)
    rows = rows @ space
    label = np.unique(labels, return_inverse=True)[1]
    means = np.stack([rows[label == number].mean(axis=0) for number in range(label.max() + 1)])
    within = np.cov((rows - means[label]).T)
    within += shrink * np.trace(within) / len(within) * np.eye(len(within))
    variances, axes = np.linalg.eigh(within)
    white = axes / np.sqrt(variances)
    between = (means - means.mean(axis=0)) @ white
    return space @ white @ np.linalg.svd(between, full_matrices=False)[2][:count].T


def fit(
    vector: Vector,
    arrays: Arrays,
    images: Sequence[np.ndarray],
    lessons: Mapping[str, tuple[Sequence[np.ndarray], np.ndarray | None]],
) -> Arrays:
    """Adds the vector's own arrays to those of the net, which are of float16's precision already.

    images: to centre on, and to find components of. lessons: images with (N,) labels to tell apart, or with None
    to find components of them.
    """
    import keras

    raw = builtin.parts(vector, arrays)
    model = keras.Model(raw.pop("pixels"), raw)

    def parts(images: Sequence[np.ndarray]) -> Arrays:
        squares = np.stack([squeezed(image, vector.size) for image in images])
        return model.predict(squares, batch_size=64, verbose=0)

    found = parts(images)
    taught = {name: found if seen is images else parts(seen) for name, (seen, _) in lessons.items()}
    added = {f"{vector.name}/{name}": part.mean(axis=0) for name, part in found.items()}
    for name, arm in vector.arms.items():
        if not arm.dim:
            continue
        centre = np.asarray(builtin.joined(vector, arm, added, found), np.float64).mean(axis=0)
        seen = taught.get(arm.lesson, found)
        rows = np.asarray(builtin.joined(vector, arm, added, seen), np.float64) - centre
        labels = lessons[arm.lesson][1] if arm.lesson else None
        if labels is None:
            axes = components(rows, arm.dim, DAMPING)
        else:
            axes = directions(rows, labels, arm.dim, SHRINK[arm.lesson])
        key = f"{vector.name}/{name}"
        added[f"{key}/centre"] = centre
        added[f"{key}/projection"] = axes / np.abs(axes).max()  # the length of a row is nothing
    return arrays | added


def trained(path: Path) -> Arrays:
    """A trained net's arrays, folded, as float16 has them."""
    net = residual.build(None)
    net.load_weights(path)
    return {name: value.astype(np.float16).astype(np.float32) for name, value in residual.fold(net).items()}


def to_fit(path: Path, network: Network) -> Arrays:
    """The net that was trained here, else the one that is shipped, without its vectors."""
    if path.exists():
        return trained(path)
    vectors = ("picture/", "style/", "face/")
    return {name: of for name, of in builtin.read(network.weights.path).items() if not name.startswith(vectors)}


def ship(arrays: Arrays, networks: Sequence[Network]) -> None:
    """Writes the weights file that these share, and their exports beside it.

    The exports hold all constants in float16: those of the nets' code should be such that nothing is lost.
    """
    path = networks[0].weights.path
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **{name: value.astype(np.float16) for name, value in sorted(arrays.items())})
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, sha256 {digest(path)}")
    for network in networks:
        runtime.export(network.exported(path, digest(path)), path.parent, half=True)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tidy() -> None:
    """Removes exports of earlier weights files."""
    nets = (builtin.PICTURES, builtin.STYLES, builtin.FACES)
    current = {net.exported(None, digest(net.weights.path)).name for net in nets if net.weights.path.exists()}
    for old in runtime.SHIPPED.iterdir():
        if old.suffix != ".npz" and old.stem not in current:
            old.unlink()


def of_sets(sets: dict[str, Pictures], net: Arrays) -> Arrays:
    """The arrays of a net for pictures, with those of both its vectors."""
    rng = np.random.default_rng(pictures.SEED)
    images = [image for one in sets.values() for image in one.images[np.sort(rng.permutation(len(one))[:MOST])]]
    arrays = fit(builtin.PICTURE, net, images, {})
    paintings = sets["paintings"]
    middle = paintings.images.shape[2] // 2
    halves = [half for image in paintings.images for half in (image[:, :middle], image[:, middle:])]
    lessons = {
        builtin.HALVES: (halves, np.repeat(np.arange(len(paintings)), 2)),
        builtin.MOVEMENTS: (paintings.images, paintings.labels["movement"]),
        builtin.SUBJECTS: (images, None),
    }
    return fit(builtin.STYLE, arrays, paintings.images, lessons)


def of_pictures(work: Path) -> None:
    arrays = of_sets(pictures.sets(), to_fit(work / "pictures/net.weights.h5", builtin.PICTURES))
    ship(arrays, [builtin.PICTURES, builtin.STYLES])


def of_faces(work: Path) -> None:
    photos = data.faces()
    people = photos.labels["person"]
    learn, _, _ = data.people(people)
    arrays = to_fit(work / "faces/net.weights.h5", builtin.FACES)
    images = photos.images[learn]
    ship(fit(builtin.FACE, arrays, images, {builtin.PEOPLE: (images, people[learn])}), [builtin.FACES])
    keep_pairs()


def keep_pairs() -> None:
    """How alike two photos of one person are, and of two people, among those held back to choose by: quantiles."""
    files = list(data.folder(data.root() / "faces"))
    _, choose, _ = data.people(np.array([person for person, _ in files]))
    rows, people = measure.embed(engines.create("lookalike", "builtin"), [files[number] for number in choose])
    pairs = known_pairs(rows, list(people), "")
    assert pairs and builtin.FACES.pairs
    shares = np.linspace(0, 1, QUANTILES)
    same, different = (np.quantile(of, shares).astype(np.float32) for of in (pairs.same, pairs.different))
    np.savez_compressed(builtin.FACES.pairs, same=same, different=different)


def main() -> None:
    parts = {"pictures": of_pictures, "faces": of_faces}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", choices=[[], *parts], default=[])
    parser.add_argument("--work", type=Path, default=Path("training/work"), help="where the trained nets are")
    told = parser.parse_args()
    for name in told.nets or parts:
        parts[name](told.work)
    tidy()


if __name__ == "__main__":
    main()
