"""The tab Look-alike: people for each face of a photo, scores in words, two photos compared, a card to share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageFilter

from demos.components import draw, face_cards, picture_cards, queries, share
from demos.components.options import How
from demos.components.picture_cards import Scale
from demos.components.queries import Asked, Query
from demos.server.state import Shelf
from demos.suite import draw_page
from demos.tabs import lookalike
from demos.views import find_answers
from engines import Box, SemblanceError
from features.analysis.verification import KnownPairs, Verdict
from features.catalogue.folder import Catalogue
from features.library import Library
from features.retrieval.calibration import Calibration
from features.retrieval.results import Group, Match, Part
from tests.support.browsing import expect, in_english, opened, visit
from tests.support.seeded import PEOPLE

NO_FACE = "No face found. Try a larger, front-facing photo."
NONE_KNOWN = Calibration(np.zeros(0), np.zeros(0))


# --- what a cosine is worth, in words


@pytest.mark.parametrize(
    ("share", "of", "told"),
    [
        (1.0, 1_000_000, "99.99%"),
        (0.99999, 1_000_000, "99.99%"),
        (0.9995, 1_000_000, "99.95%"),
        (0.9929, 1_000_000, "99.2%"),
        (0.919, 1000, "91.9%"),
        (0.899, 1000, "89%"),
        (0.29, 1000, "29%"),  # 0.29 * 100 is a little less than 29
        (0.0, 1000, "0%"),
        (1.0, 9, "90.0%"),
        (1.0, 1, "50%"),
        (1.0, 0, ""),
    ],
)
def test_a_share_is_rounded_down_and_never_all(share: float, of: int, told: str) -> None:
    assert draw.percent(share, of) == told


def _scale(strangers: Any, closest: Any) -> Scale:
    return Scale(Calibration(np.sort(np.array(strangers, float)), np.sort(np.array(closest, float))))


@pytest.mark.parametrize(
    ("score", "word", "number"),
    [
        (1.0, "the same picture", "closer than 99.9"),
        (0.995, "the same picture", "closer than 99.5%"),
        (0.991, "striking likeness", "closer than 99."),
        (0.95, "strong likeness", "closer than 95.0%"),
        (0.7, "some likeness", "closer than 70%"),
        (0.2, "weak likeness", "closer than 20%"),
        (-1.0, "weak likeness", "closer than 0%"),
    ],
)
def test_a_score_is_told_by_how_rare_it_is(score: float, word: str, number: str) -> None:
    scale = _scale(np.arange(1000) / 1000, np.arange(1000) / 1000)
    told = scale.in_words(score)
    assert told[0] == word and told[1].startswith(number) and told[1].endswith("of unrelated pairs")


def test_a_few_strangers_can_not_make_a_striking_likeness() -> None:
    few = _scale(np.array([0.1, 0.1]), np.array([0.1, 0.1]))
    assert few.in_words(0.12) == ("some likeness", "closer than 66% of unrelated pairs")


def test_where_there_are_no_strangers_the_cosine_is_told() -> None:
    scale = Scale(NONE_KNOWN)
    assert scale.in_words(0.517) == ("0.52", "cosine")
    assert not scale.by_chance([0.1])


def test_that_nothing_is_really_alike_is_said_above_the_best_match(tmp_path: Path) -> None:
    scale = _scale(np.linspace(0, 0.4, 100), np.linspace(0.3, 0.5, 100))
    catalogue = Catalogue(tmp_path, tmp_path / "state" / "catalogue.json")
    for scores, said in [((0.6, 0.1), False), ((0.45, 0.1), False), ((0.35, 0.1), True), ((), False)]:
        html = picture_cards.wall(catalogue, [_match("ann/1.jpg", score) for score in scores], scale)
        assert ("Nothing here is really close" in html) == said


def _match(path: str, score: float, remarks: tuple[str, ...] = (), box: Box | None = None) -> Match:
    return Match(path, Path(path), str(Path(path).parent).strip("."), score, box, remarks)


# --- people


def test_a_person_has_a_card_with_name_flags_and_runners_up(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, tmp_path / "state" / "catalogue.json")
    many = [_match(f"<b>ann/{number}.jpg", 0.9 - number / 100, ("small",) * (number == 0)) for number in range(12)]
    alone = [_match("loose.jpg", 0.3, ("blurred", "turned away"))]
    html = face_cards.people(catalogue, [Group("<b>ann", 0.8, many), Group("", 0.3, alone)], Scale(NONE_KNOWN))
    parsed = ElementTree.fromstring(html.replace('loading="lazy"', ""))
    ann, loose = parsed.findall("div/div")
    assert ann.findtext("div/button/span[@class='label']") == "<b>ann"
    assert ann.findtext("details/summary") == "8 more photos" and len(ann.findall("details/div/button")) == 8
    assert ann.findall("div/button")[0].attrib["data-digest"] == "<b>ann/0.jpg"
    assert [flag.text for flag in ann.findall("div/button//i")] == ["small"]
    assert loose.findtext("div/button/span[@class='label']") == "loose" and loose.find("details") is None
    assert [flag.text for flag in loose.findall("div/button//i")] == ["blurred", "turned away"]


def _part(remarks: tuple[str, ...] = (), box: Box | None = (10, 10, 60, 80)) -> Part:
    return Part(box, np.full((150, 150, 3), 120, np.uint8), remarks)


@pytest.mark.parametrize(("chosen", "pressed"), [(0, [True, False, False]), (1, [False, True, False])])
def test_a_face_can_be_chosen_or_all_of_them(chosen: int, pressed: list[bool]) -> None:
    parts = [_part(), _part(("blurred", "small"))]
    buttons = ElementTree.fromstring(f"<p>{face_cards.faces(parts, (200, 100), chosen)}</p>").findall(".//button")
    assert [button.attrib["data-digest"] for button in buttons] == ["0", "1", "every"]
    assert [button.attrib["aria-pressed"] == "true" for button in buttons] == pressed
    doubt = "This face is blurred and small; the answer may be off."
    assert (doubt in face_cards.faces(parts, (200, 100), chosen)) == (chosen == 1)
    assert doubt not in face_cards.faces(parts, (200, 100), queries.EVERY)


@pytest.mark.parametrize("box", [(10, 10, 60, 80), None])
def test_a_single_face_is_shown_but_offers_no_choice(box: Box | None) -> None:
    html = ElementTree.fromstring(f"<p>{face_cards.faces([_part(box=box)], (200, 100), 0)}</p>")
    assert not html.findall(".//button") and len(html.findall(".//rect")) == 1


# --- the same or not


@pytest.mark.parametrize(
    ("cosine", "title"), [(0.9, "Most likely the same person"), (0.1, "Most likely two people"), (0.45, "Unsure")]
)
def test_a_verdict_is_told_with_its_errors_and_a_picture(cosine: float, title: str) -> None:
    known = KnownPairs(np.linspace(0.3, 1, 500), np.linspace(-0.2, 0.6, 500), "pairs <held> back")
    html = ElementTree.fromstring(face_cards.verdict([_part(), _part()], Verdict(cosine, known)))
    text = " ".join(html.itertext())
    assert html.findtext("h3") == title
    assert "of pairs of one person are less alike than this" in text and "of pairs of two people" in text
    assert "learned from pairs <held> back" in text and "face is" not in text
    assert len(html.findall("svg/polygon")) == 2 and html.find("svg/line") is not None


@pytest.mark.parametrize(
    ("cosine", "remarks", "title", "told"),
    [
        (0.9, [("small",), ()], "Most likely the same person", "The first face is small; the answer may be off."),
        (0.1, [("small",), ()], "Can't tell", "The first face is small; that leaves too little to tell by."),
        (0.1, [(), ("blurred", "turned away")], "Can't tell", "The second face is blurred and turned away; that"),
        (0.9, [("small",), ("blurred",)], "Can't tell", "The second face is blurred; that leaves too little"),
        (0.45, [("small",), ()], "Unsure", "The first face is small; the answer may be off."),
    ],
)
def test_doubtful_faces_are_never_called_two_people(
    cosine: float, remarks: list[tuple[str, ...]], title: str, told: str
) -> None:
    known = KnownPairs(np.linspace(0.3, 1, 500), np.linspace(-0.2, 0.6, 500), "pairs")
    parts = [_part(of_one) for of_one in remarks]
    html = ElementTree.fromstring(face_cards.verdict(parts, Verdict(cosine, known, tuple(remarks))))
    assert html.findtext("h3") == title and "different" not in html.attrib["class"]
    assert told in " ".join(html.itertext()) and "two people" not in title


@pytest.mark.parametrize(
    "known",
    [
        KnownPairs(np.array([0.5]), np.array([0.5]), "one pair of each"),
        KnownPairs(np.full(300, 1.0), np.full(300, -1.0), "pairs all alike"),
    ],
)
@pytest.mark.parametrize("cosine", [-1.0, 0.5, 1.0])
def test_a_verdict_can_be_drawn_from_poor_pairs(known: KnownPairs, cosine: float) -> None:
    text = " ".join(
        ElementTree.fromstring(face_cards.verdict([_part(), _part()], Verdict(cosine, known))).itertext()
    )
    assert "nan" not in text and "0%" not in text.replace("50%", "")


def test_without_known_pairs_the_number_is_told_and_what_is_needed() -> None:
    html = face_cards.verdict([_part(), _part()], Verdict(0.4321, None))
    assert "Cosine 0.43" in html and "several photos each of many people" in html and "<polygon" not in html


# --- the card to share


UGLY = {
    "empty": "",
    "blank": " \n\t ",
    "endless": "Wolfeschlegelsteinhausenbergerdorff" * 40,
    "lines": "a\nb\r\nc\0d\x1b[31m",
    "accents": "Łukasz Ñandú Ærø Zoë",
    "arabic": "عمر الشريف",
    "chinese": "陳大文",
    "emoji": "👩\u200d👩\u200d👧 🏳️\u200d🌈",
    "half a letter": "caf\udce9",
    "unassigned": "\u0378\uffff\U0010ffff",
    "backwards": "\u202eabc",
}


@pytest.mark.parametrize("name", UGLY.values(), ids=UGLY)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_name_can_be_put_on_a_card(name: str, count: int) -> None:
    face = np.full((224, 224, 3), (200, 30, 30), np.uint8)
    card = share.card(face, [share.Likeness(face, name, name)] * count)
    assert card.mode == "RGB" and card.width == 1080 and card.height < 2 * card.width
    paper = np.asarray(card)[:, -share.MARGIN + 4 :]
    assert (paper == paper[0, 0]).all(), "no name runs into the margin"


def test_the_card_shows_the_faces_side_by_side_whatever_their_shape() -> None:
    red, green, blue = (np.uint8([250, 0, 0]), np.uint8([0, 250, 0]), np.uint8([0, 0, 250]))
    faces = [np.full(shape, colour) for shape, colour in (((1, 1, 3), green), ((30, 900, 3), blue))]
    pixels = np.asarray(share.card(np.full((224, 224, 3), red), [share.Likeness(face, "") for face in faces]))
    columns = {name: np.argwhere((pixels == colour).all(axis=2))[:, 1] for name, colour in
               (("red", red), ("green", green), ("blue", blue))}  # fmt: skip
    assert columns["red"].max() < 540 < columns["green"].min()
    assert {len(found) for found in columns.values()} and min(map(len, columns.values())) > 200_000


def test_a_name_that_is_too_long_ends_in_dots() -> None:
    font = share._font("", 44)
    assert font
    assert share.shortened("Ann", font, 400) == "Ann"
    short = share.shortened("Ann " * 50, font, 400)
    assert short.startswith("Ann Ann") and short.endswith("...") and font.getlength(short) <= 400
    assert share.shortened("Ann", font, 1) == "..."


@pytest.mark.parametrize(
    ("box", "side"),
    [
        ((40, 30, 60, 50), 26),
        ((0, 0, 10, 10), 13),
        ((90, 70, 100, 80), 13),
        ((0, 0, 100, 80), 80),
        ((-50, -50, 300, 300), 80),
        ((5, 5, 5, 5), 1),
        (None, 80),
    ],
)
def test_a_match_is_cut_out_square_and_within_its_picture(box: Box | None, side: int) -> None:
    pixels = np.arange(100 * 80 * 3).reshape(80, 100, 3)
    cut = share.around(pixels, box)
    assert cut.shape == (side, side, 3)
    if box == (40, 30, 60, 50):
        assert (cut[13, 13] == pixels[40, 50]).all()


# --- the tab without a browser


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn portraits of each of PEOPLE, and one of somebody else, in no folder."""
    drawn = pytest.importorskip("samples.people", reason="the sample people are not drawn yet")
    folder = tmp_path_factory.mktemp("people")
    for name in PEOPLE:
        (folder / name).mkdir()
        for number in (1, 2):
            drawn.draw(name, number, folder / name / f"{number}.png")
    drawn.draw("nora", 1, folder / "loose.png")
    return folder


@pytest.fixture(scope="module")
def group(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of them in one photo, each a little smaller than the one before."""
    names = PEOPLE[:3]
    photos = [Image.open(people / name / "1.png").convert("RGB") for name in names]
    width, height = photos[0].size
    tiled = Image.new("RGB", (len(names) * width, height), "white")
    for place, photo in enumerate(photos):
        smaller = photo.resize((round(width * (1 - 0.1 * place)), round(height * (1 - 0.1 * place))))
        tiled.paste(smaller, (place * width, 0))
    path = tmp_path_factory.mktemp("group") / "group.png"
    tiled.save(path)
    return path


@pytest.fixture(scope="module")
def shelf(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    library = Library(tmp_path_factory.mktemp("home"))
    shelf = Shelf(library, people, local=True)
    library.index(shelf.catalogue(shelf.first, "lookalike"), shelf.engine(shelf.first, "lookalike")).update()
    return shelf


@pytest.fixture
def incoming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gradio's folder for uploads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    (tmp_path / "incoming").mkdir()
    return tmp_path / "incoming"


def _uploaded(incoming: Path, photo: Path) -> dict[str, str]:
    (incoming / photo.name).write_bytes(photo.read_bytes())
    return {"path": str(incoming / photo.name)}


def _query(shelf: Shelf, question: Any, asked: Asked | None = None, k: int = 5) -> Query:
    query = find_answers.ask(
        shelf, shelf.first, "lookalike", question, asked or Asked(), k, How(), lookalike._kind(shelf)
    )
    assert query
    return query


def _told(found: lookalike.Found) -> list[list[str]]:
    return [[group.label or group.matches[0].path.name for group in people.groups] for people in found.people]


def test_each_face_finds_its_own_person(shelf: Shelf, incoming: Path, group: Path) -> None:
    question = _uploaded(incoming, group)
    for part, name in enumerate(PEOPLE[:3]):
        (people,) = _told(lookalike._found(_query(shelf, question, Asked(part=part))))
        assert people[0] == name and len(people) == len(set(people)) == 5
    everyone = _told(lookalike._found(_query(shelf, question, Asked(part=queries.EVERY))))
    assert [people[0] for people in everyone] == list(PEOPLE[:3])
    assert [len(people) for people in everyone] == [lookalike.ROW] * 3


def test_people_are_distinct_and_loose_photos_stand_for_themselves(
    shelf: Shelf, incoming: Path, people: Path
) -> None:
    (found,) = _told(lookalike._found(_query(shelf, _uploaded(incoming, people / "loose.png"), k=20)))
    assert sorted(found) == sorted((*PEOPLE, "loose.png"))


def test_a_picture_of_the_catalogue_does_not_find_itself(shelf: Shelf) -> None:
    catalogue = shelf.catalogue(shelf.first, "lookalike")
    for path, first in [("edith/1.png", {"edith"}), ("loose.png", set(PEOPLE))]:  # by her other photo
        digest = next(digest for digest, paths in catalogue.paths.items() if path in paths)
        found = lookalike._found(_query(shelf, None, Asked(digest)))
        assert _told(found)[0][0] in first and len(found.people[0].groups) == 5
        assert digest not in [match.digest for group in found.people[0].groups for match in group.matches]


def test_a_face_of_a_photo_of_several_is_asked_with_when_it_was_found(shelf: Shelf) -> None:
    page = draw_page(shelf, only=["lookalike"])
    chosen = next(function.fn for function in page.fns.values() if function.name == "chosen")
    digest = next(iter(shelf.catalogue(shelf.first, "lookalike").paths))
    for told, part in (("0", 0), ("2", 2), ("x", queries.EVERY)):
        _, asked = chosen(shelf.first, SimpleNamespace(digest=digest, part=told))
        assert asked == Asked(digest, part)
    _, asked = chosen(shelf.first, SimpleNamespace(digest="../secret", part="0"))
    assert not isinstance(asked, Asked)


@pytest.mark.parametrize(
    ("pressed", "chosen"),
    [
        ("0", 0),
        ("1", 1),
        ("٢", 2),
        *((odd, queries.EVERY) for odd in ("every", "7", "-1", "", "9" * 5000, "²", "../x")),
    ],
)
def test_whatever_comes_as_a_choice_of_faces_is_only_a_number(
    shelf: Shelf, incoming: Path, group: Path, pressed: str, chosen: int
) -> None:
    page = draw_page(shelf, only=["lookalike"])
    (turn,) = {function.fn for function in page.fns.values() if function.name == "turn"}
    asked = turn(Asked(), SimpleNamespace(digest=pressed))
    found = lookalike._found(_query(shelf, _uploaded(incoming, group), asked))
    assert found.chosen == chosen and len(found.people) == (3 if chosen == queries.EVERY else 1)


@pytest.mark.parametrize(
    ("k", "used"), [(3, 3), ("7", 7), (0, 1), (-5, 1), (10**9, 20), (None, 1), ("x", 1), ([], 1)]
)
def test_how_many_are_asked_for_is_kept_in_bounds(
    shelf: Shelf, incoming: Path, people: Path, k: Any, used: int
) -> None:
    assert _query(shelf, _uploaded(incoming, people / "loose.png"), k=k).k == used


def test_the_card_lies_among_the_uploads_and_nowhere_else(shelf: Shelf, incoming: Path, group: Path) -> None:
    question = _uploaded(incoming, group)
    before = set(shelf.library.home.rglob("*"))
    card = lookalike._to_share(_query(shelf, question))
    (made,) = incoming.rglob("*.jpg")
    assert card == made and Image.open(made).width == share.WIDTH
    assert set(shelf.library.home.rglob("*")) == before
    with pytest.raises(SemblanceError, match="Choose one face first"):
        lookalike._to_share(_query(shelf, question, Asked(part=queries.EVERY)))


def test_two_photos_are_compared(shelf: Shelf, incoming: Path, people: Path, group: Path) -> None:
    def compare(*photos: Any) -> str:
        return lookalike._compare(shelf, shelf.first, "lookalike", photos)

    ann, other = _uploaded(incoming, people / "loose.png"), _uploaded(incoming, group)
    assert compare(None, None) == compare(ann, None) == compare(None, ann) == lookalike.TOGETHER
    assert "same person" in compare(ann, ann)
    assert "<polygon" in compare(ann, other), "its largest face"


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        (lambda photo: photo.resize((photo.width // 6, photo.height // 6)), "small"),
        (lambda photo: photo.filter(ImageFilter.GaussianBlur(10)), "blurred"),
    ],
    ids=["small", "blurred"],
)
def test_a_doubtful_photo_is_never_called_another_person(
    shelf: Shelf, incoming: Path, people: Path, change: Callable[[Image.Image], Image.Image], remark: str
) -> None:
    for name in PEOPLE[:4]:
        change(Image.open(people / name / "1.png").convert("RGB")).save(incoming / "doubtful.png")
        photos = [incoming / "doubtful.png", people / "loose.png"]
        parts, verdict = lookalike.judged(shelf, shelf.first, "lookalike", photos)
        assert remark in parts[0].remarks == verdict.remarks[0]
        assert verdict.known and verdict.word != "different"
        html = lookalike._compare(
            shelf, shelf.first, "lookalike", [{"path": str(photos[0])}, _uploaded(incoming, photos[1])]
        )
        assert "Most likely two people" not in html and f"The first face is {remark}" in html


@pytest.mark.parametrize("nth", ["first", "second"])
def test_an_error_names_the_photo(shelf: Shelf, incoming: Path, people: Path, nth: str) -> None:
    noise = incoming / "noise.png"
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (96, 96, 3), np.uint8)).save(noise)
    photos = [{"path": str(noise)}, _uploaded(incoming, people / "loose.png")]
    with pytest.raises(SemblanceError) as error:
        lookalike._compare(shelf, shelf.first, "lookalike", photos if nth == "first" else photos[::-1])
    assert str(error.value) == f"In the {nth} photo: {NO_FACE}"


@pytest.mark.parametrize("path", ["/etc/passwd", "/no/such/file", "a\0b", "..", 7])
def test_only_what_was_uploaded_is_compared(shelf: Shelf, incoming: Path, people: Path, path: Any) -> None:
    ours = _uploaded(incoming, people / "loose.png")
    for photos in (({"path": path}, ours), (ours, {"path": path})):
        with pytest.raises(SemblanceError, match="This picture is not here"):
            lookalike._compare(shelf, shelf.first, "lookalike", photos)


def test_what_becomes_of_a_photo_is_told_where_it_is_uploaded(shelf: Shelf) -> None:
    for local, told in ((True, "on this computer only"), (False, "by the computer that runs this page")):
        page = draw_page(Shelf(shelf.library, Path(shelf.catalogue(shelf.first, "lookalike").root), local=local))
        config = json.dumps(page.get_config_file()["components"], default=str)
        assert config.count(told) == 3 and config.count("deleted within minutes") == 2


@pytest.mark.parametrize("webcam", [True, False])
def test_no_camera_is_offered_where_there_may_be_none(
    library: Library, pictures: Path, monkeypatch: pytest.MonkeyPatch, webcam: bool
) -> None:
    monkeypatch.setenv("SEMBLANCE_WEBCAM", str(int(webcam)))
    components = draw_page(Shelf(library, pictures)).get_config_file()["components"]
    assert any("webcam" in (c["props"].get("sources") or ()) for c in components) == webcam
    labels = [in_english(c["props"].get("label") or "") for c in components]
    assert ("Mirror" in labels) == webcam


# --- the tab in a browser


@pytest.fixture(scope="module")
def address(shelf: Shelf) -> Iterator[str]:
    with opened(shelf, only=["lookalike"]) as address:
        yield address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with visit(browser, address) as page:
        yield page


def _view(page: Any, view: str) -> Any:
    page.locator(f"[role=tab][data-tab-id={view}]").click()
    return page.locator("[role=tabpanel]:visible").last


@pytest.mark.browser
def test_from_a_group_photo_to_a_card_to_share(page: Any, group: Path, tmp_path: Path) -> None:
    find = _view(page, "find")
    find.locator("input[type=file]").set_input_files(group)
    find.locator(".faces button").nth(3).wait_for()
    expect(find.locator(".marks rect")).to_have_count(3)
    expect(find.locator(".people .person")).to_have_count(5)
    expect(find.locator(".person .label").first).to_have_text(PEOPLE[0])

    find.locator(".faces .face").nth(1).press("Enter")
    find.locator(f".person:first-child .label:text-is('{PEOPLE[1]}')").wait_for()
    expect(find.locator(".person")).to_have_count(5)
    assert "of strangers" in find.locator(".score").nth(1).inner_text()
    find.locator(".person summary").first.click()
    find.locator(".person details button").first.wait_for()

    with page.expect_download() as download:
        find.get_by_role("button", name="Save as a picture to share").click()
    download.value.save_as(tmp_path / "card.jpg")
    assert Image.open(tmp_path / "card.jpg").width == share.WIDTH

    find.get_by_role("button", name="Everyone").click()
    find.locator(".each").nth(2).wait_for()
    assert [row.locator(".label").first.inner_text() for row in find.locator(".each").all()] == list(PEOPLE[:3])
    assert not find.locator(".share").count()


@pytest.mark.browser
def test_a_photo_without_a_face_gets_one_sentence_and_no_choice(page: Any, group: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(2).integers(0, 255, (96, 96, 3), np.uint8)).save(noise)
    find = _view(page, "find")
    find.locator("input[type=file]").set_input_files(noise)
    find.locator(".state.error p", has_text=NO_FACE).wait_for()
    assert not find.locator(".faces, .marks").count() and not find.locator(".share").count()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_two_photos_are_judged_side_by_side(page: Any, people: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    same = _view(page, "same")
    same.locator("input[type=file]").nth(0).set_input_files(people / "grace" / "1.png")
    same.locator("img").first.wait_for()
    same.locator("input[type=file]").nth(1).set_input_files(people / "grace" / "2.png")
    same.locator(".verdict h3").wait_for()
    expect(same.locator(".verdict .face img")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
