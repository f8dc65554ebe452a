"""The pictures of the tour, taken from the running app: `python -m docs.make_tour [--home FOLDER] [PICTURE ...]`.

Draws the samples into a home of its own, looks at them with every engine, trains the autoencoder on the goods,
starts the app and drives headless Chromium through its tabs. Nothing is downloaded. What it takes goes to
docs/screens/. With a home that is kept a second run begins with the pictures; named ones are taken alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageEnhance, ImageOps

import samples
from demos.server.state import SAMPLES, Shelf
from engines import Learner
from features.library import Library

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Locator, Page

ROOT = Path(__file__).parent.parent
SCREENS = ROOT / "docs" / "screens"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTH, HEIGHT = 1280, 900
TALLEST = 1150  # pixels of a page that are taken, where it is taller than the window
PHONE = 390, 844
MOST = 64_000  # bytes of a picture; the quality is lowered until it fits
QUALITIES = range(80, 29, -5)
MEAN = 4  # the most that the mean of a block of a JPEG may be rounded by
PATIENCE = 120_000  # milliseconds for one step, and ...
STEP = 400  # ... between two looks at whether anything still moves
SHOP = "my shop"  # a collection with copies, and with goods in the wrong folder
KINDS = ("chair", "lamp", "mug", "teapot", "vase")


@dataclass(frozen=True)
class Visit:
    """An open page, and the home whose app it is of."""

    page: Page
    home: Path

    def tab(self, name: str, view: str = "") -> Locator:
        """Opens the tab of this id, and a view of it; what of it is seen."""
        self.page.locator(f"[role=tab][data-tab-id={name}]").first.click()
        if view:
            self.page.locator(f"[role=tab][data-tab-id={view}]:visible").click()
        return self.page.locator("[role=tabpanel]:visible").last

    def ask(self, name: str, example: int) -> Locator:
        """A search in the view Find, with one of the examples."""
        self.tab(name)
        panel = self.page.locator("[role=tabpanel]:visible").first
        panel.locator(".from-here button").nth(example).click()
        panel.locator(".results .card").first.wait_for()
        return panel

    def choose(self, collection: str) -> None:
        """Another collection; until the bar on top has its number of pictures, which comes last."""
        told = self.page.locator(".counts").first
        told.filter(has_text="picture").wait_for()
        before = told.inner_text()
        self.page.locator(".picker input").click()
        self.page.get_by_role("option", name=collection, exact=True).click()
        told.filter(has_not_text=before).wait_for()

    def picture(self, group: str, kind: str, number: int) -> Path:
        return samples.place(self.home / "samples", group, kind, number)


SHOTS: dict[str, Callable[[Visit], None]] = {}
"""Name of a picture -> what brings the page there. Each gets a page of its own."""


def shot(take: Callable[[Visit], None]) -> Callable[[Visit], None]:
    SHOTS[take.__name__] = take
    return take


# Every engine's views, and those that only one has


@shot
def products(visit: Visit) -> None:
    visit.ask("product", 3).locator(".opinion", has_text="%").first.wait_for()


@shot
def why(visit: Visit) -> None:
    visit.ask("product", 3).locator(".ask-why").nth(3).click()
    visit.page.locator(".heat").nth(1).wait_for()


@shot
def part(visit: Visit) -> None:
    panel = visit.ask("product", 4)
    panel.locator(".by-part summary").click()
    place = panel.locator(".catch").bounding_box()
    assert place
    visit.page.mouse.move(place["x"] + place["width"] * 0.1, place["y"] + place["height"] * 0.45)
    visit.page.mouse.down()
    visit.page.mouse.move(place["x"] + place["width"] * 0.9, place["y"] + place["height"] * 0.9, steps=5)
    visit.page.mouse.up()
    panel.locator("[data-whole]").wait_for()


@shot
def classes(visit: Visit) -> None:
    panel = visit.tab("product", "classes")
    panel.locator(".learn").click()
    panel.locator(".examined table").first.wait_for()


@shot
def map(visit: Visit) -> None:
    panel = visit.tab("product", "map")
    panel.get_by_label("PCA 3D").check()
    visit.page.wait_for_function(
        "[...document.querySelectorAll('.atlas canvas')].some(canvas => canvas.ariaLabel.includes('PCA 3D'))"
    )
    canvas = panel.locator(".atlas canvas")
    _still(visit.page)
    canvas.press("s")
    box = canvas.bounding_box()
    assert box
    around = [(0.08, 0.3), (0.42, 0.22), (0.5, 0.5), (0.36, 0.72), (0.1, 0.66), (0.08, 0.3)]
    points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in around]
    visit.page.mouse.move(*points[0])
    visit.page.mouse.down()
    for point in points[1:]:
        visit.page.mouse.move(*point, steps=4)
    visit.page.mouse.up()
    panel.locator(".caught").wait_for()


@shot
def kinds(visit: Visit) -> None:
    panel = visit.tab("product", "kinds")
    panel.locator(".kinds tbody tr").nth(1).locator("td").nth(1).click()
    panel.locator(".near img").first.wait_for()


@shot
def odd(visit: Visit) -> None:
    visit.choose(SHOP)
    panel = visit.tab("product", "odd")
    panel.locator(".odd .card").first.click()
    panel.locator(".near .chosen").wait_for()


@shot
def lookalike(visit: Visit) -> None:
    visit.ask("lookalike", 1)


@shot
def same(visit: Visit) -> None:
    panel = visit.tab("lookalike", "same")
    for place, number in enumerate((1, 3)):
        panel.locator("input[type=file]").nth(place).set_input_files(visit.picture("people", "grace", number))
    panel.locator(".judged h3").wait_for()
    panel.locator(".judged svg, .judged figure").first.wait_for()


@shot
def mirror(visit: Visit) -> None:
    visit.tab("lookalike", "mirror")
    visit.page.get_by_text("Click to Access Webcam").click()
    visit.page.get_by_label("capture photo").click()
    visit.page.locator(".mirrored", has_text="%").first.wait_for()
    visit.page.get_by_label("capture photo").click()  # stops it, so that nothing moves


@shot
def style(visit: Visit) -> None:
    visit.ask("style", 2)


@shot
def counts(visit: Visit) -> None:
    panel = visit.ask("style", 3)
    panel.get_by_text("What counts").click()
    for layer in ("Strokes", "Motifs", "Composition"):
        panel.get_by_label(layer, exact=True).uncheck()
    panel.locator(".facts", has_text="colour").wait_for()
    visit.page.evaluate("scrollTo(0, 0)")


@shot
def paint(visit: Visit) -> None:
    panel = visit.tab("style", "paint")
    panel.locator("input[type=file]").first.set_input_files(visit.picture("people", "grace", 1))
    panel.locator(".drop img").first.wait_for()
    panel.locator(".from-here button").nth(5).click()
    panel.locator(".drop img").nth(1).wait_for()
    panel.get_by_role("button", name="Paint").click()
    panel.locator(".status", has_text="Painted").first.wait_for()


@shot
def meaning(visit: Visit) -> None:
    visit.tab("semantic")


@shot
def dark(visit: Visit) -> None:
    visit.page.locator(".shade").click()
    visit.ask("visual", 7)


@shot
def colour(visit: Visit) -> None:
    visit.ask("colour", 6)


@shot
def autoencoder(visit: Visit) -> None:
    visit.ask("vae", 4)
    visit.page.locator(".redrawn img").nth(1).wait_for()


@shot
def training(visit: Visit) -> None:
    visit.tab("vae", "train").locator(".course .losses").wait_for()


@shot
def explore(visit: Visit) -> None:
    visit.tab("vae", "explore").locator(".walk .examples button").first.wait_for()


@shot
def unusual(visit: Visit) -> None:
    visit.tab("vae", "unusual").locator(".unusual figure").first.wait_for()


# The tabs that are not an engine's


@shot
def words(visit: Visit) -> None:
    panel = visit.tab("text")
    panel.get_by_label("What they should show").fill("teapot")
    visit.page.keyboard.press("Enter")
    panel.locator(".card").first.click()
    panel.get_by_label("Caption", exact=True).fill("a teapot for two")


@shot
def recommend(visit: Visit) -> None:
    panel = visit.ask("product", 3)
    for number in range(3):
        panel.locator(".tools [data-do=like]").nth(number).click()
        visit.page.locator(".liked", has_text=f"♥ {number + 1}").wait_for()
    visit.page.locator(".liked").click()
    visit.page.locator(".reason:visible").first.wait_for()


@shot
def gallery(visit: Visit) -> None:
    visit.choose("products")
    panel = visit.tab("gallery")
    panel.locator(".browse .card").nth(13).click()
    panel.locator(".known").wait_for()
    for number in (1, 2, 4):
        panel.locator(".tick").nth(number).click()
    visit.page.evaluate("scrollTo(0, 0)")


@shot
def duplicates(visit: Visit) -> None:
    visit.choose(SHOP)
    panel = visit.tab("duplicates")
    panel.locator("button.look").click()
    panel.locator(".twin.near").first.wait_for()


@shot
def compare(visit: Visit) -> None:
    panel = visit.tab("compare")
    halves = panel.locator(".half")
    halves.last.locator("input").first.click()
    visit.page.get_by_role("option", name="Colour", exact=True).click()
    panel.locator(".from-here button").nth(1).click()
    panel.locator(".common .finding", has_text="found by both").wait_for()


@shot
def suits(visit: Visit) -> None:
    panel = visit.tab("compare", "suits")
    measure, table = panel.locator("[data-do=measure]"), panel.locator("td", has_text="Guessing")
    measure.or_(table).first.wait_for()
    if not table.count():  # else an earlier run has measured
        measure.click()
        table.wait_for()


@shot
def catalogue(visit: Visit) -> None:
    visit.tab("catalogue").locator(".table td").first.wait_for()


@shot
def phone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    panel = visit.ask("product", 1)
    panel.locator(".results").first.evaluate("results => scrollTo(0, results.getBoundingClientRect().top - 40)")


def prepared(home: Path) -> None:
    """Draws all pictures, and looks at them, as far as that has not been done in this home."""
    library = Library(home)
    samples.draw(home / "samples")
    shelf = Shelf(library, local=True)
    for name in shelf.available(SAMPLES):
        _say(f"indexing for {shelf.cards[name].title}")
        library.index(shelf.catalogue(SAMPLES, name), shelf.engine(SAMPLES, name)).update()
    for name in shelf.cards:
        untrained = library.engine(name)
        if (
            isinstance(untrained, Learner)
            and not library.index(shelf.catalogue(SAMPLES, name), untrained).training.trained()
        ):
            _say(f"training {shelf.cards[name].title}, some minutes")
            learned = library.index(shelf.catalogue(SAMPLES, name), untrained).training.train()
            assert learned
            library.index(shelf.catalogue(SAMPLES, name), learned).update()
    shop = library.open(_shop(home))
    library.index(shop, library.engine("product")).update()


def _shop(home: Path) -> Path:
    """Some of the goods, copies of three of them, and two in the wrong folder."""
    folder = home / SHOP
    if folder.is_dir():
        return folder
    made = Path(tempfile.mkdtemp(dir=home))
    for kind in KINDS:
        shutil.copytree(home / "samples" / "products" / kind, made / kind)
    for wrong, kind, number in (("mug", "lamp", 4), ("chair", "vase", 7)):
        name = f"{kind}-{number:02d}.jpg"
        (made / kind / name).rename(made / wrong / name)
    for kind, number in (("teapot", 2), ("lamp", 1), ("vase", 3)):
        with Image.open(made / kind / f"{kind}-{number:02d}.jpg") as picture:
            width, height = picture.size
            changed = {
                "small": picture.resize((width // 2, height // 2)),
                "brighter": ImageEnhance.Brightness(picture).enhance(1.12),
                "cropped": ImageOps.crop(picture, width // 40),
                "grey": ImageOps.grayscale(picture),
            }
        for how in {"teapot": ("small", "grey"), "lamp": ("cropped",), "vase": ("brighter", "small")}[kind]:
            changed[how].save(made / kind / f"{kind} {how}.jpg", quality=75)
    shutil.copy(made / "mug" / "mug-05.jpg", made / "mug" / "mug again.jpg")
    return made.rename(folder)


@contextlib.contextmanager
def _served(home: Path) -> Iterator[str]:
    """The address of the app in a process of its own, as a person would start it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    env = {**os.environ, "GRADIO_SERVER_PORT": str(port)}
    command = [sys.executable, "app.py", "serve", "--home", str(home)]
    with (home / "app.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        while True:
            if process.poll() is not None:
                sys.exit((home / "app.log").read_text())
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address, timeout=5).close()
                break
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _film(home: Path) -> Path:
    """What the camera of the mirror sees: a drawn portrait that sways a little."""
    film = io.BytesIO()
    with Image.open(samples.place(home / "samples", "people", "grace", 1)) as drawn:
        portrait = ImageOps.fit(drawn.convert("RGB"), (480, 480))
    for x in (*range(70, 90, 2), *range(90, 70, -2)):
        seen = Image.new("RGB", (640, 480), portrait.getpixel((0, 0)))
        seen.paste(portrait, (x, 0))
        seen.save(film, "JPEG", quality=90)
    path = home / "camera.mjpeg"
    path.write_bytes(film.getvalue())
    return path


def _still(page: Page) -> bytes:
    """The page as PNG, as soon as nothing moves in it and all its pictures are there."""
    page.mouse.move(WIDTH - 1, 1)
    page.wait_for_function(
        "[...document.images].every(one => !one.checkVisibility() || one.loading === 'lazy' || one.complete)"
    )
    before, now = b"", _seen(page)
    while before != now:
        page.wait_for_timeout(STEP)
        before, now = now, _seen(page)
    return now


def _seen(page: Page) -> bytes:
    """All of the page, but not more than TALLEST; what is in view of one that was scrolled."""
    scrolled, height = page.evaluate("[scrollY, document.documentElement.scrollHeight]")
    if scrolled:
        return page.screenshot()
    whole: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": min(height, TALLEST)}
    return page.screenshot(full_page=True, clip=whole)


def _save(seen: bytes, path: Path) -> None:
    """As a JPEG below MOST bytes, as far as QUALITIES allow it."""
    picture = Image.open(io.BytesIO(seen)).convert("RGB")
    for quality in QUALITIES:
        content = _packed(picture, quality)
        if len(content) <= MOST:
            break
    path.write_bytes(content)
    _say(f"{path.name}: {len(content) / 1e3:.0f} kB, quality {quality}")


def _packed(picture: Image.Image, quality: int) -> bytes:
    """A JPEG whose plain areas keep their colour: of each block the mean is told more finely than its details."""
    rough, packed = io.BytesIO(), io.BytesIO()
    picture.save(rough, "JPEG", quality=quality)
    tables = {
        number: [min(table[0], MEAN), *table[1:]] for number, table in Image.open(rough).quantization.items()
    }
    picture.save(packed, "JPEG", qtables=tables, subsampling="4:2:0", optimize=True, progressive=True)
    return packed.getvalue()


def _taken(browser: Browser, address: str, home: Path, name: str) -> bool:
    """Whether a picture could be taken; if not, it is told why."""
    from playwright.sync_api import Error

    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.set_default_timeout(PATIENCE)
    try:
        page.goto(address)
        page.locator(".card:visible, .state:visible").first.wait_for()
        SHOTS[name](Visit(page, home))
        _save(_still(page), SCREENS / f"{name}.jpg")
        return True
    except Error as error:
        _say(f"{name}: {error}")
        return False
    finally:
        page.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.make_tour", description=__doc__)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"one of: {', '.join(SHOTS)}")
    parser.add_argument("--home", type=Path, help="where the app keeps its files; a temporary folder if not given")
    given = parser.parse_args()
    if unknown := [name for name in given.pictures if name not in SHOTS]:
        parser.error(f"There is no picture {unknown[0]}.")
    if not CHROMIUM:
        sys.exit("There is no chromium on PATH (Debian and Ubuntu: apt-get install chromium).")
    from playwright.sync_api import sync_playwright

    os.environ |= {"SEMBLANCE_OFFLINE": "1", "SEMBLANCE_CAPTIONS": ""}
    SCREENS.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        home = given.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        prepared(home.resolve())
        address = stack.enter_context(_served(home.resolve()))
        started = stack.enter_context(sync_playwright())
        fake = ("device-for-media-stream", "ui-for-media-stream")
        options = [f"--use-fake-{what}" for what in fake] + [f"--use-file-for-fake-video-capture={_film(home)}"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])
        failed = [name for name in given.pictures or SHOTS if not _taken(browser, address, home, name)]
        browser.close()
    if failed:
        sys.exit(f"Not taken: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
