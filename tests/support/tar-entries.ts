import type { EntryKind, ReadTarEntry } from '../../src/archive/index.ts';
import type { ByteString } from '../../src/base/index.ts';
import { IndexBuilder, openIndex, type BuiltIndex, type LayerIndex } from '../../src/erofs/index.ts';

/** What a test says of an entry; everything else has a plain value. */
export type EntryDetails = Partial<Omit<ReadTarEntry, 'path' | 'kind'>>;

/** An entry without a tar around it. */
export function entry(path: ByteString, kind: EntryKind, details: EntryDetails = {}): ReadTarEntry {
  const sizeBytes = details.sizeBytes ?? 0;
  return {
    path,
    kind,
    mode: kind === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeNs: 0n,
    sizeBytes,
    linkTarget: '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    headerOffset: 0,
    dataOffset: 512,
    storedBytes: sizeBytes,
    sparse: undefined,
    ...details,
  };
}

export const file = (path: ByteString, details: EntryDetails = {}): ReadTarEntry => entry(path, 'file', details);
export const dir = (path: ByteString, details: EntryDetails = {}): ReadTarEntry => entry(path, 'directory', details);
export const symlink = (path: ByteString, linkTarget: ByteString, details: EntryDetails = {}): ReadTarEntry =>
  entry(path, 'symlink', { ...details, linkTarget });
export const hardlink = (path: ByteString, linkTarget: ByteString, details: EntryDetails = {}): ReadTarEntry =>
  entry(path, 'hardlink', { ...details, linkTarget });

/** Gives each file its own place, as in a tar. */
export function laidOut(entries: readonly ReadTarEntry[]): {
  readonly entries: ReadTarEntry[];
  readonly tarBytes: number;
} {
  let offset = 0;
  const placed = entries.map((each) => {
    const headerOffset = offset;
    offset += 512 + Math.ceil(each.storedBytes / 512) * 512;
    return { ...each, headerOffset, dataOffset: headerOffset + 512 };
  });
  return { entries: placed, tarBytes: offset + 1024 };
}

export function build(entries: readonly ReadTarEntry[]): BuiltIndex {
  const { entries: placed, tarBytes } = laidOut(entries);
  const builder = new IndexBuilder();
  for (const each of placed) builder.add(each);
  return builder.finish(tarBytes);
}

export function indexOf(entries: readonly ReadTarEntry[]): LayerIndex {
  const built = build(entries);
  return openIndex(built.image, built.contents);
}
