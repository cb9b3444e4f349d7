import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, JsonReader, messageOf, parseJson, ShaleError, type Json } from '../base/index.ts';
import type { DeviceSpec, MountSpec, RuntimeHooks } from './types.ts';

/** Where the Container Device Interface (CNCF, SPEC.md, "CDI JSON Specification") keeps what it knows; later ones win. */
export const CDI_FOLDERS: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

const SPEC_BYTES_MAX = 1024 * 1024;
const SPECS_MAX = 1000;
const HOOK_NAMES = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const;
/** BuildKit's: devices that answer to one name whatever their vendor. */
const CLASS_ANNOTATION = 'org.mobyproject.buildkit.device.class';

/** A device as a Dockerfile asks for it: `vendor/class=name`, `vendor/class`, `vendor/class=*`, or a name of BuildKit's. */
export interface DeviceRequest {
  readonly name: string;
  readonly required: boolean;
}

/** What devices add to a container. */
export interface DeviceEdits {
  readonly env: readonly string[];
  readonly devices: readonly DeviceSpec[];
  readonly mounts: readonly MountSpec[];
  /** Supplementary groups, by number. */
  readonly groups: readonly string[];
  readonly hooks: RuntimeHooks;
}

interface Device {
  /** `vendor/class=name` */
  readonly name: string;
  readonly kind: string;
  readonly classes: readonly string[];
  /** Those of its file, then its own. */
  readonly edits: readonly JsonReader[];
  readonly file: string;
}

/**
 * Finds devices in the specifications of this machine. A device that is not there is left out, unless it is required.
 * @throws DEVICE_NOT_FOUND, CDI_INVALID
 */
export async function findDevices(
  requests: readonly DeviceRequest[],
  folders: readonly string[] = CDI_FOLDERS,
): Promise<DeviceEdits> {
  if (requests.length === 0) return joined([]);
  const known = await readDevices(folders);
  const found = new Map<string, Device>();
  for (const request of requests) {
    const devices = match(request.name, known);
    if (devices.length === 0 && request.required) throw notFound(request.name, known, folders);
    for (const device of devices) found.set(device.name, device);
  }
  const edits = [...found.values()].flatMap((device) => device.edits.map((one) => readEdits(one, device.file)));
  return joined(edits);
}

function match(name: string, known: ReadonlyMap<string, Device>): readonly Device[] {
  const all = [...known.values()];
  const equals = name.indexOf('=');
  const kind = equals === -1 ? name : name.slice(0, equals);
  if (!kind.includes('/')) return all.filter(({ classes }) => classes.includes(name));
  if (equals === -1) return all.filter((device) => device.kind === kind).slice(0, 1);
  if (name.slice(equals + 1) === '*') return all.filter((device) => device.kind === kind);
  const device = known.get(name);
  return device === undefined ? [] : [device];
}

function notFound(name: string, known: ReadonlyMap<string, Device>, folders: readonly string[]): ShaleError {
  const names = [...known.keys()].slice(0, 10).join(', ');
  return new ShaleError('DEVICE_NOT_FOUND', `there is no device ${JSON.stringify(name)} on this machine`, {
    data: { name },
    hint: names === '' ? `specifications of devices lie in ${folders.join(' and ')}` : `there are ${names}`,
  });
}

/** In the order of folders, files and devices. */
async function readDevices(folders: readonly string[]): Promise<Map<string, Device>> {
  const devices = new Map<string, Device>();
  for (const file of folders.flatMap(specFiles)) {
    const spec = new JsonReader(await readSpec(file), file, 'CDI_INVALID');
    const kind = spec.required('kind', spec.string('kind'));
    if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(kind))
      throw invalid(file, `its kind is ${JSON.stringify(kind)}`);
    const common = spec.object('containerEdits');
    for (const device of spec.objects('devices') ?? []) {
      const name = `${kind}=${device.required('name', device.string('name'))}`;
      const annotations = { ...spec.stringMap('annotations'), ...device.stringMap('annotations') };
      const edits = [common, device.object('containerEdits')].filter((one) => one !== undefined);
      const classes = (annotations[CLASS_ANNOTATION] ?? '').split(',').filter((one) => one !== '');
      devices.set(name, { name, kind, classes, edits, file });
    }
  }
  return devices;
}

function specFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => /\.(json|ya?ml)$/.test(name));
    if (names.length > SPECS_MAX) throw invalid(folder, `it has more than ${SPECS_MAX} specifications`);
    return names.toSorted().map((name) => join(folder, name));
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function readSpec(file: string): Promise<Json> {
  if (!statSync(file).isFile() || statSync(file).size > SPEC_BYTES_MAX)
    throw invalid(file, `it is no regular file of at most ${SPEC_BYTES_MAX} bytes`);
  const bytes = readFileSync(file);
  if (file.endsWith('.json')) return parseJson(bytes, file);
  // Specifications of devices are YAML more often than JSON: NVIDIA's tool writes nothing else by itself.
  const { parse } = await import('yaml');
  try {
    // Once more as JSON: YAML has values that JSON has not.
    return parseJson(Buffer.from(JSON.stringify(parse(bytes.toString('utf8'), { maxAliasCount: 100 }))), file);
  } catch (cause) {
    throw invalid(file, messageOf(cause), cause);
  }
}

function invalid(file: string, why: string, cause?: unknown): ShaleError {
  const details = cause === undefined ? { data: { file } } : { data: { file }, cause };
  return new ShaleError('CDI_INVALID', `cannot read the devices of ${file}: ${why}`, details);
}

function readEdits(edits: JsonReader, file: string): DeviceEdits {
  const known = ['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGids'];
  const unknown = edits.names().find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(file, `its edit ${JSON.stringify(unknown)} is not supported`);
  const gids = edits.raw('additionalGids');
  return {
    env: edits.strings('env') ?? [],
    devices: (edits.objects('deviceNodes') ?? []).map(readNode),
    mounts: (edits.objects('mounts') ?? []).map(readMount),
    groups: Array.isArray(gids) ? gids.map(String).filter((gid) => gid !== '0') : [],
    hooks: readHooks(edits.objects('hooks') ?? [], file),
  };
}

function readNode(node: JsonReader): DeviceSpec {
  const target = node.required('path', node.string('path'));
  return { source: node.string('hostPath') ?? target, target, access: node.string('permissions') ?? 'rwm' };
}

const MOUNT_FLAGS = ['nosuid', 'nodev', 'noexec'] as const;

function readMount(mount: JsonReader): MountSpec {
  const options = mount.strings('options') ?? [];
  return {
    kind: 'bind',
    source: mount.required('hostPath', mount.string('hostPath')),
    target: mount.required('containerPath', mount.string('containerPath')),
    readonly: options.includes('ro'),
    recursive: !options.includes('bind'),
    flags: MOUNT_FLAGS.filter((flag) => options.includes(flag)),
  };
}

function readHooks(hooks: readonly JsonReader[], file: string): RuntimeHooks {
  const byName: Record<string, RuntimeHooks[string]> = {};
  for (const hook of hooks) {
    const name = hook.string('hookName');
    if (!HOOK_NAMES.some((known) => known === name) || name === undefined)
      throw invalid(file, `there is no hook ${JSON.stringify(name)}`);
    const [args, env, timeout] = [hook.strings('args'), hook.strings('env'), hook.integer('timeout')];
    const one = {
      path: hook.required('path', hook.string('path')),
      ...(args !== undefined && { args }),
      ...(env !== undefined && { env }),
      ...(timeout !== undefined && { timeout }),
    };
    byName[name] = [...(byName[name] ?? []), one];
  }
  return byName;
}

function joined(all: readonly DeviceEdits[]): DeviceEdits {
  const hooks: Record<string, RuntimeHooks[string]> = {};
  for (const edits of all) {
    for (const [name, list] of Object.entries(edits.hooks)) hooks[name] = [...(hooks[name] ?? []), ...list];
  }
  return {
    env: all.flatMap(({ env }) => env),
    devices: firstOf(all.flatMap(({ devices }) => devices)),
    mounts: firstOf(all.flatMap(({ mounts }) => mounts)),
    groups: [...new Set(all.flatMap(({ groups }) => groups))],
    hooks,
  };
}

/** Devices of one kind share what is common to them: each target once. */
function firstOf<T extends { readonly target: string }>(all: readonly T[]): T[] {
  return [...new Map(all.toReversed().map((one) => [one.target, one])).values()].toReversed();
}
