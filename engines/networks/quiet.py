"""Keeping TensorFlow's remarks from people: while imported, it writes them to stderr whatever its settings."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.RLock()  # two at once would each take the other's silence for the real stderr


@contextmanager
def quietly() -> Iterator[None]:
    """Drops all that is written to stderr meanwhile, by C code too. Exceptions come through as ever."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr is None:  # closed by whoever started us
        yield
        return
    with _turn:
        sys.stderr.flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
