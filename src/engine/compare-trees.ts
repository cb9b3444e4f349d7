import type { SourceNode } from '../build/index.ts';
import type { ByteString } from '../base/index.ts';

/** What of an entry can differ. */
export type Difference = 'kind' | 'content' | 'link' | 'mode' | 'owner' | 'time' | 'attributes' | 'device';

/** One path that is in one of two trees only, or not the same in both. */
export type TreeChange = {
  /** Without a leading slash; empty for the root. */
  readonly path: ByteString;
} & (
  | { readonly kind: 'added'; readonly after: SourceNode }
  | { readonly kind: 'removed'; readonly before: SourceNode }
  | {
      readonly kind: 'changed';
      readonly before: SourceNode;
      readonly after: SourceNode;
      readonly differs: readonly Difference[];
    }
);

/**
 * Compares two trees, path by path in the order of names. Of a directory that one of them lacks, everything in it is
 * told too. Contents are compared by digest.
 */
export function* compareTrees(
  before: SourceNode | undefined,
  after: SourceNode | undefined,
  path: ByteString = '',
): Generator<TreeChange> {
  if (before === undefined || after === undefined) {
    if (after !== undefined) yield* whole(after, path, (node, at) => ({ kind: 'added', path: at, after: node }));
    if (before !== undefined) yield* whole(before, path, (node, at) => ({ kind: 'removed', path: at, before: node }));
    return;
  }
  const differs = differences(before, after);
  if (differs.length > 0) yield { kind: 'changed', path, before, after, differs };
  const old = new Map(childrenOf(before));
  const now = new Map(childrenOf(after));
  for (const name of [...new Set([...old.keys(), ...now.keys()])].toSorted())
    yield* compareTrees(old.get(name), now.get(name), path === '' ? name : `${path}/${name}`);
}

function* whole(
  node: SourceNode,
  path: ByteString,
  tell: (node: SourceNode, path: ByteString) => TreeChange,
): Generator<TreeChange> {
  if (path !== '') yield tell(node, path);
  for (const [name, child] of childrenOf(node)) yield* whole(child, path === '' ? name : `${path}/${name}`, tell);
}

function childrenOf(node: SourceNode): Iterable<readonly [ByteString, SourceNode]> {
  return node.kind === 'directory' ? node.children() : [];
}

function differences(a: SourceNode, b: SourceNode): Difference[] {
  if (a.kind !== b.kind) return ['kind'];
  const found: Difference[] = [];
  if (a.kind === 'file' && (a.sizeBytes !== b.sizeBytes || !sameBytes(a.sha256(), b.sha256()))) found.push('content');
  if (a.kind === 'symlink' && a.linkTarget() !== b.linkTarget()) found.push('link');
  if (a.deviceMajor !== b.deviceMajor || a.deviceMinor !== b.deviceMinor) found.push('device');
  if (a.mode !== b.mode) found.push('mode');
  if (a.uid !== b.uid || a.gid !== b.gid) found.push('owner');
  if (a.mtimeNs !== b.mtimeNs) found.push('time');
  if (!sameAttributes(a.xattrs(), b.xattrs())) found.push('attributes');
  return found;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sameAttributes(a: ReturnType<SourceNode['xattrs']>, b: ReturnType<SourceNode['xattrs']>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other === undefined || !sameBytes(value, other)) return false;
  }
  return true;
}
