import type { IndexNode } from '../../erofs/index.ts';
import type { EntryDifference } from '../tree-types.ts';

/** True when two nodes are of one kind and have the same bytes, target or device number. */
export function sameContent(a: IndexNode, b: IndexNode): boolean {
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'file': {
      if (a.sizeBytes !== b.sizeBytes) return false;
      const [one, other] = [a.sha256(), b.sha256()];
      return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
    }
    case 'symlink':
      return a.linkTarget() === b.linkTarget();
    case 'character':
    case 'block':
      return a.deviceMajor === b.deviceMajor && a.deviceMinor === b.deviceMinor;
    case 'directory':
    case 'fifo':
    case 'whiteout':
      return true;
  }
}

/** What of an entry is not as it was; empty where nothing is. */
export function differencesOf(before: IndexNode, after: IndexNode): EntryDifference[] {
  if (before.kind !== after.kind) return ['kind'];
  const found: EntryDifference[] = [];
  if (!sameContent(before, after))
    found.push(after.kind === 'symlink' ? 'target' : after.kind === 'file' ? 'content' : 'device');
  if (before.mode !== after.mode && after.kind !== 'symlink') found.push('mode');
  if (before.uid !== after.uid || before.gid !== after.gid) found.push('owner');
  if (!sameXattrs(before, after)) found.push('attributes');
  if (before.mtimeNs !== after.mtimeNs) found.push('time');
  return found;
}

/** True when two nodes differ in mode, owner or attributes; times do not count. */
export function hasOtherMetadata(before: IndexNode, after: IndexNode): boolean {
  return differencesOf(before, after).some((one) => one === 'mode' || one === 'owner' || one === 'attributes');
}

function sameXattrs(a: IndexNode, b: IndexNode): boolean {
  const [ours, theirs] = [a.xattrs(), b.xattrs()];
  if (ours.size !== theirs.size) return false;
  for (const [name, value] of ours) {
    const other = theirs.get(name);
    if (other === undefined || Buffer.compare(value, other) !== 0) return false;
  }
  return true;
}
