import { corrupt } from './errors.ts';
import { UUID_BYTES } from './format.ts';

/**
 * The contents file beside an index: the sha256 of every regular file, in the order of the index's inode numbers.
 * docs/formats/layer-index.md, "Contents file".
 */
const MAGIC = 'SHLCONT1';
const HEADER_BYTES = 32;
const COUNT_OFFSET = 8;
const UUID_OFFSET = 16;
const SHA256_BYTES = 32;

/** `digestOf` gives the digest of the file in a slot, one per regular file; those without get zeros and no bit. */
export function encodeContents(
  uuid: Uint8Array,
  count: number,
  digestOf: (slot: number) => Uint8Array | undefined,
): Buffer {
  const known = HEADER_BYTES + count * SHA256_BYTES;
  const contents = Buffer.alloc(known + Math.ceil(count / 8));
  contents.write(MAGIC, 0, 'latin1');
  contents.writeUInt32LE(count, COUNT_OFFSET);
  contents.set(uuid, UUID_OFFSET);
  for (let i = 0; i < count; i++) {
    const digest = digestOf(i);
    if (digest === undefined) continue;
    contents.set(digest, HEADER_BYTES + i * SHA256_BYTES);
    const at = known + (i >> 3);
    contents.writeUInt8(contents.readUInt8(at) | (1 << (i & 7)), at);
  }
  return contents;
}

export interface Contents {
  /** The sha256 of the regular file with inode number `ino` (from 1); undefined when it is not known. */
  sha256(ino: number): Uint8Array | undefined;
}

/** @throws INDEX_CORRUPT when the file is damaged or belongs to another index. */
export function openContents(contents: Buffer, uuid: Uint8Array): Contents {
  if (contents.byteLength < HEADER_BYTES || contents.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw corrupt('its contents file has another format');
  }
  const count = contents.readUInt32LE(COUNT_OFFSET);
  const known = HEADER_BYTES + count * SHA256_BYTES;
  if (contents.byteLength !== known + Math.ceil(count / 8))
    throw corrupt('its contents file has the wrong size', { count });
  if (Buffer.compare(contents.subarray(UUID_OFFSET, UUID_OFFSET + UUID_BYTES), uuid) !== 0) {
    throw corrupt('its contents file belongs to another index');
  }
  return {
    sha256(ino) {
      const i = ino - 1;
      if (i < 0 || i >= count || ((contents.readUInt8(known + (i >> 3)) >> (i & 7)) & 1) === 0) return undefined;
      return contents.subarray(HEADER_BYTES + i * SHA256_BYTES, HEADER_BYTES + (i + 1) * SHA256_BYTES);
    },
  };
}
