import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  isAlive,
  isJsonObject,
  isShaleError,
  isSystemError,
  JsonReader,
  parseJson,
  syncFolderAtOnce,
} from '../base/index.ts';
import { parseDiffId, parseDigest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import { fileError, statOf } from './files.ts';
import type { Layout } from './layout.ts';
import { toJson } from './row.ts';
import { stagingPath } from './staging.ts';
import type { ContainerRecord } from './types.ts';

const FILE = 'record.json';

/** Where `containers/ID/record.json` lies: what a container was made with, for when the database is lost. */
function fileOf(layout: Layout, id: string): string {
  return join(layout.folder('containers'), id, FILE);
}

export function hasContainerFile(layout: Layout, id: string): boolean {
  return statOf(fileOf(layout, id)) !== undefined;
}

type Place = Pick<StoreContext, 'layout' | 'owner'>;

/** Whole or not at all, within the transaction that writes the record. @throws NO_SPACE, STORE_IO, STORE_READ_ONLY */
export function writeContainerFile(place: Place, record: ContainerRecord): void {
  const path = fileOf(place.layout, record.id);
  try {
    const staged = stagingPath(place);
    writeFileSync(staged, textOf(place, record), { mode: 0o600 });
    renameSync(staged, path);
  } catch (error) {
    throw fileError('cannot write', path, error);
  }
}

/**
 * Makes the folder of a container that has no record yet, with its file in it, and brings its name to disk. For as long as
 * this process lives nobody takes it for a folder without a record. @throws as `writeContainerFile`
 */
export function makeContainerFolder(place: Place, record: ContainerRecord): void {
  const folder = place.layout.folder('containers');
  try {
    const staged = stagingPath(place);
    mkdirSync(staged, { mode: 0o700 });
    writeFileSync(join(staged, FILE), textOf(place, record), { mode: 0o600 });
    renameSync(staged, join(folder, record.id));
    syncFolderAtOnce(folder);
  } catch (error) {
    throw fileError('cannot make', join(folder, record.id), error);
  }
}

/** True while the process lives that wrote the file of a folder last: its record may be on its way. */
export function isBeingMade(layout: Layout, id: string): boolean {
  try {
    const value = parseJson(readFileSync(fileOf(layout, id)), 'the record of a container');
    const writer = isJsonObject(value) ? new JsonReader(value, 'it', 'STORE_DAMAGED').object('writer') : undefined;
    if (writer === undefined) return false;
    const [bootId, pid, startTime] = [writer.string('bootId'), writer.integer('pid'), writer.string('startTime')];
    return isAlive({ bootId: bootId ?? '', pid: pid ?? 0, startTime: startTime ?? '' });
  } catch {
    return false; // None, or none that is whole.
  }
}

/** What a container was made with. */
function makingOf({ name, imageId, diffIds, volumes, config, createdAt }: ContainerRecord): object {
  return { name, image: imageId ?? null, diffIds, volumes, config, createdAt };
}

function textOf({ owner }: Place, record: ContainerRecord): string {
  const { bootId, pid, startTime } = owner;
  return toJson({ ...makingOf(record), writer: { bootId, pid, startTime } });
}

/** Whether a change of a record is one of what its file holds. */
export function isMadeAnew(before: ContainerRecord, after: ContainerRecord): boolean {
  return toJson(makingOf(before)) !== toJson(makingOf(after));
}

/** The record as its file has it, not running; undefined where there is no such file, or none that is whole. */
export function readContainerFile(layout: Layout, id: string): ContainerRecord | undefined {
  const what = `the record of container ${id}`;
  try {
    const fields = new JsonReader(parseJson(readFileSync(fileOf(layout, id)), what), what, 'STORE_DAMAGED');
    const image = fields.string('image');
    return {
      id,
      name: fields.required('name', fields.string('name')),
      imageId: image === undefined ? undefined : parseDigest(image),
      diffIds: (fields.strings('diffIds') ?? []).map(parseDiffId),
      volumes: fields.strings('volumes') ?? [],
      config: fields.required('config', fields.raw('config')),
      state: {},
      active: false,
      createdAt: fields.required('createdAt', fields.integer('createdAt')),
      owner: undefined,
    };
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR') || isShaleError(error)) return undefined;
    throw error;
  }
}
