let waiting = null;
element.addEventListener('input', () => {
    clearTimeout(waiting);
    const by = [...element.querySelectorAll('input')].map((one) => +one.value);
    waiting = setTimeout(() => trigger('turn', { by }), 60);
});
element.addEventListener('click', ({ target }) => {
    if (!target.closest('.reset')) return;
    element.querySelectorAll('input').forEach((one) => { one.value = 0; });
    trigger('turn', { by: [] });
});
