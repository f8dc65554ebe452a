"""Search by words, without any network: in names of pictures, names of their folders, and captions."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import groupby

NAME = "words in names, folders and captions"
STEM = 3  # letters: two words of which one begins the other are partly the same, from so many on
# Kana and Chinese characters: no space between words, so each of them is taken for one.
ALONE = (("\u3040", "\u30ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"))


def words(text: str) -> list[str]:
    """In small letters without accents: of "Été_01 à-la-plage" ete, 01, a, la, plage."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    runs = [(kind, "".join(letters)) for kind, letters in groupby(plain, _kind) if kind]
    return [word for kind, run in runs for word in (run if kind == "alone" else [run])]


def _kind(letter: str) -> str:
    """Letters with their marks belong together, and so do digits; all else lies between words."""
    if any(first <= letter <= last for first, last in ALONE):
        return "alone"
    return {"L": "letters", "M": "letters", "N": "digits"}.get(unicodedata.category(letter)[0], "")


class Words:
    """Texts by key, to be searched for words."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._holders: dict[str, list[str]] = {}  # word -> keys, in order
        for key, text in texts.items():
            for word in dict.fromkeys(words(text)):
                self._holders.setdefault(word, []).append(key)
        self._total = len(texts)

    def rank(self, text: str, unlike: str = "") -> list[tuple[str, float]]:
        """(key, score) of all that have a word of the text, best first; equal ones in the order of the texts.

        score: the share of the text's words that are there, 0..1, rare words weighing more (inverse document
        frequency: Sparck Jones 1972); less the same of `unlike`. What begins another word counts by its length.
        """
        liked, unliked = self._shares(text), self._shares(unlike)
        scores = {key: share - unliked.get(key, 0.0) for key, share in liked.items()}
        return sorted(((key, score) for key, score in scores.items() if score > 0), key=lambda found: -found[1])

    def _shares(self, text: str) -> dict[str, float]:
        asked = Counter(words(text))
        found: dict[str, float] = {}
        total = 0.0
        for word, times in asked.items():
            best: dict[str, float] = {}
            for other, keys in self._holders.items():
                if likeness := _likeness(word, other):
                    for key in keys:
                        best[key] = max(best.get(key, 0.0), likeness)
            weight = times * math.log(1 + self._total / (1 + len(best)))
            total += weight
            for key, likeness in best.items():
                found[key] = found.get(key, 0.0) + weight * likeness
        return {key: share / total for key, share in found.items()}


def _likeness(one: str, other: str) -> float:
    """1 for the same word, less where one begins the other, else 0."""
    short, long = sorted((one, other), key=len)
    if short == long:
        return 1.0
    return len(short) / len(long) if len(short) >= STEM and long.startswith(short) else 0.0
