"""Paths of this machine, kept from visitors: Gradio names uploads and made files by where they lie.

In what goes out the folder becomes a made-up one, and in what comes in it is put back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TEXTS = ("application/json", "text/event-stream", "text/html")


def middleware(folders: Mapping[str, Path]) -> Middleware:
    """For `launch`. folders: by the name that visitors see, such as "/semblance-home"; inner ones first."""
    return Middleware(Veil, folders=folders)


class Veil:
    """Changes the texts of requests and answers. An event of a stream always comes in one piece."""

    def __init__(self, app: ASGIApp, folders: Mapping[str, Path]) -> None:
        self.app = app
        self.names = {name: os.path.realpath(folder) for name, folder in folders.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        for name, folder in self.names.items():
            path = path.replace(f"file={name}", f"file={folder}")
        scope = {**scope, "path": path}
        if Headers(scope=scope).get("content-type", "").startswith("application/json"):
            scope, receive = await self._unveiled(scope, receive)
        await self.app(scope, receive, self._veiled(send))

    async def _unveiled(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return scope, receive  # which says so again
            body, more = body + message.get("body", b""), message.get("more_body", False)
        for name, folder in self.names.items():
            body = body.replace(_in_json(name), _in_json(folder))
        headers = MutableHeaders(raw=list(scope["headers"]))
        headers["content-length"] = str(len(body))
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def once() -> Message:
            return whole.pop() if whole else await receive()

        return {**scope, "headers": headers.raw}, once

    def _veiled(self, send: Send) -> Send:
        start, body, changes = None, b"", False

        async def veiled(message: Message) -> None:
            nonlocal start, body, changes
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                kind = headers.get("content-type", "")
                changes = kind.startswith(TEXTS) and "content-disposition" not in headers  # no file
                start = message if changes and "content-length" in headers else None
                if start is None:
                    await send(message)
                return
            data = self._hidden(message.get("body", b"")) if changes else message.get("body", b"")
            if start is None:
                await send({**message, "body": data})
                return
            body += data
            if not message.get("more_body"):
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
                await send(start)
                await send({"type": "http.response.body", "body": body})

        return veiled

    def _hidden(self, text: bytes) -> bytes:
        for name, folder in self.names.items():
            text = text.replace(_in_json(folder), _in_json(name))
        return text


def _in_json(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="surrogateescape")
