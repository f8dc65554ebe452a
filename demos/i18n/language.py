"""In which language the app speaks: English, or Portuguese as it is spoken in Brazil.

As gettext does it, the English sentence is the key, so that the code reads as what is seen; `pt.json` has the
other language. Who visits is asked by their browser, or has pressed the switch in the bar, which leaves a cookie.

- `say` is for what is drawn on the server, for whoever asked for it.
- `built`, `fixed` and `shown` are for what stands in the page as it is built, for everybody: Gradio's I18n puts it
  in, in the browser.
- `told` is for sentences of engines/ and features/, which know of no languages: they are recognised.
- In scripts it is `say`, too (language.js).
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.context import Context, LocalContext
from gradio.i18n import I18nData
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demos import static

ENGLISH, PORTUGUESE = "en", "pt"
TAGS = {ENGLISH: "en", PORTUGUESE: "pt-BR"}  # as a page tells its language
COOKIE = "semblance-language"
IN_SCRIPTS = (
    "all ticked",
    "Capture from camera",
    "Clear",
    "Click to Access Webcam",
    "Click to upload or drop files",
    "Close",
    "Draw around pictures (S)",
    "Each cell is the mean cosine between the pictures of two folders. With the keyboard: arrows, and Enter.",
    "em português",
    "Error",
    "From the first picture to the second",
    "in no folder",
    "Info",
    "Let the selection go (Escape)",
    "Light or dark",
    "map",
    "Map of the collection",
    "number input for {name}",
    "only one picture",
    "Paste from clipboard",
    "processing",
    "PT: em português",
    "range slider for {name}",
    "Reset to default value",
    "Results",
    "Select",
    "Show all",
    "step {at} of {of}",
    "The pictures nearest to this step. Click one, and walk on to it.",
    "The step as it is drawn",
    "Upload file",
    "Walk on to {name}",
    "What you like",
    "Zoom in",
    "Zoom out",
    "{n:,} more",
    "{n:,} selected|{n:,} selected",
    "{n:,} ticked|{n:,} ticked",
    "{one} and {other}: {cosine}",
    "{one}, among themselves: {cosine}",
)
"""What language.js has to know; no other sentence goes to the browser."""

_TABLE = Path(__file__).with_name("pt.json")
_SWAPPED = str.maketrans(",.", ".,")
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?%?")
_BETWEEN = re.compile(r"(, | and |; |: )")  # the parts of a list, or a name and what is said of it
LONGEST = 600  # letters of what may be recognised
FEW = 8  # letters, by which alone nothing is recognised
_spoken: ContextVar[str] = ContextVar("spoken", default="")
Words = dict[str, dict[str, str]]  # for each language its sentence, by key
_of_all: Words = {language: {} for language in TAGS}  # what any page may be sent later
_of_page: WeakKeyDictionary[gr.Blocks, Words] = WeakKeyDictionary()  # what it was built with


def spoken() -> str:
    """The language of who is being answered: ENGLISH where nobody asks, as on the command line."""
    if chosen := _spoken.get():
        return chosen
    request = LocalContext.request.get(None)
    return (
        _asked_for(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
        if request
        else ENGLISH
    )


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Whoever asks, it is this one that is spoken."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def say(english: str, /, **values: Any) -> str:
    """A sentence with its values, {name} or {name:format}, in the language that is asked for.

    Of "one|many" the value of `n` decides. Numbers are written as the language writes them.
    """
    language = spoken()
    return _written(table().get(english, english) if language == PORTUGUESE else english, values, language)


def told(sentence: str) -> str:
    """A finished English sentence; as it is, where it is not known: an engine of a stranger may say anything."""
    return _recognised(sentence) if spoken() == PORTUGUESE else sentence


def number(value: float, form: str = ",") -> str:
    """As the language writes it."""
    return _number(format(value, form), spoken())


def later(english: str) -> str:
    """A sentence that is said further on, by `say`."""
    return english


def built(draw: Callable[[], str]) -> str:
    """What stands in the page as it is built: it is drawn in each language, and the browser puts in its own."""
    drawn = {}
    for language in TAGS:
        with speaking(language):
            drawn[language] = draw()
    key = "say " + drawn[ENGLISH].replace("}", ")")  # no folder's name; the frontend reads up to the first }
    page = Context.root_block  # that is being built, if any is
    words = _of_page.setdefault(page, {language: {} for language in TAGS}) if page else _of_all
    for language, text in drawn.items():
        words[language][key] = text
    return str(I18nData(key))


def fixed(english: str, /, **values: Any) -> str:
    """The same of one sentence: for labels, buttons, tabs and the names of choices."""
    return built(lambda: say(english, **values))


def shown(sentence: str) -> str:
    """The same of a finished sentence, or of the title of an engine."""
    return built(lambda: told(sentence))


def i18n(page: gr.Blocks) -> gr.I18n:
    """For `launch`."""
    words = _of_page.get(page, {})
    return gr.I18n(**{language: _of_all[language] | words.get(language, {}) for language in TAGS})


def middleware() -> Middleware:
    """For `launch`: the page tells its language, and Gradio's own words follow."""
    return Middleware(_Page)


@cache
def table() -> dict[str, str]:
    """English -> Portuguese."""
    return json.loads(_TABLE.read_text("utf-8"))


@lru_cache(256)
def _asked_for(cookie: str, accepted: str) -> str:
    """cookie: what was chosen here. accepted: the header Accept-Language, such as "pt-BR,pt;q=0.9,en;q=0.8"."""
    if cookie in TAGS:
        return cookie
    wishes = []
    for wish in accepted.split(","):
        name, _, weight = wish.partition(";q=")
        with_weight = float(weight) if re.fullmatch(r"\s*[01](\.\d+)?\s*", weight) else 1.0
        wishes.append((with_weight, name.strip().lower().partition("-")[0]))
    wishes.sort(key=lambda wish: -wish[0])  # of equals the first
    return next((name for weight, name in wishes if name in TAGS and weight), ENGLISH)


class _Writer(string.Formatter):
    """Numbers as the language writes them; {name!t} is a sentence of its own, that is recognised."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> Any:
        drawn = format(value, format_spec)
        return _number(drawn, self.language) if isinstance(value, int | float) else drawn

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return _recognised(str(value)) if conversion == "t" else super().convert_field(value, conversion)


_WRITERS = {language: _Writer(language) for language in TAGS}


def _written(sentence: str, values: dict[str, Any], language: str) -> str:
    if "|" in sentence:
        one, many = sentence.split("|")
        sentence = one if values["n"] in (1, "1") else many
    return _WRITERS[language].vformat(sentence, (), values)


def _number(drawn: str, language: str) -> str:
    return drawn.translate(_SWAPPED) if language == PORTUGUESE else drawn


@cache
def _templates() -> list[tuple[int, re.Pattern[str], str]]:
    """What finished sentences are recognised by (how many letters it has, and itself), and what they are then."""
    found = []
    for english, portuguese in table().items():
        for form in english.split("|"):
            parts = list(string.Formatter().parse(form))
            if any(name is not None for _, name, _, _ in parts):
                pattern = ""
                known: set[str | None] = {None}
                for literal, name, _, _ in parts:
                    hole = "" if name is None else f"(?P={name})" if name in known else f"(?P<{name}>.*?)"
                    pattern += re.escape(literal) + hole
                    known.add(name)
                letters = sum(character.isalpha() for literal, *_ in parts for character in literal)
                found.append((letters, re.compile(pattern, re.DOTALL), portuguese))
    found.sort(key=lambda one: -one[0])
    return found


@lru_cache(4096)
def _recognised(sentence: str) -> str:
    if sentence in table() or len(sentence) > LONGEST:
        return table().get(sentence, sentence)
    for letters, pattern, portuguese in _templates():
        if match := pattern.fullmatch(sentence):
            values = match.groupdict()
            sentences = [values[name] for name in re.findall(r"{(\w+)!t}", portuguese)]
            sure = any(map(_NUMBER.fullmatch, values.values())) or any(map(_known, sentences))
            if letters < FEW and not sure:
                continue
            written = {
                name: _number(value, PORTUGUESE) if _NUMBER.fullmatch(value) else value
                for name, value in values.items()
            }
            return _written(re.sub(r":[^{}|]*}", "}", portuguese), written, PORTUGUESE)
    for parts in _BETWEEN.finditer(sentence):
        first, between, rest = sentence[: parts.start()], parts[0], sentence[parts.end() :]
        if _known(rest) and (_known(first) or between == ": "):
            return _recognised(first) + table().get(between, between) + _recognised(rest)
    return sentence


def _known(sentence: str) -> bool:
    return sentence in table() or _recognised(sentence) != sentence


class _Page:
    """Writes the language into the page itself: its `lang`, what Gradio's frontend reads, and language.js."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = scope.get("method"), scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if place not in (("GET", ""), ("GET", "/")):
            await self.app(scope, receive, send)
            return
        request, body = Request(scope), b""
        start: Message = {}

        async def pass_on(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
                language = _asked_for(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
                body = _with_language(body.decode(), language).encode()
                headers = MutableHeaders(raw=start["headers"])
                headers["content-length"] = str(len(body))
                headers.add_vary_header("Accept-Language, Cookie")
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, pass_on)


def _with_language(html: str, language: str) -> str:
    words = {
        english: table().get(english, english) if language == PORTUGUESE else english for english in IN_SCRIPTS
    }
    told = json.dumps({"tag": TAGS[language], "cookie": COOKIE, "words": words}).replace("<", "\\u003c")
    html = html.replace('lang="en"', f'lang="{TAGS[language]}"', 1)
    return html.replace("<head>", f"<head><script>{static.read('language.js')}({told});</script>", 1)
