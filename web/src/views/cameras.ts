/** Which cameras there are, how they are, and adding and removing them. */
import { del, get, part, post, type Camera, type List } from '../api';
import { ask, field, h, replace, say } from '../dom';
import { bytes, count, since } from '../format';
import { empty, load, mayChange, repeat, type Context } from '../view';
import { stateBadge } from './state';

function drops(c: Camera): string {
  const parts = Object.entries(c.dropped ?? {}).filter(([, n]) => n > 0).map(([why, n]) => `${count(n)} ${why}`);
  return parts.length ? parts.join(', ') : 'none';
}

async function act(what: () => Promise<unknown>, done: string, after: () => void): Promise<void> {
  try {
    await what();
    say(done);
    after();
  } catch (e) {
    say((e as Error).message, 'fault');
  }
}

function buttons(c: Camera, again: () => void): HTMLElement {
  const path = `/v1/cameras/${part(c.name)}`;
  const remove = async (): Promise<void> => {
    if (await ask(`Remove ${c.name}?`, 'Its events stay. It is gone from this server until it is added again.', 'Remove'))
      await act(() => del(path), `${c.name} was removed.`, again);
  };
  return h('div', { class: 'actions' },
    h('button', { onclick: () => void act(() => post(`${path}/${c.enabled ? 'disable' : 'enable'}`), `${c.name} is ${c.enabled ? 'off' : 'on'}.`, again) },
      c.enabled ? 'Switch off' : 'Switch on'),
    h('button', { class: 'danger', onclick: () => void remove() }, 'Remove'));
}

function row(c: Camera, ctx: Context, again: () => void): HTMLElement {
  return h('tr', {},
    h('th', { scope: 'row' }, h('a', { href: `#/live/${part(c.name)}` }, c.name), h('div', { class: 'hint' }, c.url)),
    h('td', { 'data-label': 'State' }, stateBadge(c), h('div', { class: 'hint' }, c.error || (c.since_ms ? `for ${since(c.since_ms)}` : ''))),
    h('td', { 'data-label': 'Picture' }, c.width ? `${c.width}×${c.height}${c.fps > 0 ? `, ${c.fps.toFixed(1)}/s` : ''}` : '–', h('div', { class: 'hint' }, [c.codec, c.decoder].filter(Boolean).join(', '))),
    h('td', { 'data-label': 'Frames' }, `${count(c.taken)} of ${count(c.frames)}`, h('div', { class: 'hint' }, `dropped: ${drops(c)}`)),
    h('td', { 'data-label': 'Received' }, bytes(c.bytes), h('div', { class: 'hint' }, `reconnected: ${count(c.reconnects)}`)),
    h('td', {}, mayChange(ctx) ? buttons(c, again) : null));
}

function adding(again: () => void): HTMLElement {
  const name = h('input', { name: 'name', required: true, pattern: '[A-Za-z0-9_\\-]+', maxlength: 127 });
  const url = h('input', { name: 'url', required: true, placeholder: 'rtsp://camera.local/stream', inputmode: 'url' });
  const user = h('input', { name: 'username', autocomplete: 'off' });
  const password = h('input', { name: 'password', type: 'password', autocomplete: 'new-password' });
  const transport = h('select', { name: 'transport' }, h('option', { value: 'tcp' }, 'TCP'), h('option', { value: 'udp' }, 'UDP'));
  const fps = h('input', { name: 'fps', type: 'number', min: '0', max: '120', step: 'any', placeholder: 'all' });
  const form = h('form', { class: 'panel' }, h('h2', {}, 'Add a camera'),
    field('Name', name, 'Letters, digits, - and _'), field('Address', url, 'rtsp://, rtsps://, http:// or https:// (MJPEG); files and USB cameras stand in the site\'s file'),
    field('User', user), field('Password', password, 'Kept on the server, never shown again'),
    field('Transport', transport), field('Frames a second, at most', fps), h('button', { class: 'main' }, 'Add'));
  form.addEventListener('submit', (e) => {
    e.preventDefault();
    const body: Record<string, unknown> = { name: name.value, url: url.value, transport: transport.value };
    if (user.value) body['username'] = user.value;
    if (password.value) body['password'] = password.value;
    if (Number(fps.value) > 0) body['fps'] = Number(fps.value);
    void act(() => post('/v1/cameras', body), `${name.value} was added.`, () => { form.reset(); again(); });
  });
  return form;
}

export function camerasView(root: HTMLElement, ctx: Context): () => void {
  const list = h('div');
  const refresh = (): Promise<void> => load(list, () => get<List<Camera>>('/v1/cameras'), (answer) => {
    if (list.contains(document.activeElement) && list.querySelector('table') && answer.items.length === list.querySelectorAll('tbody tr').length) return;
    if (!answer.items.length) return replace(list, empty('No camera yet. Add one below: its picture is here within seconds.'));
    replace(list, h('table', { class: 'cards' }, h('caption', {}, 'Cameras'),
      h('thead', {}, h('tr', {}, ['Camera', 'State', 'Picture', 'Frames', 'Received', ''].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', {}, answer.items.map((c) => row(c, ctx, () => { (document.activeElement as HTMLElement | null)?.blur(); void refresh(); })))));
  });
  replace(root, h('h1', {}, 'Cameras'), list, mayChange(ctx) ? adding(() => void refresh()) : null);
  return repeat(2000, refresh);
}
