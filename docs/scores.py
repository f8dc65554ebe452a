"""The numbers of docs/scores.md, from the drawn samples: `python -m docs.scores [HOME]`.

HOME keeps the samples and what was made of them; without it all goes to a temporary folder. Nothing is downloaded.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import samples
from demos.components.face_cards import VERDICTS
from demos.components.picture_cards import Scale
from demos.i18n.language import say
from engines import Engine, settings
from features.catalogue.folder import Catalogue
from features.library import Library
from features.retrieval.calibration import Calibration

QUESTION = "products", "lamp", 4
PLACES = (1, 3, 12, 40)  # of the answers that are told; at 0 is the question itself
PERSONS = (("grace", "grace"), ("hugo", "mateo"))  # of whom the first portrait and the third
LEVELS = (0.5, 0.9, 0.99)


def main(home: Path) -> None:
    library, drawn = Library(home), samples.draw(home / "samples")
    catalogue, engine = library.open(drawn / "products"), library.engine("product")
    library.index(catalogue, engine).update()
    _likeness(library, catalogue, engine, samples.place(drawn, *QUESTION))
    _folders(library, catalogue, engine)
    _persons(library, drawn)


def _likeness(library: Library, catalogue: Catalogue, engine: Engine, question: Path) -> None:
    calibration = library.index(catalogue, engine).calibration()
    _strangers(calibration)
    matches = library.index(catalogue, engine).search(question, max(PLACES) + 1).matches
    print(f"\n{question.name}, and what is most like it:")
    for match in (matches[place] for place in PLACES):
        score, scale = match.score, Scale(calibration)
        closer, chance = calibration.closer_than(score), calibration.by_chance(score)
        print(
            f"  {match.path.name}: cosine {score:.3f}; {closer:.3%} of pairs of strangers are less alike; "
            f"{chance:.1%} of pictures have a stranger as close: {scale.likeness(score)}, {scale.closer(score)}"
        )


def _strangers(calibration: Calibration) -> None:
    for what, cosines in (
        ("pairs of strangers", calibration.strangers),
        ("pictures, each to its closest stranger", calibration.closest),
    ):
        below = ", ".join(f"{level:.0%} below {np.quantile(cosines, level):.3f}" for level in LEVELS)
        print(f"{len(cosines):,} {what}: {below}")


def _folders(library: Library, catalogue: Catalogue, engine: Engine) -> None:
    head = library.index(catalogue, engine).classifier.teach()
    told = head.examination
    assert told
    learned = len(head.taught) - told.pictures
    print(
        f"\n{len(head.labels)} folders, taught by {learned} pictures and examined on {told.pictures}: "
        f"{told.accuracy:.0%} right, temperature {head.temperature:.2f}, not sure below {head.sure_from:.0%}, "
        f"calibration error {told.ece_before:.3f} before and {told.ece:.3f} after"
    )
    asked = sorted(head.held_out)
    ranked = dict(zip(asked, library.index(catalogue, engine).classifier.probabilities(asked), strict=True))
    order = sorted(asked, key=lambda digest: ranked[digest][0][1])
    for digest in (order[-1], order[len(order) // 2], order[0]):
        pairs = ", ".join(f"{label} {p:.1%}" for label, p in ranked[digest][:3])
        doubt = "; not sure" * (ranked[digest][0][1] < head.sure_from)
        print(f"  {catalogue.file(digest).name}: {pairs}{doubt}")


def _persons(library: Library, drawn: Path) -> None:
    catalogue, engine = library.open(drawn / "people"), library.engine("lookalike")
    known = library.index(catalogue, engine).known_pairs()
    assert known
    print(
        f"\nOne person or two, by {known.source}: the same from {known.surely_same:.3f} on, "
        f"different below {known.surely_different:.3f}"
    )
    for pair in PERSONS:
        portraits = [
            samples.place(drawn, "people", name, number) for name, number in zip(pair, (1, 3), strict=True)
        ]
        _, verdict = library.index(catalogue, engine).verify(portraits)
        less, more = known.shares(verdict.cosine)
        print(
            f"  {portraits[0].name} and {portraits[1].name}: cosine {verdict.cosine:.3f}; {less:.1%} of pairs of "
            f"one person are less alike, {more:.1%} of pairs of two are as alike: {say(VERDICTS[verdict.word])}"
        )


if __name__ == "__main__":
    settings.override(offline=True)
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
