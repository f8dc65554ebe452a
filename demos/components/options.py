"""What a question is asked by besides its picture: other pictures, and which parts of the vectors count."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from demos.components import draw
from demos.components.region import Frame, pixels
from demos.i18n.language import fixed, localized, say
from engines import Engine, Parted, SemblanceError, VectorPart
from features.catalogue.folder import Catalogue
from features.catalogue.images import open_image
from features.retrieval.part_weights import Mix
from features.retrieval.results import Reference

STEP = 0.05  # of the balance between two groups of parts
LIGHTEST, HEAVIEST = 0.25, 5  # weight of a reference


@dataclass(frozen=True)
class Pin:
    """A picture that is asked with besides. digest: where it is one of the catalogue's. path: of an upload.

    box: the part of it that is meant.
    """

    digest: str
    path: Path | None
    weight: float = 1.0
    box: Frame | None = None

    def reference(self, catalogue: Catalogue) -> Reference | None:
        """None when it has gone meanwhile. Raises ImageError."""
        path = catalogue.file(self.digest) if self.digest in catalogue.paths else self.path
        return Reference(path, self.weight, pixels(path, self.box)) if path and path.exists() else None


@dataclass(frozen=True)
class How:
    """How a query is asked, beside its picture.

    Attributes:
        pins: Pictures whose vectors are averaged with the query's.
        mix: See ImageIndex.search.
        tuned: Ask by the space that is tuned to the folders, where there is one.
    """

    pins: tuple[Pin, ...] = ()
    mix: Mix | None = None
    tuned: bool = False


def parts_of(engine: Engine) -> Sequence[VectorPart]:
    """Returns the parts of an engine's vectors; empty if it has none."""
    return engine.vector_parts() if isinstance(engine, Parted) else ()


def _capitalised(name: str) -> str:
    return say(name).capitalize()


def what_counts(parts: Sequence[VectorPart], how: gr.State) -> list[Callable[..., Any]]:
    """Draws the choice among parts, in a fold-out; what listens to a change of it, which is in `how` by then."""
    first = parts[0].group
    layers = [part.name for part in parts if part.group == first]
    others = list(dict.fromkeys(part.group for part in parts if part.group != first))
    stored = round(sum(part.share for part in parts if part.group != first) / STEP) * STEP
    with gr.Accordion(fixed("options.what_counts"), open=False, elem_classes="what-counts"):
        chosen = gr.CheckboxGroup(
            [(localized(partial(_capitalised, name)), name) for name in layers],
            value=layers,
            label=localized(lambda: say("options.of_the", group=say(first))),
            visible=len(layers) > 1,
        )
        balance = gr.Slider(
            0,
            1,
            value=stored,
            step=STEP,
            label=localized(
                lambda: say(
                    "options.from_same_to_same",
                    group=say(first),
                    other=say(others[0]),
                )
            ),
        )

    def weigh(how: How, chosen: Collection[str], balance: Any) -> How:
        return replace(how, mix=mixed(parts, chosen, balance))

    silent: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    weighed = [moment(weigh, [how, chosen, balance], how, **silent) for moment in (chosen.input, balance.release)]
    return [step.then for step in weighed]


def mixed(parts: Sequence[VectorPart], chosen: Collection[str], balance: Any) -> Mix | None:
    """The weights that a person chose among parts of two groups; None where that is how the vectors are.

    chosen: of the first group; none of them is all. balance: 0 (the first group alone) .. 1 (the others alone).
    """
    group = parts[0].group
    first, others = ([part for part in parts if (part.group == group) is of_it] for of_it in (True, False))
    kept = [part for part in first if part.name in chosen] or first
    stored = sum(part.share for part in others)
    balance = min(1.0, max(0.0, float(balance))) if isinstance(balance, int | float) else stored
    if kept == first and abs(balance - stored) <= STEP / 2:
        return None
    weights = {part.name: (1 - balance) / len(kept) for part in kept}
    return weights | {part.name: balance / len(others) for part in others}


def told(parts: Sequence[VectorPart], mix: Mix | None) -> tuple[str, ...]:
    """What was chosen, in a few words for the line under the answer."""
    if mix is None:
        return ()
    heard = [part for part in parts if mix.get(part.name)]
    return (" + ".join(f"{say(part.name)} {mix[part.name]:.0%}" for part in heard),)


def weight(told: Any) -> float:
    """Of a reference, as a client tells it."""
    try:
        return min(HEAVIEST, max(LIGHTEST, float(told)))  # NaN is the heaviest
    except (TypeError, ValueError):
        return 1.0


def draw_pins(catalogue: Catalogue, pins: Sequence[Pin], asking: bool) -> str:
    """The pictures that are asked with besides. asking: whether there is one more in the place above them."""
    shown = ""
    for number, pin in enumerate(pins):
        alt = say("options.reference", number=number + 1)
        picture = f'<img alt="{say("likes.gone", name=alt)}"/>'
        with contextlib.suppress(SemblanceError):
            if pin.digest in catalogue.paths and not pin.box:
                picture = f'<img alt="{alt}" src="{draw.thumbnail(catalogue, pin.digest)}"/>'
            elif found := pin.reference(catalogue):
                picture = draw.inline(open_image(found.path, 112, found.box).pixels, alt)
        shown += (
            f'<div class="pin">{picture}<input type="range" min="{LIGHTEST}" max="{HEAVIEST}" step="{LIGHTEST}"'
            f' value="{pin.weight}" data-weigh="{number}" aria-label="{say("likes.weight", name=alt)}"'
            f' title="{say("likes.weight_of", weight=pin.weight)}"/>'
            f'<button type="button" data-do="unpin" data-digest="{number}"'
            f' aria-label="{say("likes.take_out", name=alt)}">&times;</button></div>'
        )
    add = f'<button type="button" class="act quiet" data-do="pin">{say("options.add_reference")}</button>'
    more = add if asking else ""
    hint = draw.hint(say("options.averaged")) if pins else ""
    return f'{hint}<div class="pins">{shown}</div>{more}' if shown or more else ""
