import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ConfigFields, TreeChanges } from './trees.ts';
import { GROUPS } from './cases/index.ts';

/** An entry of a context: a file's text, or what it is. */
export type ContextEntry =
  | string
  | { readonly text?: string; readonly base64?: string; readonly mode?: number }
  | { readonly link: string }
  | { readonly directory: true; readonly mode?: number };

/** A whole build of our own. Its answer is recorded from docker. */
export interface BuildCase {
  /** What it shows, as a sentence. */
  readonly name: string;
  /** The lines of the Dockerfile. */
  readonly dockerfile: readonly string[];
  readonly files?: Readonly<Record<string, ContextEntry>>;
  /** Options of `build`, as docker and shale both take them. */
  readonly args?: readonly string[];
}

/** The cases about one feature. */
export interface CaseGroup {
  readonly name: string;
  /** The page of the documentation that the cases come from. */
  readonly from: string;
  readonly cases: readonly BuildCase[];
}

/** What docker made of a case. */
export type Answer =
  | { readonly kind: 'image'; readonly config: ConfigFields; readonly changes: TreeChanges }
  /** It refuses it; with what it says, for readers. */
  | { readonly kind: 'failure'; readonly message: string };

/** Recorded answers of a group, by the names of its cases. */
export type Answers = Readonly<Record<string, Answer>>;

export function answersPath(group: string): string {
  return join(import.meta.dirname, 'answers', `${group}.json`);
}

export function readAnswers(group: string): Answers {
  return JSON.parse(readFileSync(answersPath(group), 'utf8')) as Answers; // Written by the recorder.
}

export function findGroups(names: readonly string[]): readonly CaseGroup[] {
  const unknown = names.find((name) => !GROUPS.some((group) => group.name === name));
  if (unknown !== undefined)
    throw new Error(`no group ${unknown}; there are ${GROUPS.map(({ name }) => name).join(', ')}`);
  return names.length === 0 ? GROUPS : GROUPS.filter(({ name }) => names.includes(name));
}

/** Writes the context of a case, the same whatever the umask. */
export function writeContext(folder: string, { dockerfile, files = {} }: BuildCase): void {
  const entries: Readonly<Record<string, ContextEntry>> = { Dockerfile: `${dockerfile.join('\n')}\n`, ...files };
  for (const [name, entry] of Object.entries(entries)) writeEntry(join(folder, name), folder, entry);
}

function writeEntry(path: string, root: string, entry: ContextEntry): void {
  makeParents(dirname(path), root);
  if (typeof entry === 'string') return writeFile(path, Buffer.from(entry), 0o644);
  if ('link' in entry) return symlinkSync(entry.link, path);
  if ('directory' in entry) {
    mkdirSync(path, { recursive: true });
    return chmodSync(path, entry.mode ?? 0o755);
  }
  const content = entry.base64 === undefined ? Buffer.from(entry.text ?? '') : Buffer.from(entry.base64, 'base64');
  writeFile(path, content, entry.mode ?? 0o644);
}

function writeFile(path: string, content: Buffer, mode: number): void {
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function makeParents(path: string, root: string): void {
  if (path === root || path === dirname(path)) return;
  makeParents(dirname(path), root);
  if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, 0o755);
}
