import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { IndexBuilder } from '../erofs/index.ts';
import { hasCapability, readXattrs } from '../sys/index.ts';
import type { MountLayer, TreeStore } from './index.ts';

/** Why the tests of this folder cannot run here; false where they can. */
export const skipMounts: string | false =
  process.platform === 'linux' && hasCapability('sys_admin') ? false : 'needs CAP_SYS_ADMIN (run as root)';

/** Of entries that do not say. */
export const DEFAULT_MTIME_NS = 1_600_000_000_000_000_000n;

export interface FixtureEntry {
  readonly path: string;
  readonly kind?: 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeNs?: bigint;
  readonly content?: string;
  readonly linkTarget?: string;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** A folder for one test, removed at its end. */
export class Sandbox implements Disposable {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'shale-mounts-'));
  #layers = 0;

  path(...names: string[]): string {
    return join(this.dir, ...names);
  }

  /** A layer in which only the contents stand where a tar would have them: nobody reads its headers. */
  layer(entries: readonly FixtureEntry[]): MountLayer {
    const builder = new IndexBuilder();
    const blocks: Buffer[] = [Buffer.alloc(512)];
    let offset = 512;
    for (const entry of entries) {
      const content = Buffer.from(entry.content ?? '');
      const kind = entry.kind ?? 'file';
      builder.add(
        {
          path: entry.path,
          kind,
          mode: entry.mode ?? (kind === 'directory' ? 0o755 : 0o644),
          uid: entry.uid ?? 0,
          gid: entry.gid ?? 0,
          mtimeNs: entry.mtimeNs ?? DEFAULT_MTIME_NS,
          sizeBytes: content.length,
          linkTarget: entry.linkTarget ?? '',
          deviceMajor: entry.device?.[0] ?? 0,
          deviceMinor: entry.device?.[1] ?? 0,
          xattrs: new Map(
            Object.entries(entry.xattrs ?? {}).map(([name, value]) => [name, Buffer.from(value, 'latin1')]),
          ),
          headerOffset: offset,
          dataOffset: offset,
          storedBytes: content.length,
          sparse: undefined,
        },
        createHash('sha256').update(content).digest(),
      );
      const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512);
      content.copy(padded);
      blocks.push(padded);
      offset += padded.length;
    }
    const tar = Buffer.concat(blocks);
    const { image, contents } = builder.finish(tar.length);
    const name = this.path(`layer-${this.#layers++}`);
    writeFileSync(`${name}.tar`, tar);
    writeFileSync(`${name}.erofs`, image);
    writeFileSync(`${name}.contents`, contents);
    const id = `sha256:${createHash('sha256').update(image).update(tar).digest('hex')}`;
    return { id, indexPath: `${name}.erofs`, data: [{ path: `${name}.tar`, sizeBytes: tar.length }] };
  }

  /** Unpacked layers, as a store would keep them. */
  trees(): TreeStore {
    const root = this.path('trees');
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const place = (id: string): string => join(root, id.replace(':', '-'));
    return {
      find: (id) => Promise.resolve(existsSync(place(id)) ? place(id) : undefined),
      create: (id) => {
        const path = join(mkdtempSync(join(root, '.new-')), 'tree');
        return Promise.resolve({
          path,
          commit: () => {
            renameSync(path, place(id));
            return Promise.resolve(place(id));
          },
          [Symbol.asyncDispose]: () => {
            rmSync(join(path, '..'), { recursive: true, force: true });
            return Promise.resolve();
          },
        });
      },
    };
  }

  upper(name: string): { readonly upperDir: string; readonly workDir: string } {
    return { upperDir: this.path(name, 'upper'), workDir: this.path(name, 'work') };
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Everything about a tree that a layer keeps: path → attributes. Hard links are named by their first path. */
export function describeTree(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  const inodes = new Map<bigint, string>();
  const visit = (name: string): void => {
    const path = `${root}/${name}`;
    const stat = lstatSync(path, { bigint: true });
    const kind = stat.isDirectory()
      ? 'd'
      : stat.isFile()
        ? 'f'
        : stat.isSymbolicLink()
          ? 'l'
          : stat.isCharacterDevice()
            ? 'c'
            : stat.isBlockDevice()
              ? 'b'
              : 'p';
    const facts = [kind, (Number(stat.mode) & 0o7777).toString(8), `${stat.uid}:${stat.gid}`, String(stat.mtimeNs)];
    if (kind === 'f')
      facts.push(createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 12), String(stat.size));
    if (kind === 'l') facts.push(readlinkSync(path));
    if (kind === 'c' || kind === 'b') facts.push(String(stat.rdev));
    const xattrs = readXattrs(kind === 'd' && name === '' ? `${root}/.` : path);
    for (const [key, value] of xattrs) facts.push(`${key}=${Buffer.from(value).toString('hex')}`);
    if (stat.nlink > 1n && kind !== 'd') {
      const first = inodes.get(stat.ino);
      if (first === undefined) inodes.set(stat.ino, name);
      else facts.push(`same as ${first}`);
    }
    tree[name] = facts.join(' ');
    if (kind === 'd') for (const child of readdirSync(path).toSorted()) visit(name === '' ? child : `${name}/${child}`);
  };
  visit('');
  return tree;
}

/** Mounts of this machine that a test could have left behind: those whose place has `part` in it. */
export function mountsWith(part: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(part));
}
