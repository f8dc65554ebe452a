"""The door of the app: whom it answers, how much it takes in, and what it forbids a browser to do with its pages.

Another web page can send a visitor's browser to this machine: under a name of its own that leads here (DNS
rebinding), or by posting from its own origin (CSRF). Both are refused here, before anything is read.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.limits import LIMITS, MB

SAFE = ("GET", "HEAD", "OPTIONS")
FRAMES_OF_A_SPACE = "https://huggingface.co https://*.huggingface.co https://*.hf.space"
GRADIO_SHARE = "https://gradio.s3-us-west-2.amazonaws.com"  # where the page of a share link has its scripts
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOT_OURS = "This app does not answer to that name; start it with --allow-host NAME to allow it."
FOREIGN = "Another web page sent this; open the app itself, or start it with --allow-host NAME of that page."
TOO_LARGE = "That is more than {most:,} MB; send it in parts."
FULL = "The app has no room for more uploads at the moment; try again in ten minutes."
YOUR_SHARE = "You have uploaded {most:,} MB within ten minutes; try again later."


@dataclass(frozen=True)
class Rules:
    """Whom the app answers. local: only the person at this machine can reach it. share: it has a public link.

    names: hosts that the person allows, such as photos.example.org or *.example.org.
    """

    local: bool
    names: Collection[str] = ()
    share: bool = False

    def host(self, netloc: str) -> bool:
        """Whether a request for this host is answered. A name may lead anywhere, a number only to itself."""
        name = _hostname(netloc)
        if _is_loopback(name) or self._named(name):
            return True
        return not self.local and (not self.names or _is_address(name))

    def origin(self, headers: Headers) -> bool:
        """Whether the page that sent a request is the app's own. Programs name no origin."""
        origin = headers.get("origin")
        if origin is None or headers.get("sec-fetch-site") == "same-origin":  # which no script can set
            return True
        netloc = origin.partition("://")[2].lower()
        return netloc == headers.get("host", "").lower() or self._named(_hostname(netloc))

    def policy(self) -> str:
        """The content security policy. Gradio builds its page with scripts and styles in it, and runs ours so."""
        frames = FRAMES_OF_A_SPACE if os.environ.get("SPACE_ID") else ""
        more = GRADIO_SHARE if self.share else ""
        return "; ".join(
            " ".join(part.split())
            for part in (
                f"default-src 'self' {more}",
                f"script-src 'self' 'unsafe-inline' 'unsafe-eval' blob: {more}",
                f"style-src 'self' 'unsafe-inline' {more}",
                "img-src 'self' data: blob:",
                "media-src 'self' data: blob:",
                f"font-src 'self' data: {more}",
                f"connect-src 'self' data: blob: {more}",
                "worker-src 'self' blob:",
                "object-src 'none'",
                "base-uri 'self'",
                "form-action 'self'",
                f"frame-ancestors 'self' {frames}",
            )
        )

    def _named(self, name: str) -> bool:
        known = [*self.names, os.environ.get("SPACE_HOST", ""), *["*.gradio.live"] * self.share]
        return bool(name) and any(fnmatchcase(name, one.lower()) for one in known)


@dataclass
class Inflow:
    """What visitors have uploaded within the time that uploads are kept. Safe to use from several threads."""

    clock: Callable[[], float] = time.monotonic
    _came: deque[tuple[float, str, int]] = field(default_factory=deque)
    _by: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refusal(self, visitor: str, size: int) -> str:
        """Why so many more bytes are not taken; empty when they are."""
        with self._lock:
            old = self.clock() - LIMITS.incoming_seconds - LIMITS.sweep_seconds
            while self._came and self._came[0][0] < old:
                _, whose, gone = self._came.popleft()
                self._by[whose] -= gone
                if not self._by[whose]:
                    del self._by[whose]
            if self._by[visitor] + size > LIMITS.visitor_incoming:
                return YOUR_SHARE.format(most=LIMITS.visitor_incoming // MB)
            return FULL if self._by.total() + size > LIMITS.incoming else ""

    def count(self, visitor: str, size: int) -> None:
        with self._lock:
            self._came.append((self.clock(), visitor, size))
            self._by[visitor] += size


def middleware(rules: Rules) -> Middleware:
    """For `launch`; it goes before all others."""
    return Middleware(Guard, rules=rules)


class Guard:
    """Refuses foreign hosts, foreign pages and floods; adds the headers to every answer."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self.rules = app, rules
        self.inflow = Inflow()
        self.headers = HEADERS | {"Content-Security-Policy": rules.policy()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message.setdefault("headers", [])).update(self.headers)
            await send(message)

        status, sentence = self._refusal(scope)
        if sentence:
            await PlainTextResponse(f"{sentence}\n", status)(scope, receive, with_headers)
        else:
            await self.app(scope, self._counted(scope, receive), with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        headers = Headers(scope=scope)
        if not self.rules.host(headers.get("host", "")):
            return 421, NOT_OURS
        if (self.rules.local or scope["method"] not in SAFE) and not self.rules.origin(headers):
            return 403, FOREIGN
        length = headers.get("content-length", "0")
        size = int(length) if length.isdecimal() and len(length) < 16 else 0
        if (most := self._most(scope)) is not None and size > most:
            return 413, TOO_LARGE.format(most=most // MB)
        if _is_upload(scope):
            if shutil.disk_usage(_existing(Path(get_upload_folder()))).free - size < LIMITS.free:
                return 507, FULL
            if not self.rules.local and (sentence := self.inflow.refusal(_visitor(scope), size)):
                return 429, sentence
        return 200, ""

    def _most(self, scope: Scope) -> int | None:
        """Bytes that a request may have; None where the person at the machine uploads."""
        if not _is_upload(scope):
            return LIMITS.request
        return None if self.rules.local else LIMITS.upload

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """The request, which ends where it grows too large: its length may be untold, or a lie."""
        most, came = self._most(scope), 0
        counts = _is_upload(scope) and not self.rules.local

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            size = len(message.get("body", b""))
            came += size
            if counts and size:
                self.inflow.count(_visitor(scope), size)
            over = most is not None and came > most
            if over or (counts and self.inflow.refusal(_visitor(scope), 0)):
                return {"type": "http.disconnect"}
            return message

        return counted


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/upload")


def _visitor(scope: Scope) -> str:
    """By address; behind a proxy, uvicorn tells the visitor's where FORWARDED_ALLOW_IPS names the proxy."""
    return (scope.get("client") or ("",))[0]


def _hostname(netloc: str) -> str:
    """Without port and brackets; empty for what is none."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
