import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs';
import { isShaleError, isSystemError, toText } from '../base/index.ts';
import { openIndex, type ImageSink, type IndexNode } from '../erofs/index.ts';
import type { DiffId } from '../oci/index.ts';
import { fileStream, type Store } from '../store/index.ts';
import { CONTENTS_KIND, INDEX_KIND, TREE_KIND } from './derived-kinds.ts';
import { TarIndexer } from './tar-indexer.ts';

/** What is derived from a layer and is not what its tar says. */
export interface DerivedFault {
  readonly what: 'index' | 'tree';
  readonly diffId: DiffId;
  readonly message: string;
}

/**
 * Makes the index of a layer once more, in memory, and compares what lies there: index and contents file byte by byte,
 * an unpacked tree entry by entry (names, kinds, sizes, permissions, targets and contents; not owners, which a user
 * namespace shows otherwise; only one that would be used). Layers whose tar is not here, or whose derived files are not, have no fault.
 * @throws STORE_IO; what is wrong with a tar is no fault of what is derived from it
 */
export async function verifyDerived(
  store: Store,
  diffId: DiffId,
  signal?: AbortSignal,
): Promise<readonly DerivedFault[]> {
  const [index, contents] = [INDEX_KIND, CONTENTS_KIND].map((kind) => store.derived.path(kind, diffId));
  // One that a power cut tore lies there until it is made again: nobody takes it.
  const tree = await store.derived.find(TREE_KIND, diffId);
  const there = { index: bytesOf(index), contents: bytesOf(contents), tree: statOf(Buffer.from(tree ?? '')) };
  if ((there.index === undefined && there.tree === undefined) || (await store.blobs.find(diffId)) === undefined)
    return [];
  const made = await indexOf(store.blobs.path(diffId), signal);
  if (made === undefined) return [];
  const faults: DerivedFault[] = [];
  if (there.index !== undefined && !there.index.equals(made.image))
    faults.push({ what: 'index', diffId, message: `the index of ${diffId} is not that of its tar` });
  else if (there.contents !== undefined && !there.contents.equals(made.contents))
    faults.push({ what: 'index', diffId, message: `the contents file of ${diffId} is not that of its tar` });
  if (there.tree === undefined) return faults;
  const wrong = wrongIn(Buffer.from(tree ?? ''), openIndex(made.image, made.contents).root, new Map());
  if (wrong !== undefined) faults.push({ what: 'tree', diffId, message: `the tree of ${diffId} differs at /${wrong}` });
  return faults;
}

/** Takes what is wrong away; it is made again at need. */
export async function evictDerived(store: Store, { what, diffId }: DerivedFault): Promise<void> {
  for (const kind of what === 'tree' ? [TREE_KIND] : [INDEX_KIND, CONTENTS_KIND])
    await store.derived.evict(kind, diffId);
}

/** Undefined where the tar has no index, because it is none. */
async function indexOf(
  tar: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly image: Buffer; readonly contents: Buffer } | undefined> {
  const indexer = new TarIndexer();
  const image = new MemoryImage();
  try {
    for await (const chunk of fileStream(tar)) {
      signal?.throwIfAborted();
      indexer.write(chunk);
    }
    indexer.end();
    const { contents } = indexer.writeIndex(image);
    return { image: image.bytes(), contents: Buffer.from(contents) };
  } catch (error) {
    if (isShaleError(error)) return undefined;
    throw error;
  }
}

class MemoryImage implements ImageSink {
  readonly #chunks: Uint8Array[] = [];
  readonly #patches: { readonly offset: number; readonly bytes: Uint8Array }[] = [];

  write(bytes: Uint8Array): void {
    this.#chunks.push(Buffer.from(bytes));
  }

  patch(offset: number, bytes: Uint8Array): void {
    this.#patches.push({ offset, bytes: Buffer.from(bytes) });
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks);
    for (const { offset, bytes } of this.#patches) all.set(bytes, offset);
    return all;
  }
}

function bytesOf(path: string | undefined): Buffer | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function statOf(path: Buffer): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** The first path below a directory that is not as a node says; undefined when all is. `read`: files that were read, by their inode in the index. */
function wrongIn(path: Buffer, node: IndexNode, read: Map<number, bigint>): string | undefined {
  const stat = statOf(path);
  if (stat === undefined || !isKind(stat, node)) return '';
  if (node.kind === 'file') {
    // Hard links are read once.
    if (read.get(node.inode) === stat.ino) return undefined;
    read.set(node.inode, stat.ino);
    return contentIsRight(path, stat, node) ? undefined : '';
  }
  if (node.kind === 'symlink') return readlinkSync(path, 'latin1') === node.linkTarget() ? undefined : '';
  if (node.kind !== 'directory') return undefined;
  const names = new Set(readdirSync(path, 'latin1'));
  for (const [name, child] of node.children()) {
    // Whiteouts are devices or, where no device can be made, files that overlay knows by an attribute.
    if (!names.delete(name)) return toText(name);
    if (child.kind === 'whiteout') continue;
    const wrong = wrongIn(Buffer.concat([path, Buffer.from(`/${name}`, 'latin1')]), child, read);
    if (wrong !== undefined) return wrong === '' ? toText(name) : `${toText(name)}/${wrong}`;
  }
  const [more] = names;
  return more === undefined ? undefined : toText(more);
}

function isKind(stat: BigIntStats, node: IndexNode): boolean {
  if (node.kind === 'symlink') return stat.isSymbolicLink();
  if (node.kind === 'directory') return stat.isDirectory() && Number(stat.mode & 0o7777n) === node.mode;
  if (node.kind === 'file') return stat.isFile() && Number(stat.mode & 0o7777n) === node.mode;
  // A user namespace has no device nodes: what stands there instead was reported as lost when it was unpacked.
  return true;
}

function contentIsRight(path: Buffer, stat: BigIntStats, node: IndexNode): boolean {
  if (Number(stat.size) !== node.sizeBytes) return false;
  const wanted = node.sha256();
  return wanted === undefined || createHash('sha256').update(readFileSync(path)).digest().equals(wanted);
}
