"""The settings: from options, else from the environment, else as they come."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engines import SemblanceError, settings
from engines.settings import Settings
from tests.support.seeded import ROOT
from tests.support.toy import is_one_sentence

NAMES = sorted(vars(Settings()))


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(settings.PREFIX + name.upper(), raising=False)


def test_without_variables_and_options_the_defaults_hold() -> None:
    assert settings.current() == Settings() and settings.current().changed() == {}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("home", "/data/home", Path("/data/home")),
        ("weights", "a file.h5", Path("a file.h5")),
        ("captions", "off", "off"),
        ("cores", "3", 3),
        ("offline", "1", True),
        ("offline", "TRUE", True),
        ("offline", "0", False),
        ("webcam", "no", False),
        ("webcam", "", True),
        ("cores", "", None),
    ],
)
def test_a_variable_sets_one(name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SEMBLANCE_{name.upper()}", text)
    assert settings.current() == Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "wanted"), [("cores", "many", "a number"), ("offline", "perhaps", "1 or 0")]
)
def test_a_value_that_can_not_be_is_refused(
    name: str, text: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SEMBLANCE_{name.upper()}", text)
    with pytest.raises(SemblanceError, match=f"SEMBLANCE_{name.upper()} must be {wanted}") as refused:
        settings.current()
    assert is_one_sentence(str(refused.value))


def test_an_option_overrides_the_environment_until_the_command_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_CAPTIONS", "large")
    settings.override(captions="off", weights=None)
    assert settings.current().changed() == {"captions": "off"}
    settings.reset()
    assert settings.current().captions == "large"


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_has_a_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for text in ("0", "1"):  # one of them is not the default
        monkeypatch.setenv(f"SEMBLANCE_{name.upper()}", text)
        found += settings.current().changed()
    assert {*found} == {name}


def test_nothing_else_reads_or_writes_the_variables() -> None:
    """Outside of engines/settings.py, a variable may be named to people only."""
    access = re.compile(r"""environ.*SEMBLANCE_|envvar=|getenv\(""")
    files = [
        path for package in ("engines", "features", "demos", "cli") for path in (ROOT / package).rglob("*.py")
    ]
    found = {str(path) for path in files if path.name != "settings.py" and access.search(path.read_text("utf-8"))}
    assert len(files) > 100 and found == set()


def test_importing_the_packages_leaves_the_environment_alone() -> None:
    code = "import os\nbefore = dict(os.environ)\nimport cli.main, demos, engines, features.library\n"
    code += "print(*(name for name, _ in set(os.environ.items()) ^ set(before.items())))"
    env = os.environ | {"GRADIO_SERVER_PORT": "7861"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert {*done.stdout.split()} <= {"LD_LIBRARY_PATH"}, "OpenCV sets that"
