"""What attacks are made of: a running app, asked without any client library."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from demos.server.state import Shelf
from demos.suite import draw_page
from tests.support.browsing import launched

ENGINE = "colour"
UGLY = b"caf\xe9"  # a name as an old file system has it; no UTF-8


@dataclass(frozen=True)
class Target:
    """A running app, asked without any client library: an attacker has none of its manners."""

    address: str
    shelf: Shelf

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers by lower-case name, body). In names of headers _ stands for -."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): told for name, told in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, {name.lower(): told for name, told in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def call(self, endpoint: str, *given: Any, session: str = "", **headers: str) -> str:
        """What an endpoint streams back: events and their data as text."""
        body = json.dumps({"data": given, "session_hash": session or uuid.uuid4().hex}).encode()
        place = f"/gradio_api/call/{endpoint}"
        status, _, told = self.ask("POST", place, body, Content_Type="application/json", **headers)
        if status != 200:
            return f"refused {status}: {told.decode()}"
        return self.ask("GET", f"{place}/{json.loads(told)['event_id']}")[2].decode()

    def run(self, endpoint: str, *given: Any) -> tuple[int, Any]:
        """(status, what was answered) without the queue, which is the sooner way."""
        place, body = f"/gradio_api/run/{endpoint}", json.dumps({"data": given}).encode()
        status, _, told = self.ask("POST", place, body, Content_Type="application/json")
        return status, json.loads(told)

    def upload(self, name: str, data: bytes, **headers: str) -> tuple[int, str]:
        """(status, what was answered)."""
        border = uuid.uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{border}--\r\n".encode()
        kind = f"multipart/form-data; boundary={border}"
        status, _, told = self.ask("POST", "/gradio_api/upload", body, Content_Type=kind, **headers)
        return status, told.decode()


def png(side: int = 16) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def running(shelf: Shelf) -> Iterator[Target]:
    index = shelf.library.index(shelf.catalogue(shelf.first, ENGINE), shelf.library.engine(ENGINE))
    index.update()
    with launched(draw_page(shelf, folder_endpoint=True), shelf) as address:
        yield Target(address, shelf)
