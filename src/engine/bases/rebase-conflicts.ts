import { openStackTree } from '../../build/index.ts';
import { type ByteString, isShaleError, toText } from '../../base/index.ts';
import type { IndexNode, View, ViewNode } from '../../erofs/index.ts';
import type { Layer, Stack } from '../../layers/index.ts';
import { compareTrees, type TreeChange } from '../compare-trees.ts';
import type { RebaseConflict } from './rebase-types.ts';

export interface RebaseStacks {
  /** The base that the image was made on. */
  readonly before: Stack;
  readonly onto: Stack;
  /** The layers above, lowest first. */
  readonly above: readonly Layer[];
}

/**
 * The paths that the layers above a base touch and that another base has otherwise. What a layer writes as the new base
 * has it anyway, and removes where it is not any more, stands against nothing. Times do not count.
 */
export function findConflicts({ before, onto, above }: RebaseStacks): RebaseConflict[] {
  const changes = new Map<ByteString, TreeChange>();
  for (const change of compareTrees(openStackTree(before), openStackTree(onto))) {
    if (change.kind === 'changed' && change.differs.every((each) => each === 'time')) continue;
    changes.set(change.path, change);
  }
  const found = new Map<string, RebaseConflict>();
  for (const { index } of above) {
    for (const conflict of conflictsOf(index.root, '', { changes, before: before.view, onto: onto.view }))
      found.set(conflict.path, conflict);
  }
  return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

interface Bases {
  readonly changes: ReadonlyMap<ByteString, TreeChange>;
  readonly before: View;
  readonly onto: View;
}

function* conflictsOf(folder: IndexNode, path: ByteString, bases: Bases): Generator<RebaseConflict> {
  if (folder.opaque && [...bases.changes.keys()].some((each) => each.startsWith(path === '' ? '' : `${path}/`)))
    yield conflict(path, 'changed', 'emptied');
  for (const [name, node] of folder.children()) {
    const below = path === '' ? name : `${path}/${name}`;
    const [place, placeInNew] = [realPath(bases.before, below), realPath(bases.onto, below)];
    if (place !== placeInNew) {
      yield conflict(below, 'moved', node.kind === 'whiteout' ? 'removed' : 'written');
      continue;
    }
    const change = bases.changes.get(place);
    if (node.kind === 'directory') {
      if (change !== undefined && isFolderConflict(node, change)) yield conflict(below, change.kind, 'written');
      else yield* conflictsOf(node, below, bases);
    } else if (node.kind === 'whiteout') {
      const isChanged = change !== undefined || [...bases.changes.keys()].some((each) => each.startsWith(`${place}/`));
      if (isChanged && bases.onto.find(place) !== undefined)
        yield conflict(below, change?.kind ?? 'changed', 'removed');
    } else if (change !== undefined && !isSame(node, bases.onto.find(place))) {
      yield conflict(below, change.kind, 'written');
    }
  }
}

/** The path through the links of a base, the last name as it is; links in a circle lead to themselves. */
function realPath(view: View, path: ByteString): ByteString {
  try {
    return view.resolve(path, { followLast: false }).path;
  } catch (error) {
    if (!isShaleError(error, 'LINK_LOOP')) throw error;
    return path;
  }
}

/** A folder only lies on the way to others, unless it says something about itself that the new base says otherwise. */
function isFolderConflict(node: IndexNode, change: TreeChange): boolean {
  if (change.kind === 'removed') return false;
  const { after } = change;
  // Through a link that stands where the folder was, it is told of each path where it lies now.
  if (after.kind !== 'directory') return !(after.kind === 'symlink' && node.implied);
  return !node.implied && (after.mode !== node.mode || after.uid !== node.uid || after.gid !== node.gid);
}

function isSame(node: IndexNode, other: ViewNode | undefined): boolean {
  if (other === undefined || other.kind !== node.kind || other.mode !== node.mode) return false;
  if (other.uid !== node.uid || other.gid !== node.gid) return false;
  if (node.kind === 'symlink') return node.linkTarget() === other.linkTarget();
  const [ours, theirs] = [node.sha256(), other.sha256()];
  return node.kind === 'file' && ours !== undefined && theirs !== undefined && Buffer.compare(ours, theirs) === 0;
}

function conflict(path: ByteString, inBase: RebaseConflict['inBase'], above: RebaseConflict['above']): RebaseConflict {
  return { path: `/${toText(path)}`, inBase, above };
}
