/**
 * privilege: what this process may do, and how an ordinary user gets more: a user namespace of their own, in which they
 * are root and the subordinate ids of /etc/subuid and /etc/subgid are the others.
 *
 * Invariants:
 * - A store has one user namespace at a time, joined by every command that works on its files: a command can enter the
 *   mounts of a running container only from the user namespace that they were made in.
 * - No process is left behind to hold it: it lives as long as a command or a container in it.
 * - Nothing here needs koffi but the making of a namespace; the face loads nothing.
 */
export { arrive, type Arrival } from './arrive.ts';
export { enterUserNamespace, type EnterOptions, mappingOfProcess } from './enter.ts';
export { type IdMap, type IdRange, idMaps, mappedCount, parseIdMap, toOutside } from './id-map.ts';
export { type Level, type Standing, standingOf } from './level.ts';
export { type Mapping, type MappingFacts, planMapping } from './mapping.ts';
export { type NamespaceTrial, tryUserNamespace } from './namespace.ts';
export { parseSubordinateIds, type SubordinateRange, subordinateIds } from './subordinate-ids.ts';
