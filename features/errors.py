"""The errors of collections, beside those of engines/errors.py.

SemblanceError        from engines; the root
├── ImageError        a file can't be opened as a picture
├── CatalogueError    a folder can't serve as a catalogue
├── NotIndexed        nothing is indexed for this engine yet
├── Busy              another process is indexing
└── Stopped           the person cancelled
DamagedStore          internal: a feature file is rebuilt
"""

from __future__ import annotations

from engines.errors import SemblanceError


class ImageError(SemblanceError):
    """This file can't be opened as a picture; the message says why and what to do."""


class CatalogueError(SemblanceError):
    """The folder can't serve as a catalogue."""


class NotIndexed(SemblanceError):
    """Nothing of this catalogue has been embedded with this engine yet."""


class Busy(SemblanceError):
    """Another process is indexing this catalogue for this engine."""


class Stopped(SemblanceError):
    """The work was cancelled; nothing was written."""


class DamagedStore(Exception):
    """The feature file is not one that Semblance wrote whole; it is set aside and rebuilt. Never shown."""
