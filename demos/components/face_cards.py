"""Faces: the people of an answer, the faces of a question, and whether two are of one person."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from demos.components import draw, picture_cards
from demos.components.picture_cards import Scale
from demos.i18n.language import say
from engines.messages import unpacked
from features.analysis.verification import KnownPairs, Verdict
from features.catalogue.folder import Catalogue
from features.retrieval.results import Group, Part

RUNNERS_UP = 8  # photos of a person that are shown besides the one that matched


def people(catalogue: Catalogue, groups: Sequence[Group], scale: Scale) -> str:
    """The answer: one card a person, with their other photos folded away below it."""
    drawn = "".join(_person(catalogue, group, scale) for group in groups)
    none = picture_cards.none_close(scale, [group.matches[0].score for group in groups])
    words = say("share.save")
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
            f"{picture_cards.none_close(scale, [group.matches[0].score for group in groups])}"
            f'<div class="wall people">{cards}</div></div></section>'
        )
    return f'<div class="rows">{"".join(rows)}</div>'


def _person(catalogue: Catalogue, group: Group, scale: Scale) -> str:
    best, others = group.matches[0], group.matches[1 : 1 + RUNNERS_UP]
    photos = "".join(
        f'<button type="button" data-do="search" data-digest="{escape(match.digest)}" data-part="{match.part}"'
        f' title="{say(draw.FROM_HERE)}: {escape(" ".join(scale.in_words(match.score)))}">'
        f"{picture_cards.shot(catalogue, match, escape(match.path.name))}"
        f"{picture_cards.flags(match.remarks)}</button>"
        for match in others
    )
    more = f"<details><summary>{draw.count(len(others), 'more_photos')}</summary><div>{photos}</div></details>"
    card = picture_cards.card(catalogue, best, called(group), scale)
    return f'<div class="person"><div class="item">{card}</div>{more if others else ""}</div>'


MAY_BE_OFF = "faces.doubtful"
CANNOT = "faces.too_doubtful"


def doubtful(part: Part, face: str = "faces.this", sentence: str = MAY_BE_OFF) -> str:
    """One sentence for a face with remarks."""
    remarks = say("common.and").join(say(unpacked(remark)) for remark in part.remarks)
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
            f' aria-pressed="{str(not one).lower()}">{say("faces.everyone")}</button>'
        )
        html += f'<p class="hint">{say("faces.whom")}</p><div class="faces">{buttons}{everyone}</div>'
    if one and parts[chosen].remarks:
        html += f'<p class="hint doubt">{escape(doubtful(parts[chosen]))}</p>'
    return html


def _face(part: Part, place: int, chosen: bool = False) -> str:
    alt = escape(
        ", ".join((say("faces.face", number=place + 1), *(say(unpacked(remark)) for remark in part.remarks)))
    )
    return (
        f'<button type="button" class="face" data-do="part" data-digest="{place}"'
        f' title="{say("faces.search")}" aria-pressed="{str(chosen).lower()}">'
        f"{draw.inline(part.pixels, alt)}{picture_cards.flags(part.remarks)}</button>"
    )


NTH = ("faces.first", "faces.second")
VERDICTS: dict[str | None, str] = {
    "same": "faces.same",
    "different": "faces.different",
    "unsure": "faces.unsure",
}


def verdict(parts: Sequence[Part], judged: Verdict) -> str:
    """Whether two faces are of one person, as far as pairs that are known tell it."""
    both = "".join(
        f'<span class="face">{draw.inline(part.pixels, say(nth), 160)}{picture_cards.flags(part.remarks)}</span>'
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
        title = say("faces.cosine", score=cosine)
        means = say("faces.unknown_worth")
        return f'<div class="verdict"><div class="two">{both}</div><h3>{title}</h3><p>{means}</p>{doubts}</div>'
    title = say("faces.cannot_tell") if judged.withheld else say(VERDICTS[judged.word])
    less, more = (_about(share) for share in known.shares(cosine))
    means = say(
        "faces.pairs",
        less=draw.capital(less),
        more=more,
    )
    source = say(
        "faces.thresholds",
        same=known.surely_same,
        different=known.surely_different,
        source=say(known.source),
        cosine=cosine,
    )
    reasons = f"{doubts}<p>{means}</p>" if judged.withheld else f"<p>{means}</p>{doubts}"
    return (
        f'<div class="verdict {judged.word}"><div class="two">{both}</div><h3>{title}</h3>{reasons}'
        f'{_curves(known, cosine)}<p class="hint">{escape(source)}</p></div>'
    )


def _about(share: float) -> str:
    """A share in whole percent; neither none nor all of them."""
    return (
        say("faces.under_one_percent")
        if share < 0.005
        else say("faces.over_99_percent")
        if share >= 0.995
        else f"{share:.0%}"
    )


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
        f"{say('faces.scale')}"
        f'">'
        f'{drawn}<line x1="{here:.0f}" x2="{here:.0f}" y1="0" y2="{height}"/></svg>'
        f'<p class="legend"><span class="different">{say("faces.two_people")}</span>'
        f'<span class="same">{say("faces.one_person")}</span>'
        f'<span class="this">{say("faces.this_pair")}</span></p>'
    )
