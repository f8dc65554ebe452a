"""The app's smallest pieces of HTML. Names come from strangers' folders: all text is escaped where it is drawn."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from demos import static
from demos.i18n.language import number, say
from demos.server.jobs import Job, visit
from engines import NotEmbeddable, SemblanceError, Untrained
from features.catalogue.folder import Catalogue
from features.errors import ImageError

FROM_HERE = "picture.search_from"
CLICKS = static.read("clicks.js")
SEEN = static.read("seen.js")  # triggers 'seen' when it comes into view
_ICONS = {
    "ask": '<rect x="4" y="7" width="30" height="24" rx="3"/><circle cx="13" cy="15" r="3"/>'
    '<path d="m5 28 9-8 6 5 6-6 7 7"/><circle cx="36" cy="34" r="7"/><path d="m41 39 5 5"/>',
    "index": '<rect x="5" y="5" width="16" height="16" rx="3"/><rect x="27" y="5" width="16" height="16" rx="3"/>'
    '<rect x="5" y="27" width="16" height="16" rx="3"/><path d="M35 28v14m-7-7h14"/>',
    "empty": '<path d="M5 14a3 3 0 0 1 3-3h10l5 5h17a3 3 0 0 1 3 3v18a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3z"/>',
    "heart": '<path d="M24 40S7 30 7 18a9 9 0 0 1 17-4 9 9 0 0 1 17 4c0 12-17 22-17 22z"/>',
    "error": '<circle cx="24" cy="24" r="18"/><path d="M24 14v13m0 6v1"/>',
    "busy": '<path d="M24 6a18 18 0 1 1-18 18"/>',
}


def count(many: int, thing: str) -> str:
    """thing: "pictures", say; the rest of an id that begins with "counts."."""
    return say(f"counts.{thing}", n=many)


def so_far(done: int, pictures: int) -> str:
    """Returns how many of the pictures are done, in words."""
    return say("counts.pictures_done", done=done, n=pictures)


def thumbnail(catalogue: Catalogue, digest: str) -> str:
    """Relative, so that it holds behind any proxy; see `suite.thumbnail_route`."""
    return f"thumbnail/{catalogue.state.parent.name}/{digest}.jpg"


def percent(share: float, of: int) -> str:
    """A share (0..1) of so many, rounded down. Never more than so many can tell: 10 of 10 are more than 90 %."""
    if not of:
        return ""
    share = min(share, 1 - 1 / (of + 1), 0.9999)
    digits = 2 if share >= 0.999 else 1 if share >= 0.9 else 0
    return number(math.floor(share * 100 * 10**digits + 1e-6) / 10**digits, f".{digits}f") + "%"


def inline(pixels: np.ndarray, alt: str, side: int = 112) -> str:
    """A small picture that is part of the page: what was uploaded gets no address of its own."""
    return f'<img alt="{alt}" src="{address(pixels, side)}"/>'


def address(pixels: np.ndarray, side: int = 112) -> str:
    """Of a small picture that is part of the page, as `inline` has it."""
    small, made = Image.fromarray(pixels), io.BytesIO()
    small.thumbnail((side, side))
    small.save(made, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(made.getvalue()).decode()}"


def examples(
    catalogue: Catalogue,
    digests: Sequence[str],
    hint: str = "",
    does: str = FROM_HERE,
) -> str:
    """Small pictures to press. hint: what stands above them, as it is said. does: what a press does."""
    buttons = "".join(
        f'<button type="button" data-do="search" data-digest="{escape(digest)}"'
        f' title="{say(does)}: {escape(catalogue.label(digest))}">'
        f'<img loading="lazy" alt="{say("picture.example", name=escape(catalogue.label(digest)))}"'
        f' src="{escape(thumbnail(catalogue, digest))}"></button>'
        for digest in digests
    )
    above = escape(hint or say("draw.start_from"))
    return f'<p class="hint">{above}</p><div class="examples">{buttons}</div>' if digests else ""


def alike(text: str) -> str:
    """What a tab or a view is about."""
    return f'<p class="alike">{escape(text)}</p>'


def hint(text: str) -> str:
    """Draws a paragraph of advice."""
    return f'<p class="hint">{escape(text)}</p>'


def state(icon: str, title: str, text: str, *, action: tuple[str, str] | None = None) -> str:
    """What stands in the results' place while there are none. action: what a button does, and its words."""
    button = (
        f'<button type="button" class="act" data-do="{action[0]}">{escape(action[1])}</button>' if action else ""
    )
    alert = ' role="alert"' if icon == "error" else ""
    return (
        f'<div class="state {icon}"{alert}><svg viewBox="0 0 48 48" aria-hidden="true">{_ICONS[icon]}</svg>'
        f"<h3>{escape(title)}</h3><p>{escape(text)}</p>{button}</div>"
    )


def failed(error: SemblanceError | str) -> str:
    """The one sentence of an error, under a heading that says whose matter it is."""
    titles = {
        NotEmbeddable: "draw.nothing_to_search_with",
        ImageError: "draw.cannot_be_opened",
        Untrained: "draw.not_trained",
    }
    title = next((title for kind, title in titles.items() if isinstance(error, kind)), "common.failed")
    return state("empty" if isinstance(error, Untrained) else "error", say(title), say(error))


def unindexed(error: SemblanceError | str) -> str:
    """Where indexing helps."""
    return state("index", say("common.not_indexed"), say(error), action=("index", say("common.index_now")))


def progress(jobs: Sequence[Job]) -> str:
    """The first of them, and how many wait behind it. Cancel is for them all."""
    job, ahead = jobs[0], len(jobs) - 1
    more = f" · {say('draw.more_to_come', n=ahead)}" if ahead else ""
    return (
        f'<div class="state busy" role="status"><h3>{escape(capital(_phase(job)))}</h3>{_bar(job)}'
        f"<p>{escape(say(job.title))}{_tally(job)}{more}</p>{_cancel(jobs)}"
        f'<p class="hint">{say("draw.kept")}</p></div>'
    )


def upgrading(job: Job) -> str:
    """The same in one line, for what nobody has to wait for."""
    line = f"{escape(say(job.title))}: {escape(_phase(job))}{_tally(job)}"
    return f'<div class="aside" role="status">{_bar(job)}<p>{line}</p>{_cancel([job])}</div>'


def _phase(job: Job) -> str:
    return say(_PHASES.get(job.what, job.what))


def _bar(job: Job) -> str:
    share = job.done / job.total if job.total else 0
    return f'<div class="bar{"" if job.total else " unknown"}"><i style="width:{share:.1%}"></i></div>'


def _tally(job: Job) -> str:
    return " · " + say("counts.done_of", done=job.done, total=job.total) if job.total else ""


def _cancel(jobs: Sequence[Job]) -> str:
    tickets = " ".join(job.ticket for job in jobs if job.obeys(visit()))
    if not tickets:
        return ""
    return (
        f'<button type="button" class="act quiet" data-do="stop" data-digest="{tickets}">'
        f"{say('common.cancel')}</button>"
    )


_PHASES = {"embedding": "progress.pictures"}


def sentence(text: str) -> str:
    """A finished English one, or a part of one, as it stands alone."""
    text = capital(say(text))
    return text + ("" if text.endswith(".") else ".")


def capital(text: str) -> str:
    """Returns the text with a capital as its first letter."""
    return text[:1].upper() + text[1:]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Draws a table that scrolls sideways where it is too wide."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
