"""The command `serve`, which opens the app in the browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.catalogues import open_library
from cli.options import Captions, Home, IndexName, Offline, Weights
from features.catalogue.urls import place


def serve(
    images: Annotated[
        Path | None,
        typer.Argument(
            envvar="SEMBLANCE_IMAGES",
            parser=place,
            help="The folder of pictures [default: a generated sample catalogue].",
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option(help="Create a public link as well; visitors can't choose folders then.")
    ] = False,
    webcam: Annotated[
        bool,
        typer.Option("--webcam/--no-webcam", envvar="SEMBLANCE_WEBCAM", help="Offer the browser's camera."),
    ] = True,
    folder_endpoint: Annotated[
        bool,
        typer.Option("--folder-endpoint", help="Let programs on this machine index folders through the API."),
    ] = False,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Offer the API as MCP tools as well (needs an extra).")
    ] = False,
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics", envvar="SEMBLANCE_METRICS", help="Serve Prometheus metrics at /metrics (needs an extra)."
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="SEMBLANCE_ALLOW_HOST",
            help="A name that the app answers to behind a proxy, such as photos.example.org or *.example.org "
            "(repeatable); whoever comes is a visitor then.",
        ),
    ] = None,
    visitors_export: Annotated[
        bool,
        typer.Option(
            "--visitors-export", envvar="SEMBLANCE_VISITORS_EXPORT", help="Let visitors export all vectors."
        ),
    ] = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Open the app in the browser (the default). Honours GRADIO_SERVER_NAME and GRADIO_SERVER_PORT."""
    os.environ["SEMBLANCE_WEBCAM"] = "1" if webcam else "0"  # demos reads it on import
    from demos.suite import serve as open_app

    library = open_library(home, weights, offline, searched_by, captions)
    open_app(library, images, share, folder_endpoint, mcp, metrics, allow_host or (), visitors_export)
