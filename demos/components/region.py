"""Searching by a part: a box over the question, drawn by mouse or finger, or typed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gradio as gr

from demos import static
from demos.i18n.language import say
from engines import Box
from features.catalogue.images import full_size

Frame = tuple[float, float, float, float]
"""left, top, right, bottom as shares (0..1) of the upright picture, whatever size it is shown in."""

LEAST = 0.01  # of either side
EDGES = ("region.left", "region.top", "region.right", "region.bottom")

DRAG = static.read("region.js")


def layer() -> gr.HTML:
    """Makes the layer over a picture on which a box is drawn."""
    return gr.HTML(js_on_load=DRAG, apply_default_css=False, elem_classes="whom framing")


def read(told: Any) -> Frame | None:
    """As a client tells it; None, which is the whole picture, where that is no box within the picture."""
    try:
        left, top, right, bottom = (float(edge) for edge in told)
    except (TypeError, ValueError, OverflowError):
        return None
    inside = 0 <= left <= right - LEAST and right <= 1 and 0 <= top <= bottom - LEAST and bottom <= 1
    return (left, top, right, bottom) if inside else None  # NaN is nowhere


def pixels(path: Path, frame: Frame | None) -> Box | None:
    """The box in pixels of the upright full-size picture, outwards. Raises ImageError."""
    if frame is None:
        return None
    width, height = full_size(path)
    left, top, right, bottom = frame
    return int(left * width), int(top * height), math.ceil(right * width), math.ceil(bottom * height)


def draw_layer(path: Path, frame: Frame | None) -> str:
    """What lies over the question, and below it how to use it. Raises ImageError."""
    width, height = full_size(path)
    left, top, right, bottom = frame or (0, 0, 0, 0)
    fields = "".join(
        f'<label>{say(name)}<input type="number" min="0" max="100" step="any" value="{share * 100:.4g}"/></label>'
        for name, share in zip(EDGES, frame or (0, 0, 1, 1), strict=True)
    )
    search = f'<button type="submit" class="act quiet">{say("region.search")}</button>'
    all_of_it = f'<button type="button" class="act quiet" data-whole>{say("region.whole")}</button>'
    whole = all_of_it if frame else ""
    return (
        f'<details class="by-part"{" open" * bool(frame)}><summary>{say("region.part")}</summary>'
        f'<p class="hint">{say("region.how")}</p>'
        f'<form class="edges">{fields}{search}</form></details>{whole}'
        f'<svg class="marks" viewBox="0 0 {width} {height}" aria-hidden="true"><rect class="catch" width="{width}"'
        f' height="{height}"/><rect class="framed" x="{left * width:.1f}" y="{top * height:.1f}"'
        f' width="{(right - left) * width:.1f}" height="{(bottom - top) * height:.1f}"/></svg>'
    )
