"""The view Find of an engine, drawn from its card: the question on the left, the answer on the right.

Run one alone: `python -m demos.search colour [FOLDER]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

import demos
from demos import download, draw, language, networks, options, region, tray, why
from demos.jobs import UNFORESEEN, Job
from demos.language import built, fixed, later, say
from demos.options import How, Pin
from demos.shelf import SAMPLES, Shelf
from demos.tray import Held, Tray
from engines import Engine, Explainer, Learner, SemblanceError
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.export import Found, save_found
from features.library import Library
from features.retrieval.results import Answer, Reference

EXAMPLES = 8
EVERY = -1  # in the place of one part's number
SEARCHES = {"concurrency_id": "search", "concurrency_limit": 3}
WATCHES: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
SILENT: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
HTML = {"api_visibility": "undocumented"}  # of endpoints that answer with it; api.py has those for programs
EMPTY = "() => ''"
POLL = 0.3  # seconds between two looks at a running job

RawImage = dict[str, Any] | None
"""An image as it came. Gradio's own preprocessing would decode it, and show what fails as a toast; so the events
take what came, which may be made up: `uploaded_file` refuses what was not uploaded, and the library opens the
others in the one way that all pictures are opened."""


@dataclass(frozen=True)
class Page:
    """What the tabs share. stamp: a state that changes when a catalogue has changed. tray: holds a Tray.

    selection: holds a tuple of digests, the pictures that the Gallery is to show; empty stands for all.
    """

    demo: gr.Blocks
    shelf: Shelf
    picker: gr.Dropdown
    stamp: gr.State
    tray: gr.State
    selection: gr.State


@dataclass(frozen=True)
class Asked:
    """What was pressed. digest: of the picture of the catalogue that is the question; empty when one was uploaded.
    part: which of the question's parts (its faces, say) is searched with, or EVERY. box: what was drawn on it.
    """

    digest: str = ""
    part: int = 0
    box: region.Frame | None = None


@dataclass(frozen=True)
class Query:
    """A question that can be answered. k: results. asked, how: as above; what it is asked with is no answer."""

    library: Library
    catalogue: Catalogue
    engine: Engine
    path: Path
    asked: Asked
    k: int
    how: How

    @property
    def reference(self) -> Reference:
        """The question itself. Raises ImageError."""
        return Reference(self.path, box=region.pixels(self.path, self.asked.box))

    @property
    def asked_with(self) -> list[Reference]:
        """All that are averaged. The question itself may be one of those pinned. Raises ImageError."""
        pinned = [reference for pin in self.how.pins if (reference := pin.reference(self.catalogue))]
        if self.asked.box or self.path not in [reference.path for reference in pinned]:
            pinned.append(self.reference)
        return pinned

    @property
    def called(self) -> str:
        """What it is asked with, by name; never by a path of this machine. Raises ImageError."""
        root = self.catalogue.root
        paths = [reference.path for reference in self.asked_with]
        names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name for path in paths]
        return " + ".join(names)

    @property
    def own(self) -> set[str]:
        """Digests of pictures of the catalogue that are asked with."""
        return {self.asked.digest, *(pin.digest for pin in self.how.pins)} - {""}


def _nothing() -> Sequence[gr.HTML]:
    return ()


@dataclass(frozen=True)
class Aside:
    """Something that is filled after the answer. draw: the component, beside the results. fill: its values for a
    query, one after the other, by the engine that answers; raises SemblanceError. blank: where there is none.
    """

    draw: Callable[[], Any]
    fill: Callable[[Query], Iterator[Any]]
    blank: Any = None


@dataclass(frozen=True)
class Kind:
    """What makes a tab another than the generic one.

    find: the answer as HTML, the facts under it, and a value for each gr.HTML that `below` draws below the
    question and from which `part` may come; raises SemblanceError, and then they are empty. found: the same as
    plain data, to be taken away.
    results: how many at first, how many at most, and what they are. save: makes the file that the answer's button
    `save` gives to download; raises SemblanceError. several: whether several pictures may be asked with. tunable:
    whether the space that was tuned to the folders may be searched, where there is one.
    """

    find: Callable[[Query], tuple[str, ...]]
    found: Callable[[Query], Found]
    results: tuple[int, int, str] = (12, 50, later("Pictures to show"))
    below: Callable[[], Sequence[gr.HTML]] = _nothing
    save: Callable[[Query], Path] | None = None
    several: bool = False
    tunable: bool = False


async def while_busy(shelf: Shelf, key: str) -> AsyncIterator[None]:
    """Once, and again and again while there is work for this choice, and once when it has ended."""
    while await asyncio.to_thread(shelf.work, key):
        yield
        await asyncio.sleep(3 * POLL)
    yield


def photo(label: str) -> gr.Image:
    """A place for a picture to ask with. label: as it stands in a page."""
    sources: list[Any] = ["upload", *["webcam"] * demos.WEBCAM, "clipboard"]
    return gr.Image(
        type="filepath",
        image_mode=None,
        sources=sources,
        label=label,
        alt_text=label,
        show_label=False,
        height=280,
        placeholder=fixed("Drop a picture here, paste one, or click to choose"),
        buttons=[],
        elem_classes="drop",
    )


def tab(page: Page, name: str, aside: Aside | None = None, kind: Kind | None = None) -> None:
    """Draws the view into the current Blocks. aside: something beside the results."""
    shelf, card, kind = page.shelf, page.shelf.cards[name], kind or PICTURES
    first, most, results = kind.results
    parts = options.parts_of(shelf.library.engine(name))
    how = gr.State(How())
    status = gr.HTML(js_on_load=draw.CLICKS, elem_classes="status", apply_default_css=False, render=False)
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            alike = built(lambda: draw.alike(say("Alike here: {what}.", what=language.told(card.alike))))
            gr.HTML(alike, apply_default_css=False)
            with gr.Column(elem_classes="asked"):
                image = photo(
                    built(lambda: say("Picture to search with in {title}", title=language.told(card.title)))
                )
                more = kind.below()
                over = [region.layer()] if kind.find is _pictures else []
                pins = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="pinned")
            examples = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="from-here")
            k = gr.Slider(1, most, value=first, step=1, label=fixed(results))
            weighed = options.what_counts(parts, how) if parts else ()
            tuned = gr.Checkbox(False, label=fixed("Search as tuned to the folders"), visible=False)
            networks.draw_networks(page, name, status)
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            with gr.Row(elem_classes="beside"):
                wall = gr.HTML(
                    js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="results", min_height=200
                )
                beside = aside.draw() if aside else None
            because = gr.HTML(js_on_load=why.PANEL, apply_default_css=False, elem_classes="because")
            status.render()
            made = download.button(name)
            soon = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="soon")
    asked = gr.State(Asked())

    def index_first(key: str) -> bool:
        try:
            if (job := shelf.job(key, name)) and job.begun:
                return False
            return shelf.unready(key, name)
        except NotIndexed:  # the samples are yet to be drawn
            return True

    def always(key: str) -> bool:
        return True

    def never(key: str) -> bool:
        return False

    async def watch(key: str, start: Callable[[str], bool]) -> AsyncIterator[str]:
        """Indexes if `start` says so; the progress, as long as there is any. What went wrong is told by `idle`."""
        try:
            if await asyncio.to_thread(start, key):
                await asyncio.to_thread(shelf.index, key, name)
            while job := await asyncio.to_thread(shelf.job, key, name):
                yield draw.progress([job])
                await asyncio.sleep(POLL)
        except SemblanceError:
            return
        except Exception:
            logging.getLogger(__name__).exception("watching %s failed", name)

    async def arrive(key: str) -> AsyncIterator[tuple[Any, Any]]:
        """A catalogue has been chosen, or has changed: what goes on there, and its examples. An answer follows."""
        async for html in watch(key, never):
            yield html, gr.skip()
        yield gr.skip(), await asyncio.to_thread(example_pictures, shelf, key, name)

    def has_tuned(key: str, how: How) -> Any:
        try:
            there = shelf.library.tuned(shelf.catalogue(key, name), shelf.engine(key, name)) is not None
        except SemblanceError:
            there = False
        return gr.update(visible=there, value=there and how.tuned)

    async def follow(key: str, start: Callable[[str], bool], asked: Any) -> AsyncIterator[tuple[Any, Any, Any]]:
        """What comes before an answer: (wall, stamp, asked)."""
        worked = False
        async for html in watch(key, start):
            worked = True
            yield html, gr.skip(), asked
        yield gr.skip(), time.monotonic() if worked else gr.skip(), asked

    async def uploaded(key: str, question: RawImage) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in follow(key, index_first if question else never, Asked()):
            yield step

    async def picked(key: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in follow(key, index_first, gr.skip()):
            yield step

    async def index_now(key: str) -> AsyncIterator[tuple[Any, Any, Any]]:
        async for step in follow(key, always, gr.skip()):
            yield step

    async def overtake(key: str) -> AsyncIterator[tuple[str, Any]]:
        """Progress of what is to take over from the built-in network; then all is asked again."""
        waited = False
        with contextlib.suppress(SemblanceError):
            while job := await asyncio.to_thread(shelf.upgrading, key, name):
                waited = True
                yield draw.upgrading(job), gr.skip()
                await asyncio.sleep(POLL)
        yield "", time.monotonic() if waited else gr.skip()

    def chosen(key: str, event: gr.EventData) -> tuple[Any, Any]:
        """A picture of the catalogue becomes the question. Only a digest comes in, so no path can be asked for."""
        try:
            catalogue = shelf.catalogue(key, name)
            if (digest := str(event.digest)) in catalogue.paths:
                return shelf.library.thumbnail(catalogue, digest), Asked(digest, number(event.part))
        except SemblanceError:
            pass
        return gr.skip(), gr.skip()

    def turn(asked: Asked, event: gr.EventData) -> Asked:
        """Another part of the same question; which there are is known to who answers."""
        return replace(asked, part=number(event.digest))

    def frame(asked: Asked, event: gr.EventData) -> Asked:
        """A part of the same question, or the whole of it again."""
        return replace(asked, box=region.read(event.box))

    def explain(
        key: str, question: RawImage, asked: Asked, k: int, how: How, event: gr.EventData
    ) -> Iterator[str]:
        """Why one of the matches is alike; nothing of it is kept."""
        yield why.BUSY
        try:
            query = _query(shelf, key, name, question, asked, k, how, kind)
            yield _explained(query, str(event.digest), number(event.part)) if query else ""
        except SemblanceError as error:
            yield why.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("%s: a likeness could not be explained", name)
            yield why.failed(UNFORESEEN)

    def leave(asked: Asked, how: How) -> tuple[Any, Asked, How]:
        """Pictures of the catalogue that was left can't stay the question."""
        stay = tuple(pin for pin in how.pins if not pin.digest)
        return (None if asked.digest else gr.skip()), Asked(), replace(how, pins=stay)

    def pin(question: RawImage, asked: Asked, how: How) -> tuple[Any, Asked, How]:
        """The question goes to those that are asked with besides, and makes room for another."""
        try:
            path = None if asked.digest else uploaded_file(question)
        except SemblanceError:
            path = None
        if not (asked.digest or path):
            return gr.skip(), gr.skip(), gr.skip()
        return None, Asked(), replace(how, pins=(*how.pins, Pin(asked.digest, path, box=asked.box)))

    def unpin(how: How, event: gr.EventData) -> How:
        out = number(event.digest)
        return replace(how, pins=tuple(pin for place, pin in enumerate(how.pins) if place != out))

    def weigh(how: How, event: gr.EventData) -> How:
        meant, weight = number(event.digest), options.weight(event.part)
        pins = [replace(pin, weight=weight) if place == meant else pin for place, pin in enumerate(how.pins)]
        return replace(how, pins=tuple(pins))

    def show_pins(key: str, question: RawImage, asked: Asked, how: How) -> str:
        try:
            asking = bool(question or asked.digest)
            return options.draw_pins(shelf.catalogue(key, name), how.pins, asking)
        except SemblanceError:
            return ""

    def answer(collection: str, picture: RawImage, asked: Asked, k: int, how: How) -> tuple[Any, ...]:
        """Searches with a picture; the answer as HTML, and which network and weights it came from."""
        told = _answer(shelf, collection, name, picture, asked, k, how, kind)
        drawn = [_over(shelf, collection, name, picture, asked) for _ in over]
        return *told, *[""] * (2 + len(more) - len(told)), *drawn

    asking = [page.picker, image, asked, k, how]
    answering: dict[str, Any] = {
        "fn": answer,
        "inputs": asking,
        "outputs": [wall, status, *more, *over],
        "preprocess": False,
        "show_progress_on": wall,
        **SEARCHES,
    }

    def answer_on(listen: Callable[..., Any], api_name: str | None = None, **listened: Any) -> Any:
        shown = {"api_name": api_name, **HTML} if api_name else {"api_visibility": "private"}
        answered = listen(**answering, **shown, **listened)
        if kind.several:
            answered.then(
                show_pins,
                [page.picker, image, asked, how],
                pins,
                preprocess=False,
                show_progress="hidden",
                api_visibility="private",
            )
        if not aside:
            return answered

        def fill(key: str, question: RawImage, asked: Asked, k: int, how: How) -> Iterator[Any]:
            try:
                query = _query(shelf, key, name, question, asked, k, how, kind)
                yield from aside.fill(query) if query else [aside.blank]
            except SemblanceError:  # the answer beside it tells it
                yield aside.blank
            except Exception:
                logging.getLogger(__name__).exception("%s: the part beside the answer failed", name)
                yield aside.blank

        return answered.then(
            fill,
            asking,
            beside,
            preprocess=False,
            show_progress="hidden",
            api_visibility="private",
            **SEARCHES,
        )

    arrival = gr.on(
        [page.demo.load, page.picker.change, page.stamp.change],
        arrive,
        page.picker,
        [wall, examples],
        trigger_mode="multiple",
        **WATCHES,
    )
    if kind.tunable:
        arrival.then(has_tuned, [page.picker, how], tuned, **SILENT)
        answer_on(tuned.input(lambda how, on: replace(how, tuned=bool(on)), [how, tuned], how, **SILENT).then)
    answer_on(arrival.then)
    changes = [status.change, page.stamp.change]
    overtaking = gr.on(changes, overtake, page.picker, [soon, page.stamp], trigger_mode="once", **WATCHES)
    left = page.picker.change(
        leave,
        [asked, how],
        [image, asked, how],
        cancels=[arrival, overtaking],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    answer_on(left.then)
    before = [wall, page.stamp, asked]
    answer_on(image.input(uploaded, [page.picker, image], before, preprocess=False, **WATCHES).then, api_name=name)
    for source in (wall, examples):
        choice = source.search(
            chosen, page.picker, [image, asked], show_progress="hidden", api_visibility="private", **SEARCHES
        )
        answer_on(choice.then(picked, page.picker, before, **WATCHES).then)
    for source in (wall, *more) if more else ():
        turned = source.part(turn, asked, asked, show_progress="hidden", api_visibility="private")
        answer_on(turned.then)
    hearts(page, wall)
    answer_on(wall.index(index_now, page.picker, before, **WATCHES).then)
    answer_on(k.change, trigger_mode="always_last")  # by mouse, by arrows, or typed
    for listen in weighed:
        answer_on(listen)
    for layer in over:
        framed = layer.frame(frame, asked, asked, trigger_mode="always_last", **SILENT)
        answer_on(framed.then)
        image.change(None, None, layer, js=EMPTY, **SILENT)  # a box is of the picture that it was drawn on
    wall.why(explain, asking, because, preprocess=False, **SILENT, **SEARCHES)
    for moment in (because.close, wall.change):
        moment(None, None, because, js=EMPTY, **SILENT)
    if kind.several:
        kept = pins.pin(pin, [image, asked, how], [image, asked, how], preprocess=False, **SILENT)
        for changed in (kept, pins.unpin(unpin, how, how, **SILENT), pins.weigh(weigh, how, how, **SILENT)):
            answer_on(changed.then)

    def give(make: Callable[[Query, str], Path]) -> Callable[..., Any]:
        def given(key: str, question: RawImage, asked: Asked, k: int, how: How, event: gr.EventData) -> Any:
            try:
                query = _query(shelf, key, name, question, asked, k, how, kind)
                return str(make(query, str(event.digest))) if query else gr.skip()
            except SemblanceError as error:
                raise refused(error) from error

        return given

    gives: list[tuple[Any, Callable[[Query, str], Path]]] = [
        (status.take, lambda query, wanted: _taken(query, kind, wanted, files=shelf.local))
    ]
    if kind.save:
        gives.append((wall.save, lambda query, _: kind.save(query)))
    for moment, make in gives:
        saved = moment(give(make), asking, made, preprocess=False, api_visibility="private", **SEARCHES)
        saved.success(None, js=download.press(name))
    stops(shelf, wall, soon)


def number(told: Any) -> int:
    """Of a part, as a client tells it; EVERY where that is no number."""
    digits = str(told)
    return int(digits) if digits.isdecimal() and len(digits) < 5 else EVERY


def limited(k: Any, most: int) -> int:
    """How many results, as a client tells it."""
    try:
        return min(most, max(1, int(k)))
    except (TypeError, ValueError, OverflowError):  # an emptied field, or made up
        return 1


def refused(error: SemblanceError | str) -> gr.Error:
    """To be raised: the one sentence of an error, as a toast."""
    return gr.Error(language.told(str(error)), title=say("That did not work"), print_exception=False)


def choices(shelf: Shelf, said: Callable[[str], str] = say) -> list[tuple[str, str]]:
    """What the shelf has to choose from, (name, key); of its own samples the name is said, and no other."""
    return [(said(name) if key == SAMPLES else name, key) for name, key in shelf.choices()]


async def followed(start: Callable[[], Job]) -> AsyncIterator[tuple[Any, Any]]:
    """(what stands in the results' place, stamp): what `start` begins, its progress; then all is asked anew."""
    try:
        job = await asyncio.to_thread(start)
        while not (job.ended.is_set() or job.cancelled.is_set()):
            yield draw.progress([job]), gr.skip()
            await asyncio.sleep(POLL)
        yield (draw.failed(job.error), gr.skip()) if job.error else (gr.skip(), time.monotonic())
    except SemblanceError as error:
        yield draw.failed(error), gr.skip()


def stops(shelf: Shelf, *walls: gr.HTML) -> None:
    """The button Cancel on what is told of jobs does what it says."""

    def stop(event: gr.EventData) -> None:
        shelf.cancel(str(event.digest).split())

    for wall in walls:
        wall.stop(stop, None, None, queue=False, **SILENT)


def hearts(page: Page, wall: gr.HTML) -> Callable[..., Any]:
    """The small buttons on a wall's cards: hearts and crosses fill the tray, one hides; what a heart does, for
    others that shall do it.

    Only a digest comes in, so no path can be asked for.
    """

    def pressed(key: str, held: Tray, event: gr.EventData, liked: bool) -> Any:
        digest = str(event.digest)
        home = next((home for home in page.shelf.catalogues(key) if digest in home.paths), None)
        if home is None:
            return gr.skip()
        return tray.press(held, Held(home.file(digest), digest, max(number(event.part), 0), liked))

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
            raise refused(error) from error
        gr.Info(say("Hidden. The tab Gallery has it in the bin, and can undo it."))
        return time.monotonic()

    wall.hide(hide, page.picker, page.stamp, **SILENT)
    wall.like(liked, [page.picker, page.tray], page.tray, **SILENT)
    wall.unlike(unliked, [page.picker, page.tray], page.tray, **SILENT)
    return liked


def uploaded_file(question: RawImage) -> Path | None:
    """The only door for what a client names. What was not uploaded gets one and the same sentence."""
    if not isinstance(question, dict) or not question.get("path"):
        return None
    with contextlib.suppress(TypeError, ValueError, OSError):
        query = Path(question["path"]).resolve()
        if query.is_relative_to(Path(get_upload_folder()).resolve()) and query.is_file():
            return query
    raise SemblanceError("This picture is not here, or was put away after a while; drop it once more.")


def _query(
    shelf: Shelf, key: str, name: str, question: RawImage, asked: Asked, k: Any, how: How, kind: Kind
) -> Query | None:
    """What can be answered now, without a download; None where there is no question. Raises SemblanceError."""
    k = limited(k, kind.results[1])
    catalogue = shelf.catalogue(key, name)
    path = _picture(catalogue, question, asked)
    if path is None and (pinned := [reference for pin in how.pins if (reference := pin.reference(catalogue))]):
        path = pinned[0].path
    engine = shelf.engine(key, name)
    settled = engine.describe().settled
    if settled and kind.tunable and how.tuned:
        engine = shelf.library.tuned(catalogue, engine) or engine
    return Query(shelf.library, catalogue, engine, path, asked, k, how) if path and settled else None


def _picture(catalogue: Catalogue, question: RawImage, asked: Asked) -> Path | None:
    """The file of the question itself. Raises SemblanceError."""
    return catalogue.file(asked.digest) if asked.digest in catalogue.paths else uploaded_file(question)


def _over(shelf: Shelf, key: str, name: str, question: RawImage, asked: Asked) -> str:
    """What is drawn over the question; nothing where it can't be opened: the answer tells that."""
    try:
        path = _picture(shelf.catalogue(key, name), question, asked)
        return region.draw_layer(path, asked.box) if path else ""
    except SemblanceError:
        return ""


def _explained(query: Query, digest: str, number: int) -> str:
    library, catalogue, asked = query.library, query.catalogue, query.reference
    explained = library.explain(catalogue, query.engine, asked, digest, number)
    return why.told(catalogue, explained, asked, digest)


def _answer(
    shelf: Shelf, key: str, name: str, question: RawImage, asked: Asked, k: Any, how: How, kind: Kind
) -> tuple[str, ...]:
    """(wall, status), and what else the kind of tab finds, if it finds anything."""
    try:
        if not (query := _query(shelf, key, name, question, asked, k, how, kind)):
            return _idle(shelf, key, name), weights(shelf, key, name)
        html, facts, *more = kind.find(query)
        answered = facts + (draw.take() if html else "") + weights(shelf, key, name)
        shelf.upgrade(key, name)
        return html or NO_MATCH, answered, *more
    except NotIndexed:
        html = _idle(shelf, key, name)
    except SemblanceError as error:
        html = draw.failed(error)
    except Exception:
        logging.getLogger(__name__).exception("a search in %s failed", name)
        html = draw.failed(UNFORESEEN)
    return html, weights(shelf, key, name)


def _taken(query: Query, kind: Kind, wanted: str, *, files: bool) -> Path:
    """What was found, to download. files: the pictures as they are; visitors get them as small as they see them.

    Raises SemblanceError.
    """
    out = download.place("semblance-found.zip" if wanted == "zip" else "semblance-found.csv")
    shown = query.catalogue.file if files else partial(query.library.thumbnail, query.catalogue)
    save_found(kind.found(query), out, query.catalogue.root, shown)
    return out


def _search(query: Query) -> Answer:
    """What it is asked with is no answer. Raises SemblanceError."""
    asked = query.catalogue, query.engine, query.asked_with, query.k + len(query.own), query.how.mix
    answer = query.library.search(*asked)
    return replace(answer, matches=[match for match in answer.matches if match.digest not in query.own][: query.k])


def _found(query: Query) -> Found:
    return [(query.called, _search(query).matches)]


def _pictures(query: Query) -> tuple[str, str]:
    """The generic answer: the pictures most like the whole of this one."""
    library, catalogue, engine, mix = query.library, query.catalogue, query.engine, query.how.mix
    found = _search(query)
    matches = found.matches
    scale = draw.Scale(library.calibration(catalogue, engine, mix))
    explains = isinstance(engine, Explainer) and engine.explains()
    captions = draw.captions(library.captions(catalogue), matches)
    html = draw.wall(catalogue, matches, scale, explains, captions) if matches else ""
    return html, draw.answered(engine.describe(), found, *options.told(options.parts_of(engine), mix))


NO_MATCH = built(
    lambda: draw.state("empty", say("No match"), say("There is no other picture in this collection."))
)
PICTURES = Kind(_pictures, _found)
SEVERAL = replace(PICTURES, several=True)
TUNABLE = replace(PICTURES, tunable=True)


def _idle(shelf: Shelf, key: str, name: str) -> str:
    """What can be done here, while there is no question or nothing to answer it from."""
    try:
        if job := shelf.job(key, name):
            return draw.progress([job])
        card = shelf.card(key, name)
        if not card.available:
            learner = isinstance(shelf.library.engine(name), Learner)
            why = later("{title} has yet to be trained") if learner else later("{title} is not available here")
            return draw.state("empty", say(why, title=language.told(card.title)), language.told(card.reason))
        catalogue = shelf.catalogue(key, name)
        status = shelf.status(key, name)
    except NotIndexed as error:
        told = language.told(shelf.jobs.failure(key) or str(error))
        return draw.state("index", say("No samples yet"), told, action=("index", say("Draw the samples")))
    except SemblanceError as error:
        return draw.failed(error)
    failure = shelf.jobs.failure((catalogue.root, name))
    if failure and not status.done:
        told = language.told(failure)
        return draw.state("error", say("Indexing stopped"), told, action=("index", say("Try again")))
    title, at, n = language.told(shelf.cards[name].title), catalogue.name, status.images
    if shelf.unready(key, name):
        told = (
            say(
                "Its {n:,} picture has not been looked at for {title}.|"
                "Its {n:,} pictures have not been looked at for {title}.",
                n=n,
                title=title,
            )
            if n
            else say("Its pictures have not been looked at for {title}.", title=title)
        )
        told += " " + say("Drop a picture: it is done before the answer. Or do it now.")
        heading = say("{name} is not indexed yet", name=at)
        return draw.state("index", heading, told, action=("index", say("Index now")))
    if not status.rows:
        told = say(
            "Its {n:,} picture could not be used; the tab Catalogue lists why.|"
            "None of its {n:,} pictures could be used; the tab Catalogue lists why.",
            n=n,
        )
        heading = say("{name} has nothing for {title}", name=at, title=title)
        return draw.state("empty", heading, told, action=("index", say("Try again")))
    told = say("Drop, paste or take one, or start from an example.") + " "
    if status.done < n:
        told += say("{name} has {some} indexed so far.", name=at, some=draw.so_far(status.done, n))
        return draw.state("ask", say("Ask with a picture"), told, action=("index", say("Index the rest")))
    told += say("{name} has {pictures}.", name=at, pictures=draw.count(n, "picture"))
    return draw.state("ask", say("Ask with a picture"), told)


def weights(shelf: Shelf, key: str, name: str) -> str:
    """Whose weights answer."""
    try:
        answering = shelf.engine(key, name)
    except SemblanceError:  # a collection that is not there
        answering = shelf.library.engine(name)
    return draw.weights(answering.describe())


def example_pictures(shelf: Shelf, key: str, name: str) -> str:
    """Pictures from all over the catalogue, from as many labels as there are places."""
    try:
        catalogue = shelf.catalogue(key, name)
    except SemblanceError:
        return ""
    digests = list(catalogue.paths)  # in the order of the paths, so neighbours share a label
    step = max(1, len(digests) / EXAMPLES)
    return draw.examples(catalogue, [digests[int(i * step)] for i in range(min(EXAMPLES, len(digests)))])


if __name__ == "__main__":
    import sys

    from demos.suite import alone

    alone(sys.argv[1] if len(sys.argv) > 1 else "colour", sys.argv[2:])
