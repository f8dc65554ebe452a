"""One app as visitors reach it and one of a local user, each started once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from target import UGLY, Target, png, running

from demos.server.state import Shelf
from features.library import Library
from tests.support.toy import hue, paint


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures with ugly names among them, one of a folder too."""
    folder = tmp_path_factory.mktemp("secret-place") / "pictures"
    for number in range(4):
        paint(folder / "warm" / f"{number}.png", hue(20 * number), size=(16, 16))
    for name in (UGLY + b".png", UGLY + b"/a.png", b'"><img src=x onerror=alert(1)>.png'):
        path = folder / bytes.decode(name, "utf-8", "surrogateescape")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(10 + len(name)))
    return folder


@pytest.fixture(scope="session")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where uploads lie: an app notes the place as it starts, while Gradio reads the variable each time."""
    return str(tmp_path_factory.mktemp("secret-incoming"))


@pytest.fixture(autouse=True)
def _incoming(incoming: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", incoming)


@contextlib.contextmanager
def _started(shelf: Shelf, incoming: str) -> Iterator[Target]:
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GRADIO_TEMP_DIR", incoming)
            target = stack.enter_context(running(shelf))
        yield target


@pytest.fixture(scope="session")
def public(attacked: Path, incoming: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """As a public link has it."""
    shelf = Shelf(Library(tmp_path_factory.mktemp("secret-home")), attacked, local=False)
    with _started(shelf, incoming) as target:
        yield target


@pytest.fixture(scope="session")
def local(attacked: Path, incoming: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """As a person has it who starts it for herself."""
    with _started(Shelf(Library(tmp_path_factory.mktemp("home")), attacked, local=True), incoming) as target:
        yield target
