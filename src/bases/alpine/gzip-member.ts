import { crc32, inflateRawSync } from 'node:zlib';
import { messageOf, ShaleError } from '../../base/index.ts';

/** One member of a gzip file (RFC 1952): apk's files are several of them in a row, and each is hashed by itself. */
export interface GzipMember {
  readonly plain: Buffer;
  /** Where it starts and ends in the bytes that were given. */
  readonly start: number;
  readonly end: number;
}

const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 } as const;
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;

/**
 * Reads the member that starts at `start`, up to `maxBytes` of plain content; `what` names the file in messages.
 * @throws APK_MALFORMED when it is damaged, longer, or not whole
 */
export function readGzipMember(
  bytes: Buffer,
  start: number,
  options: { readonly maxBytes: number; readonly what: string },
): GzipMember {
  const { maxBytes, what } = options;
  const deflated = skipHeader(bytes, start, what);
  const { buffer: plain, engine } = inflate(bytes.subarray(deflated), maxBytes, what);
  const trailer = deflated + engine.bytesWritten;
  const end = trailer + TRAILER_BYTES;
  if (end > bytes.length) throw malformed(what, 'a gzip member ends within its trailer');
  if (bytes.readUInt32LE(trailer) !== crc32(plain) || bytes.readUInt32LE(trailer + 4) !== plain.length % 2 ** 32)
    throw malformed(what, 'the checksum of a gzip member is wrong');
  return { plain, start, end };
}

/** True where a gzip member begins. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

function skipHeader(bytes: Buffer, start: number, what: string): number {
  if (!isGzip(bytes.subarray(start))) throw malformed(what, 'where a gzip member should begin, there is none');
  const flags = bytes[start + 3] ?? 0;
  let at = start + HEADER_BYTES;
  if ((flags & FLAG.extra) !== 0) at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
  for (const flag of [FLAG.name, FLAG.comment]) {
    if ((flags & flag) === 0) continue;
    const zero = bytes.indexOf(0, at);
    if (zero < 0) throw malformed(what, 'the header of a gzip member does not end');
    at = zero + 1;
  }
  if ((flags & FLAG.headerCrc) !== 0) at += 2;
  if (at >= bytes.length) throw malformed(what, 'the header of a gzip member does not end');
  return at;
}

interface Inflated {
  readonly buffer: Buffer;
  /** Tells by `bytesWritten` how much of the input belonged to the stream. */
  readonly engine: { readonly bytesWritten: number };
}

function inflate(bytes: Buffer, maxBytes: number, what: string): Inflated {
  try {
    // With `info` zlib gives this object instead of the buffer; Node's types do not know of it.
    return inflateRawSync(bytes, { info: true, maxOutputLength: maxBytes }) as unknown as Inflated;
  } catch (error) {
    throw malformed(what, `a gzip member cannot be read: ${messageOf(error)}`);
  }
}

function malformed(what: string, why: string): ShaleError {
  return new ShaleError('APK_MALFORMED', `${what}: ${why}`, { data: { what } });
}
