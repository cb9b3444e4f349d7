import { isAbsolute } from 'node:path';
import type { CacheMax } from '../../engine/index.ts';

/** Where Alpine's branches lie unless something else is set. */
export const ALPINE_MIRROR = 'https://dl-cdn.alpinelinux.org/alpine';

/** What can be set in a config file or the environment, with values ready to use. */
export interface Settings {
  /** The store; absolute. */
  readonly home: string;
  /** Run state: sockets, pids; absolute. */
  readonly run: string;
  readonly progress: ProgressSetting;
  /** How large the build cache may grow. */
  readonly cacheMax: CacheMax;
  /** How many builds keep their records and logs. */
  readonly buildsKeep: number;
  /** Bytes that the logs of all builds may have. */
  readonly buildsLogs: number;
  /** Where Debian packages come from; Debian's own when absent. */
  readonly mirrorAlpine?: string;
  readonly mirrorDebian?: string;
  readonly mirrorSnapshot?: string;
  /** Registries (host or host:port) that may be spoken to without TLS. */
  readonly registryInsecure: readonly string[];
  /** Registry → mirrors of it, tried in order before it. */
  readonly registryMirrors: Readonly<Record<string, readonly string[]>>;
  readonly networkDefault: 'bridge' | 'host' | 'none';
}

export type ProgressSetting = 'auto' | 'tty' | 'plain' | 'quiet' | 'rawjson';

export const PROGRESS_CHOICES: readonly ProgressSetting[] = ['auto', 'tty', 'plain', 'quiet', 'rawjson'];
export const NETWORK_CHOICES: readonly Settings['networkDefault'][] = ['bridge', 'host', 'none'];

/** A value that a setting does not take; the message completes "KEY ". */
export class SettingRefused extends Error {}

/** How one setting is called, read and shown. `parse` gets a TOML value or the text of an environment variable. */
export interface SettingKey<Name extends keyof Settings = keyof Settings> {
  readonly name: Name;
  /** As in the config file, dots for tables. */
  readonly key: string;
  readonly env: string;
  readonly summary: string;
  readonly parse: (value: unknown) => Settings[Name];
  readonly show: (value: Settings[Name]) => string;
}

function setting<Name extends keyof Settings>(row: SettingKey<Name>): SettingKey {
  // Rows are only ever used with the value of their own name; the record type cannot say that.
  return row as unknown as SettingKey;
}

export const SETTING_KEYS: readonly SettingKey[] = [
  setting({
    name: 'home',
    key: 'home',
    env: 'SHALE_HOME',
    summary: 'the folder of the store',
    parse: absolutePath,
    show: String,
  }),
  setting({
    name: 'run',
    key: 'run',
    env: 'SHALE_RUN',
    summary: 'the folder of run state (sockets, process ids); on a tmpfs',
    parse: absolutePath,
    show: String,
  }),
  setting({
    name: 'progress',
    key: 'progress',
    env: 'SHALE_PROGRESS',
    summary: `how progress is shown: ${PROGRESS_CHOICES.join(', ')}`,
    parse: (value) => oneOf(PROGRESS_CHOICES, value),
    show: String,
  }),
  setting({
    name: 'cacheMax',
    key: 'cache.max',
    env: 'SHALE_CACHE_MAX',
    summary: 'how large the build cache may grow: "20GB", or "10%" of the file system',
    parse: parseCacheMax,
    show: showCacheMax,
  }),
  setting({
    name: 'buildsKeep',
    key: 'builds.keep',
    env: 'SHALE_BUILDS_KEEP',
    summary: 'how many builds keep their records and logs; the newest stay',
    parse: parseCount,
    show: String,
  }),
  setting({
    name: 'buildsLogs',
    key: 'builds.logs',
    env: 'SHALE_BUILDS_LOGS',
    summary: 'how large the logs of all builds may grow: "1GB"; the newest stay',
    parse: parseSize,
    show: (value) => `${value}B`,
  }),
  setting({
    name: 'mirrorAlpine',
    key: 'mirror.alpine',
    env: 'SHALE_MIRROR_ALPINE',
    summary: 'where "shale base alpine" takes packages from',
    parse: parseUrl,
    show: String,
  }),
  setting({
    name: 'mirrorDebian',
    key: 'mirror.debian',
    env: 'SHALE_MIRROR_DEBIAN',
    summary: 'where "shale base debian" takes packages from',
    parse: parseUrl,
    show: String,
  }),
  setting({
    name: 'mirrorSnapshot',
    key: 'mirror.snapshot',
    env: 'SHALE_MIRROR_SNAPSHOT',
    summary:
      'an archive of snapshots of Debian: an address with {timestamp}, and {archive} for debian and debian-security',
    parse: parseUrl,
    show: String,
  }),
  setting({
    name: 'registryInsecure',
    key: 'registry.insecure',
    env: 'SHALE_REGISTRY_INSECURE',
    summary: 'registries that may be spoken to without TLS',
    parse: parseHosts,
    show: (value) => value.join(','),
  }),
  setting({
    name: 'registryMirrors',
    key: 'registry.mirrors',
    env: 'SHALE_REGISTRY_MIRRORS',
    summary: 'registry = mirrors of it, tried in order before it',
    parse: parseMirrors,
    show: (value) =>
      Object.entries(value)
        .flatMap(([registry, mirrors]) => mirrors.map((mirror) => `${registry}=${mirror}`))
        .join(','),
  }),
  setting({
    name: 'networkDefault',
    key: 'network.default',
    env: 'SHALE_NETWORK_DEFAULT',
    summary: `the network of containers and RUN steps: ${NETWORK_CHOICES.join(', ')}`,
    parse: (value) => oneOf(NETWORK_CHOICES, value),
    show: String,
  }),
];

function parseCount(value: unknown): number {
  const count = typeof value === 'number' ? value : Number(/^\d{1,9}$/.test(text(value)) ? value : Number.NaN);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new SettingRefused(`is a number from 1 on, not ${JSON.stringify(value)}`);
}

function parseSize(value: unknown): number {
  const size = parseCacheMax(value);
  if (size.kind === 'bytes') return size.bytes;
  throw new SettingRefused(`is a size as "1GB", not ${JSON.stringify(value)}`);
}

/** @throws SettingRefused */
export function parseCacheMax(value: unknown): CacheMax {
  const match = /^(\d+(?:\.\d+)?)\s*(%|[kMGT]?i?B?)$/i.exec(typeof value === 'number' ? String(value) : text(value));
  if (match === null) throw new SettingRefused(`is a size as "20GB" or a share as "10%", not ${JSON.stringify(value)}`);
  const [, number = '', unit = ''] = match;
  if (unit === '%') {
    const percent = Number(number);
    if (percent > 100) throw new SettingRefused('is at most 100%');
    return { kind: 'percent', percent };
  }
  const power = 'kmgt'.indexOf(unit.charAt(0).toLowerCase()) + 1;
  const base = /i/i.test(unit) ? 1024 : 1000;
  return { kind: 'bytes', bytes: Math.round(Number(number) * base ** (unit === '' ? 0 : power)) };
}

function showCacheMax(value: CacheMax): string {
  if (value.kind === 'bytes') return `${value.bytes}B`;
  return `${value.percent}%${value.bytesMax === undefined ? '' : `, at most ${value.bytesMax / 1e9}GB`}`;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new SettingRefused(`is a text, not ${JSON.stringify(value)}`);
  return value;
}

function absolutePath(value: unknown): string {
  const path = text(value);
  if (!isAbsolute(path)) throw new SettingRefused(`is an absolute path, not ${JSON.stringify(path)}`);
  return path;
}

function oneOf<Choice extends string>(choices: readonly Choice[], value: unknown): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new SettingRefused(`is one of ${choices.join(', ')}, not ${JSON.stringify(value)}`);
  return found;
}

function parseUrl(value: unknown): string {
  const url = text(value);
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new SettingRefused(`is an http or https address, not ${JSON.stringify(url)}`);
  }
  return url.replace(/\/+$/, '');
}

function parseHosts(value: unknown): string[] {
  const hosts = typeof value === 'string' ? value.split(',').filter((host) => host !== '') : value;
  if (!Array.isArray(hosts)) throw new SettingRefused('is a list of registries');
  return hosts.map((host) => {
    if (!/^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d+)?$/i.test(text(host))) {
      throw new SettingRefused(`lists registries as "host" or "host:port", not ${JSON.stringify(host)}`);
    }
    return text(host);
  });
}

function parseMirrors(value: unknown): Readonly<Record<string, readonly string[]>> {
  const pairs = typeof value === 'string' ? splitMirrors(value) : value;
  if (typeof pairs !== 'object' || pairs === null || Array.isArray(pairs)) {
    throw new SettingRefused('is a table: registry = ["https://mirror", …]');
  }
  return Object.fromEntries(
    Object.entries(pairs).map(([registry, mirrors]: [string, unknown]) => [
      registry,
      (Array.isArray(mirrors) ? mirrors : [mirrors]).map(parseUrl),
    ]),
  );
}

/** `docker.io=https://a,docker.io=https://b`. */
function splitMirrors(list: string): Record<string, string[]> {
  const table: Record<string, string[]> = {};
  for (const pair of list.split(',').filter((one) => one !== '')) {
    const equals = pair.indexOf('=');
    if (equals <= 0) throw new SettingRefused(`lists registry=mirror, not ${JSON.stringify(pair)}`);
    (table[pair.slice(0, equals)] ??= []).push(pair.slice(equals + 1));
  }
  return table;
}
