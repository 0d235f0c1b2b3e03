/** Who are you? */
import { login, type Session } from '../api';
import { field, h, replace } from '../dom';

export function loginView(root: HTMLElement, done: (s: Session) => void): void {
  const user = h('input', { name: 'user', autocomplete: 'username', required: true });
  const password = h('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true });
  const button = h('button', { class: 'main' }, 'Sign in');
  const fault = h('p', { class: 'fault', role: 'alert' });
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    button.disabled = true;
    replace(fault);
    try {
      done(await login(user.value, password.value));
    } catch (why) {
      replace(fault, `Not signed in: ${(why as Error).message}.`);
      password.value = '';
      password.focus();
    } finally {
      button.disabled = false;
    }
  };
  replace(root, h('form', { class: 'login', onsubmit: (e: Event) => void send(e) },
    h('h1', {}, 'Sign in'), field('User', user), field('Password', password), fault, button,
    h('p', { class: 'hint' }, 'The first start of ', h('code', {}, 'facet serve'), ' prints the first user and password once.')));
  user.focus();
}
