"""Tiny CLIP, SigLIP and BLIP models with seeded weights, saved with tokenizers of their own as real ones are.

They prove nothing about quality: they are loaded and run by the very code that loads and runs the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines.networks import blip, clip
from engines.networks.hub import Pretrained

SIDE = 32
MODELS = {net.name: net for net in (*clip.NETS, *blip.NETS.values())}
WORDS = ("a", "red", "green", "blue", "dress", "beach", "dog", "of", "on", "with", "two", "old", "house", "tree")
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
VISION = {**SIZES, "image_size": SIDE, "patch_size": 8}
LONGEST = 24  # tokens of a text


def save(folder: Path, names: Sequence[str], seed: int = 3) -> Path:
    """The models of these names in folders of a folder, as they are called on the hub."""
    for name in names:
        _save(folder / MODELS[name].folder, MODELS[name], seed)
    return folder


def _save(folder: Path, published: Pretrained, seed: int) -> None:
    import torch
    import transformers

    torch.manual_seed(seed)
    made = {"clip": _clip, "siglip": _siglip, "blip": _blip}[published.kind]
    folder.mkdir(parents=True)
    tokenizer, model, preprocessing = made(folder, transformers)
    _enliven(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))


def _enliven(model: Any) -> None:
    """Values that keep a signal alive, so that different pictures get different vectors."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "logit" not in name:
                weight.normal_(std=weight.shape[1:].numel() ** -0.5)


def _clip(folder: Path, transformers: Any) -> tuple[Any, Any, dict[str, Any]]:
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters), "re", "red</w>", "<|startoftext|>"]
    vocabulary = {piece: place for place, piece in enumerate([*pieces, "<|endoftext|>"])}
    tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=[("r", "e"), ("re", "d</w>")])
    texts = {**SIZES, "vocab_size": len(vocabulary), "max_position_embeddings": LONGEST}
    texts |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = transformers.CLIPConfig(text_config=texts, vision_config=VISION, projection_dim=16)
    mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    told = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}, "do_center_crop": True}
    told |= {
        "image_mean": mean,
        "image_std": deviation,
        "resample": 3,
        "image_processor_type": "CLIPImageProcessor",
    }
    return tokenizer, transformers.CLIPModel(config), told


def _siglip(folder: Path, transformers: Any) -> tuple[Any, Any, dict[str, Any]]:
    import sentencepiece

    sentences = [" ".join((*WORDS[place:], *WORDS[:place])) for place in range(len(WORDS))]
    model = folder / "spiece.model"
    with model.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=file, vocab_size=32, minloglevel=2
        )
    tokenizer = transformers.SiglipTokenizer(str(model))
    texts = {**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": LONGEST}
    texts |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = transformers.SiglipConfig(text_config=texts, vision_config=VISION)
    told = {
        "size": {"height": SIDE, "width": SIDE},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "resample": 3,
    }
    return tokenizer, transformers.SiglipModel(config), told | {"image_processor_type": "SiglipImageProcessor"}


def _blip(folder: Path, transformers: Any) -> tuple[Any, Any, dict[str, Any]]:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *WORDS]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = transformers.BertTokenizer(vocab=vocabulary, bos_token="[DEC]")
    texts = {**SIZES, "vocab_size": len(vocabulary), "max_position_embeddings": 64, "encoder_hidden_size": 32}
    texts |= {"pad_token_id": 0, "bos_token_id": 5, "eos_token_id": 2, "sep_token_id": 3, "projection_dim": 16}
    config = transformers.BlipConfig(text_config=texts, vision_config=VISION, projection_dim=16)
    told = {
        "size": {"height": SIDE, "width": SIDE},
        "image_mean": [0.5] * 3,
        "image_std": [0.3] * 3,
        "resample": 3,
    }
    model = transformers.BlipForConditionalGeneration(config)
    return tokenizer, model, told | {"image_processor_type": "BlipImageProcessor"}
