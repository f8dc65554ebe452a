"""What the tests in a browser share: one Chromium, one app over drawn pictures, and visits to it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from PIL import Image
from seeded import ROOT

if TYPE_CHECKING:
    import gradio as gr

    from demos.server.state import Shelf

T = TypeVar("T")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECONDS = 180_000  # the longest wait, in milliseconds: on a busy machine TensorFlow's first import alone takes one


def noise(path: Path, seed: int, side: int = 96) -> Path:
    """A picture of its own for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder: drawn people (for there must be faces) and things, with an awkward name among them."""
    folder = tmp_path_factory.mktemp("collection")
    for group, kinds in (("people", 3), ("products", 2)):
        module = importlib.import_module(f"samples.{group}")
        for kind in list(module.KINDS)[:kinds]:
            for number in (1, 2):
                path = folder / kind / f"{number}.jpg"
                path.parent.mkdir(exist_ok=True)
                module.draw(kind, number, path)
    noise(folder / "<img src=x onerror=alert(1)> ${1} {{this}}" / "noise.png", 1)
    return folder


@pytest.fixture(scope="session")
def app(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app over the collection. What a test leaves in it stays."""
    with served(collection, tmp_path_factory.mktemp("home")) as address:
        yield address


@contextlib.contextmanager
def served(pictures: Path, home: Path) -> Iterator[str]:
    """The address of an app in a process of its own, as a person would start it; that takes some seconds."""
    port = _free_port()
    unwanted = ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_ROOT_PATH", "GRADIO_SHARE", "GRADIO_TEMP_DIR")
    env = {key: value for key, value in os.environ.items() if key not in unwanted}
    env |= {"GRADIO_SERVER_PORT": str(port), "SEMBLANCE_HOME": str(home)}
    log = home / "app.log"
    with log.open("wb") as out:
        command = [sys.executable, "app.py", "serve", str(pictures)]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)
        try:
            address = f"http://127.0.0.1:{port}/"
            _wait_until_up(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS / 1000
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not come up: {log.read_text()}")


@contextlib.contextmanager
def opened(shelf: Shelf, only: Collection[str] = ()) -> Iterator[str]:
    """The address of the app over this shelf, in this process: sooner there than `app`. only: some tabs."""
    from demos.suite import draw_page

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(shelf.library.home / "incoming"))
        with launched(draw_page(shelf, only), shelf) as address:
            yield address


@contextlib.contextmanager
def launched(page: gr.Blocks, shelf: Shelf, **options: Any) -> Iterator[str]:
    """The address of any page of this process."""
    from demos import suite
    from demos.components import theme
    from demos.i18n.middleware import middleware

    _, address, _ = page.launch(
        server_name="127.0.0.1",
        server_port=_free_port(),
        prevent_thread_lock=True,
        quiet=True,
        ssr_mode=False,
        run_history=False,
        allowed_paths=[str(shelf.library.home / "thumbnails")],
        app_kwargs={"routes": suite.routes(page, shelf), "middleware": [middleware()]},
        **theme.look(page),
        **options,
    )
    try:
        yield address
    finally:
        page.close()


def in_english(label: str) -> str:
    """What stands in a page's configuration in each language; anything else as it is."""
    marker = label.partition("__i18n__")[2]
    return json.loads(marker)["key"].removeprefix("say ") if marker else label


def awaited(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, in this context. It gets a thread of its own, for this one may have a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, work).result()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """Its loop runs in this thread from then on: see `awaited`."""
    if not CHROMIUM:
        pytest.skip("no chromium on PATH (Debian and Ubuntu: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Any) -> Iterator[Any]:
    started = chromium(playwright)
    yield started
    started.close()


def chromium(playwright: Any, *options: str) -> Any:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])


@contextlib.contextmanager
def visit(browser: Any, address: str) -> Iterator[Any]:
    """A fresh visit at 1280 px. Fails when anything is asked of another machine, or told in a toast."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SECONDS)
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    try:
        page.goto(address)
        page.locator(".state:visible, .card:visible").first.wait_for()
        yield page
        toasts = page.locator(".toast-body").count()
    finally:
        page.close()
    assert [url for url in elsewhere if not url.startswith((address, "data:", "blob:"))] == []
    assert not toasts


@pytest.fixture
def page(browser: Any, app: str) -> Iterator[Any]:
    """A visit to the app."""
    with visit(browser, app) as page:
        yield page
