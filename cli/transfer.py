"""The command `transfer`, which paints a photo in the style of a painting."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.catalogues import open_library
from cli.options import AsJson, Home, Network, Offline, Weights
from cli.output import print_result, progress_bar
from engines import SemblanceError
from features.transfer import LEAST, MOST, STEPS, Chosen, Frame, check_output, choose, save
from features.transfer import transfer as frames


def transfer(
    content: Annotated[Path, typer.Argument(help="The photo.")],
    style: Annotated[Path, typer.Argument(help="The painting.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture to write: .png, .jpg or .webp.")],
    size: Annotated[
        int, typer.Option(min=LEAST, max=MOST, help="The longer side of the result, in pixels.")
    ] = 512,
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="0 keeps the photo, 1 keeps only the painting's texture.")
    ] = 0.5,
    keep_colours: Annotated[bool, typer.Option(help="Keep the photo's colours.")] = False,
    steps: Annotated[int, typer.Option(min=1, help="Steps at each size, from coarse to fine.")] = STEPS,
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Paint a photo in the style of a painting. Ctrl-C saves the picture as painted so far."""
    started = time.perf_counter()
    open_library(home, weights, offline)
    check_output(out, content, style)
    chosen = choose(network)
    options = {"size": size, "strength": strength, "keep_colours": keep_colours, "steps": steps}
    frame = _paint(content, style, out, chosen, options)
    save(frame.pixels, out)
    height, width = frame.pixels.shape[:2]
    seconds = round(time.perf_counter() - started, 3)
    result = {
        "output": os.fspath(out),
        "network": chosen.eye.name,
        "weights": chosen.told,
        "content": os.fspath(content),
        "style": os.fspath(style),
        **options,
        "size": [width, height],
        "seconds": seconds,
        "style_loss": {"first": frame.style_first, "last": frame.style_loss},
        "content_loss": frame.content_loss,
    }
    lines = [
        f"{out}: {width} x {height} pixels, painted in {seconds:.1f} s.",
        f"Network {chosen.eye.name}; weights: {chosen.told}.",
    ]
    print_result(result, as_json, lines)


def _paint(content: Path, style: Path, out: Path, chosen: Chosen, options: dict[str, Any]) -> Frame:
    """Paints, and returns the last frame.

    Raises:
        SemblanceError: After Ctrl-C, once the latest frame is saved.
        KeyboardInterrupt: After Ctrl-C before the first frame.
    """
    frame: Frame | None = None
    try:
        with progress_bar() as progress:
            for frame in frames(content, style, chosen, **options):
                progress(round(100 * frame.progress), 100, "Painting")
    except KeyboardInterrupt:
        if frame is None:
            raise
        save(frame.pixels, out)
        raise SemblanceError(f"Stopped; {out} is the picture as it was by then.") from None
    assert frame  # painting always yields one
    return frame
