"""Models in the layout of the transformers library: how to find them, load them and preprocess their input.

A model comes from a folder named by the person (SEMBLANCE_WEIGHTS: the model's own folder, or its parent), else
from the Hugging Face cache, which other programs share, else from a download into that cache. PyTorch and
transformers are an extra; neither is imported before a model is loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engines import settings
from engines.errors import SemblanceError, WeightsError, WeightsUnavailable
from engines.extras import install
from engines.messages import Message
from engines.networks import weights
from engines.networks.quiet import quietly
from engines.networks.weights import Found

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in order of preference
PREPROCESSING = ("preprocessor_config.json", "processor_config.json")
SMALL = (
    *("config.json", "generation_config.json", *PREPROCESSING, "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "spiece.model"),
)
LONGEST = 8  # a longer strip is cropped to this aspect ratio before it is enlarged

_downloading = threading.Lock()


@dataclass(frozen=True)
class Pretrained:
    """A published model.

    Attributes:
        name: Its name for people and on the command line.
        repo: Repository on the Hugging Face hub.
        kind: The `model_type` of its configuration.
        size: Approximate size of its weights, in bytes.
        licence: Terms of its weights.
        source: The paper.
        free: Whether the licence allows commercial use.
    """

    name: str
    repo: str
    kind: str
    size: int
    licence: str
    source: str
    free: bool = True

    @property
    def folder(self) -> str:
        return self.repo.rpartition("/")[2]

    @property
    def manual(self) -> str:
        """See NetworkChoice."""
        return Message("hub.bring_folder", folder=self.folder)

    @property
    def url(self) -> str:
        from huggingface_hub import constants

        return f"{constants.ENDPOINT}/{self.repo}/resolve/main/config.json"


def lacking() -> str:
    """Returns a sentence on why no model can run here; empty if the extra is installed. Does not import it."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
        major = int(importlib.metadata.version("transformers").partition(".")[0])
        if major >= 5 and importlib.util.find_spec("torch"):
            return ""
    return Message("hub.needs_torch", command=install("semantic"))


def resolve(model: Pretrained, *, fetch: bool) -> Found:
    """Finds the folder of a model, with a sha256 over all files that affect its output.

    Args:
        model: The model.
        fetch: Whether a download may be tried.

    Returns:
        The folder, verified if `fetch`.

    Raises:
        WeightsUnavailable: The model is not on this machine.
        WeightsError: The folder is incomplete, or a file is not the published one.
    """
    named = settings.current().weights
    if named:
        path = named.expanduser()
        if not path.exists():
            raise WeightsError("weights.no_such_file", path=path)
        for folder in (path / model.folder, path):
            if (folder / "config.json").is_file() and configuration(folder).get("model_type") == model.kind:
                return Found(
                    folder, _fingerprint(folder, fetch), Message("weights.named_by_you", file=folder.name)
                )
    cached = _cached(model)
    if cached is None:
        weights.may_download(model.url, model.size, fetch)
        with _downloading:
            cached = _cached(model) or _download(model)
    return Found(cached, _fingerprint(cached, fetch), f"{model.folder} ({model.repo})")


def present(model: Pretrained) -> bool:
    """Returns whether a model runs here without a download."""
    try:
        return not lacking() and bool(resolve(model, fetch=False))
    except SemblanceError:
        return False


def configuration(folder: Path, file: str = "config.json") -> dict[str, Any]:
    """Reads a configuration file of a model.

    Raises:
        WeightsError: The file is not a JSON object.
    """
    try:
        told = json.loads((folder / file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError("hub.not_readable", file=folder / file) from error
    if not isinstance(told, dict):
        raise WeightsError("hub.no_configuration", file=folder / file)
    return told


def load(kind: Any, found: Found) -> Any:
    """Loads a model in float32, in evaluation mode.

    The library would fill missing weights with random numbers; such a model is refused.

    Args:
        kind: The class of transformers.
        found: The model's folder.

    Raises:
        WeightsError: The weights are damaged or incomplete.
    """
    import torch

    try:
        with quietly():
            model, told = kind.from_pretrained(
                found.path, local_files_only=True, output_loading_info=True, dtype=torch.float32
            )
    except Exception as error:  # a damaged file raises many kinds
        raise WeightsError("hub.not_loadable", path=found.path, error=error) from error
    if told["missing_keys"]:
        raise WeightsError("hub.lacks_weights", path=found.path, missing=min(told["missing_keys"]))
    return model.eval()


def tokenizer(found: Found) -> Any:
    """Loads a model's tokenizer.

    Raises:
        WeightsError: The folder has none that loads.
    """
    from transformers import AutoTokenizer

    try:
        with quietly():
            return AutoTokenizer.from_pretrained(found.path, local_files_only=True)
    except Exception as error:  # as above
        raise WeightsError("hub.no_tokenizer", path=found.path) from error


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of a model's input.

    Attributes:
        side: Side of the square input, in pixels.
        cropped: Whether the input is the central square of the picture; else the whole picture is squeezed.
        mean: Channel means, RGB in 0..1.
        deviation: Channel standard deviations, RGB in 0..1.
    """

    side: int
    cropped: bool
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Converts (H, W, 3) uint8 RGB to (3, side, side) float32."""
        from PIL import Image

        height, width = pixels.shape[:2]
        size = [self.side, self.side]
        if self.cropped:
            longest = LONGEST * min(height, width)
            top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
            pixels = np.ascontiguousarray(pixels[top : top + longest, left : left + longest])
            height, width = pixels.shape[:2]
            size = [self.side * edge // min(height, width) for edge in (width, height)]
        small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        top, left = (small.shape[0] - self.side) // 2, (small.shape[1] - self.side) // 2
        square = small[top : top + self.side, left : left + self.side].astype(np.float32) / 255
        return ((square - np.array(self.mean, np.float32)) / np.array(self.deviation, np.float32)).transpose(
            2, 0, 1
        )


def preprocessing(folder: Path) -> Preprocessing:
    """Reads the preprocessing from a model's folder.

    Raises:
        WeightsError: The files define no known input size.
    """
    file = next((file for file in PREPROCESSING if (folder / file).is_file()), PREPROCESSING[0])
    told = configuration(folder, file)
    told = told.get("image_processor", told)
    try:
        size, cropped = told["size"], bool(told.get("do_center_crop"))
        square = told["crop_size"] if cropped else size
        side = square if isinstance(square, int) else square["height"]
        shortest = size if isinstance(size, int) else size.get("shortest_edge", side)
        if shortest != side:
            raise ValueError("sides differ")
        return Preprocessing(int(side), cropped, tuple(told["image_mean"]), tuple(told["image_std"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError("hub.no_input_size", file=folder / file) from error


def _cached(model: Pretrained) -> Path | None:
    """Returns the model's folder in the hub's cache, if it is complete."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(model.repo, local_files_only=True))
    except Exception:  # not cached, or a cache in another layout
        return None
    whole = (folder / "config.json").is_file() and any((folder / file).is_file() for file in PREPROCESSING)
    return folder if whole and _weights(folder) else None


def _download(model: Pretrained) -> Path:
    """Downloads into the hub's cache, whose locks and file names keep partial files from being used."""
    from huggingface_hub import HfApi, snapshot_download

    weights.may_download(model.url, model.size, fetch=True)  # another thread may have failed meanwhile
    if problem := weights.unreachable(model.url):
        raise problem
    try:
        files = HfApi().list_repo_files(model.repo)
        large = next(file for file in WEIGHTS if file in files)
        folder = Path(snapshot_download(model.repo, allow_patterns=[*SMALL, large]))
    except Exception as error:  # the hub raises many kinds
        raise weights.broke_off(model.url, model.folder) from error
    return folder


def _weights(folder: Path) -> Path | None:
    return next((folder / file for file in WEIGHTS if (folder / file).is_file()), None)


def _fingerprint(folder: Path, verify: bool) -> str:
    """Returns a sha256 over the names and hashes of all files that can affect the output."""
    large = _weights(folder)
    if large is None:
        raise WeightsError("hub.incomplete", folder=folder, choices=" or ".join(WEIGHTS))
    told = {file: weights.digest(folder / file) for file in SMALL if (folder / file).is_file()}
    told["weights"] = _verified(large) if verify else _named(large) or weights.digest(large)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _named(large: Path) -> str:
    """Returns the sha256 by which the hub's cache names a large file, without computing it; empty elsewhere."""
    name = large.resolve().name if large.is_symlink() else ""
    return name if re.fullmatch("[0-9a-f]{64}", name) else ""


def _verified(large: Path) -> str:
    """Computes the sha256 of a file.

    Raises:
        WeightsError: The hub's cache names the file by another sha256.
    """
    sha256, named = weights.digest(large), _named(large)
    if named and sha256 != named:
        raise WeightsError("hub.not_published", name=large.name, path=large.resolve())
    return sha256


def refusal(model: Pretrained, error: SemblanceError) -> WeightsUnavailable:
    """Returns the error for an unavailable model, with the remedy."""
    return WeightsUnavailable("hub.no_weights", folder=model.folder, problem=error)
