import { createHash, hash, type Hash } from 'node:crypto';

const SHA256_BYTES = 32;
/** sha256 of nothing, as a constant: whoever loads this file is to load no cryptography by that. */
const EMPTY: Uint8Array = Buffer.from('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex');

/** The digests of a tar. */
export interface TarSums {
  readonly hex: string;
  /** Of the files that were announced, in their order, 32 bytes each. */
  readonly contents: Uint8Array;
}

/** sha256 of a tar and of files in it, while it passes. */
export class TarDigests {
  readonly #tar: Hash = createHash('sha256');
  readonly #done: Uint8Array[] = [];
  /** Where the announced files begin, and their sizes, in turn; and the first that is not done. */
  #files: number[] = [];
  #next = 0;
  /** Of a file that began in an earlier piece. */
  #begun: Hash | undefined;
  #offset = 0;

  /** Announces files, in the order of the tar and before their bytes: pairs of offset in the tar and size. */
  announce(files: Iterable<number>): void {
    if (this.#next > 0) this.#files = this.#files.slice(this.#next);
    this.#next = 0;
    for (const value of files) this.#files.push(value);
  }

  /** Takes the next bytes of the tar. */
  update(bytes: Uint8Array): void {
    this.#tar.update(bytes);
    const end = this.#offset + bytes.byteLength;
    for (; this.#next < this.#files.length; this.#next += 2) {
      const [begin = 0, sizeBytes = 0] = [this.#files[this.#next], this.#files[this.#next + 1]];
      if (begin >= end && sizeBytes > 0) break;
      const part = bytes.subarray(Math.max(0, begin - this.#offset), Math.max(0, begin + sizeBytes - this.#offset));
      if (begin + sizeBytes > end) {
        (this.#begun ??= createHash('sha256')).update(part);
        break;
      }
      this.#done.push(this.#digestOf(part, sizeBytes));
    }
    this.#offset = end;
  }

  /** The tar is complete. */
  end(): TarSums {
    for (; this.#next < this.#files.length; this.#next += 2) this.#done.push(this.#digestOf(new Uint8Array(0), 0));
    return { hex: this.#tar.digest('hex'), contents: Buffer.concat(this.#done, this.#done.length * SHA256_BYTES) };
  }

  #digestOf(last: Uint8Array, sizeBytes: number): Uint8Array {
    if (sizeBytes === 0) return EMPTY;
    const begun = this.#begun;
    this.#begun = undefined;
    return begun === undefined ? hash('sha256', last, 'buffer') : begun.update(last).digest();
  }
}
