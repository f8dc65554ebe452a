"""How well look-alike does on photos of people: python -m benchmarks.faces [PART...]

Figures are of dlib's network, on photos of Labeled Faces in the Wild. The 300 people that `benchmarks.labelled`
holds back are reported on; thresholds were chosen with the others, of whom `known` makes the known pairs for *Same
or not*. `found` and `groups` measure the detector alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

import engines
from benchmarks import labelled as data
from benchmarks import quality as measure
from engines import Crop, lookalike
from engines.lookalike import BY_POINTS, MIN_CONFIDENCE, find_faces
from engines.networks import dlib_face, mtcnn
from features.analysis.verification import KnownPairs, Verdict
from features.catalogue.images import decode
from features.indexing.embedding import embed_query
from features.library import Library

Photos = Sequence[tuple[str, bytes]]
"""(person, bytes of the file)."""

GRIDS = ((2, 2), (2, 3), (3, 3))  # rows and columns of a group photo
GROUPS = 60  # group photos
QUERIES = 200  # photos that are changed, each of another person
TOP = 5
QUANTILES = 1001  # that are kept of the cosines of each kind of pair
WIDTHS = (24, 32, 40, 60)  # pixels: of faces that are made small
BLURS = (0.02, 0.04, 0.06, 0.08)  # shares of a face's width: the deviation of a blur


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
    "turned by 90, with EXIF": partial(_turned, 6, Image.Transpose.ROTATE_90),
    "turned by 180, with EXIF": partial(_turned, 3, Image.Transpose.ROTATE_180),
    "turned by 270, with EXIF": partial(_turned, 8, Image.Transpose.ROTATE_270),
    "turned by 90, untold": partial(_turned, 1, Image.Transpose.ROTATE_90),
    "turned by 180, untold": partial(_turned, 1, Image.Transpose.ROTATE_180),
    "turned by 270, untold": partial(_turned, 1, Image.Transpose.ROTATE_270),
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
    """Searches with changed copies of photos, through ImageIndex.rank, from files.

    Returns:
        For each change the share of queries whose changed copy has the same first person as the photo itself, and
        in how many copies no face is found; those count as another person.
    """
    with tempfile.TemporaryDirectory() as place:
        pictures, query = Path(place) / "pictures", Path(place) / "query.jpg"
        for number, (person, content) in enumerate(gallery):
            (pictures / person).mkdir(parents=True, exist_ok=True)
            (pictures / person / f"{number}.jpg").write_bytes(content)
        library = Library(Path(place) / "home")
        catalogue, engine = library.open(pictures), library.engine("lookalike", "builtin")
        library.index(catalogue, engine).update()

        def first(photo: bytes) -> str | None:
            query.write_bytes(photo)
            try:
                return library.index(catalogue, engine).rank(embed_query(engine, query), 1).groups[0].label
            except engines.NotEmbeddable:
                return None

        firsts = [first(photo) for _, photo in queries]
        shares = {}
        for change in changes:
            results = [first(changed(photo, change)) for _, photo in queries]
            same = [now == before for now, before in zip(results, firsts, strict=True) if before]
            shares[change] = float(np.mean(same)), results.count(None)
        return shares


def person_level(rows: measure.Rows, top: int = TOP) -> tuple[float, float, float]:
    """Ranks people for each photo, as ImageIndex.rank does: half by the best cosine, half by the mean.

    Returns:
        The share of photos whose nearest photo is of the same person; whose first person is the right one; and for
        whom the right one is among the `top` first people.
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
        near = np.argsort(-best, axis=1, kind="stable")[:, : 4 * top]  # the candidates of ImageIndex.rank
        scores = np.take_along_axis((best + sums / others) / 2, near, axis=1)
        ranked = np.take_along_axis(near, np.argsort(-scores, axis=1, kind="stable"), axis=1)[:, :top]
        return float((ranked == own[:, None]).any(axis=1).mean())

    return float((best.argmax(axis=1) == own).mean()), share(1), share(top)


def cosines_of_pairs(rows: measure.Rows) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cosines of all pairs of one person, and of all pairs of two."""
    vectors, labels = rows
    one, other = np.triu_indices(len(labels), 1)
    cosines, same = (vectors @ vectors.T)[one, other], labels[one] == labels[other]
    return cosines[same], cosines[~same]


def verdicts(cosines: np.ndarray, known: KnownPairs, remarks: tuple[str, ...] = ()) -> dict[str, float]:
    """Returns the share of pairs that get each verdict, where one face of each has these remarks."""
    levels = np.sort([known.surely_different, known.surely_same])
    part = np.digitize(cosines, levels)
    told = [Verdict(cosine, known, (remarks, ())).word for cosine in (levels[0] - 1, levels.mean(), levels[1])]
    shares = np.bincount(part, minlength=3) / max(len(cosines), 1)
    return {word: float(sum(shares[at] for at in range(3) if told[at] == word)) for word in told}


# --- on the development data


@cache
def photos() -> list[tuple[str, bytes]]:
    return list(data.folder(data.root() / "faces"))


@cache
def parts() -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of the photos to choose by, and of those reported on; nobody is in both."""
    learn, choose, report = data.people(np.array([person for person, _ in photos()]))
    return np.sort(np.concatenate([learn, choose])), report


@cache
def reported() -> list[tuple[str, bytes]]:
    return [photos()[place] for place in parts()[1]]


@cache
def reported_rows() -> measure.Rows:
    return measure.with_another(measure.embed(_engine(), reported()))


@cache
def _engine() -> engines.Engine:
    return engines.create("lookalike", "builtin")


def kept_pairs() -> KnownPairs:
    """Returns the known pairs that come with the network."""
    engine = _engine()
    own = engine.known_pairs() if isinstance(engine, engines.Verifier) else None
    assert own
    return KnownPairs(*own, "kept")


def found() -> None:
    """In how many photos a face is found."""
    why = {f"{person} {number}": miss(decode(content).pixels) for number, (person, content) in enumerate(photos())}
    missed = {name: reason for name, reason in why.items() if reason}
    print(f"a face is found in {1 - len(missed) / len(why):.4f} of {len(why)} photos")
    for name, reason in missed.items():
        print(f"  missed: {name}: {reason}")


def groups() -> None:
    """How many faces of a group are found."""
    random = np.random.default_rng(2)
    for rows, columns in GRIDS:
        chosen = [random.choice(len(photos()), rows * columns, replace=False) for _ in range(GROUPS // len(GRIDS))]
        counts = np.array([found_in_group([photos()[place] for place in places], columns) for places in chosen])
        again, of = counts.sum(axis=0)
        print(f"groups of {rows} x {columns}: {again / of:.4f} of {of} faces are found")


def changes() -> None:
    """How often a changed photo has the same first person: with the photo itself in the gallery, and without."""
    queries, others = held(reported(), QUERIES)
    for what, gallery in (("their own among them", [*queries, *others]), ("their own left out", others)):
        print(f"the same first person, {len(queries)} photos against {len(gallery)}, {what}")
        for change, (share, lost) in same_person(queries, gallery, list(CHANGES)).items():
            print(f"  {change}: {share:.3f}" + (f"; no face in {lost}" if lost else ""))


def people() -> None:
    """How often the right person comes first, or among the first five."""
    photo, person, top = person_level(reported_rows())
    print(f"the nearest photo is right: {photo:.3f}; the first person: {person:.3f}; among {TOP}: {top:.3f}")


def pairs() -> None:
    """What two photos of one person are called, and two of different people."""
    known = kept_pairs()
    print(f"called the same from {known.surely_same:.3f} on, different below {known.surely_different:.3f}")
    for kind, cosines in zip(("same", "different"), cosines_of_pairs(reported_rows()), strict=True):
        shares = verdicts(cosines, known)
        print(f"  {kind} pairs: " + ", ".join(f"{share:.4f} {word}" for word, share in shares.items()))


def doubts() -> None:
    """The same, with photos to choose by, where a face is turned away or is made small or blurred.

    Verdicts are those without remarks, to show what the remarks are for: with one such face, and with two.
    """
    known, where = kept_pairs(), {}
    for place in parts()[0]:
        with contextlib.suppress(engines.NotEmbeddable):
            where[place] = _engine().crops(decode(photos()[place][1]).pixels)[0]
    places, crops = np.array(list(where)), list(where.values())
    gallery = _embedded(crops), np.array([photos()[place][0] for place in places])
    away = np.array(["turned away" in crop.remarks for crop in crops])
    _doubt("as they are", measure.part(gallery, ~away), places[~away], gallery, places, known)
    _doubt("turned away", measure.part(gallery, away), places[away], gallery, places, known)
    chosen = np.random.default_rng(9).permutation(places[~away])[: 2 * QUERIES]
    for width in WIDTHS:
        _doubt(f"{width} px wide", *_remade(chosen, where, partial(_shrunk, width)), gallery, places, known)
    for share in BLURS:
        what = f"blurred by {share} of the width"
        _doubt(what, *_remade(chosen, where, partial(_blurred, share)), gallery, places, known)


def _shrunk(wanted: float, width: float, pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, None, fx=wanted / width, fy=wanted / width, interpolation=cv2.INTER_AREA)


def _blurred(share: float, width: float, pixels: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(pixels, (0, 0), share * width)


def _remade(
    places: np.ndarray, where: dict[int, Crop], change: Callable[[float, np.ndarray], np.ndarray]
) -> tuple[measure.Rows, np.ndarray]:
    """Returns rows of changed photos, and whose they are. change: takes the width of a face, and its photo."""
    kept, crops = [], []
    for place in places:
        left, top, right, bottom = where[place].box or (0, 0, 1, 1)
        width = min(right - left, bottom - top)
        with contextlib.suppress(engines.NotEmbeddable):
            crops.append(_engine().crops(change(width, decode(photos()[place][1]).pixels))[0])
            kept.append(place)
    print(f"{np.mean([bool(crop.remarks) for crop in crops]):.2f} marked; ", end="")
    return (_embedded(crops), np.array([photos()[place][0] for place in kept])), np.array(kept)


def _doubt(
    what: str, rows: measure.Rows, of: np.ndarray, gallery: measure.Rows, places: np.ndarray, known: KnownPairs
) -> None:
    """Prints the verdicts of rows against a gallery, and among one another. of, places: whose photos they are."""
    against, among = rows[0] @ gallery[0].T, rows[0] @ rows[0].T
    same = (rows[1][:, None] == gallery[1]) & (of[:, None] != places)
    strangers = rows[1][:, None] != gallery[1], rows[1][:, None] != rows[1]
    mine = verdicts(against[same], known)
    one, two = (verdicts(c[of_two], known)["same"] for c, of_two in zip((against, among), strangers, strict=True))
    print(
        f"{what}: {len(of)} faces; of one person {mine['same']:.3f} same, {mine['different']:.3f} different; "
        f"of two people called the same {one:.5f} with one such face, {two:.5f} with two",
        flush=True,
    )


def _embedded(crops: Sequence[Crop]) -> np.ndarray:
    return np.concatenate([_engine().embed(crops[first : first + 64]) for first in range(0, len(crops), 64)])


def whom() -> None:
    """Whom it errs on, by thirds of what can be measured on the photos themselves."""
    crops, labels = [], []
    for person, content in reported():
        with contextlib.suppress(engines.NotEmbeddable):
            crops.append(_engine().crops(decode(content).pixels)[0])
            labels.append(person)
    label = np.unique(labels, return_inverse=True)[1]
    rows = _embedded(crops)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    strange = label[:, None] != label
    level = np.quantile(cosines[strange], 0.99)
    right, paired = label[cosines.argmax(axis=1)] == label, np.bincount(label)[label] > 1
    shades = np.array([cheeks(crop.pixels) for crop in crops])
    skin = np.array([np.median(shades[label == person, 0]) for person in label])
    sharp = np.array([BY_POINTS.sharpness(crop.pixels) for crop in crops])
    measured = {"skin": skin, "lightness": shades[:, 1], "sharpness": sharp, "photos": np.bincount(label)[label]}
    for name, values in measured.items():
        third = np.digitize(values, np.quantile(values[paired], [1 / 3, 2 / 3]))
        first = [right[paired & (third == part)].mean() for part in range(3)]
        inside = [strange & (third[:, None] == part) & (third == part) for part in range(3)]
        above = [(cosines[pairs] > level).mean() for pairs in inside]
        print(f"by {name}: precision@1", *(f"{share:.3f}" for share in first), end="; ")
        print("strangers above the level of 1 %:", *(f"{share:.4f}" for share in above))


def cheeks(aligned: np.ndarray) -> tuple[float, float]:
    """Measures the skin of a face that was cut by its points.

    Returns:
        The individual typology angle of its cheeks (degrees, light is high) and their L* (0..100).
    """
    rows, columns = slice(61, 85), (slice(35, 58), slice(90, 114))  # beside the nose, below the eyes
    cut = np.concatenate([aligned[rows, side].reshape(-1, 3) for side in columns])
    pixel = (np.median(cut, axis=0)[None, None] / 255).astype(np.float32)
    light, _, yellow = cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(light - 50, max(yellow, 1e-3)))), float(light)


def speed() -> None:
    """Aligned faces a second, and what finding them takes; of the processor, and by the clock."""
    pixels = [decode(content).pixels for _, content in photos()[:256]]
    engine = _engine()
    engine.prepare()
    crops = [engine.crops(image)[0] for image in pixels]
    engine.embed(crops[:8])
    timed("embedding", len(crops), lambda: engine.embed(crops))
    timed("finding and cutting", len(pixels), lambda: [engine.crops(image) for image in pixels])
    frame = cv2.resize(pixels[0], (480, 480), interpolation=cv2.INTER_CUBIC)
    timed("a frame of 480 px with a face", 20, lambda: [find_and_embed(frame) for _ in range(20)])
    empty = np.full((360, 480, 3), 127, np.uint8)
    timed("a frame of 480 px without one", 20, lambda: [lookalike.find_turned(empty) for _ in range(20)])


def find_and_embed(frame: np.ndarray) -> np.ndarray:
    """What the mirror does with a frame, but for the search."""
    return _engine().embed(_engine().crops(frame)[:1])


def timed(what: str, count: int, work: Callable[[], object], rounds: int = 5) -> None:
    """Prints the best of several rounds."""
    best = [np.inf, np.inf]
    for _ in range(rounds):
        started = time.perf_counter(), time.process_time()
        work()
        spent = time.perf_counter() - started[0], time.process_time() - started[1]
        best = [min(pair) for pair in zip(best, spent, strict=True)]
    print(
        f"{what}: {count / best[0]:.0f} a second, {best[0] / count * 1000:.1f} ms each; "
        f"{best[1] / count * 1000:.1f} ms of a core each",
        flush=True,
    )


def known() -> None:
    """Makes the known pairs for *Same or not*, of people who are not reported on. Runs only where it is named."""
    places = parts()[0]
    files = [photos()[place] for place in places]
    rows = measure.embed(_engine(), files)
    levels = np.linspace(0, 1, QUANTILES)
    same, different = cosines_of_pairs(rows)
    kept = {
        kind: np.quantile(cosines, levels).astype(np.float32)
        for kind, cosines in (("same", same), ("different", different))
    }
    np.savez_compressed(dlib_face.PAIRS, **kept)
    people = len({person for person, _ in files})
    print(
        f"{dlib_face.PAIRS.name}: {QUANTILES} quantiles of the cosines of {len(same):,} pairs of one person and "
        f"{len(different):,} pairs of two, over {len(rows[1]):,} photos of {people:,} people; made with "
        f"{_engine().describe().network}, settings {engines.fingerprint(_engine())}"
    )


def main() -> None:
    usual = {one.__name__: one for one in (found, groups, changes, people, pairs, doubts, whom, speed)}
    every = usual | {known.__name__: known}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *every], default=[])
    for name in parser.parse_args().parts or usual:
        every[name]()


if __name__ == "__main__":
    main()
