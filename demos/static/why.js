// 'close' by its button or Escape; the slider is how much of the heat is seen
let before = null;
const close = () => { trigger('close'); if (before) before.focus(); };
element.addEventListener('click', (event) => event.target.closest('[data-close]') && close());
element.addEventListener('keydown', (event) => event.key === 'Escape' && close());
element.addEventListener('input', ({ target }) => {
    target.closest('.explained').style.setProperty('--heat', target.value / 100);
});
watch('value', () => {
    const button = element.querySelector('[data-close]');
    if (!button || element.contains(document.activeElement)) return;
    before = document.activeElement;
    button.focus();
});
