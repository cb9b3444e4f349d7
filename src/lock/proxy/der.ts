/** The part of DER (X.690) that certificates are written in. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;
const CONTEXT_PRIMITIVE = 0x80;
const CONTEXT_CONSTRUCTED = 0xa0;

function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? (length > 0xffff ? 6 : 4) : 2, '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length), digits, content]);
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, ...items);
}

export function set(...items: readonly Uint8Array[]): Buffer {
  return element(TAG.set, ...items);
}

export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.of(value ? 0xff : 0));
}

/** Of big-endian bytes that stand for a number that is not negative. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const short = first < 0 ? Buffer.of(0) : bytes.subarray(first);
  return element(TAG.integer, (short[0] ?? 0) & 0x80 ? Buffer.of(0) : Buffer.alloc(0), short);
}

export function octetString(...contents: readonly Uint8Array[]): Buffer {
  return element(TAG.octetString, ...contents);
}

/** Of whole bytes, but for `unused` bits at the end. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return element(TAG.bitString, Buffer.of(unused), bytes);
}

export function utf8String(text: string): Buffer {
  return element(TAG.utf8String, Buffer.from(text));
}

/** `YYMMDDHHMMSSZ`: years from 1950 to 2049. */
export function utcTime(text: string): Buffer {
  return element(TAG.utcTime, Buffer.from(text));
}

/** `1.2.840.10045.4.3.2` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let more = Math.floor(arc / 128); more > 0; more = Math.floor(more / 128))
      digits.unshift((more & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(TAG.oid, Buffer.from(bytes));
}

/** `[number]` around another element. */
export function explicit(number: number, content: Uint8Array): Buffer {
  return element(CONTEXT_CONSTRUCTED | number, content);
}

/** `[number]` in place of the tag of a string. */
export function implicit(number: number, content: Uint8Array): Buffer {
  return element(CONTEXT_PRIMITIVE | number, content);
}
