"""Style vectors: Gram matrices of VGG19's layers, in fewer numbers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from engines import Crop, Engine, Parted, create, style, unit_rows
from engines.networks import vgg19
from features.retrieval.part_weights import places
from tests.support import ROOT
from tests.support.seeded import Files, pictures

SHAPES = {
    "block1_conv1": (224, 224, 64),
    "block2_conv1": (112, 112, 128),
    "block3_conv1": (56, 56, 256),
    "block4_conv1": (28, 28, 512),
    "block5_conv1": (14, 14, 512),
}


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    """(2, 224, 224, 3) uint8: the same grain, and the same in blocks of another size and colour."""
    grain = pictures()["grain"]
    return np.stack([grain, np.repeat(np.repeat(grain[:28, :28] // 2, 8, axis=0), 8, axis=1)])


@pytest.fixture(scope="module")
def engine(weights: Files) -> Engine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMBLANCE_WEIGHTS", str(weights["vgg19"]))
        made = create("style", "vgg19")
        made.prepare()
    return made


@pytest.fixture(scope="module")
def layers(weights: Files, batch: np.ndarray) -> dict[str, np.ndarray]:
    """What keras.applications' own VGG19 gives for the batch, layer by layer."""
    import keras
    from keras.src.applications import vgg19 as original

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(original.file_utils, "get_file", lambda *_, **__: str(weights["vgg19"]))
        net = keras.applications.VGG19(include_top=False, weights="imagenet")
    parts = keras.Model(net.input, {name: net.get_layer(name).output for name in SHAPES})
    return parts.predict_on_batch(keras.applications.vgg19.preprocess_input(batch.astype(np.float32)))


def features(seed: int, shape: tuple[int, ...] = (3, 6, 7, 16)) -> np.ndarray:
    return np.maximum(np.random.default_rng(seed).standard_normal(shape), 0).astype(np.float32)


def full_gram(of: np.ndarray) -> np.ndarray:
    """(N, h, w, C) -> (N, C * C) of unit length, in the plainest way."""
    gram = np.einsum("nhwc,nhwd->ncd", of.astype(np.float64), of.astype(np.float64)).reshape(len(of), -1)
    return gram / np.linalg.norm(gram, axis=1, keepdims=True)


# --- VGG19


def test_preprocessing_equals_kerases(batch: np.ndarray) -> None:
    from keras.applications.vgg19 import preprocess_input

    before = batch.copy()
    np.testing.assert_array_equal(vgg19.preprocess(batch), preprocess_input(batch.astype(np.float32)))
    np.testing.assert_array_equal(batch, before)


def test_the_layers_give_what_kerases_give(
    weights: Files, batch: np.ndarray, layers: dict[str, np.ndarray]
) -> None:
    ours = vgg19.build(weights["vgg19"], style.LAYERS).predict_on_batch(batch)
    assert tuple(SHAPES) == style.LAYERS
    for name, mine in zip(style.LAYERS, ours, strict=True):
        assert mine.shape == (2, *SHAPES[name])
        largest = layers[name].max()
        assert largest > 1
        np.testing.assert_allclose(mine / largest, layers[name] / largest, atol=1e-5, err_msg=name)


def test_the_record_is_kerases() -> None:
    from keras.src.applications import vgg19 as original

    record = vgg19.WEIGHTS
    assert record.url == original.WEIGHTS_PATH_NO_TOP and record.url.endswith(f"/{record.file}")
    assert record.checksum == "md5:253f8cb515780f3b799900260a226db6"
    assert (record.preprocessing.size, record.preprocessing.channels) == (224, "BGR")


# --- Gram


@pytest.mark.parametrize("channels", [1, 2, 16, 64])
def test_gram_is_what_it_is_by_the_book(channels: int) -> None:
    one = features(1, (3, 6, 7, channels))
    rows = np.asarray(style.gram(one))
    assert rows.shape == (3, channels * channels) and rows.dtype == np.float32
    np.testing.assert_allclose(rows, full_gram(one), atol=1e-6)


def test_gram_forgets_where_and_how_strong() -> None:
    """What is left is which features go together: style, not content."""
    one = features(3)
    places = np.random.default_rng(0).permutation(42)
    shuffled = one.reshape(3, 42, 16)[:, places].reshape(one.shape)
    np.testing.assert_allclose(style.gram(shuffled), style.gram(one), atol=1e-5)
    np.testing.assert_allclose(style.gram(one * 5), style.gram(one), atol=1e-5)
    other = one[..., ::-1].copy()
    assert np.abs(style.gram(other) - style.gram(one)).max() > 0.05


# --- sketch


def sketch(rows: np.ndarray, size: int = style.SKETCH) -> np.ndarray:
    return np.asarray(style.sketch(rows.astype(np.float32), size))


@pytest.mark.parametrize("length", [4096, 610_304], ids=["block 1's", "all layers'"])
def test_sketch_keeps_inner_products(length: int) -> None:
    """In 2,100 numbers within 0.1, and within 0.03 on average, of unit vectors; not leaning to either side."""
    rows = unit_rows(np.random.default_rng(5).standard_normal((40, length)) + np.linspace(0, 2, 40)[:, None])
    short = sketch(rows, 2100)
    assert short.shape == (40, 2100) and short.dtype == np.float32
    exact = rows @ rows.T
    assert exact.min() < 0.1 and exact[~np.eye(40, dtype=bool)].max() > 0.7, "from strangers to near relatives"
    error = short @ short.T - exact
    assert np.abs(error).max() < 0.1 and np.abs(error).mean() < 0.03
    assert abs(error[~np.eye(40, dtype=bool)].mean()) < 0.02


def test_sketch_is_linear() -> None:
    a, b = np.random.default_rng(6).standard_normal((2, 5, 4096)).astype(np.float32)
    np.testing.assert_allclose(sketch(2 * a - 3 * b), 2 * sketch(a) - 3 * sketch(b), atol=1e-4)


def test_sketch_uses_every_place_and_both_signs() -> None:
    short = sketch(np.eye(4096, dtype=np.float32), 512)
    assert ((short != 0).sum(axis=1) == 1).all(), "each entry goes to one heap"
    assert set(np.unique(short)) == {-1, 0, 1}
    assert set((short != 0).sum(axis=0)) == {8}, "heaps of one size"
    assert abs(short.sum()) < 300


def test_sketch_is_the_same_in_every_process() -> None:
    code = "import numpy; from engines.style import sketch; print(numpy.asarray(sketch(numpy.arange(9e3)[None], 360)).sum(0).tolist())"  # fmt: skip # noqa: E501
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == str(sketch(np.arange(9e3)[None]).sum(0).tolist())


# --- the whole


def test_each_part_is_a_layer_and_its_cosine_that_of_the_gram_matrices(
    engine: Engine, batch: np.ndarray, layers: dict[str, np.ndarray]
) -> None:
    """In which a sketch may be off by 0.1, and their mean by 0.05."""
    rows = engine.embed([Crop(image) for image in batch])
    found = {name: unit_rows(rows[:, place]) for name, place in places(style.PARTS).items()}
    assert list(found) == ["colour", "grain", "strokes", "motifs", "composition", "subject"]
    exact = [float(full_gram(layer)[0] @ full_gram(layer)[1]) for layer in layers.values()]
    assert 0.2 < np.mean(exact) < 0.95, "the pictures would prove nothing"
    sketched = [float(part[0] @ part[1]) for part in found.values()]
    np.testing.assert_allclose(sketched[:-1], exact, atol=0.1)
    assert np.mean(sketched[:-1]) == pytest.approx(np.mean(exact), abs=0.05)
    means = unit_rows(layers["block5_conv1"].mean(axis=(1, 2)))
    assert sketched[-1] == pytest.approx(float(means[0] @ means[1]), abs=0.2)


@pytest.mark.parametrize("network", ["vgg19", "builtin"])
def test_parts_have_the_shares_that_they_tell(engine: Engine, batch: np.ndarray, network: str) -> None:
    engine = engine if network == "vgg19" else create("style", "builtin")
    assert isinstance(engine, Parted)
    parts = engine.vector_parts()
    rows = engine.embed([Crop(image) for image in batch])
    assert rows.shape[1] == sum(part.dim for part in parts)
    assert sum(part.share for part in parts) == pytest.approx(1)
    for part, place in zip(parts, places(parts).values(), strict=True):
        np.testing.assert_allclose((rows[:, place] ** 2).sum(axis=1), part.share, atol=1e-3)
    assert [part.group for part in parts] == ["brush"] * 5 + ["subject"]


def test_it_is_the_texture_that_counts_not_where_it_lies(engine: Engine) -> None:
    """A picture cut into tiles and laid anew is nearer to itself than another texture is."""
    y, x = np.mgrid[0:224, 0:224]
    weave = np.stack([np.sin(x / 3) * 90, np.cos((x + y) / 4) * 90, np.sin(y / 5) * 60], axis=-1)
    picture = (128 + weave * np.linspace(0.2, 1, 224)[:, None, None]).astype(np.uint8)  # stronger to the foot
    tiles = picture.reshape(4, 56, 4, 56, 3).swapaxes(1, 2).reshape(16, 56, 56, 3)
    laid = tiles[np.random.default_rng(1).permutation(16)].reshape(4, 4, 56, 56, 3).swapaxes(1, 2)
    rings = np.repeat(np.sin(np.hypot(x - 112, y - 112) / 8)[..., None] * 100 + 128, 3, axis=2).astype(np.uint8)
    itself, same, other = engine.embed([Crop(picture), Crop(laid.reshape(224, 224, 3)), Crop(rings)])
    assert itself @ same > 0.95 and itself @ same > itself @ other + 0.05


def test_vectors_are_compact(engine: Engine) -> None:
    full = sum(channels**2 for *_, channels in SHAPES.values())
    assert 2_000 <= 4 * engine.describe().dim <= 8_192 and full / engine.describe().dim > 290


def test_settings_hold_all_that_moves_a_vector(engine: Engine) -> None:
    settings = engine.settings()
    assert settings["layers"] == list(SHAPES)
    assert settings["parts"] == [[part.name, part.dim, part.share] for part in style.PARTS]
    assert settings["seed"] == style.SEED
    assert (settings["network"], settings["size"]) == ("vgg19", 224) and len(settings["weights"]) == 64
