"""BiT: equal to timm's rebuild of it, deaf to any file that is not its own, and at home in a SavedModel, too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import engines
from engines import Crop, Engine, WeightsError
from engines.networks import bit, runtime
from engines.networks.network import squeezed
from engines.networks.weights import resolve
from tests.reference import bit_timm
from tests.support.seeded import Files, pictures

NET = "bit-r50x1"


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    one, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in np.float64([one, other]))
    return (one * other).sum(axis=1)


@pytest.mark.slow
def test_equals_timm(weights: Files) -> None:
    with np.load(bit_timm.ANSWERS) as answers:
        expected, digest = answers["pooled"], str(answers["sha256"])
    assert bit_timm.digest(bit_timm.arrays()) == digest, "timm had other weights: run bit_timm.py again"
    assert expected.std() > 0.1 and cosines(expected[:1], expected[1:])[0] < 0.98, "they would prove nothing"

    pooled = bit.build(weights[NET]).predict_on_batch(bit_timm.pictures())
    assert pooled.shape == (2, 2048) and pooled.dtype == np.float32
    print(f"at most {np.abs(pooled - expected).max() / expected.max():.1e} of the largest apart")
    np.testing.assert_allclose(pooled, expected, rtol=0, atol=1e-4 * expected.max())
    assert cosines(pooled, expected).min() > 1 - 1e-7


@pytest.mark.slow
def test_the_export_gives_what_keras_gives(weights: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="without OpenVINO, Keras runs the nets")
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(weights[NET]))
    found = resolve(bit.WEIGHTS, fetch=False)
    net = bit.R50X1.exported(found.path, found.sha256)
    assert runtime.prepare(net) in ("bf16", "f32")
    assert json.loads((runtime.folder() / f"{net.name}.json").read_text())["f32"] > 0.99999


def test_other_sizes_may_be_built() -> None:
    assert bit.build(None, 64).predict_on_batch(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 2048)


def test_a_saved_model_keeps_its_positions_to_itself(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gives whole vectors only; put BiT-M-R50x1.npz in its place\.$"):
        bit.maps(tmp_path)


def test_the_record_fits_the_net() -> None:
    record = bit.WEIGHTS
    assert record.url.endswith(f"/{record.file}") and record.checksum is None
    numbers = sum(int(np.prod(shape)) for name, shape in bit_timm.shapes().items() if "/head/" not in name)
    assert record.size == pytest.approx(4 * (numbers + 21_843 * 2049), rel=0.001)  # with ImageNet-21k's classes
    assert (record.preprocessing.size, record.preprocessing.channels) == (bit.SIZE, "RGB")


# --- files that are not its own


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as refused:
        bit.check(path)
    told = str(refused.value)
    assert told.startswith(f"{path} can't give BiT its weights, because ") and "\n" not in told
    assert told.endswith(f": put {bit.WEIGHTS.file} from {bit.WEIGHTS.url} in its place.")
    return told.split(", because ")[1].rsplit(": put ")[0]


@pytest.fixture(scope="module")
def whole() -> bit_timm.Arrays:
    return bit_timm.arrays()


Spoil = Callable[[dict[str, np.ndarray]], None]
GAMMA = "resnet/block2/unit01/a/group_norm/gamma"
SPOILT: dict[str, tuple[Spoil, str]] = {
    "nothing": (dict.clear, "it holds nothing as resnet/block1/unit01/a/group_norm/beta, where (64,) belongs"),
    "one missing": (lambda a: a.pop(GAMMA), f"it holds nothing as {GAMMA}, where (256,) belongs"),
    "a wrong shape": (
        lambda a: a.update({GAMMA: a[GAMMA][:128]}),
        f"it holds (128,) as {GAMMA}, where (256,) belongs",
    ),
    "a deeper net": (
        lambda a: a.update({"resnet/block3/unit07/a/group_norm/beta": np.zeros(1024, np.float32)}),
        "it holds (1024,) as resnet/block3/unit07/a/group_norm/beta, where nothing belongs",
    ),
    "words": (lambda a: a.update({GAMMA: np.array(["word"] * 256)}), "it is not a file of NumPy's arrays (.npz)"),
    "a pickle": (
        lambda a: a.update({GAMMA: np.array([None] * 256)}),
        "it is not a file of NumPy's arrays (.npz)",
    ),
}


@pytest.mark.parametrize(("spoil", "why"), SPOILT.values(), ids=SPOILT)
def test_refuses_arrays_of_another_net(spoil: Spoil, why: str, whole: bit_timm.Arrays, tmp_path: Path) -> None:
    arrays = dict(whole)
    spoil(arrays)
    np.savez(tmp_path / "weights.npz", **arrays)
    assert refusal(tmp_path / "weights.npz") == why


def cut_short(path: Path) -> None:
    np.savez(path, **bit_timm.arrays())
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def of_one_array(path: Path) -> None:
    np.save(path.open("wb"), np.zeros(3))


@pytest.mark.parametrize("write", [Path.touch, cut_short, of_one_array, lambda path: path.write_text("<html>")])
def test_refuses_what_is_no_file_of_arrays(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "weights.npz")
    assert refusal(tmp_path / "weights.npz") == "it is not a file of NumPy's arrays (.npz)"


def test_the_classifier_is_passed_over(whole: bit_timm.Arrays, tmp_path: Path) -> None:
    """The files of BiT that were fine-tuned have another, and hold what else their makers put there."""
    arrays = {name: array for name, array in whole.items() if "/head/" not in name}
    np.savez(tmp_path / "weights.npz", **arrays, **{"resnet/head/conv2d/bias": np.zeros(3), "step": np.array(7)})
    bit.check(tmp_path / "weights.npz")


# --- a SavedModel


def projection(seed: int, dim: int = 2048) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, dim)).astype(np.float32)


def save(folder: Path, matrix: np.ndarray) -> Path:
    """A SavedModel with the signature of BiT's on TensorFlow Hub: (N, h, w, 3) float32 RGB, 0..1 -> (N, 2048)."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            self.matrix = tf.Variable(matrix)

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
        def __call__(self, images: tf.Tensor) -> tf.Tensor:
            return tf.matmul(tf.reduce_mean(images, (1, 2)), self.matrix)

    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("hub") / bit.WEIGHTS.saved_model, projection(1))


@pytest.fixture
def visual(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Engine]:
    """The engine, with what the person named."""

    def made(named: Path) -> Engine:
        monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(named))
        return engines.create("visual")

    return made


@pytest.mark.parametrize("runner", ["openvino", "keras"])
@pytest.mark.parametrize("named", ["itself", "the folder around it"])
def test_a_saved_model_answers(
    runner: str, named: str, hub: Path, visual: Callable[[Path], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    if runner == "openvino":
        pytest.importorskip("openvino", reason="without OpenVINO, Keras runs the nets")
    monkeypatch.setenv("SEMBLANCE_RUNTIME", runner)
    engine = visual(hub if named == "itself" else hub.parent)
    seen = list(pictures().values())
    rows = engine.embed([Crop(picture) for picture in seen])

    card = engine.describe()
    assert (card.network, card.weights, card.reason) == (NET, "bit_m-r50x1_1, named by you", "")
    assert card.runner.startswith("Keras" if runner == "keras" else "OpenVINO")
    means = np.stack([squeezed(picture, 224).mean(axis=(0, 1)) / 255 for picture in seen])
    assert rows.shape == (len(seen), 2048) and rows.dtype == np.float32
    assert cosines(rows, means @ projection(1)).min() > (1 - 1e-6 if runner == "keras" else 0.9999)


def test_its_fingerprint_follows_the_bytes_of_the_net_and_nothing_else(
    hub: Path, visual: Callable[[Path], Engine], tmp_path: Path
) -> None:
    one = engines.fingerprint(visual(hub))
    moved = tmp_path / "another name"
    shutil.copytree(hub, moved)
    (moved / "README.txt").write_text("unpacked on Tuesday")
    assert engines.fingerprint(visual(moved)) == one
    for name in ("saved_model.pb", "variables/variables.data-00000-of-00001"):
        changed = tmp_path / Path(name).name
        shutil.copytree(hub, changed)
        with (changed / name).open("ab") as file:
            file.write(b"\0")
        assert engines.fingerprint(visual(changed)) != one


def test_a_saved_model_of_another_net_is_refused_in_one_sentence(
    visual: Callable[[Path], Engine], tmp_path: Path
) -> None:
    save(tmp_path / "other", projection(1, dim=7))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/saved_model.pb").write_text("<html>")
    for name, why in {
        "other": "it gives (1, 7) for a picture, where BiT gives (1, 2048)",
        "broken": "it is not one that Keras on TensorFlow can run on pictures",
    }.items():
        with pytest.raises(WeightsError) as refused:
            visual(tmp_path / name).embed([Crop(np.zeros((8, 8, 3), np.uint8))])
        assert str(refused.value) == (
            f"The SavedModel {tmp_path / name} can't be BiT, because {why}: name bit_m-r50x1_1."
        )


def test_other_engines_pass_a_saved_model_by(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(hub))
    for name in ("product", "style"):
        assert engines.create(name).describe().builtin, name
