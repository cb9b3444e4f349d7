import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { hash } from 'node:crypto';
import {
  isSystemError,
  ShaleError,
  toBytes,
  toText,
  type ByteString,
  runNow,
  runPaced,
  type Pace,
  type Steps,
} from '../../base/index.ts';
import type { IgnoreMatcher, IgnoreScope } from '../../dockerfile/index.ts';
import type { StatCache, StatCacheBuilder } from '../../store/index.ts';
import { hashRegion, SHA256_OF_NOTHING, type FileRegion } from '../copy/file-region.ts';
import { READ_AHEAD_FILE_BYTES_MAX } from '../copy/read-ahead.ts';
import { childPath, type ReadableFile, type SourceKind, type SourceNode } from '../copy/source-tree.ts';
import { SeenStats, type SeenStat } from './seen-stats.ts';

/**
 * Modes of files as they are, or as git knows them: 644 or 755, directories 755. The latter are the same on every machine,
 * whatever its umask.
 */
export type ContextModes = 'exact' | 'git';

export interface ContextOptions {
  readonly directory: string;
  /** What the ignore file leaves out. */
  readonly ignore: IgnoreMatcher;
  /** Digests of files as an earlier build saw them. */
  readonly known: StatCache;
  /** Takes the digests that this build uses. */
  readonly next: StatCacheBuilder;
  readonly modes: ContextModes;
}

/** A file up to this size stays in memory between being hashed and being written, */
const KEPT_FILE_BYTES_MAX: number = READ_AHEAD_FILE_BYTES_MAX;
/** as long as there is room for it: opening a small file costs more than reading it. */
const KEPT_BYTES_MAX = 24 * 1024 * 1024;
const SLAB_BYTES = 1024 * 1024;
const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();

/**
 * The files of a build context as a tree that is read where it is looked at: a COPY of one file costs one lstat, a COPY of
 * everything one sweep. Owner is 0:0 as with BuildKit; extended attributes stay at home. A file's digest comes from the stat
 * cache while size, times, inode and mode are as they were.
 */
export function openContextTree(options: ContextOptions): SourceNode {
  return new ContextReader(options).root();
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** A file as it was seen: its path in the context and the number of its stat. */
interface Seen {
  readonly path: ByteString;
  readonly at: number;
}

/** Where a file stands: its path is its parent's and its name, which is made again when it is asked for. */
interface Standing {
  /** Undefined for the root. */
  readonly parent: Seen | undefined;
  readonly name: ByteString;
  readonly at: number;
}

/** What is known of a file's content: its digest, and the bytes themselves where they were kept. */
interface KnownContent {
  readonly sha256: Uint8Array;
  readonly bytes: Uint8Array | undefined;
}

class ContextReader {
  readonly #options: ContextOptions;
  readonly #root: Buffer;
  readonly stats: SeenStats = new SeenStats();
  #slab: Buffer = Buffer.alloc(0);
  #keptBytes = 0;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.#root = Buffer.from(options.directory);
  }

  root(): SourceNode {
    return new ContextDirectory(this, { parent: undefined, name: '', at: this.#look('') }, this.#options.ignore.root);
  }

  /** Names that are plain ASCII go to the system as text, which is cheaper; all others as their bytes. */
  pathOf(path: ByteString): string | Buffer {
    if (path === '') return this.#options.directory;
    for (let i = 0; i < path.length; i++) {
      if (path.charCodeAt(i) > 0x7f) return Buffer.concat([this.#root, toBytes(`/${path}`)]);
    }
    return `${this.#options.directory}/${path}`;
  }

  modeOf(at: number): number {
    const mode = Number(this.stats.number(at, 'mode')) & 0o7777;
    return this.#options.modes === 'git' ? gitMode(mode, this.stats.kind(at) === 'directory') : mode;
  }

  child(directory: Seen, scope: IgnoreScope, name: ByteString): ContextNode | undefined {
    const path = childPath(directory.path, name);
    try {
      return this.#visible(path, { parent: directory, name, at: this.#look(path) }, scope);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
      throw error;
    }
  }

  /** What is in a directory; `seen` has what was looked at one by one. */
  *children(
    directory: Seen,
    scope: IgnoreScope,
    seen?: ReadonlyMap<ByteString, ContextNode | undefined>,
  ): Generator<readonly [ByteString, ContextNode]> {
    const names = readdirSync(this.pathOf(directory.path), { encoding: 'latin1' });
    for (const name of names.toSorted()) {
      const node = seen?.get(name) ?? this.child(directory, scope, name);
      if (node !== undefined) yield [name, node];
    }
  }

  #look(path: ByteString): number {
    return this.stats.add(lstatSync(this.pathOf(path), { bigint: true }));
  }

  /** An ignored directory is still there as long as something below it is taken. */
  #visible(path: ByteString, standing: Standing, above: IgnoreScope): ContextNode | undefined {
    const { ignore } = this.#options;
    if (this.stats.kind(standing.at) !== 'directory')
      return ignore.isIgnored(path, above) ? undefined : new ContextNode(this, standing);
    const scope = ignore.enter(path, above);
    const directory = new ContextDirectory(this, standing, scope);
    if (!scope.ignored) return directory;
    if (ignore.canSkip(path, scope)) return undefined;
    for (const _one of this.children(directory, scope)) return directory;
    return undefined;
  }

  linkTarget(path: ByteString): ByteString {
    return readlinkSync(this.pathOf(path), { encoding: 'latin1' });
  }

  open({ path, at }: Seen): number {
    const fd = openSync(this.pathOf(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      this.verify(fd, { path, at });
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** @throws CONTENT_CHANGED when an open file is not the one that was seen */
  verify(fd: number, { path, at }: Seen): void {
    const now = fstatSync(fd, { bigint: true });
    const stat = this.stats.get(at);
    const isSame = now.ino === stat.ino && now.dev === stat.dev && now.size === stat.size;
    if (isSame && now.mtimeNs === stat.mtimeNs && now.ctimeNs === stat.ctimeNs) return;
    throw contentChanged(path);
  }

  content(seen: Seen): KnownContent {
    const known = this.#known(seen);
    if (known !== undefined) return { sha256: known, bytes: undefined };
    const read = this.#read(seen, this.stats.get(seen.at));
    this.learn(seen, read.sha256);
    return read;
  }

  readAhead(seen: Seen): 'known' | 'unknown' | undefined {
    const { stats } = this;
    if (stats.kind(seen.at) !== 'file' || stats.number(seen.at, 'size') > KEPT_FILE_BYTES_MAX) return undefined;
    return this.#known(seen) === undefined ? 'unknown' : 'known';
  }

  readable({ path, at }: Seen): ReadableFile {
    return { path: this.pathOf(path), seen: this.stats.get(at) };
  }

  /** Takes a digest that was found elsewhere, unless this build has found it already. */
  learn(seen: Seen, sha256: Uint8Array): void {
    if (this.stats.sum(seen.at) !== undefined) return;
    this.stats.setSum(seen.at, sha256);
    this.#options.next.add(seen.path, this.stats.get(seen.at), sha256);
  }

  /** As `content`, without holding the thread; undefined when `content` answers soon. */
  prepare(seen: Seen, pace: Pace): Promise<void> | undefined {
    if (this.stats.number(seen.at, 'size') <= KEPT_FILE_BYTES_MAX || this.#known(seen) !== undefined) return undefined;
    return runPaced(this.#hash(seen), pace).then((sha256) => this.learn(seen, sha256));
  }

  #known(seen: Seen): Uint8Array | undefined {
    const found = this.stats.sum(seen.at);
    if (found !== undefined) return found;
    const stat = this.stats.get(seen.at);
    const sha256 = stat.kind === 'socket' ? SHA256_OF_NOTHING : this.#options.known.find(seen.path, stat);
    if (sha256 === undefined) return undefined;
    this.stats.setSum(seen.at, sha256);
    if (stat.kind !== 'socket') this.#options.next.add(seen.path, stat, sha256);
    return sha256;
  }

  #read(seen: Seen, { size }: SeenStat): KnownContent {
    const sizeBytes = Number(size);
    if (sizeBytes > KEPT_FILE_BYTES_MAX || this.#keptBytes + sizeBytes > KEPT_BYTES_MAX)
      return { sha256: runNow(this.#hash(seen)), bytes: undefined };
    this.#keptBytes += sizeBytes;
    if (this.#slab.length < sizeBytes) this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    const bytes = this.#slab.subarray(0, sizeBytes);
    const fd = this.open(seen);
    try {
      for (let done = 0; done < sizeBytes;) {
        const got = readSync(fd, bytes, done, sizeBytes - done, done);
        if (got === 0) throw contentChanged(seen.path);
        done += got;
      }
      this.verify(fd, seen);
    } finally {
      closeSync(fd);
    }
    this.#slab = this.#slab.subarray(sizeBytes);
    return { sha256: hash('sha256', bytes, 'buffer'), bytes };
  }

  *#hash(seen: Seen): Steps<Uint8Array> {
    const fd = this.open(seen);
    const content = { kind: 'fd', fd, offset: 0 } as const;
    const verify = (): void => this.verify(fd, seen);
    const open = (): FileRegion => ({ content, verify, [Symbol.dispose]: () => closeSync(fd) });
    return yield* hashRegion(open, Number(this.stats.number(seen.at, 'size')));
  }
}

function contentChanged(path: ByteString): ShaleError {
  return new ShaleError('CONTENT_CHANGED', `${toText(path)} changed while the build read it`, {
    hint: 'run the build again when nothing writes to the context',
    data: { path: toText(path) },
  });
}

/** Anything but a directory. There may be hundreds of thousands: what can be looked up is not kept here. */
class ContextNode implements SourceNode, Seen {
  protected readonly reader: ContextReader;
  readonly #parent: Seen | undefined;
  readonly #name: ByteString;
  readonly at: number;
  #bytes: Uint8Array | undefined;

  constructor(reader: ContextReader, { parent, name, at }: Standing) {
    this.reader = reader;
    this.#parent = parent;
    this.#name = name;
    this.at = at;
  }

  get path(): ByteString {
    return this.#parent === undefined ? this.#name : childPath(this.#parent.path, this.#name);
  }

  /** A socket, which no layer can hold, is an empty file, as with BuildKit. */
  get kind(): SourceKind {
    const kind = this.reader.stats.kind(this.at);
    return kind === 'socket' ? 'file' : kind;
  }
  get uid(): number {
    return 0;
  }
  get gid(): number {
    return 0;
  }
  get mode(): number {
    return this.reader.modeOf(this.at);
  }
  get mtimeNs(): bigint {
    return this.reader.stats.number(this.at, 'mtimeNs');
  }
  get sizeBytes(): number {
    return this.#isSocket() ? 0 : Number(this.reader.stats.number(this.at, 'size'));
  }
  get deviceMajor(): number {
    return this.#isDevice() ? Number((this.#device() >> 8n) & 0xfffn) : 0;
  }
  get deviceMinor(): number {
    return this.#isDevice() ? Number((this.#device() & 0xffn) | ((this.#device() >> 12n) & 0xfff00n)) : 0;
  }
  get fileKey(): string | undefined {
    const { stats } = this.reader;
    if (stats.number(this.at, 'nlink') <= 1n || this.kind !== 'file') return undefined;
    return `${stats.number(this.at, 'dev')}:${stats.number(this.at, 'ino')}`;
  }

  linkTarget(): ByteString {
    return this.reader.linkTarget(this.path);
  }
  xattrs(): ReadonlyMap<ByteString, Uint8Array> {
    return NO_XATTRS;
  }
  child(_name: ByteString): SourceNode | undefined {
    return undefined;
  }
  children(): Iterable<readonly [ByteString, SourceNode]> {
    return [];
  }
  prepare(pace: Pace): Promise<void> | undefined {
    return this.reader.prepare(this, pace);
  }
  sha256(): Uint8Array {
    const known = this.reader.stats.sum(this.at);
    if (known !== undefined) return known;
    const { sha256, bytes } = this.reader.content(this);
    this.#bytes = bytes;
    return sha256;
  }
  open(): FileRegion {
    const bytes = this.#isSocket() ? NO_BYTES : this.#bytes;
    if (bytes !== undefined) return { content: { kind: 'bytes', bytes }, [Symbol.dispose]: () => {} };
    const fd = this.reader.open(this);
    return {
      content: { kind: 'fd', fd, offset: 0 },
      verify: () => this.reader.verify(fd, this),
      [Symbol.dispose]: () => closeSync(fd),
    };
  }
  readAhead(): 'known' | 'unknown' | undefined {
    return this.#bytes === undefined ? this.reader.readAhead(this) : undefined;
  }
  readable(): ReadableFile {
    return this.reader.readable(this);
  }
  learn(sha256: Uint8Array): void {
    this.reader.learn(this, sha256);
  }

  #isSocket(): boolean {
    return this.reader.stats.kind(this.at) === 'socket';
  }
  #isDevice(): boolean {
    return this.kind === 'character' || this.kind === 'block';
  }
  #device(): bigint {
    return BigInt.asUintN(64, this.reader.stats.number(this.at, 'rdev'));
  }
}

class ContextDirectory extends ContextNode {
  readonly #scope: IgnoreScope;
  #children: Map<ByteString, ContextNode> | undefined;
  #asked: Map<ByteString, ContextNode | undefined> | undefined;

  constructor(reader: ContextReader, standing: Standing, scope: IgnoreScope) {
    super(reader, standing);
    this.#scope = scope;
  }

  override child(name: ByteString): SourceNode | undefined {
    if (this.#children !== undefined) return this.#children.get(name);
    // The same node again for each COPY: what it has read of the tree below it stays known.
    this.#asked ??= new Map();
    if (!this.#asked.has(name)) this.#asked.set(name, this.reader.child(this, this.#scope, name));
    return this.#asked.get(name);
  }
  override children(): Iterable<readonly [ByteString, SourceNode]> {
    this.#children ??= new Map(this.reader.children(this, this.#scope, this.#asked));
    return this.#children;
  }
}

/** What git keeps of a mode. */
function gitMode(mode: number, isDirectory: boolean): number {
  return isDirectory || (mode & 0o100) !== 0 ? 0o755 : 0o644;
}
