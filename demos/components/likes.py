"""What a visitor likes and does not like: a tray that follows them through the tabs, to recommend from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import draw, events, options, queries
from demos.components.page import Page
from demos.i18n.language import say
from engines import SemblanceError
from features.catalogue.folder import Catalogue
from features.catalogue.images import open_image
from features.retrieval.results import Liked

MOST = 60  # pictures in a tray

Tray = tuple["Held", ...]


@dataclass(frozen=True)
class Held:
    """A picture in the tray. path: of its file. digest: where it is one of a catalogue's; part: of its crops."""

    path: Path
    digest: str = ""
    part: int = 0
    liked: bool = True
    weight: float = 1.0

    def taste(self, catalogue: Catalogue) -> Liked:
        """By its stored vector where it is one of this catalogue's, else by its file."""
        return Liked(self.digest if self.digest in catalogue.paths else self.path, self.part, self.weight)


def press(tray: Tray, held: Held) -> Tray:
    """A heart or a thumb was pressed: it goes in, turns into the other, or, pressed again, goes out."""
    same = [
        number for number, other in enumerate(tray) if (other.digest or other.path) == (held.digest or held.path)
    ]
    if not same:
        return (*tray, held)[-MOST:]
    there = tray[same[0]]
    if there.liked == held.liked:
        return tuple(other for other in tray if other is not there)
    return tuple(replace(other, liked=held.liked) if other is there else other for other in tray)


def change(tray: Tray, number: int, does: str, weight: Any = None) -> Tray:
    """One of the tray is turned, weighed, dropped, or goes one place to the front. Unknown ones change nothing."""
    if not 0 <= number < len(tray):
        return tray
    held = tray[number]
    before, after = tray[:number], tray[number + 1 :]
    if does == "drop":
        return (*before, *after)
    if does == "front":
        return (*before[:-1], held, *before[-1:], *after)
    changed = (
        replace(held, liked=not held.liked) if does == "turn" else replace(held, weight=options.weight(weight))
    )
    return (*before, changed, *after)


def label(tray: Tray) -> str:
    """Returns the numbers of likes and dislikes, as the header shows them."""
    likes = sum(held.liked for held in tray)
    return f"♥ {likes}" + (f" · ✕ {len(tray) - likes}" if len(tray) > likes else "")


def marks(tray: Tray) -> str:
    """For aria.js: every heart and cross of these pictures is pressed, whichever tab draws it."""
    pressed = [("like" if held.liked else "unlike", held.digest) for held in tray if held.digest.isalnum()]
    return " ".join("-".join(one) for one in pressed)


def draw_tray(tray: Tray, homes: Sequence[Catalogue]) -> str:
    """homes: the catalogues that pictures may be of."""
    if not tray:
        return draw.state(
            "heart",
            say("likes.none"),
            say("likes.how"),
        )
    return f'<div class="tray">{"".join(_held(number, held, homes) for number, held in enumerate(tray))}</div>'


def picture(held: Held, homes: Sequence[Catalogue], alt: str) -> str:
    """Draws a picture of one of the catalogues, or one that was uploaded."""
    home = next((home for home in homes if held.digest in home.paths), None)
    if home:
        return f'<img loading="lazy" alt="{alt}" src="{draw.escape(draw.thumbnail(home, held.digest))}"/>'
    with contextlib.suppress(SemblanceError):
        return draw.inline(open_image(held.path, 160).pixels, alt)
    return f'<img alt="{say("likes.gone", name=alt)}"/>'


def _held(number: int, held: Held, homes: Sequence[Catalogue]) -> str:
    which = say("likes.picture", number=number + 1)
    name = say("likes.liked", name=which) if held.liked else say("likes.disliked", name=which)
    turned = say("likes.turn_down") if held.liked else say("likes.turn_up")
    return (
        f'<div class="held{"" if held.liked else " unliked"}">{picture(held, homes, name)}'
        f'<button type="button" class="turn" data-do="turn" data-digest="{number}" title="{turned}"'
        f' aria-label="{turned}: {which}">{"♥" if held.liked else "✕"}</button>'
        f'<input type="range" min="{options.LIGHTEST}" max="{options.HEAVIEST}" step="{options.LIGHTEST}"'
        f' value="{held.weight}" data-weigh="{number}" aria-label="{say("likes.weight", name=which)}"'
        f' title="{say("likes.weight_of", weight=held.weight)}"/>'
        f'<span><button type="button" data-do="front" data-digest="{number}"'
        f' aria-label="{say("likes.to_the_front", name=which)}">←</button>'
        f'<button type="button" data-do="drop" data-digest="{number}"'
        f' aria-label="{say("likes.take_out", name=which)}">&times;</button></span></div>'
    )


def hearts(page: Page, wall: gr.HTML) -> Callable[..., Any]:
    """Listens to the small buttons on a wall's cards: hearts and crosses fill the tray, one hides.

    Returns what a heart does, for others that shall do it.

    Only a digest comes in, so no path can be asked for.
    """

    def pressed(key: str, held: Tray, event: gr.EventData, liked: bool) -> Any:
        digest = str(event.digest)
        home = next((home for home in page.shelf.catalogues(key) if page.shelf.shows(home, digest)), None)
        if home is None:
            return gr.skip()
        return press(held, Held(home.file(digest), digest, max(queries.number(event.part), 0), liked))

    def liked(key: str, held: Tray, event: gr.EventData) -> Any:
        return pressed(key, held, event, liked=True)

    def unliked(key: str, held: Tray, event: gr.EventData) -> Any:
        return pressed(key, held, event, liked=False)

    def hide(key: str, event: gr.EventData) -> Any:
        digest = str(event.digest)
        homes = [home for home in page.shelf.catalogues(key) if digest in home.paths]
        if not (homes and page.shelf.local):
            return gr.skip()
        try:
            for home in homes:
                home.hide([digest])
        except SemblanceError as error:
            raise events.refused(error) from error
        gr.Info(say("likes.hidden"))
        return time.monotonic()

    wall.hide(hide, page.picker, page.stamp, **events.SILENT)
    wall.like(liked, [page.picker, page.tray], page.tray, **events.SILENT)
    wall.unlike(unliked, [page.picker, page.tray], page.tray, **events.SILENT)
    return liked
