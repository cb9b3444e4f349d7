import type { TarEntry } from '../../archive/index.ts';
import { ShaleError, toText, type ByteString, type ModeChange } from '../../base/index.ts';
import { PLAIN, Planned, type OriginBelow } from './planned.ts';
import { childPath, type SourceNode } from './source-tree.ts';

/** How copied files get their owner, mode and time. */
export interface CopyAttributes {
  /** Owner of everything that is copied; undefined keeps the source's (COPY --from without --chown). */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** --chmod; not for symbolic links. */
  readonly changeMode: ModeChange | undefined;
  /** Mode of directories that are made to hold what is copied: 0755, or what an octal --chmod leaves of it. */
  readonly parentMode: number;
  /** Modification time of made directories. */
  readonly epochNs: bigint;
  /** The time that a source's file gets. */
  time(mtimeNs: bigint): bigint;
}

/** What everything that is copied from one source has in common. */
export interface CopyOrigin {
  readonly attributes: CopyAttributes;
  readonly origin: OriginBelow;
  /** Files with equal keys are names of one file within this. */
  readonly linkScope: object;
}

/** A directory of a source whose contents stand in the destination as they are. */
export interface Graft {
  readonly node: SourceNode;
  readonly from: CopyOrigin;
  /** What the layers below have there. */
  readonly lower: SourceNode | undefined;
}

/** A node of a source at its place in the destination. */
export function plannedFrom(node: SourceNode, path: ByteString, from: CopyOrigin): Planned {
  const { fileKey: key } = node;
  const link = key === undefined ? undefined : { scope: from.linkScope, key, file: undefined };
  return new Planned(entryOf(node, path, from.attributes), node.kind === 'file' ? node : undefined, from.origin, link);
}

/** One thing in a grafted directory. */
export interface GraftedChild {
  readonly name: ByteString;
  readonly path: ByteString;
  /** Undefined for a directory on the way that the layers below have: it stays as it is. */
  readonly planned: Planned | undefined;
  /** What is in a directory. */
  readonly graft: Graft | undefined;
}

/** What is directly in a grafted directory, in the order of the names. @throws COPY_RESERVED_NAME */
export function* graftedChildren(graft: Graft, path: ByteString): Generator<GraftedChild> {
  const { from } = graft;
  for (const [name, node] of graft.node.children()) {
    const at = childPath(path, name);
    requireUnreserved(name, at);
    if (node.kind !== 'directory') {
      yield { name, path: at, planned: plannedFrom(node, at, from), graft: undefined };
      continue;
    }
    const lower = graft.lower?.kind === 'directory' ? graft.lower.child(name) : undefined;
    const stays = node.isPassage === true && lower !== undefined;
    yield { name, path: at, planned: stays ? undefined : plannedFrom(node, at, from), graft: { node, from, lower } };
  }
}

/** Everything in a grafted directory in the order of a layer. */
export function* inLayerOrder(graft: Graft, path: ByteString): Generator<GraftedChild> {
  for (const child of graftedChildren(graft, path)) {
    yield child;
    if (child.graft !== undefined) yield* inLayerOrder(child.graft, child.path);
  }
}

/**
 * Everything in a grafted directory in the order of the paths as texts: what is in `a` comes after `a.b`, because `/` does.
 * So a directory that was met is held until a name comes that sorts behind what is in it.
 */
export function* inTextOrder(graft: Graft, path: ByteString): Generator<GraftedChild> {
  const held: GraftedChild[] = [];
  function* heldBefore(name: ByteString | undefined): Generator<GraftedChild> {
    for (let last = held.at(-1); last !== undefined; last = held.at(-1)) {
      if (name !== undefined && name < `${last.name}/`) return;
      held.pop();
      if (last.graft !== undefined) yield* inTextOrder(last.graft, last.path);
    }
  }
  for (const child of graftedChildren(graft, path)) {
    if (held.length > 0) yield* heldBefore(child.name);
    yield child;
    if (child.graft !== undefined) held.push(child);
  }
  yield* heldBefore(undefined);
}

/** @throws COPY_RESERVED_NAME */
export function requireUnreserved(name: ByteString, path: ByteString): void {
  if (!name.startsWith('.wh.')) return;
  // Layers say with such names that something is gone (image-spec layer.md, "Whiteouts").
  throw new ShaleError(
    'COPY_RESERVED_NAME',
    `/${toText(path)} cannot be in an image: names that begin with ".wh." mean deleted files`,
    { data: { path: toText(path) } },
  );
}

function entryOf(node: SourceNode, path: ByteString, attributes: CopyAttributes): TarEntry {
  const { owner, changeMode } = attributes;
  const mode =
    node.kind === 'symlink'
      ? 0o777
      : changeMode === undefined
        ? node.mode
        : changeMode(node.mode, node.kind === 'directory');
  return {
    ...PLAIN,
    path,
    kind: node.kind,
    mode,
    uid: owner?.uid ?? node.uid,
    gid: owner?.gid ?? node.gid,
    mtimeNs: attributes.time(node.mtimeNs),
    sizeBytes: node.kind === 'file' ? node.sizeBytes : 0,
    linkTarget: node.kind === 'symlink' ? node.linkTarget() : '',
    deviceMajor: node.deviceMajor,
    deviceMinor: node.deviceMinor,
    xattrs: node.xattrs(),
  };
}
