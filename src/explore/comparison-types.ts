import type { ByteString } from '../base/index.ts';
import type { NodeKind } from '../erofs/index.ts';
import type { EntryDifference, EntryState } from './tree-types.ts';
import type { FileSum, PrivilegedFile } from './types.ts';

/** Two images side by side. */
export interface ExplorationComparison {
  readonly before: ComparedSide;
  readonly after: ComparedSide;
  /** Lowest layers that are the same. */
  readonly sharedLayers: number;
  /** Those that grew most first; the first 2000. */
  readonly files: readonly ComparedPath[];
  readonly moreFiles: number;
  readonly totals: {
    readonly added: FileSum;
    readonly removed: FileSum;
    readonly changed: FileSum;
    readonly growth: number;
  };
  /** By name; one version each side. */
  readonly packages: readonly ComparedPackage[];
  /** Fields of the config that differ, as text. */
  readonly config: readonly { readonly field: string; readonly before?: string; readonly after?: string }[];
  /** Setuid, setgid and capabilities that are only on one side. */
  readonly privileged: { readonly added: readonly PrivilegedFile[]; readonly removed: readonly PrivilegedFile[] };
}

export interface ComparedSide {
  readonly name: string;
  readonly id: string;
  readonly layers: number;
  readonly tarBytes: number;
  readonly visibleBytes: number;
  readonly efficiency: number;
}

export interface ComparedPath {
  readonly path: ByteString;
  readonly kind: Exclude<NodeKind, 'whiteout'>;
  readonly state: Exclude<EntryState, 'unmodified'>;
  readonly differs: readonly EntryDifference[];
  /** 0 for a further name of a file (hard link), on each side. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

export interface ComparedPackage {
  readonly type: string;
  readonly name: string;
  readonly before: { readonly version: string; readonly bytes: number } | undefined;
  readonly after: { readonly version: string; readonly bytes: number } | undefined;
}
