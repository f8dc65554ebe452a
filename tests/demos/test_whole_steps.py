"""A step that follows another at once takes nothing of it away."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from demos.suite import Whole

WALL = {"value": "a wall", "__type__": "update"}
STEPS: dict[str, list[Any]] = {
    "an update and nothing more": [gr.skip(), WALL, gr.skip()],
    "what begins alike": ["abc", "abcd", gr.skip()],
    "one": [WALL],
}


def _received(sent: list[Any]) -> Iterator[Any]:
    """As Gradio's page takes them: from the second on a list of edits, each done in place."""
    shown: Any = None
    for number, step in enumerate(sent):
        edits = step if number else [["replace", [], step]]
        for edit, place, value in edits:
            assert (edit, place) == ("replace", []), "the page would change in place what it has not drawn yet"
            shown = value
        yield shown


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_each_step_comes_whole(steps: list[Any]) -> None:
    with Whole() as page:
        place = gr.HTML()
        page.load(lambda: None, None, place)
    (fn,) = page.fns.values()
    sent = [
        page.handle_streaming_diffs(fn, [copy.deepcopy(step)], "visitor", "run", final=False)[0] for step in steps
    ]
    assert list(_received(sent)) == steps
    assert page.handle_streaming_diffs(fn, [None], "visitor", "run", final=True) == [steps[-1]]
    assert not page.pending_diff_streams.get("visitor")
