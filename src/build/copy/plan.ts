import type { TarEntry } from '../../archive/index.ts';
import { ShaleError, toText, type ByteString, type ModeChange } from '../../base/index.ts';
import { notADirectory, PLAIN, type Destination, type OriginBelow } from './destination.ts';
import type { Selected } from './select.ts';
import { childPath, parentPath, type SourceNode } from './source-tree.ts';

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

/**
 * Tells which paths below a copied directory stay out (--exclude, and with --parents all that was not named); paths are
 * relative to what the source named.
 */
export interface ExcludeFilter {
  isExcluded(path: ByteString): boolean;
  /** True when something below an excluded directory may be taken after all. */
  mayTakeBelow(path: ByteString): boolean;
}

export interface CopyRequest {
  readonly selected: Selected;
  /** Absolute; a slash at its end says "a directory". */
  readonly destination: ByteString;
  readonly attributes: CopyAttributes;
  readonly excludes: ExcludeFilter | undefined;
  /** Names of hard-linked files that this instruction has placed, by the file's key. */
  readonly placed: Map<string, ByteString>;
}

/**
 * Puts one selected file or directory at the destination, as BuildKit's copy does: of a directory the contents; a file
 * into an existing directory or one named with a slash. A directory that exists keeps its own attributes at the top and
 * takes the source's below; nothing is written through a link below the destination itself.
 * @throws COPY_NOT_A_DIRECTORY, COPY_OVER_DIRECTORY
 */
export function planCopy(destination: Destination, request: CopyRequest): void {
  const { selected, attributes } = request;
  const made = madeDirectory(attributes);
  const asked = request.destination;
  const holder = destination.resolve(asked.endsWith('/') || asked.endsWith('/.') ? asked : parentPath(asked));
  destination.makeDirectories(holder, made);
  const resolved = destination.resolve(asked);
  const there = destination.find(resolved);
  const isDirectory = selected.node.kind === 'directory';
  const target = !isDirectory && there?.kind === 'directory' ? childPath(resolved, selected.name) : resolved;
  destination.makeDirectories(isDirectory && there === undefined ? target : parentPath(target), made);
  const origin = { path: selected.path, skip: target.length };
  place(destination, { ...request, origin }, selected.node, { path: target, relative: '', top: true });
}

/** Attributes of a directory that a copy makes on its way. */
export function madeDirectory(attributes: CopyAttributes): Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'mtimeNs'> {
  return {
    mode: attributes.parentMode,
    uid: attributes.owner?.uid ?? 0,
    gid: attributes.owner?.gid ?? 0,
    mtimeNs: attributes.epochNs,
  };
}

/** A request with what is the same for everything that it places. */
interface Placing extends CopyRequest {
  readonly origin: OriginBelow;
}

interface Place {
  readonly path: ByteString;
  /** Path below what the source named. */
  readonly relative: ByteString;
  readonly top: boolean;
  /** Directories above that were left out and are made when something below them is taken. */
  readonly delayed?: readonly { readonly at: Place; readonly node: SourceNode }[];
}

function place(destination: Destination, request: Placing, node: SourceNode, at: Place): void {
  const excluded = at.relative !== '' && request.excludes?.isExcluded(at.relative) === true;
  if (excluded && (node.kind !== 'directory' || request.excludes?.mayTakeBelow(at.relative) !== true)) return;
  if (!excluded) {
    for (const directory of at.delayed ?? []) {
      if (destination.find(directory.at.path) === undefined)
        putNode(destination, request, directory.node, directory.at);
    }
  }
  if (node.kind === 'directory') placeDirectory(destination, request, node, at, excluded);
  else placeFile(destination, request, node, at);
}

function placeDirectory(
  destination: Destination,
  request: Placing,
  node: SourceNode,
  at: Place,
  excluded: boolean,
): void {
  if (!excluded) {
    const there = destination.find(at.path);
    if (there !== undefined && there.kind !== 'directory') throw notADirectory(at.path);
    if (there === undefined || !at.top) putNode(destination, request, node, at);
  }
  const delayed = excluded ? [...(at.delayed ?? []), { at, node }] : [];
  for (const [name, child] of node.children()) {
    place(destination, request, child, {
      path: childPath(at.path, name),
      relative: childPath(at.relative, name),
      top: false,
      delayed,
    });
  }
}

function placeFile(destination: Destination, request: Placing, node: SourceNode, at: Place): void {
  if (destination.find(at.path)?.kind === 'directory') {
    throw new ShaleError('COPY_OVER_DIRECTORY', `cannot replace the directory /${toText(at.path)} with a file`, {
      data: { path: toText(at.path) },
    });
  }
  putNode(destination, request, node, at);
}

function putNode(destination: Destination, request: Placing, node: SourceNode, at: Place): void {
  const { path } = at;
  const { attributes, placed, origin } = request;
  const key = node.kind === 'file' && node.fileKey !== undefined ? node.fileKey : undefined;
  const first = key === undefined ? undefined : placed.get(key);
  const entry = entryOf(node, path, attributes);
  if (first !== undefined)
    return destination.put({ ...entry, kind: 'hardlink', sizeBytes: 0, linkTarget: first }, undefined, origin);
  if (key !== undefined) placed.set(key, path);
  destination.put(entry, node.kind === 'file' ? node : undefined, origin);
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
