// What neither Gradio nor a piece of HTML says of itself to a screen reader or to the keyboard, said on whatever
// comes into the page. props.value names the hearts and crosses that are pressed: 'like-DIGEST unlike-DIGEST'.
const SAYS = [
    ['.block.results, .scroll:not(.kinds *)', { role: 'group', 'aria-label': say('aria.results'), tabindex: 0 }],  // these scroll
    ['.status', { role: 'status' }],
    ['.top > .liked', { title: say('aria.likes') }],
    ['.top > .shade', { 'aria-label': say('aria.light_or_dark') }],
    ['.top > .tongue', { 'aria-label': say('aria.pt_in_portuguese'), title: say('aria.in_portuguese') }],
    ['.empty[aria-label]:not([role])', { role: 'img' }],  // Gradio's, where a picture is yet to come
    // and what Gradio says in English only
    ['[aria-label="Upload file"]', { 'aria-label': say('gradio.upload_file') }],
    ['[aria-label="Capture from camera"]', { 'aria-label': say('gradio.capture') }],
    ['[aria-label="Paste from clipboard"]', { 'aria-label': say('gradio.paste') }],
    ['[aria-label="Click to upload or drop files"]', { 'aria-label': say('gradio.drop_files') }],
    ['[aria-label="Close"]', { 'aria-label': say('gradio.close') }],
    ['[aria-label="Reset to default value"]', { 'aria-label': say('gradio.reset') }],
    ['[aria-label^="number input for "]', { 'aria-label': (one) => say('gradio.number_input', named(one)) }],
    ['[aria-label^="range slider for "]', { 'aria-label': (one) => say('gradio.slider', named(one)) }],
];
const TEXTS = { 'Click to Access Webcam': say('gradio.webcam'), 'processing |': `${say('gradio.processing')} |`,
    Info: say('gradio.info'), Error: say('gradio.error') };
let last = null, wall = null, waiting = false;

function named(one) {
    return { name: one.getAttribute('aria-label').replace(/^.*? for /, '') };
}

function tell(one, name, value) {
    if (typeof value === 'function') value = value(one);
    if (one.getAttribute(name) !== String(value)) one.setAttribute(name, value);
}

function sayAll() {
    waiting = false;
    for (const [those, attributes] of SAYS)
        for (const one of document.querySelectorAll(those))
            for (const [name, value] of Object.entries(attributes)) tell(one, name, value);
    for (const one of document.querySelectorAll('button > .wrap, .progress-text, .meta-text, .toast-title'))
        for (const text of one.childNodes) {
            const english = text.nodeType === Node.TEXT_NODE && text.nodeValue.trim();
            if (TEXTS[english] && TEXTS[english] !== english) text.nodeValue = ` ${TEXTS[english]} `;
        }
    const pressed = new Set((props.value || '').split(' '));
    for (const one of document.querySelectorAll('.tools [data-do=like], .tools [data-do=unlike]'))
        tell(one, 'aria-pressed', pressed.has(`${one.dataset.do}-${one.dataset.digest}`));
    // what had the focus was drawn anew: the wall that it was on has it, and not the top of the page
    if (last && !last.isConnected && document.activeElement === document.body) wall?.focus({ preventScroll: true });
}

function soon() {
    if (!waiting) requestAnimationFrame(sayAll);
    waiting = true;
}

document.addEventListener('focusin', ({ target }) => { [last, wall] = [target, target.closest('.block.results')]; });
document.addEventListener('keydown', (event) => {  // Gradio's dropdowns would open again as they are left
    if (event.key === 'Tab' && event.target.matches('input')) event.stopPropagation();
}, true);
const changes = { childList: true, subtree: true, attributeFilter: ['data-digest', 'aria-pressed', 'role'] };
new MutationObserver(soon).observe(document.body, changes);
watch('value', soon);
soon();
