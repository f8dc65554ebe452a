"""Features of the pixels: colours, layout and outlines."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from engines.networks.pixel_features import DIRECTIONS, LENGTHS, cells, describe

PHOTOS = np.stack([image[:224, :224] for image in load_sample_images().images])


def plain(red: int, green: int, blue: int) -> np.ndarray:
    return np.tile(np.uint8([red, green, blue]), (1, 224, 224, 1))


@pytest.mark.parametrize("count", [1, 2])
def test_lengths(count: int) -> None:
    found = describe(PHOTOS[:count])
    assert {name: (rows.shape, rows.dtype) for name, rows in found.items()} == {
        name: ((count, length), np.float32) for name, length in LENGTHS.items()
    }


def test_only_what_is_asked_for() -> None:
    assert list(describe(PHOTOS, ["colour"])) == ["colour"]


def test_a_row_depends_on_its_picture_alone() -> None:
    both, second = describe(PHOTOS), describe(PHOTOS[1:])
    assert all(np.array_equal(both[name][1], second[name][0]) for name in LENGTHS)


@pytest.mark.parametrize(
    "pixels", [PHOTOS, plain(0, 0, 0), plain(255, 255, 255)], ids=["photos", "black", "white"]
)
def test_the_cells_sum_to_the_features(pixels: np.ndarray) -> None:
    whole = describe(pixels)
    for name, values in cells(pixels).items():
        np.testing.assert_allclose(values.sum(axis=(1, 2)), whole[name], atol=1e-5)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (51, 178, 77)])
def test_colours_are_shares_of_the_picture(colour: tuple[int, int, int]) -> None:
    assert np.square(describe(plain(*colour))["colour"]).sum() == pytest.approx(1, abs=0.02)


def test_a_pixel_is_shared_between_bins() -> None:
    """One grey level more moves a feature by as little."""
    random = np.random.default_rng(1).integers(10, 240, (1, 224, 224, 3), np.uint8)
    one, other = describe(random), describe(random + 1)
    assert all(np.abs(one[name] - other[name]).max() < 0.02 for name in one)


def test_outlines_are_of_directions_and_not_of_colours() -> None:
    stripes = np.tile(np.arange(224) // 16 % 2 * 255, (1, 224, 1)).astype(np.uint8)[..., None]
    upright, lying = stripes * np.ones(3, np.uint8), stripes.transpose(0, 2, 1, 3) * np.ones(3, np.uint8)
    sums = [describe(image)["outline"].reshape(-1, DIRECTIONS).sum(axis=0) for image in (upright, lying)]
    assert sums[0].argmax() == 0 and sums[1].argmax() in (4, 5)
    np.testing.assert_allclose(describe(255 - upright)["outline"], describe(upright)["outline"], atol=1e-3)
