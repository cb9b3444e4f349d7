import { statfsSync } from 'node:fs';
import type { EngineContext } from './context.ts';

/** Build cache that is kept when the configuration says nothing: a tenth of the file system, at most 50 GB. */
const CACHE_MAX_BYTES = 50_000_000_000;
const CACHE_SHARE = 0.1;

/** Bytes that the build cache may take. */
export function cacheCap({ options, store }: EngineContext): number {
  if (options.cacheMaxBytes !== undefined) return options.cacheMaxBytes;
  const { blocks, bsize } = statfsSync(store.root);
  return Math.min(CACHE_MAX_BYTES, Math.floor(blocks * bsize * CACHE_SHARE));
}
