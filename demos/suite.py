"""The whole app: the bar on top, a tab for each engine, and the tab Catalogue."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import http_server
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

import engines
from demos.components import draw, events, index_reports, likes, theme
from demos.components.page import Page, choices
from demos.i18n.language import fixed, localized, say
from demos.i18n.middleware import middleware as language_middleware
from demos.server import address, guard, health, metrics, sweep, veil
from demos.server.api import draw_api
from demos.server.gradio_environment import port
from demos.server.guard import Rules
from demos.server.state import Shelf, is_local
from demos.tabs import catalogue, compare, duplicates, gallery, recommend, words
from demos.views.common import views
from engines import SemblanceError
from engines.extras import missing
from engines.messages import Message
from features import files
from features.files import readable
from features.library import Library
from features.limits import LIMITS

WORDS, RECOMMEND, COMPARE, CATALOGUE = "text", "recommend", "compare", "catalogue"
OWN = (
    ("tabs.words", WORDS, words.tab),
    ("tabs.recommend", RECOMMEND, recommend.tab),
    ("tabs.gallery", gallery.NAME, gallery.tab),
    ("tabs.duplicates", duplicates.NAME, duplicates.tab),
    ("tabs.compare", COMPARE, compare.tab),
    ("tabs.catalogue", CATALOGUE, catalogue.tab),
)
MADE_UP = Message("endpoints.made_up")
WAITING = 1000  # events that may wait on ZeroGPU; a page that opens asks for dozens at once


class Whole(gr.Blocks):
    """A page that gets each step of an answer whole.

    Gradio sends a step as what differs from the last one, and its page changes that in place. Of two steps that
    arrive together it may show only what the second left of the first: a wall, then `gr.skip()`, came to nothing.
    What a program makes up is refused in one sentence; names of files that are no UTF-8 would end an answer.
    """

    async def preprocess_data(self, *given: Any, **named: Any) -> list[Any]:
        try:
            return await super().preprocess_data(*given, **named)
        except gr.Error:
            raise
        except Exception as error:  # whatever a component does with what it never sends
            raise gr.Error(MADE_UP, print_exception=False) from error

    async def postprocess_data(self, *given: Any, **named: Any) -> list[Any]:
        return _sendable(await super().postprocess_data(*given, **named))

    def handle_streaming_diffs(
        self,
        block_fn: Any,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        first = run not in self.pending_diff_streams[session_hash]
        data = super().handle_streaming_diffs(block_fn, data, session_hash, run, final, simple_format=True)
        if first or final or simple_format:
            return data
        return [[["replace", [], value]] for value in data]


def _sendable(value: Any) -> Any:
    """The same with every text made readable."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {key: _sendable(one) for key, one in value.items()}
    return [*map(_sendable, value)] if isinstance(value, list | tuple) else value


def serve(
    library: Library,
    images: Path | None,
    share: bool,
    folder_endpoint: bool = False,
    mcp: bool = False,
    measured: bool = False,
    hosts: Collection[str] = (),
    exports: bool = False,
) -> None:
    """Opens the app, and blocks.

    Args:
        library: The library.
        images: The folder to open; None draws the sample sets.
        share: Whether to create a public link.
        folder_endpoint: See `draw_api`.
        mcp: Whether its endpoints are MCP tools, too.
        measured: Whether it answers Prometheus.
        hosts: Names that it answers to behind a proxy.
        exports: Whether visitors may export vectors.

    Raises:
        SemblanceError: An extra is missing, the home can't be written to, or the port can't be used.
    """
    if mcp and not importlib.util.find_spec("mcp"):
        raise SemblanceError(missing("MCP", "mcp", "gradio[mcp]>=6.31,<7"))
    if measured:
        library = metrics.Measured(library)
    share = share or os.environ.get("GRADIO_SHARE", "").lower() == "true"
    for sentence in engines.broken().values():
        print(sentence, file=sys.stderr)
    _receive_into(library.home / "incoming")
    rules = Rules(is_local(share, hosts), hosts, share)
    shelf = Shelf(library, images, local=rules.local, exports=exports)
    _launch(shelf, draw_page(shelf, folder_endpoint=folder_endpoint), rules, mcp)


def open_tab(name: str, arguments: list[str]) -> None:
    """One tab and nothing else. Raises SemblanceError."""
    library = Library()
    _receive_into(library.home / "incoming")
    rules = Rules(is_local(False))
    shelf = Shelf(library, Path(arguments[0]) if arguments else None, local=rules.local)
    tabs = (*shelf.cards, *(name for _, name, _ in OWN))
    if name not in tabs:
        raise SemblanceError("suite.no_tab", name=name, choices=", ".join(tabs))
    _launch(shelf, draw_page(shelf, only=[name]), rules)


def build(library: Library, images: Path | None = None, *, local: bool = False) -> gr.Blocks:
    """The page, not served yet. local: offer folders of this machine; see `shelf.is_local`."""
    return draw_page(Shelf(library, images, local=local))


def draw_page(shelf: Shelf, only: Collection[str] = (), folder_endpoint: bool = False) -> gr.Blocks:
    """only: the names of some tabs; empty draws them all, and the endpoints for programs."""
    drawing = {name: _tab(name) for name in shelf.cards if not only or name in only}
    with Whole(
        title="Semblance",
        fill_width=True,
        analytics_enabled=False,
        delete_cache=(LIMITS.sweep_seconds, LIMITS.incoming_seconds),
    ) as demo:
        with gr.Row(elem_classes="top"):
            gr.HTML(theme.BRAND, elem_classes="brand", apply_default_css=False)
            picker = gr.Dropdown(
                choices(shelf, fixed),
                value=shelf.first,
                label=fixed("common.collection"),
                show_label=False,
                container=False,
                filterable=False,
                elem_classes="picker",
                min_width=160,
            )
            summary = gr.HTML(elem_classes="counts", apply_default_css=False)
            liked = gr.Button(likes.label(()), elem_classes="liked", min_width=42, scale=0)
            dark = gr.Button("◐", elem_classes="shade", min_width=42, scale=0)
            tongue = gr.Button(fixed("tabs.language"), elem_classes="tongue", min_width=42, scale=0)
        marks = gr.HTML(js_on_load=theme.ARIA, apply_default_css=False, elem_classes="marks-of-taste")
        if not shelf.local:
            gr.HTML(theme.NO_HIDING, apply_default_css=False, elem_classes="marks-of-taste")
        if not only:
            draw_api(shelf, folder_endpoint)  # first: an event of a tab that has the same name gets a number added
        page = Page(demo, shelf, picker, stamp=gr.State(0.0), tray=gr.State(()), selection=gr.State(()))
        with gr.Tabs(elem_classes="tabs", overflow_behavior="wrap") as tabs:
            for name, draw_engine in drawing.items():
                with gr.Tab(fixed(shelf.cards[name].title), id=name):
                    _heading(shelf.cards[name].title)
                    draw_engine(page, name)
            for title, name, draw_tab in OWN:
                if not only or name in only:
                    with gr.Tab(fixed(title), id=name):
                        _heading(title)
                        draw_tab(page)

        async def count(key: str) -> AsyncIterator[tuple[str, Any]]:
            async for _ in events.while_busy(shelf, key):
                told = index_reports.summary(await asyncio.to_thread(shelf.catalogues, key))
                _tell_damage(shelf)
                yield told, gr.update(choices=await asyncio.to_thread(choices, shelf))

        dark.click(None, js=theme.TOGGLE)
        tongue.click(None, js=theme.SWITCH)
        page.tray.change(
            lambda held: (likes.label(held), likes.marks(held)), page.tray, [liked, marks], **events.SILENT
        )
        if not only:
            liked.click(lambda: gr.Tabs(selected=RECOMMEND), None, tabs, **events.SILENT)
        moments = [demo.load, picker.change, page.stamp.change]
        counting = gr.on(moments, count, picker, [summary, picker], trigger_mode="multiple", **events.WATCHES)
        picker.change(None, cancels=[counting])
    return demo


def _tell_damage(shelf: Shelf) -> None:
    """Shows once what was found damaged, with its path: on the page of the local user, else in the owner's log."""
    for sentence in files.unread():
        if shelf.local:
            gr.Warning(say(sentence), duration=None, title=say("suite.damaged_title"))
        else:
            logging.getLogger(__name__).warning(sentence)


def _heading(title: str) -> None:
    """Of a tab, for who can't see which is open; those within it are below it."""
    heading = localized(lambda: f"<h2>{draw.escape(say(title))}</h2>")
    gr.HTML(heading, apply_default_css=False, elem_classes="unseen")


def _tab(name: str) -> Callable[[Page, str], None]:
    """The engine's own tab from demos/tabs/NAME.py where there is one, else the views that every engine has."""
    own = f"demos.tabs.{name}"
    taken = {draw_tab.__module__ for _, _, draw_tab in OWN}  # tabs of no engine, whatever an engine is called
    found = name.isidentifier() and own not in taken and importlib.util.find_spec(own)
    return getattr(importlib.import_module(own), "tab", views) if found else views


def _receive_into(folder: Path) -> None:
    """Gradio puts uploads there, unless the user has named a folder. What a killed process left is deleted."""
    if os.environ.get("GRADIO_TEMP_DIR"):
        return
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        sweep.sweep(folder)
    except OSError as error:
        raise SemblanceError("suite.home_not_writable", folder=folder, reason=error.strerror) from error


def _launch(shelf: Shelf, demo: gr.Blocks, rules: Rules, mcp: bool = False) -> None:
    address.free_port(port())
    address.keep_off_proxies()
    http_server.LOCALHOST_NAME = "127.0.0.1"  # Gradio tries ports there, and can't on an address of IPv6
    held = _settle(shelf)
    if os.environ.get("SPACE_ID"):  # its proxy gives each visitor's address
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")
    _settle_on_zerogpu(demo)
    if shelf.samples:
        shelf.draw_samples(shelf.samples)
    try:
        demo.launch(
            server_name=address.server_name(),
            server_port=port(),
            share=rules.share,
            mcp_server=mcp,
            footer_links=[],
            run_history=False,
            allowed_paths=[str(shelf.library.home / "thumbnails")],
            app_kwargs={"routes": routes(demo, shelf), "middleware": middleware(shelf, rules)},
            max_file_size=None if shelf.local else LIMITS.upload,
            ssr_mode=False,
            _frontend=False,  # else Gradio ends the app when a busy machine takes 3 s for the page
            **theme.look(demo),
        )
    except OSError as error:
        raise SemblanceError("suite.port_in_use") from error
    finally:
        for release in held:
            release()


def _settle(shelf: Shelf) -> list[Callable[[], object]]:
    """Sweeps what earlier runs left, and from now on what visitors leave; what to call at the end."""
    incoming = shelf.library.home / "incoming"
    held: list[Callable[[], object]] = []
    if os.environ["GRADIO_TEMP_DIR"] == str(incoming):  # and no folder that the user has named
        held.append(sweep.keep_swept(incoming).set)
    if not shelf.local:
        held.append(sweep.settle(shelf.inbox).release)
        sweep.forget_visitors(shelf.library.home)
    return held


def middleware(shelf: Shelf, rules: Rules) -> list[Middleware]:
    """What every request passes, from the outside in."""
    home = shelf.library.home
    hidden = {"/semblance-incoming": Path(get_upload_folder()), "/semblance-home": home}
    veiled = [] if shelf.local else [veil.middleware(hidden)]
    return [guard.middleware(rules), *veiled, language_middleware()]


def _settle_on_zerogpu(demo: gr.Blocks) -> None:
    """On a Space with ZeroGPU: it starts no app without a function for its GPU, and Gradio lets nobody wait there.

    Our nets run on the CPU, so the function does nothing and is never called (docs/decisions/0016-zerogpu.md).
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() != "true":
        return
    import spaces  # it comes with such a Space

    spaces.GPU(_nothing)
    demo.queue(max_size=WAITING)


def _nothing() -> None:
    pass


def routes(page: gr.Blocks, shelf: Shelf) -> list[Route]:
    """What the app answers to besides the page and its events."""
    library = shelf.library
    told = library.route(page, shelf) if isinstance(library, metrics.Measured) else metrics.off()
    return [thumbnail_route(shelf), *health.routes(shelf), told]


def thumbnail_route(shelf: Shelf) -> Route:
    """Thumbnails by catalogue and digest: made when first asked for; they reveal no path of this machine."""

    def send(request: Request) -> Response:
        try:
            path = shelf.thumbnail(request.path_params["key"], request.path_params["digest"])
        except (KeyError, SemblanceError):
            return Response(status_code=404)
        return FileResponse(path, headers={"Cache-Control": "private, max-age=86400"})

    return Route("/thumbnail/{key}/{digest}.jpg", send)
