"""One new file in engines/ is enough: its command line name, its tests and its tab come by themselves."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.suite import build
from features.library import Library
from tests.support import ROOT
from tests.support.browsing import in_english
from tests.support.seeded import environment

CODE = ("cli", "engines", "features", "demos", "samples", "tests", "app.py", "pyproject.toml")
ENGINE = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
BROKEN = {
    "a module that is not there": ("import surely_missing\n", "No module named 'surely_missing'"),
    "a slip of the pen": ("def embed(self:\n", "'(' was never closed"),
    "a fault at the end": (ENGINE.replace("brightness", "faulty") + "\n1 / 0\n", "division by zero"),
    "no describe": (
        ENGINE.replace("def describe", "def descibe"),
        "The engine brightness has no describe(); write it.",
    ),
    "an odd name": (ENGINE.replace('"brightness"', '"a/b c"'), "'a/b c' is no name for an engine"),
    "a name that is taken": (
        ENGINE.replace('"brightness"', '"colour"'),
        "Two engines are called 'colour': engines.colour and engines.dropped.",
    ),
}
SUITE = (
    "-m",
    "pytest",
    "tests/engines/test_engine_contract.py",
    "-k",
    "brightness",
    "-p",
    "no:cacheprovider",
    "-rfp",
)

Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the program."""
    copy = tmp_path / "program"
    copy.mkdir()
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture
def python(tree: Path) -> Python:
    """Runs Python in the copy."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tree,
            env=environment(PYTHONPATH=tree),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="module")
def listed_before() -> str:
    """What the program as it is says of its engines."""
    command = [sys.executable, "app.py", "engines", "--json"]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout


@pytest.fixture
def lights(pictures: Path) -> Path:
    for name, level in [("night", 20), ("dusk", 90), ("noon", 240)]:
        noise = np.random.default_rng(level).integers(-15, 15, (40, 60, 3))
        Image.fromarray((noise + level).astype(np.uint8)).save(pictures / f"{name}.png")
    return pictures


def test_its_name_works_on_the_command_line(tree: Path, python: Python, lights: Path, listed_before: str) -> None:
    before = json.loads(listed_before)
    (tree / "engines/brightness.py").write_text(ENGINE)

    listed = python("app.py", "engines", "--json")
    assert listed.returncode == 0 and listed.stderr == ""
    (mine,) = (told for told in json.loads(listed.stdout) if told not in before)
    assert (mine["name"], mine["title"], mine["dim"], mine["available"]) == ("brightness", "Brightness", 16, True)
    assert len(json.loads(listed.stdout)) == len(before) + 1

    indexed = json.loads(python("app.py", "index", lights, "--engine", "brightness", "--json").stdout)
    assert (indexed["engine"], indexed["images"], indexed["rows"]) == ("brightness", 3, 3)

    dusk = lights / "dusk.png"
    found = json.loads(python("app.py", "search", lights, dusk, "-e", "brightness", "--json").stdout)
    assert found["results"][0]["matches"][0]["path"] == str(dusk)


def test_its_contract_tests_run(tree: Path, python: Python) -> None:
    (tree / "engines/brightness.py").write_text(ENGINE)
    run = python(*SUITE)
    assert run.returncode == 0, run.stdout
    assert (
        "PASSED tests/engines/test_engine_contract.py::test_every_picture_finds_itself_first[brightness"
        in run.stdout
    )
    assert run.stdout.count("PASSED ") >= 15


def test_its_contract_tests_find_its_faults(tree: Path, python: Python) -> None:
    """Rows that lean on their neighbours: the classic slip."""
    leaning = ENGINE.replace("np.reshape(levels, (len(crops), 16))", "levels - np.mean(levels, 0)")
    (tree / "engines/brightness.py").write_text(leaning)
    run = python(*SUITE)
    assert run.returncode == 1
    for rule in ("no_crops_give_no_rows", "one_alone_equals_the_same", "a_row_depends_on_its_own_pixels_alone"):
        assert f"FAILED tests/engines/test_engine_contract.py::test_{rule}" in run.stdout


def test_its_tab_appears(tree: Path, python: Python, lights: Path, library: Library) -> None:
    code = """if True:
        import pathlib, sys
        from demos.suite import build
        from features.library import Library
        page = build(Library(), pathlib.Path(sys.argv[1])).get_config_file()
        print([block["props"]["label"] for block in page["components"] if block["type"] == "tabitem"])
    """
    (tree / "engines/brightness.py").write_text(ENGINE)
    after = python("-c", code, lights)
    blocks = build(library, lights).get_config_file()["components"]
    before = {in_english(block["props"]["label"]) for block in blocks if block["type"] == "tabitem"}
    assert "Colour" in before
    assert set(map(in_english, ast.literal_eval(after.stdout))) == {*before, "Brightness"}, after.stderr


@pytest.mark.parametrize(("code", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_takes_no_other_down_and_is_told(
    tree: Path, python: Python, listed_before: str, code: str, why: str
) -> None:
    (tree / "engines/dropped.py").write_text(code)
    listed = python("app.py", "engines", "--json")
    assert listed.returncode == 0
    assert listed.stdout == listed_before, "the others stay as they were, and no half engine joins them"
    (sentence,) = listed.stderr.splitlines()
    assert sentence.startswith("engines/dropped.py can't be loaded: ") and why in sentence
