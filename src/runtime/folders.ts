import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isSystemError, makeFolders, type Owner, ShaleError } from '../base/index.ts';
import { checkId } from './spec.ts';

/**
 * The run folder (`/run/shale`, gone after a reboot):
 *
 *     containers/<id>/   record.json (whose it is), config.json and the files that are bind-mounted, runc.log
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
 * Takes an id: its folder exists afterwards, with the record in it.
 * @throws CONTAINER_EXISTS when the id is taken.
 */
export function claimFolder(folders: RunFolders, record: ContainerRecord): string {
  checkId(record.id);
  const folder = `${folders.containers}/${record.id}`;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    throw new ShaleError('CONTAINER_EXISTS', `container ${record.id} exists already`, { data: { id: record.id } });
  }
  writeRecord(`${folder}/record.json`, record);
  return folder;
}

/** Replaces a small file in one step. */
export function writeRecord(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined when there is none, or it is not whole (its writer died in the middle of the claim). */
export function readRecord(folders: RunFolders, id: string): ContainerRecord | undefined {
  const value = readJson(`${folders.containers}/${id}/record.json`);
  return isRecord(value) ? value : undefined;
}

export function listRecords(folders: RunFolders): readonly string[] {
  try {
    return readdirSync(folders.containers).toSorted();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
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
