import { type ReadTarEntry, TarParser } from '../../archive/index.ts';
import { type ByteString, ShaleError, toText } from '../../base/index.ts';
import { inodeOf, type Rootfs } from '../rootfs/own-files.ts';
import { type Inode, plainInode } from '../rootfs/tree.ts';
import { type ControlFiles, databaseName, linesOf, parseControlTar } from './control-tar.ts';
import type { DebContents } from './deb-contents.ts';
import { findField, type Paragraph } from './paragraph.ts';
import type { PathFilter } from './path-filter.ts';
import { type Alternatives, parseRelations } from './relation.ts';
import { satisfiesVersion } from './version.ts';

/** A package as it was unpacked: what dpkg's database will say of it. */
export interface UnpackedPackage extends ControlFiles {
  /** `libc6:amd64`, `bash`. */
  readonly databaseName: string;
  /** Every path that it ships, in its order, with a leading slash. Filtered ones too, as dpkg has it. */
  readonly paths: readonly ByteString[];
  /** Paths of its configuration files, with a leading slash. */
  readonly conffiles: readonly ByteString[];
}

export interface UnpackOptions extends Rootfs {
  readonly isSkipped: PathFilter;
}

const CONFFILE_BYTES_MAX: number = 16 * 1024 * 1024;

/**
 * Unpacks packages on top of each other as dpkg does, but into a tree in memory and a tar: paths go through symlinked
 * folders (merged /usr), a folder keeps the attributes of the first package that ships it, a file of another package
 * is only replaced with its Replaces, and configuration files lie there both as they are and as `.dpkg-new`, from
 * which `dpkg --configure` takes them.
 */
export class Unpacker {
  readonly #options: UnpackOptions;
  readonly #packages: { readonly control: Paragraph; readonly paths: ByteString[] }[] = [];
  /** Which package a path that is no folder came from. */
  readonly #owners = new Map<ByteString, number>();

  constructor(options: UnpackOptions) {
    this.#options = options;
  }

  /** @throws FILE_CONFLICT, DEB_MALFORMED, TREE_PATH and the errors of the tar reader. */
  async add(contents: DebContents): Promise<UnpackedPackage> {
    const files = parseControlTar(contents.control);
    const conffiles = linesOf(files.files.get('conffiles')).filter((line) => line.startsWith('/'));
    const paths: ByteString[] = [];
    this.#packages.push({ control: files.control, paths });
    const handler = new PackageHandler(this.#options, new Set(conffiles.map((path) => path.slice(1))), {
      list: (path) => paths.push(path),
      claim: (path) => this.#claim(path),
    });
    const parser = new TarParser(handler);
    for await (const chunk of contents.data) parser.write(chunk);
    parser.end();
    return { ...files, databaseName: databaseName(files.control), paths, conffiles };
  }

  /** Whether the newest package may have this path, which is no folder; settles whose it is. */
  #claim(path: ByteString): boolean {
    const newest = this.#packages.length - 1;
    const owner = this.#owners.get(path);
    if (owner !== undefined && owner !== newest) {
      const ours = this.#packages[newest];
      const theirs = this.#packages[owner];
      if (ours !== undefined && theirs !== undefined) {
        if (replaces(theirs.control, ours.control)) return false;
        if (!replaces(ours.control, theirs.control)) throw conflict(path, ours.control, theirs.control);
        theirs.paths.splice(theirs.paths.indexOf(`/${path}`), theirs.paths.includes(`/${path}`) ? 1 : 0);
      }
    }
    this.#owners.set(path, newest);
    return true;
  }
}

function replaces(winner: Paragraph, loser: Paragraph): boolean {
  const name = findField(loser, 'Package') ?? '';
  const version = findField(loser, 'Version') ?? '';
  return relationsOf(winner, 'Replaces').some((group) =>
    group.some(
      (each) =>
        each.name === name &&
        (each.constraint === undefined || satisfiesVersion(version, each.constraint.operator, each.constraint.version)),
    ),
  );
}

function relationsOf(control: Paragraph, field: string): Alternatives[] {
  return parseRelations(findField(control, field));
}

function conflict(path: ByteString, ours: Paragraph, theirs: Paragraph): ShaleError {
  const [a, b] = [findField(ours, 'Package'), findField(theirs, 'Package')];
  return new ShaleError('FILE_CONFLICT', `packages ${a} and ${b} both ship /${toText(path)}`, {
    data: { path: toText(path), packages: [a, b] },
  });
}

interface Ledger {
  list(path: ByteString): void;
  claim(path: ByteString): boolean;
}

/** Takes the entries of one data.tar. */
class PackageHandler {
  readonly #options: UnpackOptions;
  readonly #conffiles: ReadonlySet<ByteString>;
  readonly #ledger: Ledger;
  #current:
    | { readonly path: ByteString; readonly inode: Inode; readonly conffile: Uint8Array[] | undefined }
    | undefined;

  constructor(options: UnpackOptions, conffiles: ReadonlySet<ByteString>, ledger: Ledger) {
    this.#options = options;
    this.#conffiles = conffiles;
    this.#ledger = ledger;
  }

  entry(entry: ReadTarEntry): void {
    const { tree, isSkipped } = this.#options;
    this.#current = undefined;
    this.#ledger.list(entry.path === '' ? '/.' : `/${entry.path}`);
    if (isSkipped(entry.path, entry.kind === 'directory' || entry.kind === 'symlink' ? entry.kind : 'other')) return;
    const path = tree.resolve(entry.path, { followLast: entry.kind === 'directory' });
    const before = tree.find(path);
    if (entry.kind === 'directory') {
      if (before?.kind === 'directory') return;
    } else if (before?.kind === 'directory') {
      throw new ShaleError('FILE_CONFLICT', `a package ships /${toText(path)}, which is a folder of another one`, {
        data: { path: toText(path) },
      });
    }
    if (entry.kind !== 'directory' && !this.#ledger.claim(path)) return;
    this.#makeParents(path);
    if (entry.kind === 'hardlink') this.#link(path, entry);
    else if (entry.kind === 'file') this.#startFile(path, entry);
    else this.#put(path, inodeOf(entry));
  }

  content(chunk: Uint8Array): void {
    if (this.#current === undefined) return;
    this.#options.tar.writeContent(chunk);
    this.#current.conffile?.push(Uint8Array.from(chunk));
  }

  contentEnd(): void {
    if (this.#current === undefined) return;
    const { path, inode, conffile } = this.#current;
    const { tree, tar } = this.#options;
    tree.set(path, { ...inode, content: tar.endContent() });
    if (conffile === undefined) return;
    const name = `${path}.dpkg-new`;
    tar.startEntry(
      name,
      inode,
      conffile.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    );
    for (const chunk of conffile) tar.writeContent(chunk);
    tree.set(name, { ...inode, content: tar.endContent() });
  }

  #startFile(path: ByteString, entry: ReadTarEntry): void {
    if (entry.sparse !== undefined) throw new ShaleError('DEB_MALFORMED', `/${toText(path)} is a sparse file`);
    const isConffile = this.#conffiles.has(entry.path);
    if (isConffile && entry.sizeBytes > CONFFILE_BYTES_MAX) {
      throw new ShaleError(
        'LIMIT_EXCEEDED',
        `the configuration file /${toText(path)} is longer than ${CONFFILE_BYTES_MAX} bytes`,
      );
    }
    const inode = inodeOf(entry);
    this.#options.tar.startEntry(path, inode, entry.sizeBytes);
    this.#current = { path, inode, conffile: isConffile ? [] : undefined };
  }

  #put(path: ByteString, inode: Inode): void {
    this.#options.tree.set(path, inode);
    this.#options.tar.startEntry(path, inode, 0);
  }

  #link(path: ByteString, entry: ReadTarEntry): void {
    const { tree, tar } = this.#options;
    const target = tree.resolve(entry.linkTarget, { followLast: false });
    const inode = tree.find(target);
    if (inode === undefined || inode.kind === 'directory') {
      throw new ShaleError(
        'DEB_MALFORMED',
        `/${toText(path)} is a hard link to /${toText(target)}, which is not there`,
      );
    }
    tree.set(path, inode);
    tar.writeHardLink(path, target, inode);
  }

  #makeParents(path: ByteString): void {
    const { tree, tar, mtimeNs } = this.#options;
    for (const made of tree.makeParents(path, mtimeNs))
      tar.startEntry(made, plainInode('directory', 0o755, mtimeNs), 0);
  }
}
