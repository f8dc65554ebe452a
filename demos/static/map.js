// The map of a collection, drawn into the frame that map.py puts into the page. It gets props.value, JSON of
// `map._board`, and triggers 'wish', 'pick' (with a digest) and 'enclose' (with digests, in one string).
const COLOURS = ['#d1495b', '#2a7fba', '#e08e2b', '#3d9a5f', '#8a5fc0', '#17a2a2',
    '#c25a9b', '#9a7d2e', '#5d6fd6', '#79a72c', '#b3593a', '#5a9bd5'];
const GREY = '#8d8781', FEW = 150, KEPT = 600, LOADING = 8, SIDE = 128, NEAREST = 14, MOST = 60;
const LEVELS = 6, DEPTH = .3, TURN = .008;  // in space: sizes of dots, strength of perspective, radians a pixel
const canvas = element.querySelector('canvas'), pen = canvas.getContext('2d');
const over = element.querySelector('.over'), key = element.querySelector('.key');
const how = element.querySelector('.hint'), [drawer, clearer] = element.querySelectorAll('[data-pick]');
const ratio = Math.min(window.devicePixelRatio || 1, 2);
const whole = () => ({ x: .5, y: .5, zoom: 1, yaw: .6, pitch: .4 });
let map = null, view = whole(), hovered = -1, centred = false, only = -1, waiting = false;
let width = 0, height = 0, side = 0, sheet = null;
let turned = [1, 0, 1, 0];  // cosine and sine of yaw and pitch
let flat, near, order = [];  // where each picture is seen, and how near; all numbers, the nearest last
let spots, drawn = [];  // where each is on the canvas; the numbers of those in view, the nearest last
let picking = false, line = [], boxed = false;  // what is being drawn around pictures
let caught = new Set(), picked = null;  // the digests that were selected; for each number whether it is
const photos = new Map();  // digest -> bitmap, or null while it loads or where there is none
let loading = 0, wanted = [];

const scale = () => Math.min(width, height) * .92 * view.zoom;
const across = (x) => (x - view.x) * scale() + width / 2;
const down = (y) => (y - view.y) * scale() + height / 2;
const colour = (folder) => folder < COLOURS.length ? COLOURS[folder] : GREY;
const sort = (number) => Math.min(map.of[number], COLOURS.length);  // of folders that share a colour
const kept = (number) => only < 0 || only === sort(number);  // by the legend
const faint = (number) => !kept(number) || (picked !== null && !picked[number]);
const grown = (near) => .7 + .6 * near;

function sight(x, y, z) {  // where a place is seen, as the map is turned: across, down, and how near, 0 to 1
    if (z === undefined) return [x, y, .5];
    const [cosYaw, sinYaw, cosPitch, sinPitch] = turned;
    [x, y, z] = [(x - .5) * map.fit, (y - .5) * map.fit, (z - .5) * map.fit];
    const back = z * cosYaw - x * sinYaw, deep = back * cosPitch - y * sinPitch, nearer = 1 / (1 - DEPTH * deep);
    return [.5 + (x * cosYaw + z * sinYaw) * nearer, .5 + (y * cosPitch + back * sinPitch) * nearer, .5 + deep];
}

function turn() {
    const { places, sides } = map, keys = new Float64Array(near.length);
    turned = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    for (let number = 0, at = 0; number < keys.length; number += 1, at += sides) {
        const [x, y, z] = sight(places[at], places[at + 1], sides === 3 ? places[at + 2] : undefined);
        [flat[2 * number], flat[2 * number + 1], near[number]] = [x, y, z];
        keys[number] = Math.round(z * 1e6) * 2 ** 20 + number;  // plain numbers are sorted many times faster
    }
    order = keys.sort().map((key) => key % 2 ** 20);
    refresh();
}

const stamps = new Map();
function stamp(sort, size, strength) {  // the pixels of a dot
    const name = [sort, size, strength].join();
    if (!stamps.has(name)) {
        const made = Object.assign(document.createElement('canvas'), { width: size, height: size });
        const brush = made.getContext('2d');
        brush.fillStyle = colour(sort);
        brush.globalAlpha = strength;
        brush.arc(size / 2, size / 2, size * .4, 0, 7);
        brush.fill();
        stamps.set(name, new Uint32Array(brush.getImageData(0, 0, size, size).data.buffer));
    }
    return stamps.get(name);
}

function dots(numbers) {  // pixel by pixel: of thousands that takes a fraction of the time that drawing does
    const { width: wide, height: high } = canvas;
    if (sheet?.width !== wide || sheet?.height !== high) sheet = new ImageData(wide, high);
    const pixels = new Uint32Array(sheet.data.buffer).fill(0);
    const usual = Math.max(5, Math.min(10, 4 + view.zoom)) * ratio, sorts = COLOURS.length + 1;
    const marks = [];  // for each level, those in full colour and then the faint ones
    for (let level = 0; level <= LEVELS; level += 1) {
        const size = Math.round(usual * grown(level / LEVELS)), full = Math.min(1, .4 + 1.2 * level / LEVELS);
        for (const strength of [full, .12 * full])
            for (let sort = 0; sort < sorts; sort += 1) marks.push([size, stamp(sort, size, strength)]);
    }
    for (const number of numbers) {
        const level = Math.round(near[number] * LEVELS);
        const [size, mark] = marks[(2 * level + faint(number)) * sorts + sort(number)];
        const left = Math.round(spots[2 * number] * ratio - size / 2);
        const top = Math.round(spots[2 * number + 1] * ratio - size / 2);
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
    for (const number of order) {
        const x = spots[2 * number] = across(flat[2 * number]);
        const y = spots[2 * number + 1] = down(flat[2 * number + 1]);
        if (x > -60 && y > -60 && x < width + 60 && y < height + 60) drawn.push(number);
    }
    const close = drawn.length <= FEW;
    side = close ? Math.max(30, Math.min(110, Math.sqrt(width * height / (drawn.length + 1)) * .55)) : 0;
    const photo = (number) => close ? photos.get(map.digests[number]) : null;
    wanted = drawn.filter((number) => photo(number) === undefined).map((number) => map.digests[number]);
    dots(drawn.filter((number) => !photo(number)));
    for (const number of drawn.filter(photo)) {
        pen.globalAlpha = faint(number) ? .12 : 1;
        thumbnail(photo(number), number, side * grown(near[number]), colour(map.of[number]), 2);
    }
    pen.globalAlpha = 1;
    if (map.sides === 3) box(style.getPropertyValue('--border-color-primary'));
    for (const number of new Set([map.numbers.get(props.chosen) ?? -1, hovered])) {
        if (number < 0) continue;
        const photo = photos.get(map.digests[number]);
        if (photo) thumbnail(photo, number, Math.max(side * grown(near[number]), 56) * 1.15, ink, 3);
        else ring(spots[2 * number], spots[2 * number + 1], 9, ink, paper);
        if (photo === undefined) wanted.unshift(map.digests[number]);
    }
    if (props.asked?.length === map.sides) {
        const [x, y] = sight(...props.asked);
        ring(across(x), down(y), 13, accent, paper, true);
    }
    if (centred) {
        pen.strokeStyle = ink;
        pen.lineWidth = 1;
        pen.strokeRect(width / 2 - 6, height / 2 - 6, 12, 12);
    }
    if (line.length > 1) {
        const path = outline();
        [pen.fillStyle, pen.strokeStyle, pen.lineWidth, pen.globalAlpha] = [accent, accent, 2, .14];
        pen.fill(path);
        pen.globalAlpha = 1;
        pen.stroke(path);
    }
    load();
}

function box(stroke) {  // around all of a map in space, beneath its dots: it shows how that is turned
    const corner = (at) => {
        const [x, y] = sight(...map.half.map((half, axis) => at >> axis & 1 ? .5 + half : .5 - half));
        return [across(x), down(y)];
    };
    pen.beginPath();
    for (let at = 0; at < 8; at += 1)
        for (const axis of [1, 2, 4].filter((axis) => !(at & axis))) {
            pen.moveTo(...corner(at));
            pen.lineTo(...corner(at | axis));
        }
    [pen.globalCompositeOperation, pen.strokeStyle, pen.lineWidth] = ['destination-over', stroke, 1];
    pen.stroke();
    pen.globalCompositeOperation = 'source-over';
}

function thumbnail(photo, number, longest, edge, rim) {
    const shrunk = longest / Math.max(photo.width, photo.height);
    const w = photo.width * shrunk, h = photo.height * shrunk;
    const x = spots[2 * number] - w / 2, y = spots[2 * number + 1] - h / 2;
    pen.fillStyle = edge;
    pen.fillRect(x - rim, y - rim, w + 2 * rim, h + 2 * rim);
    pen.drawImage(photo, x, y, w, h);
}

function ring(x, y, radius, ink, paper, filled) {
    for (const [rim, stroke] of [[6, paper], [3, ink]]) {
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        pen.lineWidth = rim;
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
        const number = drawn[i], away = [x - spots[2 * number], y - spots[2 * number + 1]];
        const photo = side ? photos.get(map.digests[number]) : null;
        if (photo) {
            const half = side * grown(near[number]) / Math.max(photo.width, photo.height) / 2;
            if (Math.abs(away[0]) <= photo.width * half && Math.abs(away[1]) <= photo.height * half) return number;
        }
        const distance = away[0] ** 2 + away[1] ** 2;
        if (distance < least) [found, least] = [number, distance];
    }
    return found;
}

function middle() {  // the picture that is nearest to it
    let found = -1, least = Infinity;
    for (const number of order) {
        const distance = (flat[2 * number] - view.x) ** 2 + (flat[2 * number + 1] - view.y) ** 2;
        if (distance <= least) [found, least] = [number, distance];
    }
    return found;
}

function hover(number) {
    if (number === hovered) return;
    hovered = number;
    canvas.style.cursor = number < 0 ? '' : 'pointer';
    over.textContent = number < 0 ? '' :
        [map.folders[map.of[number]], map.names[number]].filter(Boolean).join(' · ');
    refresh();
}

function zoom(by, x = width / 2, y = height / 2) {
    if (!by) {
        view = whole();
        return map && turn();
    }
    const before = scale();
    view.zoom = Math.max(1, Math.min(MOST, view.zoom * by));
    if (view.zoom === 1) [view.x, view.y] = [.5, .5];
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

function move(x, y, aside) {  // by a drag, or a key
    if (map?.sides !== 3 || aside) return pan(x, y);
    const still = view.zoom > 1 ? middle() : -1;  // close up it turns around what is looked at
    const before = [flat[2 * still], flat[2 * still + 1]];
    view.yaw += x * TURN;
    view.pitch = Math.max(-1.5, Math.min(1.5, view.pitch + y * TURN));
    turn();
    if (still < 0) return;
    view.x += flat[2 * still] - before[0];
    view.y += flat[2 * still + 1] - before[1];
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
    line = picking && map && fingers.size === 1 ? [at(event)] : [];
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
        if (moved > 4 && line.length) draw(x, y, event.shiftKey);
        else if (moved > 4) move(x - before[0], y - before[1], event.shiftKey);
    }
    fingers.set(event.pointerId, [x, y]);
});
canvas.addEventListener('pointerup', (event) => {
    if (!fingers.delete(event.pointerId) || !map) return;
    if (moved <= 4) choose(under(...at(event)));
    else if (line.length > 1) enclose();
    line = [];
});
canvas.addEventListener('pointercancel', (event) => { fingers.delete(event.pointerId); line = []; refresh(); });
canvas.addEventListener('pointerleave', () => hover(-1));
canvas.addEventListener('wheel', (event) => {
    if (event.deltaY > 0 && view.zoom === 1) return;  // all of it is seen: the page scrolls on
    event.preventDefault();
    zoom(Math.exp(-Math.max(-100, Math.min(100, event.deltaY * (event.deltaMode ? 30 : 1))) / 300), ...at(event));
}, { passive: false });

function draw(x, y, aside) {
    line.push([Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y))]);
    boxed = aside;
    hover(-1);
    refresh();
}

function outline() {  // as it was drawn, or the box from its first point to its last
    const path = new Path2D(), [[x, y], [right, bottom]] = [line[0], line.at(-1)];
    if (boxed) path.rect(x, y, right - x, bottom - y);
    else line.forEach((point) => path.lineTo(...point));
    path.closePath();
    return path;
}

function enclose() {
    const path = outline(), spot = (number) => [spots[2 * number] * ratio, spots[2 * number + 1] * ratio];
    select(drawn.filter((number) => kept(number) && pen.isPointInPath(path, ...spot(number))));
}

function select(numbers) {
    caught = new Set(numbers.map((number) => map.digests[number]));
    mark();
    hover(-1);
    over.textContent = caught.size ? say('map.selected', { n: caught.size }) : '';
    trigger('enclose', { digests: [...caught].join(' ') });
}

function mark() {
    picked = map && caught.size ? Uint8Array.from(map.digests, (digest) => caught.has(digest)) : null;
    clearer.hidden = !caught.size;
    refresh();
}

function pick(on) {
    picking = on;
    drawer.setAttribute('aria-pressed', String(on));
    canvas.classList.toggle('picking', on);
}

const MOVES = { ArrowLeft: (aside) => move(60, 0, aside), ArrowRight: (aside) => move(-60, 0, aside),
    ArrowUp: (aside) => move(0, 60, aside), ArrowDown: (aside) => move(0, -60, aside), '+': () => zoom(1.4),
    '=': () => zoom(1.4), '-': () => zoom(1 / 1.4), '0': () => zoom(0), Enter: () => choose(middle()) };
const PICKS = { s: () => pick(!picking), a: () => select(drawn.filter(kept)), Escape: () => clear() };
canvas.addEventListener('keydown', (event) => {
    const moves = MOVES[event.key], does = moves || PICKS[event.key];
    if (!map || !does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does(event.shiftKey);
    if (!moves) return;
    centred = true;
    requestAnimationFrame(() => hover(middle()));
});
canvas.addEventListener('blur', () => { centred = false; refresh(); });

function clear() {
    if (line.length) line = [];
    else if (caught.size) select([]);
    refresh();
}

function choose(number) {
    if (number >= 0) trigger('pick', { digest: map.digests[number] });
}

element.addEventListener('click', (event) => {
    const by = event.target.closest('[data-zoom]'), folder = event.target.closest('[data-folder]');
    if (by) zoom(Number(by.dataset.zoom));
    if (event.target === drawer) pick(!picking);
    if (event.target === clearer) clear();
    if (!folder) return;
    only = only === Number(folder.dataset.folder) ? -1 : Number(folder.dataset.folder);
    for (const button of key.children)
        button.setAttribute('aria-pressed', String(Number(button.dataset.folder) === only));
    refresh();
});

function legend() {
    const shown = map.folders.slice(0, COLOURS.length), more = map.folders.length - shown.length;
    if (more > 0) shown.push(say('map.more', { n: more }));
    key.replaceChildren(...(map.folders.length > 1 ? shown : []).map((folder, number) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.dataset.folder = number;
        button.style.setProperty('--dot', colour(number));
        button.setAttribute('aria-pressed', 'false');
        button.textContent = folder || say('map.in_no_folder');
        return button;
    }));
}

function take() {
    hover(-1);
    map = props.value ? JSON.parse(props.value) : null;
    view = whole();
    [drawn, order, line, only, side] = [[], [], [], -1, 0];
    photos.clear();
    if (map) {
        map.places = Float32Array.from(map.places, (edge) => edge / map.edge);
        map.numbers = new Map(map.digests.map((digest, number) => [digest, number]));
        [flat, spots] = [0, 0].map(() => new Float32Array(2 * map.digests.length));
        near = new Float32Array(map.digests.length);
        map.half = new Array(map.sides).fill(0);  // of its extent along each axis, around the middle
        map.places.forEach((edge, place) => {
            const axis = place % map.sides;
            map.half[axis] = Math.max(map.half[axis], Math.abs(edge - .5));
        });
        map.fit = .5 / (Math.hypot(...map.half) || 1);  // however it is turned, all of it is in view
        turn();
        canvas.setAttribute('aria-label', map.told);
        how.textContent = map.how;
        legend();
    } else {
        caught.clear();
        key.replaceChildren();
        askAgain(canvas);
    }
    mark();
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
