"""From the question in the view Find to the HTML of its answer."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

from demos.components import answers, download, draw, picture_input, queries, region, why
from demos.components.options import How
from demos.components.picture_input import RawImage
from demos.components.queries import Asked, Query
from demos.i18n.language import say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from demos.views import find_kinds
from engines import Learner, SemblanceError
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.export import save_found


def ask(
    shelf: Shelf, key: str, name: str, question: RawImage, asked: Asked, k: Any, how: How, kind: find_kinds.Kind
) -> Query | None:
    """What can be answered now, without a download; None where there is no question. Raises SemblanceError."""
    k = queries.limited(k, kind.results[1])
    catalogue = shelf.catalogue(key, name)
    path = _picture(catalogue, question, asked)
    if path is None and (pinned := [reference for pin in how.pins if (reference := pin.reference(catalogue))]):
        path = pinned[0].path
    engine = shelf.engine(key, name)
    settled = engine.describe().settled
    if settled and kind.tunable and how.tuned:
        engine = shelf.library.index(catalogue, engine).tuning.tuned() or engine
    return Query(shelf.library, catalogue, engine, path, asked, k, how) if path and settled else None


def _picture(catalogue: Catalogue, question: RawImage, asked: Asked) -> Path | None:
    """The file of the question itself. Raises SemblanceError."""
    return (
        catalogue.file(asked.digest) if asked.digest in catalogue.paths else picture_input.uploaded_file(question)
    )


def overlay(shelf: Shelf, key: str, name: str, question: RawImage, asked: Asked) -> str:
    """What is drawn over the question; nothing where it can't be opened: the answer tells that."""
    try:
        path = _picture(shelf.catalogue(key, name), question, asked)
        return region.draw_layer(path, asked.box) if path else ""
    except SemblanceError:
        return ""


def explain(query: Query, digest: str, number: int) -> str:
    """Draws why crop `number` of a picture is like the query. Raises SemblanceError."""
    library, catalogue, asked = query.library, query.catalogue, query.reference
    explained = library.index(catalogue, query.engine).explain(asked, digest, number)
    return why.told(catalogue, explained, asked, digest)


def answer(
    shelf: Shelf, key: str, name: str, question: RawImage, asked: Asked, k: Any, how: How, kind: find_kinds.Kind
) -> tuple[str, ...]:
    """(wall, status), and what else the kind of tab finds, if it finds anything."""
    try:
        if not (query := ask(shelf, key, name, question, asked, k, how, kind)):
            return idle(shelf, key, name), answers.weights(shelf, key, name)
        html, facts, *more = kind.find(query)
        answered = facts + (answers.take() if html else "") + answers.weights(shelf, key, name)
        shelf.upgrade(key, name)
        return html or answers.NO_MATCH, answered, *more
    except NotIndexed:
        html = idle(shelf, key, name)
    except SemblanceError as error:
        html = draw.failed(error)
    except Exception:
        logging.getLogger(__name__).exception("a search in %s failed", name)
        html = draw.failed(UNFORESEEN)
    return html, answers.weights(shelf, key, name)


def take(query: Query, kind: find_kinds.Kind, wanted: str, *, files: bool) -> Path:
    """What was found, to download. files: the pictures as they are; visitors get them as small as they see them.

    Raises SemblanceError.
    """
    out = download.place("semblance-found.zip" if wanted == "zip" else "semblance-found.csv")
    shown = query.catalogue.file if files else partial(query.library.thumbnail, query.catalogue)
    save_found(kind.found(query), out, query.catalogue.root, shown)
    return out


def idle(shelf: Shelf, key: str, name: str) -> str:
    """What can be done here, while there is no question or nothing to answer it from."""
    try:
        if job := shelf.job(key, name):
            return draw.progress([job])
        card = shelf.card(key, name)
        if not card.available:
            learner = isinstance(shelf.library.engine(name), Learner)
            why = "find.to_be_trained" if learner else "find.not_available"
            return draw.state("empty", say(why, title=say(card.title)), say(card.reason))
        catalogue = shelf.catalogue(key, name)
        status = shelf.status(key, name)
    except NotIndexed as error:
        told = say(shelf.jobs.failure(key) or error)
        return draw.state("index", say("samples.none"), told, action=("index", say("samples.draw")))
    except SemblanceError as error:
        return draw.failed(error)
    failure = shelf.jobs.failure((catalogue.root, name))
    if failure and not status.done:
        told = say(failure)
        return draw.state("error", say("find.stopped"), told, action=("index", say("find.try_again")))
    title, at, n = say(shelf.cards[name].title), catalogue.name, status.images
    if shelf.unready(key, name):
        told = (
            say(
                "find.not_indexed_for",
                n=n,
                title=title,
            )
            if n
            else say("find.not_indexed_for_any", title=title)
        )
        told += " " + say("find.drop_to_index")
        heading = say("find.not_indexed", name=at)
        return draw.state("index", heading, told, action=("index", say("common.index_now")))
    if not status.rows:
        told = say(
            "find.all_unusable",
            n=n,
        )
        heading = say("find.nothing_for", name=at, title=title)
        return draw.state("empty", heading, told, action=("index", say("find.try_again")))
    told = say("common.how_to_ask") + " "
    if status.done < n:
        told += say("find.indexed_so_far", name=at, some=draw.so_far(status.done, n))
        return draw.state("ask", say("find.ask"), told, action=("index", say("find.index_rest")))
    told += say("find.has_pictures", name=at, pictures=draw.count(n, "pictures"))
    return draw.state("ask", say("find.ask"), told)
