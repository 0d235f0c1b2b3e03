/** One page, no network: filters on top, then what was measured as charts and tables. A section is one function and one line in `sections`. */
import './report.css';
import { bars, boxes, heat, legend, scatter, stacks, violins } from './charts';
import { data, distinct, groups, mean, quantile, rows, short, text, values, type Cell, type Row } from './data';

type Section = (of: Row[]) => (Node | null)[];

const filters: { key: string; label: string }[] = [
  { key: 'platform', label: 'Platform' }, { key: 'framework', label: 'Detection framework' }, { key: 'recognition_framework', label: 'Recognition framework' },
  { key: 'detector', label: 'Detector' }, { key: 'recogniser', label: 'Recogniser' }, { key: 'lines', label: 'Lines' }, { key: 'mode', label: 'Mode' },
  { key: 'strategy', label: 'Strategy' }, { key: 'network', label: 'Network' }, { key: 'video', label: 'Video' },
];
const chosen = new Map<string, string>();

function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Record<string, string> = {}, ...children: (Node | string | null)[]): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v);
  el.append(...children.filter((c): c is Node | string => c !== null));
  return el;
}

function table(caption: string, columns: string[], lines: Cell[][]): HTMLElement {
  return h('table', {}, h('caption', {}, caption), h('thead', {}, h('tr', {}, ...columns.map((c) => h('th', { scope: 'col' }, c)))),
    h('tbody', {}, ...lines.map((l) => h('tr', {}, ...l.map((c, i) => h(i ? 'td' : 'th', i ? {} : { scope: 'row' }, typeof c === 'number' ? short(c) : c ?? '–'))))));
}

const note = (t: string): HTMLElement => h('p', { class: 'note' }, t);
const model = (r: Row): string => `${text(r, 'detector') || 'default'}@${text(r, 'framework')}`;
const recogniser = (r: Row): string => `${text(r, 'recogniser') || 'default'}@${text(r, 'recognition_framework')}`;

const platforms: Section = (of) => {
  const by = groups(of, ['platform']), names = [...by.keys()];
  const steps = [['decode_ms', 'capture'], ['detect_ms', 'detection'], ['embed_ms', 'recognition']] as const;
  return [heat('Milliseconds a frame', names, steps.map((s) => s[1]), names.map((n) => steps.map(([key]) => mean(values(by.get(n) ?? [], key)))), 'ms')];
};

const frameworks: Section = (of) => {
  const by = groups(of.map((r): Row => ({ ...r, d: model(r), e: recogniser(r) })), ['d', 'e']);
  const lines = [...by.values()].map((g): Cell[] => [model(g[0] as Row), recogniser(g[0] as Row), ...['decode_ms', 'detect_ms', 'embed_ms', 'total_p50_ms', 'fps', 'faces_a_frame', 'cpu_ms_a_frame'].map((k) => mean(values(g, k))), g.length]);
  lines.sort((a, b) => Number(b[6]) - Number(a[6]));
  return [table('Detection and recognition frameworks: means over videos and resolutions',
    ['Detection', 'Recognition', 'capture ms', 'detection ms', 'recognition ms', 'total ms (p50)', 'frames/s', 'faces a frame', 'CPU ms a frame', 'runs'], lines)];
};

const speed: Section = (of) => {
  const lines = distinct(of, 'lines');
  return [violins('Frames a second by resolution', lines, lines.map((l) => values(of.filter((r) => text(r, 'lines') === l), 'fps')), 'frames/s'),
    note('Each point is a run; the shape says how often which rate was reached.')];
};

const times: Section = (of) => {
  const by = groups(of.map((r): Row => ({ ...r, d: model(r) })), ['lines', 'd']), labels = [...by.keys()];
  const parts = [['decode_ms', 'capture'], ['detect_ms', 'detection'], ['track_ms', 'tracking'], ['align_ms', 'alignment'], ['embed_ms', 'recognition'], ['identify_ms', 'search'], ['publish_ms', 'publishing']] as const;
  return [stacks('Times by resolution and framework', labels, parts.map(([k, name]) => ({ name, values: labels.map((l) => mean(values(by.get(l) ?? [], k))) })), 'ms'), legend(parts.map((p) => p[1]))];
};

const faces: Section = (of) => {
  const lines = distinct(of, 'lines');
  return [boxes('Faces by resolution', lines, lines.map((l) => values(of.filter((r) => text(r, 'lines') === l), 'faces_a_frame')), 'a frame')];
};

const memory: Section = (of) => {
  const by = groups(of.map((r): Row => ({ ...r, m: `${model(r)} ${recogniser(r)}` })), ['m']), labels = [...by.keys()];
  const least = Math.min(...labels.map((l) => quantile(values(by.get(l) ?? [], 'peak_rss_mb'), 0.5)).filter(isFinite));
  return [bars('Most memory, times the least of all', labels, [{ name: 'peak resident', values: labels.map((l) => quantile(values(by.get(l) ?? [], 'peak_rss_mb'), 0.5) / least) }], 'x'),
    note(`1 x is ${short(least)} MB.`)];
};

const energy: Section = (of) => {
  const known = of.filter((r) => values([r], 'energy_j').length);
  if (!known.length) return [note('No energy was measured: this machine has no counter, and no power model was given.')];
  const by = groups(known.map((r): Row => ({ ...r, d: model(r) })), ['platform', 'd']), labels = [...by.keys()];
  const estimated = known.some((r) => text(r, 'energy_source') === 'model');
  return [bars('Joules', labels, [{ name: 'a frame', values: labels.map((l) => mean(values(by.get(l) ?? [], 'j_a_frame'))) },
    { name: 'a recognised face', values: labels.map((l) => mean(values(by.get(l) ?? [], 'j_a_recognised_face'))) }], 'J'), legend(['a frame', 'a recognised face']),
  note(estimated ? 'Estimated by a power model (watts at rest and by busy core), not measured.' : `Measured: ${distinct(known, 'energy_source').join(', ')}.`)];
};

const leaves: Record<string, string> = { edge: 'events', cloud: 'the video', hybrid: 'events, and one aligned chip of each new face' };

const strategies: Section = (of) => {
  const by = groups(of, ['strategy', 'network']);
  const lines = [...by.values()].map((g): Cell[] => {
    const strategy = text(g[0] as Row, 'strategy'), frames = values(g, 'frames').reduce((a, b) => a + b, 0);
    return [strategy, text(g[0] as Row, 'network'), ...['delay_mean_ms', 'delay_p50_ms', 'delay_p95_ms', 'delay_p99_ms', 'cpu_ms_a_frame', 'j_a_frame'].map((k) => mean(values(g, k))),
      values(g, 'bytes_sent').reduce((a, b) => a + b, 0) / frames, mean(values(g, 'fps')) / 10, leaves[strategy] ?? '–'];
  });
  return [table('Strategies', ['Strategy', 'Network', 'delay mean ms', 'p50', 'p95', 'p99', 'CPU ms a frame', 'J a frame', 'bytes sent a frame', 'cameras of 10 frames/s', 'what leaves the device'], lines)];
};

const accuracy: Section = (of) => {
  const by = groups(of.map((r): Row => ({ ...r, d: model(r), e: recogniser(r) })), ['d', 'e', 'mode']);
  const points = [...by.entries()].map(([name, g]) => {
    const found = values(g, 'recognised').reduce((a, b) => a + b, 0), all = values(g, 'faces').reduce((a, b) => a + b, 0);
    return { x: mean(values(g, 'fps')), y: all > 0 ? (100 * found) / all : NaN, name, group: text(g[0] as Row, 'mode') };
  }).filter((p) => isFinite(p.x) && isFinite(p.y));
  if (!points.some((p) => p.y > 0)) return [note('Nobody was known to these runs (no gallery), so that speed has no accuracy to stand against.')];
  return [scatter('Faces that bear a name, against speed', points, 'frames/s', '% of faces named'), note('Those that no other beats in both are joined. How accurate a recogniser is on its own stands in docs/accuracy.md.')];
};

const cost: Section = (of) => {
  if (!data.prices.length) return [note('No prices were given: facet report --prices FILE adds what a camera costs a month.')];
  const by = groups(of, ['platform', 'strategy']);
  const lines = [...by.entries()].flatMap(([name, g]) => data.prices.map((p): Cell[] => {
    const cameras = Math.max(Math.floor(mean(values(g, 'fps')) / 10), 1);
    return [name, p.name, p.euro_a_month, cameras, p.euro_a_month / cameras, p.note];
  }));
  return [table('Predicted cost, 10 frames a second a camera', ['Platform, strategy', 'Price', 'euro a month', 'cameras', 'euro a camera and month', 'what it is'], lines)];
};

const published: Section = () => data.published.map((p) => h('div', {}, table(p.title, p.columns, p.rows),
  note(`Source: ${p.source}. Not comparable: other videos, other hardware.`)));

const failures: Section = () => {
  const failed = rows.filter((r) => text(r, 'status') === 'failed');
  return failed.length ? [table('Experiments that failed', ['Platform', 'Experiment', 'Reason'], failed.map((r) => [text(r, 'platform'), `${text(r, 'video')} ${text(r, 'lines')} ${model(r)} ${recogniser(r)} ${text(r, 'strategy')}`, text(r, 'reason')]))] : [];
};

const machines: Section = () => data.runs.map((run) => table(`${run.label}${run.about ? `: ${run.about}` : ''}`, ['', ''],
  Object.entries(run.environment).map(([k, v]): Cell[] => [k, typeof v === 'object' && v !== null ? Object.entries(v).map(([a, b]) => `${a} ${String(b).slice(0, 12)}`).join(', ') : String(v ?? '–')])));

const sections: { id: string; title: string; draw: Section }[] = [
  { id: 'platforms', title: 'Platforms', draw: platforms }, { id: 'frameworks', title: 'Frameworks', draw: frameworks }, { id: 'speed', title: 'Speed', draw: speed },
  { id: 'times', title: 'Times', draw: times }, { id: 'faces', title: 'Faces', draw: faces }, { id: 'memory', title: 'Memory', draw: memory }, { id: 'energy', title: 'Energy', draw: energy },
  { id: 'strategies', title: 'Strategies', draw: strategies }, { id: 'accuracy', title: 'Accuracy and speed', draw: accuracy }, { id: 'cost', title: 'Cost', draw: cost },
  { id: 'published', title: 'Published figures', draw: published }, { id: 'failures', title: 'Failures', draw: failures }, { id: 'machines', title: 'Machines', draw: machines },
];

function wanted(): Row[] {
  return rows.filter((r) => text(r, 'status') === 'done' && [...chosen].every(([key, value]) => !value || text(r, key) === value));
}

const content = h('main', {});
const told = h('p', { class: 'note', role: 'status' });

function draw(): void {
  const of = wanted();
  told.textContent = `${of.length} of ${rows.length} runs`;
  content.replaceChildren(...sections.map((s) => {
    const parts = of.length || ['published', 'failures', 'machines'].includes(s.id) ? s.draw(of).filter((n): n is Node => n !== null) : [note('No run fits.')];
    return parts.length ? h('section', { id: s.id }, h('h2', {}, s.title), ...parts) : h('section', { id: s.id, hidden: '' });
  }));
}

function filterBar(): HTMLElement {
  const form = h('form', { class: 'filters', 'aria-label': 'Filters' });
  for (const f of filters) {
    const options = distinct(rows, f.key);
    if (options.length < 2) continue;
    const select = h('select', { id: `by-${f.key}` }, h('option', { value: '' }, 'all'), ...options.map((o) => h('option', { value: o }, o)));
    select.addEventListener('change', () => { chosen.set(f.key, select.value); draw(); });
    form.append(h('label', {}, f.label, select));
  }
  return form;
}

document.body.append(h('header', {}, h('h1', {}, data.runs.map((r) => r.name).filter((n, i, all) => all.indexOf(n) === i).join(', ') || 'Facet report'),
  h('p', { class: 'note' }, `Made ${data.made ?? ''} by Facet ${data.version ?? ''}.`), filterBar(), told), content);
draw();
