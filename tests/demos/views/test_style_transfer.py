"""The view in which a photo is painted: previews come, it can be stopped, and only what was uploaded is opened."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demos.components.page import Page
from demos.i18n.language import say
from demos.server.state import Shelf
from demos.views import style_transfer
from features.library import Library
from features.transfer import Frame
from tests.support.browsing import SECONDS, launched


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a drawn portrait, and a folder of drawn paintings below it."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "paintings").mkdir()
    importlib.import_module("samples.people").draw("grace", 1, folder / "photo.png")
    paintings = importlib.import_module("samples.paintings")
    for number, kind in enumerate(("swirls", "woodcut"), 1):
        paintings.draw(kind, number, folder / "paintings" / f"{kind}.jpg")
    return folder


@pytest.fixture
def shelf(library: Library, drawn: Path) -> Shelf:
    return Shelf(library, drawn / "paintings", local=True)


def built(shelf: Shelf) -> gr.Blocks:
    """A page with nothing but the view."""
    with gr.Blocks(analytics_enabled=False) as page:
        picker = gr.Dropdown(shelf.choices(), value=shelf.first)
        style_transfer.draw_transfer(Page(page, shelf, picker, gr.State(0.0), gr.State(()), gr.State(())))
    return page


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: Path) -> dict[str, dict[str, str]]:
    """What has been uploaded, as it comes in."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    (tmp_path / "incoming").mkdir()
    made = {}
    for name, path in (("photo", drawn / "photo.png"), ("painting", drawn / "paintings" / "woodcut.jpg")):
        copy = tmp_path / "incoming" / path.name
        copy.write_bytes(path.read_bytes())
        made[name] = {"path": str(copy)}
    return made


@pytest.fixture
def paint(shelf: Shelf) -> Any:
    """The event of the button: all its (picture, HTML)."""
    (work,) = (event.fn for event in built(shelf).fns.values() if event.name == "work")

    def once(
        photo: Any, painting: Any, digest: str = "", strength: Any = 0.5, size: Any = 64, method: str = "gatys"
    ) -> list[Any]:
        return list(work(shelf.first, photo, painting, digest, method, strength, 1, False, size))

    return once


# --- the event


def test_previews_come_until_it_is_painted(
    paint: Any, uploads: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_transfer, "EVERY", 0)
    steps = paint(uploads["photo"], uploads["painting"])
    assert len(steps) > 10
    for (before, after), _ in steps:
        assert before.shape == after.shape and max(after.shape) == 64
    assert (
        "Painting: 0%" in steps[0][1]
        and "Painted" in steps[-1][1]
        and "Network efficientnet-lite0" in steps[-1][1]
    )
    assert all(np.array_equal(before, steps[0][0][0]) for (before, _), _ in steps)


def test_a_painting_of_the_collection_can_be_clicked_on(
    paint: Any, uploads: dict[str, Any], shelf: Shelf, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def once(content: Path, style: Path, *_: Any, **__: Any) -> Iterator[Frame]:
        asked.append(style)
        yield Frame(np.zeros((64, 64, 3), np.uint8), 1.0)

    monkeypatch.setattr(style_transfer, "transfer", once)
    catalogue = shelf.catalogue(shelf.first, "style")
    shelf.library.index(catalogue, shelf.library.engine("colour")).update()
    catalogue = shelf.catalogue(shelf.first, "style")
    digest = next(iter(catalogue.paths))
    paint(uploads["photo"], None, digest)
    paint(uploads["photo"], uploads["painting"], "../../etc/passwd")
    assert asked == [catalogue.file(digest), Path(uploads["painting"]["path"])]


def test_what_was_not_uploaded_is_not_opened(paint: Any, uploads: dict[str, Any], drawn: Path) -> None:
    for photo, painting in (
        ({"path": "/etc/passwd"}, uploads["painting"]),
        (uploads["photo"], {"path": str(drawn / "photo.png")}),
        ({"path": "\0"}, uploads["painting"]),
    ):
        ((picture, told),) = paint(photo, painting)
        assert picture == gr.skip() and "This picture is not here" in told


def test_what_is_missing_or_makes_no_sense_is_told(paint: Any, uploads: dict[str, Any], tmp_path: Path) -> None:
    assert "Drop a photo and a painting" in paint(uploads["photo"], None)[0][1]
    assert "Drop a photo and a painting" in paint(None, uploads["painting"])[0][1]
    assert "Sizes go from" in paint(uploads["photo"], uploads["painting"], size=50_000)[0][1]
    assert "Sizes go from" in paint(uploads["photo"], uploads["painting"], strength="7")[0][1]
    assert "unforeseen" in paint(uploads["photo"], uploads["painting"], strength="<b>")[0][1]
    broken = tmp_path / "incoming" / "broken.png"
    broken.write_bytes(b"no picture")
    assert "no picture that can be read" in paint({"path": str(broken)}, uploads["painting"])[0][1]


def test_one_is_painted_at_a_time_and_nothing_is_decoded_by_gradio(shelf: Shelf) -> None:
    (work,) = (event for event in built(shelf).fns.values() if event.name == "work")
    assert work.concurrency_limit == 1 and not work.preprocess


def test_at_once_one_frame_is_all(paint: Any, uploads: dict[str, Any]) -> None:
    (((before, after), html),) = paint(uploads["photo"], uploads["painting"], method="instant")
    assert before.shape == after.shape and max(after.shape) == 64
    assert "Painted" in html and "Network magenta" in html


@pytest.mark.parametrize(
    ("method", "photo", "painting", "paints"),
    [("instant", True, True, True), ("instant", False, True, False), ("gatys", True, True, False)],
)
def test_a_change_paints_again_where_that_is_quick(
    shelf: Shelf, uploads: dict[str, Any], method: str, photo: bool, painting: bool, paints: bool
) -> None:
    (follow,) = (event.fn for event in built(shelf).fns.values() if event.name == "follow")
    given = uploads["photo"] if photo else None, uploads["painting"] if painting else None
    *_, (picture, _) = follow(shelf.first, *given, "", method, 0.5, 1, False, 64)
    assert (picture != gr.skip()) is paints if not paints else len(picture) == 2


# --- in a browser


@pytest.fixture
def address(shelf: Shelf, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    library.index(shelf.catalogue(shelf.first, "style"), library.engine("colour")).update()
    with launched(built(shelf), shelf) as url:
        yield url


@pytest.mark.browser
def test_a_photo_is_painted_and_stopped(address: str, browser: Any, drawn: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SECONDS)
    page.goto(address)
    page.locator(".asked input[type=file]").first.set_input_files(drawn / "photo.png")
    page.locator(".asked .drop img").first.wait_for()
    page.locator(".from-here [data-do=search]").first.click()  # a painting of the collection
    page.locator(".asked .drop img").nth(1).wait_for()
    page.locator(".status", has_text="Painted").first.wait_for()  # at once, and unasked
    at_once = page.locator(".painted img").last.get_attribute("src")
    page.get_by_label("Keep the photo's colours").check()
    page.wait_for_function("was => [...document.querySelectorAll('.painted img')].pop().src != was", arg=at_once)
    page.get_by_label("Keep the photo's colours").uncheck()
    page.get_by_label("Slowly").check()
    page.get_by_label("1024 px").check()
    page.get_by_role("button", name="Paint").click()

    frames: list[str] = []
    after = page.locator(".painted img").last
    after.wait_for()
    while len(frames) < 3:  # previews come
        source = after.get_attribute("src") or ""
        if source not in frames:
            frames.append(source)
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Stop").click()
    page.locator(".status", has_text=say(style_transfer.STOP)).first.wait_for()
    page.wait_for_timeout(1500)
    kept = after.get_attribute("src")
    page.wait_for_timeout(2500)
    assert (
        after.get_attribute("src") == kept and page.locator(".status", has_text=say(style_transfer.STOP)).count()
    )
    with Image.open(Path(kept.split("/file=")[1])) as picture:
        assert max(picture.size) == 1024

    assert not page.locator(".toast-body").count()
    page.close()
