"""Printing: JSON or lines of text on stdout; progress, remarks and failures on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from engines import Card, SemblanceError
from features.catalogue.folder import Catalogue, Progress, Skipped
from features.retrieval.results import Answer, Match


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Draws a progress bar on stderr if stderr is a terminal.

    Yields:
        A callback that takes the steps done, the steps in all and a description.
    """
    if not (sys.stderr and sys.stderr.isatty()):
        yield lambda done, total, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total, what: bars.update(task, completed=done, total=total, description=what)


def print_result(result: Any, as_json: bool, lines: list[str]) -> None:
    """Prints the result as one JSON object, or else the lines."""
    typer.echo(json.dumps(result) if as_json else "\n".join(lines))


def print_failures(failures: list[str], total: int) -> None:
    """Prints on stderr why some of `total` queries failed.

    Raises:
        SemblanceError: If all of them failed.
    """
    if len(failures) == total:
        raise SemblanceError(" ".join(failures))
    for sentence in failures:
        typer.echo(sentence, err=True)


def print_skipped(skipped: Iterable[Skipped]) -> None:
    """Prints on stderr which files were skipped, and why."""
    for skip in skipped:
        typer.echo(f"skipped {skip.path}: {skip.reason}", err=True)


def match_record(match: Match) -> dict[str, Any]:
    """Returns a match as it stands in JSON."""
    score = round(match.score, 6)
    record = {"path": os.fspath(match.path), "label": match.label, "score": score, "box": match.box}
    agreement = {name: round(share, 4) for name, share in match.agreement.items()}
    return record | ({"agreement": agreement} if agreement else {})


def photo_record(catalogue: Catalogue, digest: str) -> dict[str, Any]:
    """Returns what a photo's tags say, as it stands in JSON; only what is known."""
    details = (catalogue.details or {}).get(digest)
    told = {"taken": details.taken, "camera": details.camera, "place": details.place} if details else {}
    return {key: value for key, value in told.items() if value}


def match_lines(answer: Answer) -> list[str]:
    """Returns one line per match."""
    return [f"  {match.score:.3f}  {match.label or '-'}  {match.path}" for match in answer.matches]


def source_line(card: Card, answer: Answer | None = None) -> str:
    """Returns a line that names the network, its weights and, of an answer, the way it was searched for."""
    searched = f" {answer.index[:1].upper()}{answer.index[1:]}." if answer else ""
    return f"Network {network_name(card)}; weights: {card.weights}.{searched}"


def network_name(card: Card) -> str:
    """Returns the name of a network, followed by the program that runs it if there is one."""
    return f"{card.network} ({card.runner})" if card.runner else card.network
