import type { ByteString } from '../base/index.ts';
import type { ViewNode } from '../erofs/index.ts';
import type { FoundFile, TreeReader } from './tree-reader.ts';

/** Entries of an image that are looked at, and levels of folders. */
const ENTRIES_MAX = 20_000_000;
const DEPTH_MAX = 128;
/** Folders of the root that hold no packages. */
const PASSED_OVER: ReadonlySet<ByteString> = new Set(['proc', 'sys', 'dev']);

/** A file that tells of a package, wherever in the tree such a package may lie. */
export interface Finding extends FoundFile {
  readonly kind: 'npm-package' | 'npm-lock' | 'wheel' | 'egg-folder' | 'egg-file';
}

interface Folder {
  readonly path: ByteString;
  readonly node: ViewNode;
  readonly depth: number;
}

/** Goes once through the whole tree; symbolic links are not followed. In the order of names, a folder's own files first. */
export function* walkForPackages(reader: TreeReader): Generator<Finding> {
  const pending: Folder[] = [{ path: '', node: reader.tree.view.root, depth: 0 }];
  let seen = 0;
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const below: Folder[] = [];
    for (const [name, node] of folder.node.children()) {
      if (++seen > ENTRIES_MAX) return reader.problem(folder.path, `there are more than ${ENTRIES_MAX} entries`);
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      const finding = findingOf(name, { path, node }, folder);
      if (finding !== undefined) yield finding;
      if (node.kind !== 'directory' || (folder.path === '' && PASSED_OVER.has(name))) continue;
      if (folder.depth < DEPTH_MAX) below.push({ path, node, depth: folder.depth + 1 });
      else reader.problem(path, `it lies deeper than ${DEPTH_MAX} folders`);
    }
    pending.push(...below.toReversed());
  }
}

function findingOf(name: ByteString, { path, node }: FoundFile, folder: Folder): Finding | undefined {
  if (node.kind === 'directory') {
    if (name.endsWith('.dist-info')) return fileIn(node, path, { name: 'METADATA', kind: 'wheel' });
    if (name.endsWith('.egg-info')) return fileIn(node, path, { name: 'PKG-INFO', kind: 'egg-folder' });
    if (isModule(path)) return fileIn(node, path, { name: 'package.json', kind: 'npm-package' });
  } else if (node.kind === 'file') {
    if (name.endsWith('.egg-info')) return { kind: 'egg-file', path, node };
    // Where there is such a folder, it says what is really there.
    const isLock = name === 'package-lock.json' && folder.node.child('node_modules') === undefined;
    if (isLock && !path.includes('node_modules/')) return { kind: 'npm-lock', path, node };
  }
  return undefined;
}

function fileIn(
  folder: ViewNode,
  path: ByteString,
  { name, kind }: { readonly name: ByteString; readonly kind: Finding['kind'] },
): Finding | undefined {
  const node = folder.child(name);
  return node?.kind === 'file' ? { kind, path: `${path}/${name}`, node } : undefined;
}

/** `…/node_modules/NAME` or `…/node_modules/@SCOPE/NAME`. */
function isModule(path: ByteString): boolean {
  return /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*$/.test(path);
}
