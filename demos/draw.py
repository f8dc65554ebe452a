"""The app's own pieces of HTML. Names come from strangers' folders: all text is escaped, here and only here."""

from __future__ import annotations

import base64
import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from demos.jobs import Job
from demos.language import later, number, say, told
from engines import Box, Card, NotEmbeddable, SemblanceError, Untrained
from features.analysis.verification import KnownPairs, Verdict
from features.catalogue.captions import Caption
from features.catalogue.folder import Catalogue, Skipped
from features.catalogue.images import full_size
from features.errors import ImageError
from features.retrieval.calibration import Calibration
from features.retrieval.results import Answer, Group, Match, Part, Report, Status

LISTED = 300  # skipped files shown; the command line lists them all
FROM_HERE = later("Search from this picture")
TOOLS = (
    ("like", later("I like this"), "♥"),
    ("unlike", later("I don't like this"), "✕"),
    ("hide", later("Hide this picture"), "⊘"),
)
RUNNERS_UP = 8  # photos of a person that are shown besides the one that matched
CLICKS = """// the pressed button says what is sent: 'search' (with a digest and a part), 'part' (with its number),
// 'index' (with an engine's name, maybe), 'measure', 'save', 'gallery', 'pin', 'unpin' (with its number), 'why',
// 'like', 'unlike', 'hide' (as 'search'), 'turn', 'front' and 'drop' (with a number), 'take' (with csv or zip), or
// 'stop' (with numbers of jobs); a slider 'weigh'
element.addEventListener('click', (event) => {
    const pressed = event.target.closest('[data-do]');
    const { digest = '', part = '0' } = pressed ? pressed.dataset : {};
    if (pressed) trigger(pressed.dataset.do, { digest, part });
});
element.addEventListener('change', ({ target }) => {
    if (target.dataset.weigh) trigger('weigh', { digest: target.dataset.weigh, part: target.value });
});"""

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
    """thing: in English and in the singular."""
    return say(f"{{n:,}} {thing}|{{n:,}} {thing}s", n=many)


def so_far(done: int, pictures: int) -> str:
    return say("{done:,} of {n:,} picture|{done:,} of {n:,} pictures", done=done, n=pictures)


def thumbnail(catalogue: Catalogue, digest: str) -> str:
    """Relative, so that it holds behind any proxy; see `suite.thumbnail_route`."""
    return f"thumbnail/{catalogue.state.parent.name}/{digest}.jpg"


SAME_PICTURE = 0.995  # a cosine
LIKENESS = (
    (0.01, later("striking likeness")),
    (0.1, later("strong likeness")),
    (0.5, later("some likeness")),
)


@dataclass(frozen=True)
class Scale:
    """What cosines are worth in a catalogue, in words. others: who is compared to tell. none, why: what is said
    when the best match is no closer than chance would have it.
    """

    calibration: Calibration
    others: str = later("unrelated pairs")
    none: str = later("Nothing here is really close")
    why: str = later("Most pictures here have something unrelated that is as close to them as this.")
    unit: str = later("cosine")  # of a bare score

    def likeness(self, score: float) -> str:
        """A plain word; empty where there are no others to compare with."""
        if not len(self.calibration.strangers):
            return ""
        if score >= SAME_PICTURE:
            return say("the same picture")
        chance = max(self.calibration.by_chance(score), 1 / (len(self.calibration.closest) + 1))
        return say(next((word for most, word in LIKENESS if chance <= most), later("weak likeness")))

    def closer(self, score: float) -> str:
        """How many of the others are less alike; empty where there are none."""
        share = percent(self.calibration.closer_than(score), len(self.calibration.strangers))
        return say("closer than {share} of {others}", share=share, others=say(self.others)) if share else ""

    def in_words(self, score: float) -> tuple[str, str]:
        """(what it is, in a word; the same in a number): the bare cosine where there are no others."""
        closer = self.closer(score)
        return (self.likeness(score), closer) if closer else (number(score, ".2f"), say(self.unit))

    def by_chance(self, scores: Sequence[float]) -> bool:
        """Whether even the best is what most pictures here would get."""
        return bool(scores) and bool(self.closer(0)) and self.calibration.by_chance(max(scores)) > 0.5


def plain(unit: str) -> Scale:
    """Bare scores, where how alike strangers are tells nothing."""
    return Scale(Calibration(np.zeros(0), np.zeros(0)), unit=unit)


def captions(known: Mapping[str, Caption], matches: Sequence[Match]) -> dict[str, str]:
    """What stands under cards: the captions of these pictures, as far as they have any."""
    there = [match.digest for match in matches if match.digest in known]
    return {digest: f'<p class="caption">{escape(known[digest].text)}</p>' for digest in there}


def percent(share: float, of: int) -> str:
    """A share (0..1) of so many, rounded down. Never more than so many can tell: 10 of 10 are more than 90 %."""
    if not of:
        return ""
    share = min(share, 1 - 1 / (of + 1), 0.9999)
    digits = 2 if share >= 0.999 else 1 if share >= 0.9 else 0
    return number(math.floor(share * 100 * 10**digits + 1e-6) / 10**digits, f".{digits}f") + "%"


def wall(
    catalogue: Catalogue,
    matches: Sequence[Match],
    scale: Scale | None = None,
    explained: bool = False,
    below: Mapping[str, str] = MappingProxyType({}),
    does: str = FROM_HERE,
) -> str:
    """The answer: one card a picture, each of them a button that searches from it. explained: or tells why.

    scale: None where they are no answer, and have no score.

    below: digest -> HTML that stands under its card. does: what a press of a card does, in words.
    """
    none = _none(scale, [match.score for match in matches]) if scale else ""
    cards = "".join(
        f'<div class="item">{_card(catalogue, match, match.label or match.path.name, scale, does)}'
        f"{_ask_why(match) if explained else ''}{below.get(match.digest, '')}</div>"
        for match in matches
    )
    return f'{none}<div class="wall">{cards}</div>'


def people(catalogue: Catalogue, groups: Sequence[Group], scale: Scale) -> str:
    """The answer: one card a person, with their other photos folded away below it."""
    drawn = "".join(_person(catalogue, group, scale) for group in groups)
    none = _none(scale, [group.matches[0].score for group in groups])
    words = say("Save as a picture to share")
    save = f'<button type="button" class="act quiet" data-do="save">{words}</button>'
    return f'<div>{none}<div class="wall people one">{drawn}</div><p class="share">{save}</p></div>'


def called(group: Group) -> str:
    """A person's name for people: folders often have _ for a space."""
    return (group.label or group.matches[0].path.stem).replace("_", " ")


def everyone(catalogue: Catalogue, parts: Sequence[Part], found: Sequence[Sequence[Group]], scale: Scale) -> str:
    """The answer for each face of a picture: a row each, in the order of the faces."""
    rows = []
    for place, (part, groups) in enumerate(zip(parts, found, strict=True)):
        doubt = f'<p class="hint">{escape(doubtful(part))}</p>' if part.remarks else ""
        cards = "".join(_person(catalogue, group, scale) for group in groups)
        rows.append(
            f'<section class="each"><div class="who">{_face(part, place)}</div><div>{doubt}'
            f"{_none(scale, [group.matches[0].score for group in groups])}"
            f'<div class="wall people">{cards}</div></div></section>'
        )
    return f'<div class="rows">{"".join(rows)}</div>'


def _none(scale: Scale, scores: Sequence[float]) -> str:
    if not scale.by_chance(scores):
        return ""
    return f'<div class="none" role="note"><h3>{escape(say(scale.none))}</h3><p>{escape(say(scale.why))}</p></div>'


def _card(catalogue: Catalogue, match: Match, name: str, scale: Scale | None, does: str = FROM_HERE) -> str:
    label = escape(name)
    return (
        f'<button type="button" class="card" data-do="search" data-digest="{escape(match.digest)}"'
        f' data-part="{match.part}"'
        f' title="{say(does)}: {label}"><span class="shot">{_shot(catalogue, match, label)}'
        f'{_outline(match.path, match.box)}{_flags(match.remarks)}</span><span class="label">{label}</span>'
        f"{_score(match, scale) if scale else ''}{_why(match.agreement)}</button>"
        f"{tools(match.digest, name, match.part)}"
    )


def _score(match: Match, scale: Scale) -> str:
    word, number = scale.in_words(match.score)
    title = say("Cosine {score:.3f}", score=match.score)
    return f'<span class="score" title="{title}"><b>{escape(word)}</b> {escape(number)}</span>'


def tools(digest: str, name: str, part: int = 0) -> str:
    """The small buttons on a card. aria.js tells which are pressed, and a style sheet whether one may hide."""
    buttons = "".join(
        f'<button type="button" data-do="{does}" data-digest="{escape(digest)}" data-part="{part}"'
        f' title="{say(says)}" aria-label="{say(says)}: {escape(name)}">{sign}</button>'
        for does, says, sign in TOOLS
    )
    return f'<div class="tools">{buttons}</div>'


def _ask_why(match: Match) -> str:
    name = escape(match.label or match.path.name)
    return (
        f'<button type="button" class="ask-why" data-do="why" data-digest="{escape(match.digest)}"'
        f' data-part="{match.part}" aria-label="{say("Why {name} is alike", name=name)}"'
        f' title="{say("Where they agree")}">{say("Why")}</button>'
    )


def _why(agreement: Mapping[str, float]) -> str:
    """Which parts agree: a bar for each, full where all but one in a thousand strangers are less alike in it."""
    if not agreement:
        return ""
    shares = escape(", ".join(f"{told(name)} {percent(share, 1000)}" for name, share in agreement.items()))
    bars = "".join(
        f'<i style="height:{min(1, -math.log10(max(1 - share, 1e-3)) / 3):.0%}"></i>'
        for share in agreement.values()
    )
    best = max(agreement, key=lambda name: agreement[name])
    closer = say("Closer than so many strangers in {shares}", shares=shares)
    return (
        f'<span class="why" role="img" aria-label="{closer}"'
        f' title="{shares}"><span>{bars}</span>{escape(told(best))}</span>'
    )


def _person(catalogue: Catalogue, group: Group, scale: Scale) -> str:
    best, others = group.matches[0], group.matches[1 : 1 + RUNNERS_UP]
    photos = "".join(
        f'<button type="button" data-do="search" data-digest="{escape(match.digest)}" data-part="{match.part}"'
        f' title="{say(FROM_HERE)}: {escape(" ".join(scale.in_words(match.score)))}">'
        f"{_shot(catalogue, match, escape(match.path.name))}{_flags(match.remarks)}</button>"
        for match in others
    )
    more = f"<details><summary>{count(len(others), 'more photo')}</summary><div>{photos}</div></details>"
    card = _card(catalogue, best, called(group), scale)
    return f'<div class="person"><div class="item">{card}</div>{more if others else ""}</div>'


def _shot(catalogue: Catalogue, match: Match, alt: str) -> str:
    return f'<img loading="lazy" alt="{alt}" src="{escape(thumbnail(catalogue, match.digest))}"/>'


def _outline(path: Path, box: Box | None) -> str:
    """The part that matched. Scaled as the thumbnail below it: "slice" is what object-fit calls cover."""
    if box is None:
        return ""
    with contextlib.suppress(ImageError):
        width, height = full_size(path)
        left, top, right, bottom = box
        part = f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>'
        scaled = f'viewBox="0 0 {width} {height}" preserveAspectRatio="xMidYMid slice"'
        return f'<svg class="outline" {scaled} aria-hidden="true">{part}</svg>'
    return ""


def _flags(remarks: Sequence[str]) -> str:
    flags = "".join(f"<i>{escape(told(remark))}</i>" for remark in remarks)
    return f'<span class="flags">{flags}</span>' if flags else ""


MAY_BE_OFF = later("{face} is {remarks}; the answer may be off.")
CANNOT = later("{face} is {remarks}; that leaves too little to tell by.")


def doubtful(part: Part, face: str = later("This face"), sentence: str = MAY_BE_OFF) -> str:
    """One sentence for a face with remarks."""
    remarks = say(" and ").join(map(told, part.remarks))
    return say(sentence, face=say(face), remarks=remarks)


def faces(parts: Sequence[Part], size: tuple[int, int], chosen: int) -> str:
    """Where the faces of a picture of this size are, and a button for each where there are several.

    chosen: the number of one; another stands for all of them.
    """
    one = chosen in range(len(parts))
    boxes = [part.box or (0, 0, *size) for part in parts]
    marks = "".join(
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="{(right - left) // 12}"'
        f' class="{"" if one and number != chosen else "on"}" data-do="part" data-digest="{number}"/>'
        for number, (left, top, right, bottom) in enumerate(boxes)
    )
    html = f'<svg class="marks" viewBox="0 0 {size[0]} {size[1]}" aria-hidden="true">{marks}</svg>'
    if len(parts) > 1:
        buttons = "".join(_face(part, number, chosen == number) for number, part in enumerate(parts))
        everyone = (
            f'<button type="button" class="every" data-do="part" data-digest="every"'
            f' aria-pressed="{str(not one).lower()}">{say("Everyone")}</button>'
        )
        html += f'<p class="hint">{say("Whom to search with")}</p><div class="faces">{buttons}{everyone}</div>'
    if one and parts[chosen].remarks:
        html += f'<p class="hint doubt">{escape(doubtful(parts[chosen]))}</p>'
    return html


def _face(part: Part, place: int, chosen: bool = False) -> str:
    alt = escape(", ".join((say("Face {number}", number=place + 1), *map(told, part.remarks))))
    return (
        f'<button type="button" class="face" data-do="part" data-digest="{place}"'
        f' title="{say("Search with this face")}" aria-pressed="{str(chosen).lower()}">'
        f"{inline(part.pixels, alt)}{_flags(part.remarks)}</button>"
    )


def inline(pixels: np.ndarray, alt: str, side: int = 112) -> str:
    """A small picture that is part of the page: what was uploaded gets no address of its own."""
    return f'<img alt="{alt}" src="{address(pixels, side)}"/>'


def address(pixels: np.ndarray, side: int = 112) -> str:
    """Of a small picture that is part of the page, as `inline` has it."""
    small, made = Image.fromarray(pixels), io.BytesIO()
    small.thumbnail((side, side))
    small.save(made, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(made.getvalue()).decode()}"


NTH = (later("The first face"), later("The second face"))
VERDICTS = {
    "same": later("Most likely the same person"),
    "different": later("Most likely two people"),
    "unsure": later("Unsure"),
}


def verdict(parts: Sequence[Part], judged: Verdict) -> str:
    """Whether two faces are of one person, as far as pairs that are known tell it."""
    both = "".join(
        f'<span class="face">{inline(part.pixels, say(nth), 160)}{_flags(part.remarks)}</span>'
        for part, nth in zip(parts, NTH, strict=True)
    )
    doubtful_face = CANNOT if judged.withheld else MAY_BE_OFF
    doubts = "".join(
        f'<p class="hint doubt">{escape(doubtful(part, nth, doubtful_face))}</p>'
        for part, nth in zip(parts, NTH, strict=True)
        if part.remarks
    )
    cosine, known = judged.cosine, judged.known
    if known is None:
        title = say("Cosine {score:.2f}", score=cosine)
        means = say(
            "What that is worth is not known here: index a collection that has several photos each of many "
            "people, in a folder for each of them."
        )
        return f'<div class="verdict"><div class="two">{both}</div><h3>{title}</h3><p>{means}</p>{doubts}</div>'
    title = say("Can't tell") if judged.withheld else say(VERDICTS[judged.word])
    less, more = (_about(share) for share in known.shares(cosine))
    means = say(
        "{less} of pairs of one person are less alike than this, "
        "{more} of pairs of two people are as alike or more.",
        less=_capital(less),
        more=more,
    )
    source = say(
        "The same from {same:.2f} on, different below {different:.2f}, as learned from {source}; "
        "this pair has {cosine:.2f}.",
        same=known.surely_same,
        different=known.surely_different,
        source=told(known.source),
        cosine=cosine,
    )
    reasons = f"{doubts}<p>{means}</p>" if judged.withheld else f"<p>{means}</p>{doubts}"
    return (
        f'<div class="verdict {judged.word}"><div class="two">{both}</div><h3>{title}</h3>{reasons}'
        f'{_curves(known, cosine)}<p class="hint">{escape(source)}</p></div>'
    )


def _about(share: float) -> str:
    """A share in whole percent; neither none nor all of them."""
    return say("under 1%") if share < 0.005 else say("over 99%") if share >= 0.995 else f"{share:.0%}"


def _curves(known: KnownPairs, cosine: float, width: int = 480, height: int = 120, steps: int = 60) -> str:
    """How alike pairs of two people are, and pairs of one; and this pair."""
    low = min(known.same[0], known.different[0], cosine) - 0.02
    high = max(known.same[-1], known.different[-1], cosine) + 0.02
    soft = np.array([1, 2, 3, 2, 1]) / 9
    drawn = ""
    for kind, cosines in (("different", known.different), ("same", known.same)):
        share = np.convolve(np.histogram(cosines, steps, (low, high))[0] / len(cosines), soft, "same")
        points = " ".join(
            f"{(i + 0.5) / steps * width:.0f},{height * (1 - 0.92 * y):.0f}"
            for i, y in enumerate(share / share.max())
        )
        drawn += f'<polygon class="{kind}" points="0,{height} {points} {width},{height}"/>'
    here = (cosine - low) / (high - low) * width
    return (
        f'<svg class="curves" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="'
        f"{say('How alike pairs are: two people on the left, one person on the right, and a line at this pair')}"
        f'">'
        f'{drawn}<line x1="{here:.0f}" x2="{here:.0f}" y1="0" y2="{height}"/></svg>'
        f'<p class="legend"><span class="different">{say("two people")}</span>'
        f'<span class="same">{say("one person")}</span><span class="this">{say("this pair")}</span></p>'
    )


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
        f'<img loading="lazy" alt="{say("Example: {name}", name=escape(catalogue.label(digest)))}"'
        f' src="{escape(thumbnail(catalogue, digest))}"></button>'
        for digest in digests
    )
    above = escape(hint or say("Or start from one of these"))
    return f'<p class="hint">{above}</p><div class="examples">{buttons}</div>' if digests else ""


def alike(text: str) -> str:
    """What a tab or a view is about."""
    return f'<p class="alike">{escape(text)}</p>'


def hint(text: str) -> str:
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
        NotEmbeddable: later("Nothing to search with"),
        ImageError: later("This picture can't be opened"),
        Untrained: later("Not trained yet"),
    }
    title = next((title for kind, title in titles.items() if isinstance(error, kind)), later("That did not work"))
    return state("empty" if isinstance(error, Untrained) else "error", say(title), told(str(error)))


def unindexed(error: SemblanceError | str) -> str:
    """Where indexing helps."""
    return state("index", say("Not indexed yet"), told(str(error)), action=("index", say("Index now")))


def progress(jobs: Sequence[Job]) -> str:
    """The first of them, and how many wait behind it. Cancel is for them all."""
    job, ahead = jobs[0], len(jobs) - 1
    more = f" · {say('{n:,} more to come|{n:,} more to come', n=ahead)}" if ahead else ""
    return (
        f'<div class="state busy" role="status"><h3>{escape(_capital(_phase(job)))}</h3>{_bar(job)}'
        f"<p>{escape(told(job.title))}{_tally(job)}{more}</p>{_cancel(jobs)}"
        f'<p class="hint">{say("What has been done is kept.")}</p></div>'
    )


def upgrading(job: Job) -> str:
    """The same in one line, for what nobody has to wait for."""
    line = f"{escape(told(job.title))}: {escape(_phase(job))}{_tally(job)}"
    return f'<div class="aside" role="status">{_bar(job)}<p>{line}</p>{_cancel([job])}</div>'


def _phase(job: Job) -> str:
    return told(_PHASES.get(job.what, job.what))


def _bar(job: Job) -> str:
    share = job.done / job.total if job.total else 0
    return f'<div class="bar{"" if job.total else " unknown"}"><i style="width:{share:.1%}"></i></div>'


def _tally(job: Job) -> str:
    return " · " + say("{done:,} of {total:,}", done=job.done, total=job.total) if job.total else ""


def _cancel(jobs: Sequence[Job]) -> str:
    numbers = " ".join(str(job.number) for job in jobs)
    return (
        f'<button type="button" class="act quiet" data-do="stop" data-digest="{numbers}">{say("Cancel")}</button>'
    )


_PHASES = {"embedding": later("looking at the pictures")}


def searched(pictures: int) -> str:
    return say("{n:,} picture searched|{n:,} pictures searched", n=pictures)


def answered(card: Card, answer: Answer, *more: str) -> str:
    """The line under an answer."""
    return facts(card, searched(answer.searched), answer.seconds, told(answer.index), *more)


def facts(card: Card, what: str, seconds: float, *more: str) -> str:
    """What is told of any answer. card: of the engine that gave it."""
    network = say("network {name}", name=told(card.network)) + (f" ({card.runner})" if card.runner else "")
    all_of_it = (told(card.title), network, what, *more, f"{number(seconds * 1000, ',.0f')} ms")
    return f'<p class="facts">{" · ".join(map(escape, all_of_it))}</p>'


def take() -> str:
    """What was found, to be taken away."""
    return (
        f'<p class="take">{say("Take these away:")} <button type="button" data-do="take" data-digest="csv">CSV'
        f'</button> · <button type="button" data-do="take" data-digest="zip">{say("pictures (zip)")}</button></p>'
    )


def weights(card: Card) -> str:
    """Returns the line that says whose weights answer. Why no others do is a matter of the fold-out Network."""
    if not card.available:
        return f'<p class="note warn"><b>{say("Not available.")}</b> {escape(told(card.reason))}</p>'
    if not (card.builtin or card.settled):
        return f'<p class="note"><b>{say("Made ready at the first use.")}</b> {escape(sentence(card.reason))}</p>'
    whose = say("Weights: {weights}.", weights=told(card.weights))
    if card.builtin:
        named = {"network": card.network, "licence": told(card.licence)}
        whose = say("{network}, installed with Semblance ({licence}).", **named)
        whose += "" if card.settled else " " + say("It is made ready at the first use.")
    return f'<p class="note">{escape(whose)}</p>'


def sentence(text: str) -> str:
    """A finished English one, or a part of one, as it stands alone."""
    text = _capital(told(text))
    return text + ("" if text.endswith(".") else ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def reports(ran: Sequence[tuple[str, Report]], refused: Sequence[Skipped], errors: Sequence[str]) -> str:
    """What index runs did, by title of the engine, and each file that was skipped, or refused by an upload."""
    runs = [
        (title, *map(number, (r.new, r.kept, r.removed, len(r.skipped))), f"{number(r.seconds, '.1f')} s")
        for title, r in ran
    ]
    reasons: dict[tuple[str, str], list[str]] = {(skip.path, skip.reason): [say("Upload")] for skip in refused}
    for title, r in ran:
        for skip in r.skipped:
            reasons.setdefault((skip.path, skip.reason), []).append(title)
    files = [(path, told(why), ", ".join(titles)) for (path, why), titles in reasons.items()]
    left = say("And {n:,} more.|And {n:,} more.", n=len(files) - LISTED)
    more = f'<p class="hint">{left}</p>' if len(files) > LISTED else ""
    heading = say("Cancelled; what was done is kept") if any(r.cancelled for _, r in ran) else say("Done")
    listed = table((say("File"), say("Why"), say("For")), files[:LISTED])
    skipped = f"<h4>{say('Skipped')}</h4>{listed}{more}" if files else ""
    failed = "".join(f'<p class="note warn">{escape(told(error))}</p>' for error in errors)
    heads = (say("For"), say("New"), say("Kept"), say("Removed"), say("Skipped"), say("Time"))
    return f'<div class="told"><h3>{heading}</h3>{failed}{table(heads, runs)}{skipped}</div>'


def statuses(rows: Sequence[tuple[str, str, Status]]) -> str:
    """What is indexed: (title of the engine, name of the catalogue, its status)."""
    drawn = [
        (title, name, so_far(s.done, s.images) if s.images else say("not yet"), number(s.rows))
        for title, name, s in rows
    ]
    return table((say("Tab"), say("Collection"), say("Indexed"), say("Vectors")), drawn)


def summary(catalogues: Sequence[Catalogue]) -> str:
    """What is indexed, in a few words, for the bar on top."""
    pictures = sum(len(catalogue.paths) for catalogue in catalogues)
    folders = sum(len(catalogue.labels()) for catalogue in catalogues)
    both = f"{count(pictures, 'picture')}, {count(folders, 'folder')}"
    return f'<p class="summary">{both if pictures else say("Nothing indexed yet")}</p>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
