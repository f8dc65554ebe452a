"""The environment that Gradio, and pandas below it, read as they are imported."""

from __future__ import annotations

import os

from engines import SemblanceError


def prepare() -> None:
    """Sets the variables; call it before Gradio is imported for the first time.

    Gradio then sends no usage statistics. Arrow, which pandas loads if it is installed, takes its memory from the
    system: what its own pool kept grew by 15 kB with every search.

    Raises:
        SemblanceError: GRADIO_SERVER_PORT is not a port, with which Gradio can't be imported.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    port()


def port() -> int | None:
    """Returns the port that GRADIO_SERVER_PORT names; None takes the first free one from 7860 on.

    Raises:
        SemblanceError: It is not a port.
    """
    named = os.environ.get("GRADIO_SERVER_PORT", "")
    if not named:
        return None
    if not (named.isdecimal() and 0 < int(named) < 65536):
        raise SemblanceError("suite.bad_port", port=named)
    return int(named)
