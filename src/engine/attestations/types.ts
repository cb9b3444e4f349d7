/** What is said about images: what is asked for, and what came of it. */
import type { Watch } from '../watch.ts';

export type SbomFormat = 'spdx' | 'cyclonedx';

/** Whose packages are listed. */
export interface SbomRequest {
  /** A name of the store, or a place as `copyImage` has it. */
  readonly image: string;
  /** Paths are relative to it. */
  readonly folder: string;
  /** Of an image for several platforms, this one; that of this machine when absent. */
  readonly platform?: string;
}

/** A package that an image holds. */
export interface FoundPackage {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly architecture?: string;
  readonly licences: readonly string[];
  readonly purl: string;
  /** The number of its layer, counted from the lowest. */
  readonly layer: number;
  /** The file that says that it is there. */
  readonly foundIn: string;
}

export interface SbomReport {
  /** Digest of the image's config. */
  readonly imageId: string;
  readonly packages: readonly FoundPackage[];
  /** What could not be read, for people. */
  readonly problems: readonly string[];
  /** The same as a document: JSON on one line, the same bytes for the same image. */
  readonly document: (format: SbomFormat) => string;
}

/** What is said about images. */
export interface AttestationOperations {
  /** What packages an image holds, read from its layers. */
  readonly sbom: (request: SbomRequest, watch: Watch) => Promise<SbomReport>;
}
