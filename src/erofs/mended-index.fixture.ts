import { crc32c, SUPER, SUPER_CHECKSUM_BYTES, SUPER_OFFSET } from './format.ts';

/** Puts the checksum of a changed image right, so that what lies behind it is reached. */
export function mendIndex(bytes: Buffer): Buffer {
  if (bytes.length < SUPER_OFFSET + SUPER_CHECKSUM_BYTES) return bytes;
  bytes.writeUInt32LE(0, SUPER_OFFSET + SUPER.checksum);
  const sum = crc32c(bytes.subarray(SUPER_OFFSET, SUPER_OFFSET + SUPER_CHECKSUM_BYTES));
  bytes.writeUInt32LE(sum, SUPER_OFFSET + SUPER.checksum);
  return bytes;
}
