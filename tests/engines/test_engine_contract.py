"""One suite for every engine on every network that can answer here. A new file in engines/ joins by itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engines
from engines import Crop, Engine, Explainer, NotEmbeddable, SemblanceError, fingerprint
from engines.networks.network import NetworkEngine
from features.library import Library
from tests.support import ROOT
from tests.support.seeded import FILES, TINY, Files, Schooled, environment, pictures


def networks_of(name: str) -> list[str]:
    """Each network once: what is installed goes by the name "builtin"."""
    made = engines.discover()[name]
    own = made.builtin.name if issubclass(made, NetworkEngine) else ""
    return ["builtin", *(network for network in made.networks if network != own)]


def answering_here() -> list[tuple[str, str]]:
    """Engine and network: those that need no weights, and those whose weights tests can make."""
    cases = [(name, net) for name in engines.discover() for net in networks_of(name)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMBLANCE_OFFLINE", "1")
        patch.setenv("SEMBLANCE_WEIGHTS", "")
        patch.setenv("KERAS_HOME", os.devnull)
        return [case for case in cases if case[1] in (*FILES, *TINY) or engines.create(*case).describe().available]


TRAINED = ("vae", "trained")  # which is registered untrained
CASES = [*answering_here(), TRAINED]
IDS = ["-".join(case) for case in CASES]


def named(weights: Files, network: str) -> str:
    """What SEMBLANCE_WEIGHTS should say for this network."""
    return os.fspath(weights[network]) if network in (*FILES, *TINY) else ""


@pytest.fixture(scope="session", params=CASES, ids=IDS)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="session")
def engine(case: tuple[str, str], weights: Files, request: pytest.FixtureRequest) -> Engine:
    """Loaded once for the whole suite."""
    name, network = case
    if case == TRAINED:
        schooled: Schooled = request.getfixturevalue("schooled")
        return schooled.engine
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMBLANCE_WEIGHTS", named(weights, network))
        made = engines.create(name, network)
        made.prepare()
    return made


@pytest.fixture(scope="session")
def crops() -> list[Crop]:
    return [Crop(image) for image in list(pictures().values())[:4]]


@pytest.fixture(scope="session")
def rows(engine: Engine, crops: list[Crop]) -> np.ndarray:
    return engine.embed(crops)


def test_no_crops_give_no_rows(engine: Engine) -> None:
    rows = engine.embed([])
    assert rows.shape == (0, engine.describe().dim) and rows.dtype == np.float32


def test_rows_are_unit_vectors_of_the_promised_length(engine: Engine, rows: np.ndarray) -> None:
    assert rows.shape == (4, engine.describe().dim) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_different_pictures_differ(rows: np.ndarray) -> None:
    cosines = rows @ rows.T
    assert cosines[~np.eye(len(rows), dtype=bool)].max() < 0.999


def test_one_alone_equals_the_same_in_a_batch(engine: Engine, crops: list[Crop], rows: np.ndarray) -> None:
    for crop, row in zip(crops[:2], rows, strict=False):
        np.testing.assert_allclose(engine.embed([crop]), row[None], atol=1e-5)


def test_rows_follow_the_order_of_the_crops(engine: Engine, crops: list[Crop], rows: np.ndarray) -> None:
    np.testing.assert_allclose(engine.embed(crops[::-1]), rows[::-1], atol=1e-5)


def test_a_row_depends_on_its_own_pixels_alone(engine: Engine, crops: list[Crop], rows: np.ndarray) -> None:
    """Not on its neighbours, on where the crop was cut, nor on how its pixels lie in memory."""
    flat = Crop(np.zeros((7, 5, 3), np.uint8))
    fortran = Crop(np.asfortranarray(crops[1].pixels), box=(3, 4, 50, 60))
    np.testing.assert_allclose(engine.embed([flat, fortran, flat])[1], rows[1], atol=1e-5)


def test_the_whole_of_a_crop_counts(engine: Engine) -> None:
    """To its far corner, however large it is."""
    image = np.full((500, 700, 3), 120, np.uint8)
    image[:250, :350] = (200, 90, 40)
    changed = image.copy()
    changed[300:, 400:] = np.random.default_rng(2).integers(0, 256, (200, 300, 3))
    one, other = engine.embed([Crop(image), Crop(changed)])
    assert np.abs(one - other).max() > 1e-3


@pytest.mark.slow
def test_what_each_place_adds_sums_to_the_cosine(engine: Engine, crops: list[Crop], rows: np.ndarray) -> None:
    if not (isinstance(engine, Explainer) and engine.explains()):
        pytest.skip("it can't tell why two pictures are alike")
    for crop, row, other in zip(crops, rows, np.roll(rows, 1, axis=0), strict=True):
        for direction in (other, row):
            told = engine.explain(crop, direction)
            assert told.dtype == np.float32 and told.ndim == 2 and min(told.shape) > 1
            assert told.sum() == pytest.approx(float(row @ direction), abs=1e-4)


def test_twice_the_same(engine: Engine, crops: list[Crop]) -> None:
    np.testing.assert_array_equal(engine.embed(crops[:2]), engine.embed(crops[:2]))


def test_several_threads_may_ask(engine: Engine, crops: list[Crop], rows: np.ndarray) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda crop: engine.embed([crop])[0], crops))
    np.testing.assert_allclose(answers, rows, atol=1e-5)


def test_the_callers_pixels_are_left_alone(engine: Engine) -> None:
    for image in (pictures()["slope"], np.full((224, 224, 3), 90, np.uint8), np.full((96, 96, 3), 90, np.uint8)):
        before = image.copy()
        engine.embed([Crop(image)])
        np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 500), (2000, 10)], ids=lambda size: "{}x{}".format(*size))
def test_odd_sizes(engine: Engine, size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    row = engine.embed([Crop(image)])
    np.testing.assert_allclose(np.linalg.norm(row, axis=1), 1, atol=1e-5)
    try:
        cut = engine.crops(image)
    except NotEmbeddable:  # which is a fair answer, too
        return
    assert cut and all(crop.pixels.size and crop.pixels.dtype == np.uint8 for crop in cut)


def test_settings_are_plain_json(engine: Engine) -> None:
    settings = engine.settings()
    assert json.loads(json.dumps(settings, allow_nan=False)) == settings


def test_card_is_complete(engine: Engine, case: tuple[str, str], weights: Files) -> None:
    card = engine.describe()
    name, network = case
    if isinstance(engine, NetworkEngine) and network == "builtin":
        network = engine.builtin.name
    network = card.network if case == TRAINED else network
    assert (engine.name, card.network, card.available, card.reason) == (name, network, True, "")
    assert card.title and card.licence and card.dim > 0
    assert card.alike and not card.alike.endswith(".")
    if network in FILES:
        assert FILES[network] in card.weights and "built-in" not in card.weights
    else:
        assert card.weights


def test_every_picture_finds_itself_first(
    engine: Engine, library: Library, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, image in list(pictures().items()):
        Image.fromarray(image).save(folder / f"{name}.png")
    try:
        engine.crops(pictures()["rings"])
    except NotEmbeddable:  # it wants faces
        folder = request.getfixturevalue("portraits")
    catalogue = library.open(folder)
    report = library.index(catalogue, engine).update()
    assert (report.images, report.rows, report.skipped) == (report.new, report.new, []) and report.new >= 6
    for path in sorted(folder.iterdir()):
        first, second, *_ = library.index(catalogue, engine).search(path, k=3).matches
        assert first.path == path and first.score > 0.999 and second.score < first.score


# --- before anything is loaded


@pytest.fixture(scope="session")
def elsewhere(case: tuple[str, str], weights: Files, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What another process tells of this engine, and which modules that takes there."""
    code = """if True:
        import json, pathlib, sys, engines
        for network in ("auto", "builtin" if sys.argv[3:] else sys.argv[2]):
            engine = engines.create(sys.argv[1], network)
            engine = engine.restored(pathlib.Path(sys.argv[3])) if sys.argv[3:] else engine
            card, settings, key = engine.describe(), engine.settings(), engines.fingerprint(engine)
        large = {"tensorflow", "keras", "torch", "transformers", "jax", "sklearn", "mtcnn", "gradio"}
        heavy = large & sys.modules.keys()
        print(json.dumps({"fingerprint": key, "settings": settings, "dim": card.dim, "heavy": sorted(heavy)}))
    """
    kept = [request.getfixturevalue("schooled").kept] if case == TRAINED else []
    told = subprocess.run(
        [sys.executable, "-c", code, *case, *kept],
        cwd=ROOT,
        env=environment(SEMBLANCE_WEIGHTS=named(weights, case[1]), PYTHONHASHSEED="5"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_nothing_heavy_is_imported_to_tell_of_it(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["heavy"] == []


def test_fingerprint_is_12_hex_and_the_same_everywhere(engine: Engine, elsewhere: dict[str, Any]) -> None:
    assert re.fullmatch("[0-9a-f]{12}", fingerprint(engine))
    assert fingerprint(engine) == elsewhere["fingerprint"]
    assert engine.settings() == elsewhere["settings"] and engine.describe().dim == elsewhere["dim"]


def test_fingerprint_stands_still_once_answered(engine: Engine, rows: np.ndarray, crops: list[Crop]) -> None:
    before = fingerprint(engine)
    engine.embed(crops[:1])
    assert fingerprint(engine) == before


def fingerprint_with(case: tuple[str, str], weights: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMBLANCE_WEIGHTS", os.fspath(weights))
        return fingerprint(engines.create(*case))


@pytest.mark.parametrize("case", [case for case in CASES if case[1] in FILES], ids="-".join)
def test_fingerprint_follows_the_bytes_of_the_weights_and_nothing_else(
    case: tuple[str, str], tmp_path: Path
) -> None:
    for folder, content in [("a", b"one"), ("b", b"one"), ("c", b"two")]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / FILES[case[1]]).write_bytes(content)
    renamed = tmp_path / "another name.h5"
    renamed.write_bytes(b"one")
    one = fingerprint_with(case, tmp_path / "a")
    assert one == fingerprint_with(case, tmp_path / "b") == fingerprint_with(case, renamed)
    assert one != fingerprint_with(case, tmp_path / "c")


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_each_network_has_a_fingerprint_of_its_own(name: str, tmp_path: Path) -> None:
    """Even if their files held the same bytes."""
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"the same")
    networks = networks_of(name)
    assert len({fingerprint_with((name, network), weights) for network in networks}) == len(networks)


# --- choosing


def test_no_two_engines_share_a_name_a_fingerprint_or_a_tab() -> None:
    made = {name: engines.create(name, "builtin") for name in engines.discover()}
    assert all(engine.name == name for name, engine in made.items())
    assert len({fingerprint(engine) for engine in made.values()}) == len(made)
    assert len({engine.describe().title for engine in made.values()}) == len(made)


def test_every_file_in_engines_can_be_loaded() -> None:
    assert engines.broken() == {}
    assert {"colour", "lookalike", "product", "semantic", "style", "vae", "visual"} <= engines.discover().keys()


def test_an_unknown_engine_lists_the_choices() -> None:
    with pytest.raises(SemblanceError) as refusal:
        engines.create("smell")
    choices = ", ".join(engines.discover())
    assert str(refusal.value) == f"There is no engine 'smell'. Choose one of: {choices}."


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_an_unknown_network_lists_the_choices(name: str) -> None:
    with pytest.raises(SemblanceError) as refusal:
        engines.create(name, "huge")
    choices = ", ".join(("auto", "builtin", *engines.discover()[name].networks))
    assert str(refusal.value) == f"{name} has no network 'huge'. Choose one of: {choices}."
