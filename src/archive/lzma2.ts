import { corrupt } from './compression-errors.ts';

const KIND = 'xz';

/** What the header of an LZMA2 chunk says. xz-file-format section 5.3.1 and xz's lzma2_decoder.c. */
export type Lzma2Chunk =
  | { readonly kind: 'end' }
  | { readonly kind: 'stored'; readonly sizeBytes: number; readonly resetsDictionary: boolean }
  | {
      readonly kind: 'coded';
      readonly sizeBytes: number;
      readonly codedBytes: number;
      readonly resetsDictionary: boolean;
      readonly resetsState: boolean;
      /** Whether a byte with new properties follows the header. */
      readonly hasProperties: boolean;
    };

/** Bytes of a chunk's header, by its first byte. */
export function lzma2HeaderBytes(control: number): number {
  if (control === 0) return 1;
  return control < 0x80 ? 3 : 5;
}

/** Reads a chunk's header, whose length {@link lzma2HeaderBytes} gives. */
export function parseLzma2Header(header: Buffer): Lzma2Chunk {
  const control = header[0] ?? 0;
  if (control === 0) return { kind: 'end' };
  if (control < 0x80) {
    if (control > 2) throw corrupt(KIND, `LZMA2 chunk of unknown type ${control}`);
    return { kind: 'stored', sizeBytes: header.readUInt16BE(1) + 1, resetsDictionary: control === 1 };
  }
  const reset = (control >> 5) & 3;
  return {
    kind: 'coded',
    sizeBytes: ((control & 0x1f) << 16) + header.readUInt16BE(1) + 1,
    codedBytes: header.readUInt16BE(3) + 1,
    resetsDictionary: reset === 3,
    resetsState: reset >= 1,
    hasProperties: reset >= 2,
  };
}

/** Most bytes that a chunk decodes to. */
const CHUNK_BYTES_MAX = 2 * 1024 * 1024;
const PROBABILITY_BITS = 11;
const PROBABILITY_HALF = 1 << (PROBABILITY_BITS - 1);
const ADAPTION_SHIFT = 5;
/** Below this the range takes in the next byte. */
const RANGE_MIN = 0x1000000;
const RANGE = 0;
const CODE = 1;

// Where each table of probabilities starts; the literals, whose number depends on the properties, come last.
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + 12 * 16;
const IS_REPEAT_0 = IS_REPEAT + 12;
const IS_REPEAT_1 = IS_REPEAT_0 + 12;
const IS_REPEAT_2 = IS_REPEAT_1 + 12;
const IS_REPEAT_0_LONG = IS_REPEAT_2 + 12;
const DISTANCE_SLOT = IS_REPEAT_0_LONG + 12 * 16;
const DISTANCE_SPECIAL = DISTANCE_SLOT + 4 * 64;
const DISTANCE_ALIGN = DISTANCE_SPECIAL + 115;
const MATCH_LENGTH = DISTANCE_ALIGN + 16;
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + 16 * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + 16 * 8;
const LENGTH_PROBABILITIES = LENGTH_HIGH + 256;
const REPEAT_LENGTH = MATCH_LENGTH + LENGTH_PROBABILITIES;
const LITERAL = REPEAT_LENGTH + LENGTH_PROBABILITIES;
const LITERAL_PROBABILITIES = 0x300;
/** LZMA2 allows lc + lp of at most 4. */
const PROBABILITIES = LITERAL + (LITERAL_PROBABILITIES << 4);

/**
 * Decodes the chunks of one LZMA2 stream. A chunk is given whole (at most 64 KiB), so nothing has to be resumed in the
 * middle of a code. Memory: the dictionary, a quarter more, and 4 MiB.
 */
export class Lzma2Decoder {
  readonly #dictionaryBytes: number;
  /** What was decoded last; when it is full, the last `#dictionaryBytes` are moved to its start. */
  readonly #history: Uint8Array;
  #at = 0;
  #needsDictionaryReset = true;
  #needsProperties = true;

  readonly #probabilities: Uint16Array = new Uint16Array(PROBABILITIES);
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  readonly #distances: [number, number, number, number] = [0, 0, 0, 0];

  #input: Uint8Array = new Uint8Array(0);
  #inputAt = 0;
  /** Range and code of the range decoder; 32 bits without a sign, which a plain field would hold as a boxed number. */
  readonly #coder: Uint32Array = new Uint32Array(2);

  constructor(dictionaryBytes: number) {
    // Positions count modulo 16, so moving by a multiple of it leaves them alone.
    this.#dictionaryBytes = Math.ceil(Math.max(dictionaryBytes, 4096) / 16) * 16;
    const slack = Math.ceil(Math.max(2 * CHUNK_BYTES_MAX, dictionaryBytes / 4) / 16) * 16;
    // Not cleared: a match never reaches behind what was decoded, and a small stream touches little of it. (A plain
    // array over the memory, since `slice` of a Buffer would not copy.)
    this.#history = new Uint8Array(Buffer.allocUnsafeSlow(this.#dictionaryBytes + slack).buffer);
  }

  /** Forgets everything: the next chunk has to begin anew. */
  reset(): void {
    this.#needsDictionaryReset = true;
    this.#needsProperties = true;
  }

  /** Takes the bytes of a stored chunk; returns them. */
  stored(chunk: Lzma2Chunk & { kind: 'stored' }, bytes: Uint8Array): Uint8Array {
    this.#prepare(chunk.resetsDictionary, chunk.sizeBytes);
    this.#history.set(bytes, this.#at);
    this.#at += bytes.length;
    return bytes;
  }

  /** Decodes a chunk whose bytes, after its header and properties, are `bytes`; returns a copy of the result. */
  coded(chunk: Lzma2Chunk & { kind: 'coded' }, properties: number, bytes: Uint8Array): Uint8Array {
    this.#prepare(chunk.resetsDictionary, chunk.sizeBytes);
    if (chunk.hasProperties) this.#setProperties(properties);
    else if (this.#needsProperties) throw corrupt(KIND, 'LZMA2 chunk without properties');
    if (chunk.resetsState) this.#resetState();
    this.#startRange(bytes);
    const start = this.#at;
    this.#decode(start + chunk.sizeBytes);
    this.#normalise();
    if (this.#inputAt !== bytes.length || this.#coder[CODE] !== 0)
      throw corrupt(KIND, 'LZMA2 chunk does not end where it should');
    return this.#history.slice(start, this.#at);
  }

  #prepare(resetsDictionary: boolean, sizeBytes: number): void {
    if (resetsDictionary) {
      this.#needsDictionaryReset = false;
      this.#needsProperties = true;
      this.#at = 0;
    } else if (this.#needsDictionaryReset) throw corrupt(KIND, 'LZMA2 stream does not start with a new dictionary');
    if (this.#at + sizeBytes <= this.#history.length) return;
    const kept = Math.floor((this.#at - this.#dictionaryBytes) / 16) * 16;
    this.#history.copyWithin(0, kept, this.#at);
    this.#at -= kept;
  }

  #setProperties(properties: number): void {
    const positionBits = Math.floor(properties / 45);
    const literalPositionBits = Math.floor((properties % 45) / 9);
    this.#literalContextBits = properties % 9;
    if (positionBits > 4 || this.#literalContextBits + literalPositionBits > 4) {
      throw corrupt(KIND, `LZMA2 properties ${properties}`);
    }
    this.#positionMask = (1 << positionBits) - 1;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#needsProperties = false;
  }

  #resetState(): void {
    this.#state = 0;
    this.#distances.fill(0);
    this.#probabilities.fill(PROBABILITY_HALF);
  }

  #startRange(bytes: Uint8Array): void {
    if (bytes.length < 5 || bytes[0] !== 0) throw corrupt(KIND, 'LZMA2 chunk does not start as it should');
    this.#input = bytes;
    this.#inputAt = 5;
    this.#coder[RANGE] = 0xffffffff;
    for (let i = 1; i < 5; i++) this.#coder[CODE] = ((this.#coder[CODE] ?? 0) << 8) | (bytes[i] ?? 0);
  }

  /** Decodes until `end` of the history is reached. LZMA specification, "The main loop of decoder". */
  #decode(end: number): void {
    while (this.#at < end) {
      const state = this.#state;
      const position = this.#at & this.#positionMask;
      if (this.#bit(IS_MATCH + state * 16 + position) === 0) {
        this.#history[this.#at] = this.#literal(state);
        this.#at++;
        this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      } else this.#copy(this.#matchLength(state, position), end);
    }
  }

  /** Reads the distance of a match, new or one of the last four, and its length. */
  #matchLength(state: number, position: number): number {
    const distances = this.#distances;
    if (this.#bit(IS_REPEAT + state) === 0) {
      const length = this.#length(MATCH_LENGTH, position);
      distances[3] = distances[2];
      distances[2] = distances[1];
      distances[1] = distances[0];
      distances[0] = this.#distance(length);
      this.#state = state < 7 ? 7 : 10;
      return length;
    }
    if (this.#bit(IS_REPEAT_0 + state) === 0) {
      if (this.#bit(IS_REPEAT_0_LONG + state * 16 + position) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else this.#recallDistance(state);
    this.#state = state < 7 ? 8 : 11;
    return this.#length(REPEAT_LENGTH, position);
  }

  /** Brings the second, third or fourth last distance to the front. */
  #recallDistance(state: number): void {
    const distances = this.#distances;
    const second = distances[1];
    if (this.#bit(IS_REPEAT_1 + state) === 1) {
      const third = distances[2];
      if (this.#bit(IS_REPEAT_2 + state) === 1) {
        const fourth = distances[3];
        distances[3] = third;
        distances[2] = second;
        distances[1] = distances[0];
        distances[0] = fourth;
        return;
      }
      distances[2] = second;
      distances[1] = distances[0];
      distances[0] = third;
      return;
    }
    distances[1] = distances[0];
    distances[0] = second;
  }

  #copy(length: number, end: number): void {
    const distance = this.#distances[0] + 1;
    let to = this.#at;
    if (distance > to || distance > this.#dictionaryBytes) throw corrupt(KIND, 'match reaches behind the dictionary');
    if (to + length > end) throw corrupt(KIND, 'match is longer than its chunk');
    const history = this.#history;
    for (let from = to - distance, stop = to + length; to < stop;) history[to++] = history[from++] ?? 0;
    this.#at = to;
  }

  #literal(state: number): number {
    const previous = this.#at === 0 ? 0 : (this.#history[this.#at - 1] ?? 0);
    const context =
      ((this.#at & this.#literalPositionMask) << this.#literalContextBits) +
      (previous >>> (8 - this.#literalContextBits));
    const table = LITERAL + LITERAL_PROBABILITIES * context;
    if (state < 7) return this.#tree(table, 8);
    const distance = this.#distances[0] + 1;
    if (distance > this.#at) throw corrupt(KIND, 'literal reaches behind the dictionary');
    return this.#matchedLiteral(table, this.#history[this.#at - distance] ?? 0);
  }

  /** A literal after a match: coded against the byte that the match would have given. */
  #matchedLiteral(table: number, matched: number): number {
    let symbol = 1;
    let rest = matched;
    let offset = 0x100;
    while (symbol < 0x100) {
      rest <<= 1;
      const expected = rest & offset;
      const bit = this.#bit(table + offset + expected + symbol);
      symbol = (symbol << 1) | bit;
      offset &= bit === 1 ? expected : ~expected;
    }
    return symbol & 0xff;
  }

  #length(table: number, position: number): number {
    if (this.#bit(table) === 0) return 2 + this.#tree(table + LENGTH_LOW + position * 8, 3);
    if (this.#bit(table + 1) === 0) return 10 + this.#tree(table + LENGTH_MIDDLE + position * 8, 3);
    return 18 + this.#tree(table + LENGTH_HIGH, 8);
  }

  /** A distance, less one. */
  #distance(length: number): number {
    const slot = this.#tree(DISTANCE_SLOT + Math.min(length - 2, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < 14) return base + this.#reverseTree(DISTANCE_SPECIAL + base - slot, bits);
    return base + this.#direct(bits - 4) * 16 + this.#reverseTree(DISTANCE_ALIGN, 4);
  }

  #normalise(): void {
    const coder = this.#coder;
    const range = coder[RANGE] ?? 0;
    if (range >= RANGE_MIN) return;
    coder[RANGE] = range << 8;
    coder[CODE] = ((coder[CODE] ?? 0) << 8) | (this.#input[this.#inputAt++] ?? 0);
  }

  #bit(index: number): number {
    this.#normalise();
    const coder = this.#coder;
    const range = coder[RANGE] ?? 0;
    const code = coder[CODE] ?? 0;
    const probability = this.#probabilities[index] ?? 0;
    const bound = Math.imul(range >>> PROBABILITY_BITS, probability) >>> 0;
    if (code < bound) {
      coder[RANGE] = bound;
      this.#probabilities[index] = probability + ((2 * PROBABILITY_HALF - probability) >> ADAPTION_SHIFT);
      return 0;
    }
    coder[RANGE] = range - bound;
    coder[CODE] = code - bound;
    this.#probabilities[index] = probability - (probability >> ADAPTION_SHIFT);
    return 1;
  }

  /** The same as {@link #bit} again and again, with everything in local variables: most of the time is spent here. */
  #tree(table: number, bits: number): number {
    const probabilities = this.#probabilities;
    const input = this.#input;
    const top = 1 << bits;
    let range = this.#coder[RANGE] ?? 0;
    let code = this.#coder[CODE] ?? 0;
    let inputAt = this.#inputAt;
    let symbol = 1;
    do {
      if (range < RANGE_MIN) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | (input[inputAt++] ?? 0)) >>> 0;
      }
      const index = table + symbol;
      const probability = probabilities[index] ?? 0;
      const bound = Math.imul(range >>> PROBABILITY_BITS, probability) >>> 0;
      if (code < bound) {
        range = bound;
        probabilities[index] = probability + ((2 * PROBABILITY_HALF - probability) >> ADAPTION_SHIFT);
        symbol <<= 1;
      } else {
        range = (range - bound) >>> 0;
        code = (code - bound) >>> 0;
        probabilities[index] = probability - (probability >> ADAPTION_SHIFT);
        symbol = (symbol << 1) | 1;
      }
    } while (symbol < top);
    this.#coder[RANGE] = range;
    this.#coder[CODE] = code;
    this.#inputAt = inputAt;
    return symbol - top;
  }

  #reverseTree(table: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(table + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** Bits that are all as likely as not. */
  #direct(bits: number): number {
    const coder = this.#coder;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#normalise();
      const range = (coder[RANGE] ?? 0) >>> 1;
      const code = coder[CODE] ?? 0;
      coder[RANGE] = range;
      if (code >= range) coder[CODE] = code - range;
      value = value * 2 + (code >= range ? 1 : 0);
    }
    return value;
  }
}
