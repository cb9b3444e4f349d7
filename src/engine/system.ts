import { ShaleError } from '../base/index.ts';
import { buildLimits } from './cache-cap.ts';
import type { Problem } from '../store/index.ts';
import type { EngineContext } from './context.ts';
import { checkLayers } from './layer-check.ts';
import type { CheckReport, CheckRequest, PruneReport, PruneRequest, Watch } from './types.ts';
import { removeContainer } from './containers/remove.ts';
import { pruneVolumes } from './volumes.ts';

/** `shale system check`. */
export async function check({ store }: EngineContext, request: CheckRequest, watch: Watch): Promise<CheckReport> {
  const options = { full: request.full, signal: watch.signal };
  const nothing: readonly Problem[] = [];
  const report = request.repair ? await store.repair(options) : { ...(await store.check(options)), repaired: nothing };
  const sound = report.problems.every(({ code }) => code !== 'DATABASE_DAMAGED');
  const layers =
    request.full && sound
      ? await checkLayers(store, {
          repair: request.repair,
          signal: watch.signal,
          known: new Set(report.problems.map(({ digest }) => digest)),
        })
      : [];
  return {
    checkedBlobs: report.blobsChecked,
    checkedBytes: report.bytesChecked,
    findings: report.problems
      .filter((problem) => problem.severity === 'damage')
      .map((problem) => ({
        subject: problem.digest ?? problem.path ?? '',
        problem: `${problem.code}: ${problem.message}`,
        repaired: report.repaired.includes(problem),
      }))
      .concat(layers),
  };
}

/** `shale system prune` and the prune forms of the nouns. */
export async function prune(context: EngineContext, request: PruneRequest, watch: Watch): Promise<PruneReport> {
  const { store } = context;
  const removed: { kind: string; name: string }[] = [];
  if (request.what.includes('containers')) {
    for (const container of (await store.containers.list()).filter((one) => !one.active)) {
      await removeContainer(context, container.id, { force: false, volumes: request.what.includes('volumes') });
      removed.push({ kind: 'container', name: container.id });
    }
  }
  let volumeBytes = 0;
  if (request.what.includes('volumes')) {
    const { names, reclaimedBytes } = await pruneVolumes(context, { all: false });
    for (const name of names) removed.push({ kind: 'volume', name });
    volumeBytes = reclaimedBytes;
  }
  // What this command looked at is not in use any more.
  await store.leases.release();
  const report = await store.collect({
    signal: watch.signal,
    ...buildLimits(context),
    ...(request.what.includes('images') && { images: request.all ? ('all' as const) : ('untagged' as const) }),
    ...(request.what.includes('build-cache') && { maxCacheBytes: 0 }),
  });
  if (report.unreadable.length > 0) {
    throw new ShaleError(
      'COLLECT_REFUSED',
      `nothing was deleted: ${report.unreadable.join(', ')} cannot be read, and what it reaches is not known`,
      { hint: 'shale system check --repair' },
    );
  }
  for (const id of report.deletedImages) removed.push({ kind: 'image', name: id });
  return { removed, reclaimedBytes: report.freedBytes + volumeBytes };
}

/** `shale system reset`. @throws STORE_IN_USE */
export async function reset(context: EngineContext): Promise<void> {
  for (const container of await context.store.containers.list())
    await removeContainer(context, container.id, { force: true, volumes: true });
  await context.store.reset();
}
