import { readFileSync } from 'node:fs';

/** Ids that a user may give to others inside a namespace. */
export interface SubordinateRange {
  readonly first: number;
  readonly count: number;
}

/** More lines than the kernel takes in a map (340) are of no use. */
const RANGES_MAX = 339;

/** The ranges of one user in /etc/subuid or /etc/subgid (subuid(5)): by name or by number, in the order of the file. */
export function parseSubordinateIds(
  text: string,
  user: { readonly name: string; readonly uid: number },
): SubordinateRange[] {
  const ranges: SubordinateRange[] = [];
  for (const line of text.split('\n')) {
    const match = /^([^:#]+):(\d{1,10}):(\d{1,10})\s*$/.exec(line);
    if (match === null || (match[1] !== user.name && match[1] !== String(user.uid))) continue;
    const range = { first: Number(match[2]), count: Number(match[3]) };
    if (range.count > 0 && ranges.length < RANGES_MAX) ranges.push(range);
  }
  return ranges;
}

/** What the files of this machine give to a user; nothing where they cannot be read. */
export function subordinateIds(user: { readonly name: string; readonly uid: number }): {
  readonly uids: readonly SubordinateRange[];
  readonly gids: readonly SubordinateRange[];
} {
  return { uids: parseSubordinateIds(read('/etc/subuid'), user), gids: parseSubordinateIds(read('/etc/subgid'), user) };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
