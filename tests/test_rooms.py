"""How the files of demos/ depend on each other: one way only."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from demos import suite
from tests.support import ROOT

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "demos").rglob("*.py")
}
ENTRIES = {name for name, path in FILES.items() if path.parent == ROOT / "demos"} - {"demos", "demos.suite"}


def _imported(name: str) -> set[str]:
    """The files of demos/ that one imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside & FILES.keys() or {node.module}
    return found & FILES.keys()


def test_no_two_files_import_each_other() -> None:
    order = [*graphlib.TopologicalSorter({name: _imported(name) for name in FILES}).static_order()]
    assert len(order) == len(FILES)


def test_nothing_imports_the_file_that_runs_a_tab_alone() -> None:
    assert {name: used for name in FILES if (used := _imported(name) & ENTRIES)} == {}


@pytest.mark.parametrize("name", [*(name for _, name, _ in suite.OWN), "lookalike", "product", "style", "vae"])
def test_a_tab_runs_alone(name: str) -> None:
    assert f"demos.{name}" in ENTRIES
    assert f'alone("{name}", sys.argv[1:])' in FILES[f"demos.{name}"].read_text("utf-8")


def test_a_tab_runs_from_any_folder(tmp_path: Path) -> None:
    """As far as the port, which is none."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    done = subprocess.run(
        [sys.executable, str(ROOT / "demos" / "style.py"), str(pictures)],
        cwd=tmp_path,
        env=os.environ | {"GRADIO_SERVER_PORT": "abc", "SEMBLANCE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "GRADIO_SERVER_PORT must be a number" in done.stderr, done.stderr
