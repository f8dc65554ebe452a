"""Whom the app answers: other web pages, whatever name or origin they come by, drive nothing and read nothing."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.datastructures import Headers
from target import ENGINE, Target, png

from demos.server.guard import Guard, Inflow, Rules
from features.limits import LIMITS
from tests.support.browsing import awaited

PUBLIC = {
    "a Space": ({"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space"}, Rules(False), "a-b.hf.space"),
    "a share link": ({}, Rules(False, share=True), "12ab34.gradio.live"),
    "a name that was given": ({}, Rules(False, ["photos.example.org"]), "photos.example.org"),
    "one of several names": ({}, Rules(False, ["*.example.org"]), "PHOTOS.example.org:8443"),
    "a number in the network": ({}, Rules(False, ["photos.example.org"]), "192.168.1.7:7860"),
    "any name, as none was given": ({}, Rules(False), "box.lan:7860"),
    "this machine": ({}, Rules(True), "127.0.0.1:7860"),
    "its name": ({}, Rules(True), "localhost:7860"),
    "its newer number": ({}, Rules(True), "[::1]:7860"),
    "the health check of a container": ({}, Rules(False, ["photos.example.org"]), "127.0.0.1:7860"),
}


@pytest.mark.parametrize(("env", "rules", "host"), PUBLIC.values(), ids=PUBLIC)
def test_the_ways_in_that_are_meant_are_open(
    env: dict[str, str], rules: Rules, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, told in env.items():
        monkeypatch.setenv(name, told)
    assert rules.host(host)
    for headers in (
        {"host": host},  # gradio_client, curl, an MCP client
        {"host": host, "origin": f"https://{host}"},
        {"host": "10.0.0.2:7860", "origin": f"https://{host}", "sec-fetch-site": "same-origin"},  # a proxy's Host
    ):
        assert rules.origin(Headers(headers)), headers
    if env or rules.share:  # where the proxy's Host is another, the known name suffices
        assert rules.origin(Headers({"host": "10.0.0.2:7860", "origin": f"https://{host}"}))


HOSTS = (
    *("attacker.example", "attacker.example:7860", "127.0.0.1.attacker.example", "localhost.attacker.example"),
    *("192.168.1.7", "0.0.0.0:7860", "[::ffff:10.0.0.1]", "", "127.0.0.1@attacker.example", "[::1", "2130706433"),
)


@pytest.mark.parametrize("host", HOSTS)
def test_a_local_app_answers_to_no_other_name(local: Target, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/config"), ("POST", "/gradio_api/call/collections")):
        status, _, told = local.ask(method, path, b"{}" if method == "POST" else None, Host=host)
        assert status in (400, 421) and len(told) < 200, (method, path)


def test_only_the_given_names_are_answered_where_some_are() -> None:
    rules = Rules(False, ["photos.example.org"])
    assert not rules.host("attacker.example") and not rules.host("photos.example.org.attacker.example")


ORIGINS = ("https://attacker.example", "http://localhost:3000", "http://127.0.0.1:1", "null", "file://", "")


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_page_neither_posts_nor_reads(local: Target, public: Target, origin: str) -> None:
    for target in (local, public):
        told = target.call("index_folder", "/", ENGINE, Origin=origin, Sec_Fetch_Site="cross-site")
        assert told.startswith("refused 403: Another web page sent this")
        assert target.upload("a.png", png(), Origin=origin)[0] == 403
    key, digest = local.shelf.first, next(iter(local.shelf.catalogue(local.shelf.first, ENGINE).paths))
    picture = f"/thumbnail/{key}/{digest}.jpg"
    assert local.ask("GET", picture)[0] == 200
    assert local.ask("GET", picture, Origin=origin)[0] == 403


def test_the_page_itself_posts(local: Target) -> None:
    own = local.address.rstrip("/")
    assert "event: complete" in local.call("collections", Origin=own)
    assert local.upload("a.png", png(), Origin=own)[0] == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/config", "/nowhere", "/gradio_api/file=/etc/passwd"])
def test_every_answer_says_what_a_browser_may_do_with_it(public: Target, path: str) -> None:
    _, headers, _ = public.ask("GET", path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'self'"
    assert policy["object-src"] == "'none'"


def test_a_space_may_be_framed_by_its_hub_and_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "a/b")
    frames = Rules(False).policy().partition("frame-ancestors ")[2]
    assert frames == "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"


def test_a_request_is_bounded(public: Target, local: Target) -> None:
    for target in (public, local):
        status, _, told = target.ask(
            "POST", "/gradio_api/call/collections", b"", Content_Length=str(LIMITS.request + 1)
        )
        assert (status, told) == (413, b"That is more than 16 MB; send it in parts.\n")
    status, _, _ = public.ask("POST", "/gradio_api/upload", b"", Content_Length=str(LIMITS.upload + 1))
    assert status == 413


def test_what_a_visitor_uploads_within_ten_minutes_is_bounded() -> None:
    now = 0.0
    inflow = Inflow(lambda: now)
    half = LIMITS.visitor_incoming // 2
    for visitor in "abcdefgh":
        for _ in range(2):
            assert inflow.refusal(visitor, half) == "" or visitor > "d"
            inflow.count(visitor, half)
    assert inflow.refusal("a", 1).startswith("You have uploaded 1,024 MB")
    assert inflow.refusal("z", 1).startswith("The app has no room")
    now = LIMITS.incoming_seconds + LIMITS.sweep_seconds + 1.0
    assert inflow.refusal("a", half) == ""


def test_a_request_that_tells_no_length_is_cut_off() -> None:
    came: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            came.append(message["type"])
        came.append(message["type"])

    async def flood() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [(b"host", b"localhost")]}
    awaited(Guard(app, Rules(True))(scope, flood, None))  # type: ignore[arg-type]
    assert came == ["http.request"] * (LIMITS.request >> 20) + ["http.disconnect"]
