import type { TarEntry } from '../../archive/index.ts';
import type { ByteString } from '../../base/index.ts';
import type { Destination } from './destination.ts';
import { withoutExcluded, type ExcludeFilter } from './filters.ts';
import type { CopyAttributes } from './graft.ts';
import type { Selected } from './select.ts';
import { childPath, parentPath } from './source-tree.ts';

export interface CopyRequest {
  readonly selected: Selected;
  /** Absolute; a slash at its end says "a directory". */
  readonly destination: ByteString;
  readonly attributes: CopyAttributes;
  readonly excludes: ExcludeFilter | undefined;
  /** Files of one source with equal keys are names of one file; the same object for all that one source selected. */
  readonly linkScope: object;
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
  const from = { attributes, origin, linkScope: request.linkScope };
  const node = withoutExcluded(selected.node, request.excludes);
  if (node.kind === 'directory') destination.placeTop(target, node, from);
  else destination.place(target, node, from);
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
