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

/** Builds that may be there beyond those that are kept, so that not every build has to look for the oldest. */
const BUILDS_SLACK = 20;

/** How many build records a collection leaves: 500, and logs of 1 GB, unless the settings say otherwise. */
export function buildLimits({ options }: EngineContext): {
  readonly builds: Required<Omit<BuildLimits, 'startedBefore'>>;
} {
  const { keep = 500, logBytesMax = 1_000_000_000 } = options.builds ?? {};
  return { builds: { kept: keep, logBytesMax } };
}

/** Lets the oldest builds go when there are too many, or when logs have come: of a build that collects nothing else. */
export async function keepBuilds(context: EngineContext, { hasLogs }: { readonly hasLogs: boolean }): Promise<void> {
  const { builds } = context.store;
  const limits = buildLimits(context).builds;
  if (hasLogs || (await builds.count()) > limits.kept + BUILDS_SLACK) await builds.prune(limits);
}
