import { isShaleError } from '../../base/index.ts';
import type { ContainerRecord } from '../../store/index.ts';
import type { EngineContext } from '../context.ts';
import { parseSetup } from './record.ts';
import { removeContainer } from './remove.ts';
import { sizeOf } from './size.ts';
import { publicState, runtimeFor, settle } from './state.ts';
import type { ContainerPrune, PrunedContainers } from './types.ts';

/** Removes the containers that do not run, with what they wrote; volumes stay. */
export async function pruneContainers(context: EngineContext, which: ContainerPrune): Promise<PrunedContainers> {
  const runtime = runtimeFor(context);
  const removed: string[] = [];
  let reclaimedBytes = 0;
  for (const record of await context.store.containers.list()) {
    const { kind } = publicState(await settle(context, record, runtime));
    if ((kind !== 'created' && kind !== 'exited') || !isMeant(record, which)) continue;
    const { writableBytes } = await sizeOf(context, record);
    try {
      await removeContainer(context, record.id, { force: false, volumes: false });
    } catch (error) {
      // Somebody else removed or started it.
      if (isShaleError(error, 'CONTAINER_NOT_FOUND', 'CONTAINER_RUNNING')) continue;
      throw error;
    }
    removed.push(record.id);
    reclaimedBytes += writableBytes;
  }
  if (removed.length > 0)
    await context.store.events.append({
      type: 'container',
      action: 'prune',
      subject: '',
      attributes: { reclaimed: String(reclaimedBytes) },
    });
  return { removed, reclaimedBytes };
}

function isMeant(record: ContainerRecord, { untilMs, labels = [], notLabels = [] }: ContainerPrune): boolean {
  const own = parseSetup(record).labels;
  const has = ({ key, value }: { readonly key: string; readonly value?: string }): boolean =>
    own[key] !== undefined && (value === undefined || own[key] === value);
  return record.createdAt <= (untilMs ?? Infinity) && labels.every(has) && !notLabels.some(has);
}
