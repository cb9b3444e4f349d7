import { timingSafeEqual } from 'node:crypto';
import { ShaleError } from '../base/index.ts';

/**
 * NaCl's secretbox, XSalsa20-Poly1305 (nacl.cr.yp.to/secretbox.html), which cosign encrypts keys with and Node does not
 * have. For a few hundred bytes: it is plain, not fast.
 */
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const BLOCK_BYTES = 64;

/** The tag, then the ciphertext. */
export function sealSecretbox(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array): Buffer {
  const { macKey, crypt } = streamOf(key, nonce);
  const cipher = crypt(plain);
  return Buffer.concat([poly1305(macKey, cipher), cipher]);
}

/** @throws SECRETBOX_INVALID when the key is not the one that it was sealed with, or a byte is another */
export function openSecretbox(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Buffer {
  if (box.length < TAG_BYTES) throw invalid();
  const cipher = box.subarray(TAG_BYTES);
  const { macKey, crypt } = streamOf(key, nonce);
  if (!timingSafeEqual(poly1305(macKey, cipher), box.subarray(0, TAG_BYTES))) throw invalid();
  return crypt(cipher);
}

function invalid(): ShaleError {
  return new ShaleError('SECRETBOX_INVALID', 'the box does not open with this key');
}

/** The first 32 bytes of the key stream are the key of the tag; the text begins after them. */
function streamOf(
  key: Uint8Array,
  nonce: Uint8Array,
): { readonly macKey: Buffer; readonly crypt: (bytes: Uint8Array) => Buffer } {
  if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) throw invalid();
  const subkey = hsalsa20(key, nonce.subarray(0, 16));
  const block = (number: number): Buffer => {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64LE(BigInt(number));
    return salsaBlock(subkey, Buffer.concat([nonce.subarray(16), counter]), 'add');
  };
  const crypt = (bytes: Uint8Array): Buffer => {
    const stream = Buffer.concat(
      Array.from({ length: Math.ceil((bytes.length + KEY_BYTES) / BLOCK_BYTES) }, (_, number) => block(number)),
    ).subarray(KEY_BYTES);
    return Buffer.from(bytes.map((byte, at) => byte ^ stream.readUInt8(at)));
  };
  return { macKey: block(0).subarray(0, KEY_BYTES), crypt };
}

/** Eight of the sixteen words, before the input is added: a key for longer nonces. */
function hsalsa20(key: Uint8Array, input: Uint8Array): Buffer {
  const words = salsaBlock(key, input, 'leave');
  return Buffer.concat([0, 5, 10, 15, 6, 7, 8, 9].map((word) => words.subarray(word * 4, word * 4 + 4)));
}

/** One block of Salsa20 (cr.yp.to/snuffle/spec.pdf): `input` is nonce and counter. */
function salsaBlock(key: Uint8Array, input: Uint8Array, end: 'add' | 'leave'): Buffer {
  const sigma = Buffer.from('expand 32-byte k');
  const k = Buffer.from(key);
  const start = Buffer.concat([
    sigma.subarray(0, 4),
    k.subarray(0, 16),
    sigma.subarray(4, 8),
    input,
    sigma.subarray(8, 12),
    k.subarray(16),
    sigma.subarray(12),
  ]);
  const first = new Uint32Array(16).map((_, word) => start.readUInt32LE(word * 4));
  const x = first.slice();
  const mix = (to: number, a: number, b: number, bits: number): void => {
    const sum = ((x[a] ?? 0) + (x[b] ?? 0)) >>> 0;
    x[to] = (x[to] ?? 0) ^ ((sum << bits) | (sum >>> (32 - bits)));
  };
  const quarter = (a: number, b: number, c: number, d: number): void => {
    mix(b, a, d, 7);
    mix(c, b, a, 9);
    mix(d, c, b, 13);
    mix(a, d, c, 18);
  };
  for (let round = 0; round < 10; round++) {
    for (const [a, b, c, d] of COLUMNS) quarter(a, b, c, d);
    for (const [a, b, c, d] of ROWS) quarter(a, b, c, d);
  }
  const out = Buffer.alloc(BLOCK_BYTES);
  x.forEach((word, at) => out.writeUInt32LE((end === 'add' ? word + (first[at] ?? 0) : word) >>> 0, at * 4));
  return out;
}

type Four = readonly [number, number, number, number];
const COLUMNS: readonly Four[] = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
];
const ROWS: readonly Four[] = [
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
];

const PRIME = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** RFC 8439, section 2.5. */
function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & CLAMP;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const part = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(part) + (1n << BigInt(8 * part.length))) * r) % PRIME;
  }
  const tag = BigInt.asUintN(128, sum + littleEndian(key.subarray(16, 32)));
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`);
}
