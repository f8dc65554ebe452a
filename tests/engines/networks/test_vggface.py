"""The VGGFace networks: equal to the original package's, and deaf to any file that is not theirs."""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from engines.errors import WeightsError
from engines.networks import vggface
from tests.support import ROOT

ARCHITECTURES = ("resnet50", "senet50", "vgg16")
DIM = {"resnet50": 2048, "senet50": 2048, "vgg16": 512}

Layout = dict[str, dict[str, tuple[int, ...]]]


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    """A folder with what the original package wrote and answered; see reference/vggface_original.py."""
    for module in ("keras_vggface", "tf_keras"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"the original package can't run without {module}: pip install -r requirements-dev.txt")
    with tempfile.TemporaryDirectory() as folder:
        script = ROOT / "tests/reference/vggface_original.py"
        run = subprocess.run([sys.executable, str(script), folder], check=False, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equals_the_original_package(original: Path, architecture: str) -> None:
    answers = np.load(original / f"{architecture}.npz")
    expected = answers["pooled"]
    assert expected.std() > 0.1 and expected.max() < 10, "the seeded weights would prove nothing"
    assert np.abs(expected[0] - expected[1]).max() > 0.05, "the seeded weights would prove nothing"

    ready = vggface.preprocess(answers["pixels"], architecture)
    np.testing.assert_array_equal(ready, answers["preprocessed"])
    pooled = vggface.build(architecture, original / f"{architecture}.h5").predict(answers["pixels"], verbose=0)

    assert pooled.shape == (2, DIM[architecture]) and pooled.dtype == np.float32
    difference = np.abs(pooled - expected)
    relative = difference.max() / expected.max()
    print(f"{architecture}: at most {difference.max():.1e} apart, {relative:.1e} of the largest")
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_one_face_alone_equals_the_same_in_a_batch(architecture: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    model = vggface.build(architecture, None)
    faces = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)
    batch = model.predict(faces, verbose=0)
    alone = np.concatenate([model.predict(faces[i : i + 1], verbose=0) for i in range(3)])
    assert batch.shape == (3, DIM[architecture]) and batch.min() >= 0
    np.testing.assert_allclose(alone / batch.max(), batch / batch.max(), atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "blue", "green", "red"),
    [
        ("resnet50", 30 - 91.4953, 20 - 103.8827, 10 - 131.0912),
        ("senet50", 30 - 91.4953, 20 - 103.8827, 10 - 131.0912),
        ("vgg16", 30 - 93.5940, 20 - 104.7624, 10 - 129.1863),
    ],
)
def test_preprocess(architecture: str, blue: float, green: float, red: float) -> None:
    pixels = np.full((2, 224, 224, 3), (10, 20, 30), np.uint8)
    ready = np.asarray(vggface.preprocess(pixels, architecture))
    assert ready.shape == pixels.shape and ready.dtype == np.float32
    np.testing.assert_allclose(ready[1, 100, 7], (blue, green, red), rtol=1e-6)
    assert (pixels == (10, 20, 30)).all(), "the caller's pixels were changed"
    assert vggface.preprocess(pixels[:0], architecture).shape == (0, 224, 224, 3)


def test_importing_loads_no_framework() -> None:
    code = "import sys, engines.networks.vggface; assert not {'keras', 'tensorflow', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_records(architecture: str) -> None:
    record = vggface.WEIGHTS[architecture]
    assert record.url.endswith(f"/v2.0/rcmalli_vggface_tf_notop_{architecture}.h5")
    assert record.file == f"vggface/rcmalli_vggface_tf_notop_{architecture}.h5"
    parameters = sum(int(np.prod(shape)) for layer in layout(architecture).values() for shape in layer.values())
    assert 1.0 < record.size / (4 * parameters) < 1.02
    assert "non-commercial" in record.licence
    assert (record.preprocessing.size, record.preprocessing.channels) == (224, "BGR")


@cache
def layout(architecture: str) -> Layout:
    """Layer -> weight -> shape, as in the published files (the parity test is what proves it)."""
    return {
        layer.name.replace("_bn", "/bn").replace("conv1_7x7", "conv1/7x7"): {
            weight.name: tuple(weight.shape) for weight in layer.weights
        }
        for layer in vggface.build(architecture, None).layers
        if layer.weights
    }


def write(path: Path, layers: Layout, kind: str = "S") -> Path:
    """A weights file of zeros, which take no space. kind of its names: "S" bytes, as of old, or "O" str."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(["input_1", *layers], kind)
        file.create_group("input_1").attrs["weight_names"] = np.array([])
        for name, weights in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{weight}:0" for weight in weights], kind)
            for weight, shape in weights.items():
                group.create_dataset(f"{name}/{weight}:0", shape, "float32")
    return path


def swapped(layers: Layout, one: str, other: str) -> Layout:
    names = {one: other, other: one}
    return {names.get(name, name): weights for name, weights in layers.items()}


def without(layers: Layout, absent: str) -> Layout:
    return {name: weights for name, weights in layers.items() if name != absent}


def refusal(architecture: str, path: Path) -> str:
    """The sentence with which the file is refused, the same from `check` and `build`."""
    with pytest.raises(WeightsError) as building:
        vggface.build(architecture, path)
    with pytest.raises(WeightsError) as checking:
        vggface.check(architecture, path)
    sentence = str(building.value)
    assert sentence == str(checking.value)
    assert sentence.startswith(f"{path} can't give VGGFace {architecture} its weights, because ")
    assert sentence.endswith(
        f" put {Path(vggface.WEIGHTS[architecture].file).name} from "
        f"{vggface.WEIGHTS[architecture].url} in its place."
    )
    assert "\n" not in sentence
    return sentence.split(", because ")[1].rsplit(": put ")[0]


@pytest.mark.parametrize("kind", ["S", "O"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_takes_a_file_of_its_own(tmp_path: Path, architecture: str, kind: str) -> None:
    vggface.check(architecture, write(tmp_path / "a download.part", layout(architecture), kind))


@pytest.mark.parametrize(
    ("architecture", "another", "told"),
    [
        ("resnet50", "senet50", "where conv2_1_1x1_proj (kernel (1, 1, 64, 256)) belongs"),
        ("senet50", "resnet50", "it holds conv2_1_1x1_proj (kernel (1, 1, 64, 256)) where"),
        (
            "vgg16",
            "resnet50",
            "it holds conv1_7x7_s2 (kernel (7, 7, 3, 64)) where conv1_1 (kernel (3, 3, 3, 64), ",
        ),
    ],
)
def test_refuses_the_file_of_another_architecture(
    tmp_path: Path, architecture: str, another: str, told: str
) -> None:
    assert told in refusal(architecture, write(tmp_path / "weights.h5", layout(another)))


def test_refuses_one_wrong_shape(tmp_path: Path) -> None:
    path = write(
        tmp_path / "weights.h5", layout("vgg16") | {"conv3_2": {"kernel": (3, 3, 256, 255), "bias": (256,)}}
    )
    assert refusal("vgg16", path) == (
        "it holds conv3_2 (kernel (3, 3, 256, 255), bias (256,)) "
        "where conv3_2 (kernel (3, 3, 256, 256), bias (256,)) belongs"
    )


def test_refuses_a_missing_layer(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.h5", without(layout("vgg16"), "conv5_1"))
    assert "it holds conv5_2 (" in refusal("vgg16", path) and " where conv5_1 (" in refusal("vgg16", path)
    path = write(tmp_path / "weights.h5", without(layout("vgg16"), "conv5_3"))
    assert "it holds nothing where conv5_3 (" in refusal("vgg16", path)


def test_refuses_a_layer_too_many(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.h5", layout("vgg16") | {"fc6": {"kernel": (25088, 4096), "bias": (4096,)}})
    assert refusal("vgg16", path) == "it holds fc6 (kernel (25088, 4096), bias (4096,)) where nothing belongs"


def test_refuses_layers_of_one_shape_in_another_order(tmp_path: Path) -> None:
    """By place alone, either could be taken for the other."""
    layers = layout("resnet50")
    assert layers["conv2_1_1x1_increase"] == layers["conv2_1_1x1_proj"]
    path = write(tmp_path / "weights.h5", swapped(layers, "conv2_1_1x1_increase", "conv2_1_1x1_proj"))
    assert refusal("resnet50", path).startswith("it holds conv2_1_1x1_proj (")


def test_refuses_weights_in_another_order(tmp_path: Path) -> None:
    gone_round = {"beta": (64,), "gamma": (64,), "moving_mean": (64,), "moving_variance": (64,)}
    path = write(tmp_path / "weights.h5", layout("resnet50") | {"conv1/7x7_s2/bn": gone_round})
    assert refusal("resnet50", path).startswith("it holds conv1_7x7_s2_bn (beta (64,), gamma (64,), ")


def not_hdf5(path: Path) -> None:
    path.write_text("<html>Not found</html>")


def cut_short(path: Path) -> None:
    whole = write(path, layout("vgg16")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def of_another_kind(path: Path) -> None:
    h5py.File(path, "w").close()


def with_a_dead_name(path: Path) -> None:
    with h5py.File(write(path, layout("vgg16")), "r+") as file:
        del file["conv4_2/conv4_2/kernel:0"]


def without_names(path: Path) -> None:
    with h5py.File(write(path, layout("vgg16")), "r+") as file:
        del file["conv4_2"].attrs["weight_names"]


def of_words(path: Path) -> None:
    with h5py.File(write(path, layout("vgg16")), "r+") as file:
        del file["conv1_1/conv1_1/bias:0"]
        file["conv1_1/conv1_1/bias:0"] = np.array([b"word"] * 64)


@pytest.mark.parametrize(
    "spoil", [not_hdf5, cut_short, of_another_kind, with_a_dead_name, without_names, of_words]
)
def test_refuses_what_is_no_weights_file(tmp_path: Path, spoil) -> None:
    spoil(tmp_path / "weights.h5")
    assert refusal("vgg16", tmp_path / "weights.h5") == "it is not a file of Keras weights (HDF5)"


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal("vgg16", tmp_path / "weights.h5") == "it is not a file of Keras weights (HDF5)"
