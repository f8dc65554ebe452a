"""The tab Gallery: all pictures of a collection on a wall, to look at, find by name, tag, hide and bring back.

Run it alone: `python -m demos.gallery [FOLDER]`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from demos import static
from demos.components import collection_view, draw, events, likes, picture_cards, queries
from demos.components.likes import Held, Tray
from demos.components.page import Page
from demos.i18n import language
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import MARKS, Shelf
from engines import SemblanceError
from features.catalogue.exif import NONE
from features.catalogue.folder import Catalogue
from features.catalogue.gallery import ORDERS, Gallery, Picture, Wish
from features.catalogue.images import full_size
from features.catalogue.marks import LONGEST
from features.errors import ImageError, NotIndexed

NAME = "gallery"
PAGE = 60  # pictures on one page
NO_FOLDER = "gallery.in_no_folder"
HINT = localized(
    lambda: draw.state(
        "ask",
        say("gallery.look_at_one"),
        say("gallery.look_how"),
    )
)

WALL = collection_view.LAZY + static.read("gallery.js")


QUICK: dict[str, Any] = {"queue": False, "preprocess": False, **events.SILENT}


@dataclass(frozen=True)
class _Shown:
    """What the wall shows: a page of what a wish gives."""

    catalogue: Catalogue
    gallery: Gallery
    found: Sequence[Picture]
    page: int
    wish: Wish
    local: bool

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.found) // PAGE))


class _Events:
    """What happens in the tab; `asked` is what `_Controls.asked` holds."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def show(self, number: Any, *asked: Any) -> str:
        """A page of the wall."""
        try:
            return _draw(_found(self.shelf, number, *asked))
        except SemblanceError as error:
            return draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("the gallery failed")
            return draw.failed(UNFORESEEN)

    def first(self, *asked: Any) -> tuple[str, int]:
        return self.show(0, *asked), 0

    def again(self, was: Any, *asked: Any) -> Any:
        """Nothing where the wall has not been looked at yet."""
        return self.show(*asked) if was else gr.skip()

    def arrive(self, key: str, which: Any, name: Any, among: Any) -> tuple[Any, Any, Any, Any]:
        """(which, labels, tags, engine): what may be chosen; of engines one that has looked at the pictures."""
        homes = self.shelf.catalogues(key)
        sets = [(home.name, home.state.parent.name) for home in homes]
        if which not in [name for _, name in sets] or among:  # what was selected on a map is in one of them
            which = next((home.state.parent.name for home in homes if set(among) & home.paths.keys()), which)
        chosen = next((name for _, name in sets if name == which), sets[0][1] if sets else None)
        dropdown = gr.update(choices=sets, value=chosen, visible=len(sets) > 1)
        try:
            gallery = self.shelf.library.gallery(self.shelf.home(key, chosen))
        except SemblanceError:
            return dropdown, gr.update(choices=[]), gr.update(choices=[]), gr.skip()
        folders = [
            (f"{label or say(NO_FOLDER)} ({language.number(many)})", label)
            for label, many in gallery.labels.items()
        ]
        tagged = [(f"{tag} ({language.number(many)})", tag) for tag, many in gallery.tagged.items()]
        ready = [name, *self.shelf.cards]
        ready = [one for one in ready if one in self.shelf.cards and _looks_at(self.shelf, key, one, chosen)]
        return dropdown, gr.update(choices=folders), gr.update(choices=tagged), ready[0] if ready else gr.skip()

    def turn(self, event: gr.EventData, *asked: Any) -> tuple[str, int]:
        number = max(queries.number(event.digest), 0)
        return self.show(number, *asked), number

    def look(self, event: gr.EventData, key: str, which: Any, name: Any) -> tuple[str, str]:
        digest = str(event.digest)
        return _detail(self.shelf, key, which, str(name), digest), digest

    def look_again(self, key: str, which: Any, name: Any, digest: str) -> str:
        return _detail(self.shelf, key, which, str(name), digest) if digest else HINT

    def mark(self, event: gr.EventData, held: Tray, number: Any, *asked: Any) -> tuple[Any, Any, Any]:
        """(tray, wall, stamp): what the buttons do to all that are ticked."""
        does, digests = str(event.does), str(event.digests).split()
        try:
            catalogue = self.shelf.home(asked[0], asked[1])
            if digests == ["*"]:
                digests = [one.digest for one in _found(self.shelf, number, *asked).found]
            if not (digests or does in ("undo", "confirm")):
                raise SemblanceError("gallery.tick_first")
            if does == "like":
                return _liked(self.shelf, held, catalogue, digests), gr.skip(), gr.skip()
            if not self.shelf.local:
                raise SemblanceError("gallery.owner_only")
            if does in MARKS:
                MARKS[does](catalogue, digests, str(event.tag))
            return gr.skip(), self.show(number, *asked), time.monotonic()
        except SemblanceError as error:
            raise events.refused(error) from error


@dataclass(frozen=True)
class _Controls:
    """number: of the page of the wall. chosen: the digest of the picture beside it."""

    which: gr.Dropdown
    text: gr.Textbox
    labels: gr.Dropdown
    tags: gr.Dropdown
    order: gr.Dropdown
    binned: gr.Checkbox
    wall: gr.HTML
    engine: gr.Dropdown
    near: gr.HTML
    number: gr.State
    chosen: gr.State

    def asked(self, page: Page) -> list[Any]:
        """What the wall shows, the number of its page aside."""
        wish = [self.which, self.text, self.labels, self.tags, self.order, self.binned]
        return [page.picker, *wish, page.selection]


def _draw_filters(
    local: bool,
) -> tuple[gr.Dropdown, gr.Textbox, gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Checkbox]:
    """Draws which, text, labels, tags, order and binned."""
    which = gr.Dropdown(
        label=fixed("gallery.set"), visible=False, min_width=150, filterable=False, elem_classes="order"
    )
    text = gr.Textbox(
        label=fixed("common.find"),
        placeholder=fixed("gallery.text"),
        lines=1,
        max_lines=1,
        max_length=200,
        min_width=180,
        elem_classes="finding-text",
    )
    labels = gr.Dropdown(label=fixed("gallery.folders"), multiselect=True, min_width=150, elem_classes="labels")
    tags = gr.Dropdown(label=fixed("gallery.tags"), multiselect=True, min_width=110, elem_classes="tags")
    order = gr.Dropdown(
        [(fixed(order), order) for order in ORDERS],
        label=fixed("gallery.order"),
        min_width=150,
        filterable=False,
        elem_classes="order",
    )
    binned = gr.Checkbox(label=fixed("gallery.bin"), min_width=90, elem_classes="bin", visible=local)
    return which, text, labels, tags, order, binned


def _draw_controls(shelf: Shelf) -> _Controls:
    with gr.Row(elem_classes="sides mapped"):
        with gr.Column(scale=2, min_width=300):
            with gr.Row(elem_classes="filters"):
                filters = _draw_filters(shelf.local)
            wall = gr.HTML(
                "", js_on_load=WALL, apply_default_css=False, elem_classes="results tall", min_height=200
            )
        with gr.Column(scale=1, min_width=300):
            choices = [(fixed(card.title), name) for name, card in shelf.cards.items()]
            engine = gr.Dropdown(choices, value=choices[0][1], label=fixed("gallery.alike_for"), filterable=False)
            near = collection_view.draw_near(HINT)
    return _Controls(*filters, wall, engine, near, gr.State(0), gr.State(""))


def tab(page: Page) -> None:
    """Draws the tab into the current Blocks."""
    drawn, does = _draw_controls(page.shelf), _Events(page.shelf)
    _listen_to_filters(page, drawn, does)
    _listen_to_pictures(page, drawn, does)


def _listen_to_filters(page: Page, drawn: _Controls, does: _Events) -> None:
    """What the wall shows."""
    asked = drawn.asked(page)
    arriving: dict[str, Any] = {
        "fn": does.arrive,
        "inputs": [page.picker, drawn.which, drawn.engine, page.selection],
        "outputs": [drawn.which, drawn.labels, drawn.tags, drawn.engine],
    }
    drawn.wall.wish(**arriving, **QUICK).then(does.show, [drawn.number, *asked], drawn.wall, **QUICK)
    page.stamp.change(**arriving, **QUICK).then(
        does.again, [drawn.wall, drawn.number, *asked], drawn.wall, **QUICK
    )
    gr.on(
        [
            drawn.text.input,
            drawn.labels.input,
            drawn.tags.input,
            drawn.order.input,
            drawn.binned.input,
            drawn.which.input,
        ],
        does.first,
        asked,
        [drawn.wall, drawn.number],
        trigger_mode="always_last",
        queue=False,
        preprocess=False,
        show_progress="hidden",
        api_visibility="private",
    )
    drawn.which.input(lambda: ("", [], []), None, [drawn.chosen, drawn.labels, drawn.tags], **QUICK)
    emptied = [
        drawn.wall,
        drawn.text,
        drawn.labels,
        drawn.tags,
        drawn.binned,
        drawn.number,
        drawn.chosen,
        drawn.near,
        page.selection,
    ]
    page.picker.change(lambda: ("", "", [], [], False, 0, "", HINT, ()), None, emptied, **QUICK)
    page.selection.change(lambda: ("", False, 0), None, [drawn.wall, drawn.binned, drawn.number], **QUICK)


def _listen_to_pictures(page: Page, drawn: _Controls, does: _Events) -> None:
    """What the buttons on the wall, and beside it, do."""
    asked = drawn.asked(page)
    drawn.wall.unselect(
        lambda: (), None, page.selection, **events.SILENT
    )  # only the queue tells of changed states
    drawn.wall.turn(does.turn, asked, [drawn.wall, drawn.number], **QUICK)
    marking = [page.tray, drawn.number, *asked]
    drawn.wall.mark(does.mark, marking, [page.tray, drawn.wall, page.stamp], preprocess=False, **events.SILENT)
    for source in (drawn.wall, drawn.near):
        likes.hearts(page, source)
        source.search(
            does.look,
            [page.picker, drawn.which, drawn.engine],
            [drawn.near, drawn.chosen],
            show_progress_on=drawn.near,
            api_visibility="private",
            **events.SEARCHES,
        )
    drawn.engine.input(
        does.look_again,
        [page.picker, drawn.which, drawn.engine, drawn.chosen],
        drawn.near,
        show_progress_on=drawn.near,
        api_visibility="private",
        **events.SEARCHES,
    )


def _looks_at(shelf: Shelf, key: str, name: str, which: Any) -> bool:
    """Whether an engine has looked at the pictures on the wall."""
    try:
        catalogue, _ = collection_view.ready(shelf, key, name)
    except SemblanceError:
        return False
    return catalogue.state.parent.name == which


def _found(
    shelf: Shelf,
    number: Any,
    key: str,
    which: Any,
    text: Any,
    labels: Any,
    tags: Any,
    order: Any,
    binned: Any,
    among: Any,
) -> _Shown:
    """What comes from a client may be made up. Raises SemblanceError."""
    catalogue = shelf.home(key, which)
    if not catalogue.paths:
        shelf.library.scan(catalogue)
    wish = Wish(
        text=str(text or ""),
        labels=tuple(map(str, labels or ())),
        tags=tuple(map(str, tags or ())),
        hidden=binned is True and shelf.local,
        order=str(order),
        among=frozenset(among) & catalogue.paths.keys(),
    )
    gallery = shelf.library.gallery(catalogue)
    found = gallery.select(wish)
    made = _Shown(catalogue, gallery, found, 0, wish, shelf.local)
    return replace(made, page=min(max(int(number or 0), 0), made.pages - 1))


def _liked(shelf: Shelf, held: Tray, catalogue: Catalogue, digests: Sequence[str]) -> Tray:
    liked = {one.digest for one in held}
    for digest in digests:
        if shelf.shows(catalogue, digest) and digest not in liked:
            held = likes.press(held, Held(catalogue.file(digest), digest))
    return held


def _draw(shown: _Shown) -> str:
    cards = "".join(_card(shown, one) for one in shown.found[shown.page * PAGE : (shown.page + 1) * PAGE])
    home = draw.escape(shown.catalogue.state.parent.name)
    below = f'<div class="wall">{cards}</div>' if cards else _nothing(shown)
    wish = draw.escape(hashlib.sha256(repr(shown.wish).encode()).hexdigest()[:12])
    return f'<div class="browse" data-home="{home}" data-wish="{wish}">{_bar(shown)}{below}</div>'


def _nothing(shown: _Shown) -> str:
    if shown.wish.hidden:
        return draw.state("empty", say("gallery.bin_empty"), say("gallery.bin_how"))
    if not shown.gallery.pictures:
        return draw.state("empty", say("gallery.nothing_yet"), say("gallery.bring_in"))
    less = say("gallery.no_match")
    return draw.state("empty", say("common.no_match"), less)


def _bar(shown: _Shown) -> str:
    """What stands above the wall and stays in view."""
    many, whole = len(shown.found), len(shown.gallery.pictures)
    told = draw.so_far(many, whole) if many != whole else draw.count(whole, "pictures")
    chosen = say("gallery.from_map", n=len(shown.wish.among)) + " &times;"
    binned = " " + say("gallery.is_hidden") if shown.wish.hidden else ""
    selection = f'<button type="button" data-do="unselect">{chosen}</button>' if shown.wish.among else ""
    return (
        f'<div class="browse-bar"><p><b>{told}</b>{binned}</p>{selection}'
        f"{_pager(shown)}{_undo(shown)}{_actions(shown)}</div>"
    )


def _pager(shown: _Shown) -> str:
    if shown.pages == 1:
        return ""

    def turner(page: int, sign: str, says: str) -> str:
        off = "" if 0 <= page < shown.pages and page != shown.page else " disabled"
        place = f'data-do="turn" data-digest="{max(page, 0)}"'
        return f'<button type="button" {place} aria-label="{says}" title="{says}"{off}>{sign}</button>'

    return (
        f'<nav class="pager" aria-label="{say("common.pages")}">{turner(0, "«", say("gallery.first_page"))}'
        f"{turner(shown.page - 1, '‹', say('gallery.previous_page'))}"
        f"<span>{language.number(shown.page + 1)} / {language.number(shown.pages)}</span>"
        f"{turner(shown.page + 1, '›', say('gallery.next_page'))}"
        f"{turner(shown.pages - 1, '»', say('gallery.last_page'))}</nav>"
    )


def _undo(shown: _Shown) -> str:
    if shown.local and shown.catalogue.unsure:
        told = say("gallery.marks_damaged")
        button = f'<button type="button" data-do="mark" data-digest="confirm">{say("gallery.confirm")}</button>'
        return f'<p class="undo">{draw.escape(told)} {button}</p>'
    last = shown.catalogue.last if shown.local else ""
    if not last:
        return ""
    undo = f'<button type="button" data-do="mark" data-digest="undo">{say("common.undo")}</button>'
    return f'<p class="undo">{draw.escape(say(last))} {undo}</p>'


def _actions(shown: _Shown) -> str:
    """What can be done to all that are ticked."""

    def button(does: str, says: str) -> str:
        return f'<button type="button" data-do="mark" data-digest="{does}">{says}</button>'

    all_of_them = f'<button type="button" data-do="whole">{say("gallery.tick_all", n=len(shown.found))}</button>'
    every = all_of_them if shown.pages > 1 else ""
    known = "".join(f'<option value="{draw.escape(tag)}"></option>' for tag in shown.gallery.tagged)
    local = (
        button("restore", say("gallery.bring_back")) if shown.wish.hidden else button("hide", say("gallery.hide")),
        f'<span class="tagging"><input type="text" list="tags-known" maxlength="{LONGEST}"'
        f' placeholder="{say("gallery.tag")}" aria-label="{say("gallery.tag")}"/>'
        f'<datalist id="tags-known">{known}</datalist>'
        f"{button('tag', say('gallery.add'))}{button('untag', say('gallery.take_off'))}</span>",
    )
    return (
        f'<div class="actions"><button type="button" data-do="all">{say("gallery.tick_page")}</button>'
        f'{every}<span class="many" role="status"></span>'
        f'<button type="button" data-do="none">{say("gallery.untick")}</button>'
        f"{button('like', say('gallery.like'))}"
        f"{''.join(local) if shown.local else ''}</div>"
    )


def _card(shown: _Shown, one: Picture) -> str:
    plain = one.path.rpartition("/")[2]
    name = draw.escape(plain)
    digest, label = draw.escape(one.digest), draw.escape(one.label)
    source = draw.escape(draw.thumbnail(shown.catalogue, one.digest))
    tags = "".join(f"<i>{draw.escape(tag)}</i>" for tag in shown.gallery.tags.get(one.digest, ()))
    return (
        f'<div class="item"><button type="button" class="card" data-do="search" data-digest="{digest}"'
        f' title="{draw.escape(one.path)}"><span class="shot"><img loading="lazy" alt="{name}"'
        f' src="{source}"/><span class="flags">{tags}</span></span>'
        f'<span class="label">{name}</span><span class="score">{label}</span></button>'
        f"{picture_cards.tools(one.digest, plain)}"
        f'<input type="checkbox" class="tick" data-tick="{digest}"'
        f' aria-label="{say("gallery.tick", name=name)}"/></div>'
    )


def _detail(shelf: Shelf, key: str, which: Any, name: str, digest: str) -> str:
    """A picture of the catalogue: what is known of it, and what is like it for an engine."""
    try:
        catalogue = shelf.home(key, which)
        if not shelf.shows(catalogue, digest) or name not in shelf.cards:
            return HINT
        facts, title = _facts(shelf, catalogue, digest), say(shelf.cards[name].title)
        if shelf.catalogue(key, name).state != catalogue.state:
            told = say("gallery.other_set", title=title)
            return facts + draw.state("empty", say("gallery.not_indexed"), told)
        try:
            collection_view.ready(shelf, key, name)
            return facts + collection_view.alike(shelf, key, name, digest)
        except NotIndexed as error:
            does = say(error) + " " + say("gallery.which_tab", title=title)
            return facts + draw.state("index", say("common.not_indexed"), does)
        except SemblanceError as error:
            return facts + draw.failed(error)
    except SemblanceError as error:
        return draw.failed(error)


def _facts(shelf: Shelf, catalogue: Catalogue, digest: str) -> str:
    paths = catalogue.paths[digest]
    entry = catalogue.entries[paths[0]]
    try:
        width, height = full_size(catalogue.file(digest))
        size = say("gallery.pixels", width=width, height=height) + ", "
    except ImageError:
        size = ""
    day = time.strftime(say("gallery.date"), time.localtime(entry.mtime / 1e9))
    caption = shelf.library.captions(catalogue).get(digest)
    details = (catalogue.details or {}).get(digest, NONE)
    place = f"{details.place[0]:.5f}, {details.place[1]:.5f}" if details.place else ""
    told = [
        (say("common.file"), "; ".join(paths)),
        (say("common.size"), f"{size}{_bytes(entry.size)}, {day}"),
        (say("gallery.taken"), details.taken.replace("T", " ")),
        (say("gallery.camera"), details.camera),
        (say("gallery.place"), place),
        (say("common.caption"), caption.text if caption else ""),
        (say("gallery.tags"), ", ".join(catalogue.tags.get(digest, ()))),
    ]
    rows = "".join(f"<dt>{head}</dt><dd>{draw.escape(text)}</dd>" for head, text in told if text)
    alt = draw.escape(paths[0].rpartition("/")[2])
    return (
        f'<figure class="chosen"><img alt="{alt}" src="{draw.escape(draw.thumbnail(catalogue, digest))}"/>'
        f'<figcaption>{alt}</figcaption></figure><dl class="known">{rows}</dl>'
    )


def _bytes(size: int) -> str:
    many, unit = (size / 1e6, "MB") if size >= 1e6 else (max(size / 1e3, 0.1), "kB")
    return f"{language.number(many, ',.1f')} {unit}"
