import type { IdMap } from './id-map.ts';
import type { SubordinateRange } from './subordinate-ids.ts';

/**
 * The ids that a new namespace gets.
 * `subordinate`: the user is root, their subordinate ids are the others; newuidmap and newgidmap write it.
 * `own`: every id of ours is what it was; we may write it ourselves (CAP_SETUID and CAP_SETGID).
 * `single`: the user is root and there is nobody else; anybody may write it.
 */
export interface Mapping {
  readonly kind: 'subordinate' | 'own' | 'single';
  readonly uids: IdMap;
  readonly gids: IdMap;
}

export interface MappingFacts {
  readonly uid: number;
  readonly gid: number;
  readonly subordinate: { readonly uids: readonly SubordinateRange[]; readonly gids: readonly SubordinateRange[] };
  /** newuidmap and newgidmap are there. */
  readonly hasPrograms: boolean;
  /** CAP_SETUID and CAP_SETGID are in effect. */
  readonly maySetIds: boolean;
  /** The namespace that we are in. */
  readonly current: { readonly uids: IdMap; readonly gids: IdMap };
}

/** The best mapping that this process can get written. */
export function planMapping(facts: MappingFacts): Mapping {
  const { subordinate, current } = facts;
  if (facts.maySetIds) return { kind: 'own', uids: unchanged(current.uids), gids: unchanged(current.gids) };
  if (facts.hasPrograms && subordinate.uids.length > 0 && subordinate.gids.length > 0) {
    return {
      kind: 'subordinate',
      uids: withRoot(facts.uid, subordinate.uids),
      gids: withRoot(facts.gid, subordinate.gids),
    };
  }
  return { kind: 'single', uids: withRoot(facts.uid, []), gids: withRoot(facts.gid, []) };
}

/** All but the last id that there can be: a map with all of them is taken for the machine's own (runc 1.1 does). */
function unchanged(map: IdMap): IdMap {
  return map.map(({ inside, count }) => ({ inside, outside: inside, count: Math.min(count, ID_MAX - inside) }));
}

const ID_MAX = 4_294_967_294;

/** As podman and docker map them: root is the user, 1 and on are the subordinate ids in the order of the file. */
function withRoot(own: number, ranges: readonly SubordinateRange[]): IdMap {
  const map = [{ inside: 0, outside: own, count: 1 }];
  let next = 1;
  for (const { first, count } of ranges) {
    map.push({ inside: next, outside: first, count });
    next += count;
  }
  return map;
}
