/** What `facet report` put into this page, and picking from it. */
export type Cell = string | number | null;
export type Row = Record<string, Cell>;
export interface Run { label: string; name: string; about: string; environment: Record<string, unknown>; rows: Row[] }
export interface Published { source: string; title: string; columns: string[]; rows: Cell[][] }
export interface Price { name: string; euro_a_month: number; cameras_share: string; note: string }
export interface Data { made: string; version: string; runs: Run[]; published: Published[]; prices: Price[] }

export const data: Data = JSON.parse(document.getElementById('data')?.textContent || '{"runs":[],"published":[],"prices":[]}') as Data;

/** Every row that was measured, with its platform. */
export const rows: Row[] = data.runs.flatMap((run) => run.rows.map((r): Row => ({
  ...r, platform: run.label,
  framework: `${r['detect_backend']}`, recognition_framework: `${r['recognise_backend']}`,
  lines: r['lines'] === 0 ? 'as filmed' : r['lines'] ?? null,
})));

export const num = (r: Row, key: string): number => (typeof r[key] === 'number' ? (r[key] as number) : NaN);
export const text = (r: Row, key: string): string => (r[key] === null || r[key] === undefined ? '' : String(r[key]));

export function distinct(of: Row[], key: string): string[] {
  return [...new Set(of.map((r) => text(r, key)).filter(Boolean))].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

export function groups(of: Row[], keys: string[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const r of of) {
    const key = keys.map((k) => text(r, k)).join(' · ');
    const group = found.get(key);
    if (group) group.push(r);
    else found.set(key, [r]);
  }
  return found;
}

export function values(of: Row[], key: string): number[] {
  return of.map((r) => num(r, key)).filter(isFinite);
}

export function mean(v: number[]): number {
  return v.length ? v.reduce((a, b) => a + b, 0) / v.length : NaN;
}

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
