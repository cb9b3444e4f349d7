import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSystemError, lineOfKey, messageOf, ShaleError } from '../../base/index.ts';
import type { Environment } from '../options/assignments.ts';
import { suggest } from '../suggest.ts';
import { SETTING_KEYS, SettingRefused, type SettingKey, type Settings } from './settings.ts';

/** Longer config files are refused: they are read whole at every start. */
const CONFIG_BYTES_MAX = 1024 * 1024;

export type Source =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'environment'; readonly variable: string };

export interface EffectiveConfig {
  readonly settings: Settings;
  /** Where each setting's value comes from. */
  readonly sources: ReadonlyMap<keyof Settings, Source>;
  /** The files that were looked for, the later ones winning. */
  readonly files: readonly { readonly path: string; readonly found: boolean }[];
}

export interface ConfigSurroundings {
  readonly env: Environment;
  readonly uid: number;
  /** `/etc`, but for tests. */
  readonly etc?: string;
}

/**
 * Reads the settings: `/etc/shale/config.toml`, then the user's file, then the environment; later ones win.
 * @throws SETTINGS_INVALID naming file and line for unknown keys and impossible values.
 */
export async function loadConfig(surroundings: ConfigSurroundings): Promise<EffectiveConfig> {
  const values = new Map<keyof Settings, unknown>(
    Object.entries(defaults(surroundings)) as [keyof Settings, unknown][],
  ); // Made of Settings.
  const sources = new Map<keyof Settings, Source>(SETTING_KEYS.map((row) => [row.name, { kind: 'default' }]));
  const files: { path: string; found: boolean }[] = [];
  for (const path of configFiles(surroundings)) {
    const text = readConfigFile(path);
    files.push({ path, found: text !== undefined });
    if (text === undefined) continue;
    for (const [row, value, line] of await parseConfig(text, path)) {
      values.set(row.name, value);
      sources.set(row.name, { kind: 'file', path, line });
    }
  }
  for (const row of SETTING_KEYS) {
    const text = surroundings.env[row.env];
    if (text === undefined || text === '') continue;
    values.set(row.name, parseValue(row, text, row.env));
    sources.set(row.name, { kind: 'environment', variable: row.env });
  }
  // Every name has a default or is optional, and every other value came from its own row's parser.
  return { settings: Object.fromEntries(values) as unknown as Settings, sources, files };
}

function defaults({ env, uid }: ConfigSurroundings): Settings {
  const home = storeHome(env, uid);
  const runtime = env['XDG_RUNTIME_DIR'];
  return {
    home,
    run:
      uid === 0 ? '/run/shale' : runtime === undefined || runtime === '' ? join(home, 'run') : join(runtime, 'shale'),
    progress: 'auto',
    cacheMax: { kind: 'percent', percent: 10, bytesMax: 50e9 },
    buildsKeep: 500,
    buildsLogs: 1e9,
    registryInsecure: [],
    registryMirrors: {},
    networkDefault: 'bridge',
  };
}

function storeHome(env: Environment, uid: number): string {
  if (uid === 0) return '/var/lib/shale';
  return join(xdgFolder(env, 'XDG_DATA_HOME', '.local/share'), 'shale');
}

/** XDG base directory specification: relative values are ignored. */
function xdgFolder(env: Environment, variable: string, below: string): string {
  const set = env[variable];
  return set !== undefined && set.startsWith('/') ? set : join(env['HOME'] ?? '/', below);
}

function configFiles({ env, etc = '/etc' }: ConfigSurroundings): string[] {
  return [join(etc, 'shale/config.toml'), join(xdgFolder(env, 'XDG_CONFIG_HOME', '.config'), 'shale/config.toml')];
}

function readConfigFile(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > CONFIG_BYTES_MAX) throw invalid(`${path} is longer than ${CONFIG_BYTES_MAX} bytes`);
    return bytes.toString('utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw isSystemError(error) ? invalid(`cannot read ${path}: ${error.message}`) : error;
  }
}

async function parseConfig(text: string, path: string): Promise<(readonly [SettingKey, unknown, number])[]> {
  // Reads TOML, whose strings, dates and dotted keys are more than forty lines; loaded only when there is a file.
  const { parse, TomlError } = await import('smol-toml');
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw invalid(
      `${path}:${error.line}: ${messageOf(error)
        .split('\n')[0]
        ?.replace(/^Invalid TOML document: /, '')}`,
    );
  }
  return [...flatten(table, [])].map(([key, value]) => {
    const line = lineOfKey(text, key.split('.'));
    const row = SETTING_KEYS.find((one) => one.key === key);
    if (row === undefined) throw unknownKey(path, line, key);
    return [row, parseValue(row, value, `${path}:${line}: ${key}`), line] as const;
  });
}

/** Keys of settings, dotted; tables that are no setting are walked into. */
function* flatten(table: Record<string, unknown>, path: readonly string[]): Generator<readonly [string, unknown]> {
  for (const [name, value] of Object.entries(table)) {
    const key = [...path, name].join('.');
    const walk = SETTING_KEYS.some((row) => row.key.startsWith(`${key}.`)) && isTable(value);
    if (walk) yield* flatten(value, [...path, name]);
    else yield [key, value];
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function parseValue(row: SettingKey, value: unknown, where: string): unknown {
  try {
    return row.parse(value);
  } catch (error) {
    if (error instanceof SettingRefused) throw invalid(`${where} ${error.message}`);
    throw error;
  }
}

function unknownKey(path: string, line: number, key: string): ShaleError {
  const keys = SETTING_KEYS.map((row) => row.key);
  const near = suggest(key, keys);
  return new ShaleError('SETTINGS_INVALID', `${path}:${line}: there is no setting ${key}`, {
    data: { path, line, key },
    hint: near === undefined ? `the settings are ${keys.join(', ')}` : `did you mean ${near}?`,
  });
}

function invalid(message: string): ShaleError {
  return new ShaleError('SETTINGS_INVALID', message);
}
