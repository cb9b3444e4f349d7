import { compareBytes, type ByteString } from '../../base/index.ts';
import { CAUSES, ruleLink, ruleOf } from '../rules.ts';
import type { ShaleScore, Waste, WasteCause, WasteEntry, WasteWeight } from '../types.ts';
import { addTo, sumAt, type GrowingSum } from './sums.ts';

/** Entries that are told. */
const SHOWN_MAX = 2000;

/** An entry before its rule and weight are looked up. */
export type TalliedWaste = Omit<WasteEntry, 'weight' | 'rule'>;

/** Gathers what is wasted, each byte under one cause. */
export class WasteTally {
  readonly #causes = new Map<WasteCause, GrowingSum>();
  readonly #entries: WasteEntry[] = [];
  #count = 0;

  add(entry: TalliedWaste): void {
    addTo(sumAt(this.#causes, entry.cause), entry.bytes, entry.files);
    if (entry.bytes === 0) return;
    this.#count++;
    this.#entries.push({ ...entry, weight: CAUSES[entry.cause].weight, rule: ruleOf(entry.cause, entry.path) });
    // Only the largest are told, and an image may have hundreds of thousands.
    if (this.#entries.length > 10 * SHOWN_MAX) this.#keepLargest();
  }

  waste(): Waste {
    this.#keepLargest();
    const causes = Array.from(this.#causes, ([cause, { files, bytes }]) => {
      const { weight, meaning, rules } = CAUSES[cause];
      return { cause, weight, meaning, files, bytes, rules: rules.map(ruleLink) };
    });
    return {
      causes: causes
        .filter(({ bytes }) => bytes > 0)
        .toSorted((a, b) => b.bytes - a.bytes || compareBytes(a.cause, b.cause)),
      entries: [...this.#entries],
      moreEntries: this.#count - this.#entries.length,
    };
  }

  score(totalBytes: number): ShaleScore {
    const bytesOf = (weight: WasteWeight): number => {
      let sum = 0;
      for (const [cause, { bytes }] of this.#causes) if (CAUSES[cause].weight === weight) sum += bytes;
      return sum;
    };
    const [lostBytes, avoidableBytes] = [bytesOf('lost'), bytesOf('avoidable')];
    return {
      efficiency: totalBytes === 0 ? 1 : 1 - (lostBytes + avoidableBytes) / totalBytes,
      totalBytes,
      lostBytes,
      avoidableBytes,
      optionalBytes: bytesOf('optional'),
    };
  }

  #keepLargest(): void {
    this.#entries.sort(
      (a, b) =>
        b.bytes - a.bytes || compareBytes(a.path, b.path) || a.layer - b.layer || compareBytes(a.cause, b.cause),
    );
    this.#entries.length = Math.min(this.#entries.length, SHOWN_MAX);
  }
}

/** What lies in a folder that is one entry of waste, by layer. */
export class Region {
  readonly cause: WasteCause;
  readonly path: ByteString;
  readonly #byLayer = new Map<number, GrowingSum>();

  constructor(cause: WasteCause, path: ByteString) {
    this.cause = cause;
    this.path = path;
  }

  add(layer: number, bytes: number): void {
    addTo(sumAt(this.#byLayer, layer), bytes);
  }

  tellTo(tally: WasteTally): void {
    for (const [layer, { files, bytes }] of this.#byLayer)
      tally.add({ path: this.path, isFolder: true, cause: this.cause, files, bytes, layer, by: undefined });
  }
}
