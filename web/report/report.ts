/** The report in an element: filters on top, then what was measured. `facet report` puts it on a page of its own, the server's page in a view. */
import './report.css';
import { h, replace } from '../src/dom';
import { distinct, groups, local, meanOf, rowsOf, short, text, type Data, type Row } from './data';
import { endings, published, sections, type Section } from './sections';
import { note } from './table';
import { tips } from './tip';

const filters: { key: string; label: string }[] = [
  { key: 'platform', label: 'Platform' }, { key: 'framework', label: 'Detection framework' }, { key: 'recognition_framework', label: 'Recognition framework' },
  { key: 'lines', label: 'Resolution (lines)' }, { key: 'strategy', label: 'Strategy' }, { key: 'network', label: 'Network' }, { key: 'detector', label: 'Detector' },
  { key: 'recogniser', label: 'Recogniser' }, { key: 'mode', label: 'Mode' }, { key: 'threads', label: 'Threads' }, { key: 'video', label: 'Video' },
];

function filterBar(rows: Row[], chosen: Map<string, string>, draw: () => void): HTMLElement {
  const bar = h('form', { class: 'pick', 'aria-label': 'Filters' });
  for (const f of filters) {
    const options = distinct(rows, f.key);
    if (options.length < 2) continue;
    const select = h('select', { id: `by-${f.key}` }, h('option', { value: '' }, 'all'), options.map((o) => h('option', { value: o }, o)));
    select.addEventListener('change', () => { chosen.set(f.key, select.value); draw(); });
    bar.append(h('label', {}, f.label, select));
  }
  const all = h('button', { type: 'button', onclick: () => { bar.reset(); chosen.clear(); draw(); } }, 'Show all');
  if (bar.childElementCount) bar.append(all);
  return bar;
}

/** The answers that a reader looks for first. */
function glance(every: Row[]): HTMLElement | null {
  const of = local(every), pairs = groups(of, ['detection', 'recognition', 'mode']);
  const best = (key: string, most: boolean): { name: string; v: number } | undefined => pairs.map((g) => ({ name: g.name, v: meanOf(g.rows, key) })).filter((p) => isFinite(p.v)).sort((a, b) => (most ? b.v - a.v : a.v - b.v))[0];
  const fast = best('fps', true), light = best('peak_rss_mb', false), frugal = best('j_a_frame', false);
  const facts = [fast && ['Fastest', `${short(fast.v)} frames/s`, fast.name], light && ['Least memory', `${short(light.v)} MB`, light.name], frugal && ['Least energy', `${short(frugal.v)} J a frame`, frugal.name]].filter((f): f is string[] => !!f);
  return facts.length ? h('dl', { class: 'glance' }, facts.map(([what, value, who]) => h('div', {}, h('dt', {}, what), h('dd', {}, h('strong', {}, value), ' ', who)))) : null;
}

function sectionOf(s: Section, of: Row[], data: Data, all: Row[]): HTMLElement | null {
  const parts = [...s.draw(of, data, all), ...(sections.includes(s) ? published(data, s.id) : [])].filter((n): n is Node => n !== null);
  return parts.length ? h('section', { id: s.id, 'aria-label': s.title }, h('h2', {}, s.title), parts) : null;
}

/** `title`: whether it names itself; in a view it has a name already. */
export function report(into: HTMLElement, data: Data, title = true): void {
  const rows = rowsOf(data), chosen = new Map<string, string>(), body = h('div'), jump = h('nav', { 'aria-label': 'Sections' });
  const told = h('p', { class: 'note', role: 'status' });
  const draw = (): void => {
    const of = rows.filter((r) => text(r, 'status') === 'done' && [...chosen].every(([key, value]) => !value || text(r, key) === value));
    const shown = [...(of.length ? sections : []), ...endings].map((s) => sectionOf(s, of, data, rows)).filter((s): s is HTMLElement => s !== null);
    told.textContent = `${of.length} of ${rows.length} runs${[...chosen].filter(([, v]) => v).map(([k, v]) => `, ${filters.find((f) => f.key === k)?.label.toLowerCase()} ${v}`).join('')}`;
    replace(jump, shown.map((s) => h('button', { type: 'button', onclick: () => s.scrollIntoView({ behavior: 'smooth' }) }, s.getAttribute('aria-label'))));
    replace(body, of.length ? glance(of) : note(rows.length ? 'No finished run fits: "Show all" takes the filters away.' : 'There is no run in this folder: facet bench run makes some.'), shown);
  };
  const names = [...new Set(data.runs.map((r) => r.name).filter(Boolean))];
  const root = h('div', { class: 'report' }, title ? h('h1', {}, names.join(', ') || 'Facet report') : null,
    note(`Made ${data.made.slice(0, 16).replace('T', ' ')} UTC by Facet ${data.version}, from ${data.runs.length === 1 ? 'one machine' : `${data.runs.length} folders`}.`), filterBar(rows, chosen, draw), told, jump, body);
  tips(root);
  replace(into, root);
  draw();
}
