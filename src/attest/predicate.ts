import type { Json } from '../base/index.ts';

/** What can be said about an image (in-toto attestation spec, "Predicate"), and in which words. */
export interface Predicate {
  /** A URI that names the format. */
  readonly type: string;
  /** JSON, in UTF-8; put into statements as it is. */
  readonly bytes: Buffer;
}

export const PREDICATE = {
  provenance: 'https://slsa.dev/provenance/v1',
  spdx: 'https://spdx.dev/Document',
  cyclonedx: 'https://cyclonedx.org/bom',
} as const;

export function predicateOf(type: string, value: Json): Predicate {
  return { type, bytes: Buffer.from(JSON.stringify(value)) };
}
