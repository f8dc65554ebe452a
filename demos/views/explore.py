"""Explore: walks between two pictures, the strongest directions, pictures that never were. A view of Autoencoder.

Nothing is drawn before it is looked at. What a slider goes through is drawn once and then lies in the browser.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from demos import static
from demos.components import draw, events, picture_input
from demos.components.collection_view import as_json
from demos.components.page import Page
from demos.components.picture_input import RawImage
from demos.i18n.language import fixed, localized, say
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from engines import SemblanceError
from engines.vae import Autoencoder
from features.catalogue.folder import Catalogue
from features.errors import NotIndexed
from features.learning import autoencoder

EXAMPLES = 12
STEPS = 21  # of a walk, its ends among them
NEAR = 6  # pictures under each step
DIRECTIONS = 6
REACH = 2.5  # standard deviations that a direction's slider goes either way
SAMPLES = 16
WALK_ON = "explore.walk_on"

WALK_FRAME = f"""<div class="walk"><div class="stage"><img alt="${{say('walk.step_picture')}}"></div>
<input type="range" min="0" max="{STEPS - 1}" value="{STEPS // 2}"
 aria-label="${{say('walk.slider')}}">
<p class="ends"><span></span><span></span></p><p class="hint">
${{say('walk.nearest')}}</p>
<div class="examples"></div></div>"""
WALK = draw.CLICKS + static.read("walk.js")
TURN = static.read("directions.js")


@dataclass(frozen=True)
class End:
    """Of a walk: a picture of the catalogue, by its digest, or an uploaded file."""

    digest: str = ""
    path: Path | None = None

    def file(self, catalogue: Catalogue) -> Path:
        """Raises SemblanceError."""
        if self.path:
            return self.path
        if self.digest not in catalogue.paths:
            raise SemblanceError("explore.gone")
        return catalogue.file(self.digest)

    def name(self, catalogue: Catalogue) -> str:
        if self.path or self.digest not in catalogue.paths:
            return say("explore.your_picture")
        return catalogue.label(self.digest) or catalogue.file(self.digest).name


Ends = tuple[End, ...]
"""The last two pictures that were chosen."""


def draw_explore(page: Page, name: str) -> None:
    """Draws the view into the current Blocks."""
    shelf = page.shelf
    ends, seed = gr.State(()), gr.State(0)
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=1, min_width=300, elem_classes="question"):
            what = "explore.how"
            gr.HTML(localized(lambda: draw.alike(say(what))), apply_default_css=False)
            chosen = gr.HTML(apply_default_css=False, elem_classes="chosen-ends")
            examples = gr.HTML(
                js_on_load=draw.CLICKS + draw.SEEN, apply_default_css=False, elem_classes="from-here"
            )
            image = picture_input.photo(fixed("explore.picture"))
        with gr.Column(scale=2, min_width=300, elem_classes="answer explore"):
            told = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False)
            walk = gr.HTML("", html_template=WALK_FRAME, js_on_load=WALK, apply_default_css=False)
            with gr.Row(elem_classes="turning"):
                sliders = gr.HTML(js_on_load=TURN, apply_default_css=False, elem_classes="directions")
                turned = gr.HTML(js_on_load=draw.CLICKS, apply_default_css=False, elem_classes="turned")
            again = gr.Button(fixed("explore.title"), elem_classes="again")
            sampled = gr.HTML(apply_default_css=False)

    def show(key: str, ends: Ends) -> tuple[Any, ...]:
        """Returns told, chosen, examples, walk, sliders and turned."""
        try:
            return "", *_shown(shelf, key, name, ends)
        except SemblanceError as error:
            return draw.failed(error), "", "", "", "", ""
        except Exception:
            logging.getLogger(__name__).exception("%s can't be explored", name)
            return draw.failed(UNFORESEEN), "", "", "", "", ""

    def add(key: str, ends: Ends, event: gr.EventData) -> Ends:
        """Only a digest comes in, so no path can be asked for."""
        try:
            there = str(event.digest) in shelf.catalogue(key, name).paths
        except SemblanceError:
            there = False
        return (*ends, End(str(event.digest)))[-2:] if there else ends

    def upload(ends: Ends, question: RawImage) -> tuple[Ends, None]:
        try:
            path = picture_input.uploaded_file(question)
        except SemblanceError as error:
            raise events.refused(error) from error
        return ((*ends, End(path=path))[-2:] if path else ends), None

    def turn(key: str, ends: Ends, event: gr.EventData) -> str:
        try:
            return _turned(shelf, key, name, ends, _amounts(event.by))
        except SemblanceError as error:
            return draw.failed(error)

    def sample(key: str, seed: int) -> tuple[str, int]:
        try:
            engine, _ = _ready(shelf, key, name)
            frames = autoencoder.drawn(engine, autoencoder.samples(engine, SAMPLES, seed))
        except SemblanceError as error:
            return draw.failed(error), seed
        made = "".join(draw.inline(frame, say("explore.never_was")) for frame in frames)
        return f'<div class="never">{made}</div>', seed + 1

    shown = [told, chosen, examples, walk, sliders, turned]
    for moment in (examples.seen, ends.change, page.stamp.change):
        moment(show, [page.picker, ends], shown, **events.SILENT)
    page.picker.change(lambda: (), None, ends, **events.SILENT).then(
        show, [page.picker, ends], shown, **events.SILENT
    ).then(lambda: "", None, sampled, **events.SILENT)
    for source in (examples, walk, turned):
        source.search(add, [page.picker, ends], ends, **events.SILENT)
    image.input(upload, [ends, image], [ends, image], preprocess=False, **events.SILENT)
    sliders.turn(turn, [page.picker, ends], turned, trigger_mode="always_last", **events.SILENT, **events.SEARCHES)
    again.click(sample, [page.picker, seed], [sampled, seed], **events.SILENT)


def _ready(shelf: Shelf, key: str, name: str) -> tuple[Autoencoder, Catalogue]:
    """Raises Untrained, NotIndexed and SemblanceError."""
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    assert isinstance(engine, Autoencoder)
    shelf.library.index(catalogue, engine).prepared()
    if not shelf.status(key, name).rows:
        raise NotIndexed("explore.not_indexed")
    return engine, catalogue


def _shown(shelf: Shelf, key: str, name: str, ends: Ends) -> tuple[str, ...]:
    """(chosen, examples, walk, sliders, turned). Raises SemblanceError."""
    engine, catalogue = _ready(shelf, key, name)
    digests = list(catalogue.paths)
    some = digests[:: max(1, len(digests) // EXAMPLES)][:EXAMPLES]
    if len(ends) < 2:  # something to look at, before anything was chosen
        ends = (*(End(digest) for digest in (some[0], some[len(some) // 2])), *ends)[-2:]
    files = [end.file(catalogue) for end in ends]
    one, other = (autoencoder.latent(engine, file) for file in files)
    names = [end.name(catalogue) for end in ends]
    pictures = "".join(
        draw.inline(autoencoder.redraw(engine, file).original, draw.escape(name))
        for file, name in zip(files, names, strict=True)
    )
    told = draw.hint(say("explore.from_to", one=names[0], other=names[1]))
    chosen = f'{told}<div class="two">{pictures}</div>'
    examples = draw.examples(catalogue, some, say("explore.walk_on_to_one"), WALK_ON)
    walk = _walk(shelf, catalogue, engine, autoencoder.walk(one, other, STEPS), names)
    return chosen, examples, walk, _sliders(engine), _at(shelf, catalogue, engine, _start(engine, catalogue, ends))


def _walk(
    shelf: Shelf, catalogue: Catalogue, engine: Autoencoder, latents: np.ndarray, names: Sequence[str]
) -> str:
    """What the browser goes through."""
    frames = autoencoder.drawn(engine, latents)
    found = shelf.library.index(catalogue, engine).nearest(autoencoder.directions_to(engine, latents), NEAR)
    steps = [
        {
            "frame": draw.address(frame),
            "near": [
                {
                    "digest": match.digest,
                    "label": match.label or match.path.name,
                    "source": draw.thumbnail(catalogue, match.digest),
                }
                for match in matches
            ],
        }
        for frame, matches in zip(frames, found, strict=True)
    ]
    return as_json({"ends": names, "steps": steps})


def _start(engine: Autoencoder, catalogue: Catalogue, ends: Ends) -> np.ndarray:
    """(L,): what is turned: the picture that was chosen last, else the collection's mean."""
    assert engine.trained
    return autoencoder.latent(engine, ends[-1].file(catalogue)) if ends else engine.trained.mean


def _turned(shelf: Shelf, key: str, name: str, ends: Ends, by: Sequence[float]) -> str:
    """Raises SemblanceError."""
    engine, catalogue = _ready(shelf, key, name)
    return _at(shelf, catalogue, engine, autoencoder.moved(engine, _start(engine, catalogue, ends), by))


def _at(shelf: Shelf, catalogue: Catalogue, engine: Autoencoder, latent: np.ndarray) -> str:
    """A picture that is drawn, and those nearest to it."""
    (frame,) = autoencoder.drawn(engine, latent[None])
    vectors = autoencoder.directions_to(engine, latent[None])
    (found,) = shelf.library.index(catalogue, engine).nearest(vectors, NEAR)
    near = draw.examples(catalogue, [match.digest for match in found], say("explore.nearest"), WALK_ON)
    return f'<div class="stage">{draw.inline(frame, say("explore.as_drawn"))}</div>{near}'


def _sliders(engine: Autoencoder) -> str:
    """One for each direction, between what its ends do to the collection's mean."""
    assert engine.trained
    directions, mean = engine.trained.directions[:DIRECTIONS], engine.trained.mean
    latents = np.concatenate([mean + REACH * side * directions for side in (-1, 1)])
    frames = autoencoder.drawn(engine, latents)
    pairs = zip(frames[: len(directions)], frames[len(directions) :], strict=True)
    rows = "".join(
        f"<label>{draw.inline(low, say('explore.one_end'))}"
        f'<input type="range" min="-{REACH}" max="{REACH}" step="0.1" value="0"'
        f' aria-label="{say("explore.direction", number=number + 1)}">'
        f"{draw.inline(high, say('explore.other_end'))}</label>"
        for number, (low, high) in enumerate(pairs)
    )
    hint = draw.hint(say("explore.directions"))
    back = f'<button type="button" class="act quiet reset">{say("explore.back")}</button>'
    return f"{hint}{rows}{back}"


def _amounts(told: Any) -> list[float]:
    """Of the sliders, as a client tells them."""
    if not isinstance(told, list):
        return []
    known = [one if isinstance(one, int | float) and one == one else 0.0 for one in told[:DIRECTIONS]]
    return [float(np.clip(one, -REACH, REACH)) for one in known]
