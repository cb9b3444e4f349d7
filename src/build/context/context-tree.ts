import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { hash } from 'node:crypto';
import {
  isSystemError,
  ShaleError,
  toBytes,
  toText,
  type ByteString,
  Rows,
  runNow,
  runPaced,
  type Pace,
  type Steps,
} from '../../base/index.ts';
import type { IgnoreMatcher, IgnoreScope } from '../../dockerfile/index.ts';
import type { SeenFile, StatCache } from '../../store/index.ts';
import { hashRegion, SHA256_OF_NOTHING, type FileRegion } from '../copy/file-region.ts';
import { READ_AHEAD_FILE_BYTES_MAX } from '../copy/read-ahead.ts';
import { childPath, type ReadableFile, type SourceKind, type SourceNode } from '../copy/source-tree.ts';
import { SeenStats } from './seen-stats.ts';

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
  readonly modes: ContextModes;
}

/** A file up to this size stays in memory between being hashed and being written, */
const KEPT_FILE_BYTES_MAX: number = READ_AHEAD_FILE_BYTES_MAX;
/** as long as there is room for it: opening a small file costs more than reading it. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** What it takes to keep a file, besides its bytes. */
const KEPT_OVERHEAD_BYTES = 256;
const SLAB_BYTES = 1024 * 1024;
const NO_XATTRS: ReadonlyMap<ByteString, Uint8Array> = new Map();

export interface ContextTree {
  readonly root: SourceNode;
  /** The files whose digests this build has used, made while they are asked for. */
  readonly used: Iterable<SeenFile>;
  /** True when there are some, and they are not just what was known before. */
  isNew(): boolean;
}

/**
 * The files of a build context as a tree that is read where it is looked at: a COPY of one file costs one lstat, a COPY of
 * everything one sweep. Owner is 0:0 as with BuildKit; extended attributes stay at home. A file's digest comes from the stat
 * cache while size, times, inode and mode are as they were.
 */
export function openContextTree(options: ContextOptions): ContextTree {
  const reader = new ContextReader(options);
  const root = reader.root();
  return { root, used: { [Symbol.iterator]: () => reader.used(root) }, isNew: () => reader.isNew() };
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** A file as it was seen: its path in the context and the number of its stat. */
interface Seen {
  readonly path: ByteString;
  readonly at: number;
}

class ContextReader {
  readonly #options: ContextOptions;
  readonly #root: Buffer;
  readonly stats: SeenStats = new SeenStats();
  /** The numbers of the stats of what is in directories, those of one directory side by side. */
  readonly listed: Rows = new Rows(1);
  #slab: Buffer = Buffer.alloc(0);
  readonly #kept = new Map<number, Uint8Array>();
  #keptBytes = 0;
  /** Files whose digest was known before, and those whose was not. */
  #counts = { known: 0, learned: 0 };

  constructor(options: ContextOptions) {
    this.#options = options;
    this.#root = Buffer.from(options.directory);
  }

  root(): ContextDirectory {
    return new ContextDirectory(this, { path: '', at: this.#look('') }, this.#options.ignore.root);
  }

  *used(directory: ContextDirectory): Generator<SeenFile> {
    for (const node of directory.met()) {
      if (node instanceof ContextDirectory) yield* this.used(node);
      const sha256 = this.stats.sum(node.at);
      const stat = this.stats.get(node.at);
      if (sha256 !== undefined && stat.kind !== 'socket') yield { path: node.path, stat, sha256 };
    }
  }

  isNew(): boolean {
    const { known, learned } = this.#counts;
    return learned > 0 || (known > 0 && known !== this.#options.known.count);
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
    const mode = this.stats.mode(at);
    return this.#options.modes === 'git' ? gitMode(mode, this.stats.kind(at) === 'directory') : mode;
  }

  child(directory: Seen, scope: IgnoreScope, name: ByteString): ContextNode | undefined {
    const path = childPath(directory.path, name);
    try {
      return this.#visible({ path, at: this.#look(path) }, scope);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
      throw error;
    }
  }

  /** What is in a directory; `seen` has what was looked at one by one. */
  *children(
    directory: Seen,
    scope: IgnoreScope,
    seen: ReadonlyMap<ByteString, ContextNode | undefined> | undefined,
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
  #visible(seen: Seen, above: IgnoreScope): ContextNode | undefined {
    const { ignore } = this.#options;
    if (this.stats.kind(seen.at) !== 'directory')
      return ignore.isIgnored(seen.path, above) ? undefined : new ContextNode(this, seen);
    const scope = ignore.enter(seen.path, above);
    const directory = new ContextDirectory(this, seen, scope);
    if (!scope.ignored) return directory;
    if (ignore.canSkip(seen.path, scope)) return undefined;
    for (const _one of this.children(directory, scope, undefined)) return directory;
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

  sha256(seen: Seen): Uint8Array {
    const known = this.#known(seen);
    if (known !== undefined) return known;
    const sha256 = this.#read(seen);
    this.learn(seen, sha256);
    return sha256;
  }

  /** The bytes of a small file that was read already, where there was room to keep them; they are kept for one reader. */
  kept(at: number): FileRegion | undefined {
    const bytes = this.#kept.get(at);
    return bytes && { content: { kind: 'bytes', bytes }, [Symbol.dispose]: () => this.#forget(at, bytes) };
  }

  #forget(at: number, bytes: Uint8Array): void {
    if (this.#kept.delete(at)) this.#keptBytes -= bytes.length + KEPT_OVERHEAD_BYTES;
  }

  readAhead(seen: Seen): 'known' | 'unknown' | undefined {
    const { stats } = this;
    if (this.#kept.has(seen.at)) return undefined;
    if (stats.kind(seen.at) !== 'file' || stats.size(seen.at) > KEPT_FILE_BYTES_MAX) return undefined;
    return this.#known(seen) === undefined ? 'unknown' : 'known';
  }

  readable({ path, at }: Seen): ReadableFile {
    return { path: this.pathOf(path), seen: this.stats.get(at) };
  }

  /** Takes a digest that was found elsewhere, unless this build has found it already. */
  learn(seen: Seen, sha256: Uint8Array): void {
    if (this.stats.sum(seen.at) !== undefined) return;
    this.stats.setSum(seen.at, sha256);
    this.#counts.learned++;
  }

  /** As `sha256`, without holding the thread; undefined when `sha256` answers soon. */
  prepare(seen: Seen, pace: Pace): Promise<void> | undefined {
    if (this.stats.size(seen.at) <= KEPT_FILE_BYTES_MAX || this.#known(seen) !== undefined) return undefined;
    return runPaced(this.#hash(seen), pace).then((sha256) => this.learn(seen, sha256));
  }

  #known(seen: Seen): Uint8Array | undefined {
    const found = this.stats.sum(seen.at);
    if (found !== undefined) return found;
    const stat = this.stats.get(seen.at);
    const sha256 = stat.kind === 'socket' ? SHA256_OF_NOTHING : this.#options.known.find(seen.path, stat);
    if (sha256 === undefined) return undefined;
    this.stats.setSum(seen.at, sha256);
    if (stat.kind !== 'socket') this.#counts.known++;
    return sha256;
  }

  #read(seen: Seen): Uint8Array {
    const sizeBytes = this.stats.size(seen.at);
    if (sizeBytes > KEPT_FILE_BYTES_MAX || this.#keptBytes > KEPT_BYTES_MAX) return runNow(this.#hash(seen));
    this.#keptBytes += sizeBytes + KEPT_OVERHEAD_BYTES;
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
    this.#kept.set(seen.at, bytes);
    return hash('sha256', bytes, 'buffer');
  }

  *#hash(seen: Seen): Steps<Uint8Array> {
    const fd = this.open(seen);
    const content = { kind: 'fd', fd, offset: 0 } as const;
    const verify = (): void => this.verify(fd, seen);
    const open = (): FileRegion => ({ content, verify, [Symbol.dispose]: () => closeSync(fd) });
    return yield* hashRegion(open, this.stats.size(seen.at));
  }
}

function contentChanged(path: ByteString): ShaleError {
  return new ShaleError('CONTENT_CHANGED', `${toText(path)} changed while the build read it`, {
    hint: 'run the build again when nothing writes to the context',
    data: { path: toText(path) },
  });
}

/** Anything but a directory. There may be hundreds of thousands: it is made when it is asked for, and nothing is kept in it. */
class ContextNode implements SourceNode, Seen {
  protected readonly reader: ContextReader;
  readonly path: ByteString;
  readonly at: number;

  constructor(reader: ContextReader, { path, at }: Seen) {
    this.reader = reader;
    this.path = path;
    this.at = at;
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
    return this.reader.stats.mtimeNs(this.at);
  }
  get sizeBytes(): number {
    return this.#isSocket() ? 0 : this.reader.stats.size(this.at);
  }
  get deviceMajor(): number {
    return this.#isDevice() ? Number((this.reader.stats.rdev(this.at) >> 8n) & 0xfffn) : 0;
  }
  get deviceMinor(): number {
    if (!this.#isDevice()) return 0;
    const rdev = this.reader.stats.rdev(this.at);
    return Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n));
  }
  get fileKey(): string | undefined {
    return this.kind === 'file' ? this.reader.stats.linkKey(this.at) : undefined;
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
    return this.reader.stats.sum(this.at) ?? this.reader.sha256(this);
  }
  open(): FileRegion {
    if (this.#isSocket()) return { content: { kind: 'bytes', bytes: NO_BYTES }, [Symbol.dispose]: () => {} };
    const kept = this.reader.kept(this.at);
    if (kept !== undefined) return kept;
    const fd = this.reader.open(this);
    return {
      content: { kind: 'fd', fd, offset: 0 },
      verify: () => this.reader.verify(fd, this),
      [Symbol.dispose]: () => closeSync(fd),
    };
  }
  readAhead(): 'known' | 'unknown' | undefined {
    return this.reader.readAhead(this);
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
}

/** What is in a directory: the names, each with a slash behind it, and where the numbers of their stats begin. */
interface Listing {
  readonly names: ByteString;
  readonly first: number;
}

class ContextDirectory extends ContextNode {
  readonly #scope: IgnoreScope;
  #listing: Listing | undefined;
  /** Directories, and what was looked at one by one: the same node again for each COPY, with what is known below it. */
  #nodes: Map<ByteString, ContextNode | undefined> | undefined;

  constructor(reader: ContextReader, seen: Seen, scope: IgnoreScope) {
    super(reader, seen);
    this.#scope = scope;
  }

  override child(name: ByteString): SourceNode | undefined {
    const known = this.#nodes?.get(name);
    if (known !== undefined) return known;
    if (this.#listing !== undefined) {
      const i = this.#listing.names.split('/').indexOf(name);
      return name === '' || i < 0 ? undefined : this.#listed(this.#listing, i, name);
    }
    this.#nodes ??= new Map();
    if (!this.#nodes.has(name)) this.#nodes.set(name, this.reader.child(this, this.#scope, name));
    return this.#nodes.get(name);
  }

  override *children(): Generator<readonly [ByteString, ContextNode]> {
    const listing = (this.#listing ??= this.#list());
    let begin = 0;
    for (let i = 0; begin < listing.names.length; i++) {
      const end = listing.names.indexOf('/', begin);
      const name = listing.names.slice(begin, end);
      begin = end + 1;
      yield [name, this.#listed(listing, i, name)];
    }
  }

  /** What was looked at in this directory so far. */
  *met(): Generator<ContextNode> {
    if (this.#listing !== undefined) for (const [, node] of this.children()) yield node;
    else for (const node of this.#nodes?.values() ?? []) if (node !== undefined) yield node;
  }

  #listed({ first }: Listing, i: number, name: ByteString): ContextNode {
    const { reader } = this;
    const known = this.#nodes?.get(name);
    return known ?? new ContextNode(reader, { path: childPath(this.path, name), at: reader.listed.get(first + i, 0) });
  }

  #list(): Listing {
    const { reader } = this;
    const nodes = new Map<ByteString, ContextNode>();
    const names: ByteString[] = [];
    const ats: number[] = [];
    for (const [name, node] of reader.children(this, this.#scope, this.#nodes)) {
      names.push(name);
      ats.push(node.at);
      if (node instanceof ContextDirectory) nodes.set(name, node);
    }
    this.#nodes = nodes.size === 0 ? undefined : nodes;
    const first = reader.listed.count;
    for (const at of ats) reader.listed.set(reader.listed.add(), 0, at);
    return { names: Buffer.from(names.map((name) => `${name}/`).join(''), 'latin1').toString('latin1'), first };
  }
}

/** What git keeps of a mode. */
function gitMode(mode: number, isDirectory: boolean): number {
  return isDirectory || (mode & 0o100) !== 0 ? 0o755 : 0o644;
}
