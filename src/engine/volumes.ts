import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, JsonReader, parseJson, randomOf, ShaleError, typedName } from '../base/index.ts';
import { diskUsage } from '../store/index.ts';
import type { EngineContext } from './context.ts';
import type { CreateVolumeRequest, PrunedVolumes, Volume, VolumeOperations, VolumeSettings } from './volume-types.ts';
import { makeWorkFolder } from './work-folders.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;
/** docker's local driver reads these; another one would be without effect. */
const OPTIONS: ReadonlySet<string> = new Set(['type', 'device', 'o']);
const SETTINGS = 'volume.json';
const DATA = '_data';

/** `volumes/NAME/volume.json`; a volume of an earlier version has none. */
interface Settings {
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly anonymous: boolean;
}

/** @throws VOLUME_NAME_INVALID, VOLUME_OPTION_INVALID, VOLUME_EXISTS when its options differ */
export async function createVolume(context: EngineContext, request: CreateVolumeRequest): Promise<Volume> {
  const { name, made } = await ensureVolume(context, request.name, request);
  const volume = await inspectVolume(context, name);
  const { options } = request;
  if (!made && options !== undefined && !isSame(options, volume.options)) {
    throw new ShaleError('VOLUME_EXISTS', `the volume ${name} exists with other options`, {
      data: { name },
      hint: `shale volume inspect ${name}`,
    });
  }
  return volume;
}

/**
 * Makes a volume unless it is there; an absent name makes an anonymous one. It is visible only whole, whoever is killed.
 * @throws VOLUME_NAME_INVALID, VOLUME_OPTION_INVALID
 */
export async function ensureVolume(
  context: EngineContext,
  name: string | undefined,
  settings: VolumeSettings = {},
): Promise<{ readonly name: string; readonly directory: string; readonly made: boolean }> {
  const chosen = name ?? randomOf(32).toString('hex');
  const folder = await volumeFolder(context, chosen);
  const directory = join(folder, DATA);
  checkOptions(settings.options ?? {});
  if (existsSync(directory)) return { name: chosen, directory, made: false };
  await using work = await makeWorkFolder(context.store);
  const staged = join(work.path, 'volume');
  mkdirSync(staged, { mode: 0o701 });
  mkdirSync(join(staged, DATA), { mode: 0o755 });
  const kept: Settings = {
    createdMs: context.options.now(),
    labels: settings.labels ?? {},
    options: settings.options ?? {},
    anonymous: name === undefined,
  };
  writeFileSync(join(staged, SETTINGS), JSON.stringify(kept), { mode: 0o600, flush: true });
  try {
    renameSync(staged, folder);
  } catch (error) {
    // Somebody else made it in the meantime.
    if (isSystemError(error, 'ENOTEMPTY', 'EEXIST')) return { name: chosen, directory, made: false };
    throw error;
  }
  await context.store.events.append({ type: 'volume', action: 'create', subject: chosen });
  return { name: chosen, directory, made: true };
}

/** `type`, `device` and `o` of docker's local driver: a `device` alone has no type, a type needs a device. */
function checkOptions(options: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(options).find((key) => !OPTIONS.has(key));
  const bad = (why: string): ShaleError => new ShaleError('VOLUME_OPTION_INVALID', why, { data: { options } });
  if (unknown !== undefined)
    throw bad(`a volume has no option ${JSON.stringify(unknown)}: there are type, device and o`);
  const { type, device, o } = options as { type?: string; device?: string; o?: string };
  if ((type === undefined) !== (device === undefined) && device !== undefined) {
    throw bad('a volume with a device needs its type (none for a folder)');
  }
  if (type !== undefined && device === undefined) throw bad('a volume with a type needs its device');
  if (o !== undefined && type === undefined) throw bad('options of a mount need a type and a device');
}

async function volumeFolder(context: EngineContext, name: string): Promise<string> {
  if (!NAME.test(name)) {
    throw new ShaleError('VOLUME_NAME_INVALID', `${typedName(name)} is no name of a volume`, {
      data: { name },
      hint: 'letters, digits and _.- only',
    });
  }
  return join(await context.store.folder('volumes'), name);
}

export async function listVolumes(context: EngineContext): Promise<Volume[]> {
  const users = await usersOf(context);
  const root = await context.store.folder('volumes');
  const names = existsSync(root) ? readdirSync(root).filter((name) => NAME.test(name)) : [];
  return names.toSorted().flatMap((name) => readVolume(join(root, name), name, users) ?? []);
}

/** @throws VOLUME_NOT_FOUND, VOLUME_NAME_INVALID */
export async function inspectVolume(context: EngineContext, name: string): Promise<Volume> {
  const found = readVolume(await volumeFolder(context, name), name, await usersOf(context));
  if (found !== undefined) return found;
  throw new ShaleError('VOLUME_NOT_FOUND', `there is no volume ${name}`, { data: { name }, hint: 'shale volume ls' });
}

/** @throws VOLUME_NOT_FOUND unless `force`, VOLUME_IN_USE */
export async function removeVolume(
  context: EngineContext,
  name: string,
  { force }: { readonly force: boolean },
): Promise<void> {
  await volumeFolder(context, name);
  const users = (await usersOf(context)).get(name) ?? [];
  if (users.length > 0) {
    throw new ShaleError('VOLUME_IN_USE', `the volume ${name} is in use by container ${users[0]?.slice(0, 12)}`, {
      data: { name, containers: users },
      hint: 'remove the container first',
    });
  }
  const removed = await context.store.removeFrom('volumes', name);
  if (removed) await context.store.events.append({ type: 'volume', action: 'destroy', subject: name });
  else if (!force) throw new ShaleError('VOLUME_NOT_FOUND', `there is no volume ${name}`, { data: { name } });
}

export async function pruneVolumes(
  context: EngineContext,
  { all, matches = () => true }: Parameters<VolumeOperations['pruneVolumes']>[0],
): Promise<PrunedVolumes> {
  const names: string[] = [];
  let reclaimedBytes = 0;
  for (const volume of await listVolumes(context)) {
    if (volume.containers.length > 0 || !(all || volume.anonymous) || !matches(volume)) continue;
    const bytes = await diskUsage(volume.mountpoint);
    try {
      await removeVolume(context, volume.name, { force: true });
    } catch (error) {
      // Taken by a container since the list was made.
      if (error instanceof ShaleError && error.code === 'VOLUME_IN_USE') continue;
      throw error;
    }
    names.push(volume.name);
    reclaimedBytes += bytes;
  }
  return { names, reclaimedBytes };
}

/** Ids of the containers that have each volume. */
async function usersOf(context: EngineContext): Promise<Map<string, string[]>> {
  const users = new Map<string, string[]>();
  for (const container of await context.store.containers.list()) {
    for (const name of container.volumes) users.set(name, [...(users.get(name) ?? []), container.id]);
  }
  return users;
}

function readVolume(folder: string, name: string, users: ReadonlyMap<string, readonly string[]>): Volume | undefined {
  const stat = statSync(join(folder, DATA), { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) return undefined;
  const settings = readSettings(folder, name) ?? {
    createdMs: stat.birthtimeMs,
    labels: {},
    options: {},
    anonymous: /^[0-9a-f]{64}$/.test(name),
  };
  return { name, mountpoint: join(folder, DATA), containers: users.get(name) ?? [], ...settings };
}

/** @throws STORE_DAMAGED when the file is not one of ours */
function readSettings(folder: string, name: string): Settings | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, SETTINGS));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  const what = `the settings of volume ${name}`;
  const fields = new JsonReader(parseJson(bytes, what), what, 'STORE_DAMAGED');
  return {
    createdMs: fields.integer('createdMs') ?? 0,
    labels: fields.stringMap('labels') ?? {},
    options: fields.stringMap('options') ?? {},
    anonymous: fields.boolean('anonymous') ?? false,
  };
}

function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, value]) => b[key] === value);
}
