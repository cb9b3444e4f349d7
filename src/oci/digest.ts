import { sha256Hex, ShaleError } from '../base/index.ts';

declare const digestBrand: unique symbol;
declare const diffIdBrand: unique symbol;

/** `sha256:` and 64 lower-case hex digits: the identity of a blob. Made by `parseDigest` and `digestOf` only. */
export type Digest = `sha256:${string}` & { readonly [digestBrand]: true };

/** The digest of a layer's uncompressed tar. */
export type DiffId = Digest & { readonly [diffIdBrand]: true };

const SHA256 = /^sha256:[0-9a-f]{64}$/;

/**
 * Reads a digest that shale can verify (image-spec descriptor.md, "Digests").
 * @throws DIGEST_INVALID for any other text, including other algorithms and upper-case digits.
 */
export function parseDigest(text: unknown): Digest {
  if (!isDigest(text)) {
    const shown = typeof text === 'string' ? JSON.stringify(text.slice(0, 100)) : String(text);
    throw new ShaleError('DIGEST_INVALID', `${shown} is not a sha256 digest`, {
      hint: 'a digest is "sha256:" and 64 lower-case hex digits',
    });
  }
  return text;
}

/** As `parseDigest`, for a digest that stands where a diffId is expected. */
export function parseDiffId(text: unknown): DiffId {
  return asDiffId(parseDigest(text));
}

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && SHA256.test(text);
}

/** The digest whose 64 hex digits a hash just gave. */
export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** Says that a digest is that of an uncompressed layer tar. */
export function asDiffId(digest: Digest): DiffId {
  return digest as DiffId; // The brand carries no more than the caller's knowledge of what was hashed.
}

/** The 64 hex digits. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The first 12 hex digits, as tables show them. */
export function shortId(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array): Digest {
  return digestFromHex(sha256Hex(bytes));
}
