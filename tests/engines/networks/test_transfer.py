"""Style transfer: a photo takes on a painting's texture, and keeps its things and, if asked, its colours."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import app
from benchmarks import transfer as sheet
from engines import SemblanceError, WeightsError
from engines.errors import WeightsUnavailable
from engines.networks import transfer as module
from engines.networks.transfer import Chosen, Frame, choose, transfer
from features.errors import ImageError
from features.transfer import check_output, save
from tests.support import ROOT
from tests.support.seeded import Files, pixels
from tests.support.toy import is_one_sentence

STEPS = 40
QUICK: dict[str, Any] = {"size": 64, "steps": 4}


def photo(height: int = 60, width: int = 90) -> np.ndarray:
    """A ball on a table: (H, W, 3) uint8 RGB."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sky = np.stack([120 + y, 150 + y, np.full_like(y, 220)], axis=-1)
    table = np.where((y > 0.7 * height)[..., None], (120, 90, 60), sky)
    ball = np.hypot(x - width / 2, y - height / 2) < height / 3
    return np.clip(np.where(ball[..., None], (60, 140, 70), table), 0, 255).astype(np.uint8)


def painting(side: int = 96) -> np.ndarray:
    """Slanting strokes of orange and deep blue: (H, W, 3) uint8 RGB."""
    y, x = np.mgrid[0:side, 0:side]
    stroke = np.sin((x + 2 * y) / 5 + 3 * np.sin(x / 17))[..., None] / 2 + 0.5
    return (stroke * (230, 150, 40) + (1 - stroke) * (40, 40, 120)).astype(np.uint8)


def last(content: np.ndarray, style: np.ndarray, network: str | Chosen = "builtin", **how: Any) -> Frame:
    chosen = network if isinstance(network, Chosen) else choose(network)
    *_, frame = transfer(content, style, chosen, **QUICK | how)
    return frame


def chrominance(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    return np.stack([red - green, blue - green])


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """A drawn portrait, 4 to 5, and a painting of the drawn samples."""
    people, paintings = (importlib.import_module(f"samples.{group}") for group in ("people", "paintings"))
    paths = [tmp_path_factory.mktemp("samples") / name for name in ("portrait.png", "painting.png")]
    people.draw("grace", 1, paths[0])
    paintings.draw("swirls", 2, paths[1])
    return pixels(paths[0]), pixels(paths[1])


@pytest.fixture(scope="module")
def made(samples: tuple[np.ndarray, np.ndarray]) -> list[Frame]:
    return list(transfer(*samples, choose("builtin"), size=144, steps=STEPS))


# --- what comes out


def test_frames_are_pictures_that_get_nearer_to_the_end(made: list[Frame]) -> None:
    assert len(made) == 1 + STEPS  # the start, and the steps of the one size
    assert all(frame.pixels.dtype == np.uint8 and frame.pixels.shape == (144, 120, 3) for frame in made)
    progress = [frame.progress for frame in made]
    assert progress[0] == 0 and progress[-1] == 1 and progress == sorted(progress)


def test_the_style_loss_falls_tenfold(made: list[Frame]) -> None:
    end = made[-1]
    assert end.style_first and end.style_loss and end.style_loss < end.style_first / 10


def test_the_texture_comes_in_and_the_things_stay(
    made: list[Frame], samples: tuple[np.ndarray, np.ndarray]
) -> None:
    """The flat wall gets strokes, and the portrait is still the brighter and the darker in the same places."""
    before, after = (
        cv2.resize(picture, (120, 144), interpolation=cv2.INTER_AREA).mean(axis=-1)
        for picture in (samples[0], made[-1].pixels)
    )
    flat, painted = (np.abs(np.diff(picture[5:40, 5:25], axis=0)).mean() for picture in (before, after))
    assert painted > 3 * flat
    coarse = [cv2.blur(picture, (9, 9)).ravel() for picture in (before, after)]
    assert np.corrcoef(*coarse)[0, 1] > 0.6


def test_the_colours_become_the_paintings(made: list[Frame], samples: tuple[np.ndarray, np.ndarray]) -> None:
    content, style, after = (picture.mean(axis=(0, 1)) for picture in (*samples, made[-1].pixels))
    assert np.abs(after - style).max() < 15 < np.abs(content - style).max()


@pytest.mark.parametrize(("shape", "size", "wanted"), [((60, 90), 64, (43, 64)), ((200, 50), 130, (130, 32))])
def test_the_longer_side_is_as_asked_and_the_aspect_stays(
    shape: tuple[int, int], size: int, wanted: tuple[int, int]
) -> None:
    assert last(photo(*shape), painting(), size=size, steps=1).pixels.shape == (*wanted, 3)


def test_it_goes_from_coarse_to_fine() -> None:
    """Two sizes, with losses of their own; the coarse one is the smaller part of the work."""
    frames = list(transfer(photo(), painting(), choose("builtin"), size=256, steps=2))
    assert len({frame.style_first for frame in frames[1:]}) == 2
    assert frames[2].progress == pytest.approx(0.2, abs=0.02)
    assert frames[1].pixels.shape == frames[-1].pixels.shape == (171, 256, 3)


def test_strength_0_is_the_photo_itself() -> None:
    square = photo(64, 64)
    assert np.array_equal(last(square, painting(), strength=0).pixels, square)


def test_more_strength_is_more_style_and_less_content() -> None:
    found = [last(photo(), painting(), strength=strength, steps=6) for strength in (0.05, 0.5, 1)]
    styles, contents = ([getattr(frame, name) for frame in found] for name in ("style_loss", "content_loss"))
    assert styles == sorted(styles, reverse=True) and contents == sorted(contents)


def test_colours_can_be_kept() -> None:
    """Exactly, but for what white and black leave no room for."""
    content = photo(64, 64)
    kept, changed = (last(content, painting(), keep_colours=keep).pixels for keep in (True, False))
    inside = (kept.min(axis=-1) > 2) & (kept.max(axis=-1) < 253)
    assert inside.mean() > 0.8
    difference = np.abs(chrominance(kept) - chrominance(content))
    assert difference[:, inside].max() <= 2 < np.abs(chrominance(changed) - chrominance(content)).mean()
    assert np.abs(kept.astype(int) - content).mean() > 5  # and yet it is painted


def test_the_same_pictures_give_the_same_picture() -> None:
    once, again = (last(photo(), painting()).pixels for _ in "ab")
    assert np.array_equal(once, again)


@pytest.mark.parametrize(("value", "keep"), [(0, True), (0, False), (255, False)])
def test_flat_pictures_are_no_trouble(value: int, keep: bool) -> None:
    flat = np.full((50, 50, 3), value, np.uint8)
    for content, style in ((flat, painting()), (photo(), flat), (flat, flat)):
        frame = last(content, style, steps=1, keep_colours=keep)
        assert frame.progress == 1 and np.isfinite([frame.style_loss, frame.content_loss]).all()


def test_a_long_strip_may_be_a_style() -> None:
    assert last(photo(), painting()[:3], steps=1).progress == 1


# --- stopping


def test_whoever_has_enough_has_the_last_frame_at_its_full_size() -> None:
    frames = transfer(photo(), painting(), choose("builtin"), size=256, steps=50)
    for frame in frames:
        if frame.style_loss:
            break
    frames.close()
    assert frame.progress < 0.01 and frame.pixels.shape == (171, 256, 3)


def test_the_first_frame_waits_for_no_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """The photo in the painting's colours."""

    def never(path: Path, layers: list[str]) -> Any:
        raise AssertionError("the net was opened")

    chosen = choose("builtin")
    closed = dataclasses.replace(chosen, eye=dataclasses.replace(chosen.eye, open=never))
    frame = next(transfer(photo(), painting(), closed, **QUICK))
    assert frame.progress == 0 and frame.style_loss is None
    assert np.abs(frame.pixels.mean(axis=(0, 1)) - painting().mean(axis=(0, 1))).max() < 30


def test_nothing_heavy_is_imported_before() -> None:
    code = (
        "import sys, features.transfer; print([m for m in ('keras', 'tensorflow', 'scipy') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


# --- networks


def test_vgg19_answers_where_its_weights_are(weights: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(weights["vgg19"]))
    chosen = choose()
    assert chosen.eye.name == "vgg19" and "named by you" in chosen.told
    frame = last(photo(), painting(), chosen)
    assert frame.style_first and frame.style_loss and frame.style_loss < frame.style_first / 2


def test_else_the_built_in_net_stands_in_and_says_so() -> None:
    chosen = choose("auto")
    assert (
        chosen.eye.name == "efficientnet-lite0"
        and chosen.told == "built-in; no weights of vgg19: offline mode is on"
    )
    assert choose("builtin").told == "built-in"


def test_a_network_that_is_asked_for_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsUnavailable, match="no weights of vgg19"):
        choose("vgg19")
    with pytest.raises(SemblanceError, match="vgg19, efficientnet-lite0, builtin, auto") as refused:
        choose("resnet50")
    assert is_one_sentence(str(refused.value).split(". ")[0] + ".")
    other = tmp_path / "other.h5"
    other.write_bytes(b"no weights")
    monkeypatch.setenv("SEMBLANCE_WEIGHTS", str(other))
    with pytest.raises(WeightsError, match="does not hold VGG19's weights"):
        last(photo(), painting(), choose())


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(SemblanceError, match="TensorFlow") as refused:
        last(photo(), painting())
    assert is_one_sentence(str(refused.value))


# --- what can't be done


@pytest.mark.parametrize(
    "how", [{"size": 63}, {"size": 1025}, {"strength": -0.1}, {"strength": 1.1}, {"steps": 0}]
)
def test_what_is_out_of_range_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(SemblanceError, match="go from 64 to 1024") as refused:
        last(photo(), painting(), **how)
    assert is_one_sentence(str(refused.value))


def test_a_photo_that_would_be_a_thread_is_refused() -> None:
    with pytest.raises(SemblanceError, match="too long and narrow") as refused:
        last(photo(20, 200), painting())
    assert is_one_sentence(str(refused.value))


def test_what_can_not_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    content = tmp_path / "photo.png"
    Image.fromarray(photo()).save(content)
    link = tmp_path / "link.png"
    link.symlink_to(content)
    for out, why in (
        (content, "name another file"),
        (link, "name another file"),
        (tmp_path / "out.xyz", "choose one of"),
        (tmp_path / "out", "choose one of"),
        (tmp_path / "nowhere" / "out.png", "folder that is there"),
        (content / "out.png", "folder that is there"),
    ):
        with pytest.raises(SemblanceError, match=why) as refused:
            check_output(out, tmp_path / "painting.png", content)
        assert is_one_sentence(str(refused.value)) and str(out) in str(refused.value)
    check_output(tmp_path / "out.PNG", content)


# --- the command


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "photo.png", tmp_path / "painting.png"
    for path, picture in zip(paths, (photo(), painting()), strict=True):
        Image.fromarray(picture).save(path)
    return paths


def run(*arguments: str | Path) -> int:
    return app.main(["transfer", *map(str, arguments), "--size", "64", "--steps", "3", "--network", "builtin"])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp"])
def test_a_picture_is_written(
    files: tuple[Path, Path], tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"out{suffix}"
    out.write_bytes(b"what was there is written over")
    assert run(*files, "-o", out) == 0
    with Image.open(out) as picture:
        assert picture.size == (64, 43)
    told = capfd.readouterr()
    assert str(out) in told.out and "efficientnet-lite0" in told.out and not told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["photo.png", "painting.png", out.name])


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out.png"
    out.write_bytes(b"what was there")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SemblanceError, match="No space left") as refused:
        save(photo(), out)
    assert is_one_sentence(str(refused.value))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"] and out.read_bytes() == b"what was there"


def test_json_tells_all(files: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(*files, "-o", tmp_path / "out.png", "--keep-colours", "--strength", "0.7", "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert told["output"] == str(tmp_path / "out.png") and (told["network"], told["weights"]) == (
        "efficientnet-lite0",
        "built-in",
    )
    assert (told["content"], told["style"]) == tuple(map(str, files))
    assert (told["size"], told["strength"], told["keep_colours"], told["steps"]) == ([64, 43], 0.7, True, 3)
    assert told["style_loss"]["last"] < told["style_loss"]["first"] and told["content_loss"] >= 0
    assert told["seconds"] > 0


def test_what_goes_wrong_is_one_sentence_and_exit_code_1(
    files: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, style = files
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff no picture")
    for arguments in (
        (tmp_path / "no.png", style, "-o", tmp_path / "out.png"),
        (content, damaged, "-o", tmp_path / "out.png"),
        (content, style, "-o", content),
        (content, style, "-o", style),
        (content, style, "-o", tmp_path / "out.txt"),
        (content, style, "-o", tmp_path / "nowhere" / "out.png"),
    ):
        assert run(*arguments) == 1
        told = capfd.readouterr()
        assert not told.out and told.err.count("\n") == 1 and told.err.endswith(".\n")
    assert not (tmp_path / "out.png").exists() and np.array_equal(np.asarray(Image.open(content)), photo())


def test_wrong_usage_is_exit_code_2(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert run(*files) == 2
    assert run(*files, "-o", tmp_path / "out.png", "--strength", "2") == 2
    assert app.main(["transfer", *map(str, files), "-o", "out.png", "--size", "5000"]) == 2


def test_ctrl_c_keeps_the_last_frame(
    files: tuple[Path, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        yield Frame(painting(64), 0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.transfer.frames", interrupted)
    assert run(*files, "-o", tmp_path / "out.png") == 1
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), painting(64))
    told = capfd.readouterr()
    assert not told.out and "Stopped" in told.err and str(tmp_path / "out.png") in told.err


def test_the_command_runs_in_a_process_of_its_own(files: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "app.py", "transfer", *files, "-o", tmp_path / "out.png", "--json"]
    done = subprocess.run(
        [*command, "--size", "64", "--steps", "1"], capture_output=True, env=os.environ, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert json.loads(done.stdout)["network"] == "efficientnet-lite0"


# --- the parts


def test_recolouring_brings_the_mean_and_covariance_of_another() -> None:
    generator = np.random.default_rng(3)
    one, other = (
        0.5 + 0.1 * generator.standard_normal((40, 50, 3)) @ generator.uniform(0, 1, (3, 3)) for _ in "ab"
    )
    found = module._recoloured(one.astype(np.float32), other.astype(np.float32)).reshape(-1, 3)
    inside = other.reshape(-1, 3)
    np.testing.assert_allclose(found.mean(axis=0), inside.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(np.cov(found.T), np.cov(inside.T), atol=0.003)


def test_the_descent_finds_the_bottom_of_a_narrow_valley() -> None:
    """In far fewer steps than plain descent would need, for its sides are a thousand times as steep as its bed."""
    steep = np.geomspace(1, 1000, 30).astype(np.float32).reshape(5, 6, 1)

    def valley(pixels: np.ndarray) -> module.Point:
        away = pixels - 0.3
        return module.Point(float((steep * away**2).sum() / 2), 0.0, 0.0, steep * away)

    *_, (pixels, point) = module._descent([valley], np.zeros((5, 6, 1), np.float32), 60)
    assert point.loss < 0.01 and np.abs(pixels - 0.3).max() < 0.05


def test_a_picture_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    from features.transfer import transfer as from_files

    with pytest.raises(ImageError, match=r"no\.png: There is no such file"):
        from_files(tmp_path / "no.png", tmp_path / "no.png", choose("builtin"))


# --- the contact sheet


def test_the_contact_sheet_is_there_and_small() -> None:
    assert sheet.SHEET.stat().st_size < sheet.MOST and len(sheet.PAIRS) == 12
    with Image.open(sheet.SHEET) as picture:
        assert picture.format == "JPEG"


def test_edges_are_alike_where_things_stayed() -> None:
    assert sheet.edges_alike(photo(), photo()) == pytest.approx(1)
    assert sheet.edges_alike(photo(), photo() // 2) > sheet.edges_alike(photo(), painting()[:60, :90])
