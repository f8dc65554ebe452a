"""The language in which the app answers: English, or Portuguese as it is spoken in Brazil.

A visitor's browser asks for one, or the switch in the header has set a cookie. The catalogues of texts are in
engines/messages.

- `say` is for what the server draws in answer to a visitor.
- `fixed` and `localized` are for the page itself, which is built once for everybody: Gradio's I18n fills in the
  visitor's language in the browser.
- Scripts call `say`, too (language.js).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.context import Context, LocalContext
from gradio.i18n import I18nData

from engines import SemblanceError, messages
from engines.messages import ENGLISH, PORTUGUESE, Message

TAGS = {ENGLISH: "en", PORTUGUESE: "pt-BR"}  # for the page's attribute `lang`
COOKIE = "semblance-language"

Texts = dict[str, dict[str, str]]
"""language -> key of Gradio's I18n -> text."""

_chosen: ContextVar[str] = ContextVar("chosen", default="")
_of_all: Texts = {language: {} for language in TAGS}  # what any page may be sent later
_of_page: WeakKeyDictionary[gr.Blocks, Texts] = WeakKeyDictionary()  # what a page was built with


def current_language() -> str:
    """Returns the language of the visitor who is being answered; ENGLISH where there is none."""
    if chosen := _chosen.get():
        return chosen
    request = LocalContext.request.get(None)
    return (
        asked_for(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
        if request
        else ENGLISH
    )


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Sets the current language, whoever asks."""
    before = _chosen.set(language)
    try:
        yield
    finally:
        _chosen.reset(before)


def say(text: str | SemblanceError, /, **values: Any) -> str:
    """Returns a text in the current language.

    Args:
        text: The id of a message, a Message, or an error, which says its message. A text that is no id stays as it
            is, whatever it holds: an engine from elsewhere may have any title.
        **values: The values of an id's placeholders, see Message.
    """
    if isinstance(text, SemblanceError):
        text = text.message
    message = text if isinstance(text, Message) else Message(text, **values)
    return message.text(current_language())


def number(value: float, form: str = ",") -> str:
    """Returns a number as the current language writes it."""
    return messages.number(value, form, current_language())


def localized(draw: Callable[[], str]) -> str:
    """Returns a placeholder for what `draw` returns in each language; the browser fills in its own."""
    drawn = {}
    for language in TAGS:
        with speaking(language):
            drawn[language] = draw()
    key = "say " + drawn[ENGLISH].replace("}", ")")  # no folder's name; the frontend reads up to the first }
    page = Context.root_block  # the page that is being built, if any
    texts = _of_page.setdefault(page, {language: {} for language in TAGS}) if page else _of_all
    for language, text in drawn.items():
        texts[language][key] = text
    return str(I18nData(key))


def fixed(text: str, /, **values: Any) -> str:
    """Returns a placeholder for one message: for labels, buttons, tabs and the names of choices."""
    return localized(lambda: say(text, **values))


def i18n(page: gr.Blocks) -> gr.I18n:
    """Returns the texts of a page, for `launch`."""
    texts = _of_page.get(page, {})
    return gr.I18n(**{language: _of_all[language] | texts.get(language, {}) for language in TAGS})


@lru_cache(256)
def asked_for(cookie: str, accepted: str) -> str:
    """Returns the language that a request asks for.

    Args:
        cookie: The value of COOKIE; empty if it is not set.
        accepted: The header Accept-Language, such as "pt-BR,pt;q=0.9,en;q=0.8".
    """
    if cookie in TAGS:
        return cookie
    wishes = []
    for wish in accepted.split(","):
        name, _, weight = wish.partition(";q=")
        with_weight = float(weight) if re.fullmatch(r"\s*[01](\.\d+)?\s*", weight) else 1.0
        wishes.append((with_weight, name.strip().lower().partition("-")[0]))
    wishes.sort(key=lambda wish: -wish[0])  # of equals the first
    return next((name for weight, name in wishes if name in TAGS and weight), ENGLISH)
