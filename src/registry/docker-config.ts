import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  isJsonObject,
  isSystemError,
  type Json,
  JsonReader,
  makeFolders,
  messageOf,
  parseJson,
  ShaleError,
} from '../base/index.ts';
import { askHelper, eraseFromHelper, storeInHelper } from './credential-helper.ts';
import type { Credential, CredentialSource } from './credentials.ts';

/** Docker Hub's key, from before registries had names. */
const HUB_KEY = 'https://index.docker.io/v1/';
const HUB_HOSTS: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
/** Bytes that config.json may have. */
const CONFIG_MAX_BYTES = 4 * 1024 * 1024;

/** Credentials that can be changed. */
export interface CredentialStore extends CredentialSource {
  /** Where `save` puts them: a file, or the name of a helper. */
  readonly place: (registry: string) => { readonly kind: 'file' | 'helper'; readonly name: string };
  save(registry: string, login: { readonly username: string; readonly password: string }): Promise<void>;
  /** False when there were none. */
  erase(registry: string): Promise<boolean>;
}

/**
 * The credentials that docker keeps in `config.json` of a folder, and in the helpers that it names (`credHelpers`,
 * `credsStore`). The file is read when something is asked for; what it says beside credentials is left as it is. A helper
 * that fails is an error: what it should have given is never looked for elsewhere (CVE-2021-41092).
 */
export function dockerCredentials(folder: string, env: Readonly<Record<string, string | undefined>>): CredentialStore {
  const path = join(folder, 'config.json');
  const helperOf = (registry: string): string | undefined => readConfig(path).helper(registry);
  return {
    place(registry) {
      const helper = helperOf(registry);
      return helper === undefined ? { kind: 'file', name: path } : { kind: 'helper', name: helper };
    },
    async find(registry) {
      const config = readConfig(path);
      const helper = config.helper(registry);
      return helper === undefined ? config.entry(registry) : await askHelper(helper, keyOf(registry), env);
    },
    async save(registry, login) {
      const helper = helperOf(registry);
      if (helper !== undefined) return await storeInHelper(helper, keyOf(registry), login, env);
      const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
      changeAuths(path, registry, { auth });
    },
    async erase(registry) {
      const config = readConfig(path);
      const helper = config.helper(registry);
      if (helper !== undefined) return await eraseFromHelper(helper, keyOf(registry), env);
      if (config.keys(registry).length === 0) return false;
      changeAuths(path, registry, undefined);
      return true;
    },
  };
}

/** Under which name a registry's credentials are kept. */
function keyOf(registry: string): string {
  return HUB_HOSTS.has(registry) ? HUB_KEY : registry;
}

/** What config.json says, with the errors of its reader. */
class DockerConfig {
  readonly document: Readonly<Record<string, Json | undefined>>;
  readonly #fields: JsonReader;
  readonly #path: string;

  constructor(document: Json, path: string) {
    this.#fields = new JsonReader(document, path, 'CREDENTIALS_UNAVAILABLE');
    this.document = isJsonObject(document) ? document : {};
    this.#path = path;
  }

  helper(registry: string): string | undefined {
    const helpers = this.#fields.stringMap('credHelpers') ?? {};
    const own = Object.entries(helpers).find(([key]) => isKeyOf(key, registry))?.[1];
    return own ?? (this.#fields.string('credsStore') || undefined);
  }

  /** The keys of `auths` that mean this registry: the exact one first. */
  keys(registry: string): string[] {
    const names = this.#fields.object('auths')?.names() ?? [];
    const exact = names.filter((name) => name === keyOf(registry));
    return [...exact, ...names.filter((name) => isKeyOf(name, registry) && !exact.includes(name))];
  }

  entry(registry: string): Credential | undefined {
    for (const key of this.keys(registry)) {
      const fields = this.#fields.object('auths')?.object(key);
      const found = fields === undefined ? undefined : this.#credential(fields, key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #credential(fields: JsonReader, key: string): Credential | undefined {
    const identity = fields.string('identitytoken') || undefined;
    if (identity !== undefined) return { kind: 'identity-token', token: identity };
    const bearer = fields.string('registrytoken') || undefined;
    if (bearer !== undefined) return { kind: 'bearer', token: bearer };
    const auth = fields.string('auth') || undefined;
    if (auth === undefined) {
      const username = fields.string('username') || undefined;
      return username === undefined
        ? undefined
        : { kind: 'password', username, password: fields.string('password') ?? '' };
    }
    const text = Buffer.from(auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon > 0)
      return { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
    throw new ShaleError('CREDENTIALS_UNAVAILABLE', `${this.#path}: the entry of ${key} is not a user and a password`, {
      hint: `shale login ${key}`,
    });
  }
}

/** Docker compares host names: a key may be an address with scheme and path. */
function isKeyOf(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return HUB_HOSTS.has(registry) ? HUB_HOSTS.has(host) : host === registry;
}

function readConfig(path: string): DockerConfig {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return new DockerConfig({}, path);
    throw new ShaleError('CREDENTIALS_UNAVAILABLE', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  if (bytes.length > CONFIG_MAX_BYTES)
    throw new ShaleError('CREDENTIALS_UNAVAILABLE', `${path} is longer than ${CONFIG_MAX_BYTES} bytes`);
  if (bytes.length === 0) return new DockerConfig({}, path);
  try {
    return new DockerConfig(parseJson(bytes, path), path);
  } catch (cause) {
    // The parser's message may quote the file, and so a secret.
    if (cause instanceof ShaleError && cause.code === 'CREDENTIALS_UNAVAILABLE') throw cause;
    throw new ShaleError('CREDENTIALS_UNAVAILABLE', `${path} is not JSON`);
  }
}

/** Writes the file anew with one entry changed, whole or not at all, readable by its owner only. */
function changeAuths(path: string, registry: string, entry: Json | undefined): void {
  const config = readConfig(path);
  const known = config.document['auths'];
  const auths: Record<string, Json | undefined> = isJsonObject(known) ? { ...known } : {};
  for (const key of config.keys(registry)) auths[key] = undefined;
  auths[keyOf(registry)] = entry;
  try {
    makeFolders(dirname(path), { mode: 0o700 });
    const target = followed(path);
    const part = `${target}.${process.pid}.part`;
    try {
      writeFileSync(part, `${JSON.stringify({ ...config.document, auths }, null, '\t')}\n`, {
        mode: 0o600,
        flush: true,
      });
      renameSync(part, target);
    } finally {
      rmSync(part, { force: true });
    }
  } catch (error) {
    throw new ShaleError('CREDENTIALS_UNAVAILABLE', `cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Where a link leads: some keep the file in a repository of their settings. */
function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return path;
    throw error;
  }
}
