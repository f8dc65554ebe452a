"""A catalogue to begin with, drawn by code: goods, paintings and people, the same on every run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

VERSION = 1  # raise it when the drawings change: an older catalogue is then drawn over

SETS: Mapping[str, str] = MappingProxyType(
    {
        "products": "Shop photographs of twelve kinds of goods in many colours, patterns and cuts",
        "paintings": "Twelve subjects, each painted in nine styles from impressionism to stained glass",
        "people": "Fourteen invented people, four portraits each, in changing light, mood and clothes",
    }
)


def pictures() -> list[tuple[str, str, int]]:
    """All (set, kind, number) that make up the catalogue, in the order in which they are drawn."""
    modules = {name: import_module(f"samples.{name}") for name in SETS}
    return [(name, kind, n) for name, m in modules.items() for kind in m.KINDS for n in range(1, m.COUNT + 1)]


def place(folder: Path, group: str, kind: str, number: int) -> Path:
    """Where a picture lies in the catalogue at `folder`."""
    return folder / group / kind / f"{kind}-{number:02d}.jpg"


def draw(
    folder: Path, progress: Callable[[int, int], None] | None = None, sets: Collection[str] = tuple(SETS)
) -> Path:
    """Draw what the catalogue at `folder` still lacks; `progress` is told (pictures there, pictures in all).

    Every picture appears whole or not at all, so a run cut short is taken up where it stopped. A complete
    catalogue is only looked at, which takes milliseconds. sets: only these. Returns `folder`.
    """
    folder = Path(folder)
    log = folder / f".drawn-{VERSION}"  # the pictures of this version, one per line, and `complete` when all are
    lines = log.read_text("utf-8").split("\n") if log.exists() else []
    there = {name for name in set(lines) - {"", "complete"} if os.path.exists(folder / name)}
    if "complete" in lines and len(there) == len(set(lines) - {"", "complete"}):
        if progress:
            progress(len(there), len(there))
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    whole = {place(folder, *picture).relative_to(folder).as_posix(): picture for picture in pictures()}
    plan = {name: picture for name, picture in whole.items() if picture[0] in sets}
    done = len(there & plan.keys())
    with log.open("a", encoding="utf-8") as finished:
        finished.write("\n")  # ends a line that a killed run may have left half written
        for name, (group, kind, number) in plan.items():
            if name not in there:
                import_module(f"samples.{group}").draw(kind, number, folder / name)
                finished.write(f"{name}\n")
                finished.flush()
                done += 1
            if progress:
                progress(done, len(plan))
        if whole.keys() <= there | plan.keys():
            finished.write("complete\n")
    return folder
