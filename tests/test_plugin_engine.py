"""An engine of another distribution: its entry point is enough, and one that is broken takes no other down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engines.test_one_file_engine import ENGINE
from tests.support.seeded import ROOT, environment

CODE = """if True:
    import json, sys
    from pathlib import Path
    import engines
    from features.library import Library

    found = {"engines": list(engines.discover()), "broken": list(engines.broken().values()), "matches": []}
    if "brightness" in found["engines"]:
        library = Library()
        folder = Path(sys.argv[1])
        index = library.index(library.open(folder), library.engine("brightness"))
        index.update()
        found["matches"] = [match.path.stem for match in index.search(folder / "warm/pink.png", k=1).matches]
    print(json.dumps(found))
"""
Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, rainbow: Path) -> Run:
    """Installs a distribution with this module and an entry point, and runs CODE beside it."""

    def run(module: str) -> dict[str, Any]:
        site = tmp_path / "site"
        info = site / "alike_light-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "alike_light.py").write_text(module)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: alike-light\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[semblance.engines]\nbrightness = alike_light\n")
        command = [sys.executable, "-c", CODE, str(rainbow)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(PYTHONPATH=site), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_it_joins_the_others_and_answers(run: Run) -> None:
    found = run(ENGINE)
    assert {"brightness", "colour", "product"} <= set(found["engines"])
    assert (found["broken"], found["matches"]) == ([], ["pink"])


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("import surely_missing\n", "No module named 'surely_missing'"),
        (ENGINE + "\n1 / 0\n", "division by zero"),
        (
            ENGINE.replace('"brightness"', '"colour"'),
            "Two engines are called 'colour': engines.colour and alike_light.",
        ),
    ],
    ids=["a module that is not there", "an error at its end", "a name that is taken"],
)
def test_one_that_is_broken_is_named_and_the_others_stay(run: Run, module: str, why: str) -> None:
    found = run(module)
    assert {"colour", "product"} <= set(found["engines"]) and "brightness" not in found["engines"]
    (sentence,) = found["broken"]
    assert sentence == f"The plugin brightness (alike_light) can't be loaded: {why}"
