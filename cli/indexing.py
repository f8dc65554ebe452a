"""The command `index`, which embeds a collection and stores its vectors."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli.catalogues import open_engine, open_library
from cli.options import AsJson, Captions, EngineName, Home, Images, IndexName, Network, Offline, Weights
from cli.output import print_result, progress_bar


def index(
    images: Images,
    engine: EngineName = "product",
    network: Network = "auto",
    on: Annotated[
        str, typer.Option(help="Index on a Ray cluster: ray (local, or RAY_ADDRESS) or ray://HOST:PORT.")
    ] = "",
    confirm_hidden: Annotated[
        bool,
        typer.Option(
            "--confirm-hidden", help="After marks.json was damaged: all that should be hidden is hidden again."
        ),
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file again, even if it seems unchanged.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Drop what is kept of folders that have vanished from the collection.")
    ] = False,
    as_json: AsJson = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Compute and store the features of every picture; later runs process only the changes."""
    library = open_library(home, weights, offline, searched_by, captions)
    catalogue = library.open(images)
    if confirm_hidden:
        catalogue.confirm()
    chosen = open_engine(library, catalogue, engine, network)
    with progress_bar() as progress:
        report = library.index(catalogue, chosen).update(progress, on=on, verify=verify, prune=prune)
    omitted = {"cancelled"} if on else {"cancelled", "workers"}
    omitted |= {key for key in ("videos", "recognised") if not getattr(report, key)}
    result = {key: value for key, value in asdict(report).items() if key not in omitted}
    recognised = f"Recognised as {report.recognised}: its vectors, tags, hidden pictures and captions came along."
    lines = [
        *([recognised] if report.recognised else []),
        f"{report.images:,} pictures, {report.rows:,} vectors in {report.seconds:.1f} s: "
        f"{report.new} new, {report.kept} kept, {report.removed} removed, {len(report.skipped)} skipped.",
        f"Network {report.network}; weights: {report.weights}.",
        *(
            f"  {share.worker}: {share.pictures:,} pictures, {share.pictures_per_second:.1f} a second"
            for share in report.workers
        ),
        *([f"Videos, which are not indexed: {report.videos:,}."] if report.videos else []),
        *(f"  skipped {skip.path}: {skip.reason}" for skip in report.skipped),
    ]
    print_result(result, as_json, lines)
