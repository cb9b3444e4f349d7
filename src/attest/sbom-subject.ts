import type { DiffId, Digest } from '../oci/index.ts';
import type { Inventory } from '../packages/index.ts';

/** An image with what it holds, as an SBOM tells it. */
export interface SbomSubject {
  /** Of the image: the digest of its config, which no compression has a part in. */
  readonly id: Digest;
  /** The stage whose packages these are, where they are not those of the image itself. */
  readonly stage?: string;
  /** `linux/arm64`. */
  readonly platform: string;
  /** When the image says that it was made: `2026-01-01T00:00:00Z`. */
  readonly created: string;
  /** Lowest first. */
  readonly layers: readonly DiffId[];
  readonly inventory: Inventory;
  /** Of this release of shale. */
  readonly toolVersion: string;
}

/** What the document is called: the image, or one of the stages that it was made with. */
export function subjectName({ id, stage }: SbomSubject): string {
  return stage === undefined ? id : `${id} stage ${stage}`;
}

/** RFC 3339 in whole seconds and UTC, as both formats want it; the beginning of 1970 for what is no time. */
export function wholeSeconds(created: string | undefined): string {
  const ms = created === undefined ? Number.NaN : Date.parse(created);
  return new Date(Number.isNaN(ms) ? 0 : Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}
