"""Paint: a photo in the style of a painting, seen as it comes about. A view of the tab Style."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from demos.components import download, draw, events, picture_input
from demos.components.page import Page
from demos.components.picture_input import RawImage
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from engines import SemblanceError
from engines.networks import stylization
from engines.networks.stylization import BROADEST, FINEST
from features.catalogue.images import open_image
from features.transfer import GATYS, INSTANT, Chosen, Frame, Look, choose, paint, save, transfer

EXAMPLES = 8
SIZES = (256, 512, 1024, 2048)
EVERY = 0.5  # seconds between two previews
PAINTS: dict[str, Any] = {"concurrency_id": "transfer", "concurrency_limit": 1}  # it takes all cores
STOP = "paint.stopped"


@dataclass(frozen=True)
class Wish:
    """How a photo is to be painted; see stylization.Look. method: INSTANT or GATYS."""

    method: str
    strength: float
    brush: float
    keep_colours: bool
    size: int

    def frames(self, content: Path, style: Path) -> Iterator[Frame]:
        """Paints. Raises SemblanceError."""
        if self.method == GATYS:
            how = {"size": self.size, "strength": self.strength, "keep_colours": self.keep_colours}
            return transfer(content, style, choose(fetch=False), **how)
        return paint(content, [style], Look(self.size, self.strength, self.brush, self.keep_colours))


def _draw_answer() -> tuple[gr.Button, gr.Button, gr.HTML, gr.ImageSlider]:
    """Draws the buttons that begin and stop, the progress, and the picture."""
    with gr.Row():
        paint = gr.Button(fixed("paint.title"), variant="primary")
        stop = gr.Button(fixed("paint.stop"))
    told = gr.HTML(elem_classes="status", apply_default_css=False)
    picture = gr.ImageSlider(
        label=fixed("paint.both"),
        show_label=False,
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_classes="painted",
    )
    return paint, stop, told, picture


def draw_transfer(page: Page, name: str = "style") -> None:
    """Draws the view into the current Blocks. name: of the engine whose collection the paintings are from.

    At once, the picture follows every change. Slowly, nothing is downloaded: VGG19 paints if the tab's searches
    have fetched it, else EfficientNet-Lite0.
    """
    shelf = page.shelf
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            with gr.Column(elem_classes="asked"):
                photo = picture_input.photo(fixed("paint.photo"))
                gr.HTML(localized(lambda: draw.hint(say("paint.in_the_style_of"))), apply_default_css=False)
                painting = picture_input.photo(fixed("paint.style"))
            examples = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="from-here")
            method = gr.Radio(
                [(fixed("paint.at_once"), INSTANT), (fixed("paint.slowly"), GATYS)],
                value=INSTANT,
                label=fixed("paint.method"),
            )
            strength = gr.Slider(0, 1, value=1, step=0.05, label=fixed("paint.strength"))
            brush = gr.Slider(FINEST, BROADEST, value=1, step=0.1, label=fixed("paint.brush"))
            keep = gr.Checkbox(False, label=fixed("paint.keep_colours"))
            size = gr.Radio([(f"{side} px", side) for side in SIZES], value=SIZES[1], label=fixed("common.size"))
        with gr.Column(scale=2, min_width=300, elem_classes="answer"):
            button, stop, told, picture = _draw_answer()
    digest = gr.State("")  # of the painting, where it is one of the collection's

    def arrive(key: str) -> tuple[str, str]:
        return _examples(shelf, key, name), ""

    def chosen(key: str, event: gr.EventData) -> tuple[Any, str]:
        """Only a digest comes in, so no path can be asked for."""
        try:
            catalogue = shelf.catalogue(key, name)
            if shelf.shows(catalogue, wanted := str(event.digest)):
                return shelf.library.thumbnail(catalogue, wanted), wanted
        except SemblanceError:
            pass
        return gr.skip(), gr.skip()

    def work(
        key: str,
        photo: RawImage,
        painting: RawImage,
        digest: str,
        *wish: Any,
    ) -> Iterator[tuple[Any, str]]:
        """Paints: the photo and the picture as far as it is, and how far that is, as HTML."""
        try:
            content, style = picture_input.uploaded_file(photo), painting_of(shelf, key, name, digest, painting)
            if not (content and style):
                yield gr.skip(), _sentence(say("paint.how"))
                return
            yield from _previews(content, style, _wish(*wish))
        except SemblanceError as error:
            yield gr.skip(), draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("a transfer failed")
            yield gr.skip(), draw.failed(UNFORESEEN)

    def follow(
        key: str, photo: RawImage, painting: RawImage, digest: str, method: str, *wish: Any
    ) -> Iterator[Any]:
        """Paints again after a change, where that is done at once and all is there."""
        if method == INSTANT and photo and (painting or digest):
            yield from work(key, photo, painting, digest, method, *wish)
        else:
            yield gr.skip(), gr.skip()

    gr.on(
        [page.demo.load, page.picker.change, page.stamp.change],
        arrive,
        page.picker,
        [examples, digest],
        **events.SILENT,
    )
    examples.search(chosen, page.picker, [painting, digest], **events.SILENT)
    gr.on([painting.input, painting.clear], lambda: "", None, digest, **events.SILENT)
    asked = [page.picker, photo, painting, digest, method, strength, brush, keep, size]
    running = button.click(work, asked, [picture, told], preprocess=False, **PAINTS, **events.SILENT)
    changes = [photo.input, painting.change, method.input, strength.release, brush.release, keep.input, size.input]
    following = gr.on(
        changes,
        follow,
        asked,
        [picture, told],
        preprocess=False,
        trigger_mode="always_last",
        **PAINTS,
        **events.SILENT,
    )
    stop.click(
        lambda: _sentence(say(STOP)), None, told, cancels=[running, following], queue=False, **events.SILENT
    )


def _wish(method: Any, strength: Any, brush: Any, keep: Any, size: Any) -> Wish:
    return Wish(str(method), float(strength), float(brush), bool(keep), int(size))


def _previews(content: Path, style: Path, wish: Wish) -> Iterator[tuple[Any, str]]:
    """(photo and picture, HTML) every now and then, and at the end. Raises SemblanceError."""
    shown = 0.0
    network = (
        _network(choose(fetch=False)) if wish.method == GATYS else say("paint.by_network", name=stylization.NAME)
    )
    for frame in wish.frames(content, style):
        if frame.progress == 1 or time.monotonic() - shown > EVERY:
            height, width = frame.pixels.shape[:2]
            before = np.asarray(Image.fromarray(open_image(content).pixels).resize((width, height)))
            yield (before, frame.pixels[..., :3]), _told(frame, network)
            shown = time.monotonic()


def painted(content: Path, style: Path, wish: Wish) -> Path:
    """The finished picture, to be downloaded. Raises SemblanceError."""
    *_, last = wish.frames(content, style)
    out = download.place("semblance.jpg")
    save(last.pixels, out)
    return out


def _network(answering: Chosen) -> str:
    return say("paint.network", name=answering.eye.name, weights=say(answering.told))


def _told(frame: Frame, network: str) -> str:
    share = f"{frame.progress:.0%}"
    what = say("paint.painted") if frame.progress == 1 else say("paint.painting", share=share)
    if frame.style_loss and frame.style_first:
        way = 1 - frame.style_loss / frame.style_first
        what += " · " + say("paint.texture", way=way)
    bar = f'<div class="bar"><i style="width:{share}"></i></div>' if frame.progress < 1 else ""
    return f'{bar}<p role="status">{draw.escape(what)}</p><p class="note">{draw.escape(network)}</p>'


def _sentence(text: str) -> str:
    return f'<p role="status">{draw.escape(text)}</p>'


def painting_of(shelf: Shelf, key: str, name: str, digest: str, painting: RawImage) -> Path | None:
    """The painting of the collection that was clicked on, else the uploaded one. Raises SemblanceError."""
    if digest:
        catalogue = shelf.catalogue(key, name)
        if shelf.shows(catalogue, digest):
            return catalogue.file(digest)
    return picture_input.uploaded_file(painting)


def _examples(shelf: Shelf, key: str, name: str) -> str:
    """Paintings from all over the collection."""
    try:
        catalogue = shelf.catalogue(key, name)
    except SemblanceError:
        return ""
    digests = [digest for digest in catalogue.paths if shelf.shows(catalogue, digest)]
    some = digests[:: max(1, len(digests) // EXAMPLES)][:EXAMPLES]
    return draw.examples(catalogue, some, say("paint.examples"), "paint.in_this_style")
