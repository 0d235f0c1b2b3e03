/** Says what a mark is when it is pointed at or touched: the text of the nearest `data-tip`. */
import { h } from '../src/dom';

export function tips(root: HTMLElement): void {
  const box = h('div', { class: 'tip', role: 'status', hidden: true });
  root.append(box);
  const show = (e: PointerEvent): void => {
    const said = (e.target as Element).closest<HTMLElement | SVGElement>('[data-tip]')?.dataset['tip'];
    box.hidden = !said;
    if (!said) return;
    box.textContent = said;
    const at = box.getBoundingClientRect();
    box.style.left = `${Math.max(4, Math.min(e.clientX + 14, innerWidth - at.width - 4))}px`;
    box.style.top = `${e.clientY + at.height + 22 > innerHeight ? e.clientY - at.height - 10 : e.clientY + 16}px`;
  };
  root.addEventListener('pointermove', show);
  root.addEventListener('pointerdown', show);
  root.addEventListener('pointerleave', () => { box.hidden = true; });
}
