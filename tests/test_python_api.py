"""The Python that docs/python.md shows runs as it stands, and so does every script in examples/."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.seeded import ROOT, environment

BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text("utf-8"), re.M | re.S)
HUES = {"red": (210, 40, 30), "green": (40, 190, 60), "blue": (30, 60, 200)}
EXAMPLES = {
    "search_folder": (["{folder}", "{folder}/red/1.png", "--engine", "colour", "-k", "3"], 3),
    "recommend": (
        ["{folder}", "--like", "{folder}/red/1.png", "--unlike", "{folder}/blue/1.png", "--engine", "colour"],
        5,
    ),
    "own_engine": (["{folder}", "{folder}/red/1.png"], 5),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve small pictures of each of three colours, in folders of these names."""
    random = np.random.default_rng(5)
    for name, hue in HUES.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(1, 13):
            pixels = np.clip(np.array(hue) + random.integers(-30, 30, (24, 32, 3)), 0, 255).astype(np.uint8)
            pixels[: number + 4, : 2 * number] //= 2
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


def test_the_page_runs_from_top_to_bottom(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "36 new pictures, 36 embeddings, by " in printed
    assert "1.000 red pictures/red/1.png" in printed.replace("\\", "/").replace(f"{folder.parent}/", "")
    assert re.search(r"^red \d\d%$", printed, re.M) and "precision@1 1.00" in printed
    assert printed.endswith("There is no such file; check the path.\n")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["home", "pictures", "vectors.npz"]


def test_every_example_is_tried() -> None:
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_a_module(name: str, folder: Path) -> None:
    arguments, lines = EXAMPLES[name]
    command = [sys.executable, "-m", f"examples.{name}", *(each.format(folder=folder) for each in arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert len(done.stdout.splitlines()) == lines
    first = done.stdout.splitlines()[0]
    assert ("/red/" in first.replace("\\", "/")) and (name == "recommend" or first.startswith("1.000"))


@pytest.mark.parametrize("name", ["search_folder", "own_engine"])
def test_an_example_says_in_one_sentence_what_went_wrong(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"examples.{name}", str(tmp_path / "nowhere"), "query.png"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and done.stderr.endswith(".\n")
