/** What `facet report` says about runs, and picking from it. */
export type Cell = string | number | null;
export type Row = Record<string, Cell>;
export interface Run { label: string; name: string; about: string; environment: Record<string, unknown>; rows: Row[] }
export interface Published { source: string; title: string; beside: string; note: string; columns: string[]; rows: Cell[][] }
export interface Price { name: string; note: string; kind: 'euro_a_month' | 'euro_a_kwh' | 'euro_a_gb'; euro: number; at_device: boolean; at_server: boolean }
export interface Data { made: string; version: string; camera_fps: number; runs: Run[]; published: Published[]; prices: Price[] }

/** Every row, with its platform (`place` is its short name); models and back ends as one word. */
export function rowsOf(data: Data): Row[] {
  return data.runs.flatMap((run) => run.rows.map((r): Row => ({
    ...r, platform: run.label, place: data.runs.length > 1 ? run.label.split(': ')[0] ?? run.label : run.label, framework: r['detect_backend'] ?? null, recognition_framework: r['recognise_backend'] ?? null,
    detection: `${r['detector'] ?? 'default'}@${r['detect_backend']}`, recognition: `${r['recogniser'] ?? 'default'}@${r['recognise_backend']}`,
    lines: r['lines'] === 0 ? 'as filmed' : r['lines'] ?? null, network: r['network'] ?? 'none',
  })));
}

export const num = (r: Row, key: string): number => (typeof r[key] === 'number' ? (r[key] as number) : NaN);
export const text = (r: Row, key: string): string => (r[key] === null || r[key] === undefined ? '' : String(r[key]));

export function distinct(of: Row[], key: string): string[] {
  return [...new Set(of.map((r) => text(r, key)).filter(Boolean))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export interface Group { key: string[]; name: string; rows: Row[] }

/** Rows that are alike in all keys, in the order in which they come. */
export function groups(of: Row[], keys: string[]): Group[] {
  const found = new Map<string, Group>();
  for (const r of of) {
    const key = keys.map((k) => text(r, k)), name = key.join(' · ');
    const group = found.get(name);
    if (group) group.rows.push(r);
    else found.set(name, { key, name, rows: [r] });
  }
  return [...found.values()];
}

const isPath = (r: Row): boolean => (text(r, 'setup') || (text(r, 'strategy') === 'edge' ? 'path' : 'site')) === 'path';
/** The path of a frame alone, where there are such runs: a slow line says nothing about a framework. */
export function local(of: Row[]): Row[] {
  const here = of.filter(isPath);
  return here.length ? here : of;
}
/** Broker, server and device, where there are such runs. */
export function sites(of: Row[]): Row[] {
  const there = of.filter((r) => !isPath(r));
  return there.length ? there : of;
}

export const values = (of: Row[], key: string): number[] => of.map((r) => num(r, key)).filter(isFinite);
export const mean = (v: number[]): number => (v.length ? v.reduce((a, b) => a + b, 0) / v.length : NaN);
export const meanOf = (of: Row[], key: string): number => mean(values(of, key));

export function quantile(v: number[], q: number): number {
  if (!v.length) return NaN;
  const s = [...v].sort((a, b) => a - b), at = q * (s.length - 1), i = Math.floor(at);
  const low = s[i] as number, high = s[Math.min(i + 1, s.length - 1)] as number;
  return low + (high - low) * (at - i);
}

export function short(n: number, digits = 3): string {
  if (!isFinite(n)) return '–';
  if (n !== 0 && Math.abs(n) < 0.001) return n.toExponential(1);
  return Math.abs(n) >= 1000 ? Math.round(n).toLocaleString('en') : String(Number(n.toPrecision(digits)));
}
