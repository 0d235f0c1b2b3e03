/** Tables whose columns sort when their head is pressed. */
import { h } from '../src/dom';
import { short, type Cell } from './data';

export const note = (t: string): HTMLElement => h('p', { class: 'note' }, t);
/** What is wider than a phone moves on its own, not the page. */
export const wide = (...children: Node[]): HTMLElement => h('div', { class: 'wide', tabindex: '0', role: 'group' }, children);

const say = (c: Cell): string => (typeof c === 'number' ? short(c) : c ?? '–');

function order(a: Cell, b: Cell): number {
  if (typeof a === 'number' && typeof b === 'number') return (isFinite(b) ? b : -Infinity) - (isFinite(a) ? a : -Infinity) || 0;
  return String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true });
}

/** `folded`: only its name is seen until it is opened: numbers behind a chart. */
export function table(caption: string, columns: string[], lines: Cell[][], folded = false): HTMLElement {
  const words = columns.map((_, i) => lines.some((l) => typeof l[i] === 'string') && (lines.every((l) => say(l[i] ?? null).length <= 32) ? 'word' : 'word long')), body = h('tbody');
  let by = -1, down = true;
  const draw = (): void => {
    const sorted = by < 0 ? lines : [...lines].sort((a, b) => (down ? 1 : -1) * order(a[by] ?? null, b[by] ?? null));
    body.replaceChildren(...sorted.map((l) => h('tr', {}, l.map((c, i) => h(i ? 'td' : 'th', { scope: i ? null : 'row', class: words[i] }, say(c))))));
  };
  const heads = columns.map((c, i) => h('th', { scope: 'col', class: words[i] }, lines.length > 1 && c
    ? h('button', { type: 'button', onclick: () => {
      down = by === i ? !down : true;
      by = i;
      heads.forEach((el, j) => (j === i ? el.setAttribute('aria-sort', down === !words[i] ? 'descending' : 'ascending') : el.removeAttribute('aria-sort')));
      draw();
    } }, c) : c));
  draw();
  const whole = wide(h('table', {}, h('caption', { class: folded ? 'unseen' : null }, caption), h('thead', {}, h('tr', {}, heads)), body));
  return folded ? h('details', {}, h('summary', {}, caption), whole) : whole;
}
