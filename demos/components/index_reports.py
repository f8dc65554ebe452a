"""What an index run did, and what is indexed, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from demos.components import draw
from demos.i18n.language import number, say
from features.catalogue.folder import Catalogue, Skipped
from features.retrieval.results import Report, Status

LISTED = 300  # skipped files shown; the command line lists them all


def reports(ran: Sequence[tuple[str, Report]], refused: Sequence[Skipped], errors: Sequence[str]) -> str:
    """What index runs did, by title of the engine, and each file that was skipped, or refused by an upload."""
    runs = [
        (title, *map(number, (r.new, r.kept, r.removed, len(r.skipped))), f"{number(r.seconds, '.1f')} s")
        for title, r in ran
    ]
    reasons: dict[tuple[str, str], list[str]] = {
        (skip.path, skip.reason): [say("common.upload")] for skip in refused
    }
    for title, r in ran:
        for skip in r.skipped:
            reasons.setdefault((skip.path, skip.reason), []).append(title)
    files = [(path, say(why), ", ".join(titles)) for (path, why), titles in reasons.items()]
    left = say("common.and_more", n=len(files) - LISTED)
    more = f'<p class="hint">{left}</p>' if len(files) > LISTED else ""
    heading = say("reports.cancelled") if any(r.cancelled for _, r in ran) else say("reports.done")
    listed = draw.table((say("common.file"), say("common.why"), say("reports.for")), files[:LISTED])
    skipped = f"<h4>{say('reports.skipped')}</h4>{listed}{more}" if files else ""
    failed = "".join(f'<p class="note warn">{escape(say(error))}</p>' for error in errors)
    heads = (
        say("reports.for"),
        say("reports.new"),
        say("reports.kept"),
        say("reports.removed"),
        say("reports.skipped"),
        say("reports.time"),
    )
    return f'<div class="told"><h3>{heading}</h3>{failed}{draw.table(heads, runs)}{skipped}</div>'


def statuses(rows: Sequence[tuple[str, str, Status]]) -> str:
    """What is indexed: (title of the engine, name of the catalogue, its status)."""
    drawn = [
        (title, name, draw.so_far(s.done, s.images) if s.images else say("reports.not_yet"), number(s.rows))
        for title, name, s in rows
    ]
    return draw.table(
        (say("reports.tab"), say("common.collection"), say("reports.indexed"), say("reports.vectors")), drawn
    )


def summary(catalogues: Sequence[Catalogue]) -> str:
    """What is indexed, in a few words, for the bar on top."""
    pictures = sum(len(catalogue.paths) for catalogue in catalogues)
    folders = sum(len(catalogue.labels()) for catalogue in catalogues)
    both = f"{draw.count(pictures, 'pictures')}, {draw.count(folders, 'folders')}"
    return f'<p class="summary">{both if pictures else say("reports.nothing_indexed")}</p>'
