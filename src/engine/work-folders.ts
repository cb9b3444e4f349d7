import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootId, isAlive, thisOwner } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import { runPath, type EngineContext } from './context.ts';

/** A folder of this process on the store's file system, gone when it is disposed. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
}

const NAME = /^work-([0-9a-f-]+)_(\d+)_(\d+)_\d+$/;
/** Mount points of one command (`openWorkshop`). */
const MOUNTS_NAME = /^(\d+)-(\d+)-[0-9a-f]+$/;
let made = 0;

/** Makes an empty folder whose name tells whose it is, so that a sweep can tell the dead ones. */
export async function makeWorkFolder(store: Store): Promise<WorkFolder> {
  const { pid, startTime } = thisOwner();
  const path = join(await store.folder('sources'), `work-${bootId()}_${pid}_${startTime}_${made++}`);
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    async [Symbol.asyncDispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Removes the folders of processes that have ended. Safe at any time, by several processes at once. */
export async function sweepWorkFolders(context: EngineContext): Promise<void> {
  const mounts = runPath(context, 'mounts');
  for (const name of existsSync(mounts) ? readdirSync(mounts) : []) {
    const [, pid = '', startTime = ''] = MOUNTS_NAME.exec(name) ?? [];
    if (pid !== '' && !isAlive({ bootId: bootId(), pid: Number(pid), startTime }))
      rmSync(join(mounts, name), { recursive: true, force: true });
  }
  const folder = await context.store.folder('sources');
  for (const name of readdirSync(folder)) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, boot = '', pid = '', startTime = ''] = match;
    if (!isAlive({ bootId: boot, pid: Number(pid), startTime }))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}
