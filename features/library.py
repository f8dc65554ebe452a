"""Library: engines, catalogues and the home. The command line and the app begin here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

import engines
from engines import Card, Engine, NetworkChoice
from engines.messages import Message
from engines.networks.weights import forget_failures
from features import files, preferences
from features.analysis import duplicates
from features.analysis.duplicates import Duplicates, Found
from features.catalogue import folder as folders
from features.catalogue.captions import HAND, Caption
from features.catalogue.folder import Catalogue, Progress, Skipped
from features.catalogue.gallery import Gallery, gallery
from features.errors import CatalogueError
from features.evaluation import comparison
from features.evaluation.comparison import Comparison
from features.home import Home, default_home, unchanged
from features.image_index import ImageIndex
from features.index import chosen as chosen_index
from features.indexing.scanning import scan
from features.indexing.updating import captions_for, recaption


class Library:
    """Catalogues and engines, and what is remembered of them below `home`. Safe to use from several threads.

    Attributes:
        home: The folder.
        searched_by: How to search, as given or found in SEMBLANCE_INDEX.
    """

    def __init__(self, home: Path | None = None, index: str | None = None) -> None:
        """home: None takes `default_home`. index: one of features.index.CHOICES or a database's URI; None takes
        SEMBLANCE_INDEX, else auto.

        Raises SemblanceError when that index is not available.
        """
        self.home = Path(os.path.abspath((home or default_home()).expanduser()))
        self.searched_by = chosen_index(index)
        self._home = Home(self.home, self.searched_by)
        self._engines: dict[tuple[str, str], Engine] = {}
        self._catalogues: dict[Path, Catalogue] = {}

    def engine(self, name: str, network: str = "auto") -> Engine:
        """The one instance of an engine on a network. Raises SemblanceError, which lists the choices.

        "auto" prefers what `prefer` has kept for the engine.
        """
        with self._home.lock:
            if (name, network) not in self._engines:
                self._engines[name, network] = engines.create(
                    name, network, preferences.networks(self.home).get(name, "")
                )
            return self._engines[name, network]

    def prefer(self, name: str, network: str) -> None:
        """Keeps the network that "auto" is to stand for: "auto" itself, "builtin" or one of the engine's.

        Raises SemblanceError when there is none of that name, and when the home can't be written to.
        """
        engines.create(name, network)
        with self._home.lock, self._home.writing():
            preferences.keep(self.home, name, network)
            self._engines.pop((name, "auto"), None)
        forget_failures()

    def preferred(self, name: str) -> str:
        """Returns the network that a person chose for an engine by `prefer`; "auto" where nobody has."""
        return preferences.networks(self.home).get(name, "auto")

    def choices(self, name: str) -> Sequence[NetworkChoice]:
        """Returns the networks that a person may choose for an engine; none for one that is broken."""
        try:
            return self.engine(name).choices()
        except Exception:  # its card has the reason
            return ()

    def cards(self) -> dict[str, Card]:
        """Every engine's card by name, in the order of the tabs."""
        cards = {name: self._card(name) for name in engines.discover()}
        return dict(sorted(cards.items(), key=lambda item: (item[1].order, item[0])))

    def _card(self, name: str) -> Card:
        try:
            return self.engine(name).describe()
        except Exception as error:  # one broken engine must not take the others down
            reason = Message("cards.failed", name=name, error=repr(error))
            return Card(
                name.capitalize(),
                Message("cards.unknown"),
                0,
                "none",
                Message("cards.none"),
                "unknown",
                available=False,
                reason=reason,
            )

    def open(self, folder: Path) -> Catalogue:
        """The catalogue of a folder as it was last scanned: one object for all who ask. Raises CatalogueError."""
        catalogue = folders.open_catalogue(folder, self.home)
        with self._home.lock:
            return folders.load(self._catalogues.setdefault(catalogue.state, catalogue))

    def known(self) -> list[Catalogue]:
        """Every catalogue that has been indexed and whose folder is still there."""
        states = sorted(self.home.glob("catalogues/*/catalogue.json"))
        found = []
        for root in filter(None, map(folders.root_of, states)):
            with contextlib.suppress(CatalogueError):  # gone, or about to hold our home
                found.append(self.open(root))
        return found

    def index(self, catalogue: Catalogue, engine: Engine) -> ImageIndex:
        """Returns the catalogue as the engine sees it; reads nothing yet."""
        return ImageIndex(self._home, catalogue, engine)

    def scan(self, catalogue: Catalogue, progress: Progress = lambda done, total, what: None) -> list[Skipped]:
        """Brings the catalogue up to date with its folder; see features.indexing.scanning.scan."""
        return scan(self._home, catalogue, progress)

    def captions(self, catalogue: Catalogue) -> dict[str, Caption]:
        """Returns by digest the caption of each picture, and who wrote it."""
        return self._home.metadata(catalogue).captions()

    def caption(self, catalogue: Catalogue, digest: str, text: str, engine: Engine | None = None) -> None:
        """Sets a caption by hand; an empty text takes it back. It moves the picture's vector.

        engine: whose vector moves at once, unless it is indexing; those of others, when they index. Raises
        SemblanceError when the home can't be written to.
        """
        with self._home.writing():
            self._home.metadata(catalogue).keep(HAND, {digest: text})
            if engine and engine.describe().available:
                index = self.index(catalogue, engine)
                engine, store = index.prepared(), index.store
                with contextlib.suppress(Timeout), FileLock(store.path.with_suffix(".lock"), timeout=0):
                    known = captions_for(self._home, catalogue, engine)
                    recaption(self._home, catalogue, engine, store, known)

    def gallery(self, catalogue: Catalogue) -> Gallery:
        """Returns all pictures with their words, as of the last scan; cached until something changes."""
        captions = self._home.metadata(catalogue)
        version = catalogue.paths, catalogue.hidden, catalogue.tags, captions.version()
        make = partial(gallery, catalogue, captions.captions())
        return self._home.remember((catalogue.state, "gallery"), version, make)

    def thumbnail(self, catalogue: Catalogue, digest: str) -> Path:
        """Returns a small JPEG of a picture of the catalogue, made once. Raises ImageError."""
        return self._home.thumbnail(catalogue, digest)

    def find_duplicates(
        self,
        catalogue: Catalogue,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Duplicates | None:
        """Finds the groups of pictures that are one and the same, and keeps them. None where it was cancelled.

        Needs no engine. Brings the catalogue up to date first; the hidden take no part. What was computed of each
        picture is kept, however the run ends. Raises CatalogueError, and SemblanceError when the home can't be
        written to.
        """
        self.scan(catalogue, progress)
        path = _duplicates_file(catalogue)
        with self._home.writing():
            shown, read = catalogue.paths.keys() - catalogue.hidden, partial(unchanged, catalogue)
            found = duplicates.find(shown, read, path.with_suffix(".looks"), progress, cancelled)
            if found is None:
                return None
            found.keep(path)
        return found.shown(catalogue)

    def duplicates(self, catalogue: Catalogue) -> Duplicates | None:
        """Returns what `find_duplicates` found last, less what is gone or hidden since; None before."""
        path = _duplicates_file(catalogue)
        with self._home.lock:
            found = self._home.remember(path, files.version(path), partial(Found.kept, path))
        return found.shown(catalogue) if found else None

    def compare(
        self,
        catalogue: Catalogue,
        compared: Sequence[Engine],
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
        *,
        kept_only: bool = False,
    ) -> Comparison:
        """Measures engines on the same queries; see features.evaluation.comparison.compare."""
        return comparison.compare(self._home, catalogue, compared, progress, cancelled, kept_only=kept_only)


def _duplicates_file(catalogue: Catalogue) -> Path:
    return catalogue.state.with_name("pictures.duplicates")


def labelled_files(folder: Path, home: Path) -> list[tuple[Path, str]]:
    """Returns every picture of a folder with its label (its folder below). Raises CatalogueError."""
    catalogue = folders.open_catalogue(folder, home)
    folders.scan(catalogue, save=False)
    unreadable = [(catalogue.root / skip.path, "") for skip in catalogue.unreadable]  # evaluation says why
    return [(catalogue.file(digest), catalogue.label(digest)) for digest in catalogue.paths] + unreadable
