import { ShaleError } from './errors.ts';

const SYMBOLIC = /^[augo]*(?:[-+=][rwxXstugo]*)+(?:,[augo]*(?:[-+=][rwxXstugo]*)+)*$/;
const OCTAL = /^[0-7]+$/;

/** A change of permission bits: takes the low 12 bits of a mode, gives the new ones. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

/**
 * Reads what chmod(1) accepts: octal digits up to 7777, or symbolic clauses such as `u+x,go=r`, taken without a umask.
 * @throws FILE_MODE_INVALID
 */
export function parseFileMode(text: string): ModeChange {
  if (OCTAL.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) throw invalid(text);
    return () => mode;
  }
  if (!SYMBOLIC.test(text)) throw invalid(text);
  const clauses = text.split(',');
  return (mode, isDirectory) =>
    clauses.reduce((bits, clause) => applyClause(clause, bits, isDirectory || (mode & 0o111) !== 0), mode & 0o7777);
}

/** `capitalX`: what X stands for, execute or nothing. */
function applyClause(clause: string, before: number, capitalX: boolean): number {
  const who = /^[augo]*/.exec(clause)?.[0] ?? '';
  const targets = who === '' || who.includes('a') ? 'ugo' : who;
  let mode = before;
  for (const [, operator, permissions] of clause.slice(who.length).matchAll(/([-+=])([rwxXstugo]*)/g)) {
    const { set, reach } = bitsOf(permissions ?? '', targets, mode, capitalX);
    if (operator === '+') mode |= set;
    else if (operator === '-') mode &= ~set;
    else mode = (mode & ~reach) | set;
  }
  return mode;
}

const SHIFTS = { u: 6, g: 3, o: 0 } as const;
const PERMISSIONS = { r: 4, w: 2, x: 1 } as const;

/** The bits that the permissions name for the targets, and all bits that `=` would replace. */
function bitsOf(permissions: string, targets: string, mode: number, capitalX: boolean): { set: number; reach: number } {
  let triple = 0;
  let special = 0;
  for (const letter of permissions) {
    if (letter === 'r' || letter === 'w' || letter === 'x') triple |= PERMISSIONS[letter];
    else if (letter === 'X') triple |= capitalX ? 1 : 0;
    else if (letter === 'u' || letter === 'g' || letter === 'o') triple |= (mode >> SHIFTS[letter]) & 7;
    else if (letter === 't') special |= targets === 'o' ? 0 : 0o1000;
    else if (letter === 's') special |= (targets.includes('u') ? 0o4000 : 0) | (targets.includes('g') ? 0o2000 : 0);
  }
  let set = special;
  let reach = (targets.includes('u') ? 0o4000 : 0) | (targets.includes('g') ? 0o2000 : 0) | (special & 0o1000);
  for (const target of ['u', 'g', 'o'] as const) {
    if (!targets.includes(target)) continue;
    set |= triple << SHIFTS[target];
    reach |= 7 << SHIFTS[target];
  }
  return { set, reach };
}

function invalid(text: string): ShaleError {
  return new ShaleError('FILE_MODE_INVALID', `${JSON.stringify(text)} is not a file mode`, {
    hint: 'a mode is octal, from 0 to 7777, or symbolic like u+x,go=r',
  });
}
