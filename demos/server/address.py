"""Where the app listens: by GRADIO_SERVER_NAME and GRADIO_SERVER_PORT, checked before Gradio tries them."""

from __future__ import annotations

import errno
import os
import socket

from engines import SemblanceError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
FIRST, TRIED = 7860, 100  # ports that are tried where none is named


def keep_off_proxies() -> None:
    """Gradio asks the app whether it has started, which no proxy may come between (`http_proxy` and the like)."""
    own = (*LOOPBACK, *filter(None, [host()]))
    for name in ("no_proxy", "NO_PROXY"):
        known = [one.strip() for one in os.environ.get(name, "").split(",") if one.strip()]
        os.environ[name] = ",".join([*known, *(one for one in own if one not in known)])


def host() -> str:
    """Returns GRADIO_SERVER_NAME without brackets; empty where it is not set."""
    return os.environ.get("GRADIO_SERVER_NAME", "").strip().strip("[]")


def server_name() -> str | None:
    """Returns the name as it stands in a URL; None where it is not set."""
    return f"[{host()}]" if ":" in host() else host() or None


def free_port(wanted: int | None) -> int:
    """Returns the port to listen on: the one that is wanted, or the first free one from 7860 on.

    Raises SemblanceError when the host name is not one of this machine, or no such port can be used.
    """
    name = host() or LOOPBACK[1]
    try:
        family, _, _, _, address = socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SemblanceError("address.foreign", name=name) from error
    for port in [wanted] if wanted else range(FIRST, FIRST + TRIED):
        problem = _problem(family, (address[0], port, *address[2:]))
        if problem is None:
            return port
        if problem.errno == errno.EADDRNOTAVAIL:
            raise SemblanceError("address.foreign", name=name) from problem
        if wanted and problem.errno != errno.EADDRINUSE:
            raise SemblanceError("address.port_unusable", port=str(port), reason=problem.strerror) from problem
    taken = wanted or f"{FIRST} to {FIRST + TRIED - 1}"
    raise SemblanceError("address.in_use", port=str(taken))


def _problem(family: int, address: tuple[object, ...]) -> OSError | None:
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        if os.name != "nt":  # there, the option would let two programs listen on one port
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(address)
        except OSError as error:
            return error
    return None
