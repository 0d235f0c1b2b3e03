/** Who is known: adding, renaming, merging, erasing. */
import { del, get, part, patch, post, type List, type Person, type Template } from '../api';
import { ask, field, h, replace, say } from '../dom';
import { count, time } from '../format';
import { empty, load, mayChange, type Context } from '../view';
import { enrolForm } from './enrol';

function table(people: Person[]): HTMLElement {
  return h('table', { class: 'cards' }, h('caption', {}, `${count(people.length)} people`),
    h('thead', {}, h('tr', {}, ['Name', 'Templates', 'Since'].map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', {}, people.map((p) => h('tr', {},
      h('th', { scope: 'row' }, h('a', { href: `#/people/${part(p.name)}` }, p.name), p.note ? h('div', { class: 'hint' }, p.note) : null),
      h('td', { 'data-label': 'Templates' }, count(p.templates)), h('td', { 'data-label': 'Since' }, time(p.created_ms))))));
}

async function all(): Promise<Person[]> {
  const people: Person[] = [];
  let next: string | null = '';
  while (next !== null && people.length < 5000) {
    const page: List<Person> = await get<List<Person>>(`/v1/people?limit=500${next ? `&cursor=${part(next)}` : ''}`);
    people.push(...page.items);
    next = page.next ?? null;
  }
  return people;
}

function everyone(root: HTMLElement, ctx: Context): void {
  const list = h('div');
  const find = h('input', { type: 'search', 'aria-label': 'Find a person', placeholder: 'Find a person' });
  let people: Person[] = [];
  const draw = (): void => {
    const some = people.filter((p) => p.name.toLowerCase().includes(find.value.toLowerCase()));
    replace(list, !people.length ? empty('Nobody is known yet. Add a person with one clear picture.')
      : some.length ? table(some) : empty('Nobody of that name.'));
  };
  const refresh = (): Promise<void> => load(list, all, (answer) => { people = answer; draw(); });
  find.addEventListener('input', draw);
  replace(root, h('h1', {}, 'People'), find, list, mayChange(ctx) ? enrolForm('', () => void refresh()) : null);
  void refresh();
}

interface Erased { erased?: { templates: number; events: number; snapshots: number }; devices_pending?: string[] }

function changes(person: Person, ctx: Context): HTMLElement {
  const name = h('input', { required: true, maxlength: 127, value: person.name });
  const from = h('input', { required: true, maxlength: 127 });
  const run = async (what: () => Promise<unknown>, done: string, then: string): Promise<void> => {
    try {
      await what();
      say(done);
      ctx.go(then);
    } catch (e) {
      say((e as Error).message, 'fault');
    }
  };
  const path = `/v1/people/${part(person.name)}`;
  const rename = (e: Event): void => {
    e.preventDefault();
    void run(() => patch(path, { name: name.value }), `${person.name} is now ${name.value}.`, `/people/${part(name.value)}`);
  };
  const merge = async (e: Event): Promise<void> => {
    e.preventDefault();
    if (await ask(`Merge ${from.value} into ${person.name}?`, `All templates of ${from.value} become ${person.name}'s, and ${from.value} is gone.`, 'Merge'))
      await run(() => post('/v1/people/merge', { into: person.name, from: from.value }), 'Merged.', `/people/${part(person.name)}?${Date.now()}`);
  };
  const erase = async (): Promise<void> => {
    if (!await ask(`Erase ${person.name}?`, 'The key that reads everything kept about this person is destroyed. This cannot be undone.', 'Erase')) return;
    await run(async () => {
      const done = await del<Erased>(path);
      if (done?.devices_pending?.length) say(`Not yet confirmed by: ${done.devices_pending.join(', ')}`);
    }, `${person.name} was erased.`, '/people');
  };
  return h('section', { class: 'panels' },
    h('form', { class: 'panel', onsubmit: rename }, h('h2', {}, 'Rename'), field('Name', name), h('button', {}, 'Rename')),
    h('form', { class: 'panel', onsubmit: (e: Event) => void merge(e) }, h('h2', {}, 'Merge'), field('The same person, known as', from), h('button', {}, 'Merge into this')),
    h('div', { class: 'panel' }, h('h2', {}, 'Erase'), h('p', {}, 'Removes the person, the templates and the pictures, provably.'),
      h('button', { class: 'danger', onclick: () => void erase() }, 'Erase')));
}

function templates(person: Person, ctx: Context): HTMLElement {
  const box = h('div');
  const refresh = (): Promise<void> => load(box, () => get<List<Template>>(`/v1/people/${part(person.name)}/templates`), (list) => {
    if (!list.items.length) return replace(box, empty('No template yet: add pictures.'));
    replace(box, h('table', { class: 'cards' }, h('caption', {}, 'Templates'),
      h('thead', {}, h('tr', {}, ['From', 'Quality', 'Added', ''].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', {}, list.items.map((t) => h('tr', {}, h('th', { scope: 'row' }, t.source || `template ${t.id}`),
        h('td', { 'data-label': 'Quality' }, t.quality.toFixed(2)), h('td', { 'data-label': 'Added' }, time(t.created_ms)),
        h('td', {}, mayChange(ctx) ? h('button', { class: 'danger', onclick: () => void remove(t) }, 'Remove') : null))))));
  });
  const remove = async (t: Template): Promise<void> => {
    if (!await ask('Remove this template?', `${t.source || 'It'} is no longer compared with faces.`, 'Remove')) return;
    try {
      await del(`/v1/templates/${t.id}`);
      await refresh();
    } catch (e) {
      say((e as Error).message, 'fault');
    }
  };
  void refresh();
  return box;
}

function someone(root: HTMLElement, ctx: Context, name: string): void {
  const body = h('div');
  replace(root, h('p', {}, h('a', { href: '#/people' }, 'Everyone')), h('h1', {}, name), body);
  void load(body, () => get<Person>(`/v1/people/${part(name)}`), (person) => {
    const list = h('div', {}, templates(person, ctx));
    replace(body, h('p', { class: 'actions' },
      h('a', { class: 'button', href: `#/events?name=${part(name)}` }, 'Events'),
      h('a', { class: 'button', href: `/v1/people/${part(name)}/export`, download: `${name}.json` }, 'All that is kept (JSON)')),
    list, mayChange(ctx) ? enrolForm(name, () => replace(list, templates(person, ctx))) : null, mayChange(ctx) ? changes(person, ctx) : null);
  });
}

export function peopleView(root: HTMLElement, ctx: Context): void {
  const name = ctx.path[0];
  if (name) someone(root, ctx, name);
  else everyone(root, ctx);
}
