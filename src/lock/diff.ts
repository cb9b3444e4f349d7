import { requestKey } from './answers.ts';
import type { LockedAnswer, LockedSource, LockedStep, LockFile } from './lock-file.ts';

/** One thing that two lock files have not in common. */
export interface LockChange {
  readonly kind: 'base' | 'source' | 'package' | 'answer' | 'step';
  /** `apt:nginx`, an address, a reference, the text of a step. */
  readonly name: string;
  /** Of packages and what is in a step: its text. */
  readonly step?: string;
  /** A version, or the beginning of a digest; absent: it is new. */
  readonly before?: string;
  /** Absent: it is gone. */
  readonly after?: string;
}

/**
 * What is new, gone and other in a second lock file: bases, sources, packages by name, other answers by address. Steps that
 * only one of them has are told as such, with their packages.
 */
export function diffLocks(before: LockFile, after: LockFile): LockChange[] {
  return [
    ...changes(
      'base',
      before.bases.map((base) => [`${base.reference} ${base.platform}`, short(base.image)]),
      after.bases.map((base) => [`${base.reference} ${base.platform}`, short(base.image)]),
    ),
    ...changes('source', before.sources.map(sourceEntry), after.sources.map(sourceEntry)),
    ...stepChanges(before.steps, after.steps),
  ];
}

type Entry = readonly [name: string, value: string];

function changes(
  kind: LockChange['kind'],
  before: readonly Entry[],
  after: readonly Entry[],
  step?: string,
): LockChange[] {
  const [old, now] = [grouped(before), grouped(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === is) return [];
    const values = { ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) };
    return [{ kind, name, ...(step !== undefined && { step }), ...values }];
  });
}

/** Several values of one name, as versions of a package, stand beside each other. */
function grouped(entries: readonly Entry[]): Map<string, string> {
  const groups = new Map<string, Set<string>>();
  for (const [name, value] of entries) groups.set(name, (groups.get(name) ?? new Set()).add(value));
  return new Map(Array.from(groups, ([name, values]) => [name, [...values].toSorted().join(', ')]));
}

function sourceEntry(source: LockedSource): Entry {
  return 'url' in source
    ? [source.url, short(source.digest)]
    : [`${source.repository}#${source.ref}`, source.commit.slice(0, 12)];
}

function stepChanges(before: readonly LockedStep[], after: readonly LockedStep[]): LockChange[] {
  const [old, now] = [byIdentity(before), byIdentity(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    const { step } = is ?? was ?? { step: key };
    const gone: LockChange[] =
      was !== undefined && is === undefined ? [{ kind: 'step', name: step, before: 'locked' }] : [];
    const added: LockChange[] =
      was === undefined && is !== undefined ? [{ kind: 'step', name: step, after: 'locked' }] : [];
    const [one, other] = [was?.fetched ?? [], is?.fetched ?? []];
    return [
      ...gone,
      ...added,
      ...changes('package', one.flatMap(packageEntry), other.flatMap(packageEntry), step),
      ...changes('answer', one.flatMap(answerEntry), other.flatMap(answerEntry), step),
    ];
  });
}

/** By text and platform; of equal ones by number. */
function byIdentity(steps: readonly LockedStep[]): Map<string, LockedStep> {
  const found = new Map<string, LockedStep>();
  for (const step of steps) {
    const key = JSON.stringify([step.platform, step.step]);
    let number = 0;
    while (found.has(`${key} ${number}`)) number++;
    found.set(`${key} ${number}`, step);
  }
  return found;
}

function packageEntry({ package: name, version, architecture, method, digest }: LockedAnswer): Entry[] {
  if (name === undefined || method !== 'GET') return [];
  const about = [version, architecture, digest && `(${short(digest)})`];
  return [[name, about.filter((one) => one !== undefined).join(' ')]];
}

function answerEntry(answer: LockedAnswer): Entry[] {
  if (answer.package !== undefined) return [];
  const { method, url, range, body } = answer;
  const name = range === undefined && body === undefined ? `${method} ${url}` : requestKey(answer);
  return [[name, answer.error ?? (answer.digest === undefined ? String(answer.status) : short(answer.digest))]];
}

function short(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}
