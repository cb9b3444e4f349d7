import type { ByteString } from '../base/index.ts';
import type { LayerIndex, View, ViewNode } from '../erofs/index.ts';
import type { ContentLocation } from '../layers/index.ts';

/** The layers of an image as one tree whose files can be read; a `Stack` is one. */
export interface PackageTree {
  /** Lowest first. */
  readonly layers: readonly { readonly index: LayerIndex }[];
  readonly view: View;
  /** Where the bytes of a regular file lie. */
  locate(node: LocatedNode): ContentLocation;
}

/** What of a node says where its bytes lie. */
export type LocatedNode = Pick<ViewNode, 'layer' | 'data' | 'sizeBytes'>;

/** What os-release(5) says of the root file system. */
export interface Distribution {
  /** `debian`, `alpine`. */
  readonly id: string;
  /** `12`, `3.20.3`; absent for rolling distributions. */
  readonly versionId?: string;
  /** `Debian GNU/Linux 12 (bookworm)`. */
  readonly prettyName?: string;
}

/** As package URLs call them. */
export type PackageType = 'deb' | 'apk' | 'npm' | 'pypi';

/** A package that is installed in an image. */
export interface Package {
  readonly type: PackageType;
  readonly name: string;
  readonly version: string;
  /** In the words of its package manager: `amd64`, `all`, `x86_64`; absent where it has none. */
  readonly architecture?: string;
  /** The package that it was built from, where that has another name or version. */
  readonly source?: { readonly name: string; readonly version: string };
  /** Who maintains it: `Name <address>`. */
  readonly supplier?: string;
  readonly homepage?: string;
  /** As its own metadata names them, in the words of its ecosystem (`GPL-2+`, `MIT`); empty where nothing plain says. */
  readonly licences: readonly string[];
  /** Package URL (purl-spec), with the distribution as qualifier. */
  readonly purl: string;
  /** The number of the layer that brought it in this version, counted from the lowest. */
  readonly layer: number;
  /** The file of the image that says that it is there. */
  readonly foundIn: ByteString;
  readonly fileList: FileList;
}

/** Where the list of a package's files is. */
export type FileList =
  | { readonly kind: 'dpkg-list' | 'md5sums' | 'apk' | 'wheel-record' | 'egg-list'; readonly path: ByteString }
  /** All that lies in its folder, but for packages in it. */
  | { readonly kind: 'folder'; readonly path: ByteString }
  | { readonly kind: 'none' };

/** All packages of an image. */
export interface Inventory {
  readonly distribution: Distribution | undefined;
  /** By type, name, version and architecture, then by where they were found. */
  readonly packages: readonly Package[];
  /** What could not be read, for people: a path and why. */
  readonly problems: readonly string[];
}
