import type { ByteStream, ByteString } from '../base/index.ts';
import type { ElfFile } from '../elf/index.ts';
import type { NodeKind } from '../erofs/index.ts';
import type { ExplorationReport } from './types.ts';

/**
 * A tree and what it is compared with: what layers 0 to `to` make, compared with what layers 0 to `from - 1` make. One layer
 * against all below it: `{ from: n, to: n }`. All changes since the lowest layer: `{ from: 1, to: n }`. With `from` 0 all is
 * added.
 */
export interface TreeScope {
  readonly from: number;
  readonly to: number;
}

/** `modified`, of a directory: something below it, or it itself, is not as it was. */
export type EntryState = 'added' | 'modified' | 'removed' | 'unmodified';

export type EntryDifference = 'kind' | 'content' | 'mode' | 'owner' | 'time' | 'attributes' | 'target' | 'device';

/** An entry of a tree; of one that was removed it is what was there. */
export interface TreeEntry {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly kind: Exclude<NodeKind, 'whiteout'>;
  readonly state: EntryState;
  /** Of a modified entry itself; empty for a directory below which something changed. */
  readonly differs: readonly EntryDifference[];
  /** That its content or, of a directory, its attributes come from. */
  readonly layer: number;
  /** Of a directory: those of all files below it that are there (of a removed one, were there). */
  readonly sizeBytes: number;
  /** Of a directory: files and links below it. 1 for all else. */
  readonly files: number;
  /** Bytes that the scope's layers add below it or, of a file, with it: those of what is added or modified. */
  readonly newBytes: number;
  /** Twelve bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** Of a symbolic link. */
  readonly linkTarget: ByteString | undefined;
  /** How many names the file has. */
  readonly linkCount: number;
  /** `8:1` of a device. */
  readonly device: string | undefined;
  /** Names of extended attributes. */
  readonly xattrs: readonly ByteString[];
  /** `cap_net_raw=ep` of security.capability. */
  readonly capabilities: string | undefined;
  /** The package that it belongs to in the whole image: `bash 5.2`. */
  readonly package: string | undefined;
}

export interface SearchQuery {
  readonly scope: TreeScope;
  /** A part of the path, in any case; a pattern (`*`, `**`, `?`) of the whole path when it has one of these; or a RegExp. */
  readonly text: string | RegExp;
  /** Only these, all when absent. */
  readonly states?: readonly EntryState[];
  /** Default 1000. */
  readonly max?: number;
}

/** A file in the tree that layers 0 to `layer` make. */
export interface FilePlace {
  readonly path: ByteString;
  readonly layer: number;
}

/** What a file is, for people. */
export interface FileLook {
  readonly entry: TreeEntry;
  /** Hex; of regular files, where it is known. */
  readonly sha256: string | undefined;
  /** `other`: no regular file. */
  readonly type: 'text' | 'binary' | 'empty' | 'other';
  /** The first megabyte of a text, as UTF-8; of `other` a line that says what it is. */
  readonly text: string | undefined;
  /** True when the text goes on. */
  readonly isCut: boolean;
  /** The first 64 KiB of a binary file; `formatHex` shows it. */
  readonly head: Uint8Array | undefined;
  readonly elf: ElfFile | undefined;
  /** All layers that have something at this path, lowest first. */
  readonly history: readonly PathInLayer[];
}

export interface PathInLayer {
  readonly layer: number;
  /** `absent`: it hides the path by a whiteout. */
  readonly kind: NodeKind | 'absent';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly sha256: string | undefined;
}

export type FileComparison =
  /** Unified diff, `below` against `layer`; empty where they are equal. */
  | { readonly kind: 'text'; readonly diff: string; readonly isCut: boolean; readonly below: number | undefined }
  | { readonly kind: 'equal'; readonly below: number }
  | {
      readonly kind: 'binary';
      readonly below: number | undefined;
      readonly beforeBytes: number;
      readonly afterBytes: number;
    };

/**
 * An image that is open to be looked into. All but `report` is read when it is asked for, from the layers' indexes; contents
 * from where the layers lie. Nothing is unpacked. Closed by disposing it.
 */
export interface Exploration extends AsyncDisposable {
  readonly report: ExplorationReport;
  /**
   * Children of a directory, in the order of names' bytes, removed ones among them. Empty for what is no directory.
   * The first question of a scope goes through its whole tree once (0.2 s for 100,000 files).
   */
  list(scope: TreeScope, path: ByteString): readonly TreeEntry[];
  /** The entry at a path, links not followed; the root has the path ''. */
  find(scope: TreeScope, path: ByteString): TreeEntry | undefined;
  /** Where a path leads when links are followed; undefined where that is nowhere. */
  resolve(place: FilePlace): ByteString | undefined;
  /** Every entry below a directory in depth-first order, parents first; skips what `enter` says no to. */
  walk(scope: TreeScope, path: ByteString, enter?: (entry: TreeEntry) => boolean): Iterable<TreeEntry>;
  search(query: SearchQuery): readonly TreeEntry[];
  /** What a file is, with its first part. @throws EXPLORE_NO_ENTRY, and what its source throws */
  look(place: FilePlace): Promise<FileLook>;
  /** A part of a file's bytes, shorter at its end. @throws EXPLORE_NO_ENTRY, EXPLORE_NOT_A_FILE, and what its source throws */
  read(place: FilePlace, range: { readonly offset: number; readonly lengthBytes: number }): Promise<Uint8Array>;
  /** All of a file's bytes. @throws as `read` */
  stream(place: FilePlace): ByteStream;
  /** A file against the one that it hides: the same path in the layers below the one that it comes from. @throws as `read` */
  compareWithBelow(place: FilePlace): Promise<FileComparison>;
}
