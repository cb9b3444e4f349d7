/** A list of which one row is chosen and a window of rows is seen; `top` is the first of these. */
export interface ListPosition {
  readonly selected: number;
  readonly top: number;
}

export const LIST_START: ListPosition = { selected: 0, top: 0 };

/** How far keys move: rows, or to an end. */
const STEPS: Readonly<Record<string, (window: number) => number>> = {
  up: () => -1,
  k: () => -1,
  down: () => 1,
  j: () => 1,
  'ctrl+p': () => -1,
  'ctrl+n': () => 1,
  'page-up': (window) => -Math.max(1, window - 1),
  'page-down': (window) => Math.max(1, window - 1),
  home: () => -Infinity,
  g: () => -Infinity,
  end: () => Infinity,
  G: () => Infinity,
};

/** The key moves through a list or a text. */
export function isMove(key: string): boolean {
  return Object.hasOwn(STEPS, key);
}

/** The list after a key that moves in it, `window` of its `count` rows being seen. */
export function moveInList(list: ListPosition, key: string, count: number, window: number): ListPosition {
  const step = STEPS[key]?.(window) ?? 0;
  return select(list, list.selected + step, count, window);
}

/** Chooses a row, or the nearest that there is, and moves the window no further than is needed to see it. */
export function select(list: ListPosition, selected: number, count: number, window: number): ListPosition {
  const chosen = clamp(selected, 0, count - 1);
  const lowest = Math.max(0, chosen - Math.max(1, window) + 1);
  return { selected: chosen, top: clamp(clamp(list.top, lowest, chosen), 0, Math.max(0, count - window)) };
}

/** The first line of a text that is seen, after a key that moves in it. */
export function moveInText(top: number, key: string, count: number, window: number): number {
  return clamp(top + (STEPS[key]?.(window) ?? 0), 0, Math.max(0, count - window));
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(value, max));
}
