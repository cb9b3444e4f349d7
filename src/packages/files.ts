import { isShaleError, type ByteString } from '../base/index.ts';
import type { ViewNode } from '../erofs/index.ts';
import { APK_DATABASE_MAX_BYTES, apkFiles } from './apk.ts';
import { linesIn } from './fields.ts';
import { TreeReader } from './tree-reader.ts';
import type { Package, PackageTree } from './types.ts';

const LIST_MAX_BYTES: number = 32 * 1024 * 1024;
/** Files of all packages of an image that are remembered with their owners. */
const OWNED_MAX = 5_000_000;
const DEPTH_MAX = 128;

/**
 * The files of a package, as its own list names them: clean paths from the root, not all of which need be there. Folders
 * may be among them.
 */
export function* packageFiles(tree: PackageTree, of: Package): Generator<ByteString> {
  for (const [, path] of listedFiles(tree, [of])) yield path;
}

/**
 * The package that each file of an image belongs to, by the path that the file really has: lists name `/bin/bash` where
 * `bin` is a link. Folders belong to nobody. Of several packages that claim a file the last in the list's order has it.
 */
export function fileOwners(tree: PackageTree, packages: readonly Package[]): ReadonlyMap<ByteString, Package> {
  const owners = new Map<ByteString, Package>();
  const folders = new Map<ByteString, ByteString | undefined>();
  for (const [each, listed] of listedFiles(tree, packages)) {
    const slash = listed.lastIndexOf('/');
    const above = listed.slice(0, Math.max(0, slash));
    if (!folders.has(above)) folders.set(above, realFolder(tree, above));
    const folder = folders.get(above);
    if (folder === undefined || owners.size >= OWNED_MAX) continue;
    const path = folder === '' ? listed.slice(slash + 1) : `${folder}/${listed.slice(slash + 1)}`;
    const node = tree.view.find(path);
    if (node !== undefined && node.kind !== 'directory') owners.set(path, each);
  }
  return owners;
}

/**
 * What the lists of packages name, each with its package, in the way of `packageFiles`; each list is read once, whoever
 * claims it.
 */
export function* listedFiles(
  tree: PackageTree,
  packages: readonly Package[],
): Generator<readonly [Package, ByteString]> {
  const reader = new TreeReader(tree);
  const done = new Set<ByteString>();
  for (const each of packages) {
    const { fileList } = each;
    if (fileList.kind === 'none' || done.has(fileList.path)) continue;
    done.add(fileList.path);
    if (fileList.kind === 'folder') {
      for (const path of filesBelow(reader, fileList.path)) yield [each, path];
    } else if (fileList.kind === 'apk') {
      const here = packages.filter((one) => one.fileList.kind === 'apk' && one.fileList.path === fileList.path);
      const byName = new Map(here.map((one) => [one.name, one]));
      for (const [name, path] of apkFiles(reader.read(fileList.path, APK_DATABASE_MAX_BYTES) ?? '')) {
        const owner = byName.get(name);
        if (owner !== undefined) for (const clean of cleaned([path], '')) yield [owner, clean];
      }
    } else for (const path of pathsIn(reader, fileList.path, fileList.kind)) yield [each, path];
  }
}

type ListKind = 'dpkg-list' | 'md5sums' | 'wheel-record' | 'egg-list';

const ENTRY_OF: Record<ListKind, (line: ByteString) => ByteString> = {
  'dpkg-list': (line) => line,
  md5sums: (line) => line.replace(/^[0-9a-f]{32}\s+/, '/'),
  // CSV; its paths begin in the folder that holds the package's, and have no commas but in quotes.
  'wheel-record': (line) => (line.startsWith('"') ? line.slice(1, line.indexOf('"', 1)) : (line.split(',')[0] ?? '')),
  'egg-list': (line) => line,
};

function* pathsIn(reader: TreeReader, list: ByteString, kind: ListKind): Generator<ByteString> {
  const folder = parentOf(list);
  const from = kind === 'wheel-record' ? parentOf(folder) : folder;
  const entry = ENTRY_OF[kind];
  for (const line of linesIn(reader.read(list, LIST_MAX_BYTES) ?? '')) yield* cleaned([entry(line)], from);
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function realFolder(tree: PackageTree, path: ByteString): ByteString | undefined {
  try {
    const { path: real, node } = tree.view.resolve(path, { followLast: true });
    return node?.kind === 'directory' ? real : undefined;
  } catch (error) {
    if (isShaleError(error, 'LINK_LOOP')) return undefined;
    throw error;
  }
}

/** Every file below a folder, but for what lies in a `node_modules` in it: that are other packages. */
function* filesBelow(reader: TreeReader, folder: ByteString): Generator<ByteString> {
  const start = reader.tree.view.find(folder);
  const pending: [ByteString, ViewNode, number][] = start === undefined ? [] : [[folder, start, 0]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, directory, depth] = next;
    for (const [name, node] of directory.children()) {
      if (node.kind !== 'directory') yield `${path}/${name}`;
      else if (name !== 'node_modules' && depth < DEPTH_MAX) pending.push([`${path}/${name}`, node, depth + 1]);
    }
  }
}

/** Paths from the root without `.` and `..`; those that are not absolute begin in `from`. */
function* cleaned(paths: Iterable<ByteString>, from: ByteString): Generator<ByteString> {
  for (const path of paths) {
    const steps: ByteString[] = path.startsWith('/') || from === '' ? [] : from.split('/');
    for (const step of path.split('/')) {
      if (step === '..') steps.pop();
      else if (step !== '' && step !== '.') steps.push(step);
    }
    if (path !== '' && steps.length > 0) yield steps.join('/');
  }
}
