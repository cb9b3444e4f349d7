import { compareBytes, toBytes, type ByteString } from '../../base/index.ts';
import type { DuplicateGroup } from '../types.ts';
import type { WasteTally } from './waste-tally.ts';

const GROUPS_MAX = 1000;
const PLACES_MAX = 100;

interface Place {
  readonly path: ByteString;
  readonly layer: number;
  /** False where the file counts as waste or as optional for another reason. */
  readonly counts: boolean;
}

/** Files that are visible in the end, by what they hold. */
export class Duplicates {
  readonly #first = new Map<string, Place & { readonly bytes: number }>();
  readonly #more = new Map<string, Place[]>();

  add(place: Place, sha256: Uint8Array, bytes: number): void {
    const key = Buffer.from(sha256.buffer, sha256.byteOffset, sha256.byteLength).toString('latin1');
    if (!this.#first.has(key)) {
      this.#first.set(key, { ...place, bytes });
      return;
    }
    const more = this.#more.get(key);
    if (more === undefined) this.#more.set(key, [place]);
    else more.push(place);
  }

  /** The groups, and what further files take as waste. */
  groups(tally: WasteTally): DuplicateGroup[] {
    const groups: DuplicateGroup[] = [];
    for (const [key, more] of this.#more) {
      const first = this.#first.get(key);
      if (first === undefined) continue;
      for (const { path, layer, counts } of more)
        if (counts)
          tally.add({ path, isFolder: false, cause: 'duplicate', files: 1, bytes: first.bytes, layer, by: undefined });
      groups.push({
        sha256: toBytes(key).toString('hex'),
        fileBytes: first.bytes,
        wastedBytes: first.bytes * more.length,
        places: [first, ...more].slice(0, PLACES_MAX).map(({ path, layer }) => ({ path, layer })),
        count: more.length + 1,
      });
    }
    return groups
      .toSorted((a, b) => b.wastedBytes - a.wastedBytes || compareBytes(a.sha256, b.sha256))
      .slice(0, GROUPS_MAX);
  }
}
