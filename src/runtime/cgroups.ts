import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { isSystemError, ShaleError } from '../base/index.ts';
import { CGROUP_PREFIX, cgroupPathOf } from './spec.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';

/**
 * The cgroup folders that belong to one container, in every hierarchy that is mounted. Only ever `shale-<id>` below a
 * hierarchy's root, or below `parent`, both checked: an empty or `/` path could name processes that are not ours.
 */
export function cgroupFolders(id: string, parent?: string): readonly string[] {
  const path = cgroupPathOf(id, parent);
  return hierarchies()
    .map((hierarchy) => hierarchy + path)
    .filter((folder) => existsSync(folder));
}

/** The ids of all cgroups that look like ours. */
export function listCgroups(): readonly string[] {
  const ids = new Set<string>();
  for (const hierarchy of hierarchies()) {
    for (const name of namesIn(hierarchy))
      if (name.startsWith(CGROUP_PREFIX)) ids.add(name.slice(CGROUP_PREFIX.length));
  }
  return [...ids].toSorted();
}

let known: readonly string[] | undefined;

/** The root of the unified hierarchy, or of each controller's (they do not change while a process runs). */
function hierarchies(): readonly string[] {
  known ??= existsSync(`${CGROUP_ROOT}/cgroup.controllers`)
    ? [CGROUP_ROOT]
    : namesIn(CGROUP_ROOT)
        .map((name) => `${CGROUP_ROOT}/${name}`)
        .filter((folder) => existsSync(`${folder}/cgroup.procs`));
  return known;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/**
 * Removes a container's cgroups with rmdir, which the kernel refuses while a process is inside; children first.
 * Returns the folders that are still there.
 */
export function removeCgroups(id: string, parent?: string): readonly string[] {
  return cgroupFolders(id, parent).filter((folder) => !removeTree(folder, 8));
}

const SETTLE_TRIES = 50;
const SETTLE_MS = 20;

/** As removeCgroups, giving processes that were killed a moment ago up to a second to be gone, or so many times 20 ms. */
export async function removeCgroupsSoon(
  id: string,
  parent?: string,
  triesMax: number = SETTLE_TRIES,
): Promise<readonly string[]> {
  let busy = removeCgroups(id, parent);
  for (let tries = 0; busy.length > 0 && tries < triesMax; tries++) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(SETTLE_MS, 2 ** tries)));
    // What is killed while it is frozen dies when it is thawed.
    thaw(id, parent);
    busy = removeCgroups(id, parent);
  }
  return busy;
}

function removeTree(folder: string, depthMax: number): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return true;
    if (!isSystemError(error, 'EBUSY', 'ENOTEMPTY') || depthMax === 0) return false;
  }
  const children = namesIn(folder).filter((name) => existsSync(`${folder}/${name}/cgroup.procs`));
  if (children.length === 0) return false;
  return children.every((name) => removeTree(`${folder}/${name}`, depthMax - 1)) && removeTree(folder, 0);
}

const FREEZE_TIMEOUT_MS = 10_000;
const FREEZE_POLL_MS = 2;
const FREEZE_TRIES = 10;

/**
 * Freezes or thaws all processes of a container and waits until they are. Idempotent.
 * @throws PAUSE_FAILED when there is no cgroup that can, or it takes longer than ten seconds.
 */
export async function setFrozen(id: string, frozen: boolean, parent?: string): Promise<void> {
  const switchFile = freezer(id, parent);
  if (switchFile === undefined) throw new ShaleError('PAUSE_FAILED', `container ${id} has no cgroup that can freeze`);
  const deadline = performance.now() + FREEZE_TIMEOUT_MS;
  for (let tries = 1; performance.now() < deadline; tries++) {
    // The old freezer stays at FREEZING when a process forks, or waits for its vforked child that is frozen already:
    // writing again makes it look again, thawing now and then lets the child go on.
    if (frozen && tries % FREEZE_TRIES === 0) {
      writeFileSync(switchFile.path, switchFile.off);
      await new Promise((resolve) => setTimeout(resolve, FREEZE_POLL_MS));
    }
    writeFileSync(switchFile.path, frozen ? switchFile.on : switchFile.off);
    if (isFrozen(id, parent) === frozen) return;
    await new Promise((resolve) => setTimeout(resolve, FREEZE_POLL_MS));
  }
  // Half frozen would be worse than not at all.
  if (frozen) thaw(id, parent);
  throw new ShaleError('PAUSE_FAILED', `container ${id} did not ${frozen ? 'freeze' : 'thaw'} in time`);
}

/** True when all its processes are frozen. */
export function isFrozen(id: string, parent?: string): boolean {
  const switchFile = freezer(id, parent);
  if (switchFile === undefined) return false;
  try {
    return switchFile.frozenWhen.test(readFileSync(switchFile.state, 'latin1'));
  } catch {
    return false;
  }
}

/** Lets frozen processes go on without waiting: a signal that is pending for them is then delivered. Never throws. */
export function thaw(id: string, parent?: string): void {
  const switchFile = freezer(id, parent);
  try {
    if (switchFile !== undefined) writeFileSync(switchFile.path, switchFile.off);
  } catch {
    // The cgroup went meanwhile, and with it the processes.
  }
}

interface Freezer {
  readonly path: string;
  readonly on: string;
  readonly off: string;
  readonly state: string;
  readonly frozenWhen: RegExp;
}

function freezer(id: string, parent?: string): Freezer | undefined {
  const folders = cgroupFolders(id, parent);
  for (const folder of folders) {
    const old = `${folder}/freezer.state`;
    if (existsSync(old)) return { path: old, on: 'FROZEN', off: 'THAWED', state: old, frozenWhen: /^FROZEN/ };
  }
  for (const folder of folders) {
    const unified = `${folder}/cgroup.freeze`;
    if (existsSync(unified)) {
      return { path: unified, on: '1', off: '0', state: `${folder}/cgroup.events`, frozenWhen: /^frozen 1$/m };
    }
  }
  return undefined;
}

/** How many processes the kernel killed in this cgroup for lack of memory; 0 when unknown or gone. */
export function oomKills(id: string, parent?: string): number {
  for (const folder of cgroupFolders(id, parent)) {
    for (const name of ['memory.events', 'memory.oom_control']) {
      try {
        const match = /^oom_kill (\d+)$/m.exec(readFileSync(`${folder}/${name}`, 'latin1'));
        if (match !== null) return Number(match[1]);
      } catch {
        // Not this hierarchy.
      }
    }
  }
  return 0;
}
