import { ShaleError } from '../../base/index.ts';

/**
 * The data types of the SSH protocols (RFC 4251, section 5): numbers of 32 bits, strings with their length in front, and
 * whole numbers as strings (`mpint`).
 */

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sshString(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** A number that is not negative, given as its big-endian bytes. */
export function mpint(magnitude: Uint8Array): Buffer {
  const first = magnitude.findIndex((byte) => byte !== 0);
  if (first === -1) return uint32(0);
  const bytes = magnitude.subarray(first);
  const sign = (bytes[0] ?? 0) >= 0x80 ? [Buffer.alloc(1)] : [];
  return sshString(Buffer.concat([...sign, bytes]));
}

/** Reads what the functions above write. @throws SSH_MALFORMED where the bytes end early */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.#take(1).readUInt8();
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.#take(this.uint32());
  }

  text(): string {
    return this.string().toString();
  }

  /** A number that is not negative, without leading zeros. */
  magnitude(): Buffer {
    const bytes = this.string();
    const first = bytes.findIndex((byte) => byte !== 0);
    return first === -1 ? Buffer.alloc(0) : bytes.subarray(first);
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw malformed('it ends early');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

export function malformed(why: string): ShaleError {
  return new ShaleError('SSH_MALFORMED', `not what the SSH protocol prescribes: ${why}`);
}
