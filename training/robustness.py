"""How well the look-alike holds: python -m training.robustness [PART...]

Over photos of people, of whom the encoder has seen all but the 300 that `training.data.people` reports on. `found`
and `groups` are of the detector alone. Figures are of the built-in encoder.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

import engines
from engines.lookalike import MIN_CONFIDENCE, find_faces, sharpness
from engines.networks import mtcnn
from features.embedding import embed_query
from features.images import decode
from features.library import Library
from features.verification import KnownPairs
from training import data, measure

Photos = Sequence[tuple[str, bytes]]
"""(person, bytes of the file)."""

GRIDS = ((2, 2), (2, 3), (3, 3))  # rows and columns of a group photo
GROUPS = 60  # group photos
QUERIES = 200  # photos that are changed, each of another person
TOP = 5


# --- the changes that a photo may go through; each gives a JPEG


def _jpeg(image: Image.Image, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = io.BytesIO()
    image.save(made, "JPEG", quality=95, exif=exif)
    return made.getvalue()


def _turned(orientation: int, back: Image.Transpose, image: Image.Image) -> bytes:
    """Stored as a camera held sideways does; the orientation says how to turn it upright."""
    return _jpeg(image.transpose(back), orientation)


def _scaled(factor: float, image: Image.Image) -> bytes:
    return _jpeg(
        image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)
    )


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "saved once more": _jpeg,
    "turned by 90, as EXIF tells": partial(_turned, 6, Image.Transpose.ROTATE_90),
    "turned by 180, as EXIF tells": partial(_turned, 3, Image.Transpose.ROTATE_180),
    "turned by 270, as EXIF tells": partial(_turned, 8, Image.Transpose.ROTATE_270),
    "mirrored": lambda image: _jpeg(ImageOps.mirror(image)),
    "greyscale": lambda image: _jpeg(image.convert("L")),
    "0.5 of the size": partial(_scaled, 0.5),
    "twice the size": partial(_scaled, 2),
    "three times the size": partial(_scaled, 3),
}


def changed(photo: bytes, change: str) -> bytes:
    """One of CHANGES, as a JPEG file."""
    return CHANGES[change](Image.fromarray(decode(photo).pixels))


# --- what is measured


def miss(pixels: np.ndarray) -> str:
    """Why no face is found in (H, W, 3) uint8 RGB; empty where one is."""
    if find_faces(pixels):
        return ""
    if not (doubtful := mtcnn.detect(pixels)):
        return "the detector saw nothing"
    best = doubtful[0]
    width, height = best.box[2:]
    return f"the surest of {len(doubtful)} is {best.confidence:.3f} sure ({MIN_CONFIDENCE}), {width} x {height} px"


def tiled(photos: Photos, columns: int) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """One picture of several, row by row, and in it the left, top, right, bottom of each one's largest face.

    Photos in which no face is found are left grey and have no box.
    """
    pictures = [decode(content).pixels for _, content in photos]
    height, width = (max(picture.shape[side] for picture in pictures) for side in (0, 1))
    rows = -(-len(pictures) // columns)
    group = np.full((rows * height, columns * width, 3), 127, np.uint8)
    boxes = []
    for place, picture in enumerate(pictures):
        if not (faces := find_faces(picture)):
            continue
        top, left = height * (place // columns), width * (place % columns)
        group[top : top + len(picture), left : left + picture.shape[1]] = picture
        x, y, w, h = faces[0].box
        boxes.append((left + x, top + y, left + x + w, top + y + h))
    return group, boxes


def found_in_group(photos: Photos, columns: int) -> tuple[int, int]:
    """How many of the faces of `tiled` are found again, each by a box whose centre lies on it, and of how many."""
    group, boxes = tiled(photos, columns)
    centres = [(x + w / 2, y + h / 2) for x, y, w, h in (face.box for face in find_faces(group))]
    again = [
        any(left <= x < right and top <= y < bottom for x, y in centres) for left, top, right, bottom in boxes
    ]
    return sum(again), len(again)


def held(photos: Photos, queries: int) -> tuple[Photos, Photos]:
    """One photo each of so many people, drawn by a fixed seed, and all the other photos."""
    people = np.array([person for person, _ in photos])
    names, counts = np.unique(people, return_counts=True)
    random = np.random.default_rng(3)
    chosen = random.permutation(names[counts > 1])[:queries]
    taken = {int(random.choice(np.flatnonzero(people == name))) for name in chosen}
    return [photos[place] for place in sorted(taken)], [p for place, p in enumerate(photos) if place not in taken]


def same_person(queries: Photos, gallery: Photos, changes: Sequence[str]) -> dict[str, tuple[float, int]]:
    """For each change: share of the queries of which a changed copy has the first person of the photo itself.

    And in how many copies no face is found; those count as other persons. By Library.rank, from files.
    """
    with tempfile.TemporaryDirectory() as place:
        pictures, asked = Path(place) / "pictures", Path(place) / "asked.jpg"
        for number, (person, content) in enumerate(gallery):
            (pictures / person).mkdir(parents=True, exist_ok=True)
            (pictures / person / f"{number}.jpg").write_bytes(content)
        library = Library(Path(place) / "home")
        catalogue, engine = library.open(pictures), library.engine("lookalike", "builtin")
        library.index(catalogue, engine)

        def first(photo: bytes) -> str | None:
            asked.write_bytes(photo)
            try:
                return library.rank(catalogue, engine, embed_query(engine, asked), 1).groups[0].label
            except engines.NotEmbeddable:
                return None

        firsts = [first(photo) for _, photo in queries]
        told = {}
        for change in changes:
            answers = [first(changed(photo, change)) for _, photo in queries]
            same = [now == before for now, before in zip(answers, firsts, strict=True) if before]
            told[change] = float(np.mean(same)), answers.count(None)
        return told


def person_level(rows: measure.Rows, top: int = TOP) -> tuple[float, float, float]:
    """Leaving one out: share of photos whose nearest photo is of the same person, whose first person is the right
    one, and who is among the `top` first people. People as Library.rank has them: half the best cosine, half the
    mean, of those whose best photos are nearest.
    """
    vectors, labels = rows
    order = np.argsort(labels, kind="stable")
    vectors, (names, own, counts) = (
        vectors[order],
        np.unique(labels[order], return_inverse=True, return_counts=True),
    )
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, 0)
    sums = np.add.reduceat(cosines, first, axis=1)
    np.fill_diagonal(cosines, -2)
    best = np.maximum.reduceat(cosines, first, axis=1)
    others = np.maximum(counts[None] - (own[:, None] == np.arange(len(names))), 1)

    def share(top: int) -> float:
        near = np.argsort(-best, axis=1, kind="stable")[:, : 4 * top]  # the candidates of Library.rank
        scores = np.take_along_axis((best + sums / others) / 2, near, axis=1)
        ranked = np.take_along_axis(near, np.argsort(-scores, axis=1, kind="stable"), axis=1)[:, :top]
        return float((ranked == own[:, None]).any(axis=1).mean())

    return float((best.argmax(axis=1) == own).mean()), share(1), share(top)


def verdicts(rows: measure.Rows, known: KnownPairs) -> dict[str, dict[str, float]]:
    """Kind of pair -> share of all its pairs that get each verdict."""
    vectors, labels = rows
    one, other = np.triu_indices(len(labels), 1)
    cosines, same = (vectors @ vectors.T)[one, other], labels[one] == labels[other]
    surely = {"same": cosines >= known.surely_same, "different": cosines < known.surely_different}
    surely["different"] &= ~surely["same"]
    surely["unsure"] = ~(surely["same"] | surely["different"])
    kinds = {"same": same, "different": ~same}
    return {kind: {word: float(of[pairs].mean()) for word, of in surely.items()} for kind, pairs in kinds.items()}


# --- on the development data


@cache
def photos() -> list[tuple[str, bytes]]:
    return list(data.folder(data.root() / "faces"))


@cache
def reported() -> list[tuple[str, bytes]]:
    """Photos of the people that the encoder never saw."""
    _, _, report = data.people(np.array([person for person, _ in photos()]))
    return [photos()[place] for place in report]


@cache
def reported_rows() -> measure.Rows:
    return measure.with_another(measure.embed(engines.create("lookalike", "builtin"), reported()))


def shipped_pairs() -> KnownPairs:
    engine = engines.create("lookalike", "builtin")
    own = engine.known_pairs() if isinstance(engine, engines.Verifier) else None
    assert own
    return KnownPairs(*own, "shipped")


def found() -> None:
    """A face in each photo (99 % wanted)."""
    why = {f"{person} {number}": miss(decode(content).pixels) for number, (person, content) in enumerate(photos())}
    missed = {name: reason for name, reason in why.items() if reason}
    print(f"a face is found in {1 - len(missed) / len(why):.4f} of {len(why)} photos")
    for name, reason in missed.items():
        print(f"  missed: {name}: {reason}")


def groups() -> None:
    """The faces of a group (95 % wanted)."""
    random = np.random.default_rng(2)
    for rows, columns in GRIDS:
        chosen = [random.choice(len(photos()), rows * columns, replace=False) for _ in range(GROUPS // len(GRIDS))]
        told = np.array([found_in_group([photos()[place] for place in places], columns) for places in chosen])
        again, of = told.sum(axis=0)
        print(f"groups of {rows} x {columns}: {again / of:.4f} of {of} faces are found")


def changes() -> None:
    """The same first person after each change (95 % wanted): with the photo itself in the gallery, and without."""
    queries, others = held(reported(), QUERIES)
    for what, gallery in (("their own among them", [*queries, *others]), ("their own left out", others)):
        print(f"the same first person, {len(queries)} photos against {len(gallery)}, {what}")
        for change, (share, lost) in same_person(queries, gallery, list(CHANGES)).items():
            print(f"  {change}: {share:.3f}" + (f"; no face in {lost}" if lost else ""))


def people() -> None:
    """People against photos (the five first people at least 0.08 above the first photo)."""
    photo, person, top = person_level(reported_rows())
    print(f"the nearest photo is right: {photo:.3f}; the first person: {person:.3f}; among {TOP}: {top:.3f}")


def pairs() -> None:
    """Two photos, one to one."""
    known = shipped_pairs()
    print(f"called the same from {known.surely_same:.3f} on, different below {known.surely_different:.3f}")
    for kind, shares in verdicts(reported_rows(), known).items():
        print(f"  {kind} pairs: " + ", ".join(f"{share:.4f} {word}" for word, share in shares.items()))


def whom() -> None:
    """Whom it errs on, by thirds of what can be measured on the photos themselves."""
    engine = engines.create("lookalike", "builtin")
    crops, labels = [], []
    for person, content in reported():
        with contextlib.suppress(engines.NotEmbeddable):
            crops.append(engine.crops(decode(content, engine.side).pixels)[0])
            labels.append(person)
    label = np.unique(labels, return_inverse=True)[1]
    cosines = np.concatenate([engine.embed(crops[first : first + 64]) for first in range(0, len(crops), 64)])
    cosines = cosines @ cosines.T
    np.fill_diagonal(cosines, -2)
    strange = label[:, None] != label
    level = np.quantile(cosines[strange], 0.99)
    right, asked = label[cosines.argmax(axis=1)] == label, np.bincount(label)[label] > 1
    shades = np.array([cheeks(crop.pixels) for crop in crops])
    skin = np.array([np.median(shades[label == person, 0]) for person in label])
    sharp = np.array([sharpness(crop.pixels) for crop in crops])
    told = {"skin": skin, "lightness": shades[:, 1], "sharpness": sharp, "photos": np.bincount(label)[label]}
    for name, values in told.items():
        third = np.digitize(values, np.quantile(values[asked], [1 / 3, 2 / 3]))
        first = [right[asked & (third == part)].mean() for part in range(3)]
        inside = [strange & (third[:, None] == part) & (third == part) for part in range(3)]
        taken = [(cosines[pairs] > level).mean() for pairs in inside]
        print(f"by {name}: precision@1", *(f"{share:.3f}" for share in first), end="; ")
        print("strangers above the level of 1 %:", *(f"{share:.4f}" for share in taken))


def cheeks(aligned: np.ndarray) -> tuple[float, float]:
    """An aligned face -> the individual typology angle of its cheeks (degrees, light is high) and L* (0..100)."""
    cut = np.concatenate([aligned[110:150, side].reshape(-1, 3) for side in (slice(45, 85), slice(140, 180))])
    pixel = (np.median(cut, axis=0)[None, None] / 255).astype(np.float32)
    light, _, yellow = cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(light - 50, max(yellow, 1e-3)))), float(light)


def main() -> None:
    parts = {one.__name__: one for one in (found, groups, changes, people, pairs, whom)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *parts], default=[])
    for name in parser.parse_args().parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
