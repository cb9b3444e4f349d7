import type { Packing } from '../../images/index.ts';
import type { Platform, Reference } from '../../oci/index.ts';

/** Where the bytes of a file go: a path that is replaced when it is whole, or whoever reads the other end. */
export type OutputFile =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stream'; readonly write: (bytes: Uint8Array) => Promise<void> };

/** One annotation: where it stands, and for which platform; every one when absent. */
export interface Annotation {
  readonly place: 'manifest' | 'manifest-descriptor' | 'index' | 'index-descriptor';
  readonly platform?: Platform | undefined;
  readonly key: string;
  readonly value: string;
}

/** What a build gives out, as plain data. */
export type Output = ImageOutput | RegistryOutput | ArchiveOutput | TarOutput | LocalOutput;

/** The image in the store, under its names. */
export interface ImageOutput {
  readonly kind: 'image';
  /** Beside those of the build. */
  readonly names: readonly Reference[];
  readonly annotations: readonly Annotation[];
}

/** The image in the registries of its names. */
export interface RegistryOutput {
  readonly kind: 'registry';
  /** Beside those of the build. */
  readonly names: readonly Reference[];
  readonly packing: Packing;
  readonly annotations: readonly Annotation[];
  /** No tag leads to it. */
  readonly byDigest: boolean;
}

/** An OCI layout, in a tar or a folder; or the archive that docker load reads. */
export interface ArchiveOutput {
  readonly kind: 'archive';
  readonly format: 'oci' | 'docker';
  readonly to: OutputFile | { readonly kind: 'folder'; readonly path: string };
  readonly names: readonly Reference[];
  readonly packing: Packing;
  readonly annotations: readonly Annotation[];
}

/** The files of the result in a tar. */
export interface TarOutput {
  readonly kind: 'tar';
  readonly to: OutputFile;
  /** A folder for each platform; when absent, only where there are several. */
  readonly platformSplit?: boolean | undefined;
}

/** The files of the result in a folder of the host. */
export interface LocalOutput {
  readonly kind: 'local';
  readonly folder: string;
  readonly platformSplit?: boolean | undefined;
  /** `delete` removes from the folder what is not in the result. */
  readonly mode: 'copy' | 'delete';
}
