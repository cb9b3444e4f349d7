/** What is said about images: what is asked for, and what came of it. */
import type { Json } from '../../base/index.ts';
import type { Watch } from '../watch.ts';

export type SbomFormat = 'spdx' | 'cyclonedx';

/** What a build is asked to say about its image. */
export type AttestationRequest =
  | {
      /** How it was made. */
      readonly kind: 'provenance';
      /** `min` leaves out what may be secret: values of arguments and labels, ids of secrets, the Dockerfile. */
      readonly mode: 'min' | 'max';
      /** A URI that names who built. */
      readonly builderId?: string;
    }
  /** What packages it holds. */
  | { readonly kind: 'sbom'; readonly format: SbomFormat };

/** Which image is meant. */
export interface ImageRequest {
  /** A name of the store, or a place as `copyImage` has it. */
  readonly image: string;
  /** Paths are relative to it. */
  readonly folder: string;
  /** Of an image for several platforms, this one; that of this machine when absent. */
  readonly platform?: string;
}

/** What is said about an image. */
export interface FoundStatement {
  /** A URI that names the format. */
  readonly predicateType: string;
  readonly predicate: Json;
  /** Digest of the artifact that holds it; absent where it will be made when the image leaves the store. */
  readonly artifact?: string;
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
  readonly sbom: (request: ImageRequest, watch: Watch) => Promise<SbomReport>;
  /** What is kept beside an image: provenance, SBOMs and others. Whether anything is signed is not looked at. */
  readonly attestations: (request: ImageRequest, watch: Watch) => Promise<readonly FoundStatement[]>;
}
