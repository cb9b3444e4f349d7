import { isJsonObject, JsonReader, parseJson, ShaleError, type Json } from '../base/index.ts';
import { parseDiffId } from './digest.ts';
import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfig } from './image.ts';
import { sortedMap } from './manifest.ts';

/** Where an image carries the cache of its build. */
const INLINE_CACHE = 'shale.cache.v1';

/** Bytes that an image config may have. */
export const CONFIG_MAX_BYTES: number = 8 * 1024 * 1024;

/**
 * Reads an image config (image-spec config.md, with Docker's fields). Unknown fields are no error; the raw bytes stay the
 * truth about the image id.
 * @throws CONFIG_INVALID, JSON_INVALID, DIGEST_INVALID
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const fields = new JsonReader(parseJson(bytes, 'the image config'), 'the image config', 'CONFIG_INVALID');
  const rootfs = fields.required('rootfs', fields.object('rootfs'));
  if (rootfs.string('type') !== 'layers')
    throw new ShaleError('CONFIG_INVALID', 'the image config has a rootfs.type other than "layers"');
  const history = (fields.objects('history') ?? []).map(parseHistoryEntry);
  const diffIds = (rootfs.strings('diff_ids') ?? []).map(parseDiffId);
  const layered = history.filter((entry) => entry.emptyLayer !== true).length;
  if (layered > diffIds.length)
    throw new ShaleError(
      'CONFIG_INVALID',
      `the image config has ${diffIds.length} layers, but its history speaks of ${layered}`,
    );
  const config = fields.object('config');
  const cache = fields.raw(INLINE_CACHE);
  return {
    architecture: fields.required('architecture', fields.string('architecture')),
    os: fields.required('os', fields.string('os')),
    ...defined({
      variant: fields.string('variant'),
      osVersion: fields.string('os.version'),
      created: fields.string('created'),
      author: fields.string('author'),
    }),
    config: config === undefined ? {} : parseContainerConfig(config),
    diffIds,
    history,
    ...(isJsonObject(cache) && { inlineCache: cache }),
  };
}

/** Reads the `config` object of an image config, which is also what `docker commit` and `import --change` speak of. */
export function parseContainerConfig(fields: JsonReader): ContainerConfig {
  const healthcheck = fields.object('Healthcheck');
  const ports = fields.object('ExposedPorts');
  const volumes = fields.object('Volumes');
  return defined({
    User: fields.string('User') || undefined,
    ExposedPorts: ports && ports.names().toSorted(),
    Env: fields.strings('Env'),
    Entrypoint: fields.strings('Entrypoint'),
    Cmd: fields.strings('Cmd'),
    Volumes: volumes && volumes.names().toSorted(),
    WorkingDir: fields.string('WorkingDir') || undefined,
    Labels: fields.stringMap('Labels'),
    StopSignal: fields.string('StopSignal') || undefined,
    Shell: fields.strings('Shell'),
    OnBuild: fields.strings('OnBuild'),
    Healthcheck: healthcheck && parseHealthcheck(healthcheck),
    ArgsEscaped: fields.boolean('ArgsEscaped') || undefined,
  });
}

function parseHealthcheck(fields: JsonReader): Healthcheck {
  return defined({
    Test: fields.strings('Test'),
    Interval: fields.integer('Interval'),
    Timeout: fields.integer('Timeout'),
    StartPeriod: fields.integer('StartPeriod'),
    StartInterval: fields.integer('StartInterval'),
    Retries: fields.integer('Retries'),
  });
}

function parseHistoryEntry(fields: JsonReader): HistoryEntry {
  return defined({
    created: fields.string('created'),
    createdBy: fields.string('created_by'),
    author: fields.string('author'),
    comment: fields.string('comment'),
    emptyLayer: fields.boolean('empty_layer') || undefined,
  });
}

/** The bytes of an image config; their digest is the image id. Field order and spelling are pinned by golden tests. */
export function formatImageConfig(image: ImageConfig): Buffer {
  return Buffer.from(
    JSON.stringify({
      ...defined({ created: image.created, author: image.author }),
      architecture: image.architecture,
      ...defined({ variant: image.variant }),
      os: image.os,
      ...defined({ 'os.version': image.osVersion }),
      config: containerConfigJson(image.config),
      rootfs: { type: 'layers', diff_ids: image.diffIds },
      history: image.history.map((entry) =>
        defined({
          created: entry.created,
          created_by: entry.createdBy,
          author: entry.author,
          comment: entry.comment,
          empty_layer: entry.emptyLayer,
        }),
      ),
      ...(image.inlineCache !== undefined && { [INLINE_CACHE]: image.inlineCache }),
    }),
  );
}

/** The JSON form of a container config, as in image configs and in `inspect`. */
export function containerConfigJson(config: ContainerConfig): Record<string, Json> {
  return defined({
    User: config.User,
    ExposedPorts: config.ExposedPorts && emptyObjects(config.ExposedPorts),
    Env: config.Env,
    Entrypoint: config.Entrypoint,
    Cmd: config.Cmd,
    Healthcheck: config.Healthcheck && healthcheckJson(config.Healthcheck),
    ArgsEscaped: config.ArgsEscaped,
    Volumes: config.Volumes && emptyObjects(config.Volumes),
    WorkingDir: config.WorkingDir,
    OnBuild: config.OnBuild,
    Labels: config.Labels && sortedMap(config.Labels),
    StopSignal: config.StopSignal,
    Shell: config.Shell,
  });
}

function healthcheckJson(check: Healthcheck): Record<string, Json> {
  return defined({
    Test: check.Test,
    Interval: check.Interval,
    Timeout: check.Timeout,
    StartPeriod: check.StartPeriod,
    StartInterval: check.StartInterval,
    Retries: check.Retries,
  });
}

function emptyObjects(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.toSorted().map((name) => [name, {}]));
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** The object without the fields that are undefined. */
function defined<T extends object>(object: T): Defined<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>; // What was filtered out is exactly what Defined makes optional.
}
