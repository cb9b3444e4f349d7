import type { ByteString } from '../base/index.ts';
import type { ElfFile } from '../elf/index.ts';
import type { ExplorationComparison, ExplorationReport, FileComparison, FileLook, FileSum } from '../explore/index.ts';

/**
 * What the page of `shale explore` is given (docs/formats/explore-page.md): by the server piece by piece, or all at once inside
 * a page that stands alone. The report and its comparison are the model's own, as JSON; trees have a form of their own, since
 * they may have hundreds of thousands of entries.
 */
export interface PageData {
  readonly version: 1;
  readonly report: ExplorationReport;
  /** The image against another one. */
  readonly comparison?: ExplorationComparison;
}

/**
 * Which tree: what a container sees, what one layer changes, or all that is there after a layer with its changes marked.
 * `merged`, `changes-3`, `state-3` in a request.
 */
export type TreeName = 'merged' | `changes-${number}` | `state-${number}`;

/**
 * Entries of a tree as columns of equal length, each directory before what it holds, names of one directory in the order of
 * their bytes. The root is not among them.
 */
export interface PageTree {
  /** Of the whole tree, what was left out too. */
  readonly total: FileSum & { readonly newBytes: number };
  /** 1 for what lies in the root. */
  readonly depths: readonly number[];
  readonly names: readonly ByteString[];
  /** A letter each: see `KIND_LETTERS`. */
  readonly kinds: string;
  /** A letter each: see `STATE_LETTERS`. */
  readonly states: string;
  /** Of a directory: of all below it. */
  readonly sizes: readonly number[];
  /** Bytes that the tree's layer adds. */
  readonly newBytes: readonly number[];
  /** Files and links, of a directory those below it. */
  readonly files: readonly number[];
  readonly layers: readonly number[];
  /** Twelve bits. */
  readonly modes: readonly number[];
  /** Places in `ownerNames`, `0:0`. */
  readonly owners: readonly number[];
  readonly ownerNames: readonly string[];
  /** What only few have, by place. */
  readonly extras: Readonly<Record<number, EntryExtras>>;
  /** By place in the list, -1 for the root: what was left out of a directory because it is small. */
  readonly left: Readonly<Record<number, FileSum>>;
}

export interface EntryExtras {
  readonly target?: ByteString;
  readonly device?: string;
  /** How many names the file has. */
  readonly links?: number;
  readonly capabilities?: string;
  readonly xattrs?: readonly ByteString[];
  readonly package?: string;
  /** What of a modified entry is not as it was. */
  readonly differs?: readonly string[];
}

/** The letters of `PageTree.kinds`. */
export const KIND_LETTERS = {
  directory: 'd',
  file: 'f',
  symlink: 'l',
  character: 'c',
  block: 'b',
  fifo: 'p',
} as const;

/** The letters of `PageTree.states`. */
export const STATE_LETTERS = { added: '+', modified: '~', removed: '-', unmodified: '=' } as const;

/** What a file is. */
export interface PageLook extends Omit<FileLook, 'entry' | 'head' | 'elf'> {
  readonly sizeBytes: number;
  /** The first bytes of a binary file, in base64. */
  readonly head: string | undefined;
  readonly elf: PageElf | undefined;
}

export interface PageElf extends Omit<ElfFile, 'versions'> {
  readonly versions: Readonly<Record<string, readonly string[]>>;
}

/** Everything that a page that stands alone holds. */
export interface EmbeddedPage extends PageData {
  /** `merged` and `changes-N`. */
  readonly trees: Readonly<Record<string, PageTree>>;
  /** Small texts that changed, by `LAYER:PATH`. */
  readonly diffs: Readonly<Record<string, FileComparison>>;
}
