import { readFileSync } from 'node:fs';

/** A run of ids that are one thing inside a user namespace and another outside. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** The ids that a user namespace has (user_namespaces(7), "User and group ID mappings"). */
export type IdMap = readonly IdRange[];

/** All ids but the last, which means "none". */
const ALL_IDS = 4_294_967_295;

/** The text of /proc/PID/uid_map or gid_map. Lines that are no ranges are passed over. */
export function parseIdMap(text: string): IdMap {
  return text.split('\n').flatMap((line): IdRange[] => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line);
    return match === null ? [] : [{ inside: Number(match[1]), outside: Number(match[2]), count: Number(match[3]) }];
  });
}

export function formatIdMap(map: IdMap): string {
  return map.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join('');
}

/** The maps of the namespace that this process is in; whole ones where the kernel has none. */
export function idMaps(): { readonly uids: IdMap; readonly gids: IdMap } {
  return { uids: readMap('uid_map'), gids: readMap('gid_map') };
}

function readMap(name: 'uid_map' | 'gid_map'): IdMap {
  try {
    return parseIdMap(readFileSync(`/proc/self/${name}`, 'latin1'));
  } catch {
    return [{ inside: 0, outside: 0, count: ALL_IDS }];
  }
}

/** What an id of the namespace is outside; undefined where the namespace does not have it. */
export function toOutside(map: IdMap, id: number): number | undefined {
  const range = map.find(({ inside, count }) => id >= inside && id < inside + count);
  return range === undefined ? undefined : range.outside + id - range.inside;
}

/** How many ids a namespace has. */
export function mappedCount(map: IdMap): number {
  return map.reduce((sum, { count }) => sum + count, 0);
}
