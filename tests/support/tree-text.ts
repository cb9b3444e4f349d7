import { toText, type ByteString } from '../../src/base/index.ts';
import type { IndexNode } from '../../src/erofs/index.ts';

/** A tree as lines `path kind`, with link targets and marks, for tests that look at structure. */
export function outline(root: IndexNode): string[] {
  const lines: string[] = [];
  walk(root, (path, node) => lines.push(`${toText(path)} ${node.kind}${detail(node)}`));
  return lines;
}

function detail(node: IndexNode): string {
  const target = node.kind === 'symlink' ? ` -> ${toText(node.linkTarget())}` : '';
  return `${target}${node.opaque ? ' opaque' : ''}${node.implied ? ' implied' : ''}`;
}

/** Calls `visit` for every node but the root, parents first, children in order. */
export function walk<N extends IndexNode>(root: N, visit: (path: ByteString, node: N) => void): void {
  const pending: { readonly path: ByteString; readonly node: N }[] = [{ path: '', node: root }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.path !== '') visit(next.path, next.node);
    const below = next.path === '' ? '' : `${next.path}/`;
    // The children of a node are of the same type as the node: IndexNode of an index, ViewNode of a view.
    const children = [...next.node.children()] as (readonly [ByteString, N])[];
    for (const [name, node] of children.toReversed()) pending.push({ path: below + name, node });
  }
}
