/** The compressions that shale reads. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

/** How many bytes {@link sniffCompression} wants to see. */
export const SNIFF_BYTES = 10;

/**
 * The compression of a stream by its first bytes; `none` for everything that is not known. File names and media types
 * have no say, because both are wrong often enough.
 */
export function sniffCompression(start: Uint8Array): Compression {
  if (startsWith(start, [0x1f, 0x8b])) return 'gzip';
  if (startsWith(start, [0x28, 0xb5, 0x2f, 0xfd]) || isSkippableFrame(start)) return 'zstd';
  if (startsWith(start, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])) return 'xz';
  return isBzip2(start) ? 'bzip2' : 'none';
}

/** RFC 8878 section 3.1.2; pzstd and zstd:chunked start with such a frame. */
function isSkippableFrame(start: Uint8Array): boolean {
  const first = start[0] ?? 0;
  return first >= 0x50 && first <= 0x5f && startsWith(start.subarray(1), [0x2a, 0x4d, 0x18]);
}

/** "BZh", a level, and the magic of a block or of the end: a tar's first name could start with the first four. */
function isBzip2(start: Uint8Array): boolean {
  const level = start[3] ?? 0;
  if (!startsWith(start, [0x42, 0x5a, 0x68]) || level < 0x31 || level > 0x39) return false;
  const magic = start.subarray(4);
  return (
    startsWith(magic, [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]) || startsWith(magic, [0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
  );
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length >= magic.length && magic.every((byte, i) => bytes[i] === byte);
}
