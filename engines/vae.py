"""Autoencoder: similarity by a network that is trained on your own pictures only, and can generate new ones.

A trained engine belongs to the collection that it was trained on. engines/networks/vae.py has the network and
vae_training.py its training.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import Card, Crop, Engine, register, unit_rows
from engines.errors import Untrained
from engines.messages import Message
from engines.networks import runtime, vae, vae_training
from engines.networks.network import squeezed

BATCH = 64
HOW = Message("vae.untrained")


@register
class Autoencoder(Engine):
    """The embedding of a picture is its latent mean, relative to the collection's; see `vae.Trained`.

    `trained` is None for the registered engine, which can't embed anything.
    """

    name = "vae"
    version = 1
    least = 100

    def __init__(self, trained: vae.Trained | None = None) -> None:
        self.trained = trained
        self._loading = threading.Lock()
        self._runners: dict[str, runtime.Runner] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the arguments only: another process rebuilds the engine, as runners and locks can't move."""
        return type(self), (self.trained,)

    @property
    def side(self) -> int:
        return self.trained.plan.shape.side if self.trained else vae.SIDES[-1]

    def prepare(self) -> None:
        """Exports the encoder, unless that is done.

        Raises:
            Untrained: The engine has not been trained.
        """
        runtime.prepare(self._trained().encoder)

    def embed(self, crops: Sequence[Crop]) -> np.ndarray:
        return unit_rows(self.rows(self.encode(crops)[0]))

    def describe(self) -> Card:
        untrained = Card(
            title=Message("titles.vae"),
            alike=Message("alike.vae"),
            dim=vae.LATENT,
            network="vae",
            weights=Message("vae.no_weights"),
            licence="MIT",
            available=False,
            reason=HOW,
            order=45,
        )
        trained = self.trained
        if not trained:
            return untrained
        shape, course = trained.plan.shape, trained.course
        return replace(
            untrained,
            dim=shape.latent,
            network=Message("weights.vae_network", side=shape.side, dim=shape.latent),
            weights=Message(
                "weights.vae_trained",
                pictures=len(trained.plan.pictures),
                epochs=len(course.done),
                active=trained.active,
                dim=shape.latent,
            ),
            available=True,
            reason="",
            runner=runtime.RUNNERS[runtime.precision(trained.encoder) or "f32"],
        )

    def settings(self) -> dict[str, Any]:
        if not self.trained:
            return {"trained": None}
        precision = runtime.precision(self.trained.encoder)
        return {"trained": self.trained.sha256, "side": self.side, "keras": precision == runtime.KERAS}

    # --- the Generative protocol

    def encode(self, crops: Sequence[Crop]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the latent means of N crops, (N, L) float32, and the logarithms of their variances."""
        trained = self._trained()
        if not crops:
            nothing = np.zeros((0, trained.plan.shape.latent), np.float32)
            return nothing, nothing
        pixels = np.stack([squeezed(crop.pixels, self.side) for crop in crops])
        means, spread = self._run(trained.encoder, pixels)
        return means, spread

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Decodes (N, L) latents into (N, S, S, 3) float32 RGB pictures, 0..1."""
        return self._run(self._trained().decoder, np.asarray(latents, np.float32))[0]

    def rows(self, latents: np.ndarray) -> np.ndarray:
        """Maps (N, L) latents to rows of any length whose cosines measure how alike the pictures are."""
        trained = self._trained()
        return (latents - trained.mean) @ trained.metric

    def unusual(self, crops: Sequence[Crop]) -> np.ndarray:
        """Returns the reconstruction error and the KL divergence of each crop, in nats: (N, 2) float32.

        Their sum is the negative evidence lower bound up to a constant; it is high for pictures unlike the
        collection.
        """
        means, spread = self.encode(crops)
        made = self.decode(means)
        pixels = np.stack([squeezed(crop.pixels, self.side) for crop in crops]) / np.float32(255)
        errors = np.square(made - pixels).sum(axis=(1, 2, 3)) / (2 * self._trained().error)
        return np.stack([errors, vae.divergence(means, spread)], axis=1).astype(np.float32)

    def latents(self) -> np.ndarray:
        return self._trained().means

    def directions(self) -> np.ndarray:
        return self._trained().directions

    def _run(self, net: runtime.Net, batch: np.ndarray) -> list[np.ndarray]:
        with self._loading:
            if net.name not in self._runners:
                self._runners[net.name] = runtime.load(net)
        run = self._runners[net.name]
        parts = [run(batch[first : first + BATCH]) for first in range(0, len(batch), BATCH)]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _trained(self) -> vae.Trained:
        if self.trained is None:
            raise Untrained(HOW)
        return self.trained

    # --- the Learner protocol

    def plan(self, work: Path, pictures: Sequence[str], side: int, start: Path | None) -> None:
        epochs = vae.epochs_of(len(pictures))
        plan = vae.Plan(vae.Shape(side), max(2, round(epochs * vae.AGAIN)) if start else epochs, tuple(pictures))
        vae.prepare(work, plan, start)

    def planned(self, work: Path) -> tuple[str, ...]:
        plan = vae.planned(work)
        return plan.pictures if plan else ()

    def command(self, work: Path) -> list[str]:
        return [sys.executable, "-m", vae_training.__name__, str(work)]

    def steps(self, work: Path) -> tuple[int, int, str]:
        course = vae.course(work)
        if course is None:
            return 0, 0, Message("progress.preparing_network")
        done = len(course.done)
        if done == course.epochs:
            return 0, 0, Message("progress.fitting")
        return (
            done * course.steps + course.step,
            course.epochs * course.steps,
            Message("progress.training_epoch", n=done + 1),
        )

    def side_for(self, longest: int) -> int:
        return next((side for side in vae.SIDES if side >= longest), vae.SIDES[-1])

    def restored(self, file: Path) -> Autoencoder:
        return Autoencoder(vae.restore(file))

    def figures(self) -> dict[str, float]:
        trained = self._trained()
        last = trained.course.done[-1]
        return {
            "epochs": len(trained.course.done),
            "error_held_out": round(trained.error, 6),
            "kl_held_out": round(last.kl, 2),
            "latent": trained.plan.shape.latent,
            "active": trained.active,
        }

    def pictures(self) -> tuple[str, ...]:
        return self.trained.plan.pictures if self.trained else ()
