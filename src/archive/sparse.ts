import type { SparseExtent } from './entry.ts';
import { SPARSE_BYTES_MAX, SPARSE_EXTENTS_MAX } from './limits.ts';
import type { TarFail } from './tar-errors.ts';
import { BLOCK_BYTES, numericField } from './tar-header.ts';

/**
 * Makes extents of offsets and lengths by turns. They must be in order, must not overlap, must lie in the file and
 * add up to the bytes that the tar holds, or a reader would give other bytes than the writer meant (TAR_HEADER).
 */
export function sparseExtents(
  numbers: readonly number[],
  sizeBytes: number,
  storedBytes: number,
  fail: TarFail,
): SparseExtent[] {
  if (numbers.length % 2 !== 0) return fail('TAR_HEADER', 'sparse map ends in an offset without a length');
  if (numbers.length / 2 > SPARSE_EXTENTS_MAX) return tooManyExtents(fail);
  if (sizeBytes > SPARSE_BYTES_MAX) {
    return fail('TAR_LIMIT', `sparse file claims ${sizeBytes} bytes, more than ${SPARSE_BYTES_MAX}`);
  }
  const extents: SparseExtent[] = [];
  let end = 0;
  let stored = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = numbers[i] ?? Number.NaN;
    const lengthBytes = numbers[i + 1] ?? Number.NaN;
    // Written so that NaN fails too.
    if (!(offset >= end && lengthBytes >= 0 && offset + lengthBytes <= sizeBytes)) {
      return fail('TAR_HEADER', `sparse map has ${lengthBytes} bytes at ${offset} after ${end} of ${sizeBytes}`);
    }
    end = offset + lengthBytes;
    stored += lengthBytes;
    if (lengthBytes > 0) extents.push({ offset, lengthBytes });
  }
  if (stored !== storedBytes) {
    return fail('TAR_HEADER', `sparse map speaks of ${stored} bytes, the tar holds ${storedBytes}`);
  }
  return extents;
}

function tooManyExtents(fail: TarFail): never {
  return fail('TAR_LIMIT', `sparse file has more than ${SPARSE_EXTENTS_MAX} parts`);
}

/** Where a header block keeps its part of the map. */
export interface SparseFields {
  readonly start: number;
  readonly slots: number;
  readonly extendedFlag: number;
}

/** GNU's old header (`struct oldgnu_header`). */
export const GNU_SPARSE_FIELDS: SparseFields = { start: 386, slots: 4, extendedFlag: 482 };
/** Joerg Schilling's header (`struct star_in_header`). */
export const STAR_SPARSE_FIELDS: SparseFields = { start: 356, slots: 4, extendedFlag: 355 };
/** The blocks that follow either of them. */
export const EXTENSION_SPARSE_FIELDS: SparseFields = { start: 0, slots: 21, extendedFlag: 504 };

const NUMBER_BYTES = 12;

/** Takes the slots of the block at `at` into `numbers`; true when an extension block follows. */
export function readSparseSlots(
  block: Buffer,
  at: number,
  fields: SparseFields,
  numbers: number[],
  fail: TarFail,
): boolean {
  for (let slot = 0; slot < fields.slots; slot++) {
    const offsetAt = at + fields.start + slot * 2 * NUMBER_BYTES;
    if (block[offsetAt] === 0) break;
    numbers.push(
      numericField(block, offsetAt, NUMBER_BYTES),
      numericField(block, offsetAt + NUMBER_BYTES, NUMBER_BYTES),
    );
  }
  if (numbers.length / 2 > SPARSE_EXTENTS_MAX) return tooManyExtents(fail);
  const flag = block[at + fields.extendedFlag];
  return flag !== 0 && flag !== 0x30;
}

const NEWLINE = 0x0a;
const NUMBER_DIGITS_MAX = 19;

/**
 * The map of PAX sparse format 1.0, which stands in front of the content: a count, then offset and length of each
 * part, one decimal number a line, padded to a block.
 */
export class SparseMapReader {
  readonly numbers: number[] = [];
  readonly #fail: TarFail;
  #expected = -1;
  #digits = 0;
  #value = 0;

  constructor(fail: TarFail) {
    this.#fail = fail;
  }

  /** Takes one block; true when the map is whole. */
  push(block: Buffer, at: number): boolean {
    for (let i = at; i < at + BLOCK_BYTES; i++) {
      const code = block[i] ?? 0;
      if (code === NEWLINE) {
        if (this.#takeNumber()) return true;
      } else if (code >= 0x30 && code <= 0x39 && this.#digits < NUMBER_DIGITS_MAX) {
        this.#value = this.#value * 10 + (code - 0x30);
        this.#digits++;
      } else return this.#fail('TAR_HEADER', 'sparse map in front of the content is malformed');
    }
    return false;
  }

  #takeNumber(): boolean {
    if (this.#digits === 0) return this.#fail('TAR_HEADER', 'sparse map in front of the content has an empty line');
    if (this.#expected < 0) {
      this.#expected = 2 * this.#value;
      if (this.#value > SPARSE_EXTENTS_MAX) return tooManyExtents(this.#fail);
    } else this.numbers.push(this.#value);
    this.#value = 0;
    this.#digits = 0;
    return this.numbers.length === this.#expected;
  }
}
