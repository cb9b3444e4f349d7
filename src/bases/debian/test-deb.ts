import { encodeTarHeader, TAR_END, type TarEntry, tarPadding } from '../../archive/index.ts';
import type { DebContents } from './deb-contents.ts';

/** A file of a made-up package: a path with its content, `-> target` for a symlink, `=> target` for a hard link, `/` at the end for a folder. */
export type DebFile = readonly [path: string, content?: string, mode?: number];

/** What the tests of this folder build packages from. */
export interface TestDeb {
  /** Fields of the control file, one a line; Package and Version at least. */
  readonly control: string;
  /** Further control files: scripts, conffiles, triggers. */
  readonly scripts?: Readonly<Record<string, string>>;
  readonly files?: readonly DebFile[];
}

export const TEST_MTIME_S = 1_600_000_000;

export function controlTar(deb: TestDeb): Buffer {
  const files = Object.entries({ control: `${deb.control}\n`, ...deb.scripts });
  return tarOf(files.map(([name, text]): DebFile => [name, text, name === 'control' ? 0o644 : 0o755]));
}

export function dataTar(deb: TestDeb): Buffer {
  return tarOf([['/'], ...(deb.files ?? [])]);
}

function tarOf(files: readonly DebFile[]): Buffer {
  return Buffer.concat([...files.map(tarEntry), TAR_END]);
}

function tarEntry([path, content = '', mode]: DebFile): Buffer {
  const isFolder = path.endsWith('/');
  const link = /^(->|=>) (.*)$/.exec(content);
  const bytes = Buffer.from(link === null && !isFolder ? content : '', 'latin1');
  const entry: TarEntry = {
    path: isFolder ? path.replace(/\/$/, '') : path,
    kind: isFolder ? 'directory' : link === null ? 'file' : link[1] === '->' ? 'symlink' : 'hardlink',
    mode: mode ?? (isFolder ? 0o755 : 0o644),
    uid: 0,
    gid: 0,
    mtimeNs: BigInt(TEST_MTIME_S) * 1_000_000_000n,
    sizeBytes: bytes.length,
    linkTarget: link?.[2] ?? '',
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  };
  return Buffer.concat([encodeTarHeader(entry), bytes, tarPadding(bytes.length)]);
}

/** The package as a file; its tars compressed by `compress`, whose suffix the members get. */
export function debFile(deb: TestDeb, suffix = '', compress: (bytes: Buffer) => Buffer = (bytes) => bytes): Buffer {
  return arOf([
    ['debian-binary', Buffer.from('2.0\n')],
    [`control.tar${suffix}`, compress(controlTar(deb))],
    [`data.tar${suffix}`, compress(dataTar(deb))],
  ]);
}

function arOf(members: readonly (readonly [string, Buffer])[]): Buffer {
  const parts = members.flatMap(([name, bytes]) => [
    Buffer.from(
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`,
    ),
    bytes,
    Buffer.alloc(bytes.length % 2, '\n'),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

/** The package as the reader would hand it on. */
export function debContents(deb: TestDeb): DebContents {
  const data = dataTar(deb);
  return {
    control: controlTar(deb),
    data: (async function* () {
      yield data;
    })(),
  };
}
