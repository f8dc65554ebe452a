"""The errors of engines. Each message is one clear sentence that is safe to show to a person.

    SemblanceError            the root: what an app or a command catches
    ├── NotEmbeddable         this picture has nothing to embed
    ├── WeightsError          a weights file is not what it should be
    ├── WeightsUnavailable    no weights can be had now
    │   └── NotFetched        a download has not been tried yet
    └── Untrained             the engine must first be trained on the collection

features/errors.py adds those of collections.
"""

from __future__ import annotations


class SemblanceError(Exception):
    """Something went wrong; the message says what, which file, and what to do."""


class NotEmbeddable(SemblanceError):
    """This image has nothing that the engine can embed (no face, say)."""


class WeightsError(SemblanceError):
    """A weights file is not the one it should be. Nothing answers until the person replaces it."""


class WeightsUnavailable(SemblanceError):
    """The weights are not here now (offline, unreachable, not fetched yet); a built-in network may answer."""


class NotFetched(WeightsUnavailable):
    """A download has not been tried yet."""


class Untrained(SemblanceError):
    """This engine must first be trained on the collection; the message says how."""
