"""How vectors do on kinds that no label taught the net: python -m training.unseen

Groceries, furniture shots and unseen styles are not among the data; sets like them can be made of it. A net like
the shipped one is trained for half the time without these kinds (25 minutes on two cores; goes on after a kill),
then the vectors that ship are fitted to it and asked for each picture's nearest other of its set.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines.networks import builtin
from engines.networks.builtin import Vector
from engines.networks.network import squeezed
from training import data, fit, measure, pictures
from training.data import Pictures

EPOCHS, SIDE = 14, 64
FOODS = "n07"  # WordNet's numbers of them begin so
FURNITURE = ("chair", "windsor_chair", "lamp", "grand_piano", "wheelchair", "chandelier", "ceiling_fan", "menorah")
WARE = ("umbrella", "ewer", "cup")
SHOTS = ("Watches", "Handbags", "Sunglasses", "Wallets", "Belts", "Perfume and Body Mist", "Ties", "Caps")
TRIFLES = (
    "Backpacks",
    "Clutches",
    "Earrings",
    "Necklace and Chains",
    "Pendant",
    "Nail Polish",
    "Deodorant",
    "Lipstick",
)
MOVEMENTS = ("art-nouveau", "impressionism", "romanticism")


def named(pictures: Pictures, head: str) -> np.ndarray:
    """(N,) labels of a head by name, "" where a picture has none."""
    return np.array([*pictures.names[head], ""])[pictures.labels[head]]


def split() -> tuple[dict[str, Pictures], dict[str, tuple[Pictures, np.ndarray]]]:
    """What is learned from; and the sets like those that are unseen, with (N,) labels."""
    paintings, general, objects, fashion = data.paintings(), data.general(), data.objects(), data.fashion()
    things = named(general, "general")
    food = np.char.startswith(things, FOODS)
    furniture = np.isin(named(objects, "object"), (*FURNITURE, *WARE))
    other = data.held_kinds(objects.labels["object"]) & ~furniture
    articles, movement = named(fashion, "article"), named(paintings, "movement")
    shots, trifles = np.isin(articles, SHOTS), np.isin(articles, TRIFLES)
    unseen = np.isin(movement, MOVEMENTS)
    learned = {
        "clothing": data.clothing("train"),
        "fashion": fashion.part(~(shots | trifles)),
        "general": general.part(~(data.held_kinds(general.labels["general"]) | food)),
        "objects": objects.part(~(furniture | other)),
        "paintings": paintings.part(~unseen),
    }
    coloured = np.char.add(np.char.add(articles, " "), named(fashion, "colour"))
    coloured[~(shots | trifles) | (named(fashion, "colour") == "")] = ""
    held = {
        "foods, 16 kinds": _few(general, np.where(food, things, ""), (), 40),
        "furniture and ware, 11 kinds": _few(objects, named(objects, "object"), (*FURNITURE, *WARE), 100),
        "objects, 17 kinds": _few(objects, np.where(other, named(objects, "object"), ""), (), 1000),
        "shop shots, 8 kinds": _few(fashion, articles, SHOTS, 71),
        "43 articles in one colour": _few(fashion, coloured, (), 12, kinds=43),
        "3 movements": _few(paintings, movement, MOVEMENTS, 300),
    }
    return learned, held


def _few(
    pictures: Pictures, labels: np.ndarray, wanted: Sequence[str], most: int, kinds: int = 99
) -> tuple[Pictures, np.ndarray]:
    """At most so many pictures of each wanted label; of all labels with enough pictures when none is named."""
    names = wanted or [label for label in np.unique(labels) if label and (labels == label).sum() >= min(most, 12)]
    rows = np.concatenate([np.flatnonzero(labels == label)[:most] for label in names[:kinds]])
    return pictures.part(rows), labels[rows]


def tell(vector: Vector, arrays: fit.Arrays, held: dict[str, tuple[Pictures, np.ndarray]], work: Path) -> None:
    path = work / "vector.npz"
    np.savez(path, **arrays)
    model = builtin.build(vector, path)
    for name, (of, labels) in held.items():
        squares = np.stack([squeezed(image, vector.size) for image in of.images])
        rows = model.predict(squares, batch_size=64, verbose=0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        measure.tell(f"{vector.name}: {name}", measure.scores((rows, labels)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("training/work/unseen"), help="checkpoint and log")
    work = parser.parse_args().work

    import keras

    learned, held = split()
    if not (work / "net.weights.h5").exists():
        pictures.learn(learned, work, [SIDE] * EPOCHS)
        keras.mixed_precision.set_global_policy("float32")
    net = fit.trained(work / "net.weights.h5")
    vectors = fit.of_sets(learned, net)
    for vector in (builtin.PICTURE, builtin.STYLE):
        tell(vector, vectors, held, work)


if __name__ == "__main__":
    main()
