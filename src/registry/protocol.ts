import { isJsonObject, parseJson, ShaleError, type Json } from '../base/index.ts';
import { hexOf, type Digest } from '../oci/index.ts';

/** distribution-spec, "Error Codes". */
export const REGISTRY_FAULT_CODES = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
  // The reference implementation's, for what stands behind a registry.
  'UNAVAILABLE',
] as const;
export type RegistryFaultCode = (typeof REGISTRY_FAULT_CODES)[number];

/** Bytes of an error answer that are looked at. */
export const ERROR_BODY_MAX_BYTES: number = 64 * 1024;
/** Bytes of one page of a listing: tags, repositories, referrers. */
export const PAGE_MAX_BYTES: number = 8 * 1024 * 1024;
/** Pages that one listing may have. */
export const PAGES_MAX = 2000;
/** Entries that are asked for at once. */
export const PAGE_ENTRIES = 1000;

/** One entry of an error answer. */
export interface RegistryFault {
  readonly code: string;
  readonly message: string;
}

/** The faults of an error answer; empty when the body is something else, as of a proxy. Texts are cut to a line's length. */
export function parseFaults(body: Uint8Array): RegistryFault[] {
  let document: Json;
  try {
    document = parseJson(body, 'the answer');
  } catch {
    return [];
  }
  const errors = isJsonObject(document) ? document['errors'] : undefined;
  if (!Array.isArray(errors)) return [];
  return errors.filter(isJsonObject).map((error: Readonly<Record<string, Json | undefined>>) => ({
    code: shortText(error['code']),
    message: shortText(error['message']),
  }));
}

/** The body of an error answer. */
export function formatFaults(faults: readonly RegistryFault[]): Buffer {
  return Buffer.from(JSON.stringify({ errors: faults }));
}

function shortText(value: Json | undefined): string {
  return typeof value === 'string' ? value.replaceAll(/[\u0000-\u001F\u007F]/g, ' ').slice(0, 200) : '';
}

/** The tag that stands in for the referrers API (distribution-spec, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return `sha256-${hexOf(subject)}`;
}

/** Bytes that an upload has, from its `Range: 0-N` header; undefined when there is none. */
export function uploadedBytes(range: string | undefined): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? '')?.[1];
  return last === undefined ? undefined : Number(last) + 1;
}

/**
 * Where the next page of a listing is (RFC 8288, `rel=next`). It must be of the origin that was asked and below the same
 * path: whoever lists tags sends nobody elsewhere.
 * @throws REGISTRY_PAGING
 */
export function nextPage(link: string | undefined, from: URL): URL | undefined {
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link ?? '')?.[1];
  if (target === undefined) return undefined;
  const next = URL.parse(target, from.href);
  if (next !== null && next.origin === from.origin && next.pathname === from.pathname) return next;
  throw new ShaleError('REGISTRY_PAGING', `${from.host} continues its list at another place`, {
    data: { host: from.host },
  });
}
