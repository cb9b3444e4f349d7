import { createHash } from 'node:crypto';

/** What is longer is worth loading node:crypto for: four milliseconds. */
const SMALL_BYTES = 4096;
const BLOCK_BYTES = 64;
const WORDS = 64;

/** The sha256 of bytes in memory, as 64 hex digits. Of few bytes without node:crypto, in a millisecond at the most. */
export function sha256Hex(bytes: Uint8Array): string {
  return bytes.byteLength > SMALL_BYTES ? createHash('sha256').update(bytes).digest('hex') : ownSha256(bytes);
}

/** FIPS 180-4, 6.2. */
function ownSha256(bytes: Uint8Array): string {
  const hash = Int32Array.from(INITIAL);
  const schedule = new Int32Array(WORDS);
  const message = padded(bytes);
  for (let offset = 0; offset < message.byteLength; offset += BLOCK_BYTES) {
    fillSchedule(schedule, message, offset);
    mix(hash, schedule);
  }
  return [...hash].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** FIPS 180-4, 5.1.1: a one, zeros, and the length in bits, big-endian. */
function padded(bytes: Uint8Array): DataView {
  const length = Math.ceil((bytes.byteLength + 9) / BLOCK_BYTES) * BLOCK_BYTES;
  const message = new Uint8Array(length);
  message.set(bytes);
  message[bytes.byteLength] = 0x80;
  const view = new DataView(message.buffer);
  view.setBigUint64(length - 8, BigInt(bytes.byteLength) * 8n);
  return view;
}

function fillSchedule(schedule: Int32Array, message: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) schedule[i] = message.getInt32(offset + i * 4);
  for (let i = 16; i < WORDS; i++) {
    const [a, b] = [at(schedule, i - 15), at(schedule, i - 2)];
    const low = turned(a, 7) ^ turned(a, 18) ^ (a >>> 3);
    const high = turned(b, 17) ^ turned(b, 19) ^ (b >>> 10);
    schedule[i] = (at(schedule, i - 16) + low + at(schedule, i - 7) + high) | 0;
  }
}

function mix(hash: Int32Array, schedule: Int32Array): void {
  const constants = (roundConstants ??= fractions());
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash;
  for (let i = 0; i < WORDS; i++) {
    const choice = (e & f) ^ (~e & g);
    const first = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + at(constants, i) + at(schedule, i);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    hash[i] = at(hash, i) + word;
  });
}

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function at(words: Int32Array, index: number): number {
  return words[index] ?? 0;
}

// FIPS 180-4, 5.3.3.
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;
let roundConstants: Int32Array | undefined;

/** FIPS 180-4, 4.2.2: the fractional parts of the cube roots of the first 64 primes. */
function fractions(): Int32Array {
  const words = new Int32Array(WORDS);
  for (let found = 0, number = 2; found < WORDS; number++) {
    if (!isPrime(number)) continue;
    const root = Math.cbrt(number);
    words[found++] = ((root - Math.floor(root)) * 2 ** 32) | 0;
  }
  return words;
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
