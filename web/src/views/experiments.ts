/** What `facet bench run` measured and left in the server's folder, drawn as `facet report` draws it; several runs stand side by side. */
import { get, part, type List } from '../api';
import { h, replace } from '../dom';
import { time } from '../format';
import { empty, load, type Context } from '../view';
import type { Data } from '../../report/data';

interface Found extends List<{ name: string; changed_ms: number }> { configured: boolean }

const how = (...lines: string[]): HTMLElement => h('pre', {}, lines.join('\n'));

function nothing(found: Found): HTMLElement {
  return found.configured ? empty('No run in the server\'s folder of experiments yet. This makes one there:', how('facet bench run bench/experiments/quick.yaml --out FOLDER/NAME'))
    : empty('This server shows no experiments: its site file names no folder of them.', how('serve:', '  experiments: /var/lib/facet/experiments'));
}

/** The code that draws is fetched when it is needed. */
async function draw(into: HTMLElement, names: string[]): Promise<void> {
  await load(into, async () => {
    const [code, data] = await Promise.all([import('../../report/report'), get<Data>(`/v1/experiments/report?runs=${names.map(part).join(',')}`)]);
    return { code, data };
  }, ({ code, data }) => code.report(into, data, false));
}

export function experimentsView(root: HTMLElement, ctx: Context): void {
  const pick = h('div'), shown = h('div');
  const asked = (ctx.path[0] ?? '').split(',').filter(Boolean);
  const list = (found: Found): void => {
    if (!found.items.length) return replace(pick, nothing(found));
    const wanted = asked.length ? asked : [found.items[0]?.name ?? ''];
    const boxes = found.items.map((r) => h('input', { type: 'checkbox', name: 'run', 'data-run': r.name, checked: wanted.includes(r.name) }));
    const form = h('form', { class: 'runs', 'aria-label': 'Runs' }, h('fieldset', {}, h('legend', {}, 'Runs'),
      found.items.map((r, i) => h('label', {}, boxes[i] as HTMLElement, h('span', {}, r.name), ' ', h('span', { class: 'hint' }, time(r.changed_ms))))), h('button', { class: 'main' }, 'Show'));
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      const names = boxes.filter((b) => b.checked).map((b) => b.dataset['run'] ?? '');
      if (names.length) ctx.go(`/experiments/${names.map(part).join(',')}`);
      else replace(shown, empty('Pick a run above.'));
    });
    replace(pick, found.items.length > 1 ? form : null);
    void draw(shown, wanted);
  };
  replace(root, h('h1', {}, 'Experiments'), pick, shown);
  void load(pick, () => get<Found>('/v1/experiments'), list);
}
