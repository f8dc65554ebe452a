"""What a machine asks the app: `/healthz`, does the process live; `/readyz`, can a search be answered."""

from __future__ import annotations

import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from demos.server.state import Shelf
from engines import SemblanceError
from features.library import Library


def routes(shelf: Shelf) -> list[Route]:
    """Both answer with 200, or `/readyz` with 503, and one plain sentence that names no path of this machine."""

    async def lives(request: Request) -> Response:
        return PlainTextResponse("Semblance is running.\n")

    def ready(request: Request) -> Response:  # not async: it gets a thread, and waits for one as searches do
        try:
            return PlainTextResponse(f"{probe(shelf)}\n")
        except SemblanceError as error:
            return PlainTextResponse(f"{error}\n", 503)

    return [Route("/healthz", lives), Route("/readyz", ready)]


def probe(shelf: Shelf) -> str:
    """Searches the first collection as for a visitor, with a made-up vector; which tab answered, in a sentence.

    So the features are read, the network is loaded, and an index elsewhere is reached. The first tab that has
    looked at pictures is asked; the others look when they are first used. Raises SemblanceError.
    """
    name = next((name for name in shelf.cards if _has_looked(shelf, name)), None)
    if name is None:
        raise SemblanceError("health.nothing_indexed")
    catalogue, engine = shelf.catalogue(shelf.first, name), shelf.engine(shelf.first, name)
    vector = np.eye(1, engine.describe().dim, dtype=np.float32)
    Library.index(shelf.library, catalogue, engine).nearest(vector, 1)  # uncounted: no visitor asked
    return f"{shelf.cards[name].title} can answer."


def _has_looked(shelf: Shelf, name: str) -> bool:
    try:
        return not shelf.unready(shelf.first, name) and shelf.status(shelf.first, name).rows > 0
    except SemblanceError:  # samples that have yet to be drawn
        return False
