"""Arguments and options that several commands share, and the parsing of their values."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path
from typing import Annotated

import typer

from engines import Box
from features.catalogue.urls import place
from features.index import CHOICES
from features.retrieval.part_weights import Mix, read_mix
from features.retrieval.results import Liked

Images = Annotated[
    Path,
    typer.Argument(
        parser=place,
        help="The folder of pictures, or its URL (s3://...); the name of each subfolder is a label.",
    ),
]
Queries = Annotated[list[Path], typer.Argument(help="Query pictures.")]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        "-e",
        help="The kind of similarity, see the command `engines`; NAME+tuned adapts it to your folders.",
    ),
]
Network = Annotated[
    str, typer.Option(help="NAME, auto (the best network available) or builtin (needs no download).")
]
K = Annotated[int, typer.Option("-k", min=1, help="How many pictures to return.")]
MixOf = Annotated[
    str,
    typer.Option("--mix", help="Weights of the parts of a vector: NAME[=WEIGHT],... (style: strokes,colour=2)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
Home = Annotated[
    Path | None,
    typer.Option(help="Where features are stored (SEMBLANCE_HOME; by default in the user's cache)."),
]
Weights = Annotated[
    Path | None, typer.Option(help="A weights file, or a folder of weights files (SEMBLANCE_WEIGHTS).")
]
Captions = Annotated[
    str | None,
    typer.Option(help="The model that writes captions for `semantic`: base, large, or off (SEMBLANCE_CAPTIONS)."),
]
IndexName = Annotated[
    str | None,
    typer.Option("--index", help=f"How to search: {', '.join(CHOICES)} (SEMBLANCE_INDEX; by default auto)."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Do not download anything (SEMBLANCE_OFFLINE).")]


def parse_mix(text: str) -> Mix | None:
    """Parses the value of `--mix`; an empty one is None.

    Raises:
        SemblanceError: If the text is not a list of parts with weights.
    """
    return read_mix(text) if text else None


def parse_box(text: str) -> Box | None:
    """Parses the value of `--box`; an empty one is None.

    Raises:
        typer.BadParameter: If the text is not four whole numbers.
    """
    if not text:
        return None
    edges = [int(edge) if edge.strip().isdecimal() else -1 for edge in text.split(",")]
    if len(edges) != 4 or min(edges) < 0:
        raise typer.BadParameter("Give --box as LEFT,TOP,RIGHT,BOTTOM, four whole numbers")
    return edges[0], edges[1], edges[2], edges[3]


def pair_weights(pictures: list[Path], weights: list[float] | None, option: str) -> list[Liked]:
    """Pairs pictures with their weights; without weights, each weighs 1.

    Args:
        pictures: The pictures, in the order given on the command line.
        weights: One weight per picture, or None.
        option: The name of the option that sets the weights, for the error message.

    Raises:
        typer.BadParameter: If there are weights, but not one per picture.
    """
    if weights and len(weights) != len(pictures):
        raise typer.BadParameter(f"Give {option} once for each picture that it weighs")
    return list(map(Liked, pictures, repeat(0), weights or repeat(1.0)))
