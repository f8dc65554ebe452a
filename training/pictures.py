"""Trains `builtin`, the net for pictures: python -m training.pictures

One small residual net learns kinds of garment, fashion articles and their colours, things in general and movements
of painting at once, each through a head of its own. Sides grow as it learns (Touvron et al. 2019).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from training import augment, data
from training.data import Pictures
from training.run import Batch, train

# pictures of each set in a batch
QUOTAS = {"clothing": 28, "fashion": 26, "general": 40, "objects": 18, "paintings": 16}
STEPS = 250  # an epoch
SIDES = [64] * 14 + [80] * 8 + [96] * 6  # pixels, epoch by epoch
SEED = 4


def sets() -> dict[str, Pictures]:
    """All that may be learned from."""
    paintings, general, objects = data.paintings(), data.general(), data.objects()
    return {
        "clothing": data.clothing("train"),
        "fashion": data.fashion(),
        "general": general.part(~data.held_kinds(general.labels["general"])),
        "objects": objects.part(~data.held_kinds(objects.labels["object"])),
        "paintings": paintings.part(data.movements(paintings.labels["movement"])[0]),
    }


class Batches:
    """(epoch, step) -> a batch with QUOTAS of each set; each set is gone through in a new order each time.

    sides: pixels, epoch by epoch.
    """

    def __init__(self, sets: dict[str, Pictures], sides: Sequence[int] = SIDES) -> None:
        self.sets, self.sides = sets, sides
        self.heads = [head for pictures in sets.values() for head in pictures.labels]

    def __call__(self, epoch: int, step: int) -> Batch:
        rng = np.random.default_rng([SEED, epoch, step])
        images, labels = [], {head: [] for head in self.heads}
        for number, (name, quota) in enumerate(QUOTAS.items()):
            pictures = self.sets[name]
            first = (epoch * STEPS + step) * quota
            for place in range(first, first + quota):
                order = _order(number, place // len(pictures), len(pictures))
                row = order[place % len(pictures)]
                images.append(augment.picture(pictures.images[row], self.sides[epoch], rng))
                for head, into in labels.items():
                    into.append(pictures.labels[head][row] if head in pictures.labels else -1)
        return np.stack(images), {head: np.array(of, np.int32) for head, of in labels.items()}


@lru_cache(maxsize=16)
def _order(number: int, turn: int, length: int) -> np.ndarray:
    return np.random.default_rng([SEED, number, turn]).permutation(length)


def learn(sets: dict[str, Pictures], work: Path, sides: Sequence[int] = SIDES) -> None:
    """Trains a new net, or goes on; its weights come to lie in work/net.weights.h5."""
    import keras

    from engines.networks import residual
    from training.heads import taught

    keras.utils.set_random_seed(SEED)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    net, epochs = residual.build(None), len(sides)
    classes = {head: len(names) for one in sets.values() for head, names in one.names.items()}
    model = taught(net, classes, dropout=0.2, scale=16, rate=2e-3, decay=0.05, steps=epochs * STEPS, warmup=STEPS)
    train(model, Batches(sets, sides), epochs=epochs, steps=STEPS, work=work)
    net.save_weights(work / "net.weights.h5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("training/work/pictures"), help="checkpoint and log")
    learn(sets(), parser.parse_args().work)


if __name__ == "__main__":
    main()
