"""Why two pictures are alike: what each place adds, that it sums to the score, and how it is shown."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engines
from demos.components import why
from engines import Crop, Explainer, SemblanceError
from engines.networks import composed, runtime
from engines.networks.network import Network
from features.errors import ImageError
from features.library import Library
from features.retrieval.results import Explanation, Reference
from tests.support.seeded import FILES, Files
from tests.support.toy import BLUE, GREEN, RED, Halves, Toy, digest, paint


class Told(Halves):
    """A toy that explains itself: pixel by pixel, for its vector is their mean."""

    name = "told"

    def explains(self) -> bool:
        return True

    def explain(self, crop: Crop, direction: np.ndarray) -> np.ndarray:
        whole = np.linalg.norm(crop.pixels.mean(axis=(0, 1)))
        return (crop.pixels @ direction / whole / crop.pixels[..., 0].size).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("product", "builtin"),
        pytest.param("visual", "bit-r50x1", marks=pytest.mark.slow),
    ],  # EfficientNet's gates, with random weights, let each place hear of all the others
)
def test_each_place_speaks_for_what_is_there(
    name: str, network: str, weights: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    if network in FILES:
        monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(weights[network]))
    engine = engines.create(name, network)
    left, right = runtime.photos(224)[0], runtime.photos(224)[7]
    mixed = np.concatenate([left[:, :112], right[:, 112:]], axis=1)
    (direction,) = engine.embed([Crop(left)])
    before, after = (engine.explain(Crop(pixels), direction) for pixels in (left, mixed))
    half = before.shape[1] // 2
    changed = np.abs(before - after)
    assert changed[:, -half:].sum() > 1.5 * changed[:, :half].sum(), "it is the right half that was replaced"
    if network == "builtin":  # random weights promise nothing
        assert after[:, :half].sum() > 2 * after[:, -half:].sum()


@pytest.mark.parametrize("net", [composed.PRODUCTS, composed.VISUALS], ids=["product", "visual"])
def test_the_maps_of_the_installed_network_sum_to_its_vectors(net: Network) -> None:
    """Exactly, so that nothing has to be spread evenly to make it fit."""
    grain = np.random.default_rng(3).integers(0, 256, (1, net.size, net.size, 3), np.uint8)
    pixels = np.concatenate([runtime.photos(net.size)[:3], np.zeros_like(grain), grain])
    path = net.weights.locate()
    assert net.maps
    maps = net.composition.maps(pixels, net.maps(path).predict_on_batch(pixels))
    expected = net.composition.vectors(pixels, net.build(path).predict_on_batch(pixels))
    assert maps.shape == (5, 7, 7, net.dim)
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "network"), [("style", "builtin"), ("lookalike", "builtin")])
def test_who_can_not_explain_says_so(name: str, network: str) -> None:
    assert not engines.create(name, network).explains()


def test_the_colours_can_not() -> None:
    assert not isinstance(engines.create("colour"), Explainer)


# --- in the library


@pytest.fixture
def shown(library: Library, pictures: Path) -> tuple[Library, Path]:
    paint(pictures / "a/half.png", RED, right=GREEN, size=(40, 20))
    paint(pictures / "b/blue.png", BLUE)
    library.index(library.open(pictures), Told()).update()
    return library, pictures


def test_both_maps_sum_to_the_score_of_the_answer(shown: tuple[Library, Path], tmp_path: Path) -> None:
    library, folder = shown
    catalogue, engine = library.open(folder), Told()
    query = paint(tmp_path / "query.png", (200, 100, 0), size=(80, 40))
    for reference in (Reference(query), Reference(query, box=(8, 4, 60, 30))):
        for match in library.index(catalogue, engine).search([reference]).matches:
            told = library.index(catalogue, engine).explain(reference, match.digest, match.part)
            sums = told.query_map.sum(), told.match_map.sum()
            assert (told.score, *sums) == pytest.approx((match.score,) * 3, abs=1e-5)
            assert told.match_box == match.box
    assert told.query_box == (8, 4, 34, 30), "the left half of what was drawn"


def test_what_can_not_be_explained_is_told(shown: tuple[Library, Path]) -> None:
    library, folder = shown
    catalogue, half = library.open(folder), folder / "a/half.png"
    for name, part in ((digest(half), 2), (digest(half), -1), ("f" * 64, 0), ("", 0)):
        with pytest.raises(SemblanceError, match="not indexed here any more"):
            library.index(catalogue, Told()).explain(Reference(half), name, part)
    known = digest(half)
    paint(half, BLUE)
    with pytest.raises(ImageError, match="has changed since it was indexed"):
        library.index(catalogue, Told()).explain(Reference(folder / "b/blue.png"), known)
    library.index(catalogue, Toy()).update()
    with pytest.raises(SemblanceError, match="Toy can't tell why two pictures are alike"):
        library.index(catalogue, Toy()).explain(Reference(half), digest(folder / "b/blue.png"))


# --- as it is shown


def _overlays(html: str) -> list[np.ndarray]:
    found = re.findall(r'class="heat"[^>]*base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_what_adds_is_orange_and_what_takes_away_is_blue(library: Library, pictures: Path) -> None:
    path = paint(pictures / "<b>/red.png", RED)
    catalogue = library.open(pictures)
    library.index(catalogue, Toy()).update()
    heat = np.float32([[0.9, 0.0], [-0.4, 0.0]])
    told = Explanation(0.5, heat, np.zeros((2, 2), np.float32), None, None)
    html = why.told(catalogue, told, Reference(path), digest(path))
    assert "0.500" in html and "&lt;b&gt;" in html and "<b>/" not in html and str(pictures) not in html
    asked, found = _overlays(html)
    assert tuple(asked[0, 0]) == (*why.ADDS, 255) and tuple(asked[-1, 0, :3]) == why.TAKES
    assert asked[-1, 0, 3] == pytest.approx(255 * 4 / 9, abs=2), "as strong as it is"
    assert not found[..., 3].any(), "where nothing is told, the picture is left as it is"
