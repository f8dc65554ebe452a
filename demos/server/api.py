"""The app for programs: what the tabs do, as named endpoints that answer with plain JSON, and as MCP tools.

Call them through `gradio_client`; `/gradio_api/openapi.json` lists them. What comes in may be made
up: a picture is one that was uploaded, or a digest of one on the shelf; a path of this machine is never taken, but
by `index_folder`, which is there only for the local user who asked for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from demos.components import events
from demos.server import reading
from demos.server.endpoints import Endpoints
from demos.server.jobs import UNFORESEEN
from demos.server.state import Shelf
from demos.views import style_transfer
from engines import SemblanceError
from features.files import readable


def draw_api(shelf: Shelf, folder_endpoint: bool = False) -> None:
    """Adds the endpoints to the current Blocks. folder_endpoint: one that names folders of this machine, too."""
    api = Endpoints(shelf)
    with gr.Column(visible=False):
        press, told = gr.Button(), gr.JSON()
        picture, text, unlike = gr.File(label="picture"), gr.Textbox(label="text"), gr.Textbox(label="unlike")
        liked, unliked = gr.JSON(label="like"), gr.JSON(label="unlike")
        collection, engine = gr.Textbox("", label="collection"), gr.Textbox("product", label="engine")
        folder, tag = gr.Textbox("", label="folder"), gr.Textbox("", label="tag")
        does = gr.Textbox("hide", label="does")
        k, diversity = gr.Number(12, label="k"), gr.Number(0, label="diversity")
        first, second = gr.File(label="first"), gr.File(label="second")
        photo, painting, digest = gr.File(label="photo"), gr.File(label="painting"), gr.Textbox("", label="digest")
        strength, keep = gr.Number(0.5, label="strength"), gr.Checkbox(False, label="keep_colours")
        size, kind = gr.Number(512, label="size"), gr.Textbox(".npz", label="format")
        painter, brush = gr.Textbox("instant", label="method"), gr.Number(1, label="brush")
        method, trained = gr.Textbox("PCA", label="method"), gr.Textbox("vae", label="engine")
        faces, file = gr.Textbox("lookalike", label="engine"), gr.File()
    offered: list[tuple[str, Callable[..., Any], list[Any]]] = [
        ("collections", api.collections, []),
        ("engines", api.engines, []),
        ("search", api.find, [picture, collection, engine, k]),
        ("search_text", api.find_by_text, [text, unlike, collection, engine, k]),
        ("recommend", api.recommend, [liked, unliked, collection, engine, k, diversity]),
        ("classify", api.classify, [picture, collection, engine]),
        ("same", api.same, [first, second, collection, faces]),
        ("evaluate", api.evaluate, [collection, engine]),
        ("pictures", api.pictures, [text, folder, tag, collection, k]),
        ("odd", api.odd, [collection, engine, k]),
        ("kinds", api.kinds, [collection, engine]),
        ("map", api.lay_out, [collection, engine, method]),
        ("unusual", api.unusual, [collection, trained, k]),
        ("duplicates", api.duplicates, [collection]),
        ("compare", api.compare, [collection]),
        ("index", api.index, [collection, engine]),
    ]
    if shelf.local:
        offered.append(("mark", api.mark, [does, liked, tag, collection]))
    if folder_endpoint and shelf.local:
        offered.append(("index_folder", api.index_folder, [folder, engine]))
    for name, fn, inputs in offered:
        waits: dict[str, Any] = {"concurrency_limit": None} if name.startswith("index") else events.SEARCHES
        press.click(_safe(fn, name), inputs, told, api_name=name, preprocess=False, postprocess=False, **waits)
    if shelf.exports:
        press.click(
            _safe(api.export, "export"),
            [collection, engine, kind],
            file,
            api_name="export",
            preprocess=False,
            **events.SEARCHES,
        )
    press.click(
        _safe(api.paint, "paint"),
        [photo, painting, digest, collection, strength, keep, size, painter, brush],
        file,
        api_name="paint",
        preprocess=False,
        **style_transfer.PAINTS,
    )


def _safe(fn: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Answers an error with one sentence, and with nothing else of it. name: also of the MCP tool."""

    def told(error: Exception) -> gr.Error:
        if isinstance(error, SemblanceError):
            return gr.Error(readable(str(error)), print_exception=False)
        logging.getLogger(__name__).exception("the endpoint %s failed", name)
        return gr.Error(UNFORESEEN, print_exception=False)

    @wraps(fn)
    async def waited(*given: Any) -> Any:
        try:
            return await fn(*reading.read(fn, given))
        except Exception as error:
            raise told(error) from None

    @wraps(fn)
    def called(*given: Any) -> Any:
        try:
            return fn(*reading.read(fn, given))
        except Exception as error:
            raise told(error) from None

    made = waited if asyncio.iscoroutinefunction(fn) else called
    made.__name__ = name
    return made
