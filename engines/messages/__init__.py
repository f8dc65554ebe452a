"""What Semblance says to people: messages by id, in English and Portuguese.

Each language has a catalogue beside this file, `en.json` and `pt.json`: {id: text}, with the same ids and the same
placeholders. `say` in demos/i18n/language.py shows a message in a visitor's language; everywhere else a message is
English, because it is a string that holds its English text.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from numbers import Number
from pathlib import Path
from typing import Any

ENGLISH, PORTUGUESE = "en", "pt"

_SWAPPED = str.maketrans(",.", ".,")


class Message(str):
    """A text for people, immutable like any string: its value is the English text.

    A text that is no id of the catalogue stands as it is: an engine from elsewhere may say anything.

    Attributes:
        id: Its id in the catalogues, such as "errors.no_face".
        values: What stands for its placeholders `{name}` or `{name:format}`: texts, numbers, other messages, which
            appear in the same language. Of a text "one|many", `n` decides.
    """

    __slots__ = ("id", "values")
    id: str
    values: dict[str, Any]

    def __new__(cls, id: str, /, **values: Any) -> Message:
        kept = {name: _kept(value) for name, value in values.items()}
        made = super().__new__(cls, _text(id, kept, ENGLISH))
        made.id, made.values = id, kept
        return made

    def text(self, language: str) -> str:
        """Returns the text in a language, with its numbers as that language writes them."""
        return _text(self.id, self.values, language)

    def __reduce__(self) -> tuple[Callable[[], Message], tuple[()]]:
        return partial(Message, self.id, **self.values), ()


def number(value: float, form: str, language: str) -> str:
    """Returns a number as a language writes it: 1,234.5 or 1.234,5."""
    drawn = format(value, form)
    return drawn.translate(_SWAPPED) if language == PORTUGUESE else drawn


def packed(text: str) -> str:
    """Returns a message as a plain string, for files: JSON of id and values, or the English text without any."""
    if isinstance(text, Message) and text.values:
        kept = json.dumps(_packed(text), default=float, ensure_ascii=False)
        if unpacked(kept) == text:  # not so what `joined` has put together
            return kept
    return str(text)


def unpacked(text: str) -> str:
    """Returns the message that `packed` has written, or that has this English text; any other text as it is."""
    if isinstance(text, Message):
        return text
    try:
        return _unpacked(json.loads(text)) if text.startswith('["') else Message(_ids().get(text, text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return text


def joined(texts: Iterable[str], between: str = "; ") -> str:
    """Returns texts, without the empty ones, as one text of which each part keeps its language."""
    parts = {f"part{number}": text for number, text in enumerate(filter(None, texts))}
    if len(parts) == 1:
        return parts["part0"]
    return Message(between.join(f"{{{name}}}" for name in parts), **parts)


def listed(texts: Sequence[str]) -> str:
    """Returns "a, b and c" of at least one text, of which each keeps its language."""
    *others, last = texts
    return Message("lists.and", first=joined(others, ", "), last=last) if others else last


@cache
def catalogue(language: str) -> dict[str, str]:
    """Returns the texts of a language by id."""
    return json.loads(Path(__file__).with_name(f"{language}.json").read_text("utf-8"))


@cache
def _ids() -> dict[str, str]:
    """English text -> id."""
    return {text: id for id, text in catalogue(ENGLISH).items()}


def _packed(message: Message) -> list[Any]:
    values = message.values.items()
    return [message.id, {name: _packed(value) if isinstance(value, Message) else value for name, value in values}]


def _unpacked(kept: list[Any]) -> Message:
    id, values = kept
    known = {name: _unpacked(value) if isinstance(value, list) else value for name, value in values.items()}
    if id not in catalogue(ENGLISH):
        raise ValueError(f"no message {id!r}")
    return Message(id, **known)


def _kept(value: Any) -> Any:
    """An error counts as its message, and whatever is neither text nor number as its text."""
    value = getattr(value, "message", value)
    return value if isinstance(value, str | Number) else str(value)


def _text(id: str, values: dict[str, Any], language: str) -> str:
    text = catalogue(language).get(id) or catalogue(ENGLISH).get(id)
    if text and "|" in text:
        one, many = text.split("|")
        text = one if values["n"] in (1, "1") else many
    return _WRITERS[language].vformat(text or id, (), values) if values else text or id


class _Writer(string.Formatter):
    """Formats placeholders as a language writes them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Number):
            return number(value, format_spec, self.language)  # type: ignore[arg-type]
        return format(value.text(self.language) if isinstance(value, Message) else value, format_spec)


_WRITERS = {language: _Writer(language) for language in (ENGLISH, PORTUGUESE)}
