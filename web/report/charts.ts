/** Charts as SVG, small and without a library: each takes numbers with their names; a mark's `data-tip` is told by tip.ts. */
import { quantile, short } from './data';

const SVG = 'http://www.w3.org/2000/svg';

function svg(tag: string, attributes: Record<string, string | number> = {}, ...children: (Node | string)[]): SVGElement {
  const el = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, String(v));
  el.append(...children);
  return el;
}

const COLOURS = 8;
export const colour = (i: number): string => `c${i % COLOURS}`;

const W = 760, LEFT = 64, RIGHT = 16, TOP = 26, BOTTOM = 30;

/** A chart with its name above. */
function figure(chart: SVGElement): HTMLElement;
function figure(chart: SVGElement | null): HTMLElement | null;
function figure(chart: SVGElement | null): HTMLElement | null {
  if (!chart) return null;
  const el = document.createElement('figure'), name = document.createElement('figcaption');
  name.textContent = chart.getAttribute('aria-label');
  el.append(name, chart);
  return el;
}

function frame(height: number, what: string): SVGElement {
  return svg('svg', { viewBox: `0 0 ${W} ${height}`, role: 'img', 'aria-label': what, class: 'chart' });
}

/** 0 to a round number above the most. */
function roundUp(most: number): number {
  if (!(most > 0)) return 1;
  const step = 10 ** Math.floor(Math.log10(most));
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10].map((m) => m * step).find((m) => m >= most) ?? 10 * step;
}

const highest = (v: number[]): number => v.reduce((a, b) => (isFinite(b) && b > a ? b : a), 0);

function scaleY(root: SVGElement, most: number, height: number, unit: string): (v: number) => number {
  const top = roundUp(most), y = (v: number): number => height - BOTTOM - (v / top) * (height - TOP - BOTTOM);
  for (let i = 0; i <= 4; i++) {
    const v = (top * i) / 4;
    root.append(svg('line', { x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v), class: 'grid' }), svg('text', { x: LEFT - 6, y: y(v) + 4, 'text-anchor': 'end' }, short(v)));
  }
  root.append(svg('text', { x: LEFT, y: TOP - 12, class: 'unit' }, unit));
  return y;
}

export interface Series { name: string; values: number[] }

const clip = (label: string, letters: number): string => (label.length > letters ? `${label.slice(0, letters - 1)}…` : label);

/** Lying bars: names have room on the left. Stacked: parts of one whole; otherwise one below the other, each with its number. */
export function bars(what: string, labels: string[], series: Series[], unit: string, stacked = false): HTMLElement | null {
  if (!series.some((s) => s.values.some(isFinite))) return null;
  const letters = Math.min(Math.max(...labels.map((l) => l.length), 8), 50), left = 12 + letters * 6.3, thick = stacked || series.length === 1 ? 18 : 12;
  const step = (stacked ? thick : thick * series.length) + 10, height = labels.length * step + BOTTOM, root = frame(height, what);
  const whole = labels.map((_, i) => series.reduce((sum, s) => sum + (isFinite(s.values[i] ?? NaN) ? (s.values[i] as number) : 0), 0));
  const top = roundUp(highest(stacked ? whole : series.flatMap((s) => s.values))), x = (v: number): number => left + (v / top) * (W - RIGHT - 44 - left);
  for (let i = 0; i <= 4; i++) {
    const v = (top * i) / 4;
    root.append(svg('line', { x1: x(v), x2: x(v), y1: 0, y2: height - BOTTOM, class: 'grid' }),
      svg('text', { x: x(v), y: height - BOTTOM + 16, 'text-anchor': 'middle' }, i === 4 ? `${short(v)} ${unit}` : short(v)));
  }
  labels.forEach((label, i) => {
    const y = i * step + 4;
    let from = 0;
    root.append(svg('text', { x: left - 8, y: y + (step - 10) / 2 + 4, 'text-anchor': 'end', 'data-tip': label }, clip(label, letters)));
    series.forEach((s, j) => {
      const v = s.values[i] ?? NaN, at = stacked ? y : y + j * thick;
      if (!isFinite(v)) return;
      root.append(svg('rect', { x: x(from), y: at, width: Math.max(x(from + v) - x(from), 0.5), height: thick - (stacked ? 0 : 1), class: colour(j), 'data-tip': `${label}, ${s.name}: ${short(v)} ${unit}` }));
      if (stacked) from += v;
      else root.append(svg('text', { x: x(v) + 4, y: at + thick / 2 + 4, class: 'unit' }, short(v)));
    });
    if (stacked && from > 0) root.append(svg('text', { x: x(from) + 4, y: y + thick / 2 + 4, class: 'unit' }, short(from)));
  });
  return figure(root);
}

/** Samples of each label, side by side by kind (a platform): `shape` draws one at x with half a width. */
export interface Samples { kind: string; of: number[][] }
type Shape = (v: number[], x: number, w: number, y: (v: number) => number, tip: string, kind: number) => SVGElement[];

function spread(what: string, labels: string[], samples: Samples[], unit: string, shape: Shape): SVGElement | null {
  if (!samples.some((s) => s.of.some((v) => v.length))) return null;
  const height = 300, root = frame(height, what), step = (W - LEFT - RIGHT) / Math.max(labels.length, 1), w = Math.min(step / samples.length / 2.4, 44);
  const y = scaleY(root, highest(samples.flatMap((s) => s.of.flat())), height, unit);
  labels.forEach((label, i) => {
    const middle = LEFT + step * (i + 0.5);
    root.append(svg('text', { x: middle, y: height - BOTTOM + 18, 'text-anchor': 'middle' }, label));
    samples.forEach((s, j) => {
      const v = s.of[i] ?? [], x = middle + (j - (samples.length - 1) / 2) * 2.3 * w;
      if (!v.length) return;
      const tip = `${label}, ${s.kind}: ${v.length} run${v.length === 1 ? '' : 's'}, median ${short(quantile(v, 0.5))} ${unit}, half of them ${short(quantile(v, 0.25))} to ${short(quantile(v, 0.75))}, all ${short(Math.min(...v))} to ${short(highest(v))}`;
      root.append(...shape(v, x, w, y, tip, j));
    });
  });
  return root;
}

/** Least, quarters, median, most. */
export function boxes(what: string, labels: string[], samples: Samples[], unit: string): HTMLElement | null {
  return figure(spread(what, labels, samples, unit, (v, x, w, y, tip, kind) => {
    const q = [0, 0.25, 0.5, 0.75, 1].map((p) => y(quantile(v, p))) as [number, number, number, number, number];
    return [svg('g', { class: 'box', 'data-tip': tip },
      svg('line', { x1: x, x2: x, y1: q[0], y2: q[1] }), svg('line', { x1: x, x2: x, y1: q[3], y2: q[4] }),
      svg('line', { x1: x - w / 3, x2: x + w / 3, y1: q[0], y2: q[0] }), svg('line', { x1: x - w / 3, x2: x + w / 3, y1: q[4], y2: q[4] }),
      svg('rect', { x: x - w, y: q[3], width: 2 * w, height: Math.max(q[1] - q[3], 1), class: colour(kind) }), svg('line', { x1: x - w, x2: x + w, y1: q[2], y2: q[2], class: 'median' }))];
  }));
}

/** How often which value is: a kernel estimate on both sides; a dot is a run. */
export function violins(what: string, labels: string[], samples: Samples[], unit: string): HTMLElement | null {
  const most = highest(samples.flatMap((s) => s.of.flat()));
  return figure(spread(what, labels, samples, unit, (v, x, w, y, tip, kind) => {
    const low = Math.min(...v), high = highest(v), width = Math.max((high - low) / 7, most / 120, 1e-9), steps = 40;
    const from = Math.max(low - 1.5 * width, 0), to = Math.min(high + 1.5 * width, roundUp(most));
    const density = Array.from({ length: steps + 1 }, (_, k) => {
      const at = from + ((to - from) * k) / steps;
      return { at, d: v.reduce((sum, s) => sum + Math.exp(-0.5 * ((at - s) / width) ** 2), 0) };
    });
    const top = highest(density.map((p) => p.d));
    const side = (sign: number): string[] => density.map((p) => `${(x + sign * (p.d / top) * w).toFixed(1)},${y(p.at).toFixed(1)}`);
    const dots = v.length <= 200 ? v.map((s, k) => svg('circle', { cx: x + ((k % 5) - 2) * Math.min(3, w / 6), cy: y(s), r: 1.6, class: 'dot' })) : [];
    return [svg('polygon', { points: [...side(1), ...side(-1).reverse()].join(' '), class: `violin ${colour(kind)}` }), ...dots,
      svg('line', { x1: x - w / 2, x2: x + w / 2, y1: y(quantile(v, 0.5)), y2: y(quantile(v, 0.5)), class: 'median' }),
      svg('rect', { x: x - w, y: y(to), width: 2 * w, height: Math.max(y(from) - y(to), 6), class: 'hit', 'data-tip': tip })];
  }));
}

export interface Point { x: number; y: number; name: string; kind: string }

/** Those that none beats in both. */
export function front(points: Point[]): Point[] {
  return points.filter((p) => !points.some((q) => q.x >= p.x && q.y >= p.y && (q.x > p.x || q.y > p.y))).sort((a, b) => a.x - b.x);
}

/** Two measures against each other; the front is joined and bears names. */
export function scatter(what: string, points: Point[], kinds: string[], xUnit: string, yUnit: string): HTMLElement {
  const height = 340, root = frame(height, what), most = roundUp(highest(points.map((p) => p.x)));
  const y = scaleY(root, highest(points.map((p) => p.y)), height, yUnit), x = (v: number): number => LEFT + (v / most) * (W - LEFT - RIGHT);
  for (let i = 0; i <= 4; i++) root.append(svg('text', { x: x((most * i) / 4), y: height - BOTTOM + 16, 'text-anchor': i === 4 ? 'end' : 'middle' }, i === 4 ? `${short(most)} ${xUnit}` : short((most * i) / 4)));
  const best = front(points);
  root.append(svg('polyline', { points: best.map((p) => `${x(p.x)},${y(p.y)}`).join(' '), class: 'front' }));
  for (const p of points)
    root.append(svg('circle', { cx: x(p.x), cy: y(p.y), r: best.includes(p) ? 7 : 5, class: `${colour(kinds.indexOf(p.kind))}${best.includes(p) ? ' best' : ''}`, 'data-tip': `${p.name}: ${short(p.x)} ${xUnit}, ${short(p.y)} ${yUnit}` }));
  return figure(root);
}

/** A table of numbers whose cells are the darker the larger they are. */
export function heat(what: string, rowNames: string[], columnNames: string[], cells: number[][], unit: string): HTMLElement {
  const most = highest(cells.flat()) || 1, table = document.createElement('table');
  table.className = 'heat';
  table.createCaption().textContent = what;
  const head = table.createTHead().insertRow(), body = table.createTBody();
  for (const c of ['', ...columnNames]) head.append(cell('th', c));
  rowNames.forEach((name, i) => {
    const tr = body.insertRow();
    tr.append(cell('th', name));
    columnNames.forEach((c, j) => {
      const v = cells[i]?.[j] ?? NaN, td = cell('td', short(v));
      td.dataset['tip'] = `${name}, ${c}: ${short(v)} ${unit}`;
      td.style.setProperty('--part', isFinite(v) ? Math.sqrt(v / most).toFixed(3) : '0');
      tr.append(td);
    });
  });
  return table;
}

function cell(tag: 'td' | 'th', content: string): HTMLTableCellElement {
  const el = document.createElement(tag);
  el.textContent = content;
  return el;
}

export function legend(series: string[]): HTMLElement {
  const list = document.createElement('ul');
  list.className = 'legend';
  series.forEach((s, i) => {
    const item = document.createElement('li'), mark = document.createElement('i');
    mark.className = colour(i);
    item.append(mark, s);
    list.append(item);
  });
  return list;
}
