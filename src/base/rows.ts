/** Rows of one block. */
const BLOCK_BITS = 12;
const BLOCK_ROWS: number = 1 << BLOCK_BITS;
const ROW_MASK: number = BLOCK_ROWS - 1;
/** The first block grows up to its size, so that a table of few rows stays small. */
const FIRST_ROWS = 64;

const UINT32 = 0x1_0000_0000;

/** A number of 64 bits and its halves: arithmetic on big numbers would make some of them for each. */
const WHOLE = new BigInt64Array(1);
const HALVES = new Uint32Array(WHOLE.buffer);

/**
 * A growing table of rows of 32-bit numbers: what there are hundreds of thousands of is kept as numbers, because objects with
 * the same numbers take five times as much. Rows count from 0; fields that were never set are 0.
 */
export class Rows {
  readonly #fields: number;
  readonly #blocks: Uint32Array<ArrayBuffer>[] = [];
  #count = 0;

  /** @param fields numbers of one row */
  constructor(fields: number) {
    this.#fields = fields;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a row of zeros and gives its number. */
  add(): number {
    const row = this.#count++;
    const block = row >>> BLOCK_BITS;
    const at = row & ROW_MASK;
    const there = this.#blocks[block];
    if (there === undefined) {
      const rows = block === 0 ? FIRST_ROWS : BLOCK_ROWS;
      this.#blocks.push(new Uint32Array(rows * this.#fields));
    } else if (at * this.#fields === there.length) {
      const larger = new Uint32Array(Math.min(4 * there.length, BLOCK_ROWS * this.#fields));
      larger.set(there);
      this.#blocks[block] = larger;
    }
    return row;
  }

  /** Gives the memory back at once; nothing may be asked for any more. What is only dropped stays for a long time. */
  release(): void {
    for (const block of this.#blocks.splice(0)) freeBytes(block);
  }

  get(row: number, field: number): number {
    return this.#blocks[row >>> BLOCK_BITS]?.[(row & ROW_MASK) * this.#fields + field] ?? 0;
  }

  /** Sets a field of a row that was added. */
  set(row: number, field: number, value: number): void {
    const block = this.#blocks[row >>> BLOCK_BITS];
    if (block !== undefined) block[(row & ROW_MASK) * this.#fields + field] = value;
  }

  /** A number of up to 53 bits in two fields, the lower half first. */
  getWide(row: number, field: number): number {
    return this.get(row, field + 1) * UINT32 + this.get(row, field);
  }

  setWide(row: number, field: number, value: number): void {
    this.set(row, field, value % UINT32);
    this.set(row, field + 1, Math.floor(value / UINT32));
  }

  /** A number of 64 bits with a sign, in two fields. */
  getBig(row: number, field: number): bigint {
    HALVES[0] = this.get(row, field);
    HALVES[1] = this.get(row, field + 1);
    return WHOLE[0] ?? 0n;
  }

  /** Of a number without a sign, `BigInt.asUintN(64, …)` of what was set comes back. */
  setBig(row: number, field: number, value: bigint): void {
    WHOLE[0] = value;
    this.set(row, field, HALVES[0] ?? 0);
    this.set(row, field + 1, HALVES[1] ?? 0);
  }
}

/** Values of equally many bytes, by their numbers; as `Rows`, in blocks. */
export class ByteRows {
  readonly #bytes: number;
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];

  /** @param bytes length of one value */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** As `Rows.release`. */
  release(): void {
    for (const block of this.#blocks.splice(0)) freeBytes(block);
  }

  /** The bytes of a row, zeros where none were set; good for reading until it is set again. */
  get(row: number): Uint8Array {
    const at = (row & ROW_MASK) * this.#bytes;
    return this.#blocks[row >>> BLOCK_BITS]?.subarray(at, at + this.#bytes) ?? new Uint8Array(this.#bytes);
  }

  set(row: number, value: Uint8Array): void {
    const index = row >>> BLOCK_BITS;
    while (this.#blocks.length <= index) this.#blocks.push(new Uint8Array(0));
    let block = this.#blocks[index];
    const at = (row & ROW_MASK) * this.#bytes;
    if (block === undefined || block.length < at + this.#bytes) {
      const rows = index === 0 ? Math.max(FIRST_ROWS, 4 * (at / this.#bytes)) : BLOCK_ROWS;
      const larger = new Uint8Array(Math.min(rows, BLOCK_ROWS) * this.#bytes);
      if (block !== undefined) larger.set(block);
      block = larger;
      this.#blocks[index] = larger;
    }
    block.set(value, at);
  }
}

function freeBytes(array: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
  array.buffer.transfer(0);
}
