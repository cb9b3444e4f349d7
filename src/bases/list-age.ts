import { ShaleError } from '../base/index.ts';
import type { BaseHost } from './host.ts';

/** A signed list of packages, and when it was made. */
export interface DatedList {
  /** The same for every mirror of it. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly madeAt: number;
  /** Where it came from, for messages. */
  readonly what: string;
}

/**
 * Notices a mirror that shows the state of some time ago, well signed as it was then: a list may not be older than the
 * one that was last accepted on this machine. Remembers this one.
 * @throws LIST_OUTDATED
 */
export async function checkListAge(
  host: BaseHost,
  list: DatedList,
  options: { readonly check: boolean },
): Promise<void> {
  const { name, madeAt, what } = list;
  const seen = await host.seenLists.find(name);
  if (seen === undefined || madeAt > seen) {
    await host.seenLists.record(name, madeAt);
    return;
  }
  if (!options.check || madeAt === seen) return;
  throw new ShaleError(
    'LIST_OUTDATED',
    `${what} is of ${dateText(madeAt)}, older than the one of ${dateText(seen)} that was read here before`,
    {
      data: { name, madeAt, seen },
      hint: 'the mirror lags behind, or hides updates: use another one; --allow-outdated takes it as it is',
    },
  );
}

function dateText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
