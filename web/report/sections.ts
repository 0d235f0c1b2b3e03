/** What the report is made of: a section is one function and one line in `sections`. */
import { h } from '../src/dom';
import { bars, boxes, front, heat, legend, scatter, violins, type Point, type Samples } from './charts';
import { costs } from './cost';
import { distinct, groups, local, mean, meanOf, quantile, short, sites, text, values, type Cell, type Data, type Row } from './data';
import { note, table, wide } from './table';

type Part = Node | null;
export interface Section { id: string; title: string; draw: (of: Row[], data: Data, all: Row[]) => Part[] }

const steps: [string, string][] = [['decode_ms', 'capture'], ['detect_ms', 'detection'], ['embed_ms', 'recognition']];
const manySteps: [string, string][] = [['decode_ms', 'capture'], ['detect_ms', 'detection'], ['track_ms', 'tracking'], ['align_ms', 'alignment'], ['embed_ms', 'recognition'], ['identify_ms', 'search'], ['publish_ms', 'publishing']];
const has = (of: Row[], key: string): boolean => of.some((r) => text(r, key) !== '');

function platforms(every: Row[]): Part[] {
  const of = local(every), lines: { name: string; rows: Row[] }[] = [];
  for (const g of groups(of, ['platform'])) {
    const by = groups(g.rows, ['lines']).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    lines.push(g, ...(by.length > 1 ? by.map((l) => ({ name: `· ${l.name} lines`, rows: l.rows })) : []));
  }
  return [wide(heat('Milliseconds a frame, means', lines.map((l) => l.name), steps.map((s) => s[1]), lines.map((l) => steps.map(([key]) => meanOf(l.rows, key))), 'ms')),
    note('The stronger the colour, the longer the step takes. Recognition is the mean over all frames, also those without a new face.')];
}

function frameworks(every: Row[]): Part[] {
  const of = local(every), modes = distinct(of, 'mode').length > 1;
  const columns: [string, string][] = [['decode_ms', 'capture ms'], ['detect_ms', 'detection ms'], ['embed_ms', 'recognition ms'], ['total_p50_ms', 'total ms (p50)'], ['fps', 'frames/s'], ['faces', 'faces'], ['faces_a_frame', 'faces a frame'], ['cpu_ms_a_frame', 'CPU ms a frame']];
  const lines = groups(of, modes ? ['detection', 'recognition', 'mode'] : ['detection', 'recognition']).map((g): Cell[] => [...g.key, ...columns.map(([k]) => meanOf(g.rows, k)), g.rows.length]);
  const speed = (modes ? 3 : 2) + 4;
  lines.sort((a, b) => Number(b[speed]) - Number(a[speed]));
  return [table('Detection and recognition frameworks: means over videos and resolutions', ['Detection', 'Recognition', ...(modes ? ['Mode'] : []), ...columns.map((c) => c[1]), 'runs'], lines),
    note('Total is the median time of a frame on its way; steps of several frames overlap, so that frames/s is more than 1000 / total.')];
}

/** Samples of each resolution, a kind for each platform. */
function byLines(every: Row[], key: string): { labels: string[]; samples: Samples[] } {
  const of = local(every), labels = distinct(of, 'lines');
  return { labels, samples: groups(of, ['place']).map((g) => ({ kind: g.name, of: labels.map((l) => values(g.rows.filter((r) => text(r, 'lines') === l), key)) })) };
}

function quartiles(labels: string[], samples: Samples[], unit: string): Part {
  if (!samples.some((s) => s.of.some((v) => v.length))) return note('No run tells this.');
  return table(`${unit}, in numbers`, ['Platform', 'Lines', 'least', 'quarter', 'median', 'three quarters', 'most', 'runs'],
    samples.flatMap((s) => labels.map((l, i): Cell[] => [s.kind, l, ...[0, 0.25, 0.5, 0.75, 1].map((p) => quantile(s.of[i] ?? [], p)), s.of[i]?.length ?? 0])), true);
}

function speed(of: Row[]): Part[] {
  const { labels, samples } = byLines(of, 'fps');
  return [violins('Frames a second by resolution', labels, samples, 'frames/s'), legend(samples.map((s) => s.kind)),
    note('Lines of the picture from left to right. Each dot is a run, the bar the median; the shape says how often which rate was reached.'), quartiles(labels, samples, 'Frames a second')];
}

function times(every: Row[]): Part[] {
  const by = groups(local(every), ['lines', 'detection']).sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const labels = by.map((g) => g.name);
  return [bars('Times by resolution and framework', labels, manySteps.map(([k, name]) => ({ name, values: by.map((g) => meanOf(g.rows, k)) })), 'ms', true), legend(manySteps.map((p) => p[1])),
    table('Milliseconds a frame, in numbers', ['Lines', 'Detection', ...manySteps.map((s) => s[1])], by.map((g): Cell[] => [...g.key, ...manySteps.map(([k]) => meanOf(g.rows, k))]), true)];
}

function faces(of: Row[]): Part[] {
  const { labels, samples } = byLines(of, 'faces_a_frame');
  return [boxes('Faces by resolution', labels, samples, 'a frame'), legend(samples.map((s) => s.kind)), note('Faces found in a frame, by run. A box holds the middle half of the runs, the line in it is the median.'),
    quartiles(labels, samples, 'Faces a frame')];
}

function memory(every: Row[]): Part[] {
  const by = groups(local(every), ['detection', 'recognition']).map((g) => ({ name: g.name, mb: quantile(values(g.rows, 'peak_rss_mb'), 0.5) })).filter((g) => isFinite(g.mb));
  if (!by.length) return [note('No memory was told by these runs.')];
  by.sort((a, b) => a.mb - b.mb);
  const least = by[0]?.mb ?? 1;
  return [bars('Most memory, times the least', by.map((g) => g.name), [{ name: 'peak resident', values: by.map((g) => g.mb / least) }], 'x'),
    note(`Medians of what a run held at most; 1 x is ${short(least)} MB.`), table('Memory, in numbers', ['Detection · recognition', 'peak MB', 'times the least'], by.map((g): Cell[] => [g.name, g.mb, g.mb / least]), true)];
}

function energy(every: Row[]): Part[] {
  const of = local(every).filter((r) => values([r], 'energy_j').length);
  if (!of.length) return [note('No energy was told: the machine has no counter, and no power model was given (idle_watts and core_watts of the experiments\' file, docs/energy.md).')];
  const by = groups(of, ['place', 'detection', 'recognition']).map((g) => ({ g, j: meanOf(g.rows, 'j_a_frame') })).sort((a, b) => a.j - b.j).map((x) => x.g);
  const several = distinct(of, 'place').length > 1;
  const sources = distinct(of, 'energy_source'), estimated = sources.includes('model');
  const columns: [string, string][] = [['watts', 'watts'], ['j_a_frame', 'J a frame'], ['j_a_recognised_face', 'J a recognised face']];
  return [bars('Joules a frame', by.map((g) => (several ? g.name : g.key.slice(1).join(' · '))), [{ name: 'a frame', values: by.map((g) => meanOf(g.rows, 'j_a_frame')) }], 'J'),
    table('Power and energy', ['Platform', 'Detection', 'Recognition', ...columns.map((c) => c[1])], by.map((g): Cell[] => [...g.key, ...columns.map(([k]) => meanOf(g.rows, k))])),
    note(estimated ? 'Estimated by a power model (watts at rest and by busy core), not measured.' : `Measured: ${sources.join(', ')}. It is the whole machine's, not only Facet's.`)];
}

const leaves: Record<string, string> = { edge: 'events: who, where, when, how sure', cloud: 'the whole video, everybody in it', hybrid: 'events, and one aligned picture of each new face' };

function strategies(every: Row[]): Part[] {
  const of = sites(every), by = groups(of, ['place', 'strategy', 'network']), several = distinct(of, 'platform').length > 1;
  const columns: [string, string][] = [['delay_mean_ms', 'delay mean ms'], ['delay_p50_ms', 'p50'], ['delay_p95_ms', 'p95'], ['delay_p99_ms', 'p99'], ['device_cpu_ms', 'device CPU ms a frame'], ['server_cpu_ms', 'server CPU ms a frame'],
    ['device_j_a_frame', 'device J a frame'], ['server_j_a_frame', 'server J a frame'], ['up_a_frame', 'bytes up a frame'], ['down_a_frame', 'down'], ['pictures_sent', 'pictures sent'],
    ['cameras_a_device', 'cameras a device'], ['cameras_a_server', 'cameras a server'], ['tracks', 'tracks'], ['named_tracks', 'named']];
  const shown = columns.filter(([k]) => has(of, k)), names = by.map((g) => (several ? g.name : g.key.slice(1).join(' · ')));
  const delays: [string, string][] = [['delay_p50_ms', 'p50'], ['delay_p95_ms', 'p95'], ['delay_p99_ms', 'p99']];
  return [
    bars('Delay from capture to event', names, delays.map(([k, name]) => ({ name, values: by.map((g) => meanOf(g.rows, k)) })), 'ms'), has(of, 'delay_p50_ms') ? legend(delays.map((d) => `delay ${d[1]}`)) : null,
    bars('Bytes that leave the device', names, [{ name: 'sent', values: by.map((g) => meanOf(g.rows, 'up_a_frame')) }], 'bytes a frame'),
    table('Strategies', [...(several ? ['Platform'] : []), 'Strategy', 'Network', ...shown.map((c) => c[1]), 'runs'],
      by.map((g): Cell[] => [...(several ? g.key : g.key.slice(1)), ...shown.map(([k]) => meanOf(g.rows, k)), g.rows.length])),
    table('Personal data that leaves the device', ['Strategy', 'what leaves'], groups(of, ['strategy']).map((g): Cell[] => [g.name, text(g.rows[0] ?? {}, 'leaves') || (leaves[g.name] ?? '–')])),
    note('Cameras: of 10 frames a second, by processor time and all processors of the machine. Bytes up: towards the server. What no run tells has no column.'),
    distinct(of, 'strategy').length < 2 ? note('Only one strategy was run: facet bench run bench/experiments/strategies.yaml runs all three.') : null];
}

/** Faces a frame as part of the most that any pair found in the same pictures. */
function foundPart(rows: Row[], all: Row[]): number {
  const most = new Map<string, number>(), place = (r: Row): string => `${text(r, 'platform')} ${text(r, 'video')} ${text(r, 'lines')} ${text(r, 'min_face')} ${text(r, 'every')}`;
  for (const r of all) most.set(place(r), Math.max(most.get(place(r)) ?? 0, values([r], 'faces_a_frame')[0] ?? 0));
  return mean(rows.map((r) => (100 * (values([r], 'faces_a_frame')[0] ?? NaN)) / (most.get(place(r)) ?? NaN)).filter(isFinite));
}

function pareto(what: string, points: Point[], unit: string): Part[] {
  const kinds = [...new Set(points.map((p) => p.kind))];
  return [scatter(what, points, kinds, 'frames/s', unit), legend(kinds),
    table(`${what}: those that no other beats in both`, ['Detection · recognition · mode', 'frames/s', unit], front(points).map((p): Cell[] => [p.name, p.x, p.y]), true)];
}

function accuracy(every: Row[]): Part[] {
  const of = local(every), by = groups(of, ['detection', 'recognition', 'mode']), known = has(of, 'named_part') && values(of, 'recognised').some((v) => v > 0);
  const points = (y: (rows: Row[]) => number): Point[] => by.map((g) => ({ x: meanOf(g.rows, 'fps'), y: y(g.rows), name: g.name, kind: g.key[0] ?? '' })).filter((p) => isFinite(p.x) && isFinite(p.y));
  return [...(known ? pareto('Faces that bear a name, against speed', points((r) => meanOf(r, 'named_part')), '% of faces named') : [note('Nobody was known to these runs: with a gallery in the experiments\' file, faces named stand against speed here.')]),
    ...pareto('Faces found, against speed', points((r) => foundPart(r, of)), '% of the most that any found'), note('Found: as part of the most faces that any of these runs found in the same pictures; it says nothing about false ones. How well a recogniser tells people apart on its own stands in docs/accuracy.md.')];
}

function cost(of: Row[], data: Data): Part[] {
  if (!data.prices.length) return [note('No prices were given: facet report --prices bench/prices.yaml adds what a camera costs a month; that file holds examples, to be replaced by what you pay.')];
  const lines = costs(data, of);
  return [table(`Predicted, ${data.camera_fps} frames a second, day and night; euro a camera and month`, ['Platform', 'Strategy', 'Network', 'Machines', 'machines', 'electricity', 'traffic', 'sum'],
    lines.map((c): Cell[] => [...c.name, c.machines || 'no price for this end', c.machine, c.electricity, c.traffic, isFinite(c.sum) ? c.sum : null])),
  note('A machine\'s price is shared by the cameras that it carries. What no run tells (–) is no part of the sum; a sum of – means that the machine carries no such camera, or that it is not known how many.'),
  table('Prices', ['Name', 'euro', 'for', 'where', 'note'], data.prices.map((p): Cell[] => [p.name, p.euro, p.kind.replace('euro_a_', 'a '), p.kind !== 'euro_a_month' ? '' : p.at_device && p.at_server ? 'either end' : p.at_device ? 'device' : 'server', p.note]), true)];
}

/** What others printed, where a file says that it stands beside this section. */
export function published(data: Data, section: string): Part[] {
  return data.published.filter((p) => p.beside === section).map((p) => h('div', { class: 'published' }, table(`Published: ${p.title}`, p.columns, p.rows), note(`Source: ${p.source}. ${p.note}`)));
}

function failures(_of: Row[], _data: Data, all: Row[]): Part[] {
  const failed = all.filter((r) => text(r, 'status') === 'failed');
  const say = (r: Row): string => ['video', 'lines', 'detection', 'recognition', 'strategy', 'network'].map((k) => text(r, k)).filter(Boolean).join(' · ');
  return failed.length ? [table(`${failed.length} that failed`, ['Platform', 'Experiment', 'Reason'], failed.slice(0, 200).map((r) => [text(r, 'platform'), say(r), text(r, 'reason')]))] : [];
}

function machines(_of: Row[], data: Data): Part[] {
  const keys = [...new Set(data.runs.flatMap((r) => Object.keys(r.environment)))];
  const say = (v: unknown): string => (typeof v === 'object' && v !== null ? Object.entries(v).map(([a, b]) => `${a} ${String(b).slice(0, 12)}`).join(', ') : String(v ?? '–'));
  return [table('Where it was measured', ['', ...data.runs.map((r) => r.label)], [['experiments', ...data.runs.map((r) => `${r.name}${r.about ? `: ${r.about}` : ''}`)],
    ...keys.map((k): Cell[] => [k, ...data.runs.map((r) => say(r.environment[k]))])])];
}

export const sections: Section[] = [
  { id: 'platforms', title: 'Platforms', draw: platforms }, { id: 'frameworks', title: 'Frameworks', draw: frameworks }, { id: 'speed', title: 'Speed', draw: speed },
  { id: 'times', title: 'Times', draw: times }, { id: 'faces', title: 'Faces', draw: faces }, { id: 'memory', title: 'Memory', draw: memory }, { id: 'energy', title: 'Energy', draw: energy },
  { id: 'strategies', title: 'Strategies', draw: strategies }, { id: 'accuracy', title: 'Accuracy and speed', draw: accuracy }, { id: 'cost', title: 'Cost', draw: cost },
];
/** Shown whatever is picked. */
export const endings: Section[] = [
  { id: 'published', title: 'Published figures', draw: (_of, data) => published(data, '') }, { id: 'failures', title: 'Failures', draw: failures }, { id: 'machines', title: 'Machines', draw: machines },
];
