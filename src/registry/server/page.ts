import { refusal } from './answer.ts';

/** Entries of a listing that one answer has at most. */
export const LIST_MAX_ENTRIES = 10_000;

export interface Page {
  readonly entries: readonly string[];
  /** The path of the next page (RFC 8288), where there is one. */
  readonly link?: string;
}

/**
 * A part of a sorted list: at most `n` entries that come after `last`, which need not be there (distribution-spec, "Listing
 * tags"). @throws UNSUPPORTED for an `n` that is no number
 */
export function pageOf(sorted: readonly string[], query: URLSearchParams, path: string): Page {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,15}$/.test(asked))
    throw refusal('UNSUPPORTED', `n must be a number of entries, not ${JSON.stringify(asked.slice(0, 40))}`, {
      status: 400,
    });
  const count = Math.min(asked === null ? LIST_MAX_ENTRIES : Number(asked), LIST_MAX_ENTRIES);
  const after = query.get('last');
  const rest = after === null ? sorted : sorted.filter((entry) => entry > after);
  const entries = rest.slice(0, count);
  const end = entries.at(-1);
  if (end === undefined || entries.length === rest.length) return { entries };
  return { entries, link: `<${path}?n=${count}&last=${encodeURIComponent(end)}>; rel="next"` };
}
