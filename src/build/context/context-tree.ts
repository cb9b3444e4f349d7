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
import type { FileStat, StatCache, StatCacheBuilder } from '../../store/index.ts';
import { hashRegion, SHA256_OF_NOTHING, type FileRegion } from '../copy/file-region.ts';
import { READ_AHEAD_FILE_BYTES_MAX } from '../copy/read-ahead.ts';
import { childPath, type ReadableFile, type SourceKind, type SourceNode } from '../copy/source-tree.ts';

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
  const reader = new ContextReader(options);
  return new ContextNode(reader, { path: '', stat: reader.stat(''), scope: options.ignore.root });
}

const NOTHING = { sha256: SHA256_OF_NOTHING, bytes: new Uint8Array(0) } satisfies KnownContent;

/** What stays in memory of a file's stat: the system's has three times as much, and a context has many files. */
interface SeenStat extends FileStat {
  readonly kind: SourceKind | 'socket';
  readonly nlink: bigint;
  readonly rdev: bigint;
}

/** A file or directory with what is known of it; of a directory, `scope` is its own. */
interface Place {
  readonly path: ByteString;
  readonly stat: SeenStat;
  readonly scope: IgnoreScope;
}

/** What is known of a file's content: its digest, and the bytes themselves where they were kept. */
interface KnownContent {
  readonly sha256: Uint8Array;
  readonly bytes: Uint8Array | undefined;
}

class ContextReader {
  readonly #options: ContextOptions;
  readonly #root: Buffer;
  /** Large files of this build: each is hashed once, however many steps copy it. */
  readonly #large = new Map<ByteString, KnownContent>();
  #slab: Buffer = Buffer.alloc(0);
  #keptBytes = 0;

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

  modeOf(stat: SeenStat): number {
    const mode = Number(stat.mode) & 0o7777;
    return this.#options.modes === 'git' ? gitMode(mode, stat.kind === 'directory') : mode;
  }

  stat(path: ByteString): SeenStat {
    const stat = lstatSync(this.pathOf(path), { bigint: true });
    const { dev, ino, size, mode, mtimeNs, ctimeNs, nlink, rdev } = stat;
    return { kind: kindOf(stat), dev, ino, size, mode, mtimeNs, ctimeNs, nlink, rdev };
  }

  child(directory: Place, name: ByteString): ContextNode | undefined {
    const path = childPath(directory.path, name);
    let stat: SeenStat;
    try {
      stat = this.stat(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
      throw error;
    }
    return this.#visible(path, stat, directory.scope);
  }

  /** What is in a directory; `seen` has what was looked at one by one. */
  *children(
    directory: Place,
    seen?: ReadonlyMap<ByteString, ContextNode | undefined>,
  ): Generator<readonly [ByteString, ContextNode]> {
    const names = readdirSync(this.pathOf(directory.path), { encoding: 'latin1' });
    for (const name of names.toSorted()) {
      const node = seen?.get(name) ?? this.child(directory, name);
      if (node !== undefined) yield [name, node];
    }
  }

  /** An ignored directory is still there as long as something below it is taken. */
  #visible(path: ByteString, stat: SeenStat, parent: IgnoreScope): ContextNode | undefined {
    const { ignore } = this.#options;
    if (stat.kind !== 'directory')
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

  open(path: ByteString, stat: SeenStat): number {
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
  verify(fd: number, path: ByteString, stat: SeenStat): void {
    const now = fstatSync(fd, { bigint: true });
    const isSame = now.ino === stat.ino && now.dev === stat.dev && now.size === stat.size;
    if (isSame && now.mtimeNs === stat.mtimeNs && now.ctimeNs === stat.ctimeNs) return;
    throw contentChanged(path);
  }

  content(path: ByteString, stat: SeenStat): KnownContent {
    if (stat.kind === 'socket') return NOTHING;
    return this.#known(path, stat) ?? this.#learn(path, stat, this.#read(path, stat));
  }

  readable(path: ByteString, stat: SeenStat): ReadableFile | undefined {
    if (stat.kind !== 'file' || stat.size > KEPT_FILE_BYTES_MAX) return undefined;
    return { path: this.pathOf(path), seen: stat, isKnown: this.#options.known.find(path, stat) !== undefined };
  }

  /** Takes a digest that was found elsewhere, unless this build has found it already. */
  learn(path: ByteString, stat: SeenStat, sha256: Uint8Array): KnownContent {
    return this.#known(path, stat) ?? this.#learn(path, stat, { sha256, bytes: undefined });
  }

  /** As `content`, without holding the thread; undefined when `content` answers soon. */
  prepare(path: ByteString, stat: SeenStat, pace: Pace): Promise<KnownContent> | undefined {
    if (Number(stat.size) <= KEPT_FILE_BYTES_MAX || this.#known(path, stat) !== undefined) return undefined;
    return runPaced(this.#hash(path, stat), pace).then((sha256) =>
      this.#learn(path, stat, { sha256, bytes: undefined }),
    );
  }

  #known(path: ByteString, stat: SeenStat): KnownContent | undefined {
    const seen = this.#large.get(path);
    if (seen !== undefined) return seen;
    const sha256 = this.#options.known.find(path, stat);
    return sha256 === undefined ? undefined : this.#learn(path, stat, { sha256, bytes: undefined });
  }

  #learn(path: ByteString, stat: SeenStat, content: KnownContent): KnownContent {
    this.#options.next.add(path, stat, content.sha256);
    if (Number(stat.size) > KEPT_FILE_BYTES_MAX) this.#large.set(path, content);
    return content;
  }

  #read(path: ByteString, stat: SeenStat): KnownContent {
    const sizeBytes = Number(stat.size);
    if (sizeBytes > KEPT_FILE_BYTES_MAX || this.#keptBytes + sizeBytes > KEPT_BYTES_MAX)
      return { sha256: runNow(this.#hash(path, stat)), bytes: undefined };
    this.#keptBytes += sizeBytes;
    if (this.#slab.length < sizeBytes) this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    const bytes = this.#slab.subarray(0, sizeBytes);
    const fd = this.open(path, stat);
    try {
      for (let done = 0; done < sizeBytes;) {
        const got = readSync(fd, bytes, done, sizeBytes - done, done);
        if (got === 0) throw contentChanged(path);
        done += got;
      }
      this.verify(fd, path, stat);
    } finally {
      closeSync(fd);
    }
    this.#slab = this.#slab.subarray(sizeBytes);
    return { sha256: hash('sha256', bytes, 'buffer'), bytes };
  }

  *#hash(path: ByteString, stat: SeenStat): Steps<Uint8Array> {
    const fd = this.open(path, stat);
    const content = { kind: 'fd', fd, offset: 0 } as const;
    const verify = (): void => this.verify(fd, path, stat);
    const open = (): FileRegion => ({ content, verify, [Symbol.dispose]: () => closeSync(fd) });
    return yield* hashRegion(open, Number(stat.size));
  }
}

function contentChanged(path: ByteString): ShaleError {
  return new ShaleError('CONTENT_CHANGED', `${toText(path)} changed while the build read it`, {
    hint: 'run the build again when nothing writes to the context',
    data: { path: toText(path) },
  });
}

class ContextNode implements SourceNode {
  readonly #reader: ContextReader;
  readonly #place: Place;
  #children: Map<ByteString, ContextNode> | undefined;
  #asked: Map<ByteString, ContextNode | undefined> | undefined;
  #content: KnownContent | undefined;
  readonly kind: SourceKind;
  readonly uid = 0;
  readonly gid = 0;

  constructor(reader: ContextReader, place: Place) {
    this.#reader = reader;
    this.#place = place;
    // A socket, which no layer can hold, is an empty file, as with BuildKit.
    this.kind = place.stat.kind === 'socket' ? 'file' : place.stat.kind;
  }

  get mode(): number {
    return this.#reader.modeOf(this.#place.stat);
  }
  get mtimeNs(): bigint {
    return this.#place.stat.mtimeNs;
  }
  get sizeBytes(): number {
    return this.#place.stat.kind === 'socket' ? 0 : Number(this.#place.stat.size);
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
    if (this.#children !== undefined) return this.#children.get(name);
    // The same node again for each COPY: what it has read of the tree below it stays known.
    this.#asked ??= new Map();
    if (!this.#asked.has(name)) this.#asked.set(name, this.#reader.child(this.#place, name));
    return this.#asked.get(name);
  }
  children(): Iterable<readonly [ByteString, SourceNode]> {
    this.#children ??= new Map(this.#reader.children(this.#place, this.#asked));
    return this.#children;
  }
  prepare(pace: Pace): Promise<void> | undefined {
    const { path, stat } = this.#place;
    const learning = this.#content === undefined ? this.#reader.prepare(path, stat, pace) : undefined;
    return learning?.then((content) => void (this.#content = content));
  }
  sha256(): Uint8Array {
    this.#content ??= this.#reader.content(this.#place.path, this.#place.stat);
    return this.#content.sha256;
  }
  open(): FileRegion {
    const bytes = this.#place.stat.kind === 'socket' ? NOTHING.bytes : this.#content?.bytes;
    if (bytes !== undefined) return { content: { kind: 'bytes', bytes }, [Symbol.dispose]: () => {} };
    const fd = this.#reader.open(this.#place.path, this.#place.stat);
    const verify = (): void => this.#reader.verify(fd, this.#place.path, this.#place.stat);
    return { content: { kind: 'fd', fd, offset: 0 }, verify, [Symbol.dispose]: () => closeSync(fd) };
  }

  readable(): ReadableFile | undefined {
    return this.#content?.bytes === undefined ? this.#reader.readable(this.#place.path, this.#place.stat) : undefined;
  }
  learn(sha256: Uint8Array): void {
    this.#content ??= this.#reader.learn(this.#place.path, this.#place.stat, sha256);
  }

  #isDevice(): boolean {
    return this.kind === 'character' || this.kind === 'block';
  }
}

/** What git keeps of a mode. */
function gitMode(mode: number, isDirectory: boolean): number {
  return isDirectory || (mode & 0o100) !== 0 ? 0o755 : 0o644;
}

function kindOf(stat: BigIntStats): SeenStat['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isSocket()) return 'socket';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'character';
  return 'block';
}
