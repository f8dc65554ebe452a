"""From starting the app to its first page, and to its first answer."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import material
from benchmarks.measure import RUNS, Series, in_turn, ratio, say, seconds
from benchmarks.report import Bar, Row
from features.library import Library

ROOT = Path(__file__).parent.parent
PICTURES = 1_000
PATIENCE = 60.0  # seconds for a page to come
BARE = """import gradio as gr

with gr.Blocks() as demo:
    gr.Textbox()
demo.launch()
"""


def rows(scratch: Path) -> Iterator[Row]:
    bare = scratch / "bare.py"
    bare.write_text(BARE, "utf-8")
    homes = (scratch / "homes" / f"start-{i}" for i in itertools.count())

    def theirs() -> float:
        with served([str(bare)], scratch) as (taken, *_):
            return taken

    def ours() -> float:
        home = next(homes)
        with served(["app.py"], home) as (taken, *_):
            pass
        shutil.rmtree(home, ignore_errors=True)
        return taken

    theirs(), ours()  # the first start of all compiles Python's bytecode
    before, now = in_turn(theirs, ours)
    note = "from the process's start until GET / answers 200; the app has a new home each time"
    yield Row(
        "first page of `python app.py`",
        "a bare Gradio app with one textbox",
        ratio(now, before),
        Bar("at most", 1.5),
        now,
        before,
        note,
    )

    with material.seeded_weights("efficientnetb0", scratch):
        yield from _first_answers(scratch)


def _first_answers(scratch: Path) -> Iterator[Row]:
    folder, home = scratch / "pictures" / "start", scratch / "homes" / "indexed"
    pictures = material.draw(folder, PICTURES)
    say("  indexing a catalogue")
    library = Library(home)
    catalogue = library.open(folder)
    library.index(catalogue, library.engine("product")).update()
    key = catalogue.state.parent.name

    def in_the_app() -> float:
        with served(["app.py", "serve", str(folder)], home) as (_, url, _):
            return _search(url, key, pictures[0])

    what = f"first search after start, {PICTURES:,} pictures indexed, EfficientNetB0 exported"
    taken = Series(tuple(in_the_app() for _ in range(RUNS)), "s")
    yield Row(what, "", taken, Bar("at most", 2), note="from the upload of the query until the answer is drawn")

    command = [sys.executable, "app.py", "search", str(folder), str(pictures[0]), "--json"]

    def whole_process() -> float:
        run = {"env": os.environ | {"SEMBLANCE_HOME": str(home)}, "cwd": ROOT, "check": True}
        return seconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, **run))

    yield Row(
        "`python app.py search`, the whole process", "", Series(tuple(whole_process() for _ in range(RUNS)), "s")
    )


@contextmanager
def served(arguments: list[str], home: Path) -> Iterator[tuple[float, str, int]]:
    """An app that listens: (seconds from its start to its first page, address, number of its process)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    changes = {"GRADIO_SERVER_PORT": str(port), "SEMBLANCE_HOME": str(home)}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = time.perf_counter()
    app = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=os.environ | changes, **quiet)
    try:
        while not _answers(url):
            if app.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise RuntimeError(f"no page came from {arguments}")
            time.sleep(0.01)
        yield time.perf_counter() - started, url, app.pid
    finally:
        app.kill()
        app.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status == 200
    except OSError:
        return False


def _search(url: str, key: str, query: Path) -> float:
    """Seconds. Raises RuntimeError when no pictures came, or another net than the exported one answered."""
    from gradio_client import Client, handle_file

    client = Client(url, verbose=False)
    started = time.perf_counter()
    wall, status, *_ = client.predict(key, handle_file(query), 12, api_name="/product")
    taken = time.perf_counter() - started
    if "thumbnail/" not in wall or "efficientnetb0" not in status:
        raise RuntimeError(f"no answer came, or the wrong net answered: {status}")
    return taken
