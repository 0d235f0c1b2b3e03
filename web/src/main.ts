/** The frame around the views: who is there, where we are, what is said. One view is one file and one line in `views`. */
import './style.css';
import { logout, session, whenLost, type Role, type Session } from './api';
import { h, replace, say } from './dom';
import type { View } from './view';
import { camerasView } from './views/cameras';
import { eventsView } from './views/events';
import { experimentsView } from './views/experiments';
import { liveView } from './views/live';
import { loginView } from './views/login';
import { peopleView } from './views/people';
import { performanceView } from './views/performance';
import { strategiesView } from './views/strategies';

const views: { path: string; title: string; view: View }[] = [
  { path: 'live', title: 'Live', view: liveView },
  { path: 'events', title: 'Events', view: eventsView },
  { path: 'people', title: 'People', view: peopleView },
  { path: 'cameras', title: 'Cameras', view: camerasView },
  { path: 'performance', title: 'Performance', view: performanceView },
  { path: 'strategies', title: 'Strategies', view: strategiesView },
  { path: 'experiments', title: 'Experiments', view: experimentsView },
];

const main = h('main', { id: 'main', tabindex: '-1' });
const nav = h('nav', { 'aria-label': 'Pages' });
const who = h('div', { class: 'who' });
let me: Session = { user: null, role: null, csrf: null };
let end: (() => void) | void;
let shown = '';

function go(hash: string): void {
  location.hash = hash;
}

function drawFrame(path: string): void {
  replace(nav, views.map((v) =>
    h('a', { href: `#/${v.path}`, 'aria-current': v.path === path ? 'page' : null }, v.title)));
  nav.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  replace(who, me.user ? h('span', {}, `${me.user} (${me.role})`) : null,
    me.user ? h('button', { class: 'quiet', onclick: () => void leave() }, 'Sign out') : null);
}

async function leave(): Promise<void> {
  try {
    await logout();
  } catch { /* gone either way */ }
  me = { user: null, role: null, csrf: null };
  show();
}

function show(): void {
  const [where, search] = (location.hash.replace(/^#\/?/, '') || 'live').split('?');
  const path = (where ?? '').split('/').filter(Boolean).map(decodeURIComponent);
  const found = views.find((v) => v.path === path[0]);
  if (end) end();
  end = undefined;
  const root = h('div', { class: 'view' });
  const signedIn = me.role !== null;
  nav.hidden = !signedIn;
  drawFrame(found && signedIn ? found.path : '');
  replace(main, root);
  const ctx = { role: me.role as Role | null, path: path.slice(1), query: new URLSearchParams(search ?? ''), go };
  if (!signedIn) {
    document.title = 'Sign in – Facet';
    loginView(root, (s) => { me = s; show(); });
  } else if (!found) {
    document.title = 'Not found – Facet';
    replace(root, h('h1', {}, 'There is no such page'), h('p', {}, h('a', { href: '#/live' }, 'To the cameras')));
  } else {
    document.title = `${found.title} – Facet`;
    end = found.view(root, ctx);
  }
  if (shown && shown !== path[0]) main.focus();
  shown = path[0] ?? '';
}

async function begin(): Promise<void> {
  document.body.append(
    h('a', { class: 'skip', href: '#main', onclick: (e: Event) => { e.preventDefault(); main.focus(); } }, 'To the content'),
    h('header', {}, h('a', { class: 'brand', href: '#/live' }, h('img', { src: './icon.svg', alt: '', width: 24, height: 24 }), 'Facet'), nav, who),
    main, h('div', { id: 'said', role: 'status', 'aria-live': 'polite' }));
  window.addEventListener('hashchange', show);
  whenLost(() => {
    if (me.role === null) return;
    me = { user: null, role: null, csrf: null };
    say('You were signed out.');
    show();
  });
  try {
    me = await session();
    show();
  } catch {
    replace(main, h('div', { class: 'failed', role: 'alert' }, h('h1', {}, 'The server cannot be reached'),
      h('button', { onclick: () => location.reload() }, 'Try again')));
  }
}

void begin();
