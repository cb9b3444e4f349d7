import { existsSync } from 'node:fs';
import { isAlive, messageOf } from '../base/index.ts';
import { isOrphan, releaseLeases } from './bridge.ts';
import { cgroupFolders, removeCgroupsSoon, thaw } from './cgroups.ts';
import { isDetachedAlive, retireDetached } from './detached.ts';
import {
  type ContainerRecord,
  listRecords,
  readRecord,
  removeFolder,
  type RunFolders,
  sweepPassing,
  takeFolder,
} from './folders.ts';
import { isOrphanOfPasta, releasePasta } from './pasta.ts';
import type { RuntimeContext } from './prepare.ts';
import type { SweepReport } from './types.ts';

/**
 * Removes what dead processes left: records tell whose each thing is. Processes are not killed here: those of a dead
 * owner die with their process-id namespace; frozen ones are thawed so that they can. See Runtime.sweep.
 */
export async function sweep(context: RuntimeContext): Promise<SweepReport> {
  const { folders, host } = context;
  const left: { what: string; why: string }[] = [];
  const swept = { runtimeStates: [] as string[], cgroups: [] as string[], folders: [] as string[] };
  sweepPassing(folders);
  for (const id of listRecords(folders)) {
    if (isRecordAlive(readRecord(folders, id))) continue;
    const error = await retire(context, id, swept);
    if (error !== undefined) left.push({ what: `container ${id}`, why: error });
  }
  const leases = await releaseLeases(
    host,
    folders.networks,
    (lease) => isOrphan(lease) || (lease.kind === 'container' && !hasFolder(folders, lease.id)),
  );
  const carried = releasePasta(
    folders.networks,
    (record) => isOrphanOfPasta(record) || (record.kind === 'container' && !hasFolder(folders, record.id)),
  );
  return { ...swept, networks: [...leases.released, ...carried], left: [...left, ...leases.left] };
}

function hasFolder(folders: RunFolders, id: string): boolean {
  return existsSync(`${folders.containers}/${id}`);
}

/** One that cannot be read is nobody's. */
function isRecordAlive(record: ContainerRecord | undefined): boolean {
  if (record === undefined) return false;
  if (isAlive(record.owner)) return true;
  return record.kind === 'detached' && record.stateDir !== undefined && isDetachedAlive(record.stateDir);
}

type Swept = { readonly runtimeStates: string[]; readonly cgroups: string[]; readonly folders: string[] };

/** Returns why something is left. */
async function retire(context: RuntimeContext, id: string, swept: Swept): Promise<string | undefined> {
  const { folders } = context;
  const taken = takeFolder(folders, id, (record) => !isRecordAlive(record));
  if (taken === undefined) return undefined;
  try {
    const { record } = taken;
    const parent = record?.cgroupParent;
    thaw(id, parent);
    if (record?.stateDir !== undefined) await retireDetached(context, id, record.stateDir);
    const had = cgroupFolders(id, parent).length > 0;
    const busy = await removeCgroupsSoon(id, parent);
    if (busy.length > 0) {
      taken.giveBack();
      return `${busy.join(', ')} is in use`;
    }
    if (had) swept.cgroups.push(id);
    if (existsSync(`${folders.runtimeState}/${id}`)) swept.runtimeStates.push(id);
    removeFolder(`${folders.runtimeState}/${id}`);
    taken.remove();
    swept.folders.push(id);
    return undefined;
  } catch (error) {
    taken.giveBack();
    return messageOf(error);
  }
}
