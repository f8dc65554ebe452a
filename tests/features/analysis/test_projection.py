"""The map of a collection: where vectors land in the plane, and that a map is kept until something changes."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engines import SemblanceError, unit_rows
from features.analysis import projection
from features.analysis.projection import between, place, project, sides
from features.errors import NotIndexed
from features.library import Library
from tests.support import ROOT
from tests.support.toy import Toy, digest, is_one_sentence, paint, wheel

UMAP = pytest.param(
    "UMAP",
    marks=[pytest.mark.slow, pytest.mark.skipif(not find_spec("umap"), reason="umap-learn is not installed")],
)
METHODS = ("t-SNE", "PCA", "PCA 3D", UMAP)


def _clusters(number: int, each: int, dim: int = 16) -> np.ndarray:
    """So many groups of unit rows, group after group, each around an axis of its own."""
    noise = np.random.default_rng(0).normal(0, 0.05, (number * each, dim))
    return unit_rows((np.repeat(np.eye(dim)[:number], each, axis=0) + noise).astype(np.float32))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 40])
def test_each_row_gets_one_place_on_the_map(method: str, number: int) -> None:
    made = project(_clusters(4, 10)[:number], method)
    assert made.shape == (number, 3 if method == "PCA 3D" else 2) and made.dtype == np.float32
    assert ((made >= 0) & (made <= 1)).all()
    assert number < 2 or np.ptp(made, axis=0).max() == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_rows_land_at_the_same_places_in_any_order(method: str) -> None:
    rows = _clusters(4, 10)
    made = project(rows, method)
    assert np.array_equal(made, project(rows, method))
    assert np.array_equal(made[::-1], project(rows[::-1], method))


@pytest.mark.parametrize("method", METHODS)
def test_equal_rows_share_a_place(method: str) -> None:
    rows = _clusters(4, 3)
    made = project(np.concatenate([rows, rows[:5]]), method)
    assert np.array_equal(made[:5], made[len(rows) :])
    assert np.array_equal(
        project(np.repeat(rows[:1], 6, axis=0), method), np.full((6, sides(method)), 0.5, np.float32)
    )


@pytest.mark.parametrize("sample", [projection.SAMPLE, 60])
@pytest.mark.parametrize("method", ["t-SNE", UMAP])
def test_clusters_stay_together(monkeypatch: pytest.MonkeyPatch, method: str, sample: int) -> None:
    monkeypatch.setattr(projection, "SAMPLE", sample)  # with 60 t-SNE places half by their neighbours
    made = project(_clusters(4, 30), method).reshape(4, 30, 2)
    centres = made.mean(axis=1)
    nearest = np.linalg.norm(made[:, :, None] - centres, axis=-1).argmin(axis=-1)
    assert (nearest == np.arange(4)[:, None]).mean() > 0.95


@pytest.mark.parametrize(("method", "kept"), [("PCA", 2), ("PCA 3D", 3)])
@pytest.mark.parametrize("shape", [(300, 12), (12, 300), (5, 5)], ids=["many rows", "long rows", "square"])
def test_pca_is_the_plain_one_up_to_the_sides_of_its_axes(shape: tuple[int, int], method: str, kept: int) -> None:
    away = np.random.default_rng(0).normal(3, 1, shape) * np.linspace(1, 0.1, shape[1])
    rows = unit_rows(away.astype(np.float32))
    centred = rows.astype(float) - rows.mean(axis=0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:kept].T
    low, high = places.min(axis=0), places.max(axis=0)
    wanted = (places - (low + high) / 2) / (high - low).max()
    made = project(rows, method) - 0.5
    assert np.abs(made) == pytest.approx(np.abs(wanted), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_map_comes_from_work_that_can_be_stopped(method: str) -> None:
    rows = _clusters(4, 10)
    assert np.array_equal(project(rows, method, cancelled=lambda: False), project(rows, method))


def test_work_that_is_cancelled_ends_at_once() -> None:
    rows = unit_rows(np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32))  # takes many seconds
    asked = iter([False] * 5)
    assert project(rows, "t-SNE", cancelled=lambda: next(asked, True)) is None
    assert next(asked, None) is None, "it was asked until it said so"


@pytest.mark.skipif(not shutil.which("false"), reason="there is no program that only fails")
def test_what_fails_in_a_process_of_its_own_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match="laying out by t-SNE"):
        project(_clusters(4, 3), "t-SNE", cancelled=lambda: False)


@pytest.mark.parametrize("method", ["PCA", "PCA 3D"])
def test_a_query_lands_among_its_neighbours(method: str) -> None:
    rows = _clusters(3, 10)
    made = project(rows, method)
    assert place(rows[7], rows, made) == pytest.approx(made[7], abs=1e-3)
    centre = unit_rows(rows[:10].mean(axis=0)[None])[0]
    low, high = made[:10].min(axis=0), made[:10].max(axis=0)
    found = place(centre, rows, made)
    assert (found >= low).all() and (found <= high).all()
    assert place(rows, rows[:1], made[:1]) == pytest.approx(np.repeat(made[:1], 30, axis=0)), (
        "fewer than it asks for"
    )


def test_the_nearer_neighbour_weighs_more() -> None:
    assert between(np.array([0.9, 0.9]), np.array([[0, 0], [1, 1]])) == pytest.approx([0.5, 0.5])
    assert between(np.array([0.9, 0.1]), np.array([[0, 0], [1, 1]])) == pytest.approx([0.1, 0.1])


def test_what_can_not_be_had_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    for method, told in (
        ("UMAP", 'pip install "umap-learn>='),
        ("../x", "Choose one of: t-SNE, PCA, PCA 3D, UMAP"),
    ):
        with pytest.raises(SemblanceError, match=told) as error:
            project(_clusters(4, 3), method)
        assert is_one_sentence(str(error.value))
    with pytest.raises(SemblanceError) as error:
        project(_clusters(4, 3), "UMAP")
    wanted = (ROOT / "requirements-map.txt").read_text("utf-8")
    assert str(error.value).split('"')[1] in wanted.splitlines(), "what it says is what the file names"


def test_a_map_is_kept_and_made_anew_after_a_change(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted, engine, catalogue = wheel(pictures, 6), Toy(), library.open(pictures)
    with pytest.raises(NotIndexed):
        library.index(catalogue, engine).projection("PCA")
    library.index(catalogue, engine).update()
    assert library.index(catalogue, engine).projection("PCA", kept_only=True) is None
    assert library.index(catalogue, engine).projection("t-SNE", cancelled=lambda: True) is None
    made = library.index(catalogue, engine).projection("PCA")
    assert made and made.digests == sorted(map(digest, painted)) and made.positions.shape == (6, 2)

    again = Library(library.home).index(catalogue, engine).projection("PCA", kept_only=True)
    assert again and np.array_equal(again.positions, made.positions)
    for other in ("t-SNE", "PCA 3D"):
        assert library.index(catalogue, engine).projection(other, kept_only=True) is None, "another map"

    catalogue.hide([digest(painted[0])])
    assert library.index(catalogue, engine).projection("PCA", kept_only=True) is None
    fewer = library.index(catalogue, engine).projection("PCA")
    assert fewer and fewer.digests == sorted(map(digest, painted[1:]))
    paint(pictures / "new.png", (0, 0, 255))
    library.index(catalogue, engine).update()
    assert len(library.index(catalogue, engine).projection("PCA").digests) == 6
    assert len(list(catalogue.state.parent.glob("*.map"))) == 1, "a stale one is replaced"
    made = library.index(catalogue, engine).projection("PCA 3D")
    again = Library(library.home).index(catalogue, engine).projection("PCA 3D", kept_only=True)
    assert made and again and again.positions.shape == (6, 3) and np.array_equal(again.positions, made.positions)


def test_a_damaged_map_is_set_aside(library: Library, pictures: Path) -> None:
    wheel(pictures, 6)
    engine, catalogue = Toy(), library.open(pictures)
    library.index(catalogue, engine).update()
    made = library.index(catalogue, engine).projection("PCA")
    (path,) = catalogue.state.parent.glob("*.map")
    path.write_bytes(path.read_bytes()[:40])
    again = library.index(catalogue, engine).projection("PCA")
    assert made and again and np.array_equal(made.positions, again.positions)
    assert path.with_name(path.name + ".damaged").exists()
