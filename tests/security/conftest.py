"""One app as visitors reach it and one of a local user, each started once."""

from __future__ import annotations

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
def public(attacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """As a public link has it."""
    with running(Shelf(Library(tmp_path_factory.mktemp("secret-home")), attacked, local=False)) as target:
        yield target


@pytest.fixture(scope="session")
def local(attacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """As a person has it who starts it for herself."""
    with running(Shelf(Library(tmp_path_factory.mktemp("home")), attacked, local=True)) as target:
        yield target
