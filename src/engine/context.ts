import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ShaleError } from '../base/index.ts';
import { Layers } from '../layers/index.ts';
import type { MountDriver } from '../mounts/index.ts';
import { certificatesIn, dockerCredentials, type CredentialStore, type RegistryOptions } from '../registry/index.ts';
import { openStore, type Store } from '../store/index.ts';

export interface EngineOptions {
  /** `$SHALE_HOME`. */
  readonly home: string;
  /** Run state of this boot: mount points, runtime state, networks. */
  readonly runRoot: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Registries that may be spoken to in plain http, beside loopback. */
  readonly insecureRegistries: readonly string[];
  /** By registry: base URLs that are asked before it. */
  readonly registryMirrors?: Readonly<Record<string, readonly string[]>>;
  /** The Debian mirror of the configuration. */
  readonly debianMirror?: string;
  /** Forces how layers are mounted (SHALE_MOUNTS). */
  readonly mountDriver?: MountDriver;
  /** Why this process may not mount, where that is known before it is tried. */
  readonly mountRefusal?: ShaleError;
  /** Where specifications of devices lie; /etc/cdi and /var/run/cdi when absent. */
  readonly deviceFolders?: readonly string[];
  /** How much build cache is kept. */
  readonly cacheMax?: CacheMax;
  /** How many builds keep their records and logs, and how many bytes all logs may have. */
  readonly builds?: { readonly keep: number; readonly logBytesMax: number };
  /** Program and arguments of `shale keeper`; containers that need one are refused without. */
  readonly keeperCommand?: readonly string[];
  /** Never writes to the store. */
  readonly readOnly?: boolean;
}

/** A number of bytes, or a share of the file system with an upper limit. */
export type CacheMax =
  | { readonly kind: 'bytes'; readonly bytes: number }
  | { readonly kind: 'percent'; readonly percent: number; readonly bytesMax?: number };

/** What every part of the engine works with. */
export interface EngineContext {
  readonly options: EngineOptions;
  readonly store: Store;
  readonly layers: Layers;
  /** How registries are spoken to by one command. */
  registry(signal: AbortSignal): RegistryOptions;
  /** Where credentials for registries are kept; nowhere without a home. */
  readonly credentials: CredentialStore | undefined;
}

export async function openContext(options: EngineOptions): Promise<EngineContext> {
  const store = await openStore({
    root: options.home,
    runRoot: options.runRoot,
    clock: options.now,
    ...(options.readOnly === true && { readOnly: true }),
  });
  const { env } = options;
  const home = env['HOME'] || undefined;
  const dockerFolder = env['DOCKER_CONFIG'] || (home && join(home, '.docker'));
  const credentials = dockerFolder === undefined ? undefined : dockerCredentials(dockerFolder, env);
  const certificates = certificatesIn(certificateFolders(env['XDG_CONFIG_HOME'] || (home && join(home, '.config'))));
  const registry = (signal: AbortSignal): RegistryOptions => ({
    certificates,
    ...(credentials && { credentials }),
    insecureHosts: options.insecureRegistries,
    mirrors: options.registryMirrors ?? {},
    signal,
    pause: (attempt, atLeastMs) => pause(Math.max(atLeastMs, Math.min(8000, 250 * 2 ** attempt)), signal),
  });
  const layers: Layers = new Layers(store, {
    fetch: async (diffId) => {
      const { fetchFromSources } = await import('../images/index.ts');
      await fetchFromSources(layers, diffId, { registry: registry(NEVER) });
    },
  });
  return { options, store, layers, registry, credentials };
}

/** A person's own before the machine's, ours before those of the other engines. */
function certificateFolders(own: string | undefined): string[] {
  const engines = ['shale', 'containers', 'docker'];
  return [own, '/etc'].flatMap((base) =>
    base === undefined ? [] : engines.map((name) => join(base, name, 'certs.d')),
  );
}

const NEVER: AbortSignal = new AbortController().signal;

/** Where a name of this boot's run state lies. */
export function runPath(context: EngineContext, ...names: readonly string[]): string {
  return join(context.options.runRoot, ...names);
}

/** Waits a little longer than it must, so that many who were sent away at once do not come back at once. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms * (1 + Math.random() / 4), undefined, { signal }).catch(() => signal.throwIfAborted());
}
