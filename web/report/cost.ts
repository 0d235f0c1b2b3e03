/** What a camera costs a month: as src/bench/report_cost.c, of the rows that are picked. */
import { groups, meanOf, type Data, type Price, type Row } from './data';

export interface Cost { name: string[]; machines: string; machine: number; electricity: number; traffic: number; sum: number }

const known = (n: number): number => (isFinite(n) ? n : 0);
const share = (p: Price | null, cameras: number): number => (!p ? 0 : cameras >= 1 ? p.euro / Math.floor(cameras) : NaN);

export function costs(data: Data, of: Row[]): Cost[] {
  const frames = (data.camera_fps * 3600 * 24 * 365.25) / 12, found: Cost[] = [];
  const price = (kind: Price['kind']): number => data.prices.find((p) => p.kind === kind)?.euro ?? NaN;
  const machines = (needed: boolean, at: 'at_device' | 'at_server'): (Price | null)[] => (needed ? data.prices.filter((p) => p.kind === 'euro_a_month' && p[at]) : [null]);
  for (const g of groups(of, ['place', 'strategy', 'network'])) {
    const strategy = g.key[1], joules = [meanOf(g.rows, 'device_j_a_frame'), meanOf(g.rows, 'server_j_a_frame')].filter(isFinite);
    const electricity = joules.length ? (joules.reduce((a, b) => a + b) * frames * price('euro_a_kwh')) / 3.6e6 : NaN;
    const traffic = (meanOf(g.rows, 'up_a_frame') * frames * price('euro_a_gb')) / 1e9;
    for (const device of machines(strategy !== 'cloud', 'at_device'))
      for (const server of machines(strategy !== 'edge', 'at_server')) {
        const machine = share(device, meanOf(g.rows, 'cameras_a_device')) + share(server, meanOf(g.rows, 'cameras_a_server'));
        found.push({ name: g.key, machines: [device, server].filter((p) => p).map((p) => p?.name).join(' + '), machine, electricity, traffic, sum: machine + known(electricity) + known(traffic) });
      }
  }
  return found;
}
