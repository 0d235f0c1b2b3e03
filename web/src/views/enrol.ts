/** Pictures become a person: by upload, or from an unknown face that was seen. */
import { part, post, type Enrolled } from '../api';
import { field, h, replace, say } from '../dom';

export function told(answer: Enrolled): HTMLElement {
  return h('ul', { class: 'told' },
    (answer.enrolled ?? []).map((e) => h('li', { class: 'good' }, `${e.file || 'picture'}: taken (quality ${e.quality.toFixed(2)})`)),
    (answer.refused ?? []).map((r) => h('li', { class: 'fault' }, `${r.file || 'picture'}: not taken: ${r.message}`)));
}

export function enrolForm(name: string, done: (name: string) => void): HTMLElement {
  const who = h('input', { name: 'name', required: true, maxlength: 127, value: name, readonly: name !== '' });
  const files = h('input', { name: 'file', type: 'file', accept: 'image/*', multiple: true, required: true });
  const button = h('button', { class: 'main' }, name ? 'Add pictures' : 'Add person');
  const largest = h('input', { type: 'checkbox', name: 'largest' });
  const force = h('input', { type: 'checkbox', name: 'force' });
  const result = h('div', { role: 'status' });
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    button.disabled = true;
    replace(result, h('p', { class: 'loading' }, 'Looking at the pictures …'));
    try {
      const body = new FormData();
      if (!name) body.set('name', who.value);
      for (const f of files.files ?? []) body.append('file', f, f.name);
      const how = [largest, force].filter((i) => i.checked).map((i) => `${i.name}=1`).join('&');
      const answer = await post<Enrolled>(`${name ? `/v1/people/${part(name)}/templates` : '/v1/people'}${how && `?${how}`}`, body);
      replace(result, told(answer));
      if (answer.enrolled?.length) done(who.value);
    } catch (why) {
      replace(result, h('p', { class: 'fault' }, `Not added: ${(why as Error).message}.`));
    } finally {
      button.disabled = false;
    }
  };
  return h('form', { class: 'panel', onsubmit: (e: Event) => void send(e) }, h('h2', {}, name ? 'More pictures' : 'Add a person'),
    name ? null : field('Name', who), field('Pictures', files, 'One clear face in each; two or three are better than one'),
    h('label', { class: 'check' }, largest, 'Where there are several faces, take the largest'),
    h('label', { class: 'check' }, force, 'Take it although it looks like somebody else who is known'), button, result);
}

/** Asks for a name and enrols the kept picture under it. `taken` was said by mistake: then the face may look like that person, and is enrolled all the same. */
export function enrolSeen(snapshot: string, taken = ''): void {
  const who = h('input', { name: 'name', required: true, maxlength: 127 });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const title = taken ? `This is not ${taken}` : 'Who is this?';
  const dialog = h('dialog', { 'aria-label': title });
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    if (taken && who.value.trim() === taken) return replace(fault, `Somebody else than ${taken}, please.`);
    try {
      await post(`/v1/people/${part(who.value)}/templates${taken ? '?force=1' : ''}`, { snapshot });
      say(`${who.value} was added.`);
      dialog.close();
    } catch (why) {
      replace(fault, `Not added: ${(why as Error).message}.`);
    }
  };
  replace(dialog, h('form', { onsubmit: (e: Event) => void send(e) }, h('h2', {}, title),
    h('img', { src: `/v1/snapshots/${part(snapshot)}`, alt: 'The face that was seen', width: 192 }),
    taken ? h('p', {}, `Say who it is instead, and faces like this one are told from ${taken} from now on. What was recorded before stays as it is. `,
      h('a', { href: `#/people/${part(taken)}`, onclick: () => dialog.close() }, `A picture of ${taken} that misleads`), ' can be removed.') : null,
    field(taken ? 'Who it is' : 'Name', who), fault,
    h('menu', {}, h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), h('button', { class: 'main' }, 'Add'))));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
