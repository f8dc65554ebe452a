"""Silences TensorFlow, which writes messages to stderr during its import whatever its settings."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_turn = threading.RLock()  # a second thread would save the redirected stderr


@contextmanager
def quietly() -> Iterator[None]:
    """Discards everything written to stderr in the block, also by C code. Exceptions pass through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr is None:  # closed by the parent process
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
