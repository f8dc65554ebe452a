"""Milvus Lite for the tests: a file that this process opens, and a server that can go and come back."""

from __future__ import annotations

import functools
import itertools
import socket
import tempfile
from pathlib import Path
from typing import Any

from features import index
from features.index.database import Remote

_numbers = itertools.count()


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="semblance-milvus-", ignore_cleanup_errors=True)


def embedded(name: str = "tests") -> str:
    """The URI of a database that lasts as long as this process."""
    return f"milvus://{_folder().name}/{name}.db"


def empty() -> Remote:
    """An index of its own there. Raises SemblanceError where the packages are not installed."""
    return index.remote(embedded(), f"test {next(_numbers)}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """Milvus's own protocol at an address of this machine, by Milvus Lite. uri chooses it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.uri = f"milvus://127.0.0.1:{self._port}/tests"
        self._running: tuple[Any, Any] | None = None

    def start(self) -> None:
        from milvus_lite.adapter.grpc.server import start_server_in_thread

        server, data, _ = start_server_in_thread(str(self._folder), port=self._port)
        self._running = server, data

    def stop(self) -> None:
        if self._running:
            server, data = self._running
            server.stop(grace=None).wait()
            data.close()
            self._running = None
