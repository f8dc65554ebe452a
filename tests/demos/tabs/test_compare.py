"""The tab Compare: each side answers for itself, both search one collection, and the figures of every engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from demos.components.queries import Asked
from demos.server.state import SAMPLES, Shelf
from demos.suite import draw_page
from demos.tabs import compare
from demos.views import engine_comparison
from engines import SemblanceError
from features.errors import NotIndexed
from features.evaluation.comparison import Comparison, Questions, Rating
from features.evaluation.measures import Evaluation
from features.library import Library
from tests.support.browsing import SECONDS, expect, launched
from tests.support.toy import digest, hue, paint

COLOUR, STYLE = "colour", "style"
HOSTILE = "<img src=x onerror=alert(1)> ${1} {{this}}"
BOTH = (COLOUR, COLOUR)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        paint(tmp_path / "painted" / HOSTILE / f"{number}.png", hue(number), size=(32, 32))
        paint(tmp_path / "painted" / "green" / f"{number}.png", hue(90 - number), size=(32, 32))
    return tmp_path / "painted"


@pytest.fixture
def shelf(library: Library, folder: Path) -> Shelf:
    return Shelf(library, folder, local=True)


def indexed(shelf: Shelf, *names: str) -> Shelf:
    for name in names:
        shelf.library.index(shelf.catalogue(shelf.first, name), shelf.engine(shelf.first, name)).update()
    return shelf


def answer(
    shelf: Shelf, asked: str = "", names: Sequence[str] = BOTH, question: Any = None, key: str = "", k: int = 4
) -> tuple[Any, ...]:
    """(told, left wall, its status, right wall, its status)"""
    one, other = names
    return compare._answer(shelf, key or shelf.first, question, Asked(asked), k, (one, other))[1:]


def test_a_side_that_is_not_indexed_says_so_and_the_other_answers(shelf: Shelf, folder: Path) -> None:
    own = digest(folder / "green/0.png")
    told, left, _, right, _ = answer(shelf, own)
    assert "Not indexed yet" in left and "Not indexed yet" in right and 'data-do="index"' in left
    told, left, status, right, _ = answer(indexed(shelf, COLOUR), own, (COLOUR, STYLE))
    assert left.count('class="card"') == 4 and own not in left and "10 pictures searched" in status
    assert "Not indexed yet" in right and "found by both" not in told


def test_what_both_have_found_is_marked_and_counted(shelf: Shelf, folder: Path) -> None:
    own = digest(folder / HOSTILE / "0.png")
    told, left, _, right, _ = answer(indexed(shelf, COLOUR), own)
    assert "4 of 4 are found by both." in told and left.count('class="shared"') == right.count("no. 1 there") * 4
    assert "<img src=x" not in left + right and "&lt;img" in left, "names come from strangers' folders"
    one = compare.Side(shelf.catalogue(shelf.first, COLOUR), (), None, "nothing")
    assert one.drawn(one) == "nothing"


def test_what_goes_wrong_on_one_side_is_told_there_alone(shelf: Shelf, folder: Path) -> None:
    own = digest(folder / "green/0.png")
    for wrong, sentence in (("nose", "There is no such engine"), (f"{COLOUR}+tuned", "not tuned for this")):
        _, left, _, right, _ = answer(indexed(shelf, COLOUR), own, (COLOUR, wrong))
        assert left.count('class="card"') == 4 and sentence in right


def test_no_path_can_be_asked_for(shelf: Shelf, folder: Path) -> None:
    indexed(shelf, COLOUR)
    assert "Ask both with a picture" in answer(shelf)[1] and "Ask both" in answer(shelf, "../x")[1]
    with pytest.raises(SemblanceError, match="drop it once more"):
        answer(shelf, question={"path": str(folder / "green/0.png")})
    for odd in ("../x", "/etc/passwd", "", "f" * 64):
        assert compare._home(shelf, shelf.first, COLOUR, odd) is None


def test_of_the_samples_both_search_the_set_of_the_first_engine(library: Library) -> None:
    shelf = Shelf(library)
    with pytest.raises(NotIndexed):
        engine_comparison.place(shelf, SAMPLES, COLOUR)
    for name in ("paintings", "products"):
        for number in range(3):
            paint(library.home / "samples" / name / "a" / f"{number}.png", hue(len(name) + 9 * number))
    at = engine_comparison.place(shelf, SAMPLES, STYLE)
    library.index(shelf.catalogue(at, STYLE), library.engine(COLOUR)).update()
    library.scan(shelf.catalogue(SAMPLES, COLOUR))
    painting, product = (next(iter(shelf.catalogue(SAMPLES, name).paths)) for name in (STYLE, COLOUR))
    told, left, _, right, _ = answer(shelf, painting, (STYLE, COLOUR), key=SAMPLES)
    assert "both search the set paintings" in told and "Not indexed yet" in left
    assert right.count('class="card"') == 2 and f"thumbnail/{at}/" in right
    assert answer(shelf, product, (STYLE, COLOUR), key=SAMPLES)[3].count('class="card"') == 3, "of another set"


def test_the_first_two_engines_can_use_any_picture(shelf: Shelf) -> None:
    assert compare._first(shelf) == ["product", "style"]


def test_who_can_be_measured_and_who_is_left_out(shelf: Shelf, folder: Path) -> None:
    _, able, left = engine_comparison.entrants(indexed(shelf, COLOUR), shelf.first)
    assert [engine.name for engine in able] == [COLOUR]
    assert {"style", "product", "visual", "lookalike"} <= {one.name for one in left}
    assert "Index for all of them" in engine_comparison._told(shelf, shelf.first, shelf.first)
    paint(folder / "green/new.png", hue(60))
    shelf.library.scan(shelf.catalogue(shelf.first, COLOUR))
    _, able, left = engine_comparison.entrants(shelf, shelf.first)
    assert not able and "10 of 11 pictures" in next(one.why for one in left if one.name == COLOUR)


def test_the_figures_are_measured_once_when_they_are_wished_for(shelf: Shelf) -> None:
    indexed(shelf, COLOUR)
    assert 'data-do="measure"' in engine_comparison._told(shelf, shelf.first, shelf.first)
    job = engine_comparison._start(shelf, shelf.first)
    assert job and job.ended.wait(60) and not job.error
    told = engine_comparison._told(shelf, shelf.first, shelf.first)
    assert "With Colour the first answer is of the same folder for 100 of 100; guessing gives 44." in told
    assert 'data-do="measure"' not in told


def test_without_folders_it_is_said_what_to_do(library: Library, tmp_path: Path) -> None:
    for number in range(3):
        paint(tmp_path / "bare" / f"{number}.png", hue(30 * number))
    shelf = indexed(Shelf(library, tmp_path / "bare"), COLOUR)
    told = engine_comparison._told(shelf, shelf.first, shelf.first)
    assert "put the pictures into folders, two or more in each" in told and 'data-do="measure"' not in told


def test_a_comparison_is_drawn_with_guessing_beside_it_and_nothing_in_it_is_html() -> None:
    figures = Evaluation("x", "<b>net</b>", "0" * 12, 2000, 9000, 0.8125, 0.75, 0.7, 0.0123)
    rated = Rating("<i>Odd</i>", figures, {str(number): number % 16 < 13 for number in range(2000)}, 120)
    asked = Questions({str(number): "a" for number in range(2000)}, 9000, (0.1, 0.1, 0.2))
    html = engine_comparison.draw_comparison(Comparison(asked, [rated], {}))
    assert "<b>net" not in html and "<i>Odd" not in html and "&lt;i&gt;Odd" in html
    for told in ("0.812 ± 0.009", "0.750", "2,000, 120 refused", ">12<", "Guessing", "0.100", "2,000 of 9,000"):
        assert told in html, told


@pytest.fixture
def address(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    with launched(draw_page(indexed(shelf, STYLE), only=["compare"]), shelf) as url:
        yield url


@pytest.mark.browser
def test_two_engines_answer_side_by_side_and_are_measured(address: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SECONDS)
    page.on("dialog", lambda dialog: pytest.fail("a folder's name was run as code"))
    page.goto(address)
    left, right = page.locator(".half").first, page.locator(".half").last
    page.locator(".from-here button").first.click()
    right.locator(".card").first.wait_for()
    left.locator("input").first.click()
    page.get_by_role("option", name="Colour").click()
    left.locator("[data-do=index]").click()
    left.locator(".card").first.wait_for()
    page.locator(".common .finding", has_text="are found by both").wait_for()
    left.locator(".shared").first.wait_for()
    expect(right.locator(".shared")).to_have_count(left.locator(".shared").count())
    right.locator("[data-do=like]").first.click()
    page.locator(".liked", has_text="♥ 1").wait_for()

    page.locator("[role=tab][data-tab-id=suits]").click()
    page.locator(".suits [data-do=measure]").click()
    page.locator(".suits td", has_text="Guessing").wait_for()
    expect(page.locator(".suits .rating")).to_have_count(2)
    page.locator(".suits .left-out").first.wait_for()
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not page.locator(".toast-body").count()
    page.close()
