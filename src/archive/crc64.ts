/** A CRC-64 as two halves of 32 bits. */
export interface Crc64 {
  readonly high: number;
  readonly low: number;
}

const POLYNOMIAL = 0xc96c5795d7870f42n;
const SLICES = 4;

/** For each of four byte positions and each byte: the low and the high half of its remainder, by turns. */
let remainders: Uint32Array | undefined;

function makeTable(): Uint32Array {
  const table = new Uint32Array(SLICES * 512);
  for (let byte = 0; byte < 256; byte++) {
    let value = BigInt(byte);
    for (let slice = 0; slice < SLICES; slice++) {
      for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
      table[slice * 512 + byte * 2] = Number(value & 0xffffffffn);
      table[slice * 512 + byte * 2 + 1] = Number(value >> 32n);
    }
  }
  return table;
}

/** CRC-64 as xz uses it (ECMA-182, reflected), over `bytes`, going on from `before`. */
export function crc64(bytes: Uint8Array = new Uint8Array(0), before: Crc64 = { high: 0, low: 0 }): Crc64 {
  // Made when first needed: it costs milliseconds, and most commands read no xz.
  const table = (remainders ??= makeTable());
  let low = ~before.low;
  let high = ~before.high;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    const first =
      low ^
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
    const a = 1536 + (first & 0xff) * 2;
    const b = 1024 + ((first >>> 8) & 0xff) * 2;
    const c = 512 + ((first >>> 16) & 0xff) * 2;
    const d = (first >>> 24) * 2;
    low = high ^ (table[a] ?? 0) ^ (table[b] ?? 0) ^ (table[c] ?? 0) ^ (table[d] ?? 0);
    high = (table[a + 1] ?? 0) ^ (table[b + 1] ?? 0) ^ (table[c + 1] ?? 0) ^ (table[d + 1] ?? 0);
  }
  for (; at < bytes.length; at++) {
    const entry = ((low ^ (bytes[at] ?? 0)) & 0xff) * 2;
    low = ((low >>> 8) | (high << 24)) ^ (table[entry] ?? 0);
    high = (high >>> 8) ^ (table[entry + 1] ?? 0);
  }
  return { high: ~high >>> 0, low: ~low >>> 0 };
}
