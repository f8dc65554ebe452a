// 'frame' tells the box, in shares of the picture: that of a drag, that of the four fields, or none
let start = null;
const picture = () => element.querySelector('svg');
const at = (event) => {
    const { width, height } = picture().viewBox.baseVal;
    const onScreen = new DOMPoint(event.clientX, event.clientY);
    const { x, y } = onScreen.matrixTransform(picture().getScreenCTM().inverse());
    return [x / width, y / height].map((share) => Math.min(1, Math.max(0, share)));
};
const framed = ([x, y], [u, v]) => {
    const { width, height } = picture().viewBox.baseVal, mark = element.querySelector('.framed');
    const box = [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
    const drawn = { x: box[0] * width, y: box[1] * height,
        width: (box[2] - box[0]) * width, height: (box[3] - box[1]) * height };
    Object.entries(drawn).forEach(([name, value]) => mark.setAttribute(name, value));
    return box;
};
element.addEventListener('pointerdown', (event) => {
    if (!event.target.closest('svg') || event.button) return;
    event.preventDefault();
    start = at(event);
    event.target.setPointerCapture(event.pointerId);
});
element.addEventListener('pointermove', (event) => start && framed(start, at(event)));
element.addEventListener('pointerup', (event) => {
    if (!start) return;
    const box = framed(start, at(event));
    start = null;
    trigger('frame', { box });
});
element.addEventListener('pointercancel', () => { start = null; });
element.addEventListener('click', (event) => {
    if (event.target.closest('[data-whole]')) trigger('frame', { box: null });
});
element.addEventListener('submit', (event) => {
    event.preventDefault();
    trigger('frame', { box: [...element.querySelectorAll('input')].map((edge) => edge.value / 100) });
});
