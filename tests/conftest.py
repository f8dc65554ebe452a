"""What every test stands on: nobody's own caches are touched, nothing is downloaded, a net is exported once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import settings
from features.library import Library
from tests.support.toy import BLUE, GREEN, ORANGE, PINK, RED, paint

# weights files and portraits; the app in a browser; downloads
pytest_plugins = ("tests.support.seeded", "tests.support.browsing", "tests.support.hubs")


LONGEST = ("test_browser.py", "test_engine_contract.py", "test_developer_data.py", "test_accessibility.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a browser was waited for in vain is tried again: a busy machine may miss what comes that quickly.

    The files that take longest come first, so that no process ends long after the other.
    """
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun=["TimeoutError"]))


def _own_places(patch: pytest.MonkeyPatch, folder: Path) -> None:
    settings.reset()
    patch.setenv("SEMBLANCE_OFFLINE", "1")
    patch.setenv("SEMBLANCE_WEIGHTS", "")
    patch.setenv("SEMBLANCE_DEBUG", "")
    patch.setenv("SEMBLANCE_INDEX", "")
    patch.setenv("SEMBLANCE_HOME", str(folder / "home"))
    patch.setenv("KERAS_HOME", str(folder / "keras"))
    patch.setenv("HF_HUB_CACHE", str(folder / "hub"))
    patch.setenv("SEMBLANCE_CAPTIONS", "")
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.fixture(autouse=True, scope="session")
def _session_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For fixtures that live longer than a test."""
    from tests.support.seeded import shared  # not above: pytest is to load its plugins itself

    with pytest.MonkeyPatch.context() as patch:
        _own_places(patch, tmp_path_factory.mktemp("session"))
        patch.setenv("SEMBLANCE_EXPORTS", str(shared(tmp_path_factory, "exports")))
        yield


@pytest.fixture(autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No download, and a home and a Keras cache of this test's own, for subprocesses too."""
    _own_places(monkeypatch, tmp_path_factory.mktemp("user"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def library(home: Path) -> Library:
    return Library(home)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The person's folder, still empty."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def rainbow(pictures: Path) -> Path:
    """Five pictures of one colour each, in two folders."""
    colours = {"warm/red": RED, "warm/orange": ORANGE, "warm/pink": PINK, "cold/blue": BLUE, "cold/green": GREEN}
    for name, colour in colours.items():
        paint(pictures / f"{name}.png", colour)
    return pictures
