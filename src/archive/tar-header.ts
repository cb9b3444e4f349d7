import type { ByteString } from '../base/index.ts';

/** Size of every header block, and what content is padded to. */
export const BLOCK_BYTES = 512;

/** Bytes from the end of content of that size to the next block. */
export function paddingOf(sizeBytes: number): number {
  const over = sizeBytes % BLOCK_BYTES;
  return over === 0 ? 0 : BLOCK_BYTES - over;
}

/** The magic and version fields tell which of the historical layouts the second half of a header has. */
export type HeaderFormat = 'v7' | 'ustar' | 'gnu' | 'star';

const ZERO = 0x30;
const SEVEN = 0x37;
const SPACE = 0x20;
const CHECKSUM_START = 148;
const CHECKSUM_END = 156;

/** True when the block at `at` holds nothing but zeros. */
export function isZeroBlock(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + BLOCK_BYTES; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** True when the block's checksum is right, added up as unsigned or, as some old writers did, as signed bytes. */
export function hasValidChecksum(bytes: Buffer, at: number): boolean {
  const expected = numericField(bytes, at + CHECKSUM_START, CHECKSUM_END - CHECKSUM_START);
  return expected === sumOf(bytes, at) || expected === signedSumOf(bytes, at);
}

/** Tells by its first block whether something is a tar, as docker's ADD does: a header whose checksum is right. */
export function isTar(bytes: Uint8Array): boolean {
  if (bytes.byteLength < BLOCK_BYTES) return false;
  const block = Buffer.from(bytes.buffer, bytes.byteOffset, BLOCK_BYTES);
  return !isZeroBlock(block, 0) && hasValidChecksum(block, 0);
}

/** The sum over a header's bytes with its checksum field taken as spaces. */
export function sumOf(bytes: Buffer, at: number): number {
  let sum = SPACE * (CHECKSUM_END - CHECKSUM_START);
  for (let i = at; i < at + CHECKSUM_START; i++) sum += bytes[i] ?? 0;
  for (let i = at + CHECKSUM_END; i < at + BLOCK_BYTES; i++) sum += bytes[i] ?? 0;
  return sum;
}

function signedSumOf(bytes: Buffer, at: number): number {
  let negatives = 0;
  for (let i = at; i < at + BLOCK_BYTES; i++) {
    const inChecksum = i >= at + CHECKSUM_START && i < at + CHECKSUM_END;
    if (!inChecksum && (bytes[i] ?? 0) >= 0x80) negatives++;
  }
  return sumOf(bytes, at) - 256 * negatives;
}

/** Which layout the header at `at` has. */
export function headerFormat(bytes: Buffer, at: number): HeaderFormat {
  // Nearly every header is ustar: compare its six bytes without making a string.
  const isUstar =
    bytes[at + 257] === 0x75 &&
    bytes[at + 258] === 0x73 &&
    bytes[at + 259] === 0x74 &&
    bytes[at + 260] === 0x61 &&
    bytes[at + 261] === 0x72;
  if (!isUstar) return 'v7';
  if (bytes[at + 262] === SPACE && bytes[at + 263] === SPACE && bytes[at + 264] === 0) return 'gnu';
  return bytes.toString('latin1', at + 508, at + 512) === 'tar\0' ? 'star' : 'ustar';
}

/** The bytes of a field up to its first NUL. */
export function stringField(bytes: Buffer, start: number, length: number): ByteString {
  let end = start;
  while (end < start + length && bytes[end] !== 0) end++;
  return end === start ? '' : bytes.toString('latin1', start, end);
}

/**
 * The number in a field: octal digits between spaces, ended by a NUL (nothing at all is 0), or base-256 in two's complement
 * when its first bit is set. NaN when it is malformed or beyond what a number holds exactly.
 */
export function numericField(bytes: Buffer, start: number, length: number): number {
  if (((bytes[start] ?? 0) & 0x80) !== 0) return base256(bytes, start, length);
  const end = start + length;
  let i = start;
  while (i < end && bytes[i] === SPACE) i++;
  if (i < end && bytes[i] === 0) return isBlank(bytes, i, end) ? 0 : Number.NaN;
  let value = 0;
  for (; i < end; i++) {
    const code = bytes[i] ?? 0;
    if (code < ZERO || code > SEVEN) break;
    value = value * 8 + (code - ZERO);
  }
  while (i < end && bytes[i] === SPACE) i++;
  return i === end || bytes[i] === 0 ? value : Number.NaN;
}

/** Go reads digits behind a leading NUL, all others stop at the NUL: such a field is not to be trusted. */
function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0 && bytes[i] !== SPACE) return false;
  return true;
}

function base256(bytes: Buffer, start: number, length: number): number {
  const negative = ((bytes[start] ?? 0) & 0x40) !== 0;
  let value = 0;
  for (let i = start; i < start + length; i++) {
    const byte = negative ? ~(bytes[i] ?? 0) & 0xff : (bytes[i] ?? 0);
    value = value * 256 + (i === start ? byte & 0x7f : byte);
    if (value >= Number.MAX_SAFE_INTEGER) return Number.NaN;
  }
  return negative ? -value - 1 : value;
}

/**
 * The name and, where the layout has one, the prefix before it, joined. A header with GNU's magic whose time fields
 * cannot be times was written by Go before 1.8, which put a prefix there.
 */
export function nameField(bytes: Buffer, at: number, format: HeaderFormat): ByteString {
  const name = stringField(bytes, at, 100);
  if (format === 'v7' || bytes[at + 345] === 0) return name;
  if (format === 'gnu' && !hasMisplacedPrefix(bytes, at)) return name;
  const prefix = stringField(bytes, at + 345, format === 'star' ? 131 : 155);
  return `${prefix}/${name}`;
}

function hasMisplacedPrefix(bytes: Buffer, at: number): boolean {
  const areTimes =
    !Number.isNaN(numericField(bytes, at + 345, 12)) &&
    (bytes[at + 357] === 0 || !Number.isNaN(numericField(bytes, at + 357, 12)));
  return !areTimes && isAscii(stringField(bytes, at + 345, 155));
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
