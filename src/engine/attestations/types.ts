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

/** A key as it lies in its file. */
export interface PrivateKey {
  /** PEM: cosign's encrypted form, or a plain key. */
  readonly pem: string;
  /** Of an encrypted one. */
  readonly password: string | undefined;
}

export interface SignRequest {
  /** A name in a registry; what is signed is the manifest that it leads to. */
  readonly image: string;
  readonly key: PrivateKey;
  /** `bundle`: an artifact that refers to the image, as cosign 3 makes; `simple`: under a tag, as cosign 1 and 2 do. */
  readonly form: 'bundle' | 'simple';
  /** Of an index, every image too. */
  readonly recursive: boolean;
}

export interface AttestRequest extends Pick<SignRequest, 'image' | 'key'> {
  /** A URI that names the format of the predicate. */
  readonly predicateType: string;
  /** JSON. */
  readonly predicate: Uint8Array;
}

export interface SignedImage {
  /** `registry.example/team/app@sha256:…` */
  readonly name: string;
  /** Digest of the manifest that holds the signature. */
  readonly artifact: string;
}

export interface VerifyRequest {
  readonly image: string;
  /** PEM. */
  readonly publicKey: string;
  /** What must be attested and signed; a signature of the image itself when absent. */
  readonly predicateType?: string;
}

/** An image that somebody with the private key has signed. */
export interface VerifiedImage {
  /** `registry.example/team/app@sha256:…`: what is verified, whatever the name leads to later. */
  readonly name: string;
  readonly digest: string;
  readonly signatures: readonly VerifiedSignature[];
}

export type VerifiedSignature =
  | {
      readonly kind: 'bundle';
      readonly artifact: string;
      readonly predicateType: string;
      readonly predicate: Json;
    }
  | { readonly kind: 'simple'; readonly artifact: string };

/** What is said about images. */
export interface AttestationOperations {
  /** What packages an image holds, read from its layers. */
  readonly sbom: (request: ImageRequest, watch: Watch) => Promise<SbomReport>;
  /** What is kept beside an image: provenance, SBOMs and others. Whether anything is signed is not looked at. */
  readonly attestations: (request: ImageRequest, watch: Watch) => Promise<readonly FoundStatement[]>;
  /** Signs what a name of a registry leads to, and puts the signature there. */
  readonly sign: (request: SignRequest, watch: Watch) => Promise<readonly SignedImage[]>;
  /** Signs a statement about what a name of a registry leads to, and puts it there. */
  readonly attest: (request: AttestRequest, watch: Watch) => Promise<SignedImage>;
  /** @throws SIGNATURE_NOT_FOUND, SIGNATURE_INVALID unless the owner of the key has signed it */
  readonly verify: (request: VerifyRequest, watch: Watch) => Promise<VerifiedImage>;
  /** A pair of keys as cosign makes, in PEM; the private one is encrypted. */
  readonly generateKeyPair: (password: string) => Promise<{ readonly privateKey: string; readonly publicKey: string }>;
}
