"""The map of a collection: all its pictures laid out by what an engine sees, to look around in.

It is drawn on a canvas in the browser, which gets names and places once; pictures come as thumbnails, and
only when they are looked at closely.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
import numpy as np

from demos import draw, search
from demos.board import NEAR, Steps, as_json, draw_board, draw_near, listen, neighbours, ready
from demos.jobs import UNFORESEEN, Job
from demos.shelf import Shelf
from engines import SemblanceError
from features.catalogue import Catalogue, Progress
from features.projection import METHODS, NEIGHBOURS, SAMPLE, Projection, between

COLOURS = 12  # folders that have a colour of their own
HINT = draw.state("ask", "Look around", "Click a picture on the map, and those nearest to it come up here.")
HOW = (
    "Drag to move and scroll or pinch to zoom; close up, the points become pictures. With the keyboard: arrows, "
    "+ and -, 0 for all of it, and Enter for the picture in the middle."
)
METHOD_SAYS = {
    "t-SNE": "t-SNE keeps neighbours together; how far apart two groups are says little. Of more than "
    f"{SAMPLE:,} pictures it lays out {SAMPLE:,}, and the others are placed by their neighbours among these.",
    "PCA": "PCA shows the two directions in which the pictures differ most; groups may lie on top of each other.",
    "UMAP": "UMAP keeps neighbours together, and more of how groups lie to each other than t-SNE does.",
}
PLACED = (
    "The ring is your picture. It was not there when the map was made, so it stands between the pictures that "
    "are nearest to it."
)

# what stands in the page; the rest is drawn by BOARD
FRAME = f"""<div class="atlas"><canvas tabindex="0" role="application" aria-label="Map of the collection"
 aria-roledescription="map"></canvas><div class="zoom">
<button type="button" data-zoom="1.6" aria-label="Zoom in">+</button>
<button type="button" data-zoom="0.625" aria-label="Zoom out">&minus;</button>
<button type="button" data-zoom="0" aria-label="Show all">&#x2922;</button></div>
<div class="over" role="status"></div></div><div class="key"></div><p class="hint">{HOW}</p>"""

BOARD = """
const COLOURS = ['#d1495b', '#2a7fba', '#e08e2b', '#3d9a5f', '#8a5fc0', '#17a2a2',
    '#c25a9b', '#9a7d2e', '#5d6fd6', '#79a72c', '#b3593a', '#5a9bd5'];
const GREY = '#8d8781', FEW = 150, KEPT = 600, LOADING = 8, SIDE = 128, NEAREST = 14, MOST = 60;
const canvas = element.querySelector('canvas'), pen = canvas.getContext('2d');
const over = element.querySelector('.over'), key = element.querySelector('.key');
const ratio = Math.min(window.devicePixelRatio || 1, 2);
let map = null, view = { x: .5, y: .5, zoom: 1 }, hovered = -1, centred = false, only = -1, waiting = false;
let width = 0, height = 0, drawn = [], side = 0, sheet = null;
const photos = new Map();  // digest -> bitmap, or null while it loads or where there is none
let loading = 0, wanted = [];

const scale = () => Math.min(width, height) * .92 * view.zoom;
const across = (picture) => (picture[0] - view.x) * scale() + width / 2;
const down = (picture) => (picture[1] - view.y) * scale() + height / 2;
const colour = (folder) => folder < COLOURS.length ? COLOURS[folder] : GREY;
const sort = (picture) => Math.min(picture[2], COLOURS.length);  // of folders that share a colour
const faint = (sort) => only >= 0 && only !== sort;
const stamps = new Map();
function stamp(sort, size) {  // the pixels of a dot
    const name = [sort, size, faint(sort)].join();
    if (!stamps.has(name)) {
        const made = Object.assign(document.createElement('canvas'), { width: size, height: size });
        const brush = made.getContext('2d');
        brush.fillStyle = colour(sort);
        brush.globalAlpha = faint(sort) ? .12 : 1;
        brush.arc(size / 2, size / 2, size * .4, 0, 7);
        brush.fill();
        stamps.set(name, new Uint32Array(brush.getImageData(0, 0, size, size).data.buffer));
    }
    return stamps.get(name);
}

function dots(places) {  // pixel by pixel: of thousands that takes a fraction of the time that drawing does
    const { width: wide, height: high } = canvas;
    if (sheet?.width !== wide || sheet?.height !== high) sheet = new ImageData(wide, high);
    const pixels = new Uint32Array(sheet.data.buffer).fill(0);
    const size = Math.round(Math.max(5, Math.min(10, 4 + view.zoom)) * ratio);
    const marks = Array.from({ length: COLOURS.length + 1 }, (_, sort) => stamp(sort, size));
    for (const [number, x, y] of places) {
        const mark = marks[sort(map.pictures[number])];
        const left = Math.round(x * ratio - size / 2), top = Math.round(y * ratio - size / 2);
        for (let row = Math.max(0, -top); row < Math.min(size, high - top); row += 1)
            for (let column = Math.max(0, -left); column < Math.min(size, wide - left); column += 1) {
                const pixel = mark[row * size + column], place = (top + row) * wide + left + column;
                if (pixel >>> 24 && pixel >>> 24 >= pixels[place] >>> 24) pixels[place] = pixel;
            }
    }
    pen.putImageData(sheet, 0, 0);
}

function refresh() {
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
}

function paint() {
    waiting = false;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!map || !width) return;
    const style = getComputedStyle(element);
    const [ink, paper, accent] = ['--body-text-color', '--background-fill-primary', '--color-accent']
        .map((name) => style.getPropertyValue(name));
    drawn = [];
    map.pictures.forEach((picture, number) => {
        const x = across(picture), y = down(picture);
        if (x > -60 && y > -60 && x < width + 60 && y < height + 60) drawn.push([number, x, y]);
    });
    const close = drawn.length <= FEW;
    side = close ? Math.max(30, Math.min(110, Math.sqrt(width * height / (drawn.length + 1)) * .55)) : 0;
    const photo = ([number]) => close ? photos.get(map.pictures[number][3]) : null;
    wanted = drawn.filter((one) => photo(one) === undefined).map(([number]) => map.pictures[number][3]);
    dots(drawn.filter((one) => !photo(one)));
    for (const one of drawn.filter(photo)) {
        const picture = map.pictures[one[0]];
        pen.globalAlpha = faint(sort(picture)) ? .12 : 1;
        thumbnail(photo(one), one[1], one[2], side, colour(picture[2]), 2);
    }
    pen.globalAlpha = 1;
    const chosen = props.chosen ? map.places.get(props.chosen) : undefined;
    for (const number of new Set([chosen, hovered >= 0 ? hovered : undefined])) {
        if (number === undefined || !map.pictures[number]) continue;
        const picture = map.pictures[number], photo = photos.get(picture[3]);
        const x = across(picture), y = down(picture);
        if (photo) thumbnail(photo, x, y, Math.max(side, 56) * 1.15, ink, 3);
        else ring(x, y, 9, ink, paper);
        if (photo === undefined) wanted.unshift(picture[3]);
    }
    if (props.asked) ring(across(props.asked), down(props.asked), 13, accent, paper, true);
    if (centred) {
        pen.strokeStyle = ink;
        pen.lineWidth = 1;
        pen.strokeRect(width / 2 - 6, height / 2 - 6, 12, 12);
    }
    load();
}

function thumbnail(photo, x, y, longest, edge, line) {
    const shrunk = longest / Math.max(photo.width, photo.height);
    const w = photo.width * shrunk, h = photo.height * shrunk;
    pen.fillStyle = edge;
    pen.fillRect(x - w / 2 - line, y - h / 2 - line, w + 2 * line, h + 2 * line);
    pen.drawImage(photo, x - w / 2, y - h / 2, w, h);
}

function ring(x, y, radius, ink, paper, filled) {
    for (const [line, stroke] of [[6, paper], [3, ink]]) {
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        pen.lineWidth = line;
        pen.strokeStyle = stroke;
        pen.stroke();
    }
    if (!filled) return;
    pen.beginPath();
    pen.arc(x, y, 4, 0, 7);
    pen.fillStyle = ink;
    pen.fill();
}

function load() {  // a few at a time, the ones in view; those not looked at for longest go first
    while (loading < LOADING && wanted.length) {
        const digest = wanted.shift();
        if (photos.has(digest)) continue;
        photos.set(digest, null);
        if (photos.size > KEPT) photos.delete(photos.keys().next().value);
        loading += 1;
        fetch(map.root + digest + '.jpg').then((answer) => answer.ok ? answer.blob() : Promise.reject())
            .then((blob) => createImageBitmap(blob, { resizeHeight: SIDE, resizeQuality: 'medium' }))
            .then((photo) => photos.set(digest, photo), () => {})
            .finally(() => { loading -= 1; refresh(); });
    }
}

function under(x, y) {  // the picture that is drawn there, the uppermost first; else the nearest point
    let found = -1, least = NEAREST ** 2;
    for (let i = drawn.length - 1; i >= 0; i -= 1) {
        const [number, px, py] = drawn[i], photo = side ? photos.get(map.pictures[number][3]) : null;
        if (photo) {
            const half = side / Math.max(photo.width, photo.height) / 2;
            if (Math.abs(x - px) <= photo.width * half && Math.abs(y - py) <= photo.height * half) return number;
        }
        const distance = (x - px) ** 2 + (y - py) ** 2;
        if (distance < least) [found, least] = [number, distance];
    }
    return found;
}

function nearest() {
    let found = -1, least = Infinity;
    map.pictures.forEach((picture, number) => {
        const distance = (picture[0] - view.x) ** 2 + (picture[1] - view.y) ** 2;
        if (distance < least) [found, least] = [number, distance];
    });
    return found;
}

function hover(number) {
    if (number === hovered) return;
    hovered = number;
    canvas.style.cursor = number < 0 ? '' : 'pointer';
    const picture = map && map.pictures[number];
    over.textContent = picture ? [map.folders[picture[2]], picture[4]].filter(Boolean).join(' · ') : '';
    refresh();
}

function zoom(by, x = width / 2, y = height / 2) {
    const before = scale();
    view.zoom = Math.max(1, Math.min(MOST, by ? view.zoom * by : 1));
    if (!by || view.zoom === 1) [view.x, view.y] = [.5, .5];
    else {  // what is under the pointer stays there
        view.x += (x - width / 2) * (1 / before - 1 / scale());
        view.y += (y - height / 2) * (1 / before - 1 / scale());
    }
    refresh();
}

function pan(x, y) {
    view.x = Math.max(0, Math.min(1, view.x - x / scale()));
    view.y = Math.max(0, Math.min(1, view.y - y / scale()));
    refresh();
}

const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
};
const fingers = new Map();
let moved = 0;
canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!fingers.size) moved = 0;
    fingers.set(event.pointerId, at(event));
    centred = false;
});
canvas.addEventListener('pointermove', (event) => {
    const [x, y] = at(event), before = fingers.get(event.pointerId);
    if (!before) return map && hover(under(x, y));
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    if (other) {
        const [ox, oy] = other[1];
        moved = 99;
        const apart = Math.max(1, Math.hypot(before[0] - ox, before[1] - oy));
        zoom(Math.max(.01, Math.hypot(x - ox, y - oy) / apart), (x + ox) / 2, (y + oy) / 2);
        pan((x - before[0]) / 2, (y - before[1]) / 2);
    } else {
        moved += Math.hypot(x - before[0], y - before[1]);
        if (moved > 4) pan(x - before[0], y - before[1]);
    }
    fingers.set(event.pointerId, [x, y]);
});
canvas.addEventListener('pointerup', (event) => {
    if (fingers.delete(event.pointerId) && moved <= 4 && map) choose(under(...at(event)));
});
canvas.addEventListener('pointercancel', (event) => fingers.delete(event.pointerId));
canvas.addEventListener('pointerleave', () => hover(-1));
canvas.addEventListener('wheel', (event) => {
    if (event.deltaY > 0 && view.zoom === 1) return;  // all of it is seen: the page scrolls on
    event.preventDefault();
    zoom(Math.exp(-Math.max(-100, Math.min(100, event.deltaY * (event.deltaMode ? 30 : 1))) / 300), ...at(event));
}, { passive: false });

const KEYS = { ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60),
    ArrowDown: () => pan(0, -60), '+': () => zoom(1.4), '=': () => zoom(1.4), '-': () => zoom(1 / 1.4),
    '0': () => zoom(0), Enter: () => choose(nearest()) };
canvas.addEventListener('keydown', (event) => {
    if (!map || !KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    centred = true;
    KEYS[event.key]();
    requestAnimationFrame(() => hover(nearest()));
});
canvas.addEventListener('blur', () => { centred = false; refresh(); });

function choose(number) {
    if (number >= 0) trigger('pick', { digest: map.pictures[number][3] });
}

element.addEventListener('click', (event) => {
    const by = event.target.closest('[data-zoom]'), folder = event.target.closest('[data-folder]');
    if (by) zoom(Number(by.dataset.zoom));
    if (!folder) return;
    only = only === Number(folder.dataset.folder) ? -1 : Number(folder.dataset.folder);
    for (const button of key.children)
        button.setAttribute('aria-pressed', String(Number(button.dataset.folder) === only));
    refresh();
});

function legend() {
    const shown = map.folders.slice(0, COLOURS.length), more = map.folders.length - shown.length;
    if (more > 0) shown.push(`${more} more`);
    key.replaceChildren(...(map.folders.length > 1 ? shown : []).map((folder, number) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.dataset.folder = number;
        button.style.setProperty('--dot', colour(number));
        button.setAttribute('aria-pressed', 'false');
        button.textContent = folder || 'in no folder';
        return button;
    }));
}

function take() {
    map = props.value ? JSON.parse(props.value) : null;
    view = { x: .5, y: .5, zoom: 1 };
    [drawn, only, side] = [[], -1, 0];
    photos.clear();
    hover(-1);
    if (map) {
        map.places = new Map(map.pictures.map((picture, number) => [picture[3], number]));
        canvas.setAttribute('aria-label', map.told);
        legend();
    } else {
        key.replaceChildren();
        askAgain(canvas);
    }
    refresh();
}

new ResizeObserver(() => {
    [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    paint();
}).observe(canvas);
new MutationObserver(refresh).observe(document.body, { attributes: true, attributeFilter: ['class'] });
watch('value', take);
watch(['chosen', 'asked'], refresh);
take();
"""


def draw_map(page: search.Page, name: str) -> None:
    """Draws the map of an engine into the current Blocks."""
    shelf = page.shelf
    with gr.Row(elem_classes="sides mapped"):
        with gr.Column(scale=2, min_width=300):
            method = gr.Radio(
                list(METHODS), value="t-SNE", label="How to lay it out", show_label=False, container=False
            )
            board = draw_board(FRAME, BOARD, chosen="", asked=None)
        with gr.Column(scale=1, min_width=300):
            image = search.photo(f"Picture to find on the map of {shelf.cards[name].title}")
            near = draw_near(HINT)

    def pick(key: str, event: gr.EventData) -> tuple[Any, Any]:
        """A picture of the catalogue and its nearest. Only a digest comes in, so no path can be asked for."""
        digest = str(event.digest)
        try:
            html = neighbours(shelf, key, name, digest)
        except KeyError:
            return gr.skip(), gr.skip()
        except SemblanceError as error:
            return gr.skip(), draw.failed(error)
        return gr.update(chosen=digest, asked=None), html

    def ask(key: str, how: str, question: search.RawImage) -> tuple[Any, Any]:
        """A picture that was uploaded: where it stands, and what is nearest to it."""
        try:
            place, html = _asked(shelf, key, name, str(how), question)
        except SemblanceError as error:
            place, html = None, draw.failed(error)
        except Exception:
            logging.getLogger(__name__).exception("a question to the map of %s failed", name)
            place, html = None, draw.failed(UNFORESEEN)
        return gr.update(chosen="", asked=place), html

    def again(key: str, how: str, question: search.RawImage) -> tuple[Any, Any]:
        """The map is another: so is the place of what was asked."""
        return ask(key, how, question) if question else (gr.skip(), gr.skip())

    asking: dict[str, Any] = {
        "inputs": [page.picker, method, image],
        "outputs": [board.drawn, near],
        "preprocess": False,
        **search.SILENT,
        **search.SEARCHES,
    }
    for shown in listen(page, name, board, (near, HINT), method, partial(_made, shelf, name)):
        shown.then(again, **asking)
    search.hearts(page, near)
    for source in (board.drawn.pick, near.search):
        source(
            pick,
            page.picker,
            [board.drawn, near],
            show_progress_on=near,
            api_visibility="private",
            **search.SEARCHES,
        )
    image.input(ask, **asking)


async def _made(shelf: Shelf, name: str, key: str, method: str) -> Steps:
    """The map: computed in the background, unless it is kept. Raises SemblanceError."""
    made = await asyncio.to_thread(_kept, shelf, key, name, method)
    if made is None:
        job = await asyncio.to_thread(_start, shelf, key, name, method)
        while not (job.ended.is_set() or job.cancelled.is_set()):
            yield gr.skip(), draw.progress([job]), gr.skip()
            await asyncio.sleep(search.POLL)
        if job.cancelled.is_set() or job.error:
            yield "", draw.state("error", "No map", job.error or shelf.jobs.failure(job.key)), ""
            return
        made = job.result
    catalogue = await asyncio.to_thread(shelf.catalogue, key, name)
    html = f'<p class="hint">{draw.escape(METHOD_SAYS[method])}</p>'
    yield gr.update(value=_board(catalogue, made, shelf.cards[name].title, method)), "", html


def _kept(shelf: Shelf, key: str, name: str, method: str) -> Projection | None:
    """Raises SemblanceError."""
    return shelf.library.projection(*ready(shelf, key, name), method, kept_only=True)


def _start(shelf: Shelf, key: str, name: str, method: str) -> Job:
    catalogue, engine = ready(shelf, key, name)

    def work(progress: Progress, cancelled: Callable[[], bool]) -> Projection | None:
        progress(0, 0, "laying out the map")
        return shelf.library.projection(catalogue, engine, method, cancelled)

    return shelf.jobs.start(
        ("map", catalogue.root, name, method), f"{catalogue.name} by {method}", work, urgent=True
    )


def _board(catalogue: Catalogue, made: Projection, title: str, method: str) -> str:
    """What the browser draws: a picture is [across, down, folder, digest, name]; large folders come first."""
    there = [(digest, place) for digest, place in zip(made.digests, made.positions, strict=True)]
    there = [(digest, place) for digest, place in there if digest in catalogue.paths]
    sizes = Counter(catalogue.label(digest) for digest, _ in there)
    folders = sorted(sizes, key=lambda folder: (-sizes[folder], folder))
    number = {folder: i for i, folder in enumerate(folders)}
    pictures = [
        [
            round(float(across), 5),
            round(float(down), 5),
            number[catalogue.label(digest)],
            digest,
            catalogue.file(digest).name,
        ]
        for digest, (across, down) in there
    ]
    board = {
        "root": draw.thumbnail(catalogue, "").removesuffix(".jpg"),
        "told": f"Map of {draw.count(len(pictures), 'picture')} of {catalogue.name} in "
        f"{draw.count(len(folders), 'folder')} by {method}: those alike for {title} lie close together. {HOW}",
        "folders": folders,
        "pictures": pictures,
    }
    return as_json(board)


def _asked(
    shelf: Shelf, key: str, name: str, method: str, question: search.RawImage
) -> tuple[list[float] | None, str]:
    """Where an uploaded picture stands, if there is a map, and what is nearest to it. Raises SemblanceError."""
    path = search.uploaded_file(question)
    if path is None:
        return None, HINT
    made = _kept(shelf, key, name, method)
    catalogue, engine = shelf.catalogue(key, name), shelf.engine(key, name)
    matches = shelf.library.search(catalogue, engine, path, NEAR).matches
    wall = draw.wall(catalogue, matches, draw.Scale(shelf.library.calibration(catalogue, engine)))
    if made is None:
        return None, wall
    places = dict(zip(made.digests, made.positions, strict=True))
    nearest = [match for match in matches[:NEIGHBOURS] if match.digest in places]
    place = between(np.array([m.score for m in nearest]), np.stack([places[m.digest] for m in nearest]))
    return [float(edge) for edge in place], f'<p class="hint placed">{PLACED}</p>{wall}'
