"""The command `serve`, which opens the app in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.catalogues import open_library
from cli.options import Captions, Home, IndexName, Offline, Weights
from engines import settings
from features.catalogue.urls import place


def serve(
    images: Annotated[
        Path | None,
        typer.Argument(
            parser=place,
            help="The folder of pictures (SEMBLANCE_IMAGES; by default a generated sample catalogue).",
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option(help="Create a public link as well; visitors can't choose folders then.")
    ] = False,
    webcam: Annotated[
        bool | None,
        typer.Option("--webcam/--no-webcam", help="Offer the browser's camera (SEMBLANCE_WEBCAM)."),
    ] = None,
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
            "--metrics",
            help="Serve Prometheus metrics at /metrics (needs an extra; SEMBLANCE_METRICS).",
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name that the app answers to behind a proxy, such as photos.example.org or *.example.org "
            "(repeatable; SEMBLANCE_ALLOW_HOST); whoever comes is a visitor then.",
        ),
    ] = None,
    visitors_export: Annotated[
        bool,
        typer.Option("--visitors-export", help="Let visitors export all vectors (SEMBLANCE_VISITORS_EXPORT)."),
    ] = False,
    searched_by: IndexName = None,
    home: Home = None,
    weights: Weights = None,
    offline: Offline = False,
    captions: Captions = None,
) -> None:
    """Open the app in the browser (the default). Honours GRADIO_SERVER_NAME and GRADIO_SERVER_PORT."""
    from demos.server.gradio_environment import prepare

    prepare()
    from demos.suite import serve as open_app

    settings.override(webcam=webcam)
    library, chosen = open_library(home, weights, offline, searched_by, captions), settings.current()
    images = images or (place(chosen.images) if chosen.images else None)
    open_app(
        library,
        images,
        share,
        folder_endpoint,
        mcp,
        metrics or chosen.metrics,
        allow_host or chosen.allow_host.replace(",", " ").split(),
        visitors_export or chosen.visitors_export,
    )
