"""The package that pyproject.toml describes: its dependencies, its console script, and what its wheel contains."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from email.message import Message
from email.parser import Parser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import cli
from deploy.space import ROOMS

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 can't read TOML")

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
PACKAGES = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
TYPED = ("cli", "demos", "engines", "features")


def requirements(name: str) -> list[str]:
    """The lines of a requirements file, without comments."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return [line for line in lines if line]


def as_extras(lines: list[str]) -> list[str]:
    """The lines of a requirements file that includes others, with extras in place of the other files."""
    others = [line for line in lines if line != "-r requirements.txt"]
    return [re.sub(r"^-r requirements-(\w+)\.txt$", r"semblance[\1]", line) for line in others]


EXTRAS = sorted(path.stem.removeprefix("requirements-") for path in ROOT.glob("requirements-*.txt"))


def test_the_dependencies_are_those_of_requirements_txt() -> None:
    assert PROJECT["dependencies"] == requirements("requirements.txt")


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_is_its_requirements_file(extra: str) -> None:
    assert PROJECT["optional-dependencies"][extra] == as_extras(requirements(f"requirements-{extra}.txt"))


def test_there_are_no_other_extras_but_mcp() -> None:
    """MCP has no file of its own, as it is one requirement, which the tests install too."""
    assert set(PROJECT["optional-dependencies"]) == {*EXTRAS, "mcp"}
    (requirement,) = PROJECT["optional-dependencies"]["mcp"]
    assert requirement in requirements("requirements-dev.txt")
    assert f'pip install "{requirement}"' in (ROOT / "docs" / "http-api.md").read_text("utf-8")
    assert f'pip install "{requirement}"' in (ROOT / "docs" / "settings.md").read_text("utf-8")


def test_the_version_stands_in_one_place() -> None:
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    assert ROOT / PYPROJECT["tool"]["hatch"]["version"]["path"] == Path(cli.__file__)
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", cli.__version__)


def test_the_packages_are_what_runs_elsewhere_too() -> None:
    assert tuple(PACKAGES) == ROOMS
    assert all((ROOT / package / "py.typed").is_file() for package in TYPED)


@pytest.fixture
def script() -> Callable[[], int]:
    """The function behind the console script."""
    module, _, function = PROJECT["scripts"]["semblance"].partition(":")
    return getattr(import_module(module), function)


def test_the_console_script_runs_without_arguments(
    script: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not inspect.signature(script).parameters
    monkeypatch.setattr(sys, "argv", ["semblance", "--help"])
    assert script() == 0 and "Usage:" in capfd.readouterr().out


def test_its_hints_name_the_console_script(
    script: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["semblance", "index"])
    assert script() == 2
    assert capfd.readouterr().err.endswith("see `semblance index --help`.\n")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not find_spec("hatchling"):
        pytest.skip("hatchling is not installed; requirements-dev.txt has it")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_contains_every_tracked_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        pytest.skip("git does not know this folder")
    tracked = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    with ZipFile(wheel) as archive:
        contained = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert tracked - contained == set()
    assert {name.partition("/")[0] for name in contained} == set(PACKAGES)
    assert {Path(name).suffix for name in tracked} >= {".css", ".js", ".json", ".npz", ".py", ".tsv"}


def test_the_wheel_describes_itself(wheel: Path, metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("semblance", cli.__version__)
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert set(metadata.get_all("Provides-Extra", [])) == {*EXTRAS, "mcp"}
    assert metadata["Description-Content-Type"] == "text/markdown"
    with ZipFile(wheel) as archive:
        (entries,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        assert "semblance = cli.main:run" in archive.read(entries).decode()
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
