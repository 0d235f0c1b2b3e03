/** Charts as SVG, small and without a library: each takes numbers with their names and says its values when they are pointed at. */
import { quantile, short } from './data';

const SVG = 'http://www.w3.org/2000/svg';
type Attributes = Record<string, string | number>;

export function svg(tag: string, attributes: Attributes = {}, ...children: (Node | string)[]): SVGElement {
  const el = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, String(v));
  el.append(...children);
  return el;
}

const title = (t: string): SVGElement => svg('title', {}, t);
const palette = ['#0b7a81', '#c2571a', '#6a4fb3', '#2f7d32', '#b0306a', '#8a6d00', '#3465a4', '#7a5230'];
export const colour = (i: number): string => palette[i % palette.length] as string;

const W = 640, LEFT = 64, RIGHT = 12, TOP = 12, BOTTOM = 48;

function frame(height: number, what: string): SVGElement {
  return svg('svg', { viewBox: `0 0 ${W} ${height}`, role: 'img', 'aria-label': what, class: 'chart' });
}

/** 0 to a round number above the most. */
function roundUp(most: number): number {
  if (!(most > 0)) return 1;
  const step = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((m) => m * step).find((m) => m >= most) ?? 10 * step;
}

function scaleY(root: SVGElement, most: number, height: number, unit: string): (v: number) => number {
  const top = roundUp(most), y = (v: number): number => height - BOTTOM - (v / top) * (height - TOP - BOTTOM);
  for (let i = 0; i <= 4; i++) {
    const v = (top * i) / 4;
    root.append(svg('line', { x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v), class: 'grid' }),
      svg('text', { x: LEFT - 6, y: y(v) + 4, 'text-anchor': 'end' }, short(v)));
  }
  root.append(svg('text', { x: LEFT + 4, y: TOP + 10, class: 'unit' }, unit));
  return y;
}

function names(root: SVGElement, labels: string[], height: number): (i: number) => number {
  const step = (W - LEFT - RIGHT) / Math.max(labels.length, 1), x = (i: number): number => LEFT + step * (i + 0.5);
  const tight = labels.length > 5 || labels.some((l) => l.length * 7 > step);
  labels.forEach((l, i) => {
    const t = svg('text', { x: x(i), y: height - BOTTOM + 16, 'text-anchor': tight ? 'end' : 'middle' }, l.length > 26 ? `${l.slice(0, 25)}…` : l, title(l));
    if (tight) t.setAttribute('transform', `rotate(-24 ${x(i)} ${height - BOTTOM + 12})`);
    root.append(t);
  });
  return x;
}

export interface Series { name: string; values: number[] }

/** Groups of bars, one colour a series. */
export function bars(what: string, labels: string[], series: Series[], unit: string): SVGElement {
  const height = 300, root = frame(height, what);
  const y = scaleY(root, Math.max(...series.flatMap((s) => s.values.filter(isFinite)), 0), height, unit), x = names(root, labels, height);
  const step = (W - LEFT - RIGHT) / Math.max(labels.length, 1), w = Math.min((step * 0.8) / series.length, 48);
  series.forEach((s, j) => s.values.forEach((v, i) => {
    if (!isFinite(v)) return;
    const at = x(i) - (w * series.length) / 2 + w * j;
    root.append(svg('rect', { x: at, y: y(v), width: Math.max(w - 2, 1), height: Math.max(y(0) - y(v), 0.5), fill: colour(j) }, title(`${labels[i]}, ${s.name}: ${short(v)} ${unit}`)));
  }));
  return root;
}

/** Stacked parts of one whole, a bar a label. */
export function stacks(what: string, labels: string[], series: Series[], unit: string): SVGElement {
  const height = 300, root = frame(height, what);
  const sums = labels.map((_, i) => series.reduce((sum, s) => sum + (isFinite(s.values[i] ?? NaN) ? (s.values[i] as number) : 0), 0));
  const y = scaleY(root, Math.max(...sums, 0), height, unit), x = names(root, labels, height);
  const w = Math.min(((W - LEFT - RIGHT) / Math.max(labels.length, 1)) * 0.6, 64);
  labels.forEach((l, i) => {
    let below = 0;
    series.forEach((s, j) => {
      const v = s.values[i] ?? NaN;
      if (!isFinite(v)) return;
      root.append(svg('rect', { x: x(i) - w / 2, y: y(below + v), width: w, height: Math.max(y(below) - y(below + v), 0), fill: colour(j) }, title(`${l}, ${s.name}: ${short(v)} ${unit}`)));
      below += v;
    });
  });
  return root;
}

/** Least, quarters, median, most. */
export function boxes(what: string, labels: string[], samples: number[][], unit: string): SVGElement {
  const height = 300, root = frame(height, what);
  const y = scaleY(root, Math.max(...samples.flat(), 0), height, unit), x = names(root, labels, height);
  samples.forEach((v, i) => {
    if (!v.length) return;
    const q = [0, 0.25, 0.5, 0.75, 1].map((p) => quantile(v, p)) as [number, number, number, number, number], w = 30;
    const told = title(`${labels[i]}: ${v.length} runs, median ${short(q[2])} ${unit}, ${short(q[0])} to ${short(q[4])}`);
    root.append(svg('g', { class: 'box' },
      svg('line', { x1: x(i), x2: x(i), y1: y(q[0]), y2: y(q[4]) }),
      svg('rect', { x: x(i) - w, y: y(q[3]), width: 2 * w, height: Math.max(y(q[1]) - y(q[3]), 1), fill: colour(i) }),
      svg('line', { x1: x(i) - w, x2: x(i) + w, y1: y(q[2]), y2: y(q[2]), class: 'median' }), told));
  });
  return root;
}

/** How often which value is: a kernel estimate on both sides, the runs as points. */
export function violins(what: string, labels: string[], samples: number[][], unit: string): SVGElement {
  const height = 320, root = frame(height, what), most = Math.max(...samples.flat(), 0);
  const y = scaleY(root, most, height, unit), x = names(root, labels, height);
  samples.forEach((v, i) => {
    if (!v.length) return;
    const low = Math.min(...v), high = Math.max(...v), width = Math.max((high - low) / 6, most / 100, 1e-9);
    const steps = 40, from = Math.max(low - width, 0), to = high + width;
    const density = Array.from({ length: steps + 1 }, (_, k) => {
      const at = from + ((to - from) * k) / steps;
      return { at, d: v.reduce((sum, s) => sum + Math.exp(-0.5 * ((at - s) / width) ** 2), 0) };
    });
    const top = Math.max(...density.map((p) => p.d)), w = 34;
    const right = density.map((p) => `${x(i) + (p.d / top) * w},${y(p.at)}`), left = density.map((p) => `${x(i) - (p.d / top) * w},${y(p.at)}`).reverse();
    root.append(svg('polygon', { points: [...right, ...left].join(' '), fill: colour(i), class: 'violin' },
      title(`${labels[i]}: ${v.length} runs, median ${short(quantile(v, 0.5))} ${unit}`)));
    v.forEach((s, k) => root.append(svg('circle', { cx: x(i) + ((k % 5) - 2) * 3, cy: y(s), r: 2, class: 'dot' }, title(`${short(s)} ${unit}`))));
  });
  return root;
}

export interface Point { x: number; y: number; name: string; group: string }

/** Two measures against each other; those that none beats in both are joined. */
export function scatter(what: string, points: Point[], xUnit: string, yUnit: string): SVGElement {
  const height = 340, root = frame(height, what);
  const most = roundUp(Math.max(...points.map((p) => p.x), 0)), kinds = [...new Set(points.map((p) => p.group))];
  const y = scaleY(root, Math.max(...points.map((p) => p.y), 0), height, yUnit), x = (v: number): number => LEFT + (v / most) * (W - LEFT - RIGHT);
  for (let i = 0; i <= 4; i++) root.append(svg('text', { x: x((most * i) / 4), y: height - BOTTOM + 16, 'text-anchor': 'middle' }, short((most * i) / 4)));
  root.append(svg('text', { x: W - RIGHT, y: height - 12, 'text-anchor': 'end', class: 'unit' }, xUnit));
  const best = points.filter((p) => !points.some((q) => q.x >= p.x && q.y >= p.y && (q.x > p.x || q.y > p.y))).sort((a, b) => a.x - b.x);
  root.append(svg('polyline', { points: best.map((p) => `${x(p.x)},${y(p.y)}`).join(' '), class: 'front' }));
  for (const p of points)
    root.append(svg('circle', { cx: x(p.x), cy: y(p.y), r: 6, fill: colour(kinds.indexOf(p.group)) }, title(`${p.name}: ${short(p.x)} ${xUnit}, ${short(p.y)} ${yUnit}`)));
  return root;
}

/** A table of numbers whose cells are the darker the larger they are. */
export function heat(what: string, rowNames: string[], columnNames: string[], cells: number[][], unit: string): HTMLElement {
  const most = Math.max(...cells.flat().filter(isFinite), 1e-9);
  const table = document.createElement('table');
  table.className = 'heat';
  table.createCaption().textContent = what;
  const head = table.createTHead().insertRow();
  for (const c of ['', ...columnNames]) head.append(cell('th', c));
  const body = table.createTBody();
  rowNames.forEach((name, i) => {
    const tr = body.insertRow();
    tr.append(cell('th', name));
    columnNames.forEach((c, j) => {
      const v = cells[i]?.[j] ?? NaN, td = cell('td', short(v));
      td.title = `${name}, ${c}: ${short(v)} ${unit}`;
      td.style.setProperty('--part', isFinite(v) ? String(Math.sqrt(v / most)) : '0');
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
    const item = document.createElement('li');
    item.textContent = s;
    item.style.setProperty('--colour', colour(i));
    list.append(item);
  });
  return list;
}
