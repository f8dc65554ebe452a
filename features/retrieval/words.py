"""Search by words, without any network: in names of pictures and of their folders, captions and tags."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import groupby

from engines.messages import Message

NAME = Message("indexes.words")
STEM = 3  # letters: two words of which one begins the other are partly the same, from so many on
# Kana and Chinese characters: no space between words, so each of them is taken for one.
ALONE = (("\u3040", "\u30ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"))


def plain(text: str) -> str:
    """In small letters without accents."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """Made plain: of "Été_01 à-la-plage" ete, 01, a, la, plage."""
    runs = [(kind, "".join(letters)) for kind, letters in groupby(plain(text), _kind) if kind]
    return [word for kind, run in runs for word in (run if kind == "alone" else [run])]


def _kind(letter: str) -> str:
    """Letters with their marks belong together, and so do digits; all else lies between words."""
    if any(first <= letter <= last for first, last in ALONE):
        return "alone"
    return {"L": "letters", "M": "letters", "N": "digits"}.get(unicodedata.category(letter)[0], "")


class Words:
    """Texts by key, to be searched for words."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._keys = list(texts)
        self._holders: dict[str, list[int]] = {}  # word -> places of the keys
        for place, text in enumerate(texts.values()):
            for word in set(words(text)):
                self._holders.setdefault(word, []).append(place)

    def rank(self, text: str, unlike: str = "") -> list[tuple[str, float]]:
        """(key, score) of all that have a word of the text, best first; equal ones in the order of the texts.

        score: the share of the text's words that are there, 0..1, rare words weighing more (inverse document
        frequency: Sparck Jones 1972); less the same of `unlike`. What begins another word counts by its length.
        """
        liked, unliked = self._shares(text), self._shares(unlike)
        scores = {place: share - unliked.get(place, 0.0) for place, share in liked.items()}
        ranked = sorted((-score, place) for place, score in scores.items() if score > 0)
        return [(self._keys[place], -score) for score, place in ranked]

    def _shares(self, text: str) -> dict[int, float]:
        found: dict[int, float] = {}
        total = 0.0
        for word, times in Counter(words(text)).items():
            best: dict[int, float] = {}
            for other, places in self._holders.items():
                if likeness := _likeness(word, other):
                    for place in places:
                        best[place] = max(best.get(place, 0.0), likeness)
            weight = times * math.log(1 + len(self._keys) / (1 + len(best)))
            total += weight
            for place, likeness in best.items():
                found[place] = found.get(place, 0.0) + weight * likeness
        return {place: share / total for place, share in found.items()}


def _likeness(one: str, other: str) -> float:
    """1 for the same word, less where one begins the other, else 0."""
    short, long = sorted((one, other), key=len)
    if short == long:
        return 1.0
    return len(short) / len(long) if len(short) >= STEM and long.startswith(short) else 0.0
