"""Errors of engines. Each message is one clear sentence that is safe to show to a person.

    SemblanceError            the root, which the app and the commands catch
    ├── NotEmbeddable         the picture holds nothing to embed
    ├── WeightsError          a weights file is not the published one
    ├── WeightsUnavailable    the weights are unavailable at the moment
    │   └── NotFetched        no download has been tried yet
    └── Untrained             the engine must first be trained on the collection

features/errors.py adds the errors of collections.
"""

from __future__ import annotations

from typing import Any

from engines.messages import Message


class SemblanceError(Exception):
    """Base class: the message names the problem, the file, and the remedy.

    Args:
        text: The id of a message, with its values, or a finished sentence.
        **values: See engines.messages.Message.
    """

    def __init__(self, text: str = "", /, **values: Any) -> None:
        self.message = text if isinstance(text, Message) else Message(text, **values)
        super().__init__(self.message)


class NotEmbeddable(SemblanceError):
    """The picture holds nothing that the engine can embed (no face, say)."""


class WeightsError(SemblanceError):
    """A weights file is not the published one; the engine is unavailable until the person replaces the file."""


class WeightsUnavailable(SemblanceError):
    """The weights are not on this machine (offline, unreachable, not fetched); a built-in network may stand in."""


class NotFetched(WeightsUnavailable):
    """The weights are not on this machine, and no download has been tried yet."""


class Untrained(SemblanceError):
    """The engine must first be trained on the collection; the message explains how."""
