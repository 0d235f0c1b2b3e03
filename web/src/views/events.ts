/** What was seen: search, newest first, with what happens now on top. */
import { get, part, stream, type FaceEvent, type List } from '../api';
import { field, h, replace } from '../dom';
import { time } from '../format';
import { empty, load, type Context } from '../view';
import { enrolSeen } from './enrol';
import { stateWord } from './state';

export const titles: Record<string, string> = { face: 'Face', face_new: 'Face appeared', identity: 'Recognised', track_end: 'Left', camera: 'Camera' };

export function kindOf(e: FaceEvent): string {
  return e.type === 'identity' && e.decision === 'unknown' ? 'Not recognised' : titles[e.type] ?? e.type;
}

function what(e: FaceEvent): string {
  if (e.type === 'camera') return stateWord(e.state ?? '');
  if (e.decision === 'known' && e.name) return e.name;
  return e.decision === 'unknown' ? 'unknown' : '';
}

function card(e: FaceEvent, ctx: Context, done: () => void): HTMLElement {
  const known = e.decision === 'known', kind = kindOf(e), mayTeach = ctx.role === 'operator' || ctx.role === 'admin';
  const facts = [
    e.camera ?? e.source ?? '', e.device ?? '', e.track ? `track ${e.track}` : '',
    e.cosine !== undefined && e.cosine > -1 && e.decision !== 'undecided' ? `cosine ${e.cosine.toFixed(2)}` : '', e.frames ? `${e.frames} frame${e.frames === 1 ? '' : 's'}` : '',
  ].filter(Boolean);
  return h('li', { class: `event ${e.decision ?? ''}`, 'data-id': e.id },
    e.snapshot ? h('img', { src: `/v1/snapshots/${part(e.snapshot)}`, alt: known ? `Picture of ${e.name}` : 'Picture', loading: 'lazy', width: 96, height: 96 }) : h('div', { class: 'nopicture', 'aria-hidden': 'true' }),
    h('div', {}, h('strong', {}, what(e) || kind), ' ', what(e) ? h('span', { class: 'hint' }, kind) : null,
      h('div', { class: 'hint' }, facts.join(' · '))),
    h('time', { datetime: e.time }, time(e.captured_ms ?? e.time)),
    e.snapshot && e.decision === 'unknown' && mayTeach ? h('button', { onclick: () => enrolSeen(e.id, e.snapshot ?? '') }, 'Who is this?') : null,
    known && e.name && mayTeach ? h('button', { class: 'quiet', onclick: () => enrolSeen(e.id, e.snapshot ?? '', { name: e.name ?? '', done }) }, `Not ${e.name}?`) : null);
}

function filters(ctx: Context): { form: HTMLFormElement; query: () => URLSearchParams } {
  const name = h('input', { name: 'name', type: 'search', value: ctx.query.get('name') ?? '' });
  const camera = h('input', { name: 'camera', type: 'search', value: ctx.query.get('camera') ?? '' });
  const decision = h('select', { name: 'decision' }, ['', 'known', 'unknown'].map((d) => h('option', { value: d }, d || 'any')));
  const type = h('select', { name: 'type' }, h('option', { value: '' }, 'any'), Object.entries(titles).map(([v, t]) => h('option', { value: v }, t)));
  const from = h('input', { name: 'from', type: 'datetime-local' });
  const to = h('input', { name: 'to', type: 'datetime-local' });
  const form = h('form', { class: 'filters', role: 'search' }, field('Person', name), field('Camera', camera), field('Answer', decision),
    field('Kind', type), field('From', from), field('To', to), h('button', { class: 'main' }, 'Search'));
  const query = (): URLSearchParams => {
    const q = new URLSearchParams();
    for (const i of [name, camera, decision, type]) if (i.value) q.set(i.name, i.value);
    for (const i of [from, to]) if (i.value) q.set(i.name, String(new Date(i.value).getTime()));
    return q;
  };
  return { form, query };
}

export function eventsView(root: HTMLElement, ctx: Context): () => void {
  const list = h('div');
  const items = h('ul', { class: 'events' });
  const more = h('button', { hidden: true }, 'Older');
  const now = h('p', { class: 'hint', role: 'status' }, '');
  const { form, query } = filters(ctx);
  let next: string | null = null;
  const shown = new Set<string>();
  const again = (): void => void search();
  const add = (e: FaceEvent, first: boolean): void => {
    if (shown.has(e.id)) return;
    shown.add(e.id);
    if (first) items.prepend(card(e, ctx, again));
    else items.append(card(e, ctx, again));
  };
  const page = (answer: List<FaceEvent>): void => {
    answer.items.forEach((e) => add(e, false));
    next = answer.next;
    more.hidden = !next;
    replace(list, shown.size ? [items, more] : empty('Nothing was seen that fits. New events appear here by themselves.'));
  };
  const search = (): Promise<void> => {
    const q = query();
    q.set('limit', '50');
    shown.clear();
    replace(items);
    return load(list, () => get<List<FaceEvent>>(`/v1/events?${q}`), page);
  };
  const older = async (): Promise<void> => {
    const q = query();
    q.set('limit', '50');
    q.set('cursor', next ?? '');
    more.disabled = true;
    await load(list, () => get<List<FaceEvent>>(`/v1/events?${q}`), page);
    more.disabled = false;
  };
  more.addEventListener('click', () => void older());
  form.addEventListener('submit', (e) => { e.preventDefault(); watch(); void search(); });
  replace(root, h('h1', {}, 'Events'), form, now, list);
  let end = (): void => undefined;
  const watch = (): void => {
    end();
    const q = query();
    if (q.has('to')) {      // what is past stands still
      replace(now);
      return;
    }
    end = listen(q);
  };
  const listen = (q: URLSearchParams): (() => void) => stream<FaceEvent>(`/v1/events/stream?${q}`, (e) => {
    add(e, true);
    if (!list.contains(items)) replace(list, items, more);
    while (items.childElementCount > 500) items.lastElementChild?.remove();
  }, (open) => replace(now, open ? 'New events appear as they happen.' : 'The connection was lost; trying again.'));
  watch();
  void search();
  return () => end();
}
