"""Trains the autoencoder of vae.py on a folder with all input: `python -m engines.networks.vae_training WORK`.

A checkpoint after each epoch lets a killed run resume.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np

from engines.networks import runtime
from engines.networks.quiet import quietly
from engines.networks.vae import (
    BATCH,
    CHECKPOINT,
    HELD_OUT,
    PER_EPOCH,
    PIXELS,
    PROGRESS,
    RESULT,
    SEED,
    SHOWN,
    START,
    Epoch,
    as_pixels,
    build_decoder,
    build_encoder,
    divergence,
    halfway_white,
    planned,
    restore,
    save,
    strongest,
    write,
)

WARM = 0.12  # share of the epochs in which beta rises from 0 to 1
RATE = 3e-3  # peak learning rate of Adam
WATCHED = 512  # most held-out pictures to evaluate an epoch on
SAMPLES = 8  # held-out pictures whose reconstructions are shown
FITTED = 2000  # pictures to fit the directions on, whose latent means are kept


def train(work: Path, wanted: Callable[[], bool] = lambda: True) -> None:
    """Trains by the plan in a folder, from its checkpoint if there is one, and writes RESULT there.

    Args:
        work: The folder.
        wanted: Called at each step; training stops when it returns False.
    """
    with quietly():
        trainer = _Trainer(work)
    while len(trainer.history) < trainer.plan.epochs:
        if not trainer.epoch(wanted):
            return
    trainer.finish()


class _Trainer:
    """The networks in training, and the record of the training."""

    def __init__(self, work: Path) -> None:
        import keras

        plan = planned(work)
        assert plan, "see `prepare`"
        self.work, self.plan = work, plan
        self.pixels = np.load(work / PIXELS, mmap_mode="r")
        held_out = np.load(work / HELD_OUT)
        self.learned, self.held_out = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        self.watched = self.held_out[:: math.ceil(len(self.held_out) / WATCHED)]
        self.size = min(len(self.learned), PER_EPOCH)
        self.steps = math.ceil(self.size / BATCH)
        keras.utils.set_random_seed(SEED)
        self.encoder, self.decoder = build_encoder(plan.shape), build_decoder(plan.shape)
        self.sampled = _sampled(self.pixels[0].size)
        started = (work / START).exists()
        if started:
            with np.load(work / START, allow_pickle=False) as kept:
                weights = [kept[str(i)] for i in range(len(kept.files))]
            self.encoder.set_weights(weights[: len(self.encoder.weights)])
            self.decoder.set_weights(weights[len(self.encoder.weights) :])
        self.warm = 0 if started else max(1, round(WARM * plan.epochs))
        pixels = keras.Input(self.pixels.shape[1:], dtype="uint8")
        self.model = keras.Model(pixels, self.decoder(self.sampled(self.encoder(pixels))))
        total = plan.epochs * self.steps
        rate = keras.optimizers.schedules.CosineDecay(
            RATE / 20, total, alpha=0.01, warmup_target=RATE, warmup_steps=min(self.steps, total // 4)
        )
        adam = keras.optimizers.Adam(rate, clipnorm=1.0)
        self.model.compile(adam, _half_log_error, metrics=["mean_squared_error"])
        self.model.optimizer.build(self.model.trainable_variables)
        self.variables = [*self.model.variables, *self.model.optimizer.variables]
        self.history: list[Epoch] = []
        self.best: list[np.ndarray] = []
        self._restore()
        self._tell(0)

    def epoch(self, wanted: Callable[[], bool]) -> bool:
        """Trains one more epoch; returns whether it finished."""
        number, started = len(self.history), time.monotonic()
        random = np.random.default_rng([SEED, number])
        beta, error, told = 1.0, 0.0, started
        self.model.reset_metrics()
        batches = np.array_split(random.permutation(self.learned)[: self.size], self.steps)
        for step, batch in enumerate(batches):
            if not wanted():
                return False
            if self.warm:
                beta = min(1.0, (number * self.steps + step + 1) / (self.warm * self.steps))
            self.sampled.beta.assign(beta)
            pictures = self.pixels[np.sort(batch)]
            mirrored = random.random(len(pictures)) < 0.5
            pictures[mirrored] = pictures[mirrored, :, ::-1]
            target = pictures.astype(np.float32) / 255
            error = self.model.train_on_batch(pictures, target, return_dict=True)["mean_squared_error"]
            if time.monotonic() - told > 1:
                told = time.monotonic()
                self._tell(step + 1)
        measured, kl, samples = self._measured()
        self.history.append(Epoch(float(error), measured, kl, beta, time.monotonic() - started))
        bounds = [self._bound(epoch) for epoch in self.history if epoch.beta == 1]
        if beta < 1 or bounds[-1] == min(bounds):
            self.best = [*self.encoder.get_weights(), *self.decoder.get_weights()]
        np.save(self.work / f"part-{SHOWN}", samples)
        os.replace(self.work / f"part-{SHOWN}", self.work / SHOWN)
        self._keep()
        self._tell(0)
        return True

    def finish(self) -> None:
        """Writes RESULT and exports the networks, so that a search does not need Keras."""
        number = len(self.encoder.weights)
        self.encoder.set_weights(self.best[:number])
        self.decoder.set_weights(self.best[number:])
        error, _, samples = self._measured()
        some = self.learned[:: math.ceil(len(self.learned) / FITTED)]
        means = np.concatenate([self._encoded(places)[0] for places in _pieces(self.learned)])
        fitted = means[np.searchsorted(self.learned, some)]
        pictures = self.pixels[some].reshape(len(some), -1).astype(np.float32) / 255
        told = {
            "plan": asdict(self.plan),
            "done": [astuple(epoch) for epoch in self.history],
            "error": error,
            "encoder": number,
            "decoder": len(self.decoder.weights),
        }
        weights = {f"encoder{i}": w for i, w in enumerate(self.best[:number])}
        weights |= {f"decoder{i}": w for i, w in enumerate(self.best[number:])}
        save(
            self.work / RESULT,
            weights,
            told=np.array(json.dumps(told)),
            mean=means.mean(axis=0),
            variance=means.var(axis=0),
            means=fitted,
            metric=halfway_white(means),
            directions=strongest(fitted, pictures),
            samples=samples,
        )
        trained = restore(self.work / RESULT)
        for net in (trained.encoder, trained.decoder):
            runtime.prepare(net)

    def _bound(self, epoch: Epoch) -> float:
        """Returns the negative evidence lower bound of held-out pictures, in nats, up to a constant."""
        return self.pixels[0].size / 2 * math.log(max(epoch.held_out, 1e-9)) + epoch.kl

    def _measured(self) -> tuple[float, float, np.ndarray]:
        """Evaluates on held-out pictures; returns mean squared error, KL in nats, and samples."""
        errors, kls, samples = [], [], np.zeros(0)
        for places in _pieces(self.watched):
            pixels = self.pixels[places]
            means, spread = self._encoded(places)
            made = np.asarray(self.decoder.predict_on_batch(means))
            errors += np.square(made - pixels / np.float32(255)).mean(axis=(1, 2, 3)).tolist()
            kls += divergence(means, spread).tolist()
            if not len(samples):
                samples = np.stack([pixels[:SAMPLES], as_pixels(made[:SAMPLES])])
        return float(np.mean(errors)), float(np.mean(kls)), samples

    def _encoded(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means, spread = self.encoder.predict_on_batch(self.pixels[places])
        return np.asarray(means), np.asarray(spread)

    def _tell(self, step: int) -> None:
        done = [astuple(epoch) for epoch in self.history]
        told = {"epochs": self.plan.epochs, "done": done, "step": step, "steps": self.steps}
        write(self.work / PROGRESS, json.dumps(told))

    def _keep(self) -> None:
        arrays = {f"now{i}": np.asarray(variable) for i, variable in enumerate(self.variables)}
        arrays |= {f"best{i}": w for i, w in enumerate(self.best)}
        save(self.work / CHECKPOINT, arrays, done=np.array([astuple(epoch) for epoch in self.history]))

    def _restore(self) -> None:
        """Resumes after the last full epoch. A damaged file counts as none."""
        try:
            with np.load(self.work / CHECKPOINT, allow_pickle=False) as kept:
                told = {name: kept[name] for name in kept.files}
        except FileNotFoundError:
            return
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            (self.work / CHECKPOINT).unlink()
            return
        for i, variable in enumerate(self.variables):
            variable.assign(told[f"now{i}"])
        self.best = [told[f"best{i}"] for i in range(sum(name.startswith("best") for name in told))]
        self.history = [Epoch(*epoch) for epoch in told["done"].tolist()]


def _sampled(size: int) -> Any:
    """Makes the layer between the networks, which samples latents from means and logarithms of variances.

    It adds the KL loss, divided by `size`, the numbers of a picture.
    """
    import keras
    from keras import ops

    class Sampled(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dice = keras.random.SeedGenerator(SEED)
            self.beta = self.add_weight(shape=(), initializer="zeros", trainable=False, name="beta")

        def call(self, told: Any) -> Any:
            means, spread = told
            kl = ops.sum(ops.square(means) + ops.exp(spread) - spread - 1, axis=1) / 2
            self.add_loss(self.beta * ops.mean(kl) / size)
            return means + ops.exp(spread / 2) * keras.random.normal(ops.shape(means), seed=self.dice)

    return Sampled()


def _half_log_error(truth: Any, made: Any) -> Any:
    """Returns the negative log likelihood per number of a batch, up to a constant, at the best noise variance."""
    from keras import ops

    return ops.log(ops.mean(ops.square(truth - made))) / 2


def _pieces(places: np.ndarray, size: int = 256) -> Sequence[np.ndarray]:
    return np.array_split(places, math.ceil(len(places) / size))


if __name__ == "__main__":
    parent = os.getppid()
    if hasattr(os, "nice"):  # searches have priority
        os.nice(5)
    train(Path(sys.argv[1]), wanted=lambda: os.getppid() == parent)
