import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isSystemError, makeFolders, type Owner, ShaleError } from '../base/index.ts';
import { checkId } from './spec.ts';

/**
 * The run folder (`/run/shale`, gone after a reboot):
 *
 *     containers/<id>/   record.json (whose it is), config.json and the files that are bind-mounted, runc.log;
 *                        .claim-<pid>-<id> before that, .taken-<pid>-<id> and .gone-<pid>-<id> afterwards
 *     runc/              the runtime's own state
 *     networks/          addresses and leases of bridge networks
 */
export interface RunFolders {
  readonly root: string;
  readonly containers: string;
  readonly runtimeState: string;
  readonly networks: string;
}

/** Makes the run folder's tree; idempotent. */
export function ensureRunFolders(root: string): RunFolders {
  const folders = {
    root,
    containers: `${root}/containers`,
    runtimeState: `${root}/runc`,
    networks: `${root}/networks`,
  };
  makeFolders(root, { mode: 0o700 });
  for (const folder of [folders.containers, folders.runtimeState, folders.networks]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  return folders;
}

/** Whose a container is: what a sweep goes by. */
export interface ContainerRecord {
  readonly id: string;
  /** `attached`: dead with `owner`. `detached`: dead with its keeper (conmon), whose record is in the state folder. */
  readonly kind: 'attached' | 'detached';
  readonly owner: Owner;
  readonly stateDir?: string;
  /** See `RunSpec.cgroupParent`. */
  readonly cgroupParent?: string;
}

/**
 * Folders that are not there yet, or not any more: a claim in the making, what was taken to be swept, and what is being
 * deleted. Of the last two one process may be at both, for one id.
 */
const PASSING = /^\.(claim|taken|gone)-(\d+)-(.*)$/;

function passing(folder: string, kind: 'claim' | 'taken' | 'gone', name: string): string {
  return `${folder}/.${kind}-${process.pid}-${name}`;
}

/**
 * Takes an id: its folder exists afterwards, with the record in it; there is no moment without.
 * @throws CONTAINER_EXISTS when the id is taken.
 */
export function claimFolder(folders: RunFolders, record: ContainerRecord): string {
  const { id } = record;
  checkId(id);
  const folder = `${folders.containers}/${id}`;
  const claim = passing(folders.containers, 'claim', id);
  mkdirSync(claim, { mode: 0o700 });
  try {
    writeRecord(`${claim}/record.json`, record);
    renameSync(claim, folder);
  } catch (error) {
    rmSync(claim, { recursive: true, force: true });
    if (!isSystemError(error, 'EEXIST', 'ENOTEMPTY')) throw error;
    throw new ShaleError('CONTAINER_EXISTS', `container ${id} exists already`, { data: { id } });
  }
  return folder;
}

/** Replaces a small file in one step. */
export function writeRecord(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined when there is none, or it is not whole (its writer died in the middle of the claim). */
export function readRecord(folders: RunFolders, id: string): ContainerRecord | undefined {
  return recordIn(`${folders.containers}/${id}`);
}

function recordIn(folder: string): ContainerRecord | undefined {
  const value = readJson(`${folder}/record.json`);
  return isRecord(value) ? value : undefined;
}

/** What is left of a container, taken out of everybody's way by the one process that removes it. */
export interface TakenFolder {
  readonly record: ContainerRecord | undefined;
  /** All that it stood for is gone. */
  readonly remove: () => void;
  /** Not all is gone: the next sweep tries again. */
  readonly giveBack: () => void;
}

/**
 * Takes the folder of a dead container. Undefined when it is gone, another process has it, or the container has been
 * started anew since it was looked at: what is removed afterwards is then somebody's.
 */
export function takeFolder(
  folders: RunFolders,
  id: string,
  isDead: (record: ContainerRecord | undefined) => boolean,
): TakenFolder | undefined {
  const path = `${folders.containers}/${id}`;
  const taken = passing(folders.containers, 'taken', id);
  const giveBack = (): void => {
    if (existsSync(taken)) renameSync(taken, path);
  };
  try {
    renameSync(path, taken);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EEXIST', 'ENOTEMPTY')) return undefined;
    throw error;
  }
  const record = recordIn(taken);
  if (isDead(record)) return { record, remove: () => rmSync(taken, { recursive: true, force: true }), giveBack };
  giveBack();
  return undefined;
}

const GONE_POLL_MS = 5;

/** Waits until nobody is at removing what an earlier run of this container left. @throws CONTAINER_BUSY */
export async function untilFolderGone(folders: RunFolders, id: string, timeoutMs: number): Promise<void> {
  const isBusy = (): boolean => readdirSync(folders.containers).some((name) => isTaken(name, id));
  if (!isBusy()) return;
  const deadline = performance.now() + timeoutMs;
  while (isBusy()) {
    if (performance.now() > deadline)
      throw new ShaleError('CONTAINER_BUSY', `container ${id} is still being removed by another process`);
    await new Promise((resolve) => setTimeout(resolve, GONE_POLL_MS));
  }
}

function isTaken(name: string, id: string): boolean {
  const [, kind, pid = '', of] = PASSING.exec(name) ?? [];
  return kind === 'taken' && of === id && existsSync(`/proc/${pid}`);
}

export function listRecords(folders: RunFolders): readonly string[] {
  try {
    return readdirSync(folders.containers)
      .filter((name) => !name.startsWith('.'))
      .toSorted();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Removes a folder with all that is in it; to others it is gone in one step. */
export function removeFolder(path: string): void {
  const gone = passing(dirname(path), 'gone', basename(path));
  rmSync(gone, { recursive: true, force: true });
  try {
    renameSync(path, gone);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw error;
  }
  rmSync(gone, { recursive: true, force: true });
}

/** Removes claims and removals that whoever was at them did not end. */
export function sweepPassing(folders: RunFolders): void {
  for (const folder of [folders.containers, folders.runtimeState]) {
    for (const name of readdirSync(folder)) {
      const [, kind, pid, id] = PASSING.exec(name) ?? [];
      if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
      const path = `${folder}/${name}`;
      // Taken, and not yet removed: what it stands for may still be there.
      const isHalf = kind === 'taken' && !existsSync(`${folder}/${id}`);
      if (isHalf) renameSync(path, `${folder}/${id}`);
      else rmSync(path, { recursive: true, force: true });
    }
  }
}

/** A JSON file of ours; undefined when it is absent or damaged. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown; // JSON.parse's any is what unknown is for
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is ContainerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record: Record<string, unknown> = { ...value };
  return (
    typeof record['id'] === 'string' &&
    (record['kind'] === 'attached' || record['kind'] === 'detached') &&
    isOwner(record['owner'])
  );
}

/** True for what `thisOwner` and `ownerOf` make. */
export function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false;
  const owner: Record<string, unknown> = { ...value };
  return (
    typeof owner['bootId'] === 'string' && typeof owner['pid'] === 'number' && typeof owner['startTime'] === 'string'
  );
}
