import { statfsSync } from 'node:fs';
import type { BuildLimits } from '../store/index.ts';
import type { CacheMax, EngineContext } from './context.ts';

/** A tenth of the file system, at most 50 GB. */
const DEFAULT: CacheMax = { kind: 'percent', percent: 10, bytesMax: 50_000_000_000 };

/** Bytes that the build cache may take. */
export function cacheCap({ options, store }: EngineContext): number {
  const cap = options.cacheMax ?? DEFAULT;
  if (cap.kind === 'bytes') return cap.bytes;
  const { blocks, bsize } = statfsSync(store.root);
  return Math.min(cap.bytesMax ?? Infinity, Math.floor((blocks * bsize * cap.percent) / 100));
}

/** How many build records a collection leaves. */
export function buildLimits({ options }: EngineContext): { readonly builds?: BuildLimits } {
  const { builds } = options;
  return builds === undefined ? {} : { builds: { kept: builds.keep, logBytesMax: builds.logBytesMax } };
}
