import { compareBytes, type ByteString } from '../base/index.ts';
import type { IndexNode, ViewNode } from '../erofs/index.ts';
import { capabilitiesOf } from './analysis/capabilities.ts';
import { differencesOf } from './analysis/same-node.ts';
import type { EntryDifference, EntryState, TreeEntry } from './tree-types.ts';

/** What is known of a directory once all below it was gone through. */
interface DirectorySum {
  bytes: number;
  files: number;
  newBytes: number;
  isChanged: boolean;
}

/** One path in both trees; one of the two is there. */
interface Pair {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly before: ViewNode | undefined;
  readonly after: ViewNode | undefined;
}

export interface ScopeTrees {
  /** Undefined where the scope begins with the lowest layer. */
  readonly before: ViewNode | undefined;
  readonly after: ViewNode;
  /** The first layer of the scope. */
  readonly from: number;
  readonly packageOf: (path: ByteString, layer: number) => string | undefined;
}

/** A tree beside the one that it is compared with. */
export class ScopeTree {
  readonly #trees: ScopeTrees;
  /** Of every directory by its path; made by the first question. */
  #sums: Map<ByteString, DirectorySum> | undefined;

  constructor(trees: ScopeTrees) {
    this.#trees = trees;
  }

  find(path: ByteString): TreeEntry | undefined {
    const pair = this.#pairAt(path);
    return pair && this.#entryOf(pair);
  }

  list(path: ByteString): readonly TreeEntry[] {
    const pair = this.#pairAt(path);
    return pair === undefined ? [] : Array.from(pairsBelow(pair), (each) => this.#entryOf(each));
  }

  *walk(path: ByteString, enter: (entry: TreeEntry) => boolean): Generator<TreeEntry> {
    const start = this.#pairAt(path);
    const pending = start === undefined ? [] : [...pairsBelow(start)].toReversed();
    for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
      const entry = this.#entryOf(pair);
      yield entry;
      if (entry.kind === 'directory' && enter(entry)) pending.push(...[...pairsBelow(pair)].toReversed());
    }
  }

  #pairAt(path: ByteString): Pair | undefined {
    const { before, after } = this.#trees;
    let pair: Pair = { path: '', name: '', before, after };
    for (const name of path === '' ? [] : path.split('/')) {
      const next: Pair = {
        path: pair.path === '' ? name : `${pair.path}/${name}`,
        name,
        before: pair.before?.child(name),
        after: pair.after?.child(name),
      };
      if (next.before === undefined && next.after === undefined) return undefined;
      pair = next;
    }
    return pair;
  }

  #entryOf({ path, name, before, after }: Pair): TreeEntry {
    const node = after ?? before;
    if (node === undefined || node.kind === 'whiteout')
      throw new TypeError('an entry of a tree is in one of its sides');
    const differs = before === undefined || after === undefined ? [] : this.#differences(before, after);
    const sum = node.kind === 'directory' ? this.#sumOf(path) : undefined;
    return {
      path,
      name,
      kind: node.kind,
      state: stateOf({ path, name, before, after }, differs, sum),
      differs,
      layer: node.layer,
      sizeBytes: sum?.bytes ?? node.sizeBytes,
      files: sum?.files ?? 1,
      newBytes: sum?.newBytes ?? (after === undefined ? 0 : this.#newBytes(after)),
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      mtimeMs: Number(node.mtimeNs / 1_000_000n),
      linkTarget: node.kind === 'symlink' ? node.linkTarget() : undefined,
      linkCount: node.linkCount,
      device:
        node.kind === 'character' || node.kind === 'block' ? `${node.deviceMajor}:${node.deviceMinor}` : undefined,
      xattrs: [...node.xattrs().keys()],
      capabilities: node.kind === 'file' ? capabilitiesOf(node) : undefined,
      package: node.kind === 'directory' ? undefined : this.#trees.packageOf(path, node.layer),
    };
  }

  /** What no layer of the scope has touched is as it was. */
  #differences(before: ViewNode, after: ViewNode): EntryDifference[] {
    return after.layer < this.#trees.from ? [] : differencesOf(before, after);
  }

  #newBytes(node: ViewNode): number {
    return node.kind === 'file' && node.layer >= this.#trees.from ? node.sizeBytes : 0;
  }

  #sumOf(path: ByteString): DirectorySum {
    this.#sums ??= this.#sumUp();
    return this.#sums.get(path) ?? { bytes: 0, files: 0, newBytes: 0, isChanged: false };
  }

  #sumUp(): Map<ByteString, DirectorySum> {
    const sums = new Map<ByteString, DirectorySum>();
    const { before, after } = this.#trees;
    const named = new Set<string>();
    const visit = (pair: Pair): DirectorySum => {
      const sum: DirectorySum = { bytes: 0, files: 0, newBytes: 0, isChanged: false };
      sums.set(pair.path, sum);
      for (const child of pairsBelow(pair)) {
        const node = child.after ?? child.before;
        if (node === undefined) continue;
        // What was removed from a directory that is there does not count in it.
        const isGone = child.after === undefined && pair.after !== undefined;
        if (node.kind === 'directory') {
          const below = visit(child);
          sum.isChanged ||= below.isChanged || this.#isChanged(child);
          if (isGone) continue;
          sum.bytes += below.bytes;
          sum.files += below.files;
          sum.newBytes += below.newBytes;
          continue;
        }
        sum.isChanged ||= this.#isChanged(child);
        if (isGone) continue;
        const bytes = isFurtherName(node, named) ? 0 : node.sizeBytes;
        sum.files++;
        if (node.kind !== 'file') continue;
        sum.bytes += bytes;
        if (child.after !== undefined && node.layer >= this.#trees.from) sum.newBytes += bytes;
      }
      return sum;
    };
    visit({ path: '', name: '', before, after });
    return sums;
  }

  #isChanged({ before, after }: Pair): boolean {
    if (before === undefined || after === undefined) return true;
    return isModified(this.#differences(before, after));
  }
}

function isFurtherName(node: IndexNode & { readonly layer: number }, named: Set<string>): boolean {
  if (node.kind !== 'file' || node.linkCount < 2) return false;
  const key = `${node.layer}:${node.inode}`;
  if (named.has(key)) return true;
  named.add(key);
  return false;
}

function stateOf(pair: Pair, differs: readonly EntryDifference[], sum: DirectorySum | undefined): EntryState {
  if (pair.before === undefined) return 'added';
  if (pair.after === undefined) return 'removed';
  return isModified(differs) || sum?.isChanged === true ? 'modified' : 'unmodified';
}

/** Another time alone is no change, as for dive. */
function isModified(differs: readonly EntryDifference[]): boolean {
  return differs.some((one) => one !== 'time');
}

function* pairsBelow({ path, before, after }: Pair): Generator<Pair> {
  const prefix = path === '' ? '' : `${path}/`;
  const old = childrenOf(before);
  const now = childrenOf(after);
  let [a, b] = [old.next(), now.next()];
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : compareBytes(a.value[0], b.value[0]);
    const name = order <= 0 && a.done !== true ? a.value[0] : b.done !== true ? b.value[0] : '';
    yield {
      path: prefix + name,
      name,
      before: order <= 0 && a.done !== true ? a.value[1] : undefined,
      after: order >= 0 && b.done !== true ? b.value[1] : undefined,
    };
    if (order <= 0) a = old.next();
    if (order >= 0) b = now.next();
  }
}

function childrenOf(node: ViewNode | undefined): Iterator<readonly [ByteString, ViewNode]> {
  return (node?.children() ?? [])[Symbol.iterator]();
}
