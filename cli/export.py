"""The command `export`, which writes vectors for other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.catalogues import open_indexed, open_library
from cli.options import AsJson, Captions, EngineName, Home, Images, Network, Offline, Weights
from cli.output import print_result, progress_bar, source_line
from features.export import VECTORS, check


def export(
    images: Images,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="The file: .npz, .parquet, or .zip for TensorFlow's Embedding Projector."
        ),
    ],
    engine: EngineName = "product",
    network: Network = "auto",
    as_json: AsJson = False,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Write the vectors of a collection, with paths, labels, captions and tags, for other programs."""
    library = open_library(home, weights, offline, captions=captions)
    check(out, library.open(images).root, VECTORS)
    catalogue, chosen = open_indexed(library, images, engine, network)
    with progress_bar() as progress:
        written = library.index(catalogue, chosen).export(out, progress)
    card = chosen.describe()
    result: dict[str, Any] = {"engine": engine, "network": written.network, "fingerprint": written.fingerprint}
    result |= {"weights": card.weights, "output": os.fspath(out)}
    result |= {"rows": len(written.items), "dim": written.dim}
    lines = [f"{out}: {len(written.items):,} vectors of {written.dim:,} numbers.", source_line(card)]
    print_result(result, as_json, lines)
