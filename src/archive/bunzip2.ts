import { ShaleError, type ByteStream } from '../base/index.ts';
import { corrupt, truncated, unsupported } from './compression-errors.ts';
import { InputWindow } from './input-window.ts';

const KIND = 'bzip2';
const STREAM_HEADER_BYTES = 4;
const LEVEL_BYTES = 100_000;
const GROUP_SYMBOLS = 50;
const SELECTORS_MAX = 32_767;
const CODE_BITS_MAX = 20;
const LOOKUP_BITS = 10;
const SYMBOLS_MAX = 258;
const OUTPUT_BYTES = 256 * 1024;
/** No block is longer: 900,001 symbols of 20 bits, with the tables in front of them. */
const BLOCK_INPUT_BYTES_MAX = 2_500_000;

const BLOCK_MAGIC_HIGH = 0x314159;
const BLOCK_MAGIC_LOW = 0x265359;
const END_MAGIC_HIGH = 0x177245;
const END_MAGIC_LOW = 0x385090;

/** The decoded bytes of a series of bzip2 streams, in bounded memory: one block is held at a time. */
export async function* bunzip2(stream: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  await using input = new InputWindow(stream, KIND);
  do {
    const blockBytes = levelOf(await input.take(STREAM_HEADER_BYTES)) * LEVEL_BYTES;
    yield* decodeStream(input, blockBytes);
  } while (await input.fill(1));
}

function levelOf(header: Buffer): number {
  const level = (header[3] ?? 0) - 0x30;
  if (header.toString('latin1', 0, 3) !== 'BZh' || level < 1 || level > 9) {
    throw corrupt(KIND, 'no stream where one should start');
  }
  return level;
}

async function* decodeStream(input: InputWindow, blockBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  const block = new Block(blockBytes);
  const bits = new BitReader();
  let combined = 0;
  for (;;) {
    // Twice as much, so that what is left over is not moved again for every block.
    if (input.available < BLOCK_INPUT_BYTES_MAX) await input.fill(2 * BLOCK_INPUT_BYTES_MAX);
    bits.attach(input.bytes, input.at);
    const checksum = readBlock(bits, block, input.hasEnded);
    if (checksum === undefined) break;
    for (let chunk = block.next(); chunk !== undefined; chunk = block.next()) yield chunk;
    if (block.checksum !== checksum) throw corrupt(KIND, 'checksum of a block is wrong');
    combined = (((combined << 1) | (combined >>> 31)) ^ checksum) >>> 0;
    input.at = bits.byteAt;
  }
  const expected = bits.read32();
  bits.skipToByte();
  if (bits.isPastEnd) throw truncated(KIND);
  if (expected !== combined) throw corrupt(KIND, 'checksum of the stream is wrong');
  input.at = bits.byteAt;
}

/** Decodes the next block and returns its checksum; `undefined` at the end of the stream. */
function readBlock(bits: BitReader, block: Block, hasEnded: boolean): number | undefined {
  try {
    const high = bits.read(24);
    const low = bits.read(24);
    if (high === END_MAGIC_HIGH && low === END_MAGIC_LOW) return undefined;
    if (high !== BLOCK_MAGIC_HIGH || low !== BLOCK_MAGIC_LOW) throw corrupt(KIND, 'no block where one should start');
    const checksum = bits.read32();
    if (bits.read(1) === 1) throw unsupported(KIND, 'block is randomised, which only versions before 0.9.5 did');
    block.decode(bits);
    if (bits.isPastEnd) throw corrupt(KIND, 'block is longer than any can be');
    return checksum;
  } catch (error) {
    // Beyond the end the reader gives zeros, which sooner or later make no sense.
    if (error instanceof ShaleError && bits.isPastEnd && hasEnded) throw truncated(KIND);
    throw error;
  }
}

/** Bits of a buffer, most significant first; zeros behind its end. Keeps its bit position between buffers. */
class BitReader {
  bytes: Buffer = Buffer.alloc(0);
  /** Next byte to load. */
  at = 0;
  /** The low `count` bits are loaded and not yet taken. */
  value = 0;
  count = 0;

  /** Goes on in a buffer whose byte at `at` is the one that {@link byteAt} spoke of. */
  attach(bytes: Buffer, at: number): void {
    const partial = this.count % 8;
    this.bytes = bytes;
    this.at = at;
    this.count = 0;
    if (partial === 0) return;
    this.value = bytes[at] ?? 0;
    this.at = at + 1;
    this.count = partial;
  }

  /** The first byte with bits that are not yet taken. */
  get byteAt(): number {
    return this.at - Math.ceil(this.count / 8);
  }

  get isPastEnd(): boolean {
    return this.at - Math.floor(this.count / 8) > this.bytes.length;
  }

  /** Takes up to 24 bits. */
  read(bits: number): number {
    while (this.count < bits) {
      this.value = (this.value << 8) | (this.bytes[this.at++] ?? 0);
      this.count += 8;
    }
    this.count -= bits;
    return (this.value >>> this.count) & ((1 << bits) - 1);
  }

  read32(): number {
    return ((this.read(16) << 16) | this.read(16)) >>> 0;
  }

  skipToByte(): void {
    this.count -= this.count % 8;
  }
}

/** The codes of one Huffman table: symbols of short codes by a look at the next bits, those of longer ones by range. */
interface Codes {
  /** For each value of the next LOOKUP_BITS bits: length of the code times 512 plus the symbol; 0 for longer codes. */
  readonly lookup: Uint16Array;
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array;
  /** For each length: one more than the largest code of that length, and what to subtract to get a place in `symbols`. */
  readonly limits: Int32Array;
  readonly bases: Int32Array;
  readonly lengthMax: number;
}

/** One block: its symbols, the transform to undo, and the runs to expand. */
class Block {
  readonly #bytesMax: number;
  /** Made for the first block, since a stream may have none. */
  #transform: Uint32Array = new Uint32Array(0);
  readonly #selectors: Uint8Array = new Uint8Array(SELECTORS_MAX);
  checksum = 0;
  #position = 0;
  #left = 0;
  /** Equal bytes seen in a row; after four the next byte says how many more there are. */
  #run = 0;
  #last = -1;
  #repeats = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  decode(bits: BitReader): void {
    if (this.#transform.length === 0) this.#transform = new Uint32Array(this.#bytesMax);
    const origin = bits.read(24);
    const alphabet = readAlphabet(bits);
    const tables = bits.read(3);
    if (tables < 2 || tables > 6) throw corrupt(KIND, `block has ${tables} code tables`);
    const selectors = this.#readSelectors(bits, tables);
    const codes = Array.from({ length: tables }, () => readCodes(bits, alphabet.length + 2));
    const counts = new Uint32Array(256);
    const size = this.#readSymbols(bits, alphabet, codes, selectors, counts);
    if (origin >= size) throw corrupt(KIND, 'block starts outside itself');
    this.#invert(counts, size);
    this.#position = (this.#transform[origin] ?? 0) >>> 8;
    this.#left = size;
    this.#run = 0;
    this.#last = -1;
    this.#repeats = 0;
    this.checksum = 0;
  }

  #readSelectors(bits: BitReader, tables: number): number {
    const count = bits.read(15);
    if (count === 0) throw corrupt(KIND, 'block has no code selectors');
    const order = Uint8Array.from({ length: tables }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      let index = 0;
      while (bits.read(1) === 1) if (++index >= tables) throw corrupt(KIND, 'code selector is out of range');
      const chosen = order[index] ?? 0;
      order.copyWithin(1, 0, index);
      order[0] = chosen;
      this.#selectors[i] = chosen;
    }
    return count;
  }

  /** Undoes the Huffman codes, the runs of the front symbol and move-to-front; returns the size of the block. */
  #readSymbols(
    bits: BitReader,
    alphabet: Uint8Array,
    codes: readonly Codes[],
    selectors: number,
    counts: Uint32Array,
  ): number {
    const front = Uint8Array.from(alphabet);
    const transform = this.#transform;
    const endSymbol = alphabet.length + 1;
    let size = 0;
    let group = 0;
    let left = 0;
    let table = codes[0];
    let run = 0;
    let runWeight = 1;
    for (;;) {
      if (left === 0) {
        if (group >= selectors) throw corrupt(KIND, 'block has more symbols than code selectors');
        table = codes[this.#selectors[group++] ?? 0];
        left = GROUP_SYMBOLS;
      }
      left--;
      const symbol = table === undefined ? endSymbol : readSymbol(bits, table);
      if (symbol <= 1) {
        run += runWeight << symbol;
        runWeight <<= 1;
        if (run > this.#bytesMax) throw corrupt(KIND, 'block is longer than its stream allows');
        continue;
      }
      if (run > 0) {
        if (size + run > this.#bytesMax) throw corrupt(KIND, 'block is longer than its stream allows');
        const byte = front[0] ?? 0;
        counts[byte] = (counts[byte] ?? 0) + run;
        transform.fill(byte, size, size + run);
        size += run;
        run = 0;
        runWeight = 1;
      }
      if (symbol === endSymbol) return size;
      if (size >= this.#bytesMax) throw corrupt(KIND, 'block is longer than its stream allows');
      const byte = moveToFront(front, symbol - 1);
      counts[byte] = (counts[byte] ?? 0) + 1;
      transform[size++] = byte;
    }
  }

  /** Puts into the upper bits of each place where the next byte stands: the inverse Burrows-Wheeler transform. */
  #invert(counts: Uint32Array, size: number): void {
    const transform = this.#transform;
    let sum = 0;
    for (let byte = 0; byte < 256; byte++) {
      const count = counts[byte] ?? 0;
      counts[byte] = sum;
      sum += count;
    }
    for (let i = 0; i < size; i++) {
      const byte = (transform[i] ?? 0) & 0xff;
      const place = counts[byte] ?? 0;
      counts[byte] = place + 1;
      transform[place] = ((transform[place] ?? 0) | (i << 8)) >>> 0;
    }
  }

  /** The next bytes of the block with its runs expanded; `undefined` at its end. */
  next(): Buffer | undefined {
    if (this.#left === 0 && this.#repeats === 0) return undefined;
    const output = Buffer.allocUnsafe(OUTPUT_BYTES);
    const transform = this.#transform;
    let filled = 0;
    let position = this.#position;
    let left = this.#left;
    let run = this.#run;
    let last = this.#last;
    let repeats = this.#repeats;
    let checksum = ~this.checksum;
    while (filled < OUTPUT_BYTES) {
      if (repeats > 0) repeats--;
      else if (left === 0) break;
      else {
        left--;
        const place = transform[position] ?? 0;
        const byte = place & 0xff;
        position = place >>> 8;
        if (run === 4) {
          repeats = byte;
          run = 0;
          continue;
        }
        run = byte === last ? run + 1 : 1;
        last = byte;
      }
      output[filled++] = last;
      checksum = (checksum << 8) ^ (CRC_TABLE[((checksum >>> 24) ^ last) & 0xff] ?? 0);
    }
    this.#position = position;
    this.#left = left;
    this.#run = run;
    this.#last = last;
    this.#repeats = repeats;
    this.checksum = ~checksum >>> 0;
    return output.subarray(0, filled);
  }
}

function readAlphabet(bits: BitReader): Uint8Array {
  const groups = bits.read(16);
  const alphabet: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const members = bits.read(16);
    for (let i = 0; i < 16; i++) if ((members & (0x8000 >> i)) !== 0) alphabet.push(group * 16 + i);
  }
  if (alphabet.length === 0) throw corrupt(KIND, 'block uses no bytes');
  return Uint8Array.from(alphabet);
}

function moveToFront(front: Uint8Array, index: number): number {
  const byte = front[index] ?? 0;
  front.copyWithin(1, 0, index);
  front[0] = byte;
  return byte;
}

function readCodes(bits: BitReader, symbolCount: number): Codes {
  const lengths = new Uint8Array(SYMBOLS_MAX);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    for (;;) {
      if (length < 1 || length > CODE_BITS_MAX) throw corrupt(KIND, `code of ${length} bits`);
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return codesOf(lengths.subarray(0, symbolCount));
}

function codesOf(lengths: Uint8Array): Codes {
  const symbols = new Uint16Array(lengths.length);
  const limits = new Int32Array(CODE_BITS_MAX + 1);
  const bases = new Int32Array(CODE_BITS_MAX + 1);
  const lookup = new Uint16Array(1 << LOOKUP_BITS);
  let code = 0;
  let place = 0;
  let lengthMax = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    code <<= 1;
    bases[length] = code - place;
    for (const [symbol, own] of lengths.entries()) {
      if (own !== length) continue;
      symbols[place++] = symbol;
      if (code >= 2 ** length) throw corrupt(KIND, 'code table has too many codes');
      if (length <= LOOKUP_BITS) {
        const start = code << (LOOKUP_BITS - length);
        lookup.fill(length * 512 + symbol, start, start + (1 << (LOOKUP_BITS - length)));
      }
      code++;
      lengthMax = length;
    }
    limits[length] = code;
  }
  return { lookup, symbols, limits, bases, lengthMax };
}

function readSymbol(bits: BitReader, codes: Codes): number {
  while (bits.count < CODE_BITS_MAX) {
    bits.value = (bits.value << 8) | (bits.bytes[bits.at++] ?? 0);
    bits.count += 8;
  }
  const short = codes.lookup[(bits.value >>> (bits.count - LOOKUP_BITS)) & ((1 << LOOKUP_BITS) - 1)] ?? 0;
  if (short !== 0) {
    bits.count -= short >>> 9;
    return short & 511;
  }
  for (let length = LOOKUP_BITS + 1; length <= codes.lengthMax; length++) {
    const code = (bits.value >>> (bits.count - length)) & ((1 << length) - 1);
    if (code >= (codes.limits[length] ?? 0)) continue;
    bits.count -= length;
    return codes.symbols[code - (codes.bases[length] ?? 0)] ?? 0;
  }
  throw corrupt(KIND, 'code that no symbol has');
}

/** The CRC of bzip2: polynomial 0x04c11db7, most significant bit first. */
const CRC_TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value;
});
