"""The sample catalogue: whole, the same on every run, resumable, with faces that a detector finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import samples

ROOT = Path(samples.__file__).parents[1]
FEW = [("people", "amara", 1), ("paintings", "drip", 2), ("products", "mug", 3), ("products", "chair", 1)]


def paint(folder: Path, group: str, kind: str, number: int) -> Path:
    """Draw one picture into a catalogue folder."""
    path = samples.place(folder, group, kind, number)
    __import__(f"samples.{group}", fromlist=["draw"]).draw(kind, number, path)
    return path


@pytest.fixture(scope="module")
def firsts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The third picture of every kind."""
    folder = tmp_path_factory.mktemp("firsts")
    return {(g, k): paint(folder, g, k, n) for g, k, n in samples.pictures() if n == 3}


def test_importing_samples_loads_nothing_heavy() -> None:
    code = "import sys, samples; assert not {'cv2', 'numpy', 'tensorflow', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_there_is_enough_of_every_kind() -> None:
    counts: dict[str, dict[str, int]] = {name: {} for name in samples.SETS}
    for group, kind, _ in samples.pictures():
        counts[group][kind] = counts[group].get(kind, 0) + 1
    for group, kinds, each in (("products", 8, 12), ("paintings", 6, 12), ("people", 12, 4)):
        assert len(counts[group]) >= kinds
        assert set(counts[group].values()) == {each}
    assert all(kind.isascii() for group in counts.values() for kind in group)


def test_every_kind_opens_at_its_size(firsts: dict[tuple[str, str], Path]) -> None:
    for path in firsts.values():
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode, max(image.size)) == ("JPEG", "RGB", 384)
            assert np.asarray(image).std() > 12, f"{path} is nearly blank"


def test_kinds_do_not_look_the_same(firsts: dict[tuple[str, str], Path]) -> None:
    small = {key: np.asarray(Image.open(path).resize((16, 16)), float) for key, path in firsts.items()}
    keys = list(small)
    for i, a in enumerate(keys):
        for b in keys[i + 1 :]:
            assert np.abs(small[a] - small[b]).mean() > 3, f"{a} and {b}"


def test_styles_have_their_own_means(firsts: dict[tuple[str, str], Path]) -> None:
    def saturation(style: str) -> float:
        return float(np.asarray(Image.open(firsts["paintings", style]).convert("HSV"))[..., 1].mean()) / 255

    assert saturation("ink-wash") < 0.2 < 0.35 < saturation("stained-glass")


def test_one_subject_recurs_in_all_styles() -> None:
    from samples.paintings import COUNT, KINDS
    from samples.scenes import SCENES

    assert len(SCENES) == COUNT and len(KINDS) >= 6


@pytest.mark.parametrize("picture", FEW)
def test_a_picture_is_the_same_again(picture: tuple[str, str, int], tmp_path: Path) -> None:
    np.random.seed(1)
    first = paint(tmp_path / "a", *picture).read_bytes()
    np.random.seed(2)
    assert paint(tmp_path / "b", *picture).read_bytes() == first


def test_a_picture_is_the_same_in_another_process(tmp_path: Path) -> None:
    group, kind, number = FEW[2]
    here = paint(tmp_path / "here", group, kind, number).read_bytes()
    there = samples.place(tmp_path / "there", group, kind, number)
    call = f"draw({kind!r}, {number}, Path({str(there)!r}))"
    code = f"from pathlib import Path; from samples.{group} import draw; {call}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert there.read_bytes() == here


def test_drawing_resumes_and_then_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "pictures", lambda: FEW)
    paths = [samples.place(tmp_path, *picture) for picture in FEW]
    told: list[tuple[int, int]] = []

    class Stop(Exception):
        pass

    def stop_at_two(done: int, total: int) -> None:
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        samples.draw(tmp_path, stop_at_two)
    assert [path.exists() for path in paths] == [True, True, False, False]
    kept = [path.stat().st_mtime_ns for path in paths[:2]]

    assert samples.draw(tmp_path, lambda *state: told.append(state)) == tmp_path
    assert told[-1] == (4, 4)
    assert [path.stat().st_mtime_ns for path in paths[:2]] == kept
    assert not list(tmp_path.rglob("*.part"))

    first = paths[2].read_bytes()
    paths[2].unlink()
    samples.draw(tmp_path)
    assert paths[2].read_bytes() == first

    monkeypatch.setattr(samples, "pictures", lambda: pytest.fail("a complete catalogue needs no plan"))
    samples.draw(tmp_path)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        paint(tmp_path, *FEW[2])
    assert not list(tmp_path.rglob("*.jpg")) and not list(tmp_path.rglob("*.part"))


def test_a_new_version_draws_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "pictures", lambda: FEW[3:])
    samples.draw(tmp_path)
    path = samples.place(tmp_path, *FEW[3])
    path.write_bytes(b"what an older version drew")
    monkeypatch.setattr(samples, "VERSION", samples.VERSION + 1)
    samples.draw(tmp_path)
    with Image.open(path) as image:
        assert max(image.size) == 384


@pytest.mark.slow
def test_the_detector_finds_one_face_in_every_portrait(tmp_path: Path) -> None:
    mtcnn = pytest.importorskip("mtcnn")
    detector = mtcnn.MTCNN()
    for picture in samples.pictures():
        if picture[0] == "people":
            image = Image.open(paint(tmp_path, *picture)).convert("RGB")
            faces = detector.detect_faces(np.asarray(image))
            assert len(faces) == 1 and faces[0]["confidence"] >= 0.9, f"{picture}: {faces}"
