// What neither Gradio nor a piece of HTML says of itself to a screen reader or to the keyboard, said on whatever
// comes into the page. props.value names the hearts and crosses that are pressed: 'like-DIGEST unlike-DIGEST'.
const SAYS = [
    ['.block.results, .scroll:not(.kinds *)', { role: 'group', 'aria-label': say('Results'), tabindex: 0 }],  // these scroll
    ['.status', { role: 'status' }],
    ['.top > .liked', { title: say('What you like') }],
    ['.top > .shade', { 'aria-label': say('Light or dark') }],
    ['.top > .tongue', { 'aria-label': say('PT: em português'), title: say('em português') }],
    ['.empty[aria-label]:not([role])', { role: 'img' }],  // Gradio's, where a picture is yet to come
    // and what Gradio says in English only
    ['[aria-label="Upload file"]', { 'aria-label': say('Upload file') }],
    ['[aria-label="Capture from camera"]', { 'aria-label': say('Capture from camera') }],
    ['[aria-label="Paste from clipboard"]', { 'aria-label': say('Paste from clipboard') }],
    ['[aria-label="Click to upload or drop files"]', { 'aria-label': say('Click to upload or drop files') }],
    ['[aria-label="Close"]', { 'aria-label': say('Close') }],
    ['[aria-label="Reset to default value"]', { 'aria-label': say('Reset to default value') }],
    ['[aria-label^="number input for "]', { 'aria-label': (one) => say('number input for {name}', named(one)) }],
    ['[aria-label^="range slider for "]', { 'aria-label': (one) => say('range slider for {name}', named(one)) }],
];
const TEXTS = { 'Click to Access Webcam': say('Click to Access Webcam'), 'processing |': `${say('processing')} |`,
    Info: say('Info'), Error: say('Error') };
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
