import { createHash } from 'node:crypto';
import type { TarEntry } from '../../archive/index.ts';
import { framedHash, Pace, toText } from '../../base/index.ts';
import type { StepInputs } from '../../solver/index.ts';
import type { CopyPlan, PlannedEntry } from '../copy/planned.ts';

/** Finds the digests of all contents out, and lets others have their turn meanwhile. */
export async function settleContents(plan: CopyPlan): Promise<void> {
  const pace = new Pace();
  for (const { content } of plan.entries()) {
    const preparing = content?.prepare?.(pace);
    if (preparing !== undefined) await preparing;
    content?.sha256();
    if (pace.isOver()) await pace.rest();
  }
}

type Pair = readonly [name: string, value: string];

/** Some named inputs and the files of plans, made while they are asked for, all in the order of their names if they can be. */
export function inputsWith(some: Iterable<Pair>, ...files: readonly (() => Iterable<Pair>)[]): StepInputs {
  const sorted = [...some].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    *[Symbol.iterator]() {
      let next = 0;
      for (const made of files) {
        for (const pair of made()) {
          for (let one = sorted[next]; one !== undefined && one[0] < pair[0]; one = sorted[++next]) yield one;
          yield pair;
        }
      }
      yield* sorted.slice(next);
    },
  };
}

/**
 * Planned entries as named inputs of a step: one for each file, under the name that people know it by, with everything
 * that its place in the layer depends on. Equal descriptions give equal layers.
 */
export function* describeEntries(entries: Iterable<PlannedEntry>): Generator<readonly [string, string]> {
  const attributesText = rememberingLast();
  for (const planned of entries) {
    const { entry, origin } = planned;
    const name = origin === '' ? `directory:/${toText(entry.path)}` : `file:${origin} -> /${toText(entry.path)}`;
    yield [name, describeEntry(planned, attributesText(entry))];
  }
}

const HASHED_AT_ONCE_CHARACTERS = 64 * 1024;

/** A digest over the descriptions of entries, each framed: what they are is not asked, only whether they are the same. */
export function hashEntries(entries: Iterable<PlannedEntry>): string {
  const hash = createHash('sha256');
  let text = '';
  for (const [name, value] of describeEntries(entries)) {
    text += `${name.length}:${value.length}:${name}${value}`;
    if (text.length < HASHED_AT_ONCE_CHARACTERS) continue;
    hash.update(text);
    text = '';
  }
  return hash.update(text).digest('hex');
}

/** `kind mode uid:gid mtime`. Most entries have those of the one before, and a text costs more than a comparison. */
function rememberingLast(): (entry: TarEntry) => string {
  let last: TarEntry | undefined;
  let text = '';
  return (entry) => {
    const { kind, mode, uid, gid, mtimeNs } = entry;
    const isSame =
      last?.kind === kind && last.mode === mode && last.uid === uid && last.gid === gid && last.mtimeNs === mtimeNs;
    if (!isSame) text = `${kind} ${mode.toString(8).padStart(4, '0')} ${uid}:${gid} ${mtimeNs}`;
    last = entry;
    return text;
  };
}

/** `kind mode uid:gid mtime content`, with what is unusual after it. The parts are what a miss is explained by. */
function describeEntry({ entry, content }: PlannedEntry, attributes: string): string {
  let text = attributes;
  if (entry.kind === 'file') text += ` ${content === undefined ? '-' : hexOf(content.sha256())}`;
  if (entry.linkTarget !== '') text += ` ${framedHash('link', Buffer.from(entry.linkTarget, 'latin1'))}`;
  if (entry.kind === 'character' || entry.kind === 'block') text += ` ${entry.deviceMajor}:${entry.deviceMinor}`;
  if (entry.xattrs.size > 0) {
    const xattrs = [...entry.xattrs].map(([name, value]) => [Buffer.from(name, 'latin1'), value]);
    text += ` ${framedHash('xattrs', xattrs)}`;
  }
  return text;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
