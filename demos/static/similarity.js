const table = element.querySelector('table'), cell = element.querySelector('.cell');
let told = null, low = 0, high = 1;

const two = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
const number = (cosine) => cosine === null ? say('similarity.only_one_picture')
    : cosine.toLocaleString(document.documentElement.lang, two);
function inWords(row, column) {
    const [one, other] = [told.names[row], told.names[column]], cosine = number(told.cosines[row][column]);
    const values = { one, other, cosine };
    return row === column ? say('similarity.cell_one', values)
        : say('similarity.cell_two', values);
}

function made(name, properties, ...children) {
    const node = Object.assign(document.createElement(name), properties);
    node.append(...children);
    return node;
}

function heading(name, scope) {
    return made('th', { scope, title: name }, made('span', { textContent: name }));
}

function square(cosine, row, column) {
    const heat = cosine === null ? 0 : (cosine - low) / (high - low || 1);
    const shown = made('td', { tabIndex: row || column ? -1 : 0 },
        made('span', { textContent: cosine === null ? '' : number(cosine) }));
    shown.setAttribute('role', 'gridcell');
    shown.setAttribute('aria-label', inWords(row, column));
    shown.style.setProperty('--heat', heat);
    return shown;
}

function take() {
    told = props.value ? JSON.parse(props.value) : null;
    cell.textContent = '';
    table.replaceChildren();
    if (!told) return askAgain(element.firstElementChild);
    table.setAttribute('aria-label', told.told);
    table.style.setProperty('--kinds', told.names.length);
    table.classList.toggle('many', told.names.length > 12);
    const known = told.cosines.flat().filter((cosine) => cosine !== null);
    [low, high] = [Math.min(...known), Math.max(...known)];
    const head = made('tr', {}, made('td', {}), ...told.names.map((name) => heading(name, 'col')));
    const rows = told.cosines.map((row, r) => made('tr', {}, heading(told.names[r], 'row'), ...row.map(
        (cosine, c) => square(cosine, r, c))));
    table.append(made('thead', {}, head), made('tbody', {}, ...rows));
}

const place = (event) => {
    const found = event.target.closest('tbody td');
    return found ? [found, found.parentElement.rowIndex - 1, found.cellIndex - 1] : [];
};
function tell(event) {
    const [found, row, column] = place(event);
    cell.textContent = found ? inWords(row, column) : '';
}
function choose(event) {
    const [found, row, column] = place(event);
    if (!found) return;
    table.querySelector('[aria-selected]')?.removeAttribute('aria-selected');
    found.setAttribute('aria-selected', 'true');
    step(found);
    trigger('pair', { one: told.names[row], other: told.names[column] });
}
function step(to) {  // the one cell that Tab comes back to
    table.querySelector('tbody td[tabindex="0"]').tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
}
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
table.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        return choose(event);
    }
    const [found, row, column] = place(event), by = STEPS[event.key];
    if (!found || !by) return;
    event.preventDefault();
    const to = table.tBodies[0].rows[row + by[0]]?.cells[column + 1 + by[1]];
    if (to?.tagName === 'TD') step(to);
});
table.addEventListener('click', choose);
table.addEventListener('pointerover', tell);
table.addEventListener('focusin', tell);
watch('value', take);
take();
