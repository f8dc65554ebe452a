"""Training on a catalogue's own pictures: what is learned from, what is kept, and what goes on.

By a toy that learns nothing, in a process that takes no time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import Engine, Learner, SemblanceError, Untrained
from features.errors import Busy
from features.learning import learners
from features.library import Library
from tests.support.toy import RED, Toy, digest, is_one_sentence, paint, snapshot, wheel

TRAIN = """if True:
    import json, sys, time
    from pathlib import Path
    import numpy as np
    work = Path(sys.argv[1])
    plan, pixels = json.loads((work / "plan").read_text()), np.load(work / "pixels.npy")
    assert len(pixels) == len(plan["pictures"]) == len(np.load(work / "held_out.npy"))
    if sys.argv[2] == "fail":
        sys.exit("no memory is left")
    while sys.argv[2] == "wait":
        time.sleep(0.01)
    with open(work / "result.npz", "w") as file:
        json.dump(plan | {"mean": float(pixels.mean())}, file)
"""


class Pupil(Toy):
    """Knows which pictures it has seen, and of how large ones."""

    name = "pupil"
    least = 5

    def __init__(self, told: dict[str, Any] | None = None, how: str = "") -> None:
        super().__init__()
        self.told, self.how = told, how
        self.side = told["side"] if told else None

    def prepare(self) -> None:
        if not self.told:
            raise Untrained("Train it first.")

    def settings(self) -> dict[str, Any]:
        return {"told": self.told}

    def plan(self, work: Path, pictures: Sequence[str], side: int, start: Path | None) -> None:
        plan = {"pictures": list(pictures), "side": side, "on": start is not None}
        (work / "plan").write_text(json.dumps(plan))

    def planned(self, work: Path) -> tuple[str, ...]:
        plan = work / "plan"
        return tuple(json.loads(plan.read_text())["pictures"]) if plan.exists() else ()

    def command(self, work: Path) -> list[str]:
        return [sys.executable, "-c", TRAIN, str(work), self.how]

    def steps(self, work: Path) -> tuple[int, int, str]:
        return 1, 2, "learning"

    def side_for(self, longest: int) -> int:
        return 8 if longest <= 8 else 16

    def restored(self, file: Path) -> Engine:
        return Pupil(json.loads(file.read_text()))

    def pictures(self) -> tuple[str, ...]:
        return tuple(self.told["pictures"]) if self.told else ()

    def figures(self) -> dict[str, float]:
        return {}


def test_it_is_told_from_other_engines_by_what_it_can() -> None:
    assert isinstance(Pupil(), Learner) and not isinstance(Toy(), Learner)


def test_it_learns_from_what_is_shown_and_can_be_read_and_then_answers(library: Library, pictures: Path) -> None:
    files = wheel(pictures, 7)
    (pictures / "broken.png").write_text("no picture")
    before = snapshot(pictures)
    catalogue, pupil = library.open(pictures), Pupil()
    library.scan(catalogue)
    catalogue.hide([digest(files[0])])
    assert library.index(catalogue, pupil).training.trained() is None
    with pytest.raises(Untrained):
        library.index(catalogue, pupil).update()
    told: list[str] = []
    learned = library.index(catalogue, pupil).training.train(lambda done, total, what: told.append(what))
    assert isinstance(learned, Pupil) and learned is library.index(catalogue, pupil).training.trained()
    assert set(learned.pictures()) == {digest(file) for file in files[1:]}
    assert learned.told and learned.told["side"] == 8 and not learned.told["on"]
    assert "reading pictures" in told and not library.index(catalogue, pupil).training.folder().exists()
    library.index(catalogue, learned).update()
    assert not library.index(catalogue, learned).training.since(), "what can't be opened is nothing new"
    assert library.index(catalogue, learned).search(files[2], k=1).matches[0].path == files[2]
    assert snapshot(pictures) == before


def test_what_has_changed_since_is_told_and_training_on_takes_it_in(library: Library, pictures: Path) -> None:
    files = wheel(pictures, 6)
    catalogue = library.open(pictures)
    first = library.index(catalogue, Pupil()).training.train()
    assert isinstance(first, Pupil) and not library.index(catalogue, first).training.since()
    library.index(catalogue, first).update()
    files[0].unlink()
    paint(pictures / "new.png", RED, size=(9, 8))
    library.scan(catalogue)
    assert str(library.index(catalogue, first).training.since()) == "1 added and 1 removed since"
    second = library.index(catalogue, Pupil()).training.train()
    assert isinstance(second, Pupil) and second.told and second.told["on"]
    assert not library.index(catalogue, second).training.since()
    assert not list(library.home.glob("catalogues/*/pupil-*.features")), "what the first one saw is of no use"
    library.index(catalogue, second).update()
    for number, other in enumerate(pictures.iterdir()):
        paint(other, (20 * number, 9, 9), size=(20, 20))
    third = library.index(catalogue, Pupil()).training.train()
    assert isinstance(third, Pupil) and third.told and third.told["side"] == 16
    assert not third.told["on"], "a net of another size can't be trained on"


@pytest.mark.parametrize("number", [1, 4])
def test_too_few_pictures_are_told_by_number(library: Library, pictures: Path, number: int) -> None:
    wheel(pictures, number)
    with pytest.raises(SemblanceError, match=f"has {number} pictures, and 5 are needed") as refusal:
        library.index(library.open(pictures), Pupil()).training.train()
    assert is_one_sentence(str(refusal.value))


def test_pictures_that_are_too_few_once_they_are_opened_are_told_too(library: Library, pictures: Path) -> None:
    wheel(pictures, 4)
    for number in range(3):
        (pictures / f"broken {number}.png").write_text(f"no picture {number}")
    with pytest.raises(SemblanceError, match="Only 4 pictures can be read, and 5 are needed"):
        library.index(library.open(pictures), Pupil()).training.train()


def test_cancelled_it_goes_on_with_the_pictures_that_it_was_begun_with(library: Library, pictures: Path) -> None:
    files = wheel(pictures, 6)
    catalogue, told = library.open(pictures), []
    learned = library.index(catalogue, Pupil(how="wait")).training.train(
        lambda *step: told.append(step), lambda: (1, 2, "learning") in told
    )
    assert learned is None and Pupil().planned(library.index(catalogue, Pupil()).training.folder())
    paint(pictures / "new.png", (9, 9, 9))
    learned = library.index(catalogue, Pupil()).training.train()
    assert isinstance(learned, Pupil) and set(learned.pictures()) == {digest(file) for file in files}
    assert str(library.index(catalogue, learned).training.since()) == "1 added since"


def test_two_at_once_are_refused(library: Library, pictures: Path) -> None:
    wheel(pictures, 6)
    catalogue, refused = library.open(pictures), []

    def again() -> bool:
        with pytest.raises(Busy) as refusal:
            Library(library.home).index(catalogue, Pupil()).training.train()
        refused.append(str(refusal.value))
        return True

    library.index(catalogue, Pupil(how="wait")).training.train(cancelled=again)
    assert is_one_sentence(refused[0])


def test_a_process_that_fails_is_told_and_may_be_tried_again(library: Library, pictures: Path) -> None:
    wheel(pictures, 6)
    catalogue = library.open(pictures)
    with pytest.raises(SemblanceError, match="no memory is left") as refusal:
        library.index(catalogue, Pupil(how="fail")).training.train()
    assert is_one_sentence(str(refusal.value))
    assert library.index(catalogue, Pupil()).training.train()


@pytest.mark.parametrize("damage", [b"", b"{", b'{"pictures": []}'])
def test_a_damaged_file_is_set_aside(library: Library, pictures: Path, damage: bytes) -> None:
    wheel(pictures, 6)
    catalogue = library.open(pictures)
    library.index(catalogue, Pupil()).training.train()
    (kept,) = library.home.glob("catalogues/*/pupil.learned")
    kept.write_bytes(damage)
    assert library.index(catalogue, Pupil()).training.trained() is None
    assert kept.with_name("pupil.learned.damaged").exists()


def test_a_tenth_is_held_out_and_stays_held_out() -> None:
    digests = [f"{number * 7919 % 2**32:08x}{'0' * 56}" for number in range(1000)]
    some = learners._held_out(digests)
    assert 50 < some.sum() < 150
    more = learners._held_out([*digests, *(f"ffff{number:04x}{'0' * 56}" for number in range(500))])
    np.testing.assert_array_equal(more[:1000], some)
    assert learners._held_out(["f" * 64]).all(), "one at least"
