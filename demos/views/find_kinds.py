"""What makes the view Find of one engine differ from that of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import answers, options, picture_cards
from demos.components.picture_cards import Scale
from demos.components.queries import Query
from engines import Explainer
from features.export import Found
from features.retrieval.results import Answer


def _nothing() -> Sequence[gr.HTML]:
    return ()


@dataclass(frozen=True)
class Aside:
    """A component beside the results that is filled after the answer.

    Attributes:
        draw: Makes the component.
        fill: Yields its values for a query, by the engine that answers; raises SemblanceError.
        blank: Its value without an answer.
    """

    draw: Callable[[], Any]
    fill: Callable[[Query], Iterator[Any]]
    blank: Any = None


@dataclass(frozen=True)
class Kind:
    """What makes a tab another than the generic one.

    find: the answer as HTML, the facts under it, and a value for each gr.HTML that `below` draws below the
    question and from which `part` may come; raises SemblanceError, and then they are empty. found: the same as
    plain data, to be taken away.
    results: how many at first, how many at most, and what they are. save: makes the file that the answer's button
    `save` gives to download; raises SemblanceError. several: whether several pictures may be asked with. tunable:
    whether the space that was tuned to the folders may be searched, where there is one.
    """

    find: Callable[[Query], tuple[str, ...]]
    found: Callable[[Query], Found]
    results: tuple[int, int, str] = (12, 50, "common.how_many")
    below: Callable[[], Sequence[gr.HTML]] = _nothing
    save: Callable[[Query], Path] | None = None
    several: bool = False
    tunable: bool = False


def _search(query: Query) -> Answer:
    """What it is asked with is no answer. Raises SemblanceError."""
    index = query.library.index(query.catalogue, query.engine)
    answer = index.search(query.asked_with, query.k + len(query.own), query.how.mix)
    return replace(answer, matches=[match for match in answer.matches if match.digest not in query.own][: query.k])


def _found(query: Query) -> Found:
    return [(query.called, _search(query).matches)]


def pictures(query: Query) -> tuple[str, str]:
    """The generic answer: the pictures most like the whole of this one."""
    library, catalogue, engine, mix = query.library, query.catalogue, query.engine, query.how.mix
    found = _search(query)
    matches = found.matches
    scale = Scale(library.index(catalogue, engine).calibration(mix))
    explains = isinstance(engine, Explainer) and engine.explains()
    captions = picture_cards.captions(library.captions(catalogue), matches)
    html = picture_cards.wall(catalogue, matches, scale, explains, captions) if matches else ""
    return html, answers.answered(engine.describe(), found, *options.told(options.parts_of(engine), mix))


PICTURES = Kind(pictures, _found)
SEVERAL = replace(PICTURES, several=True)
TUNABLE = replace(PICTURES, tunable=True)
