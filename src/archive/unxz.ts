import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { ByteStream } from '../base/index.ts';
import { corrupt, truncated, unsupported } from './compression-errors.ts';
import { crc64 } from './crc64.ts';
import { InputWindow } from './input-window.ts';
import { Lzma2Decoder, lzma2HeaderBytes, parseLzma2Header } from './lzma2.ts';

/** Largest dictionary that is accepted: 64 MiB, as `xz -9` uses. */
export const XZ_DICTIONARY_BYTES_MAX: number = 64 * 1024 * 1024;

const KIND = 'xz';
const HEADER_MAGIC = 'fd377a585a00';
const FOOTER_MAGIC = 'YZ';
const STREAM_HEADER_BYTES = 12;
const LZMA2_FILTER = 0x21;
const LZMA2_DICTIONARY_BITS_MAX = 40;
const INTEGER_BYTES_MAX = 9;

/** The decoded bytes of an xz file: one stream or several, with zeros between them. xz-file-format 1.2.1. */
export async function* unxz(stream: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  await using input = new InputWindow(stream, KIND);
  do {
    yield* decodeStream(input);
  } while (await skipPadding(input));
}

/** Takes zeros, which come four at a time, up to the next stream; false when there is none. */
async function skipPadding(input: InputWindow): Promise<boolean> {
  while (await input.fill(4)) {
    if (input.bytes.readUInt32LE(input.at) !== 0) return true;
    input.at += 4;
  }
  if (input.available > 0) throw corrupt(KIND, 'bytes after its end are neither a stream nor zeros');
  return false;
}

async function* decodeStream(input: InputWindow): AsyncGenerator<Uint8Array, void, undefined> {
  const header = Buffer.from(await input.take(STREAM_HEADER_BYTES));
  if (header.toString('hex', 0, 6) !== HEADER_MAGIC) throw corrupt(KIND, 'no stream where one should start');
  if (header.readUInt32LE(8) !== crc32(header.subarray(6, 8))) throw corrupt(KIND, 'checksum of the header is wrong');
  const flags = header.readUInt16BE(6);
  if (flags > 0x0f) throw unsupported(KIND, `flags ${flags}`);
  const records = new IndexRecords();
  const decoders = new DecoderSlot();
  for (;;) {
    const size = (await input.take(1))[0] ?? 0;
    if (size === 0) break;
    yield* decodeBlock(input, size, { check: checkOf(flags), records, decoders });
  }
  const indexBytes = await readIndex(input, records);
  const footer = await input.take(STREAM_HEADER_BYTES);
  const isRight =
    footer.toString('latin1', 10, 12) === FOOTER_MAGIC &&
    footer.readUInt32LE(0) === crc32(footer.subarray(4, 10)) &&
    (footer.readUInt32LE(4) + 1) * 4 === indexBytes &&
    footer.readUInt16BE(8) === flags;
  if (!isRight) throw corrupt(KIND, 'footer is wrong');
}

/** Lends the decoder of the last block again, so that many small blocks do not cost a dictionary each. */
class DecoderSlot {
  #last: { readonly dictionaryBytes: number; readonly decoder: Lzma2Decoder } | undefined;

  take(dictionaryBytes: number): Lzma2Decoder {
    if (this.#last?.dictionaryBytes !== dictionaryBytes) {
      this.#last = { dictionaryBytes, decoder: new Lzma2Decoder(dictionaryBytes) };
    }
    this.#last.decoder.reset();
    return this.#last.decoder;
  }
}

interface StreamState {
  readonly check: Check;
  readonly records: IndexRecords;
  readonly decoders: DecoderSlot;
}

/** What is known of the blocks, to be compared with what the index says of them. */
class IndexRecords {
  count = 0;
  #digest = 0;

  add(unpaddedBytes: number, sizeBytes: number): void {
    this.count++;
    this.#digest = crc32(`${unpaddedBytes},${sizeBytes};`, this.#digest);
  }

  equals(other: IndexRecords): boolean {
    return this.count === other.count && this.#digest === other.#digest;
  }
}

/** A running checksum over the content of a block. */
interface Check {
  readonly bytes: number;
  update(chunk: Uint8Array): void;
  digest(): Buffer;
}

/** Section 2.1.1.2. */
function checkOf(type: number): Check {
  switch (type) {
    case 0:
      return { bytes: 0, update: () => {}, digest: () => Buffer.alloc(0) };
    case 1:
      return crc32Check();
    case 4:
      return crc64Check();
    case 10:
      return sha256Check(createHash('sha256'));
    default:
      return unsupportedCheck(type);
  }
}

function unsupportedCheck(type: number): never {
  throw unsupported(KIND, `check of type ${type}`);
}

function crc32Check(): Check {
  let value = 0;
  return {
    bytes: 4,
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    digest: () => {
      const digest = Buffer.alloc(4);
      digest.writeUInt32LE(value);
      return digest;
    },
  };
}

function crc64Check(): Check {
  let value = crc64();
  return {
    bytes: 8,
    update: (chunk) => {
      value = crc64(chunk, value);
    },
    digest: () => {
      const digest = Buffer.alloc(8);
      digest.writeUInt32LE(value.low, 0);
      digest.writeUInt32LE(value.high, 4);
      return digest;
    },
  };
}

function sha256Check(hash: Hash): Check {
  return { bytes: 32, update: (chunk) => hash.update(chunk), digest: () => hash.digest() };
}

/** Section 3. `size` is the first byte of the block's header. */
async function* decodeBlock(
  input: InputWindow,
  size: number,
  { check, records, decoders }: StreamState,
): AsyncGenerator<Uint8Array, void, undefined> {
  const headerBytes = (size + 1) * 4;
  const header = Buffer.concat([Buffer.from([size]), await input.take(headerBytes - 1)]);
  if (header.readUInt32LE(headerBytes - 4) !== crc32(header.subarray(0, headerBytes - 4))) {
    throw corrupt(KIND, 'checksum of a block header is wrong');
  }
  const claimed = parseBlockHeader(header.subarray(1, headerBytes - 4));
  const decoder = decoders.take(claimed.dictionaryBytes);
  const sizes = { coded: 0, plain: 0 };
  for (;;) {
    const chunk = await decodeChunk(input, decoder, sizes);
    if (chunk === undefined) break;
    check.update(chunk);
    yield chunk;
  }
  if ((claimed.codedBytes ?? sizes.coded) !== sizes.coded || (claimed.plainBytes ?? sizes.plain) !== sizes.plain) {
    throw corrupt(KIND, 'block has not the size that its header says');
  }
  await takeZeros(input, (4 - (sizes.coded % 4)) % 4);
  const expected = await input.take(check.bytes);
  if (!expected.equals(check.digest())) throw corrupt(KIND, 'checksum of a block is wrong');
  records.add(headerBytes + sizes.coded + check.bytes, sizes.plain);
}

interface BlockHeader {
  readonly codedBytes: number | undefined;
  readonly plainBytes: number | undefined;
  readonly dictionaryBytes: number;
}

/** Section 3.1, without the size and the checksum. */
function parseBlockHeader(header: Buffer): BlockHeader {
  const flags = header[0] ?? 0;
  if ((flags & 0x3c) !== 0) throw unsupported(KIND, `block flags ${flags}`);
  const fields = new IntegerReader(header, 1);
  const codedBytes = (flags & 0x40) === 0 ? undefined : fields.next();
  const plainBytes = (flags & 0x80) === 0 ? undefined : fields.next();
  const filter = fields.next();
  if ((flags & 3) !== 0 || filter !== LZMA2_FILTER) throw unsupported(KIND, 'filter other than LZMA2 alone');
  const propertyBytes = fields.next();
  const bits = header[fields.at];
  if (propertyBytes !== 1 || bits === undefined || bits > LZMA2_DICTIONARY_BITS_MAX) {
    throw corrupt(KIND, 'properties of LZMA2 are malformed');
  }
  if (header.subarray(fields.at + 1).some((byte) => byte !== 0)) throw unsupported(KIND, 'padding of a block header');
  return { codedBytes, plainBytes, dictionaryBytes: dictionaryBytes(bits) };
}

/** Section 5.3.1. */
function dictionaryBytes(bits: number): number {
  const bytes = bits === LZMA2_DICTIONARY_BITS_MAX ? 2 ** 32 - 1 : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
  if (bytes > XZ_DICTIONARY_BYTES_MAX) {
    throw unsupported(KIND, `dictionary of ${bytes} bytes, more than ${XZ_DICTIONARY_BYTES_MAX}`);
  }
  return bytes;
}

async function decodeChunk(
  input: InputWindow,
  decoder: Lzma2Decoder,
  sizes: { coded: number; plain: number },
): Promise<Uint8Array | undefined> {
  if (!(await input.fill(1))) throw truncated(KIND);
  const headerBytes = lzma2HeaderBytes(input.bytes[input.at] ?? 0);
  const chunk = parseLzma2Header(await input.take(headerBytes));
  sizes.coded += headerBytes;
  if (chunk.kind === 'end') return undefined;
  sizes.plain += chunk.sizeBytes;
  if (chunk.kind === 'stored') {
    sizes.coded += chunk.sizeBytes;
    // A copy, since the view is good only until the next read.
    return decoder.stored(chunk, Buffer.from(await input.take(chunk.sizeBytes)));
  }
  const properties = chunk.hasProperties ? ((await input.take(1))[0] ?? 0) : 0;
  sizes.coded += chunk.codedBytes + (chunk.hasProperties ? 1 : 0);
  return decoder.coded(chunk, properties, await input.take(chunk.codedBytes));
}

async function takeZeros(input: InputWindow, count: number): Promise<void> {
  const padding = await input.take(count);
  if (padding.some((byte) => byte !== 0)) throw corrupt(KIND, 'padding is not zero');
}

/** Section 4, after its first byte; returns the size of the index. */
async function readIndex(input: InputWindow, records: IndexRecords): Promise<number> {
  const reader = new IndexReader(input);
  const count = await reader.integer();
  const listed = new IndexRecords();
  for (let i = 0; i < count && i < records.count; i++) listed.add(await reader.integer(), await reader.integer());
  if (count !== records.count || !listed.equals(records)) throw corrupt(KIND, 'index does not fit the blocks');
  await reader.padding();
  const checksum = reader.checksum;
  if ((await input.take(4)).readUInt32LE() !== checksum) throw corrupt(KIND, 'checksum of the index is wrong');
  return reader.bytes + 4;
}

class IndexReader {
  bytes = 1;
  checksum: number = crc32(Buffer.from([0]));
  readonly #input: InputWindow;

  constructor(input: InputWindow) {
    this.#input = input;
  }

  async integer(): Promise<number> {
    await this.#input.fill(INTEGER_BYTES_MAX);
    const fields = new IntegerReader(this.#input.bytes, this.#input.at);
    const value = fields.next();
    await this.#take(fields.at - this.#input.at);
    return value;
  }

  async padding(): Promise<void> {
    const bytes = await this.#take((4 - (this.bytes % 4)) % 4);
    if (bytes.some((byte) => byte !== 0)) throw corrupt(KIND, 'padding is not zero');
  }

  async #take(count: number): Promise<Buffer> {
    const bytes = await this.#input.take(count);
    this.bytes += count;
    this.checksum = crc32(bytes, this.checksum);
    return bytes;
  }
}

/** Integers of variable length, seven bits a byte, lowest first. Section 1.2. */
class IntegerReader {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(): number {
    let value = 0;
    for (let i = 0; i < INTEGER_BYTES_MAX; i++) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) throw truncated(KIND);
      this.at++;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if ((byte & 0x80) !== 0) continue;
      if (!Number.isSafeInteger(value)) throw corrupt(KIND, 'number is out of range');
      return value;
    }
    throw corrupt(KIND, 'number is out of range');
  }
}
