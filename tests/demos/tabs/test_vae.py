"""The tab of the autoencoder: what it says before, while and after it is trained, and what it draws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos.server.state import Shelf
from demos.suite import draw_page
from demos.tabs import vae
from demos.views import explore, find_answers
from engines import Untrained
from engines.networks.vae import Course, Epoch
from features.library import Library
from tests.support.browsing import served, visit
from tests.support.seeded import Schooled, small_pictures
from tests.support.toy import wheel

NAME = "vae"


@pytest.fixture
def shelf(schooled: Schooled, tmp_path: Path) -> Shelf:
    """With what was learned, in a home of its own."""
    shutil.copytree(schooled.home, tmp_path / "home")
    return Shelf(Library(tmp_path / "home"), schooled.folder, local=True)


@pytest.fixture
def fresh(library: Library, tmp_path: Path) -> Shelf:
    return Shelf(library, small_pictures(tmp_path / "fresh", 100), local=True)


def test_untrained_every_view_says_so_and_nothing_is_begun(fresh: Shelf) -> None:
    assert not fresh.card(fresh.first, NAME).available and NAME not in fresh.available(fresh.first)
    assert not fresh.unready(fresh.first, NAME), "no search may begin to train it"
    assert "has yet to be trained" in find_answers.idle(fresh, fresh.first, NAME)
    _, button, report = vae._show(fresh, fresh.first, NAME, None)
    assert "has not been learned yet" in report and button["value"] == "Train" and button["interactive"]
    assert vae._ranking(fresh, fresh.first, NAME) == ""
    for view in (vae._unusual, lambda *asked: explore._shown(*asked, ())):
        with pytest.raises(Untrained):
            view(fresh, fresh.first, NAME)


def test_a_collection_that_is_too_small_is_told_by_number(library: Library, pictures: Path) -> None:
    wheel(pictures, 7)
    shelf = Shelf(library, pictures, local=True)
    library.scan(shelf.catalogue(shelf.first, NAME))
    _, button, report = vae._show(shelf, shelf.first, NAME, None)
    assert "has 7 pictures, and 100 are needed" in report and not button["interactive"]


def test_trained_it_answers_and_tells_what_came_of_it(shelf: Shelf, schooled: Schooled) -> None:
    key = shelf.first
    assert shelf.engine(key, NAME) is shelf.engine(key, NAME) is shelf.hoped(key, NAME)
    assert shelf.card(key, NAME).available and shelf.status(key, NAME).done == 120
    facts, button, report = vae._show(shelf, key, NAME, None)
    assert "Learned from 120 pictures." in facts and "numbers are in use" in facts
    assert button["value"] == "Train on" and report.count("<figure>") >= 1 and "<svg" in report
    assert "No other tab has looked" in vae._ranking(shelf, key, NAME)
    shelf.library.index(shelf.catalogue(key, NAME), shelf.library.engine("colour")).update()
    assert " of the 2 engines that have looked" in vae._ranking(shelf, key, NAME)
    html = vae._unusual(shelf, key, NAME)
    assert html.count("<figure>") == vae.SHOWN and "The most unusual of 120 pictures" in html
    (endpoint,) = (event.fn for event in draw_page(shelf).fns.values() if event.api_name == "unusual")
    told = endpoint("", NAME, 3)
    first, second, third = (one["nats"] for one in told["pictures"])
    assert first >= second >= third > told["typical"] and told["pictures"][0]["file"].endswith(".png")


def test_a_changed_collection_is_told(shelf: Shelf, tmp_path: Path) -> None:
    catalogue = shelf.catalogue(shelf.first, NAME)
    catalogue.hide(list(catalogue.paths)[:3])
    facts, button, _ = vae._show(shelf, shelf.first, NAME, None)
    assert "3 removed since. Train on, and that is taken in." in facts and button["value"] == "Train on"


def test_a_training_that_was_stopped_is_told_with_its_curves(shelf: Shelf, schooled: Schooled) -> None:
    catalogue, engine = shelf.catalogue(shelf.first, NAME), shelf.library.engine(NAME)
    work = shelf.library.index(catalogue, engine).training.folder()
    work.mkdir()
    engine.plan(work, schooled.engine.pictures(), 16, None)
    done = [[0.05, 0.04, 9.0, 0.2, 1.0], [0.02, 0.03, 12.0, 0.4, 1.0]]
    (work / "progress.json").write_text(json.dumps({"epochs": 9, "done": done, "step": 0, "steps": 2}))
    _, button, report = vae._show(shelf, shelf.first, NAME, None)
    assert "stopped after epoch 2 of 9" in report and button["value"] == "Go on" and "<svg" in report


@pytest.mark.parametrize("epochs", [1, 2, 150])
def test_the_curves_stay_in_their_frame(epochs: int) -> None:
    done = tuple(Epoch(1 / (n + 1), 2 / (n + 1), 3.0 * n, 1, 0.5) for n in range(epochs))
    html = vae._curves(Course(150, done, 0, 0, None))
    points = [point.split(",") for line in html.split('points="')[1:] for point in line.split('"')[0].split()]
    assert len(points) == 3 * epochs
    assert all(0 <= float(x) <= 640 and 0 <= float(y) <= 200 for x, y in points)


def test_a_walk_is_drawn_once_with_what_is_nearest_to_each_step(shelf: Shelf) -> None:
    catalogue = shelf.catalogue(shelf.first, NAME)
    one, *_, other = catalogue.paths
    ends = (explore.End(one), explore.End(other))
    _, _, walk, sliders, turned = explore._shown(shelf, shelf.first, NAME, ends)
    told = json.loads(walk)
    assert len(told["steps"]) == explore.STEPS and told["ends"] == ["large", "small"]
    assert all(len(step["near"]) == explore.NEAR for step in told["steps"])
    assert told["steps"][0]["near"][0]["digest"] == one and told["steps"][-1]["near"][0]["digest"] == other
    assert sliders.count("<input") == explore.DIRECTIONS and "data:image" in turned and "<" not in walk
    moved = explore._turned(shelf, shelf.first, NAME, ends, [2.0])
    assert moved != turned == explore._turned(shelf, shelf.first, NAME, ends, [0.0])


@pytest.mark.parametrize("odd", [None, "x", {}, [None, "3", float("nan"), [], True]])
def test_what_sliders_tell_may_be_made_up(odd: Any) -> None:
    assert all(-explore.REACH <= one <= explore.REACH for one in explore._amounts(odd))
    assert explore._amounts([9e9, -9e9, 1]) == [explore.REACH, -explore.REACH, 1.0]
    assert len(explore._amounts([0.1] * 99)) == explore.DIRECTIONS


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_its_views_in_a_browser(
    browser: Any,
    app: str,
    width: int,
) -> None:
    with visit(browser, app) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("[role=tab][data-tab-id=vae]").click()
        page.locator(".from-here:visible button").first.click()
        page.locator(".redrawn img").nth(1).wait_for()
        assert "nats unusual" in page.locator(".redrawn").first.inner_text()
        if width < 500:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            return
        page.locator("[role=tab][data-tab-id=train]:visible").click()
        page.locator(".course .losses").wait_for()
        page.locator("[role=tab][data-tab-id=explore]:visible").click()
        page.locator(".walk .examples button").first.wait_for()
        before = page.locator(".walk .stage img").get_attribute("src")
        page.locator(".walk input").press("ArrowRight")
        assert page.locator(".walk .stage img").get_attribute("src") != before
        drawn = page.locator(".turned .stage img").get_attribute("src")
        page.locator(".directions input").first.press("End")
        page.wait_for_function(
            "(before) => document.querySelector('.turned .stage img').src !== before", arg=drawn
        )


@pytest.fixture(scope="module")
def app(schooled: Schooled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(schooled.home, home)
    with served(schooled.folder, home) as address:
        yield address


def test_samples_are_drawn_anew_each_time(schooled: Schooled) -> None:
    from features.learning import autoencoder

    one, again, other = (autoencoder.samples(schooled.engine, 5, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (5, 64) and np.abs(one - other).max() > 0.1
