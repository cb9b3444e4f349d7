import { readdirSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { fromText, isSystemError } from '../base/index.ts';
import { compileIgnore, VOLATILE_FOLDER } from '../dockerfile/index.ts';
import type { BuildMeasure } from '../engine/index.ts';

export interface ProposedIgnore {
  /** Lines of a `.dockerignore`. */
  readonly text: string;
  /** Bytes of the context that the build did not take and the lines leave out. */
  readonly bytes: number;
}

/** Entries of a context that are looked at. */
const ENTRIES_MAX = 500_000;

/**
 * The lines of a `.dockerignore` for a context, from the files that the last build took out of it: folders and files of
 * which nothing was taken. What the ignore file leaves out already is not looked at. Folders that change by themselves
 * are proposed though they were taken.
 */
export function proposeIgnore(folder: string, measure: BuildMeasure, ignored: readonly string[]): ProposedIgnore {
  const taken = new Set<string>();
  for (const path of measure.steps.flatMap((step) => step.taken)) {
    for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) taken.add(at);
  }
  const walk = new ContextWalk(folder, taken, compileIgnore(ignored));
  walk.visit('');
  const lines = [
    ...(walk.unused.length === 0 ? [] : [`# not used by build ${measure.buildId}`, ...walk.unused]),
    ...(walk.volatile.length === 0 ? [] : ['# copied, though it changes by itself', ...walk.volatile]),
  ];
  return { text: lines.map((line) => `${line}\n`).join(''), bytes: walk.bytes };
}

class ContextWalk {
  readonly unused: string[] = [];
  readonly volatile: string[] = [];
  bytes = 0;
  readonly #folder: string;
  readonly #taken: ReadonlySet<string>;
  readonly #isIgnored: (path: string) => boolean;
  #entries = 0;

  constructor(folder: string, taken: ReadonlySet<string>, ignore: ReturnType<typeof compileIgnore>) {
    this.#folder = folder;
    this.#taken = taken;
    this.#isIgnored = (path) => ignore.matches(fromText(path));
  }

  visit(below: string): void {
    for (const entry of entriesOf(join(this.#folder, below))) {
      if (++this.#entries > ENTRIES_MAX) return;
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (this.#isIgnored(path)) continue;
      const line = path.replace(/[*?[\\]/g, '\\$&');
      if (!this.#taken.has(path)) {
        this.bytes += this.#sizeOf(path);
        this.unused.push(entry.isDirectory() ? `${line}/` : line);
      } else if (VOLATILE_FOLDER.test(`${path}/`)) {
        this.bytes += this.#sizeOf(path);
        this.volatile.push(`${line}/`);
      } else if (entry.isDirectory()) this.visit(path);
    }
  }

  #sizeOf(path: string): number {
    const full = join(this.#folder, path);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (stat === undefined) return 0;
    if (!stat.isDirectory()) return stat.size;
    if (++this.#entries > ENTRIES_MAX) return 0;
    return entriesOf(full).reduce(
      (sum, entry) => sum + (entry.isSymbolicLink() ? 0 : this.#sizeOf(`${path}/${entry.name}`)),
      0,
    );
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readEntries(folder);
  } catch (error) {
    if (isSystemError(error, 'EACCES', 'ENOENT')) return [];
    throw error;
  }
}

function readEntries(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
