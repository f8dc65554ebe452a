"""EfficientNetB0: what comes out is what keras.applications gives for the published weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.errors import WeightsError
from engines.networks import efficientnet
from tests.support.seeded import Files, pictures

Forward = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    """(2, 224, 224, 3) uint8"""
    grain = pictures()["grain"]
    return np.stack([grain, np.repeat(np.repeat(grain[:28, :28], 8, axis=0), 8, axis=1)])


@pytest.fixture(scope="module")
def ours(weights: Files) -> Forward:
    return efficientnet.build(weights["efficientnetb0"]).predict_on_batch


@pytest.fixture(scope="module")
def kerases(weights: Files, batch: np.ndarray) -> dict[str, np.ndarray]:
    """keras.applications' own answers from the same file: as it fetches weights, and as it is given a path."""
    import keras
    from keras.src.applications import efficientnet as original

    arguments = {"include_top": False, "pooling": "avg"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(original.file_utils, "get_file", lambda *_, **__: str(weights["efficientnetb0"]))
        fetched = keras.applications.EfficientNetB0(weights="imagenet", **arguments)
    given = keras.applications.EfficientNetB0(weights=str(weights["efficientnetb0"]), **arguments)
    return {
        name: model.predict_on_batch(keras.applications.efficientnet.preprocess_input(batch.astype(np.float32)))
        for name, model in (("fetched", fetched), ("given", given))
    }


def test_equals_keras_with_the_weights_it_fetches(
    ours: Forward, batch: np.ndarray, kerases: dict[str, np.ndarray]
) -> None:
    rows, expected = ours(batch), kerases["fetched"]
    assert rows.shape == (2, 1280) and rows.dtype == np.float32 and np.isfinite(rows).all()
    np.testing.assert_allclose(rows, expected, atol=1e-4, rtol=1e-4)


def test_the_rescaling_that_keras_adds_only_then_matters(kerases: dict[str, np.ndarray]) -> None:
    """Else the test above could not fail for want of it."""
    fetched, given = kerases["fetched"], kerases["given"]
    assert fetched.std() > 0.1 and np.abs(fetched - given).max() > 0.1


def test_it_takes_pixels_as_they_are(ours: Forward, batch: np.ndarray) -> None:
    """0..255, red first, and leaves them alone."""
    before = batch.copy()
    rows = ours(batch)
    np.testing.assert_array_equal(batch, before)
    for changed in (batch[..., ::-1], batch // 255):
        assert np.abs(ours(changed) - rows).max() > 0.1


@pytest.mark.parametrize("fault", ["cut short", "empty"])
def test_a_damaged_file_is_refused(fault: str, weights: Files, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    whole = weights["efficientnetb0"].read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if fault == "cut short" else b"")
    with pytest.raises(WeightsError, match=r"does not hold EfficientNetB0's weights"):
        efficientnet.build(path)


def test_the_record_fits_the_net(weights: Files) -> None:
    record = efficientnet.WEIGHTS
    assert record.url.endswith(f"/{record.file}") and record.file.endswith("_notop.h5")
    assert record.size == pytest.approx(weights["efficientnetb0"].stat().st_size, rel=0.01)
    assert (record.preprocessing.size, record.preprocessing.channels) == (224, "RGB")
    from keras.src.applications import efficientnet as original

    published = original.WEIGHTS_HASHES["b0"][1]
    assert record.checksum == f"md5:{published}"
    assert record.url == original.BASE_WEIGHTS_PATH + record.file
