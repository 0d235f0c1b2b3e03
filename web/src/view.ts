/** What a view is, and the three states that every one of them has: loading, failed, empty. */
import { h, replace } from './dom';
import { ApiError, type Role } from './api';

export interface Context { role: Role | null; path: string[]; query: URLSearchParams; go: (hash: string) => void }

/** Draws into `root`, and returns what ends it (timers, streams). */
export type View = (root: HTMLElement, ctx: Context) => (() => void) | void;

export const mayChange = (ctx: Context): boolean => ctx.role === 'operator' || ctx.role === 'admin';

/** Shows "Loading", then what `draw` makes of the answer; a failure with its reason and a way to try again. */
export async function load<T>(into: HTMLElement, ask: () => Promise<T>, draw: (answer: T) => void): Promise<void> {
  into.setAttribute('aria-busy', 'true');
  if (!into.hasChildNodes()) replace(into, h('p', { class: 'loading' }, 'Loading …'));
  try {
    const answer = await ask();
    draw(answer);
  } catch (e) {
    const why = e instanceof ApiError ? e.message : 'something went wrong here';
    if (!(e instanceof ApiError)) console.error(e);
    replace(into, h('div', { class: 'failed', role: 'alert' }, h('p', {}, `This could not be shown: ${why}.`),
      h('button', { onclick: () => { replace(into); void load(into, ask, draw); } }, 'Try again')));
  } finally {
    into.removeAttribute('aria-busy');
  }
}

export function empty(what: string, ...more: (Node | string)[]): HTMLElement {
  return h('div', { class: 'empty' }, h('p', {}, what), ...more);
}

/** Repeats while the page can be seen; the first time at once. */
export function repeat(every_ms: number, fn: () => Promise<void> | void): () => void {
  let timer = 0, over = false;
  const again = async (): Promise<void> => {
    if (over) return;
    if (!document.hidden) await fn();
    if (!over) timer = window.setTimeout(() => void again(), every_ms);
  };
  void again();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
