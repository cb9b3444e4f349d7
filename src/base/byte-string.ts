/**
 * A string in which every character stands for one byte (latin1). Names in archives, layers and directories are
 * bytes, not text: kept like this they compare and sort by bytes with `<`, work as keys of a Map, and are never
 * decoded lossily. Anything shown to a person goes through `toText`.
 */
export type ByteString = string;

/** The UTF-8 bytes of a text, as a byte string. */
export function fromText(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that the bytes spell in UTF-8; bytes that are not UTF-8 become U+FFFD. For display only. */
export function toText(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function toBytes(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** Orders byte strings by their bytes; the order of every directory that shale writes. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
