"""CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023), which embed pictures and texts in one space."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from engines.base import unit_rows
from engines.networks import hub, runtime
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
DIMS = {"clip": 512, "siglip": 768}  # length of the vectors of the models above


def dim(found: Found) -> int:
    """Returns the length of a vector, according to the model's configuration."""
    told = hub.configuration(found.path)
    if told["model_type"] == "clip":
        return int(told.get("projection_dim", DIMS["clip"]))
    texts = told.get("text_config") or {}
    return int(texts.get("projection_size") or texts.get("hidden_size", DIMS["siglip"]))


def eye(found: Found, kind: str) -> runtime.Net:
    """Returns the vision tower for the runtime; it maps preprocessed pictures to (N, D) float32."""
    see = hub.preprocessing(found.path)
    return runtime.Net(f"{kind}-{found.sha256[:12]}", partial(_eye, found, kind), partial(_photos, see))


class Towers:
    """The vision and text towers of a model. Each loads at its first use; several threads may use them at once."""

    def __init__(self, found: Found, kind: str) -> None:
        self._found, self._kind = found, kind
        self._see = hub.preprocessing(found.path)
        self._run: runtime.Runner | None = None
        self._tokenizer: Any = None
        self._loading = threading.Lock()

    def pictures(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        """Embeds N > 0 pictures, (H, W, 3) uint8 RGB each: (N, D) float32 unit rows."""
        with self._loading:
            self._run = self._run or runtime.load(eye(self._found, self._kind))
        batches = (pixels[first : first + BATCH] for first in range(0, len(pixels), BATCH))
        return unit_rows(np.concatenate([self._run(np.stack([*map(self._see, batch)]))[0] for batch in batches]))

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds N > 0 texts, truncated to the model's context length: (N, D) float32 unit rows."""
        import torch

        # As in training: SigLIP also attends to the padding.
        padding, used = {
            "clip": (True, ("input_ids", "attention_mask")),
            "siglip": ("max_length", ("input_ids",)),
        }[self._kind]
        found = []
        for first in range(0, len(texts), BATCH):
            with self._loading:  # a tokenizer is not thread-safe
                model = _whole(self._found, self._kind)
                self._tokenizer = self._tokenizer or hub.tokenizer(self._found)
                words = self._tokenizer(
                    list(texts[first : first + BATCH]),
                    padding=padding,
                    truncation=True,
                    max_length=model.config.text_config.max_position_embeddings,
                    return_tensors="pt",
                )
            with torch.inference_mode():
                found.append(model.get_text_features(**{name: words[name] for name in used}).pooler_output)
        return unit_rows(torch.cat(found).numpy())


def _photos(see: hub.Preprocessing) -> np.ndarray:
    return np.stack([*map(see, runtime.photos(see.side))])


@cache
def _whole(found: Found, kind: str) -> Any:
    """Loads the PyTorch model, once."""
    import transformers

    return hub.load({"clip": transformers.CLIPModel, "siglip": transformers.SiglipModel}[kind], found)


def _eye(found: Found, kind: str) -> runtime.Torch:
    import torch

    class Eye(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = _whole(found, kind)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.model.get_image_features(pixel_values=pixels).pooler_output

    return runtime.Torch(Eye().eval())
