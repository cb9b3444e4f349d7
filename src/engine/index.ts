/**
 * engine: the programmatic API. It opens a store and joins the parts: images, builds, containers, base images, the store's
 * upkeep. Everything is plain data in and out; nothing here prints, and nothing stays behind but what was asked for.
 */
export type { ProgressEvent } from '../graph/index.ts';
export type { CacheMax, EngineOptions } from './context.ts';
export { checkStore } from './check-store.ts';
export { openEngine } from './engine.ts';
export * from './containers/file-trace-format.ts';
export * from './host-config.ts';
export { probeLayerMounts } from './probe.ts';
export type * from './build-record-types.ts';
export type * from './cache/types.ts';
export type * from './output-types.ts';
export type * from './types.ts';
export type * from './bases/compare-types.ts';
export type * from './bases/rebase-types.ts';
export type * from './explore/explore-types.ts';
export type * from './image-diff-types.ts';
export type * from './locks/lock-types.ts';
export type * from './measured-build-types.ts';
export type * from './pin-types.ts';
export type * from './verify/verify-types.ts';
export type * from './tag-history-types.ts';
export type * from './why-types.ts';
export type * from './network-types.ts';
export type * from './volume-types.ts';
export { includeReader } from '../build/index.ts';
