export interface ImportStatement {
  readonly specifier: string;
  /** Counted from 1. */
  readonly line: number;
  /** `import type …` or `export type …`: gone at run time. */
  readonly typeOnly: boolean;
  /** `import(…)`: loaded when reached. */
  readonly dynamic: boolean;
}

const STATIC = /^[ \t]*(?:import|export)\b(?<what>[^;'"`]*?)\bfrom\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm;
const BARE = /^[ \t]*import\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/gm;
const DYNAMIC = /\bimport\(\s*(?<quote>['"])(?<specifier>[^'"\n]+)\k<quote>/g;
const WORKER = /\bnew URL\(\s*(?<quote>['"])(?<specifier>\.[^'"\n]+\.ts)\k<quote>\s*,\s*import\.meta\.url/g;

/** Every import of a TypeScript source, also re-exports, `import()` and files named by `new URL(…, import.meta.url)`. */
export function scanImports(source: string): ImportStatement[] {
  const text = blankComments(source);
  const found = (pattern: RegExp, dynamic: boolean): ImportStatement[] =>
    [...text.matchAll(pattern)].map((match) => ({
      specifier: match.groups?.['specifier'] ?? '',
      line: text.slice(0, match.index).split('\n').length,
      typeOnly: isTypeOnly(match.groups?.['what'] ?? ''),
      dynamic,
    }));
  return [...found(STATIC, false), ...found(BARE, false), ...found(DYNAMIC, true), ...found(WORKER, true)];
}

/** `type { A }`, `type A`, or `{ type A, type B }`. */
function isTypeOnly(what: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(what)) return true;
  const names = /^\s*\{(?<names>[^}]*)\}\s*$/.exec(what)?.groups?.['names'];
  if (names === undefined) return false;
  const parts = names.split(',').filter((name) => name.trim() !== '');
  return parts.length > 0 && parts.every((name) => /^\s*type\s/.test(name));
}

/** Puts blanks where comments stand, line ends kept, so that a commented-out import is none. */
function blankComments(source: string): string {
  return source.replaceAll(/^[ \t]*\/\/.*$|^[ \t]*\/\*[\s\S]*?\*\//gm, (comment) => comment.replaceAll(/[^\n]/g, ' '));
}
