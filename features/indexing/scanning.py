"""Bringing a catalogue up to date with its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from filelock import FileLock

from features import files
from features.catalogue import folder as folders
from features.catalogue.captions import IMPORTED, imported
from features.catalogue.folder import Catalogue, Hashed, Progress, Skipped
from features.home import Home


def scan(
    home: Home,
    catalogue: Catalogue,
    progress: Progress = lambda done, total, what: None,
    hashing: Callable[[Sequence[Path]], Iterable[Hashed]] = folders.hashed,
) -> list[Skipped]:
    """Brings the catalogue up to date with its folder, and the person's caption files too; embeds nothing.

    Args:
        hashing: See folder.scan.

    Returns:
        The caption files that could not be used.

    Raises:
        CatalogueError: The folder is gone.
        SemblanceError: The home can't be written to.
    """
    with home.writing():
        catalogue.state.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(catalogue.state.with_suffix(".lock")):
            files.sweep(catalogue.state)
            for folder in (home.path, catalogue.state.parent):
                files.sweep_stale(folder)
            folders.scan(catalogue, progress, hashing=hashing)
        captions, problems = imported(catalogue)
        home.metadata(catalogue).keep(IMPORTED, captions, only=True)
        return problems
