/** What the machine does now: rates over the last minutes, milliseconds of each step, queues, drops, energy. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { get, type Spread, type Stats, type System } from '../api';
import { h, replace } from '../dom';
import { bytes, count, duration, ms } from '../format';
import { empty, load, repeat } from '../view';

const EVERY_MS = 2000, KEPT = 300;

interface Chart { title: string; unit: string; series: { label: string; colour: string; of: (now: Stats, before: Stats, s: number) => number | null }[] }

/** Mean of what was timed since the point before. */
function newMean(n: Spread | undefined, b: Spread | undefined): number | null {
  const count = (n?.count ?? 0) - (b?.count ?? 0);
  return n && b && count > 0 ? (n.mean_ms * n.count - b.mean_ms * b.count) / count : null;
}
const step = (label: string, colour: string): Chart['series'][number] => ({ label, colour, of: (n, b) => newMean(n.steps?.[label], b.steps?.[label]) });

const charts: Chart[] = [
  { title: 'Frames', unit: '/s', series: [
    { label: 'done', colour: '#0b8f8f', of: (n, b, s) => (n.frames - b.frames) / s },
    { label: 'dropped', colour: '#d2691e', of: (n, b, s) => (n.dropped - b.dropped) / s }] },
  { title: 'Faces', unit: '/s', series: [
    { label: 'seen', colour: '#0b8f8f', of: (n, b, s) => (n.faces - b.faces) / s },
    { label: 'embedded', colour: '#7a5cc4', of: (n, b, s) => (n.embedded - b.embedded) / s }] },
  { title: 'Steps', unit: ' ms a frame', series: [step('ingest', '#b8860b'), step('detect', '#0b8f8f'), step('embed', '#7a5cc4'), step('publish', '#d2691e')] },
  { title: 'Waiting', unit: ' ms a frame', series: [
    { label: 'in queues', colour: '#0b8f8f', of: (n, b) => newMean(n.queue, b.queue) },
    { label: 'whole way', colour: '#7a5cc4', of: (n, b) => newMean(n.total, b.total) }] },
  { title: 'Processor', unit: ' cores', series: [{ label: 'used', colour: '#0b8f8f', of: (n, b, s) => (n.cpu_seconds - b.cpu_seconds) / s }] },
  { title: 'Memory', unit: ' MB', series: [{ label: 'resident', colour: '#7a5cc4', of: (n) => n.resident_bytes / 1e6 }] },
  { title: 'Network', unit: ' kB/s', series: [
    { label: 'sent', colour: '#0b8f8f', of: (n, b, s) => (n.bytes_sent - b.bytes_sent) / s / 1000 },
    { label: 'received', colour: '#d2691e', of: (n, b, s) => (n.bytes_received - b.bytes_received) / s / 1000 }] },
  { title: 'Power', unit: ' W', series: [
    { label: 'package', colour: '#b8860b', of: (n, b, s) => (n.joules === null || b.joules === null ? null : (n.joules - b.joules) / s) }] },
];

function makeChart(chart: Chart, into: HTMLElement): (times: number[], rows: (number | null)[][]) => void {
  const ink = getComputedStyle(document.body).getPropertyValue('--ink').trim() || '#222';
  const faint = getComputedStyle(document.body).getPropertyValue('--line').trim() || '#ddd';
  const axis = { stroke: ink, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint, width: 1 } };
  const plot = new uPlot({
    width: 320, height: 160, scales: { y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
    axes: [{ ...axis }, { ...axis, size: 54 }], legend: { live: true },
    series: [{ label: 'time' }, ...chart.series.map((s) => ({
      label: s.label, stroke: s.colour, width: 2, spanGaps: false,
      value: (_u: uPlot, v: number | null) => (v === null ? '–' : `${v.toFixed(1)}${chart.unit}`),
    }))],
  }, [[], ...chart.series.map(() => [])] as uPlot.AlignedData, into);
  return (times, rows) => {
    const width = into.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: 160 });
    plot.setData([times, ...rows] as uPlot.AlignedData);
  };
}

function stepRow(name: string, s: Spread | undefined): HTMLElement {
  return h('tr', {}, h('th', { scope: 'row' }, name), ...(['mean_ms', 'p50_ms', 'p95_ms', 'p99_ms'] as const).map((k) =>
    h('td', { 'data-label': k.replace('_ms', '') }, ms(s?.[k]))), h('td', { 'data-label': 'count' }, count(s?.count ?? 0)));
}

function steps(s: Stats): HTMLElement {
  return h('table', { class: 'cards numbers' }, h('caption', {}, 'Milliseconds a frame'),
    h('thead', {}, h('tr', {}, ['Step', 'mean', 'p50', 'p95', 'p99', 'count'].map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', {}, Object.entries(s.steps ?? {}).map(([name, spread]) => stepRow(name, spread)),
      stepRow('waiting in queues', s.queue), stepRow('whole way', s.total), stepRow('capture to event', s.delay)));
}

function facts(s: Stats): HTMLElement {
  const list: [string, string][] = [
    ['Running for', duration(s.seconds)], ['Frames', count(s.frames)], ['Faces', count(s.faces)], ['Tracks', count(s.tracks)], ['Named', count(s.named)],
    ['Dropped frames', count(s.dropped)], ['Sent', bytes(s.bytes_sent)], ['Received', bytes(s.bytes_received)], ['Live view', bytes(s.live_bytes)],
    ['Waiting to be sent', s.outbox ? `${count(s.outbox.items)} (${bytes(s.outbox.bytes)})` : '–'], ['Broker', s.mqtt ?? 'none'],
    ['Clock offset', ms(s.clock_offset_ms)], ['Energy', s.joules === null ? 'not told by this machine' : `${(s.joules / 3600).toFixed(2)} Wh`],
  ];
  return h('dl', { class: 'facts' }, list.map(([k, v]) => h('div', {}, h('dt', {}, k), h('dd', {}, v))));
}

export function performanceView(root: HTMLElement): () => void {
  const about = h('p', { class: 'hint' });
  const top = h('div'), table = h('div'), grid = h('div', { class: 'charts' });
  const times: number[] = [];
  const data = charts.map((c) => c.series.map((): (number | null)[] => []));
  const frames = charts.map((c) => h('figure', {}, h('figcaption', {}, `${c.title}, ${c.unit.trim()}`)));
  replace(root, h('h1', {}, 'Performance'), about, top, grid, table);
  replace(grid, frames);
  const update = charts.map((c, i) => makeChart(c, frames[i] as HTMLElement));
  let before: Stats | null = null, at = 0;
  const add = (now: Stats): void => {
    const t = Date.now() / 1000;
    if (before && now.seconds >= before.seconds) {
      const last = before;
      times.push(t);
      charts.forEach((c, i) => c.series.forEach((s, j) => data[i]?.[j]?.push(s.of(now, last, Math.max(t - at, 0.1)))));
      if (times.length > KEPT) {
        times.shift();
        data.forEach((rows) => rows.forEach((r) => r.shift()));
      }
      update.forEach((u, i) => u(times, data[i] ?? []));
    }
    before = now;
    at = t;
  };
  void get<System>('/v1/system').then((s) => replace(about, [s.cpu?.model, s.cpu?.kernels, s.models ? `${s.models.detector}, ${s.models.recogniser}` : '',
    `Facet ${s.version}`].filter(Boolean).join(' · '))).catch(() => undefined);
  return repeat(EVERY_MS, () => load(top, () => get<Stats>('/v1/stats'), (s) => {
    add(s);
    for (const [i, c] of charts.entries()) (frames[i] as HTMLElement).hidden = c.title === 'Power' && s.joules === null;
    replace(top, facts(s));
    replace(table, s.frames ? steps(s) : empty('No frame yet: add a camera, and the steps are timed here.'));
  }));
}
