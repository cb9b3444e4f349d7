import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isShaleError, isSystemError, JsonReader, parseJson } from '../base/index.ts';
import { parseDiffId, parseDigest } from '../oci/index.ts';
import type { StoreContext } from './context.ts';
import { fileError, statOf } from './files.ts';
import type { Layout } from './layout.ts';
import { toJson } from './row.ts';
import { stagingPath } from './staging.ts';
import type { ContainerRecord } from './types.ts';

/** Where `containers/ID/record.json` lies: what a container was made with, for when the database is lost. */
function fileOf(layout: Layout, id: string): string {
  return join(layout.folder('containers'), id, 'record.json');
}

export function hasContainerFile(layout: Layout, id: string): boolean {
  return statOf(fileOf(layout, id)) !== undefined;
}

/** Whole or not at all, within the transaction that writes the record. @throws NO_SPACE, STORE_IO, STORE_READ_ONLY */
export function writeContainerFile(place: Pick<StoreContext, 'layout' | 'owner'>, record: ContainerRecord): void {
  const path = fileOf(place.layout, record.id);
  try {
    const staged = stagingPath(place);
    writeFileSync(staged, makingOf(record), { mode: 0o600 });
    renameSync(staged, path);
  } catch (error) {
    throw fileError('cannot write', path, error);
  }
}

function makingOf({ name, imageId, diffIds, volumes, config, createdAt }: ContainerRecord): string {
  return toJson({ name, image: imageId ?? null, diffIds, volumes, config, createdAt });
}

/** Whether a change of a record is one of what its file holds. */
export function isMadeAnew(before: ContainerRecord, after: ContainerRecord): boolean {
  return makingOf(before) !== makingOf(after);
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
