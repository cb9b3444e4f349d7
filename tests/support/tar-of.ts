import { encodeTarHeader, TAR_END, tarPadding, type TarEntry } from '../../src/archive/index.ts';

/** What a test says of an entry: a file where no other kind is named. */
export type TarOfEntry = Partial<Omit<TarEntry, 'xattrs'>> & {
  readonly path: string;
  readonly content?: string | Buffer;
  readonly xattrs?: Readonly<Record<string, Buffer>>;
};

/** A tar with these entries, in their order. */
export function tarOf(entries: readonly TarOfEntry[]): Buffer {
  const parts = entries.flatMap(({ content = '', xattrs = {}, ...rest }) => {
    const bytes = Buffer.from(content);
    const header = encodeTarHeader({
      kind: 'file',
      mode: 0o755,
      uid: 0,
      gid: 0,
      mtimeNs: 1_600_000_000_000_000_000n,
      linkTarget: '',
      deviceMajor: 0,
      deviceMinor: 0,
      ...rest,
      sizeBytes: bytes.length,
      xattrs: new Map(Object.entries(xattrs)),
    });
    return [header, bytes, tarPadding(bytes.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}
