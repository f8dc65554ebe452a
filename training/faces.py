"""Trains `builtin-face`, the net for aligned faces: python -m training.faces

It starts from the net for pictures and learns to tell people apart with a margin (Wang et al. 2018, CosFace).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from training import augment, data
from training.run import Batch, train

SIDE = 80  # pixels
PEOPLE, PHOTOS = 48, 2  # in a batch: so many people, so many photos of each
STEPS, EPOCHS = 60, 60
SEED = 4


class Batches:
    """(epoch, step) -> photos of PEOPLE people drawn at random, whoever has many photos or few."""

    def __init__(self, images: np.ndarray, people: np.ndarray) -> None:
        self.images = images
        self.rows = [np.flatnonzero(people == person) for person in range(people.max() + 1)]

    def __call__(self, epoch: int, step: int) -> Batch:
        rng = np.random.default_rng([SEED, epoch, step])
        chosen = rng.choice(len(self.rows), PEOPLE, replace=False)
        rows = [row for person in chosen for row in np.resize(rng.permutation(self.rows[person]), PHOTOS)]
        images = [augment.face(self.images[row], SIDE, rng) for row in rows]
        return np.stack(images), {"person": np.repeat(chosen, PHOTOS).astype(np.int32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("training/work/faces"), help="checkpoint and log")
    parser.add_argument("--start", type=Path, default=Path("training/work/pictures/net.weights.h5"))
    told = parser.parse_args()

    import keras

    from engines.networks import residual
    from training.heads import taught

    keras.utils.set_random_seed(SEED)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    photos = data.faces()
    learn, _, _ = data.people(photos.labels["person"])
    _, people = np.unique(photos.labels["person"][learn], return_inverse=True)
    net = residual.build(None)
    net.load_weights(told.start)
    model = taught(
        net,
        {"person": int(people.max()) + 1},
        dropout=0.4,
        scale=24,
        smoothing=0,
        margin=0.2,
        rate=1e-3,
        decay=0.1,
        steps=EPOCHS * STEPS,
        warmup=2 * STEPS,
    )
    train(model, Batches(photos.images[learn], people), epochs=EPOCHS, steps=STEPS, work=told.work)
    net.save_weights(told.work / "net.weights.h5")


if __name__ == "__main__":
    main()
