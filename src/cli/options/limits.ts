import type { DeviceMapping, DeviceRate, DeviceRequest, DeviceWeight, Ulimit } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { parseBytes } from './bytes.ts';
import { parseNumber } from './times.ts';

/** setrlimit(2), without RLIMIT_. */
const ULIMITS: ReadonlySet<string> = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);
const UINT64_DIGITS = /^-1$|^\d{1,19}$/;
const NANO = 1e9;

/**
 * `--ulimit`: `NAME=SOFT[:HARD]`, -1 for no limit; the last one of a name counts. In the order of names, as docker.
 * @throws USAGE
 */
export function parseUlimits(words: readonly string[]): Ulimit[] {
  const byName = new Map<string, Ulimit>(words.map(parseUlimit).map((limit) => [limit.Name, limit]));
  return [...byName.values()].toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
}

function parseUlimit(word: string): Ulimit {
  const [, name = '', soft = '', hard = soft] = /^([^=]*)=([^:]*)(?::(.*))?$/s.exec(word) ?? [];
  const bad = (why: string): UsageError => new UsageError(`--ulimit ${JSON.stringify(word)}: ${why}`);
  if (name === '') throw bad('limits are given as NAME=SOFT[:HARD]');
  if (!ULIMITS.has(name)) throw bad(`there is no limit ${name}, only ${[...ULIMITS].join(', ')}`);
  for (const value of [soft, hard]) {
    if (!UINT64_DIGITS.test(value)) throw bad(`${JSON.stringify(value)} is not a number (-1 is no limit)`);
  }
  const limit = { Name: name, Hard: Number(hard), Soft: Number(soft) };
  if (limit.Hard !== -1 && (limit.Soft === -1 || limit.Soft > limit.Hard)) {
    throw bad(`the soft limit ${soft} is above the hard limit ${hard}`);
  }
  return limit;
}

/** `--cpus`: `1.5`, in thousand millionths. @throws USAGE */
export function parseCpus(text: string): number {
  if (!/^(\d+(\.\d*)?|\.\d+)$/.test(text))
    throw new UsageError(`--cpus ${JSON.stringify(text)} is not a number of CPUs`);
  return Math.round(Number(text) * NANO);
}

/**
 * `--device`: `HOST[:CONTAINER][:ACCESS]`, where access is made of r, w and m.
 * @throws USAGE
 */
export function parseDevice(word: string): DeviceMapping {
  const parts = word.split(':');
  const [host = '', second = '', third] = parts;
  const bad = (why: string): UsageError => new UsageError(`--device ${JSON.stringify(word)}: ${why}`);
  if (parts.length > 3) throw bad('devices are given as HOST[:CONTAINER][:rwm]');
  const isAccess = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
  const target = parts.length === 1 || (parts.length === 2 && isAccess(second)) ? host : second;
  const access = third ?? (parts.length === 2 && isAccess(second) ? second : 'rwm');
  if (!isAccess(access)) throw bad(`its access ${JSON.stringify(access)} is not made of r, w and m`);
  for (const path of [host, target]) {
    if (!path.startsWith('/')) throw bad(`${JSON.stringify(path)} is not an absolute path`);
  }
  return { PathOnHost: host, PathInContainer: target, CgroupPermissions: access };
}

/** True for a device by the name of a specification: `vendor.com/class=name` (CDI, SPEC.md, "Device names"). */
export function isDeviceName(word: string): boolean {
  return /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*=[A-Za-z0-9][\w.:-]*$/.test(word);
}

/** Devices by name as docker keeps them; none for none. */
export function deviceRequests(names: readonly string[]): DeviceRequest[] {
  if (names.length === 0) return [];
  return [{ Driver: 'cdi', Count: 0, DeviceIDs: names, Capabilities: null, Options: null }];
}

/** `--gpus`: `all`, a number of them, or `device=ID[,ID]`. @throws USAGE */
export function parseGpus(word: string): DeviceRequest {
  const gpus = { Driver: '', Capabilities: [['gpu']], Options: {} };
  const [, count, devices] = /^"?(?:(?:count=)?(all|\d{1,3})|device=([\w.:-]+(?:,[\w.:-]+)*))"?$/.exec(word) ?? [];
  if (devices !== undefined) return { ...gpus, Count: 0, DeviceIDs: devices.split(',') };
  if (count !== undefined) return { ...gpus, Count: count === 'all' ? -1 : Number(count), DeviceIDs: null };
  throw new UsageError(`--gpus ${JSON.stringify(word)} is not all, a number or device=ID,…`, '--gpus all');
}

/** `--device-cgroup-rule`: `TYPE MAJOR:MINOR ACCESS`, where a number may be `*`. @throws USAGE */
export function parseDeviceRule(word: string): string {
  if (/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(word)) return word;
  throw new UsageError(
    `--device-cgroup-rule ${JSON.stringify(word)} is not a rule`,
    `--device-cgroup-rule "c 1:3 rwm"`,
  );
}

/** `--device-read-bps` and the like: `PATH:RATE`. @throws USAGE */
export function parseDeviceRate(flag: string, word: string, unit: 'bytes' | 'operations'): DeviceRate {
  const [path, value] = splitDevice(flag, word);
  const max = Number.MAX_SAFE_INTEGER;
  return { Path: path, Rate: unit === 'bytes' ? parseBytes(flag, value) : parseNumber(flag, value, { min: 0, max }) };
}

const WEIGHT = { min: 10, max: 1000 };

/** `--blkio-weight-device`: `PATH:WEIGHT`. @throws USAGE */
export function parseDeviceWeight(word: string): DeviceWeight {
  const [path, value] = splitDevice('--blkio-weight-device', word);
  return { Path: path, Weight: parseNumber('--blkio-weight-device', value, WEIGHT) };
}

function splitDevice(flag: string, word: string): readonly [path: string, value: string] {
  const at = word.lastIndexOf(':');
  const path = word.slice(0, at);
  if (at < 1 || !path.startsWith('/dev/')) {
    throw new UsageError(`${flag} ${JSON.stringify(word)} is not a device with a value`, `${flag} /dev/sda:…`);
  }
  return [path, word.slice(at + 1)];
}
