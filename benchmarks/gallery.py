"""The gallery and the map of 20,000 pictures, in headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import material
from benchmarks.measure import RUNS, Series, say
from benchmarks.report import Bar, Row
from benchmarks.start import served
from features.library import Library

FOLDERS, EACH = 40, 500
ENGINE = "colour"
TYPED = "folder-17/085"
PATIENCE = 60_000  # milliseconds

# from the click until every picture in view is there
WALL = """async () => {
    const begun = performance.now();
    document.querySelector('[role=tab][data-tab-id=gallery]').click();
    const seen = () => [...document.querySelectorAll('.browse .card img')]
        .filter((image) => image.getBoundingClientRect().top < innerHeight);
    while (!seen().length || !seen().every((image) => image.complete && image.naturalWidth))
        await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""
# from the key until the wall is another: the clock is set first, for the key comes from outside
CLOCK = """() => {
    const wish = () => document.querySelector('.browse').dataset.wish, before = wish();
    window.taken = new Promise((done) => addEventListener('keydown', async () => {
        const begun = performance.now();
        while (wish() === before) await new Promise(requestAnimationFrame);
        done(performance.now() - begun);
    }, { once: true, capture: true }));
}"""
# from the click until its legend is there: it is drawn in the same turn
MAP = """async (engine) => {
    const tab = (name) => [...document.querySelectorAll(`[role=tab][data-tab-id=${name}]`)];
    tab(engine)[0].click();
    await new Promise((done) => setTimeout(done, 1000));
    const begun = performance.now();
    tab('map').find((one) => one.checkVisibility()).click();
    while (![...document.querySelectorAll('.key button')].some((one) => one.checkVisibility()))
        await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - begun;
}"""


def rows(scratch: Path) -> Iterator[Row]:
    folder, home = scratch / "pictures" / "gallery", scratch / "homes" / "gallery"
    say("  drawing and indexing a catalogue")
    for number in range(FOLDERS):
        material.draw(folder / f"folder-{number:02}", EACH, number * EACH)
    library = Library(home)
    catalogue, engine = library.open(folder), library.engine(ENGINE)
    library.index(catalogue, engine).update()
    library.index(catalogue, engine).projection("t-SNE")
    with served(["app.py", "serve", str(folder)], home) as (_, url, _), browser() as opened:

        def visit(script: str, *given: Any) -> float:
            page = opened.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(PATIENCE)
            page.goto(url)
            page.locator(".state:visible, .card:visible").first.wait_for()
            page.wait_for_timeout(2000)
            taken = float(page.evaluate(script, *given))
            page.close()
            return taken / 1000

        def first_look() -> float:
            shutil.rmtree(home / "thumbnails", ignore_errors=True)
            return visit(WALL)

        what = f"first page of the wall, {FOLDERS * EACH:,} pictures"
        visit(WALL)
        made = Series(tuple(first_look() for _ in range(RUNS)), "s")
        yield Row(f"{what}, its thumbnails yet to be made", "", made, Bar("at most", 1))
        kept = Series(tuple(visit(WALL) for _ in range(RUNS)), "s")
        yield Row(f"{what}, seen before", "", kept, Bar("at most", 1))

        page = opened.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.locator(".state:visible, .card:visible").first.wait_for()
        page.evaluate(WALL)
        page.locator(".finding-text input").click()
        typed = []
        for letter in TYPED:
            page.evaluate(CLOCK)
            page.keyboard.press(letter)
            typed.append(float(page.evaluate("window.taken")))
        page.close()
        note = "from the key until the wall shows what is found"
        yield Row("filter as you type", "", Series(tuple(typed), "ms"), Bar("at most", 150), note=note)

        shown = Series(tuple(visit(MAP, ENGINE) for _ in range(RUNS)), "s")
        yield Row("the map, once computed (t-SNE)", "", shown, Bar("at most", 3))


def browser() -> Any:
    """A context manager. Raises Unavailable."""
    from contextlib import contextmanager

    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise material.Unavailable("playwright is not installed (requirements-dev.txt)") from error
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise material.Unavailable("there is no chromium on PATH")

    @contextmanager
    def opened() -> Iterator[Any]:
        with sync_playwright() as playwright:
            started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            yield started
            started.close()

    return opened()
