import type { SparseExtent } from './entry.ts';
import type { PaxSparse } from './pax.ts';
import {
  EXTENSION_SPARSE_FIELDS,
  GNU_SPARSE_FIELDS,
  readSparseSlots,
  sparseExtents,
  SparseMapReader,
  STAR_SPARSE_FIELDS,
} from './sparse.ts';
import type { TarFail } from './tar-errors.ts';
import { BLOCK_BYTES, type HeaderFormat, numericField } from './tar-header.ts';

/** Which blocks have to be read before the map is whole: none, GNU's and star's extensions, or those of PAX 1.0. */
type Pending =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'extension' }
  | { readonly kind: 'map'; readonly reader: SparseMapReader };

/** A sparse file whose map is being read. */
export class SparseEntry {
  /** Bytes of the expanded file. */
  readonly sizeBytes: number;
  readonly #fail: TarFail;
  readonly #numbers: number[];
  #storedBytes: number;
  #pending: Pending;

  private constructor(sizeBytes: number, storedBytes: number, numbers: number[], pending: Pending, fail: TarFail) {
    if (Number.isNaN(sizeBytes) || sizeBytes < 0) {
      fail('TAR_NUMBER', 'size of the sparse file is malformed or negative');
    }
    this.sizeBytes = sizeBytes;
    this.#storedBytes = storedBytes;
    this.#numbers = numbers;
    this.#pending = pending;
    this.#fail = fail;
  }

  /** Starts with a header of type `S`. */
  static ofHeader(block: Buffer, at: number, format: HeaderFormat, storedBytes: number, fail: TarFail): SparseEntry {
    if (format !== 'gnu' && format !== 'star') {
      return fail('TAR_HEADER', `a sparse entry cannot stand in a tar of format ${format}`);
    }
    const isGnu = format === 'gnu';
    const numbers: number[] = [];
    const fields = isGnu ? GNU_SPARSE_FIELDS : STAR_SPARSE_FIELDS;
    const continues = readSparseSlots(block, at, fields, numbers, fail);
    const sizeBytes = numericField(block, at + (isGnu ? 483 : 452), 12);
    return new SparseEntry(sizeBytes, storedBytes, numbers, { kind: continues ? 'extension' : 'nothing' }, fail);
  }

  /** Starts with what a PAX header says. */
  static ofPax(sparse: PaxSparse, storedBytes: number, fail: TarFail): SparseEntry {
    if (sparse.sizeBytes === undefined) return fail('TAR_HEADER', 'sparse file without its size');
    const version = `${sparse.major ?? '0'}.${sparse.minor ?? '0'}`;
    switch (version) {
      case '0.0':
      case '0.1':
        if (sparse.extentCount !== undefined && sparse.extentCount * 2 !== sparse.numbers.length) {
          return fail('TAR_HEADER', `sparse map has not the ${sparse.extentCount} parts that it claims`);
        }
        return new SparseEntry(sparse.sizeBytes, storedBytes, sparse.numbers, { kind: 'nothing' }, fail);
      case '1.0': {
        if (storedBytes < BLOCK_BYTES) return fail('TAR_HEADER', 'sparse map is missing');
        const reader = new SparseMapReader(fail);
        return new SparseEntry(sparse.sizeBytes, storedBytes, reader.numbers, { kind: 'map', reader }, fail);
      }
      default:
        return fail('TAR_HEADER', `sparse format ${JSON.stringify(version.slice(0, 40))} is not known`);
    }
  }

  /** True when no further block belongs to the map. */
  get isWhole(): boolean {
    return this.#pending.kind === 'nothing';
  }

  /** Bytes of content in the tar, without those of the map that have been read. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Takes the next block of the map. */
  take(block: Buffer, at: number): void {
    switch (this.#pending.kind) {
      case 'extension':
        if (!readSparseSlots(block, at, EXTENSION_SPARSE_FIELDS, this.#numbers, this.#fail)) this.#finish();
        return;
      case 'map':
        this.#storedBytes -= BLOCK_BYTES;
        if (this.#pending.reader.push(block, at)) this.#finish();
        else if (this.#storedBytes < BLOCK_BYTES) this.#fail('TAR_HEADER', 'sparse map is longer than the content');
        return;
      case 'nothing':
    }
  }

  #finish(): void {
    this.#pending = { kind: 'nothing' };
  }

  /** The parts of the file, once the map is whole. */
  extents(): SparseExtent[] {
    return sparseExtents(this.#numbers, this.sizeBytes, this.#storedBytes, this.#fail);
  }
}
