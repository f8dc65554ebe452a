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
from features.indexing.recognising import recognise


def scan(
    home: Home,
    catalogue: Catalogue,
    progress: Progress = lambda done, total, what: None,
    hashing: Callable[[Sequence[Path]], Iterable[Hashed]] = folders.hashed,
    *,
    verify: bool = False,
    prune: bool = False,
) -> list[Skipped]:
    """Brings the catalogue up to date with its folder, and the person's caption files too; embeds nothing.

    Args:
        hashing, verify, prune: See folder.scan.

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
            new = not catalogue.state.exists()
            folders.scan(catalogue, progress, hashing=hashing, verify=verify, prune=prune)
            if new:
                recognise(home, catalogue)
        captions, problems = imported(catalogue)
        home.metadata(catalogue).keep(IMPORTED, captions, only=True)
        return problems
