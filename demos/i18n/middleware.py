"""Writes the visitor's language into the page: its attribute `lang`, and what its scripts say."""

from __future__ import annotations

import json

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demos import static
from demos.i18n.language import COOKIE, ENGLISH, TAGS, asked_for
from engines.messages import catalogue

IN_SCRIPTS = (
    "aria.in_portuguese",
    "aria.light_or_dark",
    "aria.likes",
    "aria.pt_in_portuguese",
    "aria.results",
    "gallery.all_ticked",
    "gallery.ticked",
    "gradio.capture",
    "gradio.close",
    "gradio.drop_files",
    "gradio.error",
    "gradio.info",
    "gradio.number_input",
    "gradio.paste",
    "gradio.processing",
    "gradio.reset",
    "gradio.slider",
    "gradio.upload_file",
    "gradio.webcam",
    "map.clear",
    "map.draw_around",
    "map.in_no_folder",
    "map.let_go",
    "map.more",
    "map.select",
    "map.selected",
    "map.short",
    "map.show_all",
    "map.title",
    "map.zoom_in",
    "map.zoom_out",
    "similarity.cell_one",
    "similarity.cell_two",
    "similarity.help",
    "similarity.only_one_picture",
    "walk.nearest",
    "walk.slider",
    "walk.step",
    "walk.step_picture",
    "walk.walk_on_to",
)
"""The messages of the scripts; no others go to the browser."""


def middleware() -> Middleware:
    """Returns the middleware for `launch`."""
    return Middleware(_Page)


class _Page:
    """Changes the page alone; everything else passes untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = scope.get("method"), scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if place not in (("GET", ""), ("GET", "/")):
            await self.app(scope, receive, send)
            return
        request, body = Request(scope), b""
        start: Message = {}

        async def pass_on(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
                language = asked_for(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
                body = _with_language(body.decode(), language).encode()
                headers = MutableHeaders(raw=start["headers"])
                headers["content-length"] = str(len(body))
                headers.add_vary_header("Accept-Language, Cookie")
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, pass_on)


def _with_language(html: str, language: str) -> str:
    english, texts = catalogue(ENGLISH), catalogue(language)
    words = {id: texts.get(id, english[id]) for id in IN_SCRIPTS}
    settings = json.dumps({"tag": TAGS[language], "cookie": COOKIE, "words": words}).replace("<", "\\u003c")
    html = html.replace('lang="en"', f'lang="{TAGS[language]}"', 1)
    return html.replace("<head>", f"<head><script>{static.read('language.js')}({settings});</script>", 1)
