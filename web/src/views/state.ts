/** A camera's state as a badge: colour and word. */
import type { Camera } from '../api';
import { h } from '../dom';
import { since } from '../format';

const words: Record<string, string> = {
  connecting: 'connecting', waiting_keyframe: 'waiting for keyframe', live: 'live', stalled: 'stalled',
  lost: 'lost', disabled: 'off', ended: 'ended',
};

export const stateWord = (state: string): string => words[state] ?? state;

export function stateBadge(c: Camera): HTMLElement {
  const word = stateWord(c.state);
  const about = c.since_ms ? `${word} for ${since(c.since_ms)}` : word;
  return h('span', { class: `badge ${c.state}`, title: about }, word);
}
