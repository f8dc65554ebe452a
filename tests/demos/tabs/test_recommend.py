"""What is liked follows through the tabs, and recommendations are made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demos.components import likes
from demos.components.likes import Held, Tray
from demos.server.state import Shelf
from demos.tabs import recommend
from engines import SemblanceError
from features.errors import NotIndexed
from features.library import Library
from features.retrieval.results import Liked
from tests.support.browsing import expect, visit
from tests.support.toy import BLUE, Toy, digest, hue, paint

A, B, C = (Held(Path(name), digest=name * 64) for name in "abc")


def turned(held: Held) -> Held:
    return Held(held.path, held.digest, liked=not held.liked)


# --- the tray


@pytest.mark.parametrize(
    ("before", "pressed", "after"),
    [
        ((), A, (A,)),
        ((A,), B, (A, B)),
        ((A, B), A, (B,)),
        ((A, B), turned(A), (turned(A), B)),
        ((turned(A),), turned(A), ()),
        ((turned(A),), A, (A,)),
    ],
    ids=["first", "another", "again", "the other button", "cross again", "and back"],
)
def test_a_button_puts_in_turns_or_takes_out(before: Tray, pressed: Held, after: Tray) -> None:
    assert likes.press(before, pressed) == after


@pytest.mark.parametrize(
    ("number", "does", "after"),
    [
        (1, "drop", (A, C)),
        (1, "front", (B, A, C)),
        (0, "front", (A, B, C)),
        (2, "turn", (A, B, turned(C))),
        (9, "drop", (A, B, C)),
        (-1, "front", (A, B, C)),
    ],
)
def test_the_tray_is_put_in_order(number: int, does: str, after: Tray) -> None:
    assert likes.change((A, B, C), number, does) == after


@pytest.mark.parametrize(("told", "weight"), [("2.5", 2.5), ("-1", 0.25), ("x", 1), (None, 1)])
def test_a_picture_is_weighed(told: Any, weight: float) -> None:
    assert likes.change((A, B), 1, "weigh", told)[1].weight == weight


def test_a_tray_does_not_grow_without_end() -> None:
    held: Tray = ()
    for number in range(likes.MOST + 5):
        held = likes.press(held, Held(Path(str(number))))
    assert len(held) == likes.MOST and held[-1].path == Path(str(likes.MOST + 4))


def test_the_bar_counts_and_the_buttons_are_marked() -> None:
    assert (likes.label(()), likes.label((A, B)), likes.label((A, turned(B)))) == ("♥ 0", "♥ 2", "♥ 1 · ✕ 1")
    marks = likes.marks((A, turned(B), Held(Path("x"), digest='"]{}</style>')))
    assert marks == f"like-{A.digest} unlike-{B.digest}", "a digest is no way into the page"


# --- the answer


@pytest.fixture
def shelf(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    for number in range(10):
        paint(tmp_path / "own" / "warm" / f"{number}.png", hue(9 * number))
    paint(tmp_path / "own" / "cold.png", BLUE)
    shelf, toy = Shelf(library, tmp_path / "own", local=True), Toy()
    monkeypatch.setattr(shelf, "engine", lambda key, name: toy)
    monkeypatch.setattr(shelf, "unready", lambda key, name: False)
    library.index(shelf.catalogue(shelf.first, "colour"), toy).update()
    return shelf


def answer(shelf: Shelf, *held: Held, k: Any = 3, diversity: Any = 0) -> str:
    homes = shelf.catalogues(shelf.first)
    return recommend._answer(shelf, shelf.first, "colour", held, diversity, k, homes)[0]


def liked(shelf: Shelf, name: str, yes: bool = True) -> Held:
    path = shelf.catalogue(shelf.first, "colour").root / name
    return Held(path, digest(path), liked=yes)


def test_likes_are_answered_with_their_reasons(shelf: Shelf) -> None:
    red, green = liked(shelf, "warm/0.png"), liked(shelf, "warm/9.png")
    html = answer(shelf, red, green, k=50)
    assert html.count('class="card"') == 9 and html.count("because of this") == 9
    assert "Search from" not in html, "to press a card here is to like it"
    cards = html.split('<div class="item">')[1:]
    near = {
        digest(shelf.catalogue(shelf.first, "colour").root / f"warm/{number}.png"): number for number in range(10)
    }
    for card in cards:
        number = next((number for own, number in near.items() if f'data-digest="{own}"' in card), None)
        if number in (1, 2, 7, 8):
            assert (red if number < 5 else green).digest in card.rpartition("reason")[2]


def test_a_dislike_turns_the_answer(shelf: Shelf) -> None:
    middle = liked(shelf, "warm/5.png")
    after = answer(shelf, middle, liked(shelf, "warm/6.png", yes=False), k=1)
    assert digest(shelf.catalogue(shelf.first, "colour").root / "warm/4.png") in after
    assert after != answer(shelf, middle, liked(shelf, "warm/4.png", yes=False), k=1)


def test_an_upload_counts_and_one_that_was_put_away_does_not(shelf: Shelf, tmp_path: Path) -> None:
    upload = Held(paint(tmp_path / "up" / "load.png", hue(1)))
    assert "because of this" in answer(shelf, upload)
    upload.path.unlink()
    assert "What do you like?" in answer(shelf, upload)
    assert "gone" in likes.draw_tray([upload], shelf.catalogues(shelf.first))


def test_nothing_liked_is_a_hint_and_dislikes_alone_are_too(shelf: Shelf) -> None:
    assert "What do you like?" in answer(shelf)
    assert "What do you like?" in answer(shelf, liked(shelf, "warm/0.png", yes=False))


@pytest.mark.parametrize(("k", "diversity"), [(None, None), ("x", "x"), (-5, 9), (10**9, float("nan"))])
def test_made_up_numbers_do_no_harm(shelf: Shelf, k: Any, diversity: Any) -> None:
    assert 'class="card"' in answer(shelf, liked(shelf, "warm/0.png"), k=k, diversity=diversity)


def test_a_picture_of_another_collection_is_taken_by_its_file(
    shelf: Shelf, library: Library, tmp_path: Path
) -> None:
    other = Held(paint(tmp_path / "other" / "x.png", hue(40)), digest="f" * 64)
    assert other.taste(shelf.catalogue(shelf.first, "colour")) == Liked(other.path)
    own = liked(shelf, "cold.png")
    assert own.taste(shelf.catalogue(shelf.first, "colour")) == Liked(own.digest)


def test_nothing_is_fetched_for_a_recommendation(library: Library, tmp_path: Path) -> None:
    path = paint(tmp_path / "own" / "a.png", BLUE)
    shelf = Shelf(library, tmp_path / "own", local=True)
    with pytest.raises(NotIndexed):
        recommend._answer(shelf, shelf.first, "colour", (Held(path),), 0, 3, ())
    with pytest.raises(SemblanceError, match="no such engine"):
        recommend._known(shelf, "../x")


@pytest.mark.browser
def test_three_likes_and_a_dislike_become_recommendations(browser: Any, app: str, collection: Path) -> None:
    with visit(browser, app) as page:
        page.locator("[role=tab][data-tab-id=recommend]").click()
        page.locator(".results:visible", has_text="What do you like?").first.wait_for()
        page.locator("[role=tab][data-tab-id=product]").click()
        panel = page.locator("[role=tabpanel]:visible").first
        panel.locator("input[type=file]").first.set_input_files(sorted(collection.glob("*/1.jpg"))[0])
        panel.locator(".card").first.wait_for()
        for number in range(3):
            panel.locator(".tools [data-do=like]").nth(number).click()
            page.locator(".liked", has_text=f"♥ {number + 1}").wait_for()
        panel.locator(".tools [data-do=unlike]").nth(3).click()
        page.locator(".liked", has_text="✕ 1").wait_for()
        page.locator(".results .tools [data-do=like][aria-pressed=true]").nth(2).wait_for()
        expect(panel.locator(".tools [data-do=like][aria-pressed=true]")).to_have_count(3)
        expect(panel.locator(".tools [data-do=unlike][aria-pressed=true]")).to_have_count(1)

        page.locator(".liked").click()
        page.locator(".holding .held").nth(3).wait_for()
        page.locator(".reason:visible").first.wait_for()
        given = {held.get_attribute("src") for held in page.locator(".holding img").all()}
        shown = {card.get_attribute("src") for card in page.locator(".card:visible img").all()}
        assert shown and not given & shown, "what was pressed does not come back"

        page.locator(".holding [data-do=drop]").first.click()
        page.locator(".liked", has_text="♥ 2").wait_for()
        page.locator(".holding [data-do=turn]").first.click()
        page.locator(".liked", has_text="♥ 1 · ✕ 2").wait_for()
        page.locator("input[type=file]:visible, [role=tabpanel]:visible input[type=file]").first.set_input_files(
            sorted(collection.glob("*/2.jpg"))[0]
        )
        page.locator(".liked", has_text="♥ 2 · ✕ 2").wait_for()
        page.locator(".card:visible").first.click()
        page.locator(".liked", has_text="♥ 3 · ✕ 2").wait_for()
