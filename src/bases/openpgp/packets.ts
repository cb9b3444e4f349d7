import { ShaleError } from '../../base/index.ts';

/** One OpenPGP packet (RFC 9580 section 4): its type and its body. */
export interface Packet {
  readonly tag: number;
  readonly body: Buffer;
}

export const TAG_SIGNATURE = 2;
export const TAG_PUBLIC_KEY = 6;
export const TAG_USER_ID = 13;
export const TAG_PUBLIC_SUBKEY = 14;
export const TAG_USER_ATTRIBUTE = 17;

/** Bytes; the archive keyring of Debian has 56 kB. */
export const KEYRING_BYTES_MAX: number = 8 * 1024 * 1024;
const PACKETS_MAX = 20_000;

/**
 * Splits a binary OpenPGP message into its packets, old and new format.
 * @throws OPENPGP_MALFORMED when a length goes past the end, or is partial or indeterminate (keys and detached
 * signatures never have those).
 */
export function parsePackets(bytes: Buffer): Packet[] {
  const packets: Packet[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (packets.length === PACKETS_MAX) throw malformed(`more than ${PACKETS_MAX} packets`);
    const head = readHeader(bytes, at);
    const end = head.bodyAt + head.bodyBytes;
    if (end > bytes.length) throw malformed(`a packet at byte ${at} ends past the data`);
    packets.push({ tag: head.tag, body: bytes.subarray(head.bodyAt, end) });
    at = end;
  }
  return packets;
}

interface Header {
  readonly tag: number;
  readonly bodyAt: number;
  readonly bodyBytes: number;
}

function readHeader(bytes: Buffer, at: number): Header {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) === 0) throw malformed(`no packet at byte ${at}`);
  if ((first & 0x40) !== 0) {
    const length = readNewLength(bytes, at + 1);
    return { tag: first & 0x3f, bodyAt: at + 1 + length.sizeBytes, bodyBytes: length.value };
  }
  const lengthBytes = [1, 2, 4][first & 3];
  if (lengthBytes === undefined) throw malformed(`a packet of indeterminate length at byte ${at}`);
  need(bytes, at + 1, lengthBytes);
  return {
    tag: (first >> 2) & 0x0f,
    bodyAt: at + 1 + lengthBytes,
    bodyBytes: bytes.readUIntBE(at + 1, lengthBytes),
  };
}

interface Length {
  readonly value: number;
  readonly sizeBytes: number;
}

function readNewLength(bytes: Buffer, at: number): Length {
  need(bytes, at, 1);
  const first = bytes.readUInt8(at);
  if (first < 192) return { value: first, sizeBytes: 1 };
  if (first < 224) {
    need(bytes, at, 2);
    return { value: ((first - 192) << 8) + bytes.readUInt8(at + 1) + 192, sizeBytes: 2 };
  }
  if (first < 255) throw malformed(`a packet of partial length at byte ${at}`);
  need(bytes, at, 5);
  return { value: bytes.readUInt32BE(at + 1), sizeBytes: 5 };
}

/** One subpacket of a signature (RFC 9580 section 5.2.3.7). */
export interface Subpacket {
  readonly type: number;
  /** A verifier that does not know the type must not accept the signature. */
  readonly critical: boolean;
  readonly data: Buffer;
}

export function parseSubpackets(area: Buffer): Subpacket[] {
  const subpackets: Subpacket[] = [];
  let at = 0;
  while (at < area.length) {
    const length = readSubpacketLength(area, at);
    const end = at + length.sizeBytes + length.value;
    if (length.value === 0 || end > area.length) throw malformed('a signature subpacket ends past its area');
    const type = area.readUInt8(at + length.sizeBytes);
    subpackets.push({
      type: type & 0x7f,
      critical: (type & 0x80) !== 0,
      data: area.subarray(at + length.sizeBytes + 1, end),
    });
    at = end;
  }
  return subpackets;
}

// Not the length of a packet: here 224 to 254 are two-byte lengths too (RFC 9580 section 5.2.3.7).
function readSubpacketLength(area: Buffer, at: number): Length {
  const first = area.readUInt8(at);
  if (first < 192) return { value: first, sizeBytes: 1 };
  if (first < 255) {
    need(area, at, 2);
    return { value: ((first - 192) << 8) + area.readUInt8(at + 1) + 192, sizeBytes: 2 };
  }
  need(area, at, 5);
  return { value: area.readUInt32BE(at + 1), sizeBytes: 5 };
}

/** Reads a multiprecision integer (RFC 9580 section 3.2) and says where the next field stands. */
export function readMpi(bytes: Buffer, at: number): { readonly value: Buffer; readonly next: number } {
  need(bytes, at, 2);
  const lengthBytes = (bytes.readUInt16BE(at) + 7) >> 3;
  need(bytes, at + 2, lengthBytes);
  return { value: bytes.subarray(at + 2, at + 2 + lengthBytes), next: at + 2 + lengthBytes };
}

/** Throws OPENPGP_MALFORMED when fewer than `count` bytes follow `at`. */
export function need(bytes: Buffer, at: number, count: number): void {
  if (at + count > bytes.length) throw malformed(`expected ${count} bytes at byte ${at} of ${bytes.length}`);
}

export function malformed(why: string): ShaleError {
  return new ShaleError('OPENPGP_MALFORMED', `this is not well-formed OpenPGP data: ${why}`);
}
