"""The built-in encoders: whole, small, quick to load, the same everywhere, and what their cards say of them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from seeded import ROOT, environment
from seeded import pictures as some_pictures

import engines
from engines import Crop
from engines.networks import builtin, handmade, runtime
from engines.networks.network import Network

NETS = {"picture": builtin.PICTURES, "style": builtin.STYLES, "face": builtin.FACES}
ENGINES = {"picture": "product", "style": "style", "face": "lookalike"}
CARDS = {"builtin.npz": "builtin.md", "builtin-face.npz": "builtin-face.md"}
MOST = 6_000_000  # bytes


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(params=NETS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def net(name: str) -> Network:
    return NETS[name]


# --- the files


def test_files_are_small_and_float16(net: Network) -> None:
    path = net.weights.path
    export = runtime.SHIPPED / net.exported(path, digest(path)).name
    assert path.stat().st_size <= MOST and export.with_suffix(".bin").stat().st_size <= MOST
    with np.load(path, allow_pickle=False) as arrays:
        assert {arrays[key].dtype for key in arrays.files} == {np.dtype(np.float16)}
        assert all(np.isfinite(arrays[key]).all() for key in arrays.files)


def test_no_file_is_left_over() -> None:
    current = {net.exported(None, digest(net.weights.path)).name for net in NETS.values()}
    expected = (
        {f"{name}{suffix}" for name in current for suffix in (".bin", ".xml", ".json")}
        | set(CARDS)
        | {"builtin-face-pairs.npz"}
    )
    assert {path.name for path in runtime.SHIPPED.iterdir()} == expected


@pytest.mark.parametrize("file", CARDS)
def test_the_card_names_this_very_file(file: str) -> None:
    card = (ROOT / "docs/models" / CARDS[file]).read_text()
    assert digest(runtime.SHIPPED / file) in card
    assert "python -m training" in card and "non-commercial" in card


def test_the_exports_are_near_to_keras(net: Network) -> None:
    path = net.weights.path
    record = runtime.SHIPPED / f"{net.exported(path, digest(path)).name}.json"
    assert json.loads(record.read_text())["f32"] > 0.99999


# --- running them


LOADED = """
import sys, time
import numpy as np
import engines
from engines import Crop
engine = engines.create(sys.argv[1], "builtin")
start = time.perf_counter()
engine.prepare()
engine.embed([Crop(np.zeros((50, 50, 3), np.uint8))])
print(time.perf_counter() - start, *({"tensorflow", "keras", "sklearn"} & set(sys.modules)))
"""


@pytest.mark.skipif(runtime.openvino() is None, reason="openvino is not installed")
@pytest.mark.parametrize("name", ["picture", "style"])
def test_the_first_vector_comes_at_once_and_without_tensorflow(name: str) -> None:
    for _ in range(3):  # as often as a busy machine may be slow
        run = subprocess.run(
            [sys.executable, "-c", LOADED, ENGINES[name]],
            cwd=ROOT,
            env=environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, *heavy = run.stdout.split()
        assert heavy == []
        if float(seconds) < 1:
            return
    pytest.fail(f"{seconds} s; on a quiet machine of two cores it takes 0.2 s")


def batch(size: int) -> np.ndarray:
    """(7, size, size, 3) uint8: parts of real photos, and black."""
    return np.concatenate([runtime.photos(size)[:6], np.zeros((1, size, size, 3), np.uint8)])


def test_keras_gives_the_same_vectors(name: str, net: Network) -> None:
    """Where OpenVINO can't be had, with tensorflow or any other backend."""
    pixels = batch(net.size)
    theirs = engines.unit_rows(net.build(net.weights.path).predict_on_batch(pixels))
    ours = engines.create(ENGINES[name], "builtin").embed([Crop(image) for image in pixels])
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


REFERENCE = ROOT / "tests/reference/builtin.json"


def test_vectors_are_the_same_on_every_machine(name: str, net: Network) -> None:
    """The first numbers of each vector, as another machine has computed them."""
    rows = engines.create(ENGINES[name], "builtin").embed([Crop(image) for image in batch(net.size)])
    np.testing.assert_allclose(rows[:, :8], json.loads(REFERENCE.read_text())[name], atol=1e-4)


@pytest.mark.parametrize("engine", ["product", "style"])
def test_alike_is_a_smaller_copy_not_another_picture(engine: str) -> None:
    made = engines.create(engine, "builtin")
    images = list(some_pictures().values())
    large = made.embed([Crop(np.kron(image, np.ones((3, 3, 1), np.uint8))) for image in images])
    small = made.embed([Crop(image) for image in images])
    assert (np.argmax(large @ small.T, axis=1) == np.arange(len(images))).all()


# --- the card that people see


def test_the_card_says_what_answers_and_what_for(name: str) -> None:
    card = engines.create(ENGINES[name], "builtin").describe()
    assert (card.network, card.available, card.settled, card.reason) == ("builtin", True, True, "")
    assert card.weights.startswith("built-in: good for ") and "non-commercial" in card.licence
    assert card.dim == NETS[name].dim


def test_offline_it_stands_in_and_says_why(name: str) -> None:
    card = engines.create(ENGINES[name]).describe()
    assert card.network == "builtin" and card.settled
    assert re.match(r"built-in: .+; no weights of \w+: offline mode is on$", card.weights)


# --- hand-made features


@pytest.fixture(scope="module")
def describe():
    import keras

    pixels = keras.Input((96, 96, 3))
    return keras.Model(pixels, handmade.describe(pixels)).predict_on_batch


def plain(red: float, green: float, blue: float) -> np.ndarray:
    return np.tile(np.float32([red, green, blue]), (1, 96, 96, 1))


def test_lengths(describe) -> None:
    found = describe(plain(0, 0, 0))
    assert {part: row.shape for part, row in found.items()} == {
        part: (1, length) for part, length in handmade.LENGTHS.items()
    }


@pytest.mark.parametrize("colour", [(0, 0, 0), (1, 1, 1), (1, 0, 0), (0.2, 0.7, 0.3)])
def test_colours_are_shares_of_the_picture(describe, colour: tuple[float, float, float]) -> None:
    assert np.square(describe(plain(*colour))["colour"]).sum() == pytest.approx(1, abs=0.02)


def test_a_pixel_is_shared_between_bins(describe) -> None:
    """A rounding moves a vector by as little."""
    random = np.random.default_rng(1).uniform(0.05, 0.95, (1, 96, 96, 3)).astype(np.float32)
    one, other = describe(random), describe(random + 1e-6)
    assert all(np.abs(one[part] - other[part]).max() < 1e-4 for part in one)


def test_outlines_tell_directions_and_not_colours(describe) -> None:
    stripes = np.tile(np.arange(96) // 8 % 2, (1, 96, 1)).astype(np.float32)[..., None]
    upright, lying = stripes * np.float32([1, 1, 1]), stripes.transpose(0, 2, 1, 3) * np.float32([1, 1, 1])
    cells = [describe(image)["outline"].reshape(-1, handmade.DIRECTIONS).sum(axis=0) for image in (upright, lying)]
    assert cells[0].argmax() == 0 and cells[1].argmax() in (4, 5)
    turned = describe(1 - upright)["outline"]
    np.testing.assert_allclose(turned, describe(upright)["outline"], atol=1e-3)
