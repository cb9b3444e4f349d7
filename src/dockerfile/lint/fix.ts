import type { Span } from '../syntax/source.ts';

/** A part of the file that another text takes the place of. */
export interface TextEdit extends Span {
  readonly text: string;
}

/**
 * A mend. `effect` says what differs in the image: `none` nothing that is in it; `config` its config only; `caches` lists and
 * caches of package managers; `files` what is installed or where. A safe fix claims one of the first three.
 */
export interface Fix {
  /** What it does, as an order: `add -y`. */
  readonly title: string;
  readonly safety: 'safe' | 'unsafe';
  readonly effect: 'none' | 'config' | 'caches' | 'files';
  /** In any order; they do not overlap. */
  readonly edits: readonly TextEdit[];
}

export function insertion(at: number, text: string): TextEdit {
  return { start: at, end: at, text };
}

export function replacement({ start, end }: Span, text: string): TextEdit {
  return { start, end, text };
}

/** The text with edits made; those that touch one that was taken before are left out. Both lists are in the order given. */
export function applyFixes<T extends Pick<Fix, 'edits'>>(
  text: string,
  fixes: readonly T[],
): { readonly text: string; readonly taken: readonly T[]; readonly left: readonly T[] } {
  const edits: TextEdit[] = [];
  const taken: T[] = [];
  const left: T[] = [];
  for (const fix of fixes) {
    if (fix.edits.some((edit) => edits.some((other) => collide(edit, other)))) {
      left.push(fix);
      continue;
    }
    edits.push(...fix.edits);
    taken.push(fix);
  }
  let result = text;
  for (const { start, end, text: inserted } of edits.toSorted((a, b) => b.start - a.start || b.end - a.end)) {
    result = result.slice(0, start) + inserted + result.slice(end);
  }
  return { text: result, taken, left };
}

/** True when two edits have a character in common, or insert at one place. */
function collide(a: Span, b: Span): boolean {
  return a.start === b.start || (a.start < b.end && b.start < a.end);
}
