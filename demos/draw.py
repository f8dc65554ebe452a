"""The app's own pieces of HTML. Names come from strangers' folders: all text is escaped, here and only here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from demos.jobs import Job
from engines import Card, NotEmbeddable, SemblanceError
from features.catalogue import Catalogue, Skipped
from features.images import ImageError
from features.library import Answer, Match, Report, Status

LISTED = 300  # skipped files shown; the command line lists them all
CLICKS = """// sends 'search' (with a digest), 'index' or 'stop' (with numbers of jobs), as the pressed button says
element.addEventListener('click', (event) => {
    const pressed = event.target.closest('[data-do]');
    if (pressed) trigger(pressed.dataset.do, { digest: pressed.dataset.digest || '' });
});"""

_ICONS = {
    "ask": '<rect x="4" y="7" width="30" height="24" rx="3"/><circle cx="13" cy="15" r="3"/>'
    '<path d="m5 28 9-8 6 5 6-6 7 7"/><circle cx="36" cy="34" r="7"/><path d="m41 39 5 5"/>',
    "index": '<rect x="5" y="5" width="16" height="16" rx="3"/><rect x="27" y="5" width="16" height="16" rx="3"/>'
    '<rect x="5" y="27" width="16" height="16" rx="3"/><path d="M35 28v14m-7-7h14"/>',
    "empty": '<path d="M5 14a3 3 0 0 1 3-3h10l5 5h17a3 3 0 0 1 3 3v18a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3z"/>',
    "error": '<circle cx="24" cy="24" r="18"/><path d="M24 14v13m0 6v1"/>',
    "busy": '<path d="M24 6a18 18 0 1 1-18 18"/>',
}


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def thumbnail(catalogue: Catalogue, digest: str) -> str:
    """Relative, so that it holds behind any proxy; see `suite.thumbnail_route`."""
    return f"thumbnail/{catalogue.state.parent.name}/{digest}.jpg"


def in_words(score: float) -> str:
    """A plain word for a cosine; not calibrated for any one engine."""
    steps = ((1.0, "nearly identical"), (0.9, "very close"), (0.75, "close"), (0.5, "loosely alike"))
    return next((word for least, word in steps if round(score, 2) >= least), "hardly alike")


def wall(catalogue: Catalogue, matches: Sequence[Match]) -> str:
    """The answer: one card a picture, each of them a button that searches from it."""
    cards = []
    for match in matches:
        label = escape(match.label or match.path.name)
        cards.append(
            f'<button type="button" class="card" data-do="search" data-digest="{escape(match.digest)}"'
            f' title="Search from this picture: {label}"><span class="shot"><img loading="lazy" alt="{label}"'
            f' src="{escape(thumbnail(catalogue, match.digest))}"></span><span class="label">{label}</span>'
            f'<span class="score"><b>{match.score:.2f}</b> {in_words(match.score)}</span></button>'
        )
    return f'<div class="wall">{"".join(cards)}</div>'


def examples(catalogue: Catalogue, digests: Sequence[str]) -> str:
    buttons = "".join(
        f'<button type="button" data-do="search" data-digest="{escape(digest)}"'
        f' title="Search from this picture: {escape(catalogue.label(digest))}">'
        f'<img loading="lazy" alt="Example: {escape(catalogue.label(digest))}"'
        f' src="{escape(thumbnail(catalogue, digest))}"></button>'
        for digest in digests
    )
    return (
        f'<p class="hint">Or start from one of these</p><div class="examples">{buttons}</div>' if digests else ""
    )


def state(icon: str, title: str, text: str, *, action: tuple[str, str] | None = None) -> str:
    """What stands in the results' place while there are none. action: what a button does, and its words."""
    button = (
        f'<button type="button" class="act" data-do="{action[0]}">{escape(action[1])}</button>' if action else ""
    )
    return (
        f'<div class="state {icon}"><svg viewBox="0 0 48 48" aria-hidden="true">{_ICONS[icon]}</svg>'
        f"<h3>{escape(title)}</h3><p>{escape(text)}</p>{button}</div>"
    )


def failed(error: SemblanceError | str) -> str:
    """The one sentence of an error, under a heading that says whose matter it is."""
    titles = {NotEmbeddable: "Nothing to search with", ImageError: "This picture can't be opened"}
    title = next((title for kind, title in titles.items() if isinstance(error, kind)), "That did not work")
    return state("error", title, str(error))


def progress(jobs: Sequence[Job]) -> str:
    """The first of them, and how many wait behind it. Cancel is for them all."""
    job, ahead = jobs[0], len(jobs) - 1
    more = f" · {ahead:,} more to come" if ahead else ""
    return (
        f'<div class="state busy" role="status"><h3>{escape(_phase(job).capitalize())}</h3>{_bar(job)}'
        f"<p>{escape(job.title)}{_tally(job)}{more}</p>{_cancel(jobs)}"
        '<p class="hint">What has been done is kept.</p></div>'
    )


def upgrading(job: Job) -> str:
    """The same in one line, for what nobody has to wait for."""
    told = f"{escape(job.title)}: {escape(_phase(job))}{_tally(job)}"
    return f'<div class="aside" role="status">{_bar(job)}<p>{told}</p>{_cancel([job])}</div>'


def _phase(job: Job) -> str:
    return _PHASES.get(job.what, job.what)


def _bar(job: Job) -> str:
    share = job.done / job.total if job.total else 0
    return f'<div class="bar{"" if job.total else " unknown"}"><i style="width:{share:.1%}"></i></div>'


def _tally(job: Job) -> str:
    return f" · {job.done:,} of {job.total:,}" if job.total else ""


def _cancel(jobs: Sequence[Job]) -> str:
    numbers = " ".join(str(job.number) for job in jobs)
    return f'<button type="button" class="act quiet" data-do="stop" data-digest="{numbers}">Cancel</button>'


_PHASES = {"embedding": "looking at the pictures"}


def answered(card: Card, answer: Answer) -> str:
    """The line under an answer."""
    facts = (
        card.title,
        f"network {answer.network}" + (f" ({card.runner})" if card.runner else ""),
        f"{count(answer.searched, 'picture')} searched",
        answer.index,
        f"{answer.seconds * 1000:,.0f} ms",
    )
    return f'<p class="facts">{" · ".join(map(escape, facts))}</p>'


def weights(card: Card, hoped: Card | None = None) -> str:
    """Whose weights answer. A stand-in is told apart, with the reason. hoped: what is to take over from it."""
    if not card.available:
        return f'<p class="note warn"><b>Not available.</b> {escape(card.reason)}</p>'
    if hoped:
        told = _sentence(card.weights)
        told += " " + _sentence(hoped.reason or f"{hoped.network} has yet to look at the collection")
        return f'<p class="note"><b>The built-in encoder answers.</b> {escape(told)}</p>'
    if not card.settled:
        return f'<p class="note"><b>Made ready at the first use.</b> {escape(_sentence(card.reason))}</p>'
    if card.reason:
        return f'<p class="note"><b>The built-in encoder answers.</b> {escape(_sentence(card.weights))}</p>'
    return f'<p class="note">Weights: {escape(card.weights)}.</p>'


def _sentence(text: str) -> str:
    text = text.removeprefix("built-in: ")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def reports(told: Sequence[tuple[str, Report]], refused: Sequence[Skipped], errors: Sequence[str]) -> str:
    """What index runs did, by title of the engine, and each file that was skipped, or refused by an upload."""
    runs = [
        (title, f"{r.new:,}", f"{r.kept:,}", f"{r.removed:,}", f"{len(r.skipped):,}", f"{r.seconds:.1f} s")
        for title, r in told
    ]
    reasons: dict[tuple[str, str], list[str]] = {(skip.path, skip.reason): ["Upload"] for skip in refused}
    for title, r in told:
        for skip in r.skipped:
            reasons.setdefault((skip.path, skip.reason), []).append(title)
    files = [(path, why, ", ".join(titles)) for (path, why), titles in reasons.items()]
    more = f'<p class="hint">And {len(files) - LISTED:,} more.</p>' if len(files) > LISTED else ""
    heading = "Cancelled; what was done is kept" if any(r.cancelled for _, r in told) else "Done"
    skipped = f"<h4>Skipped</h4>{_table(('File', 'Why', 'For'), files[:LISTED])}{more}" if files else ""
    failed = "".join(f'<p class="note warn">{escape(error)}</p>' for error in errors)
    return (
        f'<div class="told"><h3>{heading}</h3>{failed}'
        f"{_table(('For', 'New', 'Kept', 'Removed', 'Skipped', 'Time'), runs)}{skipped}</div>"
    )


def statuses(rows: Sequence[tuple[str, str, Status]]) -> str:
    """What is indexed: (title of the engine, name of the catalogue, its status)."""
    told = [
        (title, name, f"{s.done:,} of {count(s.images, 'picture')}" if s.images else "not yet", f"{s.rows:,}")
        for title, name, s in rows
    ]
    return _table(("Tab", "Collection", "Indexed", "Vectors"), told)


def summary(catalogues: Sequence[Catalogue]) -> str:
    """What is indexed, in a few words, for the bar on top."""
    pictures = sum(len(catalogue.paths) for catalogue in catalogues)
    folders = sum(len(catalogue.labels()) for catalogue in catalogues)
    told = f"{count(pictures, 'picture')}, {count(folders, 'folder')}" if pictures else "Nothing indexed yet"
    return f'<p class="summary">{told}</p>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
