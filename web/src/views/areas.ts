/** Zones and masks of a camera: drawn over its picture, and changed by pointing or by typing corners. */
import { call, get, part } from '../api';
import { h, replace, say } from '../dom';

interface Area { name: string; points: [number, number][] }
interface Areas { zones: Area[]; masks: Area[]; kept?: boolean }
type Kind = 'zones' | 'masks';
const words: Record<Kind, string> = { zones: 'Zone', masks: 'Mask' };

const SVG = 'http://www.w3.org/2000/svg';
const corners = (a: Area): string => a.points.map(([x, y]) => `${+x.toFixed(3)},${+y.toFixed(3)}`).join(' ');

function read(text: string): [number, number][] {
  return text.trim().split(/\s+/).filter(Boolean).map((pair) => {
    const [x = NaN, y = NaN] = pair.split(',').map(Number);
    return [x, y];
  });
}

export interface AreaView { overlay: SVGElement; panel: HTMLElement; size: (width: number, height: number) => void }

export function areasOf(camera: string, mayEdit: boolean): AreaView {
  const overlay = document.createElementNS(SVG, 'svg'), panel = h('details', { class: 'areas' }), path = `/v1/cameras/${part(camera)}/areas`;
  let now: Areas = { zones: [], masks: [] }, picked: Area | null = null, width = 16, height = 9;

  const draw = (): void => {
    overlay.setAttribute('viewBox', `0 0 ${width} ${height}`);
    overlay.replaceChildren(...(['zones', 'masks'] as const).flatMap((kind) => now[kind].map((a) => {
      const shape = document.createElementNS(SVG, a.points.length > 2 ? 'polygon' : 'polyline'), name = document.createElementNS(SVG, 'title');
      shape.setAttribute('points', a.points.map(([x, y]) => `${x * width},${y * height}`).join(' '));
      shape.setAttribute('class', `${kind}${a === picked ? ' picked' : ''}`);
      name.textContent = `${words[kind]} ${a.name}`;
      shape.append(name);
      return shape;
    })));
    overlay.classList.toggle('editing', picked !== null);
  };

  const row = (kind: Kind, a: Area): HTMLElement => {
    const name = h('input', { value: a.name, maxlength: 63, 'aria-label': 'Name', placeholder: 'name', oninput: () => { a.name = name.value; } });
    const points = h('input', { value: corners(a), 'aria-label': `Corners of ${a.name}`, placeholder: 'x,y x,y x,y (0 to 1)', onfocus: () => { picked = a; draw(); }, onchange: () => { a.points = read(points.value); draw(); } });
    return h('li', { class: a === picked ? 'picked' : null }, h('strong', {}, words[kind]), name, points,
      h('button', { type: 'button', onclick: () => { picked = picked === a ? null : a; list(); } }, picked === a ? 'Done' : 'Point'),
      h('button', { type: 'button', class: 'danger', onclick: () => { now[kind] = now[kind].filter((b) => b !== a); picked = null; list(); } }, 'Remove'));
  };
  const add = (kind: Kind): void => {
    picked = { name: `${words[kind].toLowerCase()} ${now[kind].length + 1}`, points: [] };
    now[kind].push(picked);
    list();
  };
  const save = async (): Promise<void> => {
    try {
      now = await call<Areas>('PUT', path, { zones: now.zones, masks: now.masks });
      picked = null;
      list();
      say(now.kept ? 'Saved; it holds from the next picture on.' : 'It holds from the next picture on, until the restart: this camera stands in the site\'s file.');
    } catch (e) {
      say((e as Error).message, 'fault');
    }
  };
  const list = (): void => {
    draw();
    const any = now.zones.length + now.masks.length > 0;
    replace(panel, h('summary', {}, `Zones and masks${any ? ` (${now.zones.length + now.masks.length})` : ''}`),
      h('p', { class: 'hint' }, 'Only faces in a zone count, where there is one; masks are black before anything looks. ', picked ? h('strong', {}, 'Point at the picture to add corners.') : null),
      mayEdit ? h('ul', {}, now.zones.map((a) => row('zones', a)), now.masks.map((a) => row('masks', a)))
        : any ? h('ul', {}, now.zones.map((a) => h('li', {}, `Zone ${a.name}`)), now.masks.map((a) => h('li', {}, `Mask ${a.name}`))) : h('p', {}, 'None.'),
      mayEdit ? h('div', { class: 'actions' }, h('button', { type: 'button', onclick: () => add('zones') }, 'Add a zone'), h('button', { type: 'button', onclick: () => add('masks') }, 'Add a mask'),
        h('button', { type: 'button', class: 'main', onclick: () => void save() }, 'Save')) : null);
  };
  overlay.addEventListener('click', (e) => {
    const to = overlay.getScreenCTM()?.inverse();
    if (!picked || !to) return;
    const at = new DOMPoint(e.clientX, e.clientY).matrixTransform(to), within = (v: number): number => Math.min(Math.max(v, 0), 1);
    picked.points.push([+within(at.x / width).toFixed(4), +within(at.y / height).toFixed(4)]);
    list();
  });
  void get<Areas>(path).then((a) => { now = a; list(); }).catch(() => { panel.hidden = true; });
  return { overlay, panel, size: (w, hgt) => { if (w > 0 && hgt > 0 && (w !== width || hgt !== height)) { width = w; height = hgt; draw(); } } };
}
