"""The commands `search` and `recommend`, which find pictures similar to others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.catalogues import open_indexed, open_library, open_scanned
from cli.options import (
    AsJson,
    Captions,
    EngineName,
    Home,
    Images,
    IndexName,
    K,
    MixOf,
    Network,
    Offline,
    Weights,
    pair_weights,
    parse_box,
    parse_mix,
)
from cli.output import match_lines, match_record, photo_record, print_failures, print_result, source_line
from engines import NotEmbeddable
from features import export
from features.errors import ImageError
from features.learning.tuned import SUFFIX
from features.retrieval.results import Answer, Reference
from features.retrieval.word_search import understands

Question = tuple[str, list[Reference]]  # a name for it, and the pictures to search by


def search(
    images: Images,
    queries: Annotated[list[Path] | None, typer.Argument(help="Query pictures.")] = None,
    text: Annotated[str, typer.Option(help="What the pictures should show; combines with a query picture.")] = "",
    unlike_text: Annotated[str, typer.Option(help="What the pictures should not show; needs --text.")] = "",
    engine: EngineName = "product",
    k: K = 5,
    mix: MixOf = "",
    box: Annotated[
        str,
        typer.Option(
            help="Use only this part of each query: LEFT,TOP,RIGHT,BOTTOM in pixels of the upright picture."
        ),
    ] = "",
    together: Annotated[bool, typer.Option(help="Search once, with the mean of all queries.")] = False,
    save_as: Annotated[
        Path | None,
        typer.Option("--save", help="Save the results: as .csv, or as .zip with the pictures."),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="The weight of each query in that mean, in the order of the queries (by default 1)."),
    ] = None,
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Find the pictures most similar to each query, to all of them together, or to a text."""
    queries = queries or []
    _check_text(queries, text, unlike_text, engine)
    mixed = parse_mix(mix)
    questions = _questions(queries, text, weight, box, together)
    library = open_library(home, weights, offline, searched_by, captions)
    by_words = bool(text) and not understands(library.engine(engine, network), fetch=True)
    if save_as:
        export.check(save_as, library.open(images).root, export.FOUND)
    catalogue, chosen = (open_scanned if by_words else open_indexed)(library, images, engine, network)

    def ask(references: list[Reference]) -> Answer:
        if text:
            picture = references[0] if references else None
            return library.index(catalogue, chosen).search_text(text, picture, unlike_text, k, mixed)
        return library.index(catalogue, chosen).search(references, k, mixed)

    answers, failures = _ask_all(questions, ask, together)
    print_failures(failures, total=len(questions))
    answered = [(name, answer) for name, answer in answers if answer]
    last = answered[-1][1]
    result = _described(engine, last)
    result |= {"text": text, "unlike_text": unlike_text} if text else {}
    result |= {"mix": mixed} if mixed else {}
    lines = [line for name, answer in answered for line in (f"{name}:", *match_lines(answer))]
    if save_as:
        found = [(name, answer.matches) for name, answer in answered]
        export.save_found(found, save_as, catalogue.root, catalogue.file)
        result |= {"saved": os.fspath(save_as)}
        lines.append(f"Saved as {save_as}.")
    result |= {
        "results": [
            {
                "query": name,
                "matches": [
                    match_record(match) | photo_record(catalogue, match.digest)
                    for match in (answer.matches if answer else ())
                ],
            }
            for name, answer in answers
        ]
    }
    source = f"Searched {last.index}." if by_words else source_line(chosen.describe(), last)
    print_result(result, as_json, [*lines, source])


def _check_text(queries: list[Path], text: str, unlike_text: str, engine: str) -> None:
    """Checks that the text options go together.

    Raises:
        typer.BadParameter: If they do not.
    """
    if not (queries or text):
        raise typer.BadParameter("Give pictures, --text, or both")
    if unlike_text and not text:
        raise typer.BadParameter("--unlike-text goes with --text")
    if text and engine.endswith(SUFFIX):
        raise typer.BadParameter("A tuned engine takes no --text")


def _questions(
    queries: list[Path], text: str, weight: list[float] | None, box: str, together: bool
) -> list[Question]:
    """Returns what to search for: each query, all queries together, or the text alone.

    Raises:
        typer.BadParameter: If the options do not go together.
    """
    weights = weight or [1.0] * len(queries)
    if len(weights) != len(queries) or (weight and not together):
        raise typer.BadParameter("Give --weight once for each query, with --together")
    if text and together:
        raise typer.BadParameter("Give --text or --together, not both")
    part = parse_box(box)
    references = [Reference(query, each, part) for query, each in zip(queries, weights, strict=True)]
    if together:
        return [(" + ".join(map(os.fspath, queries)), references)]
    return [(os.fspath(reference.path), [reference]) for reference in references] or [(text, [])]


def _ask_all(
    questions: list[Question], ask: Callable[[list[Reference]], Answer], together: bool
) -> tuple[list[tuple[str, Answer | None]], list[str]]:
    """Asks each question; one whose pictures can't be used has no answer, but a failure in the second list."""
    answers: list[tuple[str, Answer | None]] = []
    failures: list[str] = []
    for name, references in questions:
        try:
            answers.append((name, ask(references)))
        except (ImageError, NotEmbeddable) as error:
            failures.append(str(error) if together else f"{name}: {error}")
            answers.append((name, None))
    return answers, failures


def _described(engine: str, answer: Answer) -> dict[str, Any]:
    """Returns how an answer was found, as it stands in JSON."""
    return {"engine": engine, "network": answer.network, "weights": answer.weights, "index": answer.index}


def recommend(
    images: Images,
    like: Annotated[list[Path], typer.Option(help="A picture that you like; may be given several times.")],
    unlike: Annotated[
        list[Path] | None, typer.Option(help="A picture that you don't like; may be given several times.")
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="The weight of each picture that you like, in order (by default 1)."),
    ] = None,
    unlike_weight: Annotated[
        list[float] | None,
        typer.Option(help="The weight of each picture that you don't like, in order (by default 1)."),
    ] = None,
    engine: EngineName = "product",
    k: K = 5,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="0 returns the best matches, 1 matches that differ most.")
    ] = 0.0,
    mix: MixOf = "",
    network: Network = "auto",
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Find pictures close to those you like and far from those you don't."""
    library = open_library(home, weights, offline, searched_by, captions)
    likes = pair_weights(like, weight, "--weight")
    unlikes = pair_weights(unlike or [], unlike_weight, "--unlike-weight")
    mixed = parse_mix(mix)
    catalogue, chosen = open_indexed(library, images, engine, network)
    answer = library.index(catalogue, chosen).recommend(likes, unlikes, k, diversity=diversity, mix=mixed)
    reasons = [os.fspath(like[number]) for number in answer.because]
    matches = zip(answer.matches, reasons, strict=True)
    result = _described(engine, answer)
    result |= {"mix": mixed} if mixed else {}
    result |= {"matches": [match_record(match) | {"because": reason} for match, reason in matches]}
    lines = [f"{line}  because of {reason}" for line, reason in zip(match_lines(answer), reasons, strict=True)]
    print_result(result, as_json, [*lines, source_line(chosen.describe(), answer)])
