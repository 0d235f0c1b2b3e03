/** Where each step runs, what leaves the device for it, and the devices that are there. */
import { get, type Device, type List, type Stats, type Strategies } from '../api';
import { h, replace } from '../dom';
import { bytes, count, ms, since } from '../format';
import { empty, load, repeat } from '../view';

function cost(s: Stats): HTMLElement {
  const per = (n: number, of: number): string => (of > 0 ? bytes(n / of) : '–');
  const list: [string, string][] = [
    ['Sent', bytes(s.bytes_sent)], ['Received', bytes(s.bytes_received)], ['Live view', bytes(s.live_bytes)],
    ['Sent a frame', per(s.bytes_sent, s.frames)], ['Sent a track', per(s.bytes_sent, s.tracks)],
    ['Processor time a frame', s.frames ? ms(1000 * s.cpu_seconds / s.frames) : '–'],
    ['Capture to event', `${ms(s.delay?.p50_ms)} (p99 ${ms(s.delay?.p99_ms)})`],
  ];
  return h('dl', { class: 'facts' }, list.map(([k, v]) => h('div', {}, h('dt', {}, k), h('dd', {}, v))));
}

function cards(answer: Strategies): HTMLElement {
  return h('div', { class: 'panels' }, answer.items.map((s) => h('section', { class: `panel ${s.name === answer.active ? 'active' : ''}` },
    h('h2', {}, s.name, s.name === answer.active ? h('span', { class: 'badge live' }, 'in use') : null), h('p', {}, s.summary),
    s.leaves_device?.length ? h('p', { class: 'hint' }, `Leaves the device: ${s.leaves_device.join(', ')}`) : null)));
}

function devices(list: List<Device>): HTMLElement {
  if (!list.items.length) return empty('No device has spoken to this server yet.');
  return h('table', { class: 'cards' }, h('caption', {}, 'Devices'),
    h('thead', {}, h('tr', {}, ['Device', 'Strategy', 'State', 'Cameras', 'Gallery', 'Clock'].map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', {}, list.items.map((d) => h('tr', {}, h('th', { scope: 'row' }, d.name), h('td', { 'data-label': 'Strategy' }, d.strategy),
      h('td', { 'data-label': 'State' }, h('span', { class: `badge ${d.online ? 'live' : 'lost'}` }, d.online ? 'online' : 'offline'), h('div', { class: 'hint' }, `seen ${since(d.seen_ms)} ago`)),
      h('td', { 'data-label': 'Cameras' }, count(d.cameras)), h('td', { 'data-label': 'Gallery' }, `version ${d.gallery_version}`),
      h('td', { 'data-label': 'Clock' }, ms(d.clock_offset_ms))))));
}

export function strategiesView(root: HTMLElement): () => void {
  const which = h('div'), numbers = h('div'), who = h('div');
  replace(root, h('h1', {}, 'Strategies'), which, h('h2', {}, 'What it costs now'), numbers, who);
  void load(which, () => get<Strategies>('/v1/strategies'), (a) => replace(which, cards(a)));
  return repeat(3000, async () => {
    await load(numbers, () => get<Stats>('/v1/stats'), (s) => replace(numbers, cost(s)));
    await load(who, () => get<List<Device>>('/v1/devices'), (l) => replace(who, devices(l)));
  });
}
