"""TensorFlow's remarks are dropped, and what is dropped is only what is said meanwhile."""

from __future__ import annotations

import os
import threading

import pytest

from engines.networks.quiet import quietly


def test_what_is_said_meanwhile_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with quietly(), quietly():
        os.write(2, b"a remark\n")
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"


def test_exceptions_come_through(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="as ever"), quietly():
        raise ValueError("as ever")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


def test_two_threads_at_once_do_not_silence_the_process_for_good(capfd: pytest.CaptureFixture[str]) -> None:
    inside = threading.Event()

    def first() -> None:
        with quietly():
            inside.set()
            threading.Event().wait(0.1)

    def second() -> None:
        inside.wait()
        with quietly():
            pass

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"
