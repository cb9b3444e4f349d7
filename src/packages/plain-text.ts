import { toText, type ByteString } from '../base/index.ts';

/** Characters that a name, a version or an address may have. */
const WORD_MAX = 256;

/**
 * A value of a foreign file as one line of text that can be shown and put into a document: undefined when it is empty, too
 * long or has control characters.
 */
export function plainText(value: ByteString | undefined): string | undefined {
  if (value === undefined || value === '' || value.length > WORD_MAX) return undefined;
  const text = toText(value).trim();
  // oxlint-disable-next-line no-control-regex
  return text === '' || /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]/.test(text) ? undefined : text;
}
