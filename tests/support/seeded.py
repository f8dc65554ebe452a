"""What the engines' tests make for themselves: pictures, drawn people, and weights files with seeded values.

Seeded values prove nothing about
quality; they show that the published kind of file is loaded whole and that a net is run as it should be.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from engines.networks import bit, clip, efficientnet, hub, vae, vgg19, vggface
from engines.vae import Autoencoder
from features.library import Library
from tests.reference import bit_timm
from tests.support import ROOT, tiny

if TYPE_CHECKING:
    import keras

PEOPLE = ("chiyo", "dario", "edith", "farid", "grace", "kavya", "leila", "hugo")


def pictures() -> dict[str, np.ndarray]:
    """Six pictures that differ in size, colour, shape and texture: name -> (H, W, 3) uint8 RGB."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:120, 0:160]
    dots = np.zeros((90, 200, 3), np.uint8)
    for row, column in random.integers(5, 85, (40, 2)):
        dots[row - 4 : row + 4, column * 2 : column * 2 + 6] = (250, 200, 30)
    rings = (np.hypot(x - 80, y - 60) % 24 < 12)[..., None]
    return {
        "slope": np.stack([x + 60, y * 2, 255 - x], axis=-1).astype(np.uint8),
        "stripes": np.where((x // 10 % 2)[..., None], (200, 30, 40), (20, 20, 90)).astype(np.uint8)[:100],
        "checks": np.where(((x // 16 + y // 16) % 2)[..., None], (240, 240, 230), (10, 90, 40)).astype(np.uint8),
        "dots": dots,
        "grain": random.integers(0, 256, (224, 224, 3), dtype=np.uint8),
        "rings": np.where(rings, (120, 60, 200), (250, 220, 240)).astype(np.uint8)[:, :120],
    }


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one drawn portrait of each of PEOPLE."""
    people = pytest.importorskip("samples.people", reason="the sample people are not drawn yet")
    folder = tmp_path_factory.mktemp("portraits")
    for name in PEOPLE:
        people.draw(name, 1, folder / f"{name}.png")
    return folder


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


class Files:
    """A folder of weights files as they are published, by the names of their nets; each made when first needed.

    Of TINY a folder of models.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, network: str) -> Path:
        with FileLock(self.folder / f"{network}.lock"):
            if network in TINY:
                path = self.folder / network
                return path if path.exists() else tiny.save(path, [network, "blip-base"])
            path = self.folder / FILES[network]
            if not path.exists():
                _WRITE[network](path)
            return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(shared(tmp_path_factory, "weights"))


def shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder of this run, the same in all of its processes."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


def _published_vggface_name(layer: str) -> str:
    return layer.replace("_bn", "/bn").replace("conv1_7x7", "conv1/7x7")


def _efficientnet(path: Path) -> None:
    import keras

    _write(path, keras.applications.EfficientNetB0(include_top=False, weights=None))


def _vgg19(path: Path) -> None:
    import keras

    _write(path, keras.applications.VGG19(include_top=False, weights=None))


def _resnet50(path: Path) -> None:
    _write(path, vggface.build("resnet50", None), _published_vggface_name)


def _bit(path: Path) -> None:
    np.savez(path, **bit_timm.arrays())


_WRITE = {"efficientnetb0": _efficientnet, "vgg19": _vgg19, "resnet50": _resnet50, "bit-r50x1": _bit}
FILES = {
    "efficientnetb0": efficientnet.WEIGHTS.file,
    "vgg19": vgg19.WEIGHTS.file,
    "resnet50": Path(vggface.WEIGHTS["resnet50"].file).name,
    "bit-r50x1": bit.WEIGHTS.file,
}
TINY = () if hub.lacking() else tuple(net.name for net in clip.NETS)


def _write(path: Path, model: keras.Model, published: Callable[[str], str] = str) -> None:
    """The legacy layout of old Keras: a group per layer, the names of its weights among the attributes."""
    random = np.random.default_rng(11)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [published(layer.name).encode() for layer in model.layers]
        for layer in model.layers:
            name = published(layer.name)
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{w.name}:0".encode() for w in layer.weights])
            for weight in layer.weights:
                value = _seeded(random, layer.name, weight.name, tuple(weight.shape))
                group.create_dataset(f"{name}/{weight.name}:0", data=value)


def _seeded(random: np.random.Generator, layer: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values that keep a signal alive through many layers and leave no weight at its default."""
    if layer.startswith("normalization"):
        return {"mean": np.float32([0.4, 0.5, 0.6]), "variance": np.float32([0.05, 0.07, 0.09])}.get(
            kind, np.int32(3)
        )
    if "kernel" in kind:
        inputs = (0, 1) if shape[-1] == 1 else (0, 1, 2)
        values = random.standard_normal(shape, np.float32)
        if layer.startswith("conv"):  # ResNet: else what all pictures share outgrows what tells them apart
            values -= values.mean(axis=inputs, keepdims=True)
        return (values * np.sqrt(2 / np.prod([shape[axis] for axis in inputs]))).astype(np.float32)
    if kind in ("gamma", "moving_variance"):
        return random.uniform(0.7, 1.3, shape).astype(np.float32)
    return random.normal(0, 0.1, shape).astype(np.float32)


def environment(**changes: str | os.PathLike[str]) -> dict[str, str]:
    """This test's environment for a subprocess, with changes."""
    return os.environ | {name: os.fspath(value) for name, value in changes.items()}


# --- an autoencoder that was trained, in the middle of which everything was killed

LEARNING = """if True:
    import sys
    from pathlib import Path
    from engines.networks import vae
    from features.library import Library

    vae.EPOCHS = (WANTED, WANTED)
    library = Library(Path(sys.argv[2]))
    library.index(library.open(Path(sys.argv[1])), library.engine("vae")).training.train()
"""
EPOCHS = 40


@dataclass(frozen=True)
class Schooled:
    """A folder of small pictures, the home of what was learned from them, and the engine.

    killed: how far its training was when all of it was killed. orphan: whether the process that trained went on.
    """

    folder: Path
    home: Path
    engine: Autoencoder
    killed: vae.Course
    orphan: bool

    @property
    def kept(self) -> Path:
        (path,) = self.home.glob("catalogues/*/vae.learned")
        return path


def small_pictures(folder: Path, number: int, side: int = 16) -> Path:
    """Squares on grounds of many colours, in two folders: large ones and small ones."""
    random = np.random.default_rng(3)
    for kind, size in (("large", side // 2), ("small", side // 4)):
        (folder / kind).mkdir(parents=True)
        for each in range(number // 2):
            image = np.full((side, side, 3), random.integers(0, 256, 3), np.uint8)
            top, left = random.integers(0, side - size, 2)
            image[top : top + size, left : left + size] = random.integers(0, 256, 3)
            Image.fromarray(image).save(folder / kind / f"{each:03}.png")
    return folder


@pytest.fixture(scope="session")
def schooled(tmp_path_factory: pytest.TempPathFactory) -> Schooled:
    place = tmp_path_factory.mktemp("schooled")
    folder, home = small_pictures(place / "squares", 120), place / "home"
    library = Library(home)
    catalogue, untrained = library.open(folder), library.engine("vae")
    assert isinstance(untrained, Autoencoder)
    work = library.index(catalogue, untrained).training.folder()
    code = LEARNING.replace("WANTED", str(EPOCHS))
    parent = subprocess.Popen([sys.executable, "-c", code, folder, home], cwd=ROOT)
    try:
        until = time.monotonic() + 600
        while not ((course := vae.course(work)) and len(course.done) >= 3):
            assert parent.poll() is None and time.monotonic() < until
            time.sleep(0.01)
    finally:
        parent.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        parent.wait()
    time.sleep(1)
    killed = vae.course(work)
    time.sleep(1)
    later = vae.course(work)
    assert killed and later
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vae, "EPOCHS", (2, 2))  # of a new training; this one goes on as it was planned
        engine = library.index(catalogue, untrained).training.train()
    assert isinstance(engine, Autoencoder)
    library.index(catalogue, engine).update()
    return Schooled(folder, home, engine, killed, len(later.done) > len(killed.done))
