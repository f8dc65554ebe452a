"""What stands around an answer: the line of facts, whose weights answered, and examples to ask with."""

from __future__ import annotations

from html import escape

from demos.components import draw
from demos.i18n.language import localized, number, say
from demos.server.state import Shelf
from engines import Card, SemblanceError
from features.retrieval.results import Answer

EXAMPLES = 8
NO_MATCH = localized(lambda: draw.state("empty", say("common.no_match"), say("answers.no_other_picture")))


def searched(pictures: int) -> str:
    """Returns how many pictures were searched, in words."""
    return say("counts.pictures_searched", n=pictures)


def answered(card: Card, answer: Answer, *more: str) -> str:
    """The line under an answer."""
    return facts(card, searched(answer.searched), answer.seconds, say(answer.index), *more)


def facts(card: Card, what: str, seconds: float, *more: str) -> str:
    """The line that any answer has. card: of the engine that gave it."""
    network = say("answers.network", name=say(card.network)) + (f" ({card.runner})" if card.runner else "")
    all_of_it = (say(card.title), network, what, *more, f"{number(seconds * 1000, ',.0f')} ms")
    return f'<p class="facts">{" · ".join(map(escape, all_of_it))}</p>'


def take() -> str:
    """What was found, to be taken away."""
    return (
        f'<p class="take">{say("answers.take_away")} '
        '<button type="button" data-do="take" data-digest="csv">CSV</button> · '
        f'<button type="button" data-do="take" data-digest="zip">{say("answers.pictures_zip")}</button></p>'
    )


def weights_note(card: Card) -> str:
    """Returns the line that says whose weights answer. Why no others do is a matter of the fold-out Network."""
    if not card.available:
        return f'<p class="note warn"><b>{say("answers.not_available")}</b> {escape(say(card.reason))}</p>'
    if not (card.builtin or card.settled):
        why = escape(draw.sentence(card.reason))
        return f'<p class="note"><b>{say("answers.ready_at_first_use")}</b> {why}</p>'
    whose = say("answers.weights", weights=say(card.weights))
    if card.builtin:
        named = {"network": card.network, "licence": say(card.licence)}
        whose = say("answers.installed", **named)
        whose += "" if card.settled else " " + say("answers.made_ready")
    return f'<p class="note">{escape(whose)}</p>'


def weights(shelf: Shelf, key: str, name: str) -> str:
    """Whose weights answer."""
    try:
        answering = shelf.engine(key, name)
    except SemblanceError:  # a collection that is not there
        answering = shelf.library.engine(name)
    return weights_note(answering.describe())


def example_pictures(shelf: Shelf, key: str, name: str) -> str:
    """Pictures from all over the catalogue, from as many labels as there are places."""
    try:
        catalogue = shelf.catalogue(key, name)
    except SemblanceError:
        return ""
    digests = [
        digest for digest in catalogue.paths if digest not in catalogue.hidden
    ]  # in the order of the paths, so neighbours share a label
    step = max(1, len(digests) / EXAMPLES)
    return draw.examples(catalogue, [digests[int(i * step)] for i in range(min(EXAMPLES, len(digests)))])
