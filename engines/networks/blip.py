"""Captions of pictures by BLIP (Li, Li, Xiong and Hoi 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engines.networks import hub
from engines.networks.hub import Pretrained
from engines.networks.network import BATCH
from engines.networks.weights import Found

PAPER = "https://arxiv.org/abs/2201.12086"
NETS = {
    "base": Pretrained(
        "blip-base", "Salesforce/blip-image-captioning-base", "blip", 990_000_000, "BSD-3-Clause", PAPER
    ),
    "large": Pretrained(
        "blip-large", "Salesforce/blip-image-captioning-large", "blip", 1_880_000_000, "BSD-3-Clause", PAPER
    ),
}
WORDS = 30  # most tokens in a caption


class Captioner:
    """A loaded captioning model. Several threads may use it at once."""

    def __init__(self, found: Found) -> None:
        from transformers import BlipForConditionalGeneration

        self._see = hub.preprocessing(found.path)
        self._tokenizer: Any = hub.tokenizer(found)
        self._model: Any = hub.load(BlipForConditionalGeneration, found)

    def captions(self, pixels: Sequence[np.ndarray]) -> list[str]:
        """Captions (H, W, 3) uint8 RGB pictures by greedy decoding, which is deterministic."""
        import torch

        found: list[str] = []
        with torch.inference_mode():
            for first in range(0, len(pixels), BATCH):
                batch = np.stack([self._see(image) for image in pixels[first : first + BATCH]])
                tokens = self._model.generate(
                    pixel_values=torch.from_numpy(batch), max_new_tokens=WORDS, num_beams=1, do_sample=False
                )
                found += self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [" ".join(caption.split()) for caption in found]
