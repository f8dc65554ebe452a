"""The live mirror: one face is followed from frame to frame, and nothing of it is kept anywhere."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pytest
from PIL import Image

import engines
from demos.components.page import Page
from demos.server.state import Shelf
from demos.views import mirror
from engines import Card, Crop, NotEmbeddable, fingerprint
from engines.networks import efficientnet, vgg19, vggface
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.indexing.embedding import embed_query
from features.library import Library
from features.limits import LIMITS
from features.retrieval.results import Liked
from tests.support import ROOT
from tests.support.browsing import SECONDS, chromium, launched
from tests.support.toy import BLUE, GREEN, RED, YELLOW, Colour, Toy, paint, snapshot

FOLK = {"ann": RED, "bob": GREEN, "cid": BLUE, "dot": YELLOW}
Patch = tuple[int, int, int, Colour]
"""left, top, side, colour."""


class Patches(Toy):
    """Each coloured square on black is a face, known by its colour; the largest first."""

    name = "patches"

    def crops(self, image: np.ndarray) -> list[Crop]:
        seen = image.max(axis=2) > 60
        _, _, boxes, _ = cv2.connectedComponentsWithStats(seen.astype(np.uint8))
        found = [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in boxes[1:]]
        if not found:
            raise NotEmbeddable("No face found. Try a larger, front-facing photo.")
        found.sort(key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))
        return [Crop(image[y:bottom, x:right], (x, y, right, bottom)) for x, y, right, bottom in found]


def frame(*patches: Patch, size: tuple[int, int] = (480, 360)) -> np.ndarray:
    """(H, W, 3) uint8 RGB, black but for these squares."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, side, colour in patches:
        pixels[top : top + side, left : left + side] = colour
    return pixels


@pytest.fixture
def engine() -> Patches:
    return Patches()


@pytest.fixture
def catalogue(library: Library, pictures: Path, engine: Patches) -> Catalogue:
    for name, colour in FOLK.items():
        paint(pictures / name / "1.png", colour)
    opened = library.open(pictures)
    library.index(opened, engine).update()
    return opened


@pytest.fixture
def look(library: Library, catalogue: Catalogue, engine: Patches) -> Any:
    """mirror.look in this catalogue."""

    def once(pixels: np.ndarray, followed: mirror.Followed | None = None, by: Any = engine) -> Any:
        return mirror.look(library, catalogue, by, pixels, followed)

    return once


# --- one frame


def test_the_largest_face_is_told_with_the_person_most_like_it(look: Any) -> None:
    followed, sight = look(frame((20, 20, 60, RED), (200, 100, 120, (30, 20, 220))))
    assert sight.person.label == "cid" and followed.box == (200, 100, 320, 220)
    assert sight.face.shape[0] == sight.face.shape[1] > 120  # with some room around it
    middle = sight.face[len(sight.face) // 2, len(sight.face) // 2]
    assert middle.tolist() == [30, 20, 220]


def test_a_large_frame_is_made_smaller_before_it_is_looked_at(look: Any) -> None:
    followed, sight = look(frame((400, 200, 400, GREEN), size=(1600, 1200)))
    assert sight.person.label == "bob" and max(followed.box) <= mirror.SIDE
    assert len(sight.face) > 400  # what is shown is cut from the frame as it came


def test_the_score_is_the_share_of_strangers_that_are_less_alike(look: Any) -> None:
    """Of six pairs, yellow with red and yellow with green are more alike than red and this pink."""
    _, sight = look(frame((10, 10, 90, (255, 80, 250))))
    assert sight.person.label == "ann" and sight.closer == "closer than 66% of strangers"


def test_what_is_not_indexed_is_not_indexed_from_here(library: Library, pictures: Path, engine: Patches) -> None:
    paint(pictures / "ann" / "1.png", RED)
    with pytest.raises(NotIndexed):
        mirror.look(library, library.open(pictures), engine, frame((0, 0, 90, RED)), None)
    assert not engine.batches


# --- from frame to frame


def test_a_face_is_followed_while_a_larger_one_comes_in(look: Any) -> None:
    followed, _ = look(frame((100, 100, 80, RED)))
    followed, sight = look(frame((110, 104, 80, RED), (240, 100, 200, BLUE)), followed)
    assert sight.person.label == "ann" and followed.box[0] == 110
    followed, sight = look(frame((240, 100, 200, BLUE)), followed)
    assert sight.person.label == "cid"


def test_the_vector_is_a_mean_over_the_frames_of_a_face(look: Any) -> None:
    first, _ = look(frame((100, 100, 80, RED)))
    other, _ = look(frame((100, 100, 80, (255, 60, 0))))
    mixed, _ = look(frame((104, 100, 80, (255, 60, 0))), first)
    steps = [float(vector @ mixed.vector) for vector in (first.vector, other.vector)]
    assert min(steps) > float(first.vector @ other.vector) and steps[0] > steps[1]  # nearer to what it was
    assert np.linalg.norm(mixed.vector) == pytest.approx(1)


def test_another_face_in_the_same_place_starts_anew(look: Any) -> None:
    followed, _ = look(frame((100, 100, 80, RED)))
    alone, _ = look(frame((100, 100, 80, BLUE)))
    swapped, sight = look(frame((100, 100, 80, BLUE)), followed)
    assert sight.person.label == "cid" and np.array_equal(swapped.vector, alone.vector)


def test_the_same_face_elsewhere_starts_anew(look: Any) -> None:
    followed, _ = look(frame((20, 20, 80, RED)))
    alone, _ = look(frame((300, 200, 80, (255, 60, 0))))
    moved, _ = look(frame((300, 200, 80, (255, 60, 0))), followed)
    assert np.array_equal(moved.vector, alone.vector)


def test_a_face_may_be_missed_for_a_few_frames_and_is_then_forgotten(look: Any) -> None:
    followed, _ = look(frame((100, 100, 80, RED)))
    for _ in range(mirror.PATIENCE):
        followed, sight = look(frame(), followed)
        assert followed and sight is None
    again, _ = look(frame((100, 100, 80, RED)), followed)
    assert again.missed == 0
    followed, _ = look(frame(), followed)
    assert followed is None
    assert look(frame(), None) == (None, None)


def test_vectors_of_two_networks_are_never_mixed(look: Any, library: Library, catalogue: Catalogue) -> None:
    """The better network may take over while a face is before the camera."""
    other = Patches(taste="another", dim=4)
    library.index(catalogue, other).update()
    followed, _ = look(frame((100, 100, 80, RED)))
    taken_over, sight = look(frame((100, 100, 80, RED)), followed, other)
    assert taken_over.vector.shape == (4,) and taken_over.fingerprint == fingerprint(other)
    assert sight.person.label == "ann"


# --- the event


def sent(pixels: np.ndarray) -> dict[str, str]:
    """A frame as the browser sends it."""
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG")
    return {"url": "data:image/jpeg;base64," + base64.b64encode(made.getvalue()).decode()}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> type[Patches]:
    """Patches as an engine that can be asked for by name."""
    engines.discover()  # all others, for good
    monkeypatch.setattr(engines.base, "_registry", dict(engines.base._registry))

    @engines.register
    class Known(Patches):
        name, settled = "known", True

        def __init__(self, network: str = "auto") -> None:
            super().__init__()

        def describe(self) -> Card:
            return Card("Known", "the same colour", 3, "toynet", "none needed", "MIT", settled=self.settled)

    return Known


@pytest.fixture
def shelf(library: Library, pictures: Path, known: type[Patches]) -> Shelf:
    for name, colour in FOLK.items():
        paint(pictures / name / "1.png", colour)
    return Shelf(library, pictures)


def drawn(shelf: Shelf, name: str) -> gr.Blocks:
    """A page with nothing but the mirror."""
    with gr.Blocks(analytics_enabled=False) as page:
        picker = gr.Dropdown(shelf.choices(), value=shelf.first)
        mirror.draw_mirror(Page(page, shelf, picker, gr.State(0.0), gr.State(()), gr.State(())), name)
    return page


@pytest.fixture
def watch(shelf: Shelf) -> Any:
    """The event of a frame: (followed, shown, face, photo, told)."""
    (function,) = drawn(shelf, "known").fns.values()

    def once(picture: Any, followed: Any = None, shown: str = "") -> Any:
        return function.fn(shelf.first, picture, followed, shown)

    return once


def test_a_face_is_shown_beside_the_photo_with_name_and_score(watch: Any, shelf: Shelf) -> None:
    shelf.library.index(shelf.catalogue(shelf.first, "known"), shelf.library.engine("known")).update()
    followed, shown, face, photo, told = watch(sent(frame((100, 100, 90, RED))))
    assert "data:image/jpeg;base64," in face and f"{shown}.jpg" in photo and "ann" in told
    assert "closer than 92.3% of strangers" in told  # of so few pairs no more can be said
    _, _, face, photo, told = watch(sent(frame((102, 100, 90, RED))), followed, shown)
    assert "data:image" in face and photo == gr.skip() and "ann" in told  # the photo stands, and does not flicker
    assert watch(sent(frame()), followed, shown)[2:] == (gr.skip(),) * 3  # nor for one frame without a face


def test_what_can_not_be_told_is_a_calm_hint(watch: Any, shelf: Shelf, known: type[Patches]) -> None:
    assert "Find" in watch(sent(frame((100, 100, 90, RED))))[-1]
    shelf.library.index(shelf.catalogue(shelf.first, "known"), shelf.library.engine("known")).update()
    assert "No face" in watch(sent(frame()))[-1]
    for wrong in (
        None,
        {},
        {"url": "data:image/jpeg;base64,?"},
        {"url": "https://x/y.jpg"},
        {"path": "/etc/passwd"},
    ):
        assert "did not come through" in watch(wrong)[-1]
    assert "no picture that can be read" in watch({"url": "data:image/jpeg;base64,AAAA"})[-1]
    known.settled = False  # its weights would have to be fetched first
    prepared = shelf.library.engine("known").prepared
    assert "Find" in watch(sent(frame((100, 100, 90, RED))))[-1]
    assert shelf.library.engine("known").prepared == prepared


def test_names_of_people_are_only_text(watch: Any, shelf: Shelf, pictures: Path) -> None:
    (pictures / "ann").rename(pictures / "<b>ann")
    shelf.library.index(shelf.catalogue(shelf.first, "known"), shelf.library.engine("known")).update()
    *_, photo, told = watch(sent(frame((100, 100, 90, RED))))
    assert "<b>ann" not in photo + told and "&lt;b&gt;ann" in told


def test_frames_are_not_kept(watch: Any, shelf: Shelf, pictures: Path) -> None:
    shelf.library.index(shelf.catalogue(shelf.first, "known"), shelf.library.engine("known")).update()
    before = [snapshot(folder) for folder in (shelf.library.home, pictures)]
    watch(sent(frame((100, 100, 90, RED))))
    assert [snapshot(folder) for folder in (shelf.library.home, pictures)] == before


def test_late_frames_are_dropped_and_no_session_keeps_the_others_out(shelf: Shelf) -> None:
    """What Gradio makes of a stream depends on these; see the head of demos/views/mirror.py."""
    (stream,) = drawn(shelf, "known").fns.values()
    assert stream.connection == "stream" and stream.trigger_mode == "multiple" and not stream.batch
    assert 1 < stream.concurrency_limit < 40 and stream.time_limit and stream.stream_every <= 0.25
    assert not stream.preprocess  # else Gradio would decode the frame, with whatever reader Pillow has


# --- the switch


def test_the_camera_can_be_switched_off(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_WEBCAM", "0")
    page = drawn(shelf, "known")
    assert not page.fns and "webcam" not in str(page.get_config_file()["components"])


@pytest.mark.parametrize(
    ("option", "variable", "offered"),
    [([], "", True), ([], "1", True), ([], "0", False), (["--no-webcam"], "1", False), (["--webcam"], "0", True)],
)
def test_serve_has_an_option_for_it(option: list[str], variable: str, offered: bool) -> None:
    code = (
        "import sys, types, app\n"
        "def serve(*_):\n    from engines import settings\n    print(settings.current().webcam)\n"
        "sys.modules['demos.suite'] = types.SimpleNamespace(serve=serve)\n"  # no app is opened
        "sys.exit(app.main(['serve', *sys.argv[1:]]))"
    )
    env = os.environ | {"SEMBLANCE_WEBCAM": variable}
    done = subprocess.run(
        [sys.executable, "-c", code, *option], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(offered)), done.stderr


# --- what docs/privacy.md says


def test_no_query_leaves_anything_in_the_home(
    library: Library, catalogue: Catalogue, engine: Patches, pictures: Path, tmp_path: Path
) -> None:
    one, other = paint(tmp_path / "one.png", (250, 90, 10)), paint(tmp_path / "other.png", (10, 90, 250))
    library.index(catalogue, engine).search(one)  # whatever is made once has been made
    before = [snapshot(folder) for folder in (library.home, pictures)]
    library.index(catalogue, engine).search(other)
    library.index(catalogue, engine).rank(embed_query(engine, other))
    library.index(catalogue, engine).recommend([Liked(one)], [Liked(other)])
    library.index(catalogue, engine).calibration()
    assert [snapshot(folder) for folder in (library.home, pictures)] == before


def test_of_what_is_shown_only_a_small_copy_is_kept(
    library: Library, catalogue: Catalogue, engine: Patches, tmp_path: Path
) -> None:
    before = set(snapshot(library.home))
    answer = library.index(catalogue, engine).search(paint(tmp_path / "one.png", RED), k=2)
    shown = [library.thumbnail(catalogue, match.digest) for match in answer.matches]
    new = {Path(path) for path in set(snapshot(library.home)) - before}
    assert {path for path in new if path.is_file()} == set(shown)
    assert all(path.is_relative_to(library.home / "thumbnails") for path in new)


def test_weights_come_from_the_hosts_that_are_named() -> None:
    told = (ROOT / "docs/privacy.md").read_text("utf-8")
    weights = [efficientnet.WEIGHTS, vgg19.WEIGHTS, *vggface.WEIGHTS.values()]
    assert all(f"`{urllib.parse.urlsplit(one.url).hostname}`" in told for one in weights)
    assert f"{LIMITS.incoming_seconds // 60} minutes" in told


# --- in a browser


@pytest.fixture
def address(library: Library, tmp_path: Path, portraits: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A page with the look-alike's mirror over the drawn people, on the built-in encoder."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "incoming"))
    for portrait in portraits.glob("*.png"):
        (tmp_path / "people" / portrait.stem).mkdir(parents=True)
        shutil.copy(portrait, tmp_path / "people" / portrait.stem)
    shelf = Shelf(library, tmp_path / "people")
    library.index(library.open(tmp_path / "people"), library.engine("lookalike", "builtin")).update()
    with launched(drawn(shelf, "lookalike"), shelf) as url:
        yield url


@pytest.fixture
def camera(tmp_path: Path, portraits: Path) -> Path:
    """What the browser's camera sees: grace, who sways a little."""
    portrait = Image.open(portraits / "grace.png").convert("RGB").resize((400, 480))
    film = io.BytesIO()
    for x in (*range(100, 130, 2), *range(130, 100, -2)):
        seen = Image.new("RGB", (640, 480), "grey")
        seen.paste(portrait, (x, 0))
        seen.save(film, "JPEG", quality=90)
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(film.getvalue())
    return path


STANDS_STILL = """selector => {
  const source = () => document.querySelector(selector).src, before = source();
  return new Promise(done => setTimeout(() => done(source() === before), 1000));
}"""


@pytest.mark.browser
def test_the_camera_shows_who_looks_alike(
    playwright: Any, address: str, camera: Path, library: Library, tmp_path: Path
) -> None:
    before = {path for path in library.home.rglob("*") if path.is_file()}
    fake = ("device-for-media-stream", "ui-for-media-stream")
    options = (f"--use-fake-{what}" for what in fake)
    browser = chromium(playwright, *options, f"--use-file-for-fake-video-capture={camera}")
    page = browser.new_page()
    page.set_default_timeout(SECONDS)
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(address)
    page.locator(".hint", has_text="Start the camera").wait_for()
    page.get_by_text("Click to Access Webcam").click()
    page.get_by_label("capture photo").click()
    page.locator(".mirrored", has_text="grace").first.wait_for()
    assert "% of strangers" in page.locator(".mirrored").first.inner_text()
    photo = page.locator(".mirror img[alt=grace]")
    assert photo.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    mine, frames = page.locator(".mirror img[alt='Your face']"), set()
    for _ in range(600):
        frames.add(mine.get_attribute("src"))
        page.wait_for_timeout(100)
        if len(frames) > 3:
            break
    assert len(frames) > 3  # it lives
    page.get_by_label("capture photo").click()  # and stops
    page.wait_for_function(STANDS_STILL, arg=".mirror img[alt='Your face']")
    assert not page.locator(".toast-body").count()
    browser.close()
    assert [url for url in elsewhere if not url.startswith((address, "data:", "blob:"))] == []
    new = {path for path in library.home.rglob("*") if path.is_file()} - before
    assert {path.parent.parent.name for path in new} <= {"thumbnails"}  # of the person that was found
    assert not [path for path in (tmp_path / "incoming").rglob("*") if path.is_file()]
