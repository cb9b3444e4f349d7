import { globComponents, ShaleError, toText, type ByteString, type Glob } from '../../base/index.ts';
import { baseName, childPath, resolveIn, type SourceNode } from './source-tree.ts';

/** A tree that a COPY reads from. */
export interface CopySourceTree {
  readonly root: SourceNode;
  /** How errors call it: `the build context`, `the stage "build"`. */
  readonly title: string;
  /** What may explain that a path is missing: it is ignored. */
  hintFor?(path: ByteString): string | undefined;
}

/** One thing to copy: what a name or a pattern led to. */
export interface Selected {
  /** Path in the source as it was named, before links were followed. */
  readonly path: ByteString;
  /** The name that it gets in a destination directory. */
  readonly name: ByteString;
  /** With links followed. */
  readonly node: SourceNode;
}

/**
 * Finds what a COPY source names: a name must be there, a pattern may match nothing. Links in a name are followed; a
 * pattern does not walk through linked directories, and what it matched is not searched further.
 * @throws COPY_SOURCE_NOT_FOUND, GLOB_INVALID, LINK_LOOP
 */
export function selectSources(tree: CopySourceTree, path: ByteString): Selected[] {
  const components = globComponents(path);
  const firstWild = components.findIndex((component) => component.isWild);
  if (firstWild < 0) {
    const literal = components.map((component) => component.literal).join('/');
    return [{ path: literal, name: baseName(literal), node: followSource(tree, literal) }];
  }
  const base = components
    .slice(0, firstWild)
    .map((component) => component.literal)
    .join('/');
  const start = resolveIn(tree.root, base, { followLast: true });
  if (start.node === undefined) throw notFound(tree, base);
  return [...matchesBelow(start.node, start.path, components.slice(firstWild))].map((match) => ({
    path: match,
    name: baseName(match),
    node: followSource(tree, match),
  }));
}

function* matchesBelow(directory: SourceNode, path: ByteString, components: readonly Glob[]): Generator<ByteString> {
  const [first, ...rest] = components;
  if (first === undefined || directory.kind !== 'directory') return;
  for (const [name, node] of directory.children()) {
    if (!first.matches(name)) continue;
    if (rest.length === 0) yield childPath(path, name);
    else yield* matchesBelow(node, childPath(path, name), rest);
  }
}

/** What a path of a tree leads to, links followed. @throws COPY_SOURCE_NOT_FOUND, LINK_LOOP */
export function followSource(tree: CopySourceTree, path: ByteString): SourceNode {
  const { node } = resolveIn(tree.root, path, { followLast: true });
  if (node === undefined) throw notFound(tree, path);
  return node;
}

function notFound(tree: CopySourceTree, path: ByteString): ShaleError {
  const hint = tree.hintFor?.(path);
  return new ShaleError('COPY_SOURCE_NOT_FOUND', `"/${toText(path)}" is not in ${tree.title}`, {
    data: { path: toText(path) },
    ...(hint !== undefined && { hint }),
  });
}
