import { createHash, type Hash } from 'node:crypto';
import { type ReadTarEntry, TarParser } from '../../archive/index.ts';
import { type ByteString, compareBytes, ShaleError, toBytes, toText } from '../../base/index.ts';
import { inodeOf, type Rootfs } from '../rootfs/own-files.ts';
import { type Inode, plainInode } from '../rootfs/tree.ts';
import type { ApkContents } from './apk-reader.ts';
import { type Dependency, isProvidedBy } from './dependency.ts';
import type { ApkPackage } from './package-index.ts';

/** A package as it was unpacked: what apk's database will say of it. */
export interface InstalledPackage {
  readonly package: ApkPackage;
  readonly scripts: ApkContents['scripts'];
  readonly replaces: readonly Dependency[];
  readonly replacesPriority: number;
  readonly triggers: readonly string[];
  /** Folders that it ships, in its order, by their path. */
  readonly folders: ReadonlyMap<ByteString, InstalledFolder>;
}

export interface InstalledFolder {
  readonly owner: Owner;
  /** By name; of those that another package took over nothing is left here. */
  readonly files: Map<ByteString, InstalledFile>;
}

export interface InstalledFile {
  readonly owner: Owner;
  /** `Q1` and the SHA-1 of the content, or of a symlink's target; undefined for what is neither. */
  readonly checksum: string | undefined;
}

/** Whose a file or folder is, as the package says; names count for more than numbers, once there are users. */
export interface Owner {
  readonly userName: ByteString;
  readonly groupName: ByteString;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  /** `Q1` and the SHA-1 over the extended attributes, where there are some. */
  readonly xattrs: string | undefined;
}

/** PAX record in which packages carry the SHA-1 of each file. */
const CHECKSUM_RECORD = 'APK-TOOLS.checksum.SHA1';
const PLAIN_FOLDER: Owner = { userName: '', groupName: '', uid: 0, gid: 0, mode: 0o755, xattrs: undefined };

/** Takes packages in the order in which they are installed, on top of each other as apk does. */
export class ApkUnpacker {
  readonly #rootfs: Rootfs;
  /** By path of a file: the package that has it. */
  readonly #owners = new Map<ByteString, InstalledPackage>();

  constructor(rootfs: Rootfs) {
    this.#rootfs = rootfs;
  }

  /** @throws FILE_CONFLICT, APK_MALFORMED, HASH_MISMATCH, TREE_PATH and the errors of the tar reader */
  async add(each: ApkPackage, contents: ApkContents): Promise<InstalledPackage> {
    const { scripts, replaces, replacesPriority, triggers } = contents;
    const folders = new Map<ByteString, InstalledFolder>();
    const installed: InstalledPackage = { package: each, scripts, replaces, replacesPriority, triggers, folders };
    const handler = new EntryHandler(this.#rootfs, folders, {
      claim: (path) => this.#claim(path, installed),
      fail: (why) => {
        throw new ShaleError('APK_MALFORMED', `package ${each.name}-${each.version}: ${why}`);
      },
    });
    const parser = new TarParser(handler, { records: true });
    for await (const chunk of contents.data) parser.write(chunk);
    parser.end();
    return installed;
  }

  /** True when the package may have a path that is no folder; what another one had there is no longer its own. */
  #claim(path: ByteString, newest: InstalledPackage): boolean {
    const owner = this.#owners.get(path);
    if (owner !== undefined && owner !== newest) {
      const isOneSource = newest.package.origin !== undefined && owner.package.origin === newest.package.origin;
      if (!isOneSource) {
        const theirs = priorityOver(owner, newest);
        const ours = priorityOver(newest, owner);
        if (theirs > ours) return false;
        if (ours < 0) throw conflict(path, owner, newest);
      }
      const slash = path.lastIndexOf('/');
      owner.folders.get(path.slice(0, Math.max(slash, 0)))?.files.delete(path.slice(slash + 1));
    }
    this.#owners.set(path, newest);
    return true;
  }
}

/** With which priority a package may replace files of the other; -1 when it may not. */
function priorityOver(winner: InstalledPackage, loser: InstalledPackage): number {
  const { name, version, checksum } = loser.package;
  const replaces = winner.replaces.some((each) => each.name === name && isProvidedBy(each, { version, checksum }));
  return replaces ? winner.replacesPriority : -1;
}

function conflict(path: ByteString, a: InstalledPackage, b: InstalledPackage): ShaleError {
  return new ShaleError(
    'FILE_CONFLICT',
    `packages ${a.package.name} and ${b.package.name} both ship /${toText(path)}`,
    {
      data: { path: toText(path), packages: [a.package.name, b.package.name] },
    },
  );
}

interface Ledger {
  /** True when the package may have the path. */
  claim(path: ByteString): boolean;
  fail(why: string): never;
}

/** Takes the entries of one package's data. */
class EntryHandler {
  readonly #rootfs: Rootfs;
  readonly #folders: Map<ByteString, InstalledFolder>;
  readonly #ledger: Ledger;
  #current:
    | { readonly path: ByteString; readonly entry: ReadTarEntry; readonly inode: Inode; readonly hash: Hash }
    | undefined;

  constructor(rootfs: Rootfs, folders: Map<ByteString, InstalledFolder>, ledger: Ledger) {
    this.#rootfs = rootfs;
    this.#folders = folders;
    this.#ledger = ledger;
  }

  entry(entry: ReadTarEntry): void {
    this.#current = undefined;
    if (hasControlCharacter(entry.path)) this.#ledger.fail(`the name of ${quoted(entry.path)} has control characters`);
    // Names with a dot at the root are apk's own.
    if (entry.path.startsWith('.')) return;
    if (entry.kind === 'directory') return this.#putFolder(entry);
    const [folder, name] = split(entry.path);
    if (name.startsWith('.keep_')) return;
    if (folder !== '' && !this.#folders.has(folder))
      this.#ledger.fail(`${quoted(entry.path)} lies in a folder that the package does not ship`);
    const { tree } = this.#rootfs;
    const path = tree.resolve(entry.path, { followLast: false });
    if (tree.find(path)?.kind === 'directory')
      this.#ledger.fail(`${quoted(entry.path)} is a folder of another package`);
    if (!this.#ledger.claim(entry.path)) return;
    this.#makeParents(path);
    if (entry.kind === 'hardlink') this.#putHardLink(path, entry);
    else if (entry.kind === 'file') this.#startFile(path, entry);
    else this.#putOther(path, entry);
  }

  content(chunk: Uint8Array): void {
    if (this.#current === undefined) return;
    this.#current.hash.update(chunk);
    this.#rootfs.tar.writeContent(chunk);
  }

  contentEnd(): void {
    if (this.#current === undefined) return;
    const { path, entry, inode, hash } = this.#current;
    this.#current = undefined;
    this.#rootfs.tree.set(path, { ...inode, content: this.#rootfs.tar.endContent() });
    this.#record(entry, this.#checked(entry, hash));
  }

  #putFolder(entry: ReadTarEntry): void {
    if (entry.path === '') return;
    const { tree, tar } = this.#rootfs;
    if (!this.#folders.has(entry.path)) this.#folders.set(entry.path, { owner: ownerOf(entry), files: new Map() });
    const path = tree.resolve(entry.path, { followLast: true });
    const before = tree.find(path);
    if (before !== undefined && before.kind !== 'directory')
      this.#ledger.fail(`${quoted(entry.path)} is no folder in another package`);
    this.#makeParents(path);
    const inode = before === undefined ? inodeOf(entry) : { ...before, ...strictest(before, entry) };
    tree.set(path, inode);
    tar.startEntry(path, inode, 0);
  }

  #startFile(path: ByteString, entry: ReadTarEntry): void {
    const inode = inodeOf(entry);
    if (entry.sparse !== undefined) this.#ledger.fail(`${quoted(entry.path)} is a sparse file`);
    this.#rootfs.tar.startEntry(path, inode, entry.sizeBytes);
    this.#current = { path, entry, inode, hash: createHash('sha1') };
  }

  #putOther(path: ByteString, entry: ReadTarEntry): void {
    const inode = inodeOf(entry);
    this.#rootfs.tree.set(path, inode);
    this.#rootfs.tar.startEntry(path, inode, 0);
    const isLink = entry.kind === 'symlink';
    this.#record(
      entry,
      isLink ? this.#checked(entry, createHash('sha1').update(toBytes(entry.linkTarget))) : undefined,
    );
  }

  #putHardLink(path: ByteString, entry: ReadTarEntry): void {
    const { tree, tar } = this.#rootfs;
    const [folder, name] = split(entry.linkTarget);
    const target = this.#folders.get(folder)?.files.get(name);
    const targetPath = tree.resolve(entry.linkTarget, { followLast: false });
    const inode = tree.find(targetPath);
    if (target === undefined || inode === undefined)
      return this.#ledger.fail(`${quoted(entry.path)} is a hard link to a file that it does not ship`);
    tree.set(path, inode);
    tar.writeHardLink(path, targetPath, inode);
    this.#record(entry, target.checksum);
  }

  #record(entry: ReadTarEntry, checksum: string | undefined): void {
    const [folder, name] = split(entry.path);
    const known = this.#folders.get(folder);
    const files = known?.files ?? new Map<ByteString, InstalledFile>();
    if (known === undefined) this.#folders.set(folder, { owner: PLAIN_FOLDER, files });
    files.set(name, { owner: ownerOf(entry), checksum });
  }

  /** The checksum of a file, when it is the one that the package carries. */
  #checked(entry: ReadTarEntry, hash: Hash): string {
    const found = hash.digest();
    const carried = entry.records?.other.get(CHECKSUM_RECORD);
    if (carried === undefined) return this.#ledger.fail(`${quoted(entry.path)} comes without a checksum`);
    if (carried !== found.toString('hex')) this.#ledger.fail(`${quoted(entry.path)} does not have its checksum`);
    return `Q1${found.toString('base64')}`;
  }

  #makeParents(path: ByteString): void {
    const { tree, tar, mtimeNs } = this.#rootfs;
    for (const made of tree.makeParents(path, mtimeNs))
      tar.startEntry(made, plainInode('directory', 0o755, mtimeNs), 0);
  }
}

export interface Permissions {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Of a folder that several packages ship: the lowest owner's, and of one owner only what all of them allow. */
export function strictest(a: Permissions, b: Permissions): Permissions {
  const [first, second] = a.uid < b.uid || (a.uid === b.uid && a.gid <= b.gid) ? [a, b] : [b, a];
  const { uid, gid, mode } = first;
  const isSame = uid === second.uid && gid === second.gid;
  return { uid, gid, mode: isSame ? mode & second.mode : mode };
}

function ownerOf({ uid, gid, mode, xattrs, records }: ReadTarEntry): Owner {
  const { userName = '', groupName = '' } = records ?? {};
  return { userName, groupName, uid, gid, mode, xattrs: xattrs.size === 0 ? undefined : xattrChecksum(xattrs) };
}

/** As apk makes it: names and values, each after its length, by names. */
function xattrChecksum(xattrs: ReadonlyMap<ByteString, Uint8Array>): string {
  const hash = createHash('sha1');
  const framed = (bytes: Uint8Array): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.byteLength);
    hash.update(length).update(bytes);
  };
  for (const [name, value] of [...xattrs].toSorted(([a], [b]) => compareBytes(a, b))) {
    framed(toBytes(name));
    framed(value);
  }
  return `Q1${hash.digest('base64')}`;
}

function split(path: ByteString): [folder: ByteString, name: ByteString] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

function hasControlCharacter(path: ByteString): boolean {
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) < 0x20 || path.charCodeAt(i) === 0x7f) return true;
  return false;
}

function quoted(path: ByteString): string {
  return JSON.stringify(toText(path));
}
