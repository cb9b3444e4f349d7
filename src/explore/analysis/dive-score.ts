import type { ByteString } from '../../base/index.ts';
import type { DiveScore } from '../types.ts';

/** Paths that are told. */
const SHOWN_MAX = 1000;

/**
 * dive's score: of every path that is a leaf of some layer's tree (a file, link or device, a whiteout, a directory in which
 * the layer has nothing) the sizes in all layers are added up, and the least is what would have done. A whiteout of a
 * directory has the size of all that it hides, that of a file none. Waste is what paths have that are in two layers or more.
 */
export class DiveTally {
  #least = 0;
  #all = 0;
  #wasted = 0;
  readonly #inefficient: { path: ByteString; count: number; bytes: number }[] = [];

  /** One path with its sizes by layer. */
  add(path: ByteString, sizes: readonly number[]): void {
    const [first] = sizes;
    if (first === undefined) return;
    if (sizes.length === 1) {
      this.#least += first;
      this.#all += first;
      return;
    }
    const sum = sizes.reduce((total, size) => total + size, 0);
    this.#least += Math.min(...sizes);
    this.#all += sum;
    this.#wasted += sum;
    this.#inefficient.push({ path, count: sizes.length, bytes: sum });
  }

  score(layerBytes: readonly number[]): DiveScore {
    const totalBytes = layerBytes.reduce((sum, bytes) => sum + bytes, 0);
    const userBytes = totalBytes - (layerBytes[0] ?? 0);
    return {
      efficiency: this.#all === 0 ? 1 : this.#least / this.#all,
      totalBytes,
      userBytes,
      wastedBytes: this.#wasted,
      wastedUserShare: userBytes === 0 ? 0 : this.#wasted / userBytes,
      inefficient: this.#inefficient
        .toSorted((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1))
        .slice(0, SHOWN_MAX),
    };
  }
}
