import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { isSystemError, ShaleError, toBytes, toText, type ByteString } from '../../base/index.ts';
import type { IgnoreMatcher, IgnoreScope } from '../../dockerfile/index.ts';
import type { StatCache, StatCacheBuilder } from '../../store/index.ts';
import type { FileRegion } from '../copy/file-region.ts';
import { childPath, type SourceKind, type SourceNode } from '../copy/source-tree.ts';

export interface ContextOptions {
  readonly directory: string;
  /** What the ignore file leaves out. */
  readonly ignore: IgnoreMatcher;
  /** Digests of files as an earlier build saw them. */
  readonly known: StatCache;
  /** Takes the digests that this build uses. */
  readonly next: StatCacheBuilder;
}

/** Bytes read at once while a file is hashed. */
const READ_BYTES = 1024 * 1024;
const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();

/**
 * The files of a build context as a tree that is read where it is looked at: a COPY of one file costs one lstat, a COPY of
 * everything one sweep. Owner is 0:0 as with BuildKit; extended attributes stay at home. A file's digest comes from the stat
 * cache while size, times, inode and mode are as they were.
 */
export function openContextTree(options: ContextOptions): SourceNode {
  const reader = new ContextReader(options);
  return new ContextNode(reader, { path: '', stat: reader.stat(''), scope: options.ignore.root });
}

/** A file or directory with what is known of it; of a directory, `scope` is its own. */
interface Place {
  readonly path: ByteString;
  readonly stat: BigIntStats;
  readonly scope: IgnoreScope;
}

class ContextReader {
  readonly #options: ContextOptions;
  readonly #root: Buffer;
  #buffer: Buffer | undefined;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.#root = Buffer.from(options.directory);
  }

  /** Names that are plain ASCII go to the system as text, which is cheaper; all others as their bytes. */
  pathOf(path: ByteString): string | Buffer {
    if (path === '') return this.#options.directory;
    for (let i = 0; i < path.length; i++) {
      if (path.charCodeAt(i) > 0x7f) return Buffer.concat([this.#root, toBytes(`/${path}`)]);
    }
    return `${this.#options.directory}/${path}`;
  }

  stat(path: ByteString): BigIntStats {
    return lstatSync(this.pathOf(path), { bigint: true });
  }

  child(directory: Place, name: ByteString): ContextNode | undefined {
    const path = childPath(directory.path, name);
    let stat: BigIntStats;
    try {
      stat = this.stat(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
      throw error;
    }
    return this.#visible(path, stat, directory.scope);
  }

  *children(directory: Place): Generator<readonly [ByteString, ContextNode]> {
    const names = readdirSync(this.pathOf(directory.path), { encoding: 'latin1' });
    for (const name of names.toSorted()) {
      const node = this.child(directory, name);
      if (node !== undefined) yield [name, node];
    }
  }

  /** An ignored directory is still there as long as something below it is taken. */
  #visible(path: ByteString, stat: BigIntStats, parent: IgnoreScope): ContextNode | undefined {
    const { ignore } = this.#options;
    if (kindOf(stat) === undefined) return undefined;
    if (!stat.isDirectory())
      return ignore.isIgnored(path, parent) ? undefined : new ContextNode(this, { path, stat, scope: parent });
    const place = { path, stat, scope: ignore.enter(path, parent) };
    if (!place.scope.ignored) return new ContextNode(this, place);
    if (ignore.canSkip(path, place.scope)) return undefined;
    for (const _one of this.children(place)) return new ContextNode(this, place);
    return undefined;
  }

  linkTarget(path: ByteString): ByteString {
    return readlinkSync(this.pathOf(path), { encoding: 'latin1' });
  }

  open(path: ByteString, stat: BigIntStats): number {
    const fd = openSync(this.pathOf(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      this.verify(fd, path, stat);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** @throws CONTENT_CHANGED when an open file is not the one that was seen */
  verify(fd: number, path: ByteString, stat: BigIntStats): void {
    const now = fstatSync(fd, { bigint: true });
    const isSame = now.ino === stat.ino && now.dev === stat.dev && now.size === stat.size;
    if (isSame && now.mtimeNs === stat.mtimeNs && now.ctimeNs === stat.ctimeNs) return;
    throw new ShaleError('CONTENT_CHANGED', `${toText(path)} changed while the build read it`, {
      hint: 'run the build again when nothing writes to the context',
      data: { path: toText(path) },
    });
  }

  sha256(path: ByteString, stat: BigIntStats): Uint8Array {
    const known = this.#options.known.find(path, stat) ?? this.#hash(path, stat);
    this.#options.next.add(path, stat, known);
    return known;
  }

  #hash(path: ByteString, stat: BigIntStats): Uint8Array {
    this.#buffer ??= Buffer.allocUnsafe(READ_BYTES);
    const hash = createHash('sha256');
    const fd = this.open(path, stat);
    try {
      for (let got = readSync(fd, this.#buffer); got > 0; got = readSync(fd, this.#buffer))
        hash.update(this.#buffer.subarray(0, got));
      this.verify(fd, path, stat);
    } finally {
      closeSync(fd);
    }
    return hash.digest();
  }
}

class ContextNode implements SourceNode {
  readonly #reader: ContextReader;
  readonly #place: Place;
  #children: Map<ByteString, ContextNode> | undefined;
  #sha256: Uint8Array | undefined;
  readonly kind: SourceKind;
  readonly uid = 0;
  readonly gid = 0;

  constructor(reader: ContextReader, place: Place) {
    this.#reader = reader;
    this.#place = place;
    this.kind = kindOf(place.stat) ?? 'file';
  }

  get mode(): number {
    return Number(this.#place.stat.mode) & 0o7777;
  }
  get mtimeNs(): bigint {
    return this.#place.stat.mtimeNs;
  }
  get sizeBytes(): number {
    return Number(this.#place.stat.size);
  }
  get deviceMajor(): number {
    return this.#isDevice() ? Number((this.#place.stat.rdev >> 8n) & 0xfffn) : 0;
  }
  get deviceMinor(): number {
    return this.#isDevice() ? Number((this.#place.stat.rdev & 0xffn) | ((this.#place.stat.rdev >> 12n) & 0xfff00n)) : 0;
  }
  get fileKey(): string | undefined {
    return this.kind === 'file' && this.#place.stat.nlink > 1n
      ? `${this.#place.stat.dev}:${this.#place.stat.ino}`
      : undefined;
  }

  linkTarget(): ByteString {
    return this.#reader.linkTarget(this.#place.path);
  }
  xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    return NO_XATTRS;
  }
  child(name: ByteString): SourceNode | undefined {
    return this.#children === undefined ? this.#reader.child(this.#place, name) : this.#children.get(name);
  }
  children(): Iterable<readonly [ByteString, SourceNode]> {
    this.#children ??= new Map(this.#reader.children(this.#place));
    return this.#children;
  }
  sha256(): Uint8Array {
    this.#sha256 ??= this.#reader.sha256(this.#place.path, this.#place.stat);
    return this.#sha256;
  }
  open(): FileRegion {
    const fd = this.#reader.open(this.#place.path, this.#place.stat);
    const verify = (): void => this.#reader.verify(fd, this.#place.path, this.#place.stat);
    return { content: { kind: 'fd', fd, offset: 0 }, verify, [Symbol.dispose]: () => closeSync(fd) };
  }

  #isDevice(): boolean {
    return this.kind === 'character' || this.kind === 'block';
  }
}

/** undefined: a socket, which no layer can hold. */
function kindOf(stat: BigIntStats): SourceKind | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'character';
  return stat.isBlockDevice() ? 'block' : undefined;
}
