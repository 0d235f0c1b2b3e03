/** Cameras as they are now. The wall asks for single pictures, slowly; one camera alone is a stream with boxes over it. Both stop when nobody looks. */
import { get, part, stream, type Boxes, type Camera, type Device, type FaceEvent, type List } from '../api';
import { h, replace } from '../dom';
import { time } from '../format';
import { empty, load, mayChange, repeat, type Context } from '../view';
import { areasOf } from './areas';
import { kindOf } from './events';
import { stateBadge } from './state';

const WALL_MS = 1000, DEVICES_MS = 10000;

/** A camera and where it is asked: the server's own, or one of a device that the server may ask. */
interface Seen { camera: Camera; path: string; name: string; href: string }

function own(camera: Camera): Seen {
  return { camera, path: `/v1/cameras/${part(camera.name)}`, name: camera.name, href: `#/live/${part(camera.name)}` };
}

/** Cameras of devices; one that does not answer has none for now. */
async function ofDevices(): Promise<Seen[]> {
  const devices = (await get<List<Device>>('/v1/devices')).items.filter((d) => d.view_url);
  const lists = await Promise.all(devices.map(async (d) => {
    const path = `/v1/devices/${part(d.name)}/cameras`;
    const list = await get<List<Camera>>(path).catch(() => ({ items: [], next: null }));
    return list.items.map((camera) => {
      const one = `${path}/${part(camera.name)}`;
      return { camera, path: one, name: `${d.name} / ${camera.name}`, href: `${one}/live?boxes=1` };
    });
  }));
  return lists.flat();
}

function tile(seen: Seen): { el: HTMLElement; refresh: (c: Camera) => void } {
  const picture = h('img', { alt: `Newest picture of ${seen.name}`, width: 640, height: 360 });
  const state = h('span');
  const info = h('span', { class: 'hint' });
  const frame = h('div', { class: 'picture' }, picture);
  const el = h('a', { class: 'tile', href: seen.href }, frame,
    h('div', { class: 'caption' }, h('strong', {}, seen.name), state, info));
  picture.addEventListener('load', () => frame.classList.remove('none'));
  picture.addEventListener('error', () => frame.classList.add('none'));
  return {
    el,
    refresh: (c) => {
      replace(state, stateBadge(c));
      replace(info, c.state !== 'live' ? c.error : c.fps > 0 ? `${c.fps.toFixed(1)} frames/s` : '');
      if (c.state === 'live' || c.state === 'stalled') picture.src = `${seen.path}/snapshot?boxes=1&t=${Date.now()}`;
      else frame.classList.add('none');
    },
  };
}

function wall(root: HTMLElement): () => void {
  const grid = h('div', { class: 'wall' });
  const tiles = new Map<string, ReturnType<typeof tile>>();
  let others: Seen[] = [], asked = 0;
  replace(root, h('h1', {}, 'Live'), grid);
  const draw = (all: Seen[]): void => {
    if (!all.length) {
      tiles.clear();
      replace(grid, empty('No camera yet.', h('a', { class: 'button', href: '#/cameras' }, 'Add a camera')));
      return;
    }
    const paths = new Set(all.map((s) => s.path));
    if (all.some((s) => !tiles.has(s.path)) || [...tiles.keys()].some((n) => !paths.has(n))) {
      tiles.clear();
      all.forEach((s) => tiles.set(s.path, tile(s)));
      replace(grid, [...tiles.values()].map((t) => t.el));
    }
    all.forEach((s) => tiles.get(s.path)?.refresh(s.camera));
  };
  const look = async (): Promise<Seen[]> => {
    if (Date.now() - asked > DEVICES_MS) {
      asked = Date.now();
      void ofDevices().then((found) => { others = found; }).catch(() => undefined); // one that is slow holds up nobody
    }
    return [...(await get<List<Camera>>('/v1/cameras')).items.map(own), ...others];
  };
  return repeat(WALL_MS, () => load(grid, look, draw));
}

function label(f: Boxes['faces'][number]): string {
  if (f.decision === 'known' && f.name) return `${f.name} ${Math.round(100 * f.calibrated)} %`;
  return f.decision === 'unknown' ? 'unknown' : `face ${f.track || ''}`;
}

function drawBoxes(canvas: HTMLCanvasElement, b: Boxes): void {
  const ink = canvas.getContext('2d');
  if (!ink) return;
  canvas.width = b.width || 640;
  canvas.height = b.height || 360;
  const line = Math.max(2, canvas.width / 400);
  ink.lineWidth = line;
  ink.font = `600 ${Math.round(9 * line)}px system-ui, sans-serif`;
  for (const f of b.faces) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = f.box;
    ink.strokeStyle = f.decision === 'known' ? '#2bd4a8' : f.decision === 'unknown' ? '#ffb020' : '#9fb4c7';
    ink.strokeRect(x1, y1, x2 - x1, y2 - y1);
    const text = label(f), w = ink.measureText(text).width + 4 * line;
    ink.fillStyle = 'rgba(8, 20, 26, 0.8)';
    ink.fillRect(x1, y1 - 12 * line, w, 12 * line);
    ink.fillStyle = '#fff';
    ink.fillText(text, x1 + 2 * line, y1 - 3 * line);
  }
}

function one(root: HTMLElement, ctx: Context, name: string): () => void {
  const areas = areasOf(name, mayChange(ctx));
  const picture = h('img', { alt: `Live picture of ${name}`, src: `/v1/cameras/${part(name)}/live` });
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const state = h('span');
  const seen = h('ul', { class: 'seen', 'aria-label': 'Latest events' });
  const faces = h('p', { class: 'hint', role: 'status' }, 'No face in the picture.');
  const fault = h('p', { class: 'fault' });
  picture.addEventListener('error', () => replace(fault, 'No live picture: the camera has none yet, or live view is not allowed here.'));
  picture.addEventListener('load', () => replace(fault));
  replace(root, h('p', {}, h('a', { href: '#/live' }, 'All cameras')), h('h1', {}, name, ' ', state),
    h('div', { class: 'one' }, h('div', {}, h('div', { class: 'picture big' }, picture, canvas, areas.overlay), areas.panel), h('aside', {}, faces, fault, seen)));
  const endBoxes = stream<Boxes>(`/v1/cameras/${part(name)}/boxes`, (b) => {
    drawBoxes(canvas, b);
    replace(faces, b.faces.length ? b.faces.map(label).join(', ') : 'No face in the picture.');
  }, () => undefined);
  const endEvents = stream<FaceEvent>('/v1/events/stream', (e) => {
    if ((e.camera ?? e.source) !== name || e.type === 'camera') return;
    seen.prepend(h('li', {}, h('time', { datetime: e.time }, time(e.captured_ms ?? e.time)), ' ', e.type === 'identity' && e.decision === 'known' ? h('strong', {}, e.name ?? '') : kindOf(e)));
    while (seen.childElementCount > 12) seen.lastElementChild?.remove();
  }, () => undefined);
  const endState = repeat(2000, async () => {
    try {
      const list = await get<List<Camera>>('/v1/cameras');
      const c = list.items.find((i) => i.name === name);
      replace(state, c ? stateBadge(c) : null);
      if (c) areas.size(c.width, c.height);
      if (!c) replace(fault, 'There is no camera of this name.');
    } catch { /* shown when it comes back */ }
  });
  return () => {
    picture.src = '';
    endBoxes();
    endEvents();
    endState();
  };
}

export function liveView(root: HTMLElement, ctx: Context): () => void {
  const name = ctx.path[0];
  return name ? one(root, ctx, name) : wall(root);
}
