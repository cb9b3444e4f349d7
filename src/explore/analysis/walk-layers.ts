import { compareBytes, type ByteString } from '../../base/index.ts';
import type { IndexNode } from '../../erofs/index.ts';

/** What a layer does at a path: it has a node there, or it hides what lower layers have (`cut`). */
export type LayerEvent =
  | { readonly kind: 'node'; readonly layer: number; readonly node: IndexNode }
  | { readonly kind: 'cut'; readonly layer: number; readonly by: 'whiteout' | 'opaque' | 'above' };

/** One path with all that layers do there, the lowest layer first. A layer that does both cuts first. */
export interface PathEvents {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly events: readonly LayerEvent[];
}

export interface LayerVisitor<Result> {
  /** Before what is below it. */
  enter(at: PathEvents, parent: Result | undefined): Result;
  /** After what is below it. */
  leave(at: PathEvents, result: Result, parent: Result | undefined): void;
}

/**
 * Goes through all layers at once, path by path in the order of names' bytes, and tells of each path what all layers have
 * there. What hides a directory is told at each path below it too (`above`). Needs memory for the depth of the tree only.
 */
export function walkLayers<Result>(roots: readonly IndexNode[], visitor: LayerVisitor<Result>): Result {
  const events = roots.flatMap((node, layer): LayerEvent[] => [
    ...(node.opaque ? [{ kind: 'cut', layer, by: 'opaque' } as const] : []),
    { kind: 'node', layer, node },
  ]);
  return visit({ path: '', name: '', events }, undefined, visitor);
}

function visit<Result>(at: PathEvents, parent: Result | undefined, visitor: LayerVisitor<Result>): Result {
  const result = visitor.enter(at, parent);
  for (const child of childrenOf(at)) visit(child, result, visitor);
  visitor.leave(at, result, parent);
  return result;
}

function* childrenOf({ path, events }: PathEvents): Generator<PathEvents> {
  const below = path === '' ? '' : `${path}/`;
  const directories = events.filter((event) => event.kind === 'node' && event.node.kind === 'directory');
  const [only] = directories;
  if (directories.length === 1 && events.length === 1 && only?.kind === 'node') {
    for (const [name, node] of only.node.children())
      yield { path: below + name, name, events: eventsOf(only.layer, node) };
    return;
  }
  if (directories.length === 0) return;
  const byName = new Map<ByteString, LayerEvent[]>();
  for (const event of events) {
    if (event.kind === 'cut' || event.node.kind !== 'directory') {
      const cut: LayerEvent = { kind: 'cut', layer: event.layer, by: 'above' };
      for (const found of byName.values()) found.push(cut);
      continue;
    }
    for (const [name, node] of event.node.children()) {
      const found = byName.get(name);
      // What was cut before anything was there cuts nothing.
      if (found === undefined) byName.set(name, eventsOf(event.layer, node));
      else found.push(...eventsOf(event.layer, node));
    }
  }
  for (const [name, found] of [...byName].toSorted(([a], [b]) => compareBytes(a, b)))
    yield { path: below + name, name, events: found };
}

function eventsOf(layer: number, node: IndexNode): LayerEvent[] {
  if (node.kind === 'whiteout') return [{ kind: 'cut', layer, by: 'whiteout' }];
  if (node.kind === 'directory' && node.opaque)
    return [
      { kind: 'cut', layer, by: 'opaque' },
      { kind: 'node', layer, node },
    ];
  return [{ kind: 'node', layer, node }];
}
