"""ImageIndex: one catalogue as one engine sees it; what it answers and how it is kept up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import engines
from engines import Crop, Explainer, NotEmbeddable, SemblanceError, TextSide, Verifier, unit_rows
from engines.messages import Message
from features import export
from features.analysis.outliers import Outliers
from features.analysis.projection import Projection, check, project
from features.analysis.similarity import Kinds
from features.analysis.verification import KnownPairs, Verdict
from features.catalogue.folder import Progress
from features.errors import ImageError, NotIndexed
from features.evaluation.index_evaluation import IndexEvaluation
from features.home import unchanged
from features.indexing.embedding import cut, cut_query, embed, parts_of
from features.indexing.updating import update
from features.learning.classifier import Classifier
from features.learning.trainable import Trainable
from features.learning.tuning import Tuning
from features.retrieval.calibration import Calibration
from features.retrieval.part_weights import Mix
from features.retrieval.recommendation import diverse, nearest, taste
from features.retrieval.results import Answer, Explanation, Liked, Match, Part, Ranking, Reference, Report, Status
from features.retrieval.stored_index import StoredIndex
from features.retrieval.word_search import search_words, understands

WIDTH = 10  # candidates for each picture of a diverse recommendation
FAINT = 1e-6  # length of a query vector that is rounding alone


class ImageIndex(StoredIndex):
    """Searches a catalogue by an engine, and measures what it holds.

    Attributes:
        classifier, tuning, training, evaluation: What is learned from the folders, and how good results are.
    """

    @property
    def classifier(self) -> Classifier:
        return Classifier(self.home, self.catalogue, self.engine)

    @property
    def tuning(self) -> Tuning:
        return Tuning(self.home, self.catalogue, self.engine)

    @property
    def training(self) -> Trainable:
        return Trainable(self.home, self.catalogue, self.engine)

    @property
    def evaluation(self) -> IndexEvaluation:
        return IndexEvaluation(self.home, self.catalogue, self.engine)

    def update(
        self,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
        wait: float = 0,
        on: str = "",
        verify: bool = False,
        prune: bool = False,
    ) -> Report:
        """Scans the folder and embeds what is new; see features.indexing.updating.update."""
        return update(self, progress, cancelled, wait, on, verify, prune)

    def status(self) -> Status:
        """Returns how much is indexed, as of the last scan; loads no network."""
        stored, there = self.store.read(), self.catalogue.paths.keys()
        return Status(len(there), len(stored.digests & there), sum(row.digest in there for row in stored.rows))

    def search(
        self,
        query: Path | Sequence[Reference],
        k: int = 5,
        mix: Mix | None = None,
    ) -> Answer:
        """Returns the k pictures most like the query's most prominent crop, or like the weighted mean of several.

        Args:
            mix: Weights of the vectors' parts; None leaves them as they are.

        Raises:
            ImageError, NotEmbeddable: The query can't be read, or holds nothing to embed.
            NotIndexed: Nothing is indexed yet.
            SemblanceError: A mix or weights that are not possible.
        """
        started = time.perf_counter()
        asked = [Reference(query)] if isinstance(query, Path) else query
        vector = self.embed_all(asked)
        stored = self.ready()
        (found,) = stored.nearest(vector[None], k, mix)
        return stored.answer(self.engine.describe(), found, vector, started)

    def explain(self, query: Reference, digest: str, part: int = 0) -> Explanation:
        """Shows where crop number `part` of a picture of the catalogue is like the query's most prominent crop.

        Raises:
            SemblanceError: The engine can't explain, the picture is not indexed, or its file has changed.
            ImageError, NotEmbeddable: The query can't be read, or holds nothing to embed.
            NotIndexed: Nothing is indexed yet.
        """
        stored = self.ready()
        if not (isinstance(self.engine, Explainer) and self.engine.explains()):
            raise SemblanceError("errors.no_explanation", title=self.engine.describe().title)
        place = stored.first_row.get(digest, len(stored.features.rows)) + part
        if digest not in [row.digest for row in stored.features.rows[place : place + 1]]:
            raise SemblanceError("errors.not_indexed_any_more")
        (other,) = stored.features.take([place])
        picture, (crop, *_) = cut_query(self.engine, query.path, query.box)
        theirs, crops = cut(self.engine, unchanged(self.catalogue, digest))
        (vector,) = embed(self.engine, [crop])
        return Explanation(
            score=float(vector @ other),
            query_map=self.engine.explain(crop, other),
            match_map=self.engine.explain(crops[part], vector),
            query_box=picture.full_box(crop.box) or query.box,
            match_box=theirs.full_box(crops[part].box),
        )

    def search_text(
        self,
        text: str,
        query: Path | Reference | None = None,
        unlike: str = "",
        k: int = 5,
        mix: Mix | None = None,
    ) -> Answer:
        """Returns the k pictures that fit a text: by an engine that understands text, else by words.

        A search by words takes neither a picture nor a mix, and needs no indexing.

        Args:
            query: A picture that counts as much as the text.
            unlike: A text that counts against them, as in `recommend`.

        Raises:
            SemblanceError: As `search`, or the text is empty, or the engine can't combine it with a picture.
        """
        started = time.perf_counter()
        if not text.strip():
            raise SemblanceError("errors.say_something")
        if not (isinstance(self.engine, TextSide) and understands(self.engine, fetch=True)):
            if query or mix:
                what = Message("search.text_with_picture" if query else "search.text_with_mix")
                raise SemblanceError("errors.cannot_take", name=self.engine.name, what=what)
            return search_words(self.home, self.catalogue, text, unlike, k, started)
        rows = self.engine.embed_text([text, unlike] if unlike.strip() else [text])
        vector = rows[0]
        if query:
            asked = query if isinstance(query, Reference) else Reference(query)
            vector = (vector + self.embed(asked.path, box=asked.box)) / 2
        if len(rows) > 1:
            vector = 2 * vector - rows[1]
        (vector,), stored = unit_rows(vector[None]), self.ready()
        (found,) = stored.nearest(vector[None], k, mix)
        answer = stored.answer(self.engine.describe(), found, vector, started)
        # How alike strangers look says nothing of how near a text should be.
        return replace(answer, matches=[replace(match, agreement={}) for match in answer.matches])

    def nearest(self, vectors: np.ndarray, k: int = 5) -> list[list[Match]]:
        """Returns the k pictures most like each of (N, D) float32 unit rows of the engine's. Raises NotIndexed."""
        return self.ready().nearest(vectors, k)

    def rank(self, vector: np.ndarray, k: int = 5, without: str = "") -> Ranking:
        """Returns the k labels (people, say) most like a (D,) float32 unit vector of the engine's, best first.

        Only labels of the NEAR nearest pictures are ranked. without: digest of a picture that is left out. Raises
        NotIndexed.
        """
        return self.ready().rank(vector, k, without)

    def calibration(self, mix: Mix | None = None) -> Calibration:
        """Returns how alike unrelated pictures are here; cached until something changes. Raises as `search`."""
        stored = self.ready()
        return stored.calibration if mix is None else stored.mixed(mix)

    def known_pairs(self) -> KnownPairs | None:
        """Returns pairs of the engine's network, or of the catalogue's labels; None where neither has enough."""
        own = self.engine.known_pairs() if isinstance(self.engine, Verifier) else None
        if own:
            return KnownPairs(*own, Message("pairs.of_network", network=self.engine.describe().network))
        return self.ready().known_pairs

    def verify(self, photos: Sequence[Path]) -> tuple[list[Part], Verdict]:
        """Compares the most prominent faces of two photos.

        Returns:
            The two faces, and whether they are of one person.

        Raises:
            ImageError, NotEmbeddable: The message names the photo.
        """
        parts = []
        for nth, path in zip(("common.first", "common.second"), photos, strict=True):
            try:
                parts.append(parts_of(self.engine, path)[0])
            except (ImageError, NotEmbeddable) as error:
                raise type(error)("errors.in_the_photo", nth=Message(nth), error=error) from error
        try:
            known = self.known_pairs()
        except NotIndexed:
            known = None
        one, other = embed(self.engine, [Crop(part.pixels) for part in parts])
        return parts, Verdict(float(one @ other), known, tuple(part.remarks for part in parts))

    def similarity(self) -> Kinds:
        """Returns how alike the labels are by their pictures that are shown, each by its most prominent part.

        In the order of their names; pictures without a label take no part. Raises NotIndexed.
        """
        return self.ready().kinds

    def most_alike(self, one: str, other: str, k: int) -> tuple[list[str], list[str]]:
        """Returns digests of the k pictures of each label that are most like those of the other, best first.

        Nothing of a label that nobody has, nor of the other then. Raises NotIndexed.
        """
        return self.ready().most_alike(one, other, k)

    def outliers(self) -> Outliers:
        """Returns the shown pictures that look misplaced or like nothing else here, by their most prominent part.

        Cached until something changes. Raises NotIndexed.
        """
        return self.ready().outliers

    def export(
        self,
        out: Path,
        progress: Progress = lambda done, total, what: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> export.Vectors:
        """Writes the vectors of all shown pictures to a file, one of export.VECTORS. Returns what went into it.

        Raises:
            NotIndexed: Nothing is indexed yet.
            Stopped: It was cancelled.
            SemblanceError: The file can't be written.
        """
        export.check(out, self.catalogue.root, export.VECTORS)
        stored, card = self.ready(), self.engine.describe()
        captions, tags, paths = self.home.metadata(self.catalogue).captions(), self.catalogue.tags, stored.paths
        places = [place for place, row in enumerate(stored.features.rows) if row.digest in stored.first_row]
        items = []
        for row in (stored.features.rows[place] for place in places):
            caption = captions[row.digest].text if row.digest in captions else ""
            label, held = stored.label(row.digest), tuple(tags.get(row.digest, ()))
            items.append(export.Item(row.digest, paths[row.digest][0], label, row.box, caption, held))
        vectors = export.Vectors(
            items,
            lambda wanted: stored.features.take([places[i] for i in wanted]),
            card.dim,
            self.catalogue.root,
            self.engine.name,
            engines.fingerprint(self.engine),
            card.network,
        )
        export.save_vectors(vectors, out, progress, cancelled)
        return vectors

    def projection(
        self,
        method: str,
        cancelled: Callable[[], bool] | None = None,
        *,
        kept_only: bool = False,
    ) -> Projection | None:
        """Returns the map of the shown pictures, each by its most prominent part (analysis/projection.py).

        It is kept beside the features until something changes. None where it was cancelled.

        Args:
            kept_only: Returns None, too, where the map would have to be computed.

        Raises:
            NotIndexed: Nothing is indexed yet.
            SemblanceError: The method is not available.
        """
        check(method)
        stored = self.ready()
        digests = sorted(stored.first_row)
        path = self.store.path.with_suffix(f".{method.lower().replace(' ', '-')}.map")
        made = Projection.kept(path, digests)
        if made is None and not kept_only:
            rows = stored.features.take([stored.first_row[digest] for digest in digests])
            positions = project(rows, method, cancelled)
            if positions is not None:
                made = Projection(digests, positions)
                made.keep(path)
        return made

    def recommend(
        self,
        like: Sequence[Liked],
        unlike: Sequence[Liked] = (),
        k: int = 5,
        *,
        diversity: float = 0.0,
        mix: Mix | None = None,
    ) -> Answer:
        """Returns k pictures near to the likes and far from the dislikes, as `taste` weighs them; none of these.

        Indexed pictures are not embedded again. A digest of which this engine shows no vector (hidden, or without
        a face, say) is passed over.

        Args:
            diversity: 0..1, see `diverse`; the candidates are WIDTH * k.
            mix: See `search`.

        Raises:
            SemblanceError: As `search`, or no like is left, the pictures cancel each other out, or the diversity
                is not 0..1.
        """
        started = time.perf_counter()
        if not like:
            raise SemblanceError("errors.nothing_liked")
        stored = self.ready()
        (likes, own), (unlikes, others) = (self.vectors_of(given) for given in (like, unlike))
        if not likes:
            raise SemblanceError("errors.likes_unusable", engine=self.engine.name)
        rows, numbers = np.stack([*likes.values()]), list(likes)
        wish = taste(
            rows, [like[i].weight for i in likes], [*unlikes.values()], [unlike[i].weight for i in unlikes]
        )
        stretch = stored.stretch(mix)
        length = np.linalg.norm(wish * stretch)
        if length < FAINT:
            raise SemblanceError("errors.likes_cancel_out")
        vector = (wish / length).astype(np.float32)
        width, skip = WIDTH * k if diversity else k, own | others
        (found,) = stored.nearest(vector[None], width + len(skip), mix)
        found = [match for match in found if match.digest not in skip][:width]
        near = stored.vectors(found) * stretch
        order = diverse(near, [match.score for match in found], k, diversity)
        because = tuple(numbers[reason] for reason in nearest(rows * stretch, near[order]))
        return stored.answer(self.engine.describe(), [found[i] for i in order], vector, started, because)
