"""The tab Duplicates: pictures that are one and the same, and which of them to keep in the answers.

Run it alone: `python -m demos.duplicates [FOLDER]`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import gradio as gr

from demos.components import draw, events, queries
from demos.components.page import Page
from demos.i18n import language
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN, Job
from demos.server.state import SAMPLES, Shelf
from engines import SemblanceError
from engines.messages import Message, unpacked
from features.analysis.duplicates import DuplicateGroup, Duplicates, Member
from features.catalogue.folder import Catalogue, Progress

NAME = "duplicates"
PAGE = 12  # groups in view
LISTED = 8  # paths of a picture
HOW = "duplicates.how"
EVENTS = "\n// and here 'look' (for duplicates) and 'keep' (this picture of its group)"


def tab(page: Page) -> None:
    """Draws the tab into the current Blocks. Visitors from elsewhere see the groups, and hide nothing."""
    shelf = page.shelf
    with gr.Row(elem_classes="twin-tools"):
        gr.HTML(localized(lambda: draw.hint(say(HOW))), apply_default_css=False)
        look = gr.Button(fixed("duplicates.look"), variant="primary", elem_classes="look", min_width=180, scale=0)
        every = gr.Button(fixed("duplicates.keep_largest"), visible=False, min_width=220, scale=0)
        undo = gr.Button(fixed("common.undo"), visible=False, elem_classes="take-back", min_width=140, scale=0)
    wall = gr.HTML(
        js_on_load=draw.CLICKS + EVENTS, apply_default_css=False, elem_classes="results twins", min_height=200
    )
    place = gr.State(0)

    async def show(key: str, place: int) -> AsyncIterator[tuple[Any, Any, Any]]:
        """The groups that are known, by way of what has to be waited for: (wall, every, undo)."""
        try:
            while job := await asyncio.to_thread(_job, shelf, key):
                yield draw.progress([job]), gr.update(visible=False), gr.skip()
                await asyncio.sleep(events.POLL)
            catalogue = await asyncio.to_thread(shelf.catalogue, key, NAME)
            found = await asyncio.to_thread(shelf.library.duplicates, catalogue)
            failure = shelf.jobs.failure(_key(catalogue))
            many = bool(found and any(group.kind == "near" for group in found.groups))
            last = say("duplicates.undo", what=say(catalogue.last))
            undone = gr.update(visible=shelf.local and bool(catalogue.last), value=last)
            yield (
                await asyncio.to_thread(draw_found, catalogue, found, place, shelf.local, failure),
                gr.update(visible=many and shelf.local),
                undone,
            )
        except SemblanceError as error:
            yield draw.failed(error), gr.update(visible=False), gr.update(visible=False)
        except Exception:
            logging.getLogger(__name__).exception("the duplicates could not be shown")
            yield draw.failed(UNFORESEEN), gr.update(visible=False), gr.update(visible=False)

    async def find(key: str) -> AsyncIterator[tuple[Any, Any]]:
        async for step in events.followed(lambda: start(shelf, key)):
            yield step

    def turn(event: gr.EventData) -> int:
        return max(0, queries.number(event.digest))

    shown = [wall, every, undo]
    moments = [page.demo.load, page.picker.change, page.stamp.change]
    page.picker.change(lambda: 0, None, place, queue=False, **events.SILENT)
    gr.on(moments, show, [page.picker, place], shown, trigger_mode="always_last", **events.WATCHES)
    for moment in (look.click, wall.look):
        moment(find, page.picker, [wall, page.stamp], **events.WATCHES)
    turned = wall.turn(turn, None, place, **events.SILENT)
    turned.then(show, [page.picker, place], shown, **events.WATCHES).then(
        None, None, None, js="() => document.querySelector('.twins').scrollTo(0, 0)"
    )
    events.stops(shelf, wall)
    if shelf.local:

        def keep(key: str, event: gr.EventData) -> Any:
            """Hides what is the same as this one. Only a digest comes in."""
            return _marked(lambda: _keep(shelf, key, str(event.digest)))

        def keep_every(key: str) -> Any:
            return _marked(lambda: _keep(shelf, key))

        def take_back(key: str) -> Any:
            return _marked(lambda: shelf.catalogue(key, NAME).undo())

        wall.keep(keep, page.picker, page.stamp, **events.SILENT)
        every.click(keep_every, page.picker, page.stamp, **events.SILENT)
        undo.click(take_back, page.picker, page.stamp, **events.SILENT)


def start(shelf: Shelf, key: str) -> Job:
    """Looks for them in the background. Raises SemblanceError."""
    catalogue = shelf.catalogue(key, NAME)

    def work(progress: Progress, cancelled: Callable[[], bool]) -> Duplicates | None:
        return shelf.library.find_duplicates(catalogue, progress, cancelled)

    return shelf.jobs.start(_key(catalogue), Message("jobs.duplicates", name=catalogue.name), work, urgent=True)


def _key(catalogue: Catalogue) -> tuple[str, Any]:
    return NAME, catalogue.root


def _job(shelf: Shelf, key: str) -> Job | None:
    """What the tab has to wait for: the drawing of the samples, or its own work. Raises SemblanceError."""
    if key == SAMPLES and (drawing := shelf.jobs.find(SAMPLES)):
        return drawing
    return shelf.jobs.find(_key(shelf.catalogue(key, NAME)))


def _marked(change: Callable[[], Any]) -> float:
    """A new stamp, by which all tabs follow."""
    try:
        change()
    except SemblanceError as error:
        raise events.refused(error) from error
    return time.monotonic()


def _keep(shelf: Shelf, key: str, digest: str = "") -> None:
    """Hides all others of the groups in which this picture is, or all but the largest of every group."""
    catalogue = shelf.catalogue(key, NAME)
    found = shelf.library.duplicates(catalogue)
    others: set[str] = set()
    for group in found.groups if found else ():
        members = [member.digest for member in group.members]
        kept = digest or group.keep.digest
        if group.kind == "near" and kept in members:
            others |= {*members} - {kept}
    if others:
        catalogue.hide(others)


def draw_found(
    catalogue: Catalogue, found: Duplicates | None, place: int = 0, local: bool = False, failure: str = ""
) -> str:
    """A page of the groups, the near ones first, or what stands in their place.

    local: with buttons to keep some. failure: why the last search came to nothing.
    """
    if found is None:
        title = say("duplicates.stopped") if failure else say("duplicates.not_yet")
        text = say("duplicates.every_picture", name=catalogue.name)
        text, look = say(failure) or text, ("look", say("duplicates.look"))
        return draw.state("error" if failure else "ask", title, text, action=look)
    groups = [*sorted(found.groups, key=lambda group: group.kind == "exact"), *found.alike]
    later_ones = say(
        "duplicates.came_later",
        n=found.unseen,
    )
    hint = draw.hint(later_ones) if found.unseen else ""
    if failure:
        nothing = say("duplicates.last_failed")
        hint += f'<p class="note warn">{nothing} {draw.escape(say(failure))}</p>'
    compared = say("duplicates.compared", n=found.compared)
    if not groups:
        none = say("duplicates.none_found", compared=compared)
        state = draw.state("empty", say("duplicates.none"), none)
        return f'<div class="twin-head">{hint}</div>{state}' if hint else state
    last = (len(groups) - 1) // PAGE
    place = min(max(place, 0), last)
    drawn = "".join(_group(catalogue, group, local) for group in groups[place * PAGE : (place + 1) * PAGE])
    closed = say("duplicates.cannot_be_opened", n=len(found.skipped))
    skipped = closed if found.skipped else ""
    told = " · ".join(filter(None, (_summary(groups), compared, skipped)))
    return f'<div class="twin-head"><h3>{draw.escape(told)}</h3>{hint}</div>{drawn}{_pages(place, last)}'


def _summary(groups: Sequence[DuplicateGroup]) -> str:
    near = [group for group in groups if group.kind == "near"]
    spare = sum(member.size * len(member.paths) for group in near for member in group.members[1:])
    exact = sum(group.kind == "exact" for group in groups)
    alike = len(groups) - len(near) - exact
    told = [
        say(
            "duplicates.groups",
            n=len(near),
            bytes=_bytes(spare),
        ),
        say(
            "duplicates.same_bytes",
            n=exact,
        ),
        say(
            "duplicates.count_alike",
            n=alike,
        ),
    ]
    return " · ".join(sentence for sentence, many in zip(told, (len(near), exact, alike), strict=True) if many)


def _group(catalogue: Catalogue, group: DuplicateGroup, local: bool) -> str:
    pictures = "".join(
        _picture(catalogue, member, local and group.kind == "near", member is group.keep)
        for member in group.members
    )
    if group.kind == "exact":
        head = f"<h4>{say('duplicates.group_bytes', n=len(group.keep.paths))}</h4>"
        head += draw.hint(say("duplicates.counts_once"))
    elif group.kind == "alike":
        head = f"<h4>{say('duplicates.group_differs')}</h4>"
        head += draw.hint(say("duplicates.frames_show"))
    else:
        head = f"<h4>{say('duplicates.group_saved', n=len(group.members))}</h4>"
        if local:
            head += _button("act", group.keep.digest, say("duplicates.keep_the_largest"), "")
    row = f'<div class="twin-row">{pictures}</div>'
    return f'<section class="twin {group.kind}"><header>{head}</header>{row}</section>'


def _picture(catalogue: Catalogue, member: Member, button: bool, largest: bool) -> str:
    name = member.paths[0]
    paths = "".join(f"<li>{draw.escape(path)}</li>" for path in member.paths[:LISTED])
    more = len(member.paths) - LISTED
    paths += f"<li>{say('duplicates.more', n=more)}</li>" if more > 0 else ""
    facts = f"{language.number(member.width)} × {language.number(member.height)} · {_bytes(member.size)}"
    alike = say("duplicates.alike", share=draw.percent(member.agreement, 10_000))
    said = ", ".join(say(unpacked(word)) for word in member.why.split(", "))
    why = f"{said} · {alike}" if member.why and not member.differs else ""
    why = why or (say("duplicates.largest") if largest and button else "")
    keep = _button("act quiet", member.digest, say("duplicates.keep_this"), name) if button else ""
    return (
        f'<figure><div class="twin-shown"><img loading="lazy" alt="{draw.escape(name)}"'
        f' src="{draw.escape(draw.thumbnail(catalogue, member.digest))}"/>{_marks(member)}</div>'
        f"<figcaption><b>{facts}</b>"
        f"<span>{draw.escape(why)}</span><ul>{paths}</ul></figcaption>{keep}</figure>"
    )


def _marks(member: Member) -> str:
    """A frame around each place where it differs."""
    return "".join(
        f'<i class="twin-mark" style="left:{left:.2%};top:{top:.2%};'
        f'width:{right - left:.2%};height:{bottom - top:.2%}"></i>'
        for left, top, right, bottom in member.differs
    )


def _button(classes: str, digest: str, text: str, name: str) -> str:
    label = draw.escape(f"{text}: {name}" if name else text)
    return (
        f'<button type="button" class="{classes}" data-do="keep" data-digest="{draw.escape(digest)}"'
        f' aria-label="{label}">{text}</button>'
    )


def _pages(place: int, last: int) -> str:
    if not last:
        return ""
    before, after = (
        f'<button type="button" class="act quiet" data-do="turn" data-digest="{to}"'
        f"{'' if 0 <= to <= last else ' disabled'}>{text}</button>"
        for to, text in ((place - 1, say("duplicates.previous")), (place + 1, say("duplicates.next")))
    )
    return (
        f'<nav class="twin-pages" aria-label="{say("common.pages")}">{before}'
        f"<span>{say('counts.done_of', done=place + 1, total=last + 1)}</span>{after}</nav>"
    )


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{language.number(number, ',.0f')} {unit}"
        number /= 1000
    return f"{language.number(number, ',.1f')} GB"
