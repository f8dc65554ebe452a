"""The command `transfer`, which paints photos in the style of paintings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.catalogues import open_library
from cli.options import AsJson, Home, Network, Offline, Weights
from cli.output import print_failures, print_result, progress_bar
from engines import SemblanceError
from engines.networks import stylization
from features.transfer import (
    GATYS,
    INSTANT,
    LEAST,
    METHODS,
    MOST,
    STEPS,
    Frame,
    Look,
    check_output,
    choose,
    paint,
    pictures_of,
    save,
)
from features.transfer import transfer as frames

STRENGTH = {INSTANT: 1.0, GATYS: 0.5}


def transfer(
    content: Annotated[Path, typer.Argument(help="The photo, or a folder of photos.")],
    style: Annotated[Path, typer.Argument(help="The painting, or a folder of paintings.")],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="The picture to write (.png, .jpg or .webp); of several, the folder for them."
        ),
    ],
    method: Annotated[
        str | None,
        typer.Option(
            help="instant paints at once; gatys optimises the pixels, in minutes, up to 1,024 px. The default is "
            "instant, but gatys with --steps or a network of its own."
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=LEAST, max=stylization.MOST, help="The longer side of the result, in pixels.")
    ] = 512,
    strength: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="0 keeps the photo, 1 is all style (default: 1; of gatys 0.5)."),
    ] = None,
    brush: Annotated[
        float,
        typer.Option(
            min=stylization.FINEST,
            max=stylization.BROADEST,
            help="The scale at which the painting is seen: below 1 for fine strokes, above for broad ones.",
        ),
    ] = 1.0,
    mix: Annotated[
        list[str] | None,
        typer.Option(
            help="Another painting to mix in, with a share if not 1: PAINTING or PAINTING=0.5 (repeatable)."
        ),
    ] = None,
    keep_colours: Annotated[bool, typer.Option(help="Keep the photo's colours.")] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help=f"Steps at each size, from coarse to fine (gatys; default: {STEPS}).")
    ] = None,
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
) -> None:
    """Paint photos in the style of paintings. Ctrl-C saves the picture as painted so far."""
    open_library(home, weights, offline)
    photos, styles = pictures_of(content), pictures_of(style)
    of_gatys = {"--steps": steps is not None, f"--network {network}": network not in ("auto", "builtin")}
    method = method or (GATYS if any(of_gatys.values()) else INSTANT)
    how: dict[str, Any] = {"size": size, "strength": STRENGTH.get(method) if strength is None else strength}
    how["keep_colours"] = keep_colours
    if method == GATYS:
        _refuse(INSTANT, {"--brush": brush != 1, "--mix": bool(mix), f"--size {size}": size > MOST})
        painter = _slowly(network, how | {"steps": steps or STEPS})
    elif method == INSTANT:
        _refuse(GATYS, of_gatys)
        painter = _at_once(Look(**how, brush=brush), _mixed(mix or ()))
    else:
        raise SemblanceError("paint.no_method", name=method, choices=", ".join(METHODS))
    if not (content.is_dir() or style.is_dir()):
        record = painter.painted(content, style, out)
        width, height = record["size"]
        lines = [
            f"{out}: {width} x {height} pixels, painted in {record['seconds']:.1f} s.",
            f"Network {record['network']}; weights: {record['weights']}.",
        ]
        print_result(record, as_json, lines)
        return
    records: list[dict[str, Any]] = []
    failures: list[str] = []
    for photo, painting, target in _targets(photos, styles, out):
        try:
            records.append(painter.painted(photo, painting, target))
        except SemblanceError as error:
            failures.append(error.message)
            if isinstance(error, _Interrupted):
                break
    print_failures(failures, len(records) + len(failures))
    print_result({"results": records, "skipped": failures}, as_json, [record["output"] for record in records])


class _Interrupted(SemblanceError):
    """The person pressed Ctrl-C."""


@dataclass(frozen=True)
class _Painter:
    """Paints a photo in the style of a painting: `frames` yields the picture, the rest goes into the record."""

    method: str
    network: str
    weights: str
    options: dict[str, Any]
    frames: Callable[[Path, Path], Iterator[Frame]]

    def painted(self, photo: Path, painting: Path, out: Path) -> dict[str, Any]:
        """Paints, saves, and returns the record for JSON.

        Raises:
            SemblanceError: It can't be painted or saved; after Ctrl-C, once the latest frame is saved.
            KeyboardInterrupt: After Ctrl-C before the first frame.
        """
        check_output(out, photo, painting)
        started = time.perf_counter()
        frame: Frame | None = None
        try:
            with progress_bar() as progress:
                for frame in self.frames(photo, painting):
                    progress(round(100 * frame.progress), 100, "Painting")
        except KeyboardInterrupt:
            if frame is None:
                raise
            save(frame.pixels, out)
            raise _Interrupted(f"Stopped; {out} is the picture as it was by then.") from None
        assert frame  # painting always yields one
        save(frame.pixels, out)
        height, width = frame.pixels.shape[:2]
        return {
            "output": os.fspath(out),
            "network": self.network,
            "weights": self.weights,
            "content": os.fspath(photo),
            "style": os.fspath(painting),
            **self.options,
            "method": self.method,
            "size": [width, height],
            "seconds": round(time.perf_counter() - started, 3),
            "style_loss": {"first": frame.style_first, "last": frame.style_loss},
            "content_loss": frame.content_loss,
        }


def _at_once(look: Look, mixed: Sequence[tuple[Path, float]]) -> _Painter:
    options = {"strength": look.strength, "keep_colours": look.keep_colours, "brush": look.brush}
    painting = partial(_mixture, look, mixed)
    return _Painter(INSTANT, stylization.NAME, stylization.origin(), options, painting)


def _mixture(look: Look, mixed: Sequence[tuple[Path, float]], photo: Path, painting: Path) -> Iterator[Frame]:
    return paint(photo, [painting, *(path for path, _ in mixed)], look, [1.0, *(share for _, share in mixed)])


def _slowly(network: str, options: dict[str, Any]) -> _Painter:
    chosen = choose(network)
    return _Painter(GATYS, chosen.eye.name, chosen.told, options, partial(frames, chosen=chosen, **options))


def _refuse(method: str, options: dict[str, bool]) -> None:
    """Raises SemblanceError for an option that is given, and belongs to the other method."""
    for option, given in options.items():
        if given:
            raise SemblanceError("paint.option_of", option=option, method=method)


def _mixed(texts: Sequence[str]) -> list[tuple[Path, float]]:
    """Reads PAINTING or PAINTING=SHARE, each."""
    found = []
    for text in texts:
        path, share = Path(text), 1.0
        name, equals, number = text.rpartition("=")
        if equals and not path.exists():
            with suppress(ValueError):
                path, share = Path(name), float(number)
        found.append((path, share))
    return found


def _targets(photos: Sequence[Path], styles: Sequence[Path], folder: Path) -> Iterator[tuple[Path, Path, Path]]:
    """Yields each photo with each painting, and a file of its own that is named after both.

    Raises SemblanceError when the folder can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SemblanceError("paint.folder_out", out=folder) from error
    taken: set[str] = set()
    for photo in photos:
        for painting in styles:
            name = base = f"{photo.stem}-{painting.stem}"
            number = 2
            while name.lower() in taken:
                name, number = f"{base}-{number}", number + 1
            taken.add(name.lower())
            yield photo, painting, folder / f"{name}.png"
