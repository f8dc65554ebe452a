"""Opening the library, a catalogue and an engine, and bringing them up to date before a command uses them."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.output import progress_bar
from engines import Engine, Learner, settings
from features.catalogue.folder import Catalogue
from features.errors import Busy
from features.learning.tuned import SUFFIX
from features.library import Library

PATIENCE = 5.0  # seconds to wait while another process indexes the same catalogue


def open_library(
    home: Path | None,
    weights: Path | None,
    offline: bool,
    searched_by: str | None = None,
    captions: str | None = None,
) -> Library:
    """Opens the library at `home`.

    The options override the settings of this process, which the engines read: weights, captions and offline mode.
    """
    settings.override(weights=weights, captions=captions, offline=offline or None)
    return Library(home, searched_by)


def open_engine(library: Library, catalogue: Catalogue, name: str, network: str) -> Engine:
    """Returns the engine NAME, or NAME+tuned, whose vectors are tuned on the catalogue's folders.

    An engine that was never tuned on the catalogue is tuned now.
    """
    base = library.engine(name.removesuffix(SUFFIX), network)
    if isinstance(base, Learner):
        base = library.index(catalogue, base).training.trained() or base
    if not name.endswith(SUFFIX):
        return base
    index = library.index(catalogue, base)
    index.prepared()  # settles which network answers
    tuned = index.tuning.tuned()
    if tuned is None:
        with progress_bar() as progress:
            index.update(progress, wait=PATIENCE)
            tuned = index.tuning.tune(progress)
    return tuned


def open_indexed(library: Library, images: Path, name: str, network: str) -> tuple[Catalogue, Engine]:
    """Opens a catalogue and an engine, and indexes new pictures.

    If another process is indexing the catalogue, the command goes on with the pictures indexed so far. Remarks
    go to stderr.
    """
    catalogue = library.open(images)
    engine = open_engine(library, catalogue, name, network)
    try:
        with progress_bar() as progress:
            report = library.index(catalogue, engine).update(progress, wait=PATIENCE)
    except Busy:
        sentence = f"{catalogue.name} is being indexed elsewhere; the answer comes from what is there so far."
        typer.echo(sentence, err=True)
        return catalogue, engine
    if report.recognised:
        typer.echo(
            f"Recognised as {report.recognised}: vectors, tags, hidden pictures and captions came along.", err=True
        )
    if report.skipped:
        typer.echo(f"{len(report.skipped)} files were skipped; `index` lists them.", err=True)
    return catalogue, engine


def open_scanned(library: Library, images: Path, name: str, network: str) -> tuple[Catalogue, Engine]:
    """Opens a catalogue for a search by words alone, without embedding pictures.

    The reason why the engine itself can't answer goes to stderr.
    """
    catalogue, engine = library.open(images), library.engine(name, network)
    with progress_bar() as progress:
        problems = library.scan(catalogue, progress)
    if not (card := engine.describe()).available:
        typer.echo(card.reason, err=True)
    for problem in problems:
        typer.echo(f"{problem.path}: {problem.reason}", err=True)
    return catalogue, engine
