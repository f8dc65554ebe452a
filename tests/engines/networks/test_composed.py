"""Vectors composed of EfficientNet-Lite0's layers and of features of the pixels: what each engine attends to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import engines
from engines import Crop, Engine, Parted
from engines.networks import composed
from engines.networks.composed import PRODUCT, STYLE, VISUAL, Vector
from engines.networks.network import NetworkEngine
from tests.support.seeded import pictures

VECTORS = {"product": PRODUCT, "visual": VISUAL, "style": STYLE}


@pytest.fixture(scope="module")
def made() -> dict[str, Engine]:
    return {name: engines.create(name, "builtin") for name in VECTORS}


@pytest.fixture(params=VECTORS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def vector(name: str) -> Vector:
    return VECTORS[name]


def test_every_ingredient_has_its_centre(vector: Vector) -> None:
    with np.load(composed.CENTRES, allow_pickle=False) as file:
        centres = {one.name: file[f"{vector.name}/{one.name}"] for one in vector.ingredients}
    assert {one.name: (one.dim,) for one in vector.ingredients} == {name: of.shape for name, of in centres.items()}
    assert all(np.isfinite(of).all() and np.abs(of).max() > 0 for of in centres.values())


def test_no_centre_is_left_over() -> None:
    with np.load(composed.CENTRES, allow_pickle=False) as file:
        assert {*file.files} == {f"{of.name}/{one.name}" for of in VECTORS.values() for one in of.ingredients}


def test_the_parts_are_as_long_in_every_vector(name: str, vector: Vector, made: dict[str, Engine]) -> None:
    """Each ingredient takes the share of its weight, whatever the picture."""
    rows = made[name].embed([Crop(image) for image in pictures().values()])
    ends = np.cumsum([one.dim for one in vector.ingredients])
    assert ends[-1] == rows.shape[1] == made[name].describe().dim
    lengths = np.stack([np.linalg.norm(part, axis=1) for part in np.split(rows, ends[:-1], axis=1)], axis=1)
    weights = np.array([one.weight for one in vector.ingredients])
    np.testing.assert_allclose(lengths, np.tile(weights / np.linalg.norm(weights), (len(rows), 1)), atol=1e-3)


def test_only_style_may_be_weighted_in_a_search(made: dict[str, Engine]) -> None:
    names = {
        name: [part.name for part in of.vector_parts()] for name, of in made.items() if isinstance(of, Parted)
    }
    brush = ["colour", "grain", "strokes", "motifs", "composition"]
    assert names == {"product": [], "visual": [], "style": [*brush, "subject"]}
    assert sum(part.share for part in STYLE.layers()) == pytest.approx(1)


def test_settings_hold_all_that_moves_a_vector(name: str, vector: Vector, made: dict[str, Engine]) -> None:
    settings = made[name].settings()
    assert settings["parts"] == [[one.name, one.weight] for one in vector.ingredients]
    assert (settings["network"], settings["vector"], settings["size"]) == ("efficientnet-lite0", name, 224)
    assert len(settings["centres"]) == 12 and len(settings["weights"]) == 64


def test_no_two_engines_share_a_vector(made: dict[str, Engine]) -> None:
    assert len({engines.fingerprint(of) for of in made.values()}) == 3
    assert len({of.describe().dim for of in made.values()}) == 3


# --- what each attends to

PHOTO = load_sample_images().images[0][:, 100:540]


def recoloured(image: np.ndarray) -> np.ndarray:
    """Every hue turned by a third of the circle."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + 60) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def cosine(engine: Engine, one: np.ndarray, other: np.ndarray) -> float:
    first, second = engine.embed([Crop(np.ascontiguousarray(one)), Crop(np.ascontiguousarray(other))])
    return float(first @ second)


@pytest.mark.parametrize(
    ("changed", "least"),
    [(PHOTO[:, ::-1], 0.8), (cv2.resize(PHOTO, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 0.9)],
    ids=["mirrored", "half the size"],
)
def test_what_should_not_matter_hardly_does(
    name: str, made: dict[str, Engine], changed: np.ndarray, least: float
) -> None:
    other = load_sample_images().images[1]
    assert cosine(made[name], PHOTO, changed) > least
    assert cosine(made[name], PHOTO, changed) > cosine(made[name], PHOTO, other) + 0.3


@pytest.mark.parametrize("change", [recoloured, np.flipud], ids=["other colours", "upside down"])
def test_colour_and_arrangement_count_more_for_product(made: dict[str, Engine], change) -> None:
    """visual asks what is shown; product asks in which colours, and where."""
    product, visual = (made[name] for name in ("product", "visual"))
    assert isinstance(product, NetworkEngine) and isinstance(visual, NetworkEngine)
    part = {"product": PRODUCT, "visual": VISUAL}
    starts = np.cumsum([0, *(one.dim for one in part["product"].ingredients)])
    rows = product.embed([Crop(PHOTO), Crop(np.ascontiguousarray(change(PHOTO)))])
    shares = {
        one.name: float(rows[0, first:last] @ rows[1, first:last]) / one.weight**2
        for one, first, last in zip(PRODUCT.ingredients, starts, starts[1:], strict=False)
    }
    told_by = "colour" if change is recoloured else "halves"
    assert shares[told_by] == min(shares.values())
