// sent are 'turn' (with its number), 'mark' (what to do to all that are ticked), 'unselect', and as elsewhere
// 'search', 'like', 'unlike' and 'hide'
// which are ticked stays known from page to page, until another collection is chosen
const ticked = new Set();
let home = '', wish = '', last = null, every = false;  // every: all that were found, on all pages
const boxes = () => [...element.querySelectorAll('input[data-tick]')];
const wall = () => element.querySelector('.browse');
function show() {
    const there = wall();
    if (!there) return askAgain(element);
    if (there.dataset.home !== home) ticked.clear();
    every &&= there.dataset.home === home && there.dataset.wish === wish;
    home = there.dataset.home;
    wish = there.dataset.wish;
    for (const box of boxes()) box.checked = every || ticked.has(box.dataset.tick);
    tell();
}
function tell() {
    const many = element.querySelector('.many');
    if (!many) return;
    many.textContent = every ? say('gallery.all_ticked')
        : ticked.size ? say('gallery.ticked', { n: ticked.size }) : '';
    wall().classList.toggle('ticking', every || ticked.size > 0);
}
function tick(box, on) {
    box.checked = on;
    on ? ticked.add(box.dataset.tick) : ticked.delete(box.dataset.tick);
}
element.addEventListener('click', (event) => {
    const box = event.target.closest('input[data-tick]'), pressed = event.target.closest('[data-do]');
    if (box) {
        if (every) boxes().forEach((other) => tick(other, other.checked));  // from now on those of this page
        every = false;
        const all = boxes(), here = all.indexOf(box);
        const from = event.shiftKey && last !== null ? last : here;
        for (const other of all.slice(Math.min(from, here), Math.max(from, here) + 1)) tick(other, box.checked);
        last = here;
        return tell();
    }
    if (!pressed) return;
    const { digest = '', part = '0' } = pressed.dataset, does = pressed.dataset.do;
    if (does === 'turn') {
        last = null;
        (element.closest('.results') || element).scrollTop = 0;
    }
    if (does === 'none') ticked.clear();
    if (does === 'all') boxes().forEach((box) => tick(box, true));
    if (does === 'all' || does === 'whole' || does === 'none') {
        every = does === 'whole';
        return show();
    }
    if (does !== 'mark') return trigger(does, { digest, part });
    const tag = element.querySelector('.tagging input')?.value || '';
    trigger('mark', { does: digest, digests: every ? '*' : [...ticked].join(' '), tag });
    if (digest !== 'hide' && digest !== 'restore') return;
    every = false;
    ticked.clear();
});
element.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target.closest('.tagging')) {
        event.preventDefault();
        element.querySelector('.tagging [data-digest=tag]').click();
    }
});
watch('value', () => requestAnimationFrame(show));
show();
