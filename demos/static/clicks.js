// the pressed button says what is sent: 'search' (with a digest and a part), 'part' (with its number),
// 'index' (with an engine's name, maybe), 'measure', 'save', 'gallery', 'pin', 'unpin' (with its number), 'why',
// 'like', 'unlike', 'hide' (as 'search'), 'turn', 'front' and 'drop' (with a number), 'take' (with csv or zip), or
// 'stop' (with numbers of jobs); a slider 'weigh'
element.addEventListener('click', (event) => {
    const pressed = event.target.closest('[data-do]');
    const { digest = '', part = '0' } = pressed ? pressed.dataset : {};
    if (pressed) trigger(pressed.dataset.do, { digest, part });
});
element.addEventListener('change', ({ target }) => {
    if (target.dataset.weigh) trigger('weigh', { digest: target.dataset.weigh, part: target.value });
});
