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

/** What was said by mistake: whom the event named. */
export interface Mistake { name: string; done: () => void }

/** Asks for a name and enrols the face of an event under it. After a mistake the name may stay open, and the face is enrolled although it looks like the other's. */
export function enrolSeen(event: string, snapshot: string, mistake?: Mistake): void {
  const who = h('input', { name: 'name', required: !mistake, maxlength: 127 });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const title = mistake ? `This is not ${mistake.name}` : 'Who is this?';
  const dialog = h('dialog', { 'aria-label': title });
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    const name = who.value.trim();
    if (mistake && name === mistake.name) return replace(fault, `Somebody else than ${mistake.name}, or nobody, please.`);
    try {
      if (name) await post(`/v1/people/${part(name)}/templates${mistake ? '?force=1' : ''}`, { event });
      if (mistake) {
        const { corrected } = await post<{ corrected: number }>(`/v1/events/${part(event)}/correct`);
        say(`${mistake.name} was taken from ${corrected} event${corrected === 1 ? '' : 's'}.`);
      }
      if (name) say(`${name} was added.`);
      dialog.close();
      mistake?.done();
    } catch (why) {
      replace(fault, `Not done: ${(why as Error).message}.`);
    }
  };
  replace(dialog, h('form', { onsubmit: (e: Event) => void send(e) }, h('h2', {}, title),
    snapshot ? h('img', { src: `/v1/snapshots/${part(snapshot)}`, alt: 'The face that was seen', width: 192 }) : null,
    mistake ? h('p', {}, 'The name is taken from this event and the others of its track. So that faces like this one are told apart from now on, say who it is, or remove ',
      h('a', { href: `#/people/${part(mistake.name)}`, onclick: () => dialog.close() }, `a picture of ${mistake.name} that misleads`), '.') : null,
    mistake && !snapshot ? null : field(mistake ? 'Who it is (may stay empty)' : 'Name', who), fault,
    h('menu', {}, h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'), h('button', { class: 'main' }, mistake ? 'Correct' : 'Add'))));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
