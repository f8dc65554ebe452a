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
from demos.i18n import language
from demos.i18n.language import later, say
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
