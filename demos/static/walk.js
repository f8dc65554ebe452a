const range = element.querySelector('input'), stage = element.querySelector('.stage img');
const near = element.querySelector('.examples'), ends = element.querySelectorAll('.ends span');
let told = null;
function step() {
    if (!told) return;
    const at = told.steps[range.value];
    stage.src = at.frame;
    const place = { at: +range.value + 1, of: told.steps.length };
    range.setAttribute('aria-valuetext', say('walk.step', place));
    near.replaceChildren(...at.near.map((one) => {
        const shot = Object.assign(document.createElement('img'), { alt: one.label, src: one.source });
        const button = Object.assign(document.createElement('button'), { type: 'button' });
        button.title = say('walk.walk_on_to', { name: one.label });
        Object.assign(button.dataset, { do: 'search', digest: one.digest });
        button.append(shot);
        return button;
    }));
}
function take() {
    told = props.value ? JSON.parse(props.value) : null;
    element.querySelector('.walk').hidden = !told;
    if (!told) return;
    ends.forEach((end, number) => { end.textContent = told.ends[number]; });
    range.value = (told.steps.length - 1) / 2;
    step();
}
range.addEventListener('input', step);
watch('value', take);
take();
