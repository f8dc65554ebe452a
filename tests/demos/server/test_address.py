"""Where the app listens: it starts, or says in one sentence what is wrong with the address."""

from __future__ import annotations

import socket

import pytest

from demos.server import address
from engines import SemblanceError
from tests.support.toy import is_one_sentence


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_SERVER_NAME", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "shown"), [("", None), ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]")]
)
def test_an_address_of_ipv6_stands_in_brackets(
    name: str, shown: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", name)
    assert address.server_name() == shown
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        free = tried.getsockname()[1]
    if ":" not in name or socket.has_dualstack_ipv6():
        assert address.free_port(free) == free
        assert address.free_port(None) >= address.FIRST


@pytest.mark.parametrize("name", ["203.0.113.7", "nowhere.invalid"])
def test_a_host_that_is_not_this_machine_is_said_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", name)
    with pytest.raises(SemblanceError, match="is no address of this machine") as refusal:
        address.free_port(None)
    assert name in str(refusal.value) and is_one_sentence(str(refusal.value))


def test_a_port_in_use_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SemblanceError) as refusal:
            address.free_port(port)
    assert str(refusal.value) == f"Port {port} is in use; set GRADIO_SERVER_PORT to another one."


@pytest.mark.parametrize("known", ["", "example.org, 10.0.0.1", "localhost"])
def test_no_proxy_comes_between_the_app_and_itself(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    monkeypatch.setenv("no_proxy", known)
    monkeypatch.setenv("NO_PROXY", known)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    address.keep_off_proxies()
    with httpx.Client() as client:
        for url in ("http://127.0.0.1:7860/", "http://localhost:7860/", "http://[::1]:7860/"):
            assert client._transport_for_url(httpx.URL(url)) is client._transport
        assert client._transport_for_url(httpx.URL("http://semblance.example/")) is not client._transport
