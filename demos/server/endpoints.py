"""What the app does for programs: plain data in and out, by the names of `demos/server/api.py`.

What comes in was read by `reading`, by the type that each parameter declares, and may still be made up: a picture
is one that was uploaded, or a digest of one on the shelf; a path of this machine is never taken, but by
`index_folder`.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demos.components import download, draw, events, queries
from demos.server.jobs import Job
from demos.server.state import MARKS, Shelf
from demos.tabs import lookalike
from demos.views import engine_comparison, style_transfer
from engines import Engine, Generative, SemblanceError
from engines.messages import Message
from features.catalogue.folder import Catalogue
from features.catalogue.gallery import Wish
from features.errors import NotIndexed
from features.export import VECTORS
from features.limits import LIMITS
from features.retrieval.results import Answer, Liked, Match, Reference, Report
from features.retrieval.word_search import understands
from features.transfer import INSTANT, METHODS

MOST = LIMITS.listed  # matches in an answer
PICTURE = "Upload a picture first, with handle_file(...)."


class Endpoints:
    """Each method is an endpoint; its docstring describes it to programs. All raise SemblanceError."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.library = shelf.library

    def collections(self) -> list[dict[str, Any]]:
        """All collections of pictures that can be asked, with the key that the other endpoints take."""
        return [
            {
                "collection": key,
                "name": name,
                "pictures": sum(len(home.paths) for home in self.shelf.catalogues(key)),
            }
            for name, key in self.shelf.choices()
        ]

    def engines(self) -> list[dict[str, Any]]:
        """All engines: what alike means to each, its network, and whether it can be had."""
        told = ("title", "alike", "network", "weights", "available", "reason", "dim", "licence")
        return [
            {"engine": name} | {field: getattr(card, field) for field in told}
            for name, card in self.library.cards().items()
        ]

    def find(self, picture: Path | None, collection: str, engine: str, k: float) -> dict[str, Any]:
        """The k pictures of a collection that are most like a picture, for an engine.

        Args:
            picture: the picture to ask with.
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
            k: how many, at most 200.
        """
        catalogue, chosen = _ready(self.shelf, collection, engine)
        answer = self.library.index(catalogue, chosen).search(_needed(picture), queries.limited(k, MOST))
        return _answer(catalogue, engine, answer)

    def find_by_text(self, text: str, unlike: str, collection: str, engine: str, k: float) -> dict[str, Any]:
        """The k pictures that fit a text: by an engine that understands it, else by words in names and captions.

        Args:
            text: what they should show.
            unlike: what they should not show; may be empty.
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`; `semantic` understands texts where it is installed.
            k: how many, at most 200.
        """
        chosen = self.library.engine(engine)
        if understands(chosen):
            catalogue, chosen = _ready(self.shelf, collection, engine)
        else:
            catalogue = self.shelf.catalogue(collection or self.shelf.first, engine)
            if not catalogue.paths:
                self.library.scan(catalogue)
        answer = self.library.index(catalogue, chosen).search_text(text, None, unlike, queries.limited(k, MOST))
        return _answer(catalogue, engine, answer)

    def recommend(
        self, like: list[str], unlike: list[str], collection: str, engine: str, k: float, diversity: float
    ) -> dict[str, Any]:
        """The k pictures nearest to what is liked and far from what is not; none of them comes back.

        Args:
            like: a list of digests, as other endpoints give them.
            unlike: the same of what is not liked; may be empty.
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
            k: how many, at most 200.
            diversity: 0 for the nearest, up to 1 for ones that differ from each other.
        """
        catalogue, chosen = _ready(self.shelf, collection, engine)
        likes, unlikes = ([Liked(digest) for digest in given] for given in (like, unlike))
        answer = self.library.index(catalogue, chosen).recommend(
            likes, unlikes, queries.limited(k, MOST), diversity=diversity
        )
        return _answer(catalogue, engine, answer) | {"because": list(answer.because)}

    def classify(self, picture: Path | None, collection: str, engine: str) -> dict[str, Any]:
        """Which folder of a collection a picture belongs to: every folder with its probability, highest first.

        Args:
            picture: the picture to ask about.
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
        """
        catalogue, chosen = _ready(self.shelf, collection, engine)
        (ranked,) = self.library.index(catalogue, chosen).classifier.classify([Reference(_needed(picture))])
        card = chosen.describe()
        told = [{"label": label, "p": round(p, 6)} for label, p in ranked]
        return {"engine": engine, "network": card.network, "weights": card.weights, "probabilities": told}

    def same(self, first: Path | None, second: Path | None, collection: str, engine: str) -> dict[str, Any]:
        """Whether two photos show the same person, judged by pairs of which that is known.

        The verdict is "same", "different" or "unsure"; null without such pairs. `doubts` says for each photo what
        makes its face hard to judge: with one such face the verdict is never "different", with two it is "unsure".

        Args:
            first: a photo; its first face counts.
            second: the other one.
            collection: its key, from `collections`; its pairs are judged by where it has enough of them.
            engine: its name, from `engines`.
        """
        _check(self.shelf, engine)
        paths = [_needed(first), _needed(second)]
        _, verdict = lookalike.judged(self.shelf, collection or self.shelf.first, engine, paths)
        return {
            "cosine": round(verdict.cosine, 6),
            "verdict": verdict.word,
            "judged_by": verdict.known and verdict.known.source,
            "doubts": [list(remarks) for remarks in verdict.remarks],
        }

    def paint(
        self,
        photo: Path | None,
        painting: Path | None,
        digest: str,
        collection: str,
        strength: float,
        keep_colours: bool,
        size: float,
        method: str,
        brush: float,
    ) -> str:
        """A photo in the style of a painting, as a picture file; one is made at a time.

        Args:
            photo: the photo to paint.
            painting: the painting; may be empty where `digest` is given.
            digest: of a painting of the collection, as other endpoints give it; may be empty.
            collection: its key, from `collections`; empty takes the first.
            strength: of the style, 0 to 1.
            keep_colours: whether the photo keeps its own colours.
            size: of the longer side in pixels, 64 to 4096; 64 to 1024 with "gatys".
            method: "instant", or "gatys", which takes half a minute or more.
            brush: the scale at which the painting is seen at once, 0.5 (fine strokes) to 4 (broad ones).
        """
        style = style_transfer.painting_of(self.shelf, collection or self.shelf.first, "style", digest, None)
        if not (style := style or painting):
            raise SemblanceError("endpoints.no_painting")
        if method and method not in METHODS:
            raise SemblanceError("paint.no_method", name=method, choices=", ".join(METHODS))
        wish = style_transfer.Wish(method or INSTANT, strength, brush or 1.0, keep_colours, round(size))
        return str(style_transfer.painted(_needed(photo), style, wish))

    def export(self, collection: str, engine: str, format: str) -> str:
        """The vectors of a collection with paths, labels, captions and tags, as a file; not of what is hidden.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
            format: .npz, .parquet, or .zip for the Embedding Projector.
        """
        if format not in VECTORS:
            raise SemblanceError("endpoints.no_format", format=format, choices=", ".join(VECTORS))
        catalogue, chosen = _ready(self.shelf, collection, engine)
        out = download.place(f"semblance-{engine}{format}")
        self.library.index(catalogue, chosen).export(out)
        return str(out)

    def evaluate(self, collection: str, engine: str) -> dict[str, Any]:
        """How well an engine finds pictures of the same folder in a collection; each picture asks all the others.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
        """
        measured, _ = self.library.index(*_ready(self.shelf, collection, engine)).evaluation.retrieval()
        return asdict(measured)

    def pictures(self, text: str, folder: str, tag: str, collection: str, k: float) -> dict[str, Any]:
        """The pictures of a collection by name, folder, caption and tag.

        Args:
            text: words that have to be there; may be empty.
            folder: only this one; empty takes all.
            tag: only those that have it; empty takes all.
            collection: its key, from `collections`; empty takes the first.
            k: how many, at most 200.
        """
        catalogue = self.shelf.home(collection or self.shelf.first)
        gallery = self.library.gallery(catalogue)
        found = gallery.select(Wish(text, [folder] if folder else (), [tag] if tag else ()))
        told = [
            {
                "digest": one.digest,
                "file": one.path,
                "label": one.label,
                "tags": list(gallery.tags.get(one.digest, ())),
                "thumbnail": draw.thumbnail(catalogue, one.digest),
            }
            for one in found[: queries.limited(k, MOST)]
        ]
        return {"found": len(found), "pictures": told}

    def odd(self, collection: str, engine: str, k: float) -> dict[str, Any]:
        """Pictures that look more like another folder than their own, and those least like any other.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
            k: how many of each, at most 200.
        """
        catalogue, chosen = _ready(self.shelf, collection, engine)
        found, most = self.library.index(catalogue, chosen).outliers(), queries.limited(k, MOST)
        return {
            "misplaced": [_named(catalogue, asdict(one)) for one in found.misplaced[:most]],
            "lonely": [_named(catalogue, asdict(one)) for one in found.lonely[:most]],
        }

    def kinds(self, collection: str, engine: str) -> dict[str, Any]:
        """How alike the folders of a collection are: the mean cosine between the pictures of each two.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
        """
        found = self.library.index(*_ready(self.shelf, collection, engine)).similarity()
        cosines = [
            [None if cosine != cosine else round(cosine, 6) for cosine in row] for row in found.cosines.tolist()
        ]
        return {"labels": list(found.names), "pictures": found.sizes.tolist(), "cosines": cosines}

    def lay_out(self, collection: str, engine: str, method: str) -> dict[str, Any]:
        """A map of a collection: where each picture lies, those that are alike near each other.

        The first call lays it out, which may take a minute.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
            method: t-SNE, PCA, PCA 3D, or UMAP where it is installed.
        """
        catalogue, chosen = _ready(self.shelf, collection, engine)
        made = self.library.index(catalogue, chosen).projection(method)
        assert made  # nothing cancels it
        placed = zip(made.digests, made.positions.round(5).tolist(), strict=True)
        return {"method": method, "pictures": [{"digest": digest, "at": at} for digest, at in placed]}

    def unusual(self, collection: str, engine: str, k: float) -> dict[str, Any]:
        """The pictures of a collection that an engine trained on it finds most unusual.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: `vae`, or another that is trained on the collection.
            k: how many, at most 200.
        """
        catalogue, chosen = _ready(self.shelf, collection, engine)
        if not isinstance(chosen, Generative):
            raise SemblanceError("endpoints.not_unusual", engine=engine)
        found = self.library.index(catalogue, chosen).training.unusual()
        assert found  # it is made where none is kept
        places = found.order[: queries.limited(k, MOST)].tolist()
        told = [{"digest": found.digests[at], "nats": round(float(found.nats[at].sum()), 3)} for at in places]
        return {"typical": found.typical, "pictures": [_named(catalogue, one) for one in told]}

    def duplicates(self, collection: str) -> dict[str, Any]:
        """Groups of pictures that are one and the same, the largest first: saved again, resized, cropped a little.

        alike has those in which something differs, such as two invoices on one form, with the places where.
        The first call compares all of them, which may take minutes.

        Args:
            collection: its key, from `collections`; empty takes the first.
        """
        catalogue = self.shelf.home(collection or self.shelf.first)
        found = self.library.duplicates(catalogue) or self.library.find_duplicates(catalogue)
        groups = found.groups if found else ()
        alike = found.alike if found else ()
        return {"groups": [asdict(group) for group in groups], "alike": [asdict(group) for group in alike]}

    def compare(self, collection: str) -> dict[str, Any]:
        """Which engine suits a collection's folders: each that has looked at all of it is asked the same.

        Args:
            collection: its key, from `collections`; empty takes the first.
        """
        catalogue, able, _ = engine_comparison.entrants(
            self.shelf, self.shelf.home(collection or self.shelf.first).state.parent.name
        )
        found = self.library.compare(catalogue, able)
        told = [asdict(one.evaluation) | {"standard_error": one.standard_error} for one in found.ratings]
        return {"engines": told, "finding": found.finding()}

    def mark(self, does: str, digests: list[str], tag: str, collection: str) -> dict[str, Any]:
        """Hides, restores, tags or untags pictures, or undoes the last of these. No file is touched.

        Args:
            does: hide, restore, tag, untag or undo; or confirm, after marks.json was damaged: all is hidden again.
            digests: a list of digests, as other endpoints give them.
            tag: for tag and untag.
            collection: its key, from `collections`; empty takes the first.
        """
        catalogue = self.shelf.home(collection or self.shelf.first)
        if does not in MARKS:
            raise SemblanceError("endpoints.no_mark", name=does, choices=", ".join(MARKS))
        MARKS[does](catalogue, digests, tag)
        return {"hidden": len(catalogue.hidden), "last": catalogue.last}

    async def index(self, collection: str, engine: str) -> dict[str, Any]:
        """Brings a collection up to date with its folder for an engine; answers when that is done.

        Args:
            collection: its key, from `collections`; empty takes the first.
            engine: its name, from `engines`.
        """
        return await _indexed(self.shelf, collection or self.shelf.first, engine)

    async def index_folder(self, folder: str, engine: str) -> dict[str, Any]:
        """Opens a folder of this machine as a collection and indexes it; answers when that is done.

        Args:
            folder: its path.
            engine: its name, from `engines`.
        """
        if not folder.strip():
            raise SemblanceError("catalogue.name_a_folder")
        key = await asyncio.to_thread(self.shelf.add, Path(folder.strip()))
        return {"collection": key} | await _indexed(self.shelf, key, engine)


def _ready(shelf: Shelf, collection: str, engine: str) -> tuple[Catalogue, Engine]:
    """What can answer now, without a download. Raises SemblanceError."""
    key = collection or shelf.first
    _check(shelf, engine)
    catalogue, chosen = shelf.catalogue(key, engine), shelf.engine(key, engine)
    if shelf.unready(key, engine):
        raise NotIndexed("endpoints.not_indexed", name=catalogue.name, engine=engine)
    return catalogue, chosen


def _check(shelf: Shelf, engine: str) -> None:
    """Raises SemblanceError for an engine that is not on the shelf; it lists the choices."""
    if engine not in shelf.cards:
        raise SemblanceError("endpoints.no_engine", engine=engine, choices=", ".join(shelf.cards))


async def _indexed(shelf: Shelf, key: str, engine: str) -> dict[str, Any]:
    """Raises SemblanceError."""
    _check(shelf, engine)

    def begin() -> Job:
        return shelf.index(key, engine)

    job = await asyncio.to_thread(begin)
    while not (job.ended.is_set() or job.cancelled.is_set()):
        await asyncio.sleep(events.POLL)
    if not isinstance(job.result, Report):
        raise SemblanceError(job.error or Message("endpoints.cancelled"))
    return asdict(job.result)


def _needed(picture: Path | None) -> Path:
    """Raises SemblanceError."""
    if picture is None:
        raise SemblanceError(PICTURE)
    return picture


def _named(catalogue: Catalogue, told: dict[str, Any]) -> dict[str, Any]:
    return {"file": catalogue.paths[told["digest"]][0]} | told


def _answer(catalogue: Catalogue, engine: str, answer: Answer) -> dict[str, Any]:
    return {
        "engine": engine,
        "network": answer.network,
        "weights": answer.weights,
        "index": answer.index,
        "searched": answer.searched,
        "matches": [_match(catalogue, match) for match in answer.matches],
    }


def _match(catalogue: Catalogue, match: Match) -> dict[str, Any]:
    """Returns a match as JSON: "file" is below the collection, as a "path" would be fetched by gradio_client."""
    return {
        "digest": match.digest,
        "file": catalogue.paths[match.digest][0],
        "label": match.label,
        "score": round(match.score, 6),
        "box": match.box,
        "thumbnail": draw.thumbnail(catalogue, match.digest),
    }
