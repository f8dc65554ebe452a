"""Pictures and texts in one space: CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.base import unit_rows
from engines.networks import hub
from engines.networks.hub import Pretrained
from engines.networks.network import BATCH
from engines.networks.weights import Found

NETS = (
    Pretrained(
        "clip", "openai/clip-vit-base-patch32", "clip", 605_000_000, "MIT", "https://arxiv.org/abs/2103.00020"
    ),
    Pretrained(
        "clip-laion2b",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "clip",
        605_000_000,
        "MIT",
        "https://arxiv.org/abs/2212.07143",
    ),
    Pretrained(
        "siglip",
        "google/siglip-base-patch16-224",
        "siglip",
        813_000_000,
        "Apache-2.0",
        "https://arxiv.org/abs/2303.15343",
    ),
)
DIMS = {"clip": 512, "siglip": 768}  # of those above


def dim(found: Found) -> int:
    """Numbers of a vector, as the model's configuration tells."""
    told = hub.configuration(found.path)
    if told["model_type"] == "clip":
        return int(told.get("projection_dim", DIMS["clip"]))
    texts = told.get("text_config") or {}
    return int(texts.get("projection_size") or texts.get("hidden_size", DIMS["siglip"]))


class Towers:
    """A loaded model: what it makes of pictures and of texts. Safe to use from several threads."""

    def __init__(self, found: Found, kind: str) -> None:
        import transformers

        self._see = hub.preprocessing(found.path)
        self._tokenizer: Any = hub.tokenizer(found)
        self._model: Any = hub.load(
            {"clip": transformers.CLIPModel, "siglip": transformers.SiglipModel}[kind], found
        )
        self._longest = self._model.config.text_config.max_position_embeddings
        # As each was trained: SigLIP sees the padding, too.
        self._padding, self._used = {
            "clip": (True, ("input_ids", "attention_mask")),
            "siglip": ("max_length", ("input_ids",)),
        }[kind]
        self._speaking = threading.Lock()  # a tokenizer can't be used by two at once

    def pictures(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        """N pictures, (H, W, 3) uint8 RGB each -> (N, D) float32 unit rows; N at least 1."""
        import torch

        found = []
        with torch.inference_mode():
            for first in range(0, len(pixels), BATCH):
                batch = np.stack([self._see(image) for image in pixels[first : first + BATCH]])
                found.append(self._model.get_image_features(pixel_values=torch.from_numpy(batch)).pooler_output)
        return unit_rows(torch.cat(found).numpy())

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """N texts -> (N, D) float32 unit rows; N at least 1. What is longer than the model can read is cut."""
        import torch

        found = []
        with torch.inference_mode():
            for first in range(0, len(texts), BATCH):
                with self._speaking:
                    words = self._tokenizer(
                        list(texts[first : first + BATCH]),
                        padding=self._padding,
                        truncation=True,
                        max_length=self._longest,
                        return_tensors="pt",
                    )
                told = {name: words[name] for name in self._used}
                found.append(self._model.get_text_features(**told).pooler_output)
        return unit_rows(torch.cat(found).numpy())
