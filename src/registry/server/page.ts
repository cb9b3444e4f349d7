import { PAGE_MAX_BYTES } from '../protocol.ts';
import { refusal } from './answer.ts';

/** Entries of a listing that one answer has at most. */
export const LIST_MAX_ENTRIES = 10_000;

/** Bytes of the entries of one answer. */
const LIST_MAX_BYTES: number = PAGE_MAX_BYTES / 2;

export interface Page<T> {
  readonly entries: readonly T[];
  /** The path of the next page (RFC 8288), where there is one. */
  readonly link?: string;
}

export interface Listing<T> {
  /** In the order of their keys. */
  readonly entries: readonly T[];
  readonly keyOf: (entry: T) => string;
  readonly query: URLSearchParams;
  readonly path: string;
}

/**
 * A part of a sorted list: at most `n` entries that come after `last`, which need not be there (distribution-spec, "Listing
 * tags" and "Listing referrers"); fewer where they would be long. @throws UNSUPPORTED for an `n` that is no number
 */
export function pageOf<T>({ entries: all, keyOf, query, path }: Listing<T>): Page<T> {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,15}$/.test(asked))
    throw refusal('UNSUPPORTED', `n must be a number of entries, not ${JSON.stringify(asked.slice(0, 40))}`, {
      status: 400,
    });
  const count = Math.min(asked === null ? LIST_MAX_ENTRIES : Number(asked), LIST_MAX_ENTRIES);
  const after = query.get('last');
  const rest = after === null ? all : all.filter((entry) => keyOf(entry) > after);
  const entries: T[] = [];
  let bytes = 0;
  for (const entry of rest.slice(0, count)) {
    bytes += Buffer.byteLength(JSON.stringify(entry)) + 1;
    if (bytes > LIST_MAX_BYTES && entries.length > 0) break;
    entries.push(entry);
  }
  const end = entries.at(-1);
  if (end === undefined || entries.length === rest.length) return { entries };
  const next = new URLSearchParams(query);
  next.set('n', String(count));
  next.set('last', keyOf(end));
  return { entries, link: `<${path}?${next.toString()}>; rel="next"` };
}
