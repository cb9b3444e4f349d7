import type { TarEntry } from '../../archive/index.ts';
import { toText, type ByteString } from '../../base/index.ts';
import { childPath, type SourceNode } from './source-tree.ts';

/** Where the content of an entry comes from. */
export type EntrySource = Pick<SourceNode, 'open' | 'sha256' | 'prepare' | 'readAhead' | 'readable' | 'learn'>;

/** An entry of the layer to be written. */
export interface PlannedEntry {
  readonly entry: TarEntry;
  /** Where a file's content comes from, with its digest. */
  readonly content: EntrySource | undefined;
  /** What the entry is made of, for people: a path of the context, an archive's member. Empty for parents. */
  readonly origin: string;
}

/**
 * The entries of a layer to be written. They are made while they are asked for, because there may be hundreds of thousands,
 * and can be asked for again.
 */
export interface CopyPlan {
  /** In the order of a layer. @throws COPY_RESERVED_NAME; what reading the sources throws */
  entries(): Iterable<PlannedEntry>;
  /** The same entries as near to the order of their origins, as text, as they come without being sorted. */
  byOrigin(): Iterable<PlannedEntry>;
}

/** The origin of everything that is copied from one source: `path`, and what a destination has after `skip` characters. */
export interface OriginBelow {
  readonly path: ByteString;
  readonly skip: number;
}

/** What the names of one file have in common: names with equal keys in one scope are links of each other. */
export interface FileLink {
  readonly scope: object;
  readonly key: string;
  /** The file itself, where a name alone does not say it. */
  readonly file: { readonly entry: TarEntry; readonly content: EntrySource | undefined } | undefined;
}

/** As `PlannedEntry`, before it is known which of a file's names comes first and has the content. */
export class Planned implements PlannedEntry {
  readonly entry: TarEntry;
  readonly content: EntrySource | undefined;
  readonly link: FileLink | undefined;
  readonly #origin: string | OriginBelow;

  constructor(entry: TarEntry, content: EntrySource | undefined, origin: string | OriginBelow, link?: FileLink) {
    this.entry = entry;
    this.content = content;
    this.link = link;
    this.#origin = origin;
  }

  get origin(): string {
    if (typeof this.#origin === 'string') return this.#origin;
    const { path, skip } = this.#origin;
    const below = this.entry.path.slice(skip).replace(/^\//, '');
    return toText(below === '' ? path : childPath(path, below));
  }

  /** The same name of the same file, as one of several. */
  linkedBy(link: FileLink): Planned {
    return new Planned(this.entry, this.content, this.#origin, link);
  }

  /** In a tar a link stands behind what it leads to: the first name of a file in a layer's order has the content. */
  asName(first: ByteString): Planned {
    const { path } = this.entry;
    if (path !== first)
      return new Planned({ ...this.entry, kind: 'hardlink', sizeBytes: 0, linkTarget: first }, undefined, this.#origin);
    const file = this.link?.file;
    return file === undefined ? this : new Planned({ ...file.entry, path }, file.content, this.#origin);
  }
}

/** The fields that most entries do not use. */
export const PLAIN: Pick<TarEntry, 'sizeBytes' | 'linkTarget' | 'deviceMajor' | 'deviceMinor' | 'xattrs'> = {
  sizeBytes: 0,
  linkTarget: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
};
