"""Cards of pictures: the wall of an answer, with what each score is worth in words."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType

import numpy as np

from demos.components import draw
from demos.i18n.language import number, say
from engines import Box
from engines.messages import unpacked
from features.catalogue.captions import Caption
from features.catalogue.folder import Catalogue
from features.catalogue.images import full_size
from features.errors import ImageError
from features.retrieval.calibration import Calibration
from features.retrieval.results import Match

TOOLS = (
    ("like", "picture.like", "♥"),
    ("unlike", "picture.dislike", "✕"),
    ("hide", "picture.hide", "⊘"),
)
SAME_PICTURE = 0.995  # a cosine
LIKENESS = (
    (0.01, "scores.striking"),
    (0.1, "scores.strong"),
    (0.5, "scores.some"),
)


@dataclass(frozen=True)
class Scale:
    """Says in words how alike two pictures of a catalogue are by their cosine.

    Attributes:
        others: The pairs that it compares with.
        none, why: What it says when the best match is no closer than by chance.
    """

    calibration: Calibration
    others: str = "scores.unrelated"
    none: str = "scores.nothing_close"
    why: str = "scores.nothing_close_why"
    unit: str = "scores.cosine_word"  # of a bare score

    def likeness(self, score: float) -> str:
        """A plain word; empty where there are no others to compare with."""
        if not len(self.calibration.strangers):
            return ""
        if score >= SAME_PICTURE:
            return say("scores.same_picture")
        chance = max(self.calibration.by_chance(score), 1 / (len(self.calibration.closest) + 1))
        return say(next((word for most, word in LIKENESS if chance <= most), "scores.weak"))

    def closer(self, score: float) -> str:
        """How many of the others are less alike; empty where there are none."""
        share = draw.percent(self.calibration.closer_than(score), len(self.calibration.strangers))
        return say("scores.closer_than", share=share, others=say(self.others)) if share else ""

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


def wall(
    catalogue: Catalogue,
    matches: Sequence[Match],
    scale: Scale | None = None,
    explained: bool = False,
    below: Mapping[str, str] = MappingProxyType({}),
    does: str = draw.FROM_HERE,
) -> str:
    """The answer: one card a picture, each of them a button that searches from it. explained: or tells why.

    scale: None where they are no answer, and have no score.

    below: digest -> HTML that stands under its card. does: what a press of a card does, in words.
    """
    none = none_close(scale, [match.score for match in matches]) if scale else ""
    cards = "".join(
        f'<div class="item">{card(catalogue, match, match.label or match.path.name, scale, does)}'
        f"{_ask_why(match) if explained else ''}{below.get(match.digest, '')}</div>"
        for match in matches
    )
    return f'{none}<div class="wall">{cards}</div>'


def none_close(scale: Scale, scores: Sequence[float]) -> str:
    """Draws a remark if no match is closer than by chance; empty otherwise."""
    if not scale.by_chance(scores):
        return ""
    return f'<div class="none" role="note"><h3>{escape(say(scale.none))}</h3><p>{escape(say(scale.why))}</p></div>'


def card(catalogue: Catalogue, match: Match, name: str, scale: Scale | None, does: str = draw.FROM_HERE) -> str:
    """Draws a match; a press on it searches from there."""
    label = escape(name)
    return (
        f'<button type="button" class="card" data-do="search" data-digest="{escape(match.digest)}"'
        f' data-part="{match.part}"'
        f' title="{say(does)}: {label}"><span class="shot">{shot(catalogue, match, label)}'
        f'{_outline(match.path, match.box)}{flags(match.remarks)}</span><span class="label">{label}</span>'
        f"{_score(match, scale) if scale else ''}{_why(match.agreement)}</button>"
        f"{tools(match.digest, name, match.part)}"
    )


def _score(match: Match, scale: Scale) -> str:
    word, number = scale.in_words(match.score)
    title = say("scores.cosine", score=match.score)
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
        f' data-part="{match.part}" aria-label="{say("scores.why_alike", name=name)}"'
        f' title="{say("scores.where_they_agree")}">{say("common.why")}</button>'
    )


def _why(agreement: Mapping[str, float]) -> str:
    """Which parts agree: a bar for each, full where all but one in a thousand strangers are less alike in it."""
    if not agreement:
        return ""
    shares = escape(", ".join(f"{say(name)} {draw.percent(share, 1000)}" for name, share in agreement.items()))
    bars = "".join(
        f'<i style="height:{min(1, -math.log10(max(1 - share, 1e-3)) / 3):.0%}"></i>'
        for share in agreement.values()
    )
    best = max(agreement, key=lambda name: agreement[name])
    closer = say("scores.closer_than_strangers", shares=shares)
    return (
        f'<span class="why" role="img" aria-label="{closer}"'
        f' title="{shares}"><span>{bars}</span>{escape(say(best))}</span>'
    )


def shot(catalogue: Catalogue, match: Match, alt: str) -> str:
    """Draws a match's thumbnail."""
    return f'<img loading="lazy" alt="{alt}" src="{escape(draw.thumbnail(catalogue, match.digest))}"/>'


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


def flags(remarks: Sequence[str]) -> str:
    """Draws remarks on a picture; empty if there are none."""
    flags = "".join(f"<i>{escape(say(unpacked(remark)))}</i>" for remark in remarks)
    return f'<span class="flags">{flags}</span>' if flags else ""
