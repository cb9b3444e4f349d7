import type { ByteString } from '../base/index.ts';

/**
 * One entry of a tar, as everything above the tar format sees it. `path` is clean: components joined by `/`, no
 * leading or trailing slash, no `.` or `..`; the empty path is the root directory.
 */
export interface TarEntry {
  readonly path: ByteString;
  readonly kind: EntryKind;
  /** The twelve permission bits (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970, may be negative. */
  readonly mtimeNs: bigint;
  /** Bytes of content; with a sparse map the expanded size. 0 for everything that is not a file. */
  readonly sizeBytes: number;
  /** symlink: the target verbatim. hardlink: the clean path of the entry that it names. Empty otherwise. */
  readonly linkTarget: ByteString;
  /** Device numbers of `character` and `block`; 0 otherwise. */
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Names with their namespace (`security.capability`). */
  readonly xattrs: ReadonlyMap<ByteString, Uint8Array>;
}

export type EntryKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';

/** An entry that was read, with where it stands in the tar. */
export interface ReadTarEntry extends TarEntry {
  /** Offset in bytes of the first header block that belongs to the entry (PAX and GNU headers included). */
  readonly headerOffset: number;
  /** Offset in bytes of the content; always a multiple of 512. */
  readonly dataOffset: number;
  /** Bytes that the content occupies in the tar, without padding; differs from `sizeBytes` only for sparse files. */
  readonly storedBytes: number;
  /** The parts of a sparse file that the tar holds, in order; `undefined` for every other entry. */
  readonly sparse: readonly SparseExtent[] | undefined;
  /** Only with the option `records`. */
  readonly records?: EntryRecords;
}

/** What a tar says of an entry besides what becomes of it. */
export interface EntryRecords {
  /** Names of its owners on the machine where it was packed; empty where the tar has none. */
  readonly userName: ByteString;
  readonly groupName: ByteString;
  /** Records of its PAX header that have no meaning for the entry itself, by keyword. */
  readonly other: ReadonlyMap<ByteString, ByteString>;
}

/** `lengthBytes` bytes of content that belong at `offset` of the expanded file. */
export interface SparseExtent {
  readonly offset: number;
  readonly lengthBytes: number;
}
