"""The tab Words: pictures that fit a text, with a picture or without, and the captions of pictures, to be mended.

Run it alone: `python -m demos.text [FOLDER]`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from demos.components import answers, draw, events, likes, picture_cards, picture_input, queries
from demos.components.page import Page
from demos.components.picture_input import RawImage
from demos.i18n import language
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from engines import SemblanceError, TextSide
from engines.messages import Message
from features.catalogue.captions import HAND, IMPORTED
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.retrieval.results import Reference
from features.retrieval.word_search import understands

RESULTS, MOST = 12, 50
LONGEST = 300  # letters of a text or a caption
SOURCES = {
    "": "words.no_caption",
    HAND: "words.by_hand",
    IMPORTED: "words.from_metadata",
}
DOES = "words.see_caption"


def _hint() -> str:
    return draw.state(
        "ask",
        say("words.nothing"),
        say("words.how"),
    )


def _draw_captioning() -> tuple[gr.HTML, gr.Textbox, gr.Button]:
    """A picture that was clicked on, its caption, and what keeps that."""
    with gr.Column(elem_classes="captioning"):
        chosen = gr.HTML(
            localized(lambda: draw.hint(say("words.click"))),
            apply_default_css=False,
        )
        caption = gr.Textbox(label=fixed("common.caption"), max_length=LONGEST, visible=False)
        keep = gr.Button(fixed("words.keep"), visible=False)
    return chosen, caption, keep


def tab(page: Page) -> None:
    """Draws the tab into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            text = gr.Textbox(label=fixed("words.query"), max_length=LONGEST, elem_classes="wanted")
            unlike = gr.Textbox(label=fixed("words.unlike"), max_length=LONGEST)
            with gr.Accordion(fixed("words.with_picture"), open=False):
                image = picture_input.photo(fixed("words.picture"))
            k = gr.Slider(1, MOST, value=RESULTS, step=1, label=fixed("common.how_many"))
            chosen, caption, keep = _draw_captioning()
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            wall = gr.HTML(
                localized(_hint),
                js_on_load=draw.CLICKS,
                apply_default_css=False,
                elem_classes="results",
                min_height=200,
            )
            status = gr.HTML(elem_classes="status", apply_default_css=False)
    digest = gr.State("")

    def ask(key: str, text: Any, unlike: Any, question: RawImage, k: Any) -> tuple[str, str]:
        """Pictures that fit a text, as HTML; and what they were found by."""
        try:
            return _answer(shelf, key, str(text or ""), str(unlike or ""), question, k)
        except NotIndexed as error:
            return draw.unindexed(error), ""
        except SemblanceError as error:
            return draw.failed(error), ""
        except Exception:
            logging.getLogger(__name__).exception("a search by text failed")
            return draw.failed(UNFORESEEN), ""

    def choose(key: str, event: gr.EventData) -> tuple[Any, ...]:
        """(chosen, caption, keep, digest). Only a digest comes in, so no path can be asked for."""
        try:
            catalogue = shelf.catalogue(key, _engine(shelf))
            return _chosen(shelf, catalogue, str(event.digest))
        except (KeyError, SemblanceError):
            return tuple(gr.skip() for _ in range(4))

    def write(key: str, digest: str, caption: Any) -> tuple[Any, ...]:
        """As `choose`. Visitors from elsewhere write nothing."""
        try:
            catalogue, name = shelf.catalogue(key, _engine(shelf)), _engine(shelf)
            if digest in catalogue.paths and shelf.local:
                shelf.library.caption(catalogue, digest, str(caption or "")[:LONGEST], shelf.library.engine(name))
            return _chosen(shelf, catalogue, digest)
        except (KeyError, SemblanceError) as error:
            raise events.refused(Message("words.not_kept", error=error)) from error

    async def index(key: str) -> AsyncIterator[tuple[Any, Any]]:
        async for step in events.followed(lambda: shelf.index(key, _engine(shelf))):
            yield step

    asked = [page.picker, text, unlike, image, k]
    asking: dict[str, Any] = {"preprocess": False, "show_progress_on": wall, **events.SEARCHES}
    text.submit(ask, asked, [wall, status], api_name="text", **events.HTML, **asking)
    gr.on(
        [unlike.submit, image.input, image.clear, k.release, page.picker.change, page.stamp.change],
        ask,
        asked,
        [wall, status],
        trigger_mode="always_last",
        api_visibility="private",
        **asking,
    )
    page.demo.load(lambda: _weights(shelf), None, status, **events.SILENT)
    wall.search(choose, page.picker, [chosen, caption, keep, digest], **events.SILENT)
    written = [page.picker, digest, caption]
    for moment in (keep.click, caption.submit):
        kept = moment(write, written, [chosen, caption, keep, digest], **events.SILENT)
        kept.success(ask, asked, [wall, status], api_visibility="private", **asking)
    wall.index(index, page.picker, [wall, page.stamp], **events.WATCHES)
    events.stops(shelf, wall)
    likes.hearts(page, wall)


def _engine(shelf: Shelf) -> str:
    """The engine that understands words, whether it can be had or not."""
    return next((name for name in shelf.cards if isinstance(shelf.library.engine(name), TextSide)), "product")


def _weights(shelf: Shelf) -> str:
    """Who answers, and how to get better."""
    card = shelf.library.engine(_engine(shelf)).describe()
    if card.available:
        return answers.weights_note(card)
    title, reason = say(card.title), say(card.reason)
    note = say("words.not_available", title=title) + " " + reason
    heading = say("words.words_searched")
    return f'<p class="note"><b>{heading}</b> {draw.escape(note)}</p>'


def _answer(shelf: Shelf, key: str, text: str, unlike: str, question: RawImage, k: Any) -> tuple[str, str]:
    """(wall, status). Raises SemblanceError; NotIndexed while the engine is not ready, for nothing is fetched."""
    if not text.strip():
        return _hint(), _weights(shelf)
    name, library = _engine(shelf), shelf.library
    catalogue, engine = shelf.catalogue(key, name), library.engine(name)
    by_words = not understands(engine)
    if not by_words and (not engine.describe().settled or shelf.unready(key, name)):
        raise NotIndexed("common.not_indexed_for", title=shelf.cards[name].title)
    if by_words and not catalogue.paths:
        library.scan(catalogue)
    path = None if by_words else picture_input.uploaded_file(question)
    query = Reference(path) if path else None
    answer = library.index(catalogue, engine).search_text(text, query, unlike, queries.limited(k, MOST))
    if not answer.matches:
        nothing = draw.state("empty", say("common.no_match"), say("words.no_match"))
        return nothing, _weights(shelf)
    captions = picture_cards.captions(library.captions(catalogue), answer.matches)
    scale = picture_cards.plain("words.match" if by_words else "scores.cosine_word")
    html = picture_cards.wall(catalogue, answer.matches, scale, below=captions, does=DOES)
    card = engine.describe()
    found = f"{answers.searched(answer.searched)} · {say(answer.index)}"
    facts = f'<p class="facts">{draw.escape(found)} · {language.number(answer.seconds * 1000, ",.0f")} ms</p>'
    return html, (facts if by_words else answers.answered(card, answer)) + _weights(shelf)


def _chosen(shelf: Shelf, catalogue: Catalogue, digest: str) -> tuple[Any, ...]:
    """(chosen, caption, keep, digest). Raises KeyError."""
    if not shelf.shows(catalogue, digest):
        raise KeyError(digest)
    caption = shelf.library.captions(catalogue).get(digest)
    name = draw.escape(" · ".join(filter(None, (catalogue.label(digest), catalogue.file(digest).name))))
    source = caption.source if caption else ""
    made = say("words.made_by", name=source.partition("/")[0])
    told = draw.escape(say(SOURCES[source]) if source in SOURCES else made)
    mend = say("words.write_another") if shelf.local else ""
    picture = draw.escape(draw.thumbnail(catalogue, digest))
    html = (
        f'<figure class="chosen"><img alt="{name}" src="{picture}"/><figcaption>{name}</figcaption></figure>'
        f'<p class="hint">{told} {mend}</p>'
    )
    shown = gr.update(visible=True, value=caption.text if caption else "", interactive=shelf.local)
    return html, shown, gr.update(visible=shelf.local), digest
