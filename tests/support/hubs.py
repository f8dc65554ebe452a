"""A hub on this machine that can be made to misbehave, and an engine whose network is downloaded from it."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engines.networks.network import Network, NetworkEngine
from engines.networks.weights import Packaged, Preprocessing, Weights
from tests.support import ROOT

CONTENT = np.random.default_rng(3).bytes(300_000)
NAME = "toy_weights.h5"


class Hub:
    """Serves one file. Its `answer` can be changed while it runs; `asked` counts the requests."""

    def __init__(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked += 1
                with contextlib.suppress(OSError):  # the probe hangs up after the headers
                    hub.answer(self)

            def log_message(self, *_: object) -> None: ...

        self.asked = 0
        self.answer: Callable[[BaseHTTPRequestHandler], None] = whole(CONTENT)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{NAME}"


Answer = Callable[[BaseHTTPRequestHandler], None]


def begin(handler: BaseHTTPRequestHandler, length: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


def whole(content: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        begin(handler, len(content))
        handler.wfile.write(content)

    return answer


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


def record(url: str, checksum: str | None = None) -> Weights:
    return Weights(
        "toy", NAME, url, checksum, len(CONTENT), "MIT", "nobody", Preprocessing(8, "RGB", "0..255")
    )  # fmt: skip


INSTALLED = Packaged(
    package="engines",
    file="colour.py",  # any file that is there
    sha256=hashlib.sha256((ROOT / "engines" / "colour.py").read_bytes()).hexdigest(),
    requirement="toy-weights==1.0",
    licence="MIT",
    good_for="three numbers",
    source="nobody",
)


def toy(weights: Weights, network: str = "auto") -> NetworkEngine:
    """An engine on one net that takes these weights. Its vectors tell which net answered."""
    return toy_class(weights)(network)


def toy_class(weights: Weights) -> type[NetworkEngine]:
    """The same as a class, to be registered."""

    def always(*row: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda pixels: np.tile(np.float32(row), (len(pixels), 1))

    def build(*row: float) -> Callable[[Path | None], Any]:
        return lambda path: SimpleNamespace(predict_on_batch=always(*row))

    class Toy(NetworkEngine):
        name, version, title, alike = "toy", 1, "Toy", "anything"
        builtin = Network("installed", dim=3, size=8, build=build(0, 0, 1), weights=INSTALLED)
        nets = (Network("toynet", dim=2, size=8, build=build(0, 1), weights=weights),)
        upgrade = nets[0]

    return Toy
