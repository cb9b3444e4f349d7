import { createHash, timingSafeEqual } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** Words of Blowfish's subkeys and of its four boxes: together the fraction of pi, in order. */
const SUBKEYS = 18;
const BOX = 256;
const BOXES = 4;
/** Rounds after which others have their turn. */
const ROUNDS_AT_ONCE = 16;
/** Bytes of a password that count. */
const PASSWORD_MAX_BYTES = 72;
const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const HASH = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;
/** Rounds, as a power of two: more would let one request take seconds. */
export const BCRYPT_COST_MAX = 12;
const COST_MIN = 4;

/** A bcrypt hash, as `htpasswd -B` writes it. */
export interface BcryptHash {
  readonly cost: number;
  readonly salt: Buffer;
  /** The 23 bytes that bcrypt keeps of its 24. */
  readonly hash: Buffer;
}

/** Undefined for another kind of hash. */
export function parseBcrypt(text: string): BcryptHash | undefined {
  const [, digits = '', salt = '', hash = ''] = HASH.exec(text) ?? [];
  const cost = Number(digits);
  return digits === '' || cost < COST_MIN ? undefined : { cost, salt: decode(salt, 16), hash: decode(hash, 23) };
}

/** Whether this is the password (Provos and Mazières, "A Future-Adaptable Password Scheme", 1999). Takes as long as it costs. */
export async function isBcryptOf(password: Buffer, { cost, salt, hash }: BcryptHash): Promise<boolean> {
  // The zero that ends a C string is a part of the key.
  const key = Buffer.concat([password, Buffer.alloc(1)]).subarray(0, PASSWORD_MAX_BYTES);
  const cipher = new Blowfish();
  cipher.expand(key, salt);
  for (let round = 0; round < 2 ** cost; round++) {
    cipher.expand(key, undefined);
    cipher.expand(salt, undefined);
    if (round % ROUNDS_AT_ONCE === 0) await setImmediate();
  }
  const text = Buffer.from('OrpheanBeholderScryDoubt');
  for (let at = 0; at < text.length; at += 8) for (let times = 0; times < 64; times++) cipher.encrypt(text, at);
  return timingSafeEqual(sha256(text.subarray(0, 23)), sha256(hash));
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function decode(text: string, bytes: number): Buffer {
  const decoded = Buffer.alloc(bytes);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text) {
    held = ((held << 6) | ALPHABET.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits < 8 || at >= bytes) continue;
    bits -= 8;
    decoded[at++] = (held >> bits) & 0xff;
  }
  return decoded;
}

class Blowfish {
  readonly #words: Uint32Array<ArrayBuffer> = fractionOfPi().slice();
  #left = 0;
  #right = 0;

  /** One pass of the key schedule; with a salt, which is mixed into what is enciphered. */
  expand(key: Uint8Array, salt: Uint8Array | undefined): void {
    const words = this.#words;
    for (let i = 0, at = 0; i < SUBKEYS; i++, at += 4) words[i] = (words[i] ?? 0) ^ wordAt(key, at);
    this.#left = 0;
    this.#right = 0;
    for (let i = 0, at = 0; i < words.length; i += 2, at += 8) {
      if (salt !== undefined) {
        this.#left ^= wordAt(salt, at);
        this.#right ^= wordAt(salt, at + 4);
      }
      this.#encipher();
      words[i] = this.#left;
      words[i + 1] = this.#right;
    }
  }

  /** Eight bytes in place. */
  encrypt(bytes: Buffer, at: number): void {
    this.#left = bytes.readUInt32BE(at);
    this.#right = bytes.readUInt32BE(at + 4);
    this.#encipher();
    bytes.writeUInt32BE(this.#left >>> 0, at);
    bytes.writeUInt32BE(this.#right >>> 0, at + 4);
  }

  #encipher(): void {
    const words = this.#words;
    let left = this.#left;
    let right = this.#right;
    for (let i = 0; i < SUBKEYS - 2; i += 2) {
      left ^= words[i] ?? 0;
      right ^= this.#mix(left);
      right ^= words[i + 1] ?? 0;
      left ^= this.#mix(right);
    }
    this.#left = right ^ (words[SUBKEYS - 1] ?? 0);
    this.#right = left ^ (words[SUBKEYS - 2] ?? 0);
  }

  #mix(word: number): number {
    const words = this.#words;
    const box = (which: number, byte: number): number => words[SUBKEYS + which * BOX + (byte & 0xff)] ?? 0;
    const sum = (box(0, word >>> 24) + box(1, word >>> 16)) | 0;
    return ((sum ^ box(2, word >>> 8)) + box(3, word)) | 0;
  }
}

/** Four bytes of a key that begins again where it ends. */
function wordAt(key: Uint8Array, at: number): number {
  let word = 0;
  for (let i = 0; i < 4; i++) word = (word << 8) | (key[(at + i) % key.length] ?? 0);
  return word;
}

let computed: Uint32Array<ArrayBuffer> | undefined;

/** The first words behind the point of pi, by Machin's formula: 16 atan(1/5) - 4 atan(1/239). */
function fractionOfPi(): Uint32Array<ArrayBuffer> {
  if (computed !== undefined) return computed;
  const count = SUBKEYS + BOXES * BOX;
  const guard = 64n;
  const one = 1n << (BigInt(count * 32) + guard);
  const pi = (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> guard;
  const hex = pi.toString(16).slice(1);
  return (computed = Uint32Array.from({ length: count }, (_, i) => Number.parseInt(hex.slice(i * 8, i * 8 + 8), 16)));
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x;
  let sum = power;
  for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
    power /= x * x;
    sum += (sign * power) / n;
  }
  return sum;
}
