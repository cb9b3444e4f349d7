import { createHash, type Hash } from 'node:crypto';
import { corrupt } from './errors.ts';
import { SUPER, SUPER_OFFSET, UUID_BYTES } from './format.ts';

const CHECKSUM_AT = SUPER_OFFSET + SUPER.checksum;
const CHECKSUM_BYTES = 4;
const UUID_AT = SUPER_OFFSET + SUPER.uuid;

/** A UUID of version 8 (RFC 9562) from all bytes of an image but its UUID and checksum, which count as zeros. */
export function imageUuid(image: Buffer): Buffer {
  const hash = createHash('sha256');
  hash.update(image.subarray(0, CHECKSUM_AT)).update(Buffer.alloc(CHECKSUM_BYTES));
  hash.update(image.subarray(CHECKSUM_AT + CHECKSUM_BYTES, UUID_AT)).update(Buffer.alloc(UUID_BYTES));
  return uuidOf(hash.update(image.subarray(UUID_AT + UUID_BYTES)));
}

/** The UUID of the bytes that were hashed. */
export function uuidOf(hash: Hash): Buffer {
  const uuid = hash.digest().subarray(0, UUID_BYTES);
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x80, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid;
}

/**
 * Reads the whole image and compares it with its UUID: a damaged index that still opens shows wrong files silently, and
 * the kernel does not notice either. For checks of a store, and of what was written before a crash.
 * @throws INDEX_CORRUPT
 */
export function verifyIndex(image: Buffer): void {
  if (image.byteLength < UUID_AT + UUID_BYTES) throw corrupt('it is too short', { sizeBytes: image.byteLength });
  const expected = image.toString('hex', UUID_AT, UUID_AT + UUID_BYTES);
  const got = imageUuid(image).toString('hex');
  if (expected !== got) throw corrupt('its bytes do not match its UUID', { expected, got });
}
