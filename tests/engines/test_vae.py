"""The autoencoder: it learns, goes on after a kill, draws what it has seen, and says what is unusual."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import app
from engines import Crop, Untrained, fingerprint
from engines.networks import vae
from engines.vae import Autoencoder
from features.learning import autoencoder
from features.library import Library
from tests.support import ROOT
from tests.support.seeded import EPOCHS, Schooled, environment


@pytest.fixture
def crops(schooled: Schooled) -> list[Crop]:
    files = sorted(schooled.folder.rglob("*.png"))
    return [Crop(np.asarray(Image.open(file))) for file in files]


def test_killed_it_goes_on_from_its_last_epoch(schooled: Schooled) -> None:
    assert schooled.engine.trained
    done = schooled.engine.trained.course.done
    assert len(done) == EPOCHS and done[: len(schooled.killed.done)] == schooled.killed.done
    assert not schooled.orphan, "the process that trains must end with the one that wants it"
    assert done[0].beta < 1 and done[-1].beta == 1
    assert done[-1].held_out < done[0].held_out / 2


def test_it_draws_better_than_the_mean_picture_and_its_latents_are_in_use(
    schooled: Schooled, crops: list[Crop]
) -> None:
    pixels = np.stack([crop.pixels for crop in crops]) / 255
    made = schooled.engine.decode(schooled.engine.encode(crops)[0])
    assert np.square(made - pixels).mean() < 0.8 * np.square(pixels.mean(axis=0) - pixels).mean()
    assert schooled.engine.figures()["active"] >= 8


def test_no_search_needs_tensorflow(schooled: Schooled) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from features.learning import autoencoder
        from features.library import Library
        library = Library(Path(sys.argv[2]))
        catalogue = library.open(Path(sys.argv[1]))
        engine = library.index(catalogue, library.engine("vae")).training.trained()
        file = catalogue.file(engine.pictures()[0])
        assert library.index(catalogue, engine).search(file, 1).matches[0].path == file
        autoencoder.redraw(engine, file)
        print({"tensorflow", "keras"} & sys.modules.keys())
    """
    told = subprocess.run(
        [sys.executable, "-c", code, schooled.folder, schooled.home],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "set()"


def test_a_walk_leaves_one_picture_for_the_other_and_never_turns_back(
    schooled: Schooled, crops: list[Crop]
) -> None:
    engine = schooled.engine
    library = Library(schooled.home)
    catalogue = library.open(schooled.folder)
    means = engine.encode(crops)[0]
    for one, other in ((0, 119), (5, 70), (30, 31)):
        latents = autoencoder.walk(means[one], means[other], 15)
        np.testing.assert_allclose(latents[[0, -1]], means[[one, other]], atol=1e-6)
        frames = engine.decode(latents)
        assert frames.shape == (15, 16, 16, 3) and frames.min() >= 0 and frames.max() <= 1
        rows = autoencoder.directions_to(engine, latents)
        assert (np.diff(rows @ rows[0]) <= 1e-6).all() and (np.diff(rows @ rows[-1]) >= -1e-6).all()
        first = [matches[0].digest for matches in library.index(catalogue, engine).nearest(rows, 1)]
        turns = [digest for digest, before in zip(first, ["", *first], strict=False) if digest != before]
        assert len(turns) == len(set(turns))


def test_the_strongest_directions_move_pictures_most(schooled: Schooled) -> None:
    engine = schooled.engine
    assert engine.trained
    still = engine.decode(engine.trained.mean[None])
    moved = [
        np.abs(engine.decode(autoencoder.moved(engine, engine.trained.mean, by)[None]) - still).mean()
        for by in ([2.0], [0.0] * 7 + [2.0], [])
    ]
    assert moved[0] > moved[1] > moved[2] == 0


def test_the_directions_are_those_that_pictures_follow() -> None:
    """Latents of which one alone, and a rather small one, changes the picture."""
    random = np.random.default_rng(0)
    means = random.standard_normal((500, 4)) * (3, 3, 0.5, 3)
    pictures = np.outer(means[:, 2], np.ones(30)) + 0.01 * means[:, [0]]
    first = vae.strongest(means, pictures)[0]
    assert abs(first[2]) == pytest.approx(0.5, rel=0.1) and np.abs(np.delete(first, 2)).max() < 0.6


def test_half_white_rows_spread_more_evenly() -> None:
    random = np.random.default_rng(0)
    means = random.standard_normal((2000, 3)) * (16, 4, 1)
    spread = np.sort(np.linalg.eigvalsh(np.cov((means @ vae.halfway_white(means)).T)))
    assert spread[-1] / spread[0] < 256 / 4


def test_what_is_like_nothing_here_is_unusual(schooled: Schooled, tmp_path: Path, crops: list[Crop]) -> None:
    library = Library(schooled.home)
    catalogue = library.open(schooled.folder)
    told = library.index(catalogue, schooled.engine).training.unusual()
    assert told and set(told.digests) == set(catalogue.paths)
    assert (
        library.index(catalogue, schooled.engine).training.unusual()
        is library.index(catalogue, schooled.engine).training.unusual()
    )
    checks = np.tile(np.uint8([[0, 255], [255, 0]]), (8, 8))[..., None].repeat(3, axis=2)
    Image.fromarray(checks).save(tmp_path / "checks.png")
    made = autoencoder.redraw(schooled.engine, tmp_path / "checks.png")
    np.testing.assert_array_equal(made.original, checks)
    assert made.drawn.dtype == np.uint8 and made.nats > told.nats.sum(axis=1).max()
    assert told.below(made.nats) == 1 and told.below(-1) == 0 and made.nats > told.typical
    sums = told.nats.sum(axis=1)[told.order]
    assert (np.diff(sums) <= 0).all() and told.nats.min() >= 0
    np.testing.assert_allclose(schooled.engine.unusual(crops[:3]), schooled.engine.unusual(crops)[:3], rtol=1e-3)


def test_untrained_it_says_so_and_how(library: Library, schooled: Schooled) -> None:
    engine = library.engine("vae")
    card = engine.describe()
    assert not card.available and "train IMAGES --engine vae" in card.reason
    catalogue = library.open(schooled.folder)
    library.scan(catalogue)
    for asked in (
        lambda: library.index(catalogue, engine).update(),
        lambda: library.index(catalogue, engine).similarity(),
    ):
        with pytest.raises(Untrained, match="trained on your own pictures"):
            asked()
    assert fingerprint(engine) != fingerprint(schooled.engine)


@pytest.mark.parametrize(("longest", "side"), [(9, 16), (16, 16), (28, 32), (40, 64), (4000, 64)])
def test_the_net_fits_the_pictures(longest: int, side: int) -> None:
    assert Autoencoder().side_for(longest) == side


@pytest.mark.parametrize(("pictures", "epochs"), [(100, 150), (300, 150), (2761, 45), (60_000, 13), (10**6, 13)])
def test_a_training_is_about_as_long_for_any_collection(pictures: int, epochs: int) -> None:
    assert vae.epochs_of(pictures) == epochs


def test_the_command_line_measures_with_it_and_says_how_to_train_it(
    schooled: Schooled, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["evaluate", str(schooled.folder), "-e", "vae", "--json", "--home"]
    assert app.main([*asked, str(schooled.home)]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["engine"] == "vae" and told["queries"] == 120 and told["precision_at_1"] > 0.5
    assert app.main([*asked, str(home)]) == 1
    assert "train IMAGES --engine vae" in capfd.readouterr().err


def test_what_another_version_has_left_is_not_taken(schooled: Schooled, tmp_path: Path) -> None:
    with np.load(schooled.kept, allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in kept.files}
    told = json.loads(str(arrays["told"]))
    told["plan"]["version"] = vae.VERSION + 1
    np.savez(tmp_path / "other.npz", **arrays | {"told": np.array(json.dumps(told))})
    with pytest.raises(ValueError, match="another version"):
        vae.restore(tmp_path / "other.npz")
